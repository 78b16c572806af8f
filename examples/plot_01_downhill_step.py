r"""
The downhill step
=================

Gradient descent steps along :math:`-\nabla f(x)`:

.. math::  x \leftarrow x - \alpha \nabla f(x) .

No other direction falls faster at x, and this one crosses the level curve at a right angle.
"""

import matplotlib.pyplot as plt
import numpy as np

from sgd_estimators import minimize
from sgd_estimators.display import TrajectoryDisplay
from sgd_estimators.schedules import LineSearch


def f(x):
    """Return f(x) and its gradient."""
    return x[0] ** 2 + 4 * x[1] ** 2, np.array([2 * x[0], 8 * x[1]])


# %%
# Of all directions of one length, which one falls most? We try them, a degree apart, and
# find the one along :math:`-\nabla f`.
x = np.array([2.0, 1.0])
angles = np.radians(np.arange(360))
ring = np.c_[np.cos(angles), np.sin(angles)]
best = ring[np.argmin([f(x + 1e-4 * d)[0] for d in ring])]
g = f(x)[1]
angle = np.degrees(np.arccos(-best @ g / np.linalg.norm(g)))
print(f"The best direction is {angle:.2f} degrees from -grad f.")
assert angle < 0.6

# %%
# The steps below each go to the lowest point on their line (an exact line search). They
# leave a level curve at a right angle, and stop where they touch another one: so each
# step is orthogonal to the one before.
end = minimize(f, x, learning_rate=LineSearch("exact"), max_iter=6)
moves = np.diff(end.trajectory, axis=0)
moves /= np.linalg.norm(moves, axis=1, keepdims=True)
cosines = np.abs(np.sum(moves[1:] * moves[:-1], axis=1))
print(f"The largest |cosine| between neighbouring steps is {cosines.max():.1e}.")
assert cosines.max() < 1e-5

box = ((-1, 2.5), (-1.2, 1.4))
curves = TrajectoryDisplay.from_results(f, end, levels="path", limits=box, field=True)
curves.ax_.set_title("level curves through the points of the path, and −∇f")

# %%
# The same path on the surface of f.
TrajectoryDisplay.from_results(f, end, kind="surface", limits=box)
plt.show()
