r"""
Partial derivatives, and no gradient
====================================

.. math::  f(x) = \frac{x_1^2\, x_2}{x_1^2 + x_2^2}, \qquad f(0) = 0

is continuous and has both partial derivatives everywhere. At 0 they are 0. But it has no
gradient there: along a direction d its slope is :math:`f(d)`, not
:math:`\nabla f \cdot d = 0`. A method that trusts the partial derivatives stops.
"""

import matplotlib.pyplot as plt
import numpy as np

from sgd_estimators import minimize


def f(x):
    """Return f(x)."""
    return x[0] ** 2 * x[1] / (x @ x) if np.any(x) else 0.0


# %%
# Both partial derivatives at 0 are 0. The slope along (1, -1) is not.
h = 1e-6
partial = np.array([f(h * e) - f(-h * e) for e in np.eye(2)]) / (2 * h)
d = np.array([1.0, -1.0]) / np.sqrt(2)
slope = f(h * d) / h
print(f"partial derivatives {partial}, slope along (1, -1): {slope:.4f}")
assert np.all(partial == 0)
np.testing.assert_allclose(slope, -1 / np.sqrt(8), rtol=1e-9)

# %%
# So gradient descent, started at 0, takes it for a stationary point, although f falls
# from there at once. From any point beside it, where f has a gradient, it goes down.
stuck = minimize(f, [0.0, 0.0])
free = minimize(f, [0.01, -0.01], learning_rate=0.5, max_iter=100)
print(f"from 0: {stuck.nit} steps; from beside it, f = {free.fun:.2f} after {free.nit}")
assert stuck.nit == 0
assert free.fun < -1

# %%
# The surface is made of straight lines through 0. No plane touches them all.
figure = plt.figure(figsize=(10, 4), layout="constrained")
surface = figure.add_subplot(1, 2, 1, projection="3d")
radius, angle = np.meshgrid(np.linspace(0, 1, 40), np.linspace(0, 2 * np.pi, 120))
x1, x2 = radius * np.cos(angle), radius * np.sin(angle)
values = radius * np.cos(angle) ** 2 * np.sin(angle)
surface.plot_surface(x1, x2, values, cmap="cividis", rcount=40, ccount=120)
surface.set(xlabel="$x_1$", ylabel="$x_2$", title="f")
slopes = figure.add_subplot(1, 2, 2)
slopes.plot(np.degrees(angle[:, 0]), values[:, -1], label="slope of f at 0")
slopes.axhline(0, color="0.4", ls="--", label="what ∇f · d would be")
slopes.set(xlabel="direction d (degrees)", xticks=range(0, 361, 90), ylabel="slope")
slopes.legend()
plt.show()
