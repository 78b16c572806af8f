r"""
Least squares: where the normal equations lose digits
=====================================================

:math:`X^\top X w = X^\top y` squares the condition number κ of X: where columns are
nearly alike it loses twice the digits that the problem itself loses, and all sixteen at
:math:`\kappa = 10^8`. An orthogonal method keeps them, at about twice the time or more;
the certified solver takes the quick equations, looks what they have lost, and repairs it.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import lstsq, solve

from sgd_estimators import SGDLinearRegressor

rng = np.random.default_rng(0)


def made(n, d, condition):
    """Return X of this condition number and y = X w + noise orthogonal to X."""
    Q = np.linalg.qr(rng.standard_normal((n, d)))[0]
    V = np.linalg.qr(rng.standard_normal((d, d)))[0]
    X = Q * np.geomspace(1, 1 / condition, d) @ V.T * np.sqrt(n)
    noise = 1e-3 * rng.standard_normal(n)
    return X, X @ np.ones(d) + noise - Q @ (Q.T @ noise)


ours = SGDLinearRegressor(fit_intercept=False)
METHODS = {
    "normal equations": lambda X, y: solve(X.T @ X, X.T @ y, assume_a="sym"),
    "orthogonal (SVD)": lambda X, y: lstsq(X, y)[0],
    "SGDLinearRegressor": lambda X, y: ours.fit(X, y).coef_,
}

# %%
# Digits: the true w is 1 in each column.
conditions = 10.0 ** np.arange(0, 8)
errors = {name: [] for name in METHODS}
for condition in conditions:
    X, y = made(2000, 20, condition)
    for name, method in METHODS.items():
        errors[name].append(np.linalg.norm(method(X, y) - 1) / np.sqrt(20))
normal, orthogonal, certified = (error[-1] for error in errors.values())
assert normal > 100 * orthogonal
assert normal > 30 * certified

figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for style, (name, error) in zip(("o-", "s--", "^-."), errors.items(), strict=True):
    ax.loglog(conditions, error, style, label=name)
ax.set(xlabel="condition number κ of X", ylabel="relative error of w")
ax.legend()

# %%
# Time, against n and d: on many rows each is a matter of reading X, and of how often.
sizes = [(100_000, 20, 10), (100_000, 20, 1e7), (50_000, 100, 10), (10_000, 300, 10)]
for n, d, condition in sizes:
    X, y = made(n, d, condition)
    print(f"{n} x {d}, κ = {condition:.0e}:", end="")
    for name, method in METHODS.items():
        begun = time.perf_counter()
        method(X, y)
        print(f"  {name} {time.perf_counter() - begun:.3f} s", end="")
    print()
plt.show()
