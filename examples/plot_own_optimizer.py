"""An optimizer and a schedule of your own, in Python, next to the library's.

The optimizer clips the gradient to a length before a step with momentum.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_breast_cancer

from sgd_estimators import SGDLogistic
from sgd_estimators.optimizers import Optimizer

PICTURE = Path(__file__).with_name("plot_own_optimizer.png")


class ClippedStep:
    """The state of one run: it moves x in place and returns nothing."""

    def __init__(self, n_params, beta, length):
        self.v = np.zeros(n_params)
        self.beta, self.length = beta, length

    def __call__(self, x, g, rate):
        """Move: v <- beta v - rate g min(1, length / ||g||), x <- x + v."""
        shrink = min(1.0, self.length / max(np.linalg.norm(g), 1e-300))
        self.v = self.beta * self.v - rate * shrink * g
        x += self.v


class ClippedSGD(Optimizer):
    """The recipe: hyperparameters, which a grid search can set, and start."""

    def __init__(self, beta=0.9, length=1.0):
        self.beta, self.length = beta, length

    def start(self, n_params):
        """Begin a run."""
        return ClippedStep(n_params, self.beta, self.length)


def main():
    """Train with three optimizers and the same function of t, and draw the curves."""
    X, y = load_breast_cancer(return_X_y=True)
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for optimizer in (ClippedSGD(length=0.1), "sgd", "adam"):
        model = SGDLogistic(optimizer=optimizer, schedule=lambda t: 1 / (1 + t / 500))
        model.set_params(tol=1e-4, random_state=0).fit(X, y)
        print(f"{optimizer!s:<24} f = {model.objective_:.5f}, {model.stop_reason_}")
        values = model.history_["objective"]
        axes.semilogx(1 + np.arange(len(values)), values, label=str(optimizer))
    axes.set(xlabel="epoch", ylabel="f", title="Breast cancer, raw features")
    axes.legend()
    figure.savefig(PICTURE, dpi=150)


if __name__ == "__main__":
    main()
