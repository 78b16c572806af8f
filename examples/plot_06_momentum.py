r"""
Momentum
========

.. math::  v \leftarrow \lambda v - \alpha \nabla f(x), \qquad x \leftarrow x + v

adds up what the gradients agree on, rolls over small bumps, and, with the right
:math:`\alpha` and :math:`\lambda`, needs :math:`\sqrt\kappa` steps where gradient descent
needs :math:`\kappa`.
"""

import matplotlib.pyplot as plt
import numpy as np

from sgd_estimators import minimize
from sgd_estimators.display import MomentumDisplay

# %%
# **A slope that stays the same.** The steps grow to
# :math:`\alpha \lVert \nabla f \rVert / (1 - \lambda)`.
slope = np.array([3.0, 4.0])
end = minimize(
    lambda x: (slope @ x, slope), [0, 0], learning_rate=0.1, momentum=0.9, max_iter=300
)
length = np.linalg.norm(end.trajectory[-1] - end.trajectory[-2])
print(f"step length {length:.4f}, formula {0.1 * 5 / (1 - 0.9):.4f}")
np.testing.assert_allclose(length, 0.1 * 5 / (1 - 0.9), rtol=1e-9)

# %%
# **A small hollow on the way.** Gradient descent stays in it.


def bumpy(x):
    """Return a parabola with waves, and its derivative."""
    return 0.1 * x[0] ** 2 - np.cos(3 * x[0]) / 6, 0.2 * x + np.sin(3 * x) / 2


plain = minimize(bumpy, [4.0], learning_rate=0.05)
rolling = minimize(bumpy, [4.0], learning_rate=0.05, momentum=0.9)
print(f"plain f = {plain.fun:.3f}, with momentum {rolling.fun:.3f}")
assert rolling.fun < plain.fun - 0.3

grid = np.linspace(-3, 4.5, 400)
_, ax = plt.subplots(layout="constrained")
ax.plot(grid, bumpy(grid[None])[0], color="0.7")
for end, style, name in ((rolling, ".-", "momentum 0.9"), (plain, "x-", "plain")):
    path = end.trajectory.T
    ax.plot(path[0], bumpy(path)[0], style, lw=0.8, label=name)
ax.set(xlabel="x", ylabel="f(x)", title="a hollow on the way, from x = 4")
ax.legend()

# %%
# **The best pair** (Goh 2017), for eigenvalues from 1 to 100, has the rate
# :math:`(\sqrt\kappa - 1)/(\sqrt\kappa + 1)`. There, the error goes as :math:`t\,r^t`: we
# divide the factor t out, after the first :math:`5\sqrt\kappa` steps.
h = np.array([1.0, 100.0])
display = MomentumDisplay.from_eigenvalues(h)
display.ax_.set_title("κ = 100: the factor of the error")
pair = {"learning_rate": display.best_alpha_, "momentum": display.best_momentum_}
best = minimize(lambda x: (0.5 * x @ (h * x), h * x), [1, 1], max_iter=120, tol=0, **pair)
t = np.arange(50, 121)
error = np.linalg.norm(best.trajectory[t], axis=1) / t
measured = (error[-1] / error[0]) ** (1 / (t[-1] - t[0]))
print(f"measured rate {measured:.4f}, formula {9 / 11:.4f}, without momentum 99/101")
np.testing.assert_allclose(measured, 9 / 11, rtol=0.02)
plt.show()
