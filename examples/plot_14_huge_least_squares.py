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


METHODS = {
    "normal equations": lambda X, y: solve(X.T @ X, X.T @ y, assume_a="sym"),
    "orthogonal (SVD)": lambda X, y: lstsq(X, y)[0],
    "SGDLinearRegressor": lambda X, y: (
        SGDLinearRegressor(fit_intercept=False).fit(X, y).coef_
    ),
}

# %%
# Digits: the true w is 1 in each column.

conditions = 10.0 ** np.arange(0, 8)
errors = {name: [] for name in METHODS}
for condition in conditions:
    X, y = made(2000, 20, condition)
    for name, method in METHODS.items():
        errors[name].append(np.linalg.norm(method(X, y) - 1) / np.sqrt(20))
ends = {name: error[-1] for name, error in errors.items()}
assert ends["normal equations"] > 100 * ends["orthogonal (SVD)"]
assert ends["normal equations"] > 30 * ends["SGDLinearRegressor"]

# %%
# Time: on many rows each is a matter of reading X, and of how often.

for n, d in ((100_000, 20), (100_000, 100), (20_000, 300)):
    X, y = made(n, d, 10.0)
    told = []
    for name, method in METHODS.items():
        begun = time.perf_counter()
        method(X, y)
        told.append(f"{name} {time.perf_counter() - begun:.3f} s")
    print(f"{n} x {d}: " + ", ".join(told))

figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for style, (name, error) in zip(("o-", "s--", "^-."), errors.items(), strict=True):
    ax.loglog(conditions, error, style, label=name)
ax.set(xlabel="condition number κ of X", ylabel="relative error of w")
ax.legend()
plt.show()
