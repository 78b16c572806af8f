"""Rate and momentum on a quadratic: what each does to the path of gradient descent.

f(x) = 1/2 (x1^2 + 20 x2^2). A rate above 2 / L = 0.1 diverges; one near it swings
across the valley; a small one creeps along it. Momentum averages the swings out and
adds up what all gradients agree on.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from sgd_estimators.optimizers import SGD

PICTURE = Path(__file__).with_name("plot_momentum.png")
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


def main():
    """Draw the four paths over the level sets of f."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    grid = np.meshgrid(np.linspace(-4.5, 2, 200), np.linspace(-1.3, 1.3, 200))
    f = 0.5 * (grid[0] ** 2 + 20 * grid[1] ** 2)
    for axes, (name, run) in zip(figure.subplots(2, 2).flat, RUNS.items(), strict=True):
        iterates = path(*run)
        value = 0.5 * np.sum(CURVATURE * iterates[-1] ** 2)
        axes.contour(*grid, f, levels=[0.1, 0.5, 2, 5, 10, 18], colors="0.8")
        axes.plot(*iterates.T, ".-", ms=4, lw=1)
        axes.set_title(f"{name}: f = {value:.1e} after 40 steps", fontsize=10)
        print(f"{name:<26} f = {value:.1e}")
    figure.savefig(PICTURE, dpi=150)


if __name__ == "__main__":
    main()
