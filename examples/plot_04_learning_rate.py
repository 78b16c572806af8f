r"""
The learning rate
=================

On a quadratic whose Hessian has eigenvalues from l to L, every step of gradient descent
multiplies the error along the eigenvector of h by :math:`1 - \alpha h`. It diverges from
:math:`2/L` on, and is best at :math:`2/(l + L)`, where l and L are equally slow.
"""

import matplotlib.pyplot as plt
import numpy as np

from sgd_estimators.display import RateDisplay, TrajectoryDisplay
from sgd_estimators.schedules import LineSearch

H = np.array([1.0, 8.0])
START = [4.0, 1.0]


def f(x):
    """Return f(x) and its gradient."""
    return 0.5 * x @ (H * x), H * x


# %%
# f after 20 steps, for many rates. The best is where theory puts it.
rates = np.geomspace(0.005, 0.4, 150)
display = RateDisplay.from_function(f, START, rates=rates, n_steps=20)
print(f"best rate {display.best_rate_:.3f}, 2 / (l + L) = {2 / 9:.3f}")
print(f"no gain from {display.divergent_from_:.3f} on, 2 / L = {2 / 8:.3f}")
np.testing.assert_allclose(display.best_rate_, 2 / 9, rtol=0.05)
np.testing.assert_allclose(display.divergent_from_, 2 / 8, rtol=0.05)

# %%
# The paths: creeping, right, overshooting from side to side, and a line search, which
# needs no rate and pays for it with evaluations of f.
runs = {
    "too small: 0.02": {"learning_rate": 0.02},
    "right: 2/9": {"learning_rate": 2 / 9},
    "overshooting: 0.245": {"learning_rate": 0.245},
    "line search": {"learning_rate": LineSearch("exact")},
}
paths = TrajectoryDisplay.from_function(f, START, runs, max_iter=20)
paths.ax_.legend(loc="upper center", ncols=2)
ends = {name: f(path[-1])[0] for name, path in paths.paths.items()}
for name, value in ends.items():
    print(f"{name:<20} f = {value:.1e} after 20 steps")
assert ends["right: 2/9"] < 1e-2 * min(ends["too small: 0.02"], ends["overshooting: 0.245"])

# %%
# An exact search contracts f by at least :math:`((\kappa - 1)/(\kappa + 1))^2` a step.
values = np.array([f(x)[0] for x in paths.paths["line search"]])
worst = np.max(values[1:] / values[:-1])
print(f"line search: f falls to {worst:.3f} of itself or less, bound {(7 / 9) ** 2:.3f}")
assert worst <= (7 / 9) ** 2 * (1 + 1e-6)
plt.show()
