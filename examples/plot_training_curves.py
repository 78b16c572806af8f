"""Runs of several optimizers on one axis: what a pass over the data buys.

SVRG loses the noise of its mini-batches, so that its gap falls in a straight line.
"""

import warnings
from pathlib import Path

from matplotlib.figure import Figure
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning

from sgd_estimators import SGDLogistic
from sgd_estimators.display import TrainingCurveDisplay

PICTURE = Path(__file__).with_name("plot_training_curves.png")
RUNS = {
    "sgd": {"optimizer": "sgd"},
    "momentum 0.9": {"optimizer": "sgd", "momentum": 0.9},
    "adam": {"optimizer": "adam"},
    "svrg, Hessian": {"optimizer": "svrg", "preconditioner": "hessian"},
}


def main():
    """Fit each for 40 epochs, and draw the objective and the bound on its distance."""
    X, y = load_breast_cancer(return_X_y=True)
    models = {}
    for name, given in RUNS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # 40 epochs are few
            model = SGDLogistic(max_iter=40, random_state=0, **given).fit(X, y)
        print(f"{name:<14} f = {model.objective_:.5f}, {model.stop_reason_}")
        models[name] = model

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    TrainingCurveDisplay.from_estimators(models, x="epochs", y="objective", ax=left)
    TrainingCurveDisplay.from_estimators(models, x="epochs", y="gap", ax=right)
    figure.savefig(PICTURE, dpi=100)


if __name__ == "__main__":
    main()
