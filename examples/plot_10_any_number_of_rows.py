r"""
The cost of an update does not depend on n
==========================================

A step of SGD reads its batch, whatever the number of rows in the file; a step of gradient
descent reads them all. Here the rows lie in a file on disk, of a thousand to ten million.
"""

import tempfile
import time

import matplotlib.pyplot as plt
import numpy as np

from sgd_estimators import objective
from sgd_estimators.optimizers import SGD
from sgd_estimators.schedules import InverseTime

rng, truth = np.random.default_rng(0), np.array([1, -2, 3, 0.5], np.float32)
rates = 0.05 * InverseTime(0.01)(np.arange(3000))


def measure(n, file):
    """Return seconds of an update and of a full gradient, and the error of w."""
    X = np.memmap(file, np.float32, "w+", shape=(n, 4))
    for rows in np.split(X, max(n // 10**6, 1)):
        rng.standard_normal(out=rows, dtype=np.float32)
    y = X @ truth + rng.standard_normal(n, dtype=np.float32)
    f = objective(X, y, fit_intercept=False)
    w, step = np.zeros(4), SGD().start(4)
    begun = time.perf_counter()
    for rate in rates:
        _, gradient = f.value_and_gradient(w[None], rng.integers(n, size=10))
        step(w, gradient[0], rate)
    middle = time.perf_counter()
    f.value_and_gradient(w[None])
    end = time.perf_counter()
    return (middle - begun) / len(rates), end - middle, np.linalg.norm(w - truth)


# %%
# After 3,000 updates w is as near to the truth with ten million rows as with a thousand,
# of which it has then seen 0.3 %.
sizes = 10 ** np.arange(3, 8)
times = []
for n in sizes:
    with tempfile.TemporaryFile() as file:
        times.append(measure(n, file))
updates, fulls, errors = np.array(times).T
for n, update, full in zip(sizes, updates, fulls, strict=True):
    print(f"{n:>10,} rows: update {1e6 * update:3.0f} µs, gradient {1e3 * full:8.3f} ms")
print(f"the dearest update: {updates.max() / updates.min():.1f} times the cheapest")
assert np.all(errors < 0.1)

_, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.loglog(sizes, 1e3 * fulls, "o-", label="a full gradient")
ax.loglog(sizes, 1e3 * updates, "s--", label="an update of 10 rows")
ax.set(xlabel="rows in the file, n", ylabel="milliseconds")
ax.legend()
plt.show()
