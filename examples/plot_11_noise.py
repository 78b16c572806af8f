"""
Noise at the minimum
====================

A mini-batch's gradient does not vanish at the minimum of f, so that SGD at a constant rate
never arrives: it moves about in a cloud. Smaller rates, larger batches, a decay and the
mean of the points make it smaller, each in its way.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes

from sgd_estimators import objective
from sgd_estimators.display import NoiseDisplay

X, y = load_diabetes(return_X_y=True)
X, y = X / X.std(axis=0), (y - y.mean()) / y.std()
f = objective(X, y, fit_intercept=False, penalty=0.1)

# %%
# Eight passes over 442 patients, every update drawn.
runs = {
    "constant rate": {"learning_rate": 0.02},
    "half the rate": {"learning_rate": 0.01},
    "16 rows a step": {"learning_rate": 0.02, "batch_size": 16},
    "decay": {"learning_rate": 0.02, "schedule": lambda t: 1 / (1 + t / 442)},
    "mean from pass 2": {"learning_rate": 0.02, "average": 2},
}
display = NoiseDisplay.from_objective(f, runs, n_passes=8, alpha=0.9)
display.ax_.set_title("diabetes, least squares with a penalty")
cloud = {
    name: excess[passes > 5].mean()
    for name, passes, excess in zip(
        display.names, display.passes, display.excess, strict=True
    )
}
for name, height in cloud.items():
    print(f"{name:<18} f - f* = {height:.1e} over the last three passes")

# %%
# The height of the cloud is about proportional to the rate over the rows of a step. It is
# lower still for 16 rows: each pass draws every row once, which cancels some of the noise.
constant = cloud["constant rate"]
assert 0.35 < cloud["half the rate"] / constant < 0.65
assert cloud["16 rows a step"] < constant / 16

# %%
# A decay and a mean go on falling, and cost nothing.
assert cloud["decay"] < constant / 5
assert cloud["mean from pass 2"] < constant / 20
assert np.all([np.all(excess > -1e-12) for excess in display.excess])
plt.show()
