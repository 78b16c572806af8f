r"""
Mini-batches: what a part of the data says of the gradient
==========================================================

The gradient of a batch of m rows is off by :math:`\sigma \sqrt{(1 - m/n) / m}`, σ the
deviation of single rows' gradients: a hundred times the work buys one more digit. On
60,000 rows, as many as in Fashion-MNIST, batches of 10 make 6,000 steps in one pass.
"""

import time

import matplotlib.pyplot as plt
import numpy as np

from sgd_estimators import objective

n, d, n_classes = 60_000, 784, 10
rng = np.random.default_rng(0)
y = rng.integers(n_classes, size=n)
X = rng.random((n, d), dtype=np.float32)
X *= 0.3 + 0.7 * rng.random((n_classes, d), dtype=np.float32)[y]  # an image of each class
f = objective(X, y, "softmax")
W = np.zeros((n_classes, d + 1))


def seconds(batch=None):
    """Return what a gradient takes."""
    begun = time.perf_counter()
    f.value_and_gradient(W, batch)
    return time.perf_counter() - begun


# %%
# The error is measured on 40 batches of each size, and the formula has σ from single rows.
whole = f.value_and_gradient(W)[1]


def error(m, n_batches=40):
    """Return the root mean square distance of batches' gradients to that of all rows."""
    batches = [rng.choice(n, m, replace=False) for _ in range(n_batches)]
    errors = [np.sum((f.value_and_gradient(W, b)[1] - whole) ** 2) for b in batches]
    return np.sqrt(np.mean(errors))


sizes = np.array([1, 10, 100, 1000])
measured = np.array([error(m) for m in sizes]) / np.linalg.norm(whole)
sigma = error(1, 2000) / np.linalg.norm(whole)
predicted = sigma * np.sqrt((1 - sizes / n) / sizes)
assert np.all(np.abs(measured / predicted - 1) < 0.25)
small = np.median([seconds(rng.choice(n, 10, replace=False)) for _ in range(50)])
full = min(seconds() for _ in range(2))
print(f"an update: {1e3 * small:.3f} ms for 10 rows, {1e3 * full:.0f} ms for all 60,000:")
print(f"{full / small:.0f} times as long, for 6,000 times as many rows")

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.loglog(sizes, measured, "o", label="40 batches")
ax.loglog(sizes, predicted, "--", label=r"$\sigma\sqrt{(1 - m/n)/m}$")
ax.set(xlabel="rows of a batch, m", ylabel="error of the gradient / its length")
ax.legend()
plt.show()
