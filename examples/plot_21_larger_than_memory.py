"""
Larger than memory: a file, and a stream
========================================

Rows in a file are fitted as they lie there: a memory map is never copied, and what is
read goes out of memory again when the system wants it. Rows that come in parts go to
``partial_fit``.
"""

import tempfile
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np

from sgd_estimators import SGDRidge

n, d, n_parts, rng = 1_000_000, 32, 50, np.random.default_rng(0)
truth = rng.standard_normal(d)
units = 10.0 ** rng.integers(-2, 3, d)  # of the columns: from 0.01 to 100
with tempfile.TemporaryFile() as file:
    X = np.memmap(file, np.float32, "w+", shape=(n, d))
y = rng.standard_normal(n)
parts = list(zip(np.split(X, n_parts), np.split(y, n_parts), strict=True))
for rows, target in parts:
    rows[:] = rng.standard_normal(rows.shape, dtype=np.float32) * units
    target += rows @ (truth / units)


def error(model):
    """Return how far the coefficients are from the truth, all columns in one unit."""
    return np.linalg.norm(model.coef_ * units - truth) / np.linalg.norm(truth)


# %%
# The file: 128 MB on disk. Beside it, the fit takes less memory than y does.
tracemalloc.start()
whole = SGDRidge().fit(X, y)
peak = tracemalloc.get_traced_memory()[1]
tracemalloc.stop()
print(f"{X.nbytes / 1e6:.0f} MB on disk, {peak / 1e6:.1f} MB for the fit")
assert whole.converged_
assert peak < y.nbytes

# %%
# The stream: one look at each part, in the order in which they come. The average takes
# the noise of the last parts out.
stream, errors = SGDRidge(average=True, random_state=0), []
for rows, target in parts:
    stream.partial_fit(rows, target)
    errors.append(error(stream))
print(f"error of w: the file {error(whole):.1e}, one look at the stream {errors[-1]:.1e}")
assert errors[-1] < 5 * error(whole)

_, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.loglog(n / n_parts * np.arange(1, n_parts + 1), errors, ".-", label="the stream so far")
ax.axhline(error(whole), ls="--", color="grey", label="fit on the file")
ax.set(xlabel="rows seen", ylabel="relative error of w")
ax.legend()
plt.show()
