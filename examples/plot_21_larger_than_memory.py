"""
Larger than memory: a file, and a stream
========================================

Rows in a file are fitted as they lie there: a memory map is never copied, and what is
read goes out of memory again when the system wants it. Rows that come in parts go to
``partial_fit``.
"""

import tempfile
import tracemalloc
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sgd_estimators import SGDRidge

n, d, part, rng = 1_000_000, 32, 20_000, np.random.default_rng(0)
truth = rng.standard_normal(d)
units = 10.0 ** rng.integers(-2, 3, d)


def parts():
    """Yield the rows of a stream, in units of their own."""
    source = np.random.default_rng(1)
    for _ in range(n // part):
        rows = source.standard_normal((part, d), dtype=np.float32)
        yield rows * units, rows @ truth + source.standard_normal(part)


def error(model):
    """Return how far the coefficients are from the truth, in the rows' own units."""
    return np.linalg.norm(model.coef_ * units - truth) / np.linalg.norm(truth)


# %%
# The file: 128 MB on disk. Beside it, the fit takes one vector as long as y.
folder = tempfile.TemporaryDirectory()
X = np.memmap(Path(folder.name, "X"), np.float32, "w+", shape=(n, d))
y = np.empty(n)
for k, (rows, target) in enumerate(parts()):
    X[k * part : (k + 1) * part], y[k * part : (k + 1) * part] = rows, target
tracemalloc.start()
whole = SGDRidge().fit(X, y)
peak = tracemalloc.get_traced_memory()[1]
tracemalloc.stop()
print(f"{X.nbytes / 1e6:.0f} MB on disk, {peak / 1e6:.1f} MB for the fit")
assert whole.converged_
assert peak < 1.1 * y.nbytes

# %%
# The stream: one look at each part, in the order in which they come. The average takes
# the noise of the last parts out.
stream, errors = SGDRidge(average=True, random_state=0), []
for rows, target in parts():
    stream.partial_fit(rows, target)
    errors.append(error(stream))
print(f"error of w: the file {error(whole):.1e}, one look at the stream {errors[-1]:.1e}")
assert errors[-1] < 5 * error(whole)

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.loglog(part * (1 + np.arange(len(errors))), errors, ".-", label="the stream so far")
ax.axhline(error(whole), ls="--", color="grey", label="fit on the file")
ax.set(xlabel="rows seen", ylabel="relative error of w")
ax.legend()
del X
folder.cleanup()
plt.show()
