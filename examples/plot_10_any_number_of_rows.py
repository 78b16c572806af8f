r"""
The cost of an update does not depend on n
==========================================

A step of SGD reads its batch, whatever the number of rows in the file; a step of gradient
descent reads them all. Here the rows lie in a file on disk, of a thousand to ten million.
"""

import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sgd_estimators import objective
from sgd_estimators.optimizers import SGD
from sgd_estimators.schedules import InverseTime

d, n_updates, rng = 4, 3000, np.random.default_rng(0)
truth = np.array([1.0, -2.0, 3.0, 0.5])
rates = 0.05 * InverseTime(0.01)(np.arange(n_updates))


def measure(n, path):
    """Return seconds of an update and of a full gradient, and the error of w."""
    X = np.memmap(path, np.float32, "w+", shape=(n, d))
    for part in range(0, n, 10**6):
        stop = min(n, part + 10**6)
        X[part:stop] = rng.standard_normal((stop - part, d), dtype=np.float32)
    f = objective(
        X, X @ truth + rng.standard_normal(n, dtype=np.float32), fit_intercept=False
    )
    w, step = np.zeros(d), SGD().start(d)
    begun = time.perf_counter()
    for rate in rates:
        gradient = f.value_and_gradient(w[None], rng.integers(n, size=10))[1]
        step(w, gradient[0], rate)
    update = (time.perf_counter() - begun) / n_updates
    begun = time.perf_counter()
    f.value_and_gradient(w[None])
    return update, time.perf_counter() - begun, np.linalg.norm(w - truth)


# %%
# After 3,000 updates w is as near to the truth with ten million rows as with a thousand,
# of which it has then seen 0.3 %.
sizes = [10**3, 10**4, 10**5, 10**6, 10**7]
with tempfile.TemporaryDirectory() as folder:
    times = [measure(n, Path(folder, str(n))) for n in sizes]
for n, (update, full, error) in zip(sizes, times, strict=True):
    print(
        f"{n:>10,} rows: an update {1e6 * update:3.0f} µs, a gradient {1e3 * full:8.3f} ms"
    )
    assert error < 0.1
updates, fulls, _ = np.array(times).T
print(f"the dearest update: {updates.max() / updates.min():.1f} times the cheapest")

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.loglog(sizes, 1e3 * fulls, "o-", label="a full gradient")
ax.loglog(sizes, 1e3 * updates, "s--", label="an update of 10 rows")
ax.set(xlabel="rows in the file, n", ylabel="milliseconds")
ax.legend()
plt.show()
