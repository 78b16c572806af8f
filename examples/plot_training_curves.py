"""
What a pass over the data buys
==============================

Runs of several optimizers on one axis: the mean loss of each epoch, and the rate that the
automatic schedule chooses. SVRG loses the noise of its mini-batches, so that it ends far
nearer to the optimum.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning

from sgd_estimators import SGDLogistic
from sgd_estimators.display import TrainingCurveDisplay

RUNS = {
    "sgd": {"optimizer": "sgd"},
    "momentum 0.9": {"optimizer": "sgd", "momentum": 0.9},
    "adam": {"optimizer": "adam"},
    "svrg, Hessian": {"optimizer": "svrg", "preconditioner": "hessian"},
}

X, y = load_breast_cancer(return_X_y=True)
models = {}
for name, given in RUNS.items():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 40 epochs are few
        models[name] = SGDLogistic(max_iter=40, random_state=0, **given).fit(X, y)

# %%
# The gap is what each run knows of itself: a bound on :math:`f - f^*`.

for name, model in models.items():
    print(f"{name:<14} f = {model.objective_:.5f}, gap {model.gap_:.1e}")
gaps = {name: model.gap_ for name, model in models.items()}
assert 100 * gaps.pop("svrg, Hessian") < min(gaps.values())

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
TrainingCurveDisplay.from_estimators(models, x="epochs", y="loss", ax=left)
TrainingCurveDisplay.from_estimators(models, x="epochs", y="rate", ax=right)
plt.show()
