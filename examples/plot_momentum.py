r"""
Rate and momentum on a quadratic
================================

:math:`f(x) = \frac12 (x_1^2 + 20 x_2^2)`. A rate above :math:`2 / L = 0.1` diverges; one
near it swings across the valley; a small one creeps along it. Momentum averages the
swings out and adds up what all gradients agree on.
"""

import matplotlib.pyplot as plt
import numpy as np

from sgd_estimators.optimizers import SGD

CURVATURE = np.array([1.0, 20.0])
RUNS = {
    "rate 0.01": (SGD(), 0.01),
    "rate 0.09": (SGD(), 0.09),
    "rate 0.03, momentum 0.8": (SGD(momentum=0.8), 0.03),
    "rate 0.03, Nesterov 0.8": (SGD(momentum=0.8, nesterov=True), 0.03),
}


def path(optimizer, rate, n_steps=40):
    """Return the iterates from (-4, 1): x <- step(x, grad f(x), rate)."""
    x = np.array([-4.0, 1.0])
    step = optimizer.start(n_params=2)
    iterates = [x.copy()]
    for _ in range(n_steps):
        step(x, CURVATURE * x, rate)
        iterates.append(x.copy())
    return np.array(iterates)


# %%
# An optimizer's ``start`` gives the step itself, which needs no estimator around it.

grid = np.meshgrid(np.linspace(-4.5, 2, 200), np.linspace(-1.3, 1.3, 200))
f = 0.5 * (grid[0] ** 2 + 20 * grid[1] ** 2)
figure, axes = plt.subplots(2, 2, figsize=(9, 5), layout="constrained")
values = []
for ax, (name, run) in zip(axes.flat, RUNS.items(), strict=True):
    iterates = path(*run)
    values.append(0.5 * np.sum(CURVATURE * iterates[-1] ** 2))
    ax.contour(*grid, f, levels=[0.1, 0.5, 2, 5, 10, 18], colors="0.8")
    ax.plot(*iterates.T, ".-", ms=4, lw=1)
    ax.set_title(f"{name}: f = {values[-1]:.1e} after 40 steps", fontsize=10)
    ax.set(xlabel="$x_1$", ylabel="$x_2$")

# %%
# A third of the larger rate, with momentum, is ahead of both by a factor of 4 or more.

plain, momentum = min(values[:2]), max(values[2:])
print(f"f after 40 steps: {plain:.1e} without momentum, at most {momentum:.1e} with it")
assert momentum < plain / 4
plt.show()
