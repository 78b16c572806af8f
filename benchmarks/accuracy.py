"""How near the optimum default settings come on raw data, and in how many seconds.

Least squares with alpha = 1 for regression (`Ridge`'s objective), log-loss with C = 1
for classification (`LogisticRegression`'s); the alpha of scikit-learn's SGD models is
set to match, all else is the default. Printed is (f - f*)/(f0 - f*), with f0 at zero
coefficients and the best constant: 1 is no fit at all. f* is the least of all the fits
and of a direct one. A penalty on scaled columns is another objective: a peer behind a
StandardScaler is judged by its own f and f*. SGDClassifier fits one class against the
rest, so that on more than two classes no fit of its reaches f*.

    python benchmarks/accuracy.py [--data NAME ...] [--max-rows N]
"""

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.special import log_softmax
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sgd_estimators import SGDLogistic, SGDRidge

FOLDER = Path(
    os.environ.get("SGD_ESTIMATORS_DATA", Path(__file__).parents[2] / "shared" / "data")
)
OWN = {
    "diabetes": datasets.load_diabetes,
    "breast_cancer": datasets.load_breast_cancer,
    "wine": datasets.load_wine,
    "digits": datasets.load_digits,
}
REGRESSIONS = {"diabetes", "concrete", "california", "nycflights"}
STORED = ["concrete", "california", "nycflights", "bank", "covertype"]


def load(name, max_rows):
    """Return raw X and y; at most so many rows, drawn at random."""
    if name in OWN:
        X, y = OWN[name](return_X_y=True)
    else:
        with np.load(FOLDER / f"{name}.npz") as stored:
            X, y = stored["X"], stored["y"]
    if len(X) > max_rows:
        keep = np.sort(np.random.default_rng(0).choice(len(X), max_rows, replace=False))
        X, y = X[keep], y[keep]
    return X, y


def peers(regression, n):
    """Return scikit-learn's models by name."""
    if regression:
        return {
            "SGDRegressor": SGDRegressor(alpha=1 / n, random_state=0),
            "Ridge(sag)": Ridge(solver="sag", random_state=0),
        }
    return {
        "SGDClassifier": SGDClassifier(loss="log_loss", alpha=1 / n, random_state=0),
        "LogisticRegression(lbfgs)": LogisticRegression(),
        "LogisticRegression(saga)": LogisticRegression(solver="saga", random_state=0),
    }


def objective(model, X, y, regression):
    """Return the mean loss plus 1/(2n) times the squared norm of the coefficients."""
    coef = np.atleast_2d(model.coef_).astype(float)
    z = X @ coef.T + model.intercept_
    penalty = 0.5 * np.sum(coef**2) / len(X)
    if regression:
        return 0.5 * np.mean((z[:, 0] - y) ** 2) + penalty
    if z.shape[1] == 1:
        return np.mean(np.logaddexp(0, np.where(y == 1, -1, 1) * z[:, 0])) + penalty
    return -np.mean(log_softmax(z, axis=1)[np.arange(len(y)), y]) + penalty


def floor(y, regression):
    """Return f at zero coefficients and the best constant."""
    if regression:
        return 0.5 * np.var(y)
    shares = np.bincount(y) / len(y)
    return -np.sum(shares * np.log(shares))


def tight(X, y, regression):
    """Return f of a direct solution: the SVD's, or Newton's."""
    newton = LogisticRegression(solver="newton-cholesky", tol=1e-10, max_iter=200)
    model = Ridge(solver="svd") if regression else newton
    return objective(model.fit(X.astype(float), y), X, y, regression)


def compare(models, X, seen, y, regression, note):
    """Fit the models to what they see of X and print a line for each."""
    values, seconds = {}, {}
    for name, model in models.items():
        begun = time.perf_counter()
        (make_pipeline(StandardScaler(), model) if note else model).fit(X, y)
        seconds[name] = time.perf_counter() - begun
        values[name] = objective(model, seen, y, regression)
    best = min(*values.values(), tight(seen, y, regression))
    f0 = floor(y, regression)
    for name, value in values.items():
        share = (value - best) / (f0 - best)
        print(f"  {name + note:<34} {share:>9.1e} {seconds[name]:>8.2f} s", flush=True)


def main():
    """Print a table for each data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [*OWN, *(name for name in STORED if (FOLDER / f"{name}.npz").exists())]
    parser.add_argument("--data", nargs="*", default=names, choices=names)
    parser.add_argument("--max-rows", type=int, default=100_000)
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # that a model has not converged is what is shown
    for name in args.data:
        X, y = load(name, args.max_rows)
        regression = name in REGRESSIONS
        print(f"\n{name}: {X.shape[0]} x {X.shape[1]}, {X.dtype}")
        ours = SGDRidge if regression else SGDLogistic
        raw = {ours.__name__: ours(random_state=0)} | peers(regression, len(X))
        compare(raw, X, X, y, regression, "")
        scaled = StandardScaler().fit_transform(X)
        compare(peers(regression, len(X)), X, scaled, y, regression, ", scaled")


if __name__ == "__main__":
    main()
