"""
Where the start leads
=====================

Gradient descent ends where the gradient vanishes. Which of these points that is depends on
the start, and which kind it is, on the eigenvalues of the Hessian.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import brentq

from sgd_estimators import minimize
from sgd_estimators.display import TrajectoryDisplay


def f(x):
    """Return f(x) and its gradient: two valleys, the left one deeper."""
    value = (x[0] ** 2 - 1) ** 2 + 0.3 * x[0] + x[1] ** 2
    return value, np.array([4 * x[0] * (x[0] ** 2 - 1) + 0.3, 2 * x[1]])


# %%
# Between the valleys runs a ridge, along which f falls to the pass: a saddle. Only a start
# on the very ridge leads there; the least push decides for one of the valleys.
ridge = brentq(lambda u: f([u, 0.0])[1][0], -0.5, 0.5, xtol=1e-14)
starts = {
    "left of the ridge": [ridge - 0.01, 1.2],
    "right of the ridge": [ridge + 0.01, 1.2],
    "on the ridge": [ridge, 1.2],
    "far right": [1.3, -1.2],
}
results = {name: minimize(f, x, learning_rate=0.2) for name, x in starts.items()}
for name, end in results.items():
    print(f"{name:<18}: {end.kind:<8} at {end.x.round(2) + 0.0}, f = {end.fun:.3f}")

deep, shallow, saddle, other = results.values()
assert deep.kind == shallow.kind == other.kind == "minimum"
assert saddle.kind == "saddle"
assert deep.fun < shallow.fun < saddle.fun
np.testing.assert_allclose(other.x, shallow.x, atol=1e-4)

# %%
# The Hessian at the saddle bends down across the ridge, and up along it.
print("eigenvalues at the saddle:", saddle.eigenvalues.round(2))
assert saddle.eigenvalues[0] < 0 < saddle.eigenvalues[1]

display = TrajectoryDisplay.from_results(
    f, results, field=True, levels=18, limits=((-1.8, 1.8), (-1.6, 1.6))
)
display.ax_.set_title("one function, three places to end")
plt.show()
