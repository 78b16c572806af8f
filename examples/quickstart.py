"""The three estimators on real data, raw features, next to scikit-learn's own answers.

Prints a table and writes the training curves to quickstart.png beside this script.

"theirs" is the closed form, or Newton's method run to 1e-10. f is what both sides minimise,
computed here by one function from the predictions and the coefficients. The excess is
(f - f*) / (f0 - f*), with f* theirs and f0 that of the best constant; the certified
bound is what our model says of its own excess, in its attribute gap_. Seconds are the
best of three fits, on one thread.
"""

import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.base import is_classifier
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge

PICTURE = Path(__file__).with_name("quickstart.png")
DIABETES = load_diabetes(return_X_y=True, scaled=False)
CANCER = load_breast_cancer(return_X_y=True)
DIGITS = load_digits(return_X_y=True)
NEWTON = LogisticRegression(solver="newton-cg", tol=1e-10, max_iter=1000)
PAIRS = [
    ("diabetes", DIABETES, SGDLinearRegressor(random_state=0), LinearRegression()),
    ("diabetes", DIABETES, SGDRidge(random_state=0), Ridge(solver="svd")),
    ("breast cancer", CANCER, SGDLogistic(random_state=0), NEWTON),
    ("digits", DIGITS, SGDLogistic(random_state=0), NEWTON),
]


def objective(model, X, y):
    """Return f: mean loss (half the squared error, log-loss) + 1/2 lambda ||w||^2."""
    if is_classifier(model):
        label = np.searchsorted(model.classes_, y)
        loss = -np.mean(model.predict_log_proba(X)[np.arange(len(y)), label])
    else:
        loss = 0.5 * np.mean((y - model.predict(X)) ** 2)
    params = model.get_params()
    penalty = 1 / params["C"] if "C" in params else params.get("alpha", 0.0)
    coef = getattr(model, "coef_", np.zeros(1))  # a best constant has none
    return loss + 0.5 * penalty / len(y) * np.sum(coef**2)


def seconds(model, X, y):
    """Fit a model three times and return the shortest time."""
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        model.fit(X, y)
        times.append(time.perf_counter() - begun)
    return min(times)


def compare(data, X, y, ours, theirs, axes):
    """Fit both, draw our curve, and return a column of the table."""
    took = seconds(ours, X, y), seconds(theirs, X, y)
    best = DummyClassifier(strategy="prior") if is_classifier(ours) else DummyRegressor()
    f, f_star, f_0 = (objective(m, X, y) for m in (ours, theirs, best.fit(X, y)))
    apart = np.abs(ours.coef_ - theirs.coef_).max()

    values = ours.history_["objective"]  # NaN where f was not evaluated
    epoch = np.flatnonzero(np.isfinite(values))
    excess = np.maximum(values[epoch] - f_star, 1e-16) / (f_0 - f_star)
    label = f"{type(ours).__name__}, {data}"
    axes.loglog(epoch + 1, np.minimum.accumulate(excess), label=label)
    return {
        "": type(ours).__name__,
        "against": type(theirs).__name__,
        "data, raw": data,
        "rows x columns": f"{X.shape[0]} x {X.shape[1]}",
        "score, ours": f"{ours.score(X, y):.5f}",
        "score, theirs": f"{theirs.score(X, y):.5f}",
        "f, ours": f"{f:.7g}",
        "f, theirs": f"{f_star:.7g}",
        "excess of ours": f"{(f - f_star) / (f_0 - f_star):.1e}",
        "certified bound": f"{ours.gap_ / (f_0 - f_star):.1e}",
        "largest coef_ difference": f"{apart:.1e}",
        "  of the largest coef_": f"{apart / np.abs(theirs.coef_).max():.1e}",
        "seconds, ours": f"{took[0]:.4f}",
        "seconds, theirs": f"{took[1]:.4f}",
        "epochs": str(ours.n_iter_),
        "stop_reason_": ours.stop_reason_,
    }


def main():
    """Compare the four pairs: a table and a picture."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    with threadpool_limits(1):
        columns = [compare(data, *Xy, *pair, axes) for data, Xy, *pair in PAIRS]
    for name in columns[0]:
        print(f"{name:<25}" + "".join(f"{column[name]:>20}" for column in columns))

    axes.set(xlabel="epoch", ylabel="(f - f*) / (f0 - f*), best so far")
    axes.set_title("Training curves: default parameters, raw features")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(PICTURE, dpi=150)
    print(f"\nThe training curves are in {PICTURE.name}, beside this script.")


if __name__ == "__main__":
    main()
