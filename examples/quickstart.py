"""The three estimators on real data: by default, and by SGD beside scikit-learn's SGD.

Prints tables and writes quickstart.png beside this script. All models of a problem minimise
one f, the mean loss (half the squared error, or the log-loss) + penalty / 2 ||w||^2. The
excess is (f - f*) / (f0 - f*): f* is that of the exact solver, which is the closed form, or
Newton's method run to 1e-10, and f0 that of the best constant. The bound is what our model
says of its own excess, by gap_. Seconds are those of a whole fit, the best of three, on one
thread; coef_ is the largest difference over the largest coefficient. "auto" and SVRG may
make fewer epochs than the others: they end when certified.
"""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from quickstart_problem import Problem, small
from sklearn import linear_model as theirs
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler, scale
from threadpoolctl import threadpool_limits

from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge
from sgd_estimators.display import SearchDisplay
from sgd_estimators.optimizers import SGD
from sgd_estimators.schedules import Cosine, OneCycle

PICTURE = Path(__file__).with_name("quickstart.png")
EPOCHS = 50
LOWEST = 1e-10  # excess in the picture
MARKERS = "*o.v^sXP"
GRID = {
    "sgd__learning_rate": [0.001, 0.003, 0.01, 0.03, 0.1],
    "sgd__momentum": [0.0, 0.5, 0.8, 0.9],
}

DIABETES = load_diabetes(return_X_y=True, scaled=False)
CANCER = load_breast_cancer(return_X_y=True)
DIGITS = load_digits(return_X_y=True)
ODD = DIGITS[0], DIGITS[1] % 2
LINEAR = SGDLinearRegressor(), theirs.LinearRegression(), theirs.SGDRegressor(penalty=None)
RIDGE = SGDRidge(), theirs.Ridge(solver="svd"), theirs.SGDRegressor()
SOFTMAX = SGDLogistic(), theirs.LogisticRegression(solver="newton-cholesky", tol=1e-10)
LOGISTIC = *SOFTMAX, theirs.SGDClassifier(loss="log_loss")
PROBLEMS = [
    Problem("diabetes, 442 x 10", *DIABETES, *LINEAR),
    Problem("diabetes, 442 x 10", *DIABETES, *RIDGE),
    Problem("breast cancer, 569 x 30", *CANCER, *LOGISTIC),
    Problem("odd digits, 1797 x 64", *ODD, *LOGISTIC),
    Problem("all digits, 1797 x 64", *DIGITS, *SOFTMAX),  # their SGD has no softmax
]


def models(problem, epochs):
    """Return the models of a problem by name: ours, their SGD, the exact solver."""
    cosine, cycle = Cosine(epochs, per="epoch"), OneCycle(epochs, per="epoch")
    given = {  # no rate is set but one
        "SGD": {"optimizer": "sgd"},
        "momentum": {"optimizer": SGD(0.9), "learning_rate": 0.03, "schedule": cosine},
        "Adam": {"optimizer": "adam", "schedule": cycle},
        "AdaGrad": {"optimizer": "adagrad"},
        "SVRG": {"optimizer": "svrg", "preconditioner": "hessian"},
    }
    auto = clone(problem.ours).set_params(random_state=0)
    runs = {"max_iter": epochs, "tol": 0, "n_iter_no_change": epochs}
    ours = {k: clone(auto).set_params(**runs, **params) for k, params in given.items()}
    runs = {"max_iter": epochs, "tol": None, "alpha": 1 / len(problem.y)}
    sgd = clone(problem.sgd).set_params(random_state=0, **runs)
    return {"auto": auto, **ours, "their SGD": sgd, "exact": clone(problem.exact)}


def compare_by_default(problems):
    """Print a table of default parameters on raw columns, beside the exact solver."""
    rows = ["default score (theirs) excess bound coef_ seconds (theirs)".split()]
    for problem in problems:
        ours, exact = clone(problem.ours).set_params(random_state=0), clone(problem.exact)
        a, b = problem.measure(ours), problem.measure(exact)
        apart = np.abs(ours.coef_ - exact.coef_).max() / np.abs(exact.coef_).max()
        row = [problem.title, a["score"], b["score"], a["excess"], a["bound"], small(apart)]
        rows.append([*row, a["seconds"], b["seconds"]])
    table(rows)


