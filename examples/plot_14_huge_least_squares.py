r"""
Least squares: where the normal equations lose digits
=====================================================

:math:`X^\top X w = X^\top y` squares the condition number κ of X: where columns are
nearly alike it loses twice the digits that the problem itself loses, and all sixteen at
:math:`\kappa = 10^8`. An orthogonal method keeps them, and takes longer; the certified
solver takes the quick equations, measures what they lost, and repairs it if it is much.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import lstsq, solve
from threadpoolctl import threadpool_limits

from sgd_estimators import SGDLinearRegressor

rng, one_thread = np.random.default_rng(0), threadpool_limits(1)


def made(n, d, condition):
    """Return X of this condition number and y = X w + noise orthogonal to X."""
    Q, V = (np.linalg.qr(rng.standard_normal((k, d)))[0] for k in (n, d))
    X = Q * np.geomspace(1, 1 / condition, d) @ V.T * np.sqrt(n)
    noise = 1e-3 * rng.standard_normal(n)
    return X, X @ np.ones(d) + noise - Q @ (Q.T @ noise)


METHODS = {
    "normal equations": lambda X, y: solve(X.T @ X, X.T @ y, assume_a="sym"),
    "orthogonal (SVD)": lambda X, y: lstsq(X, y)[0],
    "certified": lambda X, y: SGDLinearRegressor(fit_intercept=False).fit(X, y).coef_,
}

# %%
# Digits: the true w is 1 in each column.
conditions, last = 10.0 ** np.arange(0, 8), {}
data = [made(2000, 20, κ) for κ in conditions]
_, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for style, (name, method) in zip(("o-", "s--", "^-."), METHODS.items(), strict=True):
    errors = [np.linalg.norm(method(X, y) - 1) / np.sqrt(20) for X, y in data]
    ax.loglog(conditions, errors, style, label=name)
    last[name] = errors[-1]
ax.set(xlabel="condition number κ of X", ylabel="relative error of w")
ax.legend()
assert last["normal equations"] > 30 * max(last["orthogonal (SVD)"], last["certified"])

# %%
# Time on one thread, against n, d and κ.
for n, d, κ in (100_000, 20, 10), (100_000, 20, 1e7), (20_000, 100, 10), (4000, 200, 10):
    X, y = made(n, d, κ)
    print(f"{n} x {d}, κ = {κ:.0e}")
    for name, method in METHODS.items():
        begun = time.perf_counter()
        method(X, y)
        print(f"   {name:<16} {time.perf_counter() - begun:.3f} s")
one_thread.restore_original_limits()
plt.show()
