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
slope, given = np.array([3.0, 4.0]), {"learning_rate": 0.1, "momentum": 0.9}
path = minimize(lambda x: (slope @ x, slope), [0, 0], max_iter=300, **given).trajectory
length, formula = np.linalg.norm(path[-1] - path[-2]), 0.1 * 5 / (1 - 0.9)
print(f"step length {length:.4f}, formula {formula:.4f}")
assert np.isclose(length, formula, rtol=1e-9)

# %%
# **A small hollow on the way.** Gradient descent stays in it.


def bumpy(x):
    """Return a parabola with waves, and its derivative."""
    return 0.1 * x[0] ** 2 - np.cos(3 * x[0]) / 6, 0.2 * x + np.sin(3 * x) / 2


grid, ends = np.linspace(-3, 4.5, 400)[None], {}
_, ax = plt.subplots(layout="constrained")
ax.plot(grid[0], bumpy(grid)[0], color="0.7")
for momentum, style in ((0.9, ".-"), (0.0, "x-")):
    end = ends[momentum] = minimize(bumpy, [4], learning_rate=0.05, momentum=momentum)
    path = end.trajectory.T
    ax.plot(path[0], bumpy(path)[0], style, lw=0.8, label=f"λ = {momentum}")
ax.set(xlabel="x", ylabel="f(x)", title="a hollow on the way, from x = 4")
ax.legend()
assert ends[0.9].fun < ends[0.0].fun - 0.3

# %%
# **The best pair** (Goh 2017), for curvatures 1 and 100, is the lowest point of this map.
# Its rate is :math:`(\sqrt\kappa - 1)/(\sqrt\kappa + 1)`: the error goes as :math:`t\,r^t`.
h, goh = np.array([1.0, 100.0]), [(2 / 11) ** 2, (9 / 11) ** 2]
map_ = MomentumDisplay.from_eigenvalues(h)
row, column = np.unravel_index(map_.rate.argmin(), map_.rate.shape)
assert np.allclose([map_.alpha[column], map_.momentum[row]], goh, rtol=0.02)
pair = {"learning_rate": goh[0], "momentum": goh[1]}
end = minimize(lambda x: (0.5 * x @ (h * x), h * x), [1, 1], max_iter=120, tol=0, **pair)
error = np.linalg.norm(end.trajectory[[50, 120]], axis=1) / [50, 120]  # without the t
rate = (error[1] / error[0]) ** (1 / 70)
print(f"measured rate {rate:.4f}, formula {9 / 11:.4f}, without momentum {99 / 101:.4f}")
assert np.isclose(rate, 9 / 11, rtol=0.02)
plt.show()