def compare_sgd(problems, epochs):
    """Print tables of SGD on standardised columns, ours beside theirs."""
    tables = {name: [] for name in ("score", "f", "excess", "bound", "seconds")}
    for problem in problems:
        found = {k: problem.measure(model) for k, model in models(problem, epochs).items()}
        label = problem.title.rsplit(",", 1)[0]  # without the size
        for name, rows in tables.items():
            rows.append([label, *(values[name] for values in found.values())])
    for name, rows in tables.items():
        table([[name, *found], *rows])


def table(rows):
    """Print rows, of which the first is the head, as a table in Markdown."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    for name, *cells in rows:
        cells = [cell.rjust(w) for cell, w in zip(cells, widths[1:], strict=True)]
        print("| " + " | ".join([name.ljust(widths[0]), *cells]) + " |")
    print()


def draw(problems, epochs, grid):
    """Return a figure: for each problem the excess by epochs and seconds, and a search."""
    figure = Figure(figsize=(15, 4.5 * len(problems)), layout="constrained")
    for problem, axes in zip(problems, figure.subplots(len(problems), 3), strict=True):
        draw_courses(problem, epochs, *axes[:2])
        draw_search(problem, grid, axes[2])
    lines = axes[1].get_lines()
    figure.legend(handles=lines, loc="outside lower center", ncols=len(lines))
    return figure


def draw_courses(problem, epochs, by_epochs, by_seconds):
    """Draw the excess of all models; what is below LOWEST is drawn there."""
    for (name, model), marker in zip(models(problem, epochs).items(), MARKERS, strict=True):
        epoch, seconds, excess = problem.course(name, model)
        best = np.minimum.accumulate(np.maximum(excess, LOWEST))
        style = {"label": name, "marker": marker, "markersize": 5}
        if name != "exact":
            by_epochs.plot(epoch, best, **style)
        by_seconds.plot(seconds, best, **style)
    for ax, unit, least in ((by_epochs, "epochs", 1), (by_seconds, "seconds", 1e-4)):
        ax.set_xscale("symlog", linthresh=least, linscale=0.5)  # a curve begins at 0
        ax.set(yscale="log", ylim=(LOWEST / 2, 2), xlabel=unit)
        ax.set_ylabel("(f - f*) / (f0 - f*), best so far")
        ax.set_title(f"{problem.title}, standardised")
        ax.grid(alpha=0.3)


def draw_search(problem, grid, ax):
    """Draw a search over rate and momentum of 5 epochs of SGD, in a pipeline."""
    sgd = clone(problem.ours).set_params(optimizer="sgd", max_iter=5, random_state=0)
    pipeline = Pipeline([("scaler", StandardScaler()), ("sgd", sgd)])
    search = GridSearchCV(pipeline, grid, cv=5).fit(problem.X, problem.y)
    lowest = np.quantile(search.cv_results_["mean_test_score"], 0.1)
    SearchDisplay.from_search(search, ax=ax, values_format=".3f", vmin=lowest)
    ax.set_title(f"GridSearchCV of {type(problem.ours).__name__}, 5 epochs")


def main():
    """Print the tables and write the picture."""
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # epochs are few on purpose
        print("Default parameters on raw columns, beside scikit-learn's exact solvers.\n")
        compare_by_default(PROBLEMS)
        print(f"{EPOCHS} epochs on standardised columns, beside scikit-learn's SGD.\n")
        scaled = [replace(p, X=scale(p.X)) for p in PROBLEMS if p.sgd is not None]
        compare_sgd(scaled, EPOCHS)
        draw(scaled[1::2], EPOCHS, GRID).savefig(PICTURE, dpi=100)
    print(f"The curves and the searches are in {PICTURE.name}, beside this script.")


if __name__ == "__main__":
    main()
