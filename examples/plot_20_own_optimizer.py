"""
An optimizer and a schedule of your own
=======================================

Both are in Python, next to the library's. The optimizer clips the gradient to a length
before a step with momentum; the schedule is any function of the update t.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer

from sgd_estimators import SGDLogistic
from sgd_estimators.display import TrainingCurveDisplay
from sgd_estimators.optimizers import Optimizer


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


# %%
# They go wherever the library's go: here, on raw columns, they end as near to the optimal f
# as those do, within 15 %.

X, y = load_breast_cancer(return_X_y=True)  # raw features
best, models = SGDLogistic().fit(X, y).objective_, {}
for optimizer in (ClippedSGD(length=0.1), "sgd", "adam"):
    model = SGDLogistic(optimizer=optimizer, schedule=lambda t: 1 / (1 + t / 5000))
    models[str(optimizer)] = model.set_params(tol=1e-4, random_state=0).fit(X, y)
    print(f"{optimizer!s:<24} f = {model.objective_:.5f}, {model.stop_reason_}")
    assert best < model.objective_ < 1.15 * best

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
TrainingCurveDisplay.from_estimators(models, ax=ax)
ax.set(xscale="log", title="Breast cancer, raw features")
plt.show()
