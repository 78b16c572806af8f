r"""
L1: a subgradient at the kink
=============================

:math:`f(w) = \frac1{2n} \lVert Xw - y \rVert^2 + \lambda \lVert w \rVert_1` has no
gradient where a :math:`w_j` is 0. There :math:`\lambda \operatorname{sign}(w_j)`, with 0
at the kink, is one of its subgradients: a step along it need not go downhill, and at a
constant rate w ends in a zigzag around the kink. With rates that fall like :math:`1 /
\sqrt t` the best iterate converges.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Lasso
from sklearn.preprocessing import scale

from sgd_estimators import minimize, objective
from sgd_estimators.schedules import Constant, InverseScaling

X, y = load_diabetes(return_X_y=True)
X, y, penalty = scale(X), y - y.mean(), 5.0
smooth = objective(X, y, fit_intercept=False)
exact = Lasso(alpha=penalty, fit_intercept=False, tol=1e-12, max_iter=10**5).fit(X, y).coef_


def f(w):
    """Return f and a subgradient."""
    value, gradient = smooth.value_and_gradient(w[None])
    return value + penalty * np.abs(w).sum(), gradient[0] + penalty * np.sign(w)


# %%
# The Lasso's zeros are not hit: the iterates come near, from both sides. To have true
# zeros, a step must know the kink: proximal methods do, which is what ``Lasso`` is for.
given = {"learning_rate": 0.1, "max_iter": 3000, "tol": 0}
zigzag = minimize(f, np.zeros(10), schedule=Constant(), **given).trajectory
iterates = minimize(f, np.zeros(10), schedule=InverseScaling(0.5), **given).trajectory
constant, falling = (np.array([f(w)[0] for w in path]) for path in (zigzag, iterates))
best, zero = f(exact)[0], exact == 0
print(f"Lasso has {zero.sum()} zeros, the subgradient method {np.sum(iterates[-1] == 0)}")
assert zero.sum() >= 3
assert np.all(iterates[-1][zero] != 0)
assert np.abs(iterates[-1] - exact).max() < 0.1
ratio = (constant[-500:].min() - best) / (falling[-500:].min() - best)
print(f"excess at a constant rate: {ratio:.0f} times that at a falling one")
assert ratio > 10

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
j = np.flatnonzero(zero)[0]
axes[0].plot(zigzag[:200, j], lw=1, label="constant rate")
axes[0].plot(iterates[:200, j], "--", lw=1, label=r"rate $\propto 1/\sqrt{t}$")
axes[0].set(xlabel="step", ylabel=f"$w_{j + 1}$, 0 at the optimum")
axes[0].legend()
axes[1].loglog(np.minimum.accumulate(constant) - best)
axes[1].loglog(np.minimum.accumulate(falling) - best, "--")
axes[1].set(xlabel="step", ylabel="$f - f^*$, best so far")
plt.show()
