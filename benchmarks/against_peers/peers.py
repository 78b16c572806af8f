"""The peers: how each one is made for a problem, and the knobs that are tried.

A peer is a function of alpha, n and its knobs that returns a model with `fit`, `coef_` and
`intercept_`. Its ladders are lists of settings, each one from loose to tight; the fit that
gets to an accuracy in the least time is the peer's best point.
"""

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from itertools import product

from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor

from sgd_estimators import SGDLogistic, SGDRidge

OURS = "sgd_estimators"
EVERY = ("ridge", "logistic", "softmax")
TOLS = [10 ** (-k / 2) for k in range(21)]
ITERATIONS = sorted({round(1.5**k) for k in range(24)})  # 1, 2, 3, 5, 8, ... 11,223
THREADS = int(os.environ.get("OMP_NUM_THREADS", 1))  # the command sets it


@dataclass(frozen=True)
class Peer:
    """A method: `make(alpha, n, **setting)` returns a model."""

    name: str
    package: str
    tasks: tuple[str, ...]
    make: Callable
    ladders: list[list[dict]]
    penalises_b: bool = False  # its W is judged with the best b, which is not timed

    def missing(self):
        """Return why the package cannot be imported; None where it can."""
        try:
            importlib.import_module(self.package)
        except Exception as error:  # a broken binary may raise anything
            return f"not installed: {error}"
        return None


def ladders(rungs, **grid):
    """Return a ladder for each point of the grid; rungs is (knob, its values)."""
    knob, values = rungs
    points = [dict(zip(grid, point, strict=True)) for point in product(*grid.values())]
    return [[point | {knob: value} for value in values] for point in points]


def iterations(**grid):
    """Return ladders of ever more iterations."""
    return ladders(("max_iter", ITERATIONS), **grid)


def tolerances(**grid):
    """Return ladders of ever smaller tolerances."""
    return ladders(("tol", TOLS), **grid)


# ---------------------------------------------------------------- how they are made


def our_ridge(alpha, n, **setting):
    """Return our SGDRidge, all else at its defaults."""
    return SGDRidge(alpha=alpha, random_state=0, **setting)


def our_logistic(alpha, n, **setting):
    """Return our SGDLogistic, all else at its defaults."""
    return SGDLogistic(C=1 / alpha, random_state=0, **setting)


def ridge(alpha, n, solver, tol=0, max_iter=None):
    """Return scikit-learn's Ridge."""
    return Ridge(alpha=alpha, solver=solver, tol=tol, max_iter=max_iter, random_state=0)


def logistic(alpha, n, solver, max_iter):
    """Return scikit-learn's LogisticRegression."""
    return LogisticRegression(
        C=1 / alpha, solver=solver, tol=1e-14, max_iter=max_iter, random_state=0
    )


def liblinear(alpha, n, tol, intercept_scaling):
    """Return LogisticRegression by liblinear, which penalises the intercept."""
    return LogisticRegression(
        C=1 / alpha,
        solver="liblinear",
        tol=tol,
        max_iter=100_000,
        intercept_scaling=intercept_scaling,
        random_state=0,
    )


def sgd_regressor(alpha, n, **setting):
    """Return scikit-learn's SGDRegressor."""
    return SGDRegressor(alpha=alpha / n, tol=None, random_state=0, **setting)


def sgd_classifier(alpha, n, **setting):
    """Return scikit-learn's SGDClassifier."""
    return SGDClassifier(
        loss="log_loss", alpha=alpha / n, tol=None, random_state=0, **setting
    )


def cyanure_ridge(alpha, n, **setting):
    """Return cyanure's Regression."""
    from cyanure.estimators import Regression

    return Regression(lambda_1=alpha / n, max_iter=100_000, verbose=False, **setting)


def cyanure_logistic(alpha, n, **setting):
    """Return cyanure's Classifier."""
    from cyanure.estimators import Classifier

    return Classifier(
        loss="logistic", lambda_1=alpha / n, max_iter=100_000, verbose=False, **setting
    )


def snapml(alpha, n, model, **setting):
    """Return a model of snapml."""
    import snapml

    return getattr(snapml, model)(
        regularizer=alpha, fit_intercept=True, tol=1e-15, n_jobs=THREADS, **setting
    )


def glum(alpha, n, **setting):
    """Return glum's GeneralizedLinearRegressor."""
    from glum import GeneralizedLinearRegressor

    return GeneralizedLinearRegressor(alpha=alpha / n, gradient_tol=1e-14, **setting)


def skglm(alpha, n, datafit, solver, tol):
    """Return skglm's GeneralizedLinearEstimator."""
    from skglm import GeneralizedLinearEstimator, datafits, penalties, solvers

    return GeneralizedLinearEstimator(
        getattr(datafits, datafit)(),
        penalties.L1_plus_L2(alpha / n, 0.0),  # its L2 is not for these solvers
        getattr(solvers, solver)(tol=tol, max_iter=1000),
    )


def torch(alpha, n, **setting):
    """Return a linear model trained by PyTorch."""
    from torch_model import TorchLinear

    return TorchLinear(alpha / n, **setting)


def vw(alpha, n, **setting):
    """Return a linear model trained by Vowpal Wabbit."""
    from vw_model import VW

    return VW(alpha, n, **setting)


# --------------------------------------------------------------------------- the table

SGD = [
    *iterations(learning_rate=["optimal"], average=[False, True]),
    *iterations(
        learning_rate=["constant", "invscaling"],
        average=[True],
        eta0=[1e-4, 1e-3, 0.01, 0.1],
    ),
]
SNAPML = {"dual": [True, False], "intercept_scaling": [1.0, 100.0]}
RATES = [1e-3, 1e-2, 1e-1, 1.0]
TORCH = {"batch_size": [256], "rate": RATES}

PEERS = [
    *(
        Peer(name, OURS, tasks, make, ladders)
        for tasks, make, own in (
            # Least squares may make most of its way in one iteration.
            (("ridge",), our_ridge, tolerances() + iterations(tol=[1e-14])),
            (("logistic", "softmax"), our_logistic, iterations(tol=[1e-14]) + tolerances()),
        )
        for name, ladders in ((OURS, own), (f"{OURS}, certified", tolerances()))
    ),
    *(
        Peer(f"Ridge({solver})", "sklearn", ("ridge",), ridge, [[{"solver": solver}]])
        for solver in ("cholesky", "svd")
    ),
    *(
        Peer(f"Ridge({solver})", "sklearn", ("ridge",), ridge, iterations(solver=[solver]))
        for solver in ("lsqr", "sag", "saga")
    ),
    Peer(  # which takes no heed of max_iter where there are more columns than rows
        "Ridge(sparse_cg)",
        "sklearn",
        ("ridge",),
        ridge,
        tolerances(solver=["sparse_cg"]),
    ),
    Peer("SGDRegressor", "sklearn", ("ridge",), sgd_regressor, SGD),
    *(
        Peer(
            f"LogisticRegression({solver})",
            "sklearn",
            ("logistic", "softmax"),
            logistic,
            iterations(solver=[solver]),
        )
        for solver in ("lbfgs", "newton-cg", "newton-cholesky", "sag", "saga")
    ),
    Peer(
        "LogisticRegression(liblinear)",
        "sklearn",
        ("logistic",),
        liblinear,
        tolerances(intercept_scaling=[1.0, 100.0]),
        penalises_b=True,
    ),
    Peer("SGDClassifier", "sklearn", ("logistic",), sgd_classifier, SGD),
    *(
        Peer("cyanure", "cyanure", tasks, make, tolerances(solver=["auto", "qning-svrg"]))
        for tasks, make in (
            (("ridge",), cyanure_ridge),
            (("logistic", "softmax"), cyanure_logistic),
        )
    ),
    *(
        Peer("snapml", "snapml", (task,), snapml, iterations(model=[model], **SNAPML), True)
        for task, model in (
            ("ridge", "LinearRegression"),
            ("logistic", "LogisticRegression"),
        )
    ),
    *(
        Peer(
            f"glum({solver})",
            "glum",
            (task,),
            glum,
            iterations(family=[family], solver=[solver]),
        )
        for task, family in (("ridge", "normal"), ("logistic", "binomial"))
        for solver in ("irls-ls", "lbfgs")
    ),
    *(
        Peer(
            f"skglm({solver})",
            "skglm",
            (task,),
            skglm,
            tolerances(datafit=[datafit], solver=[solver]),
        )
        for task, datafit, solver in (
            ("ridge", "Quadratic", "AndersonCD"),
            ("logistic", "Logistic", "AndersonCD"),
            ("logistic", "Logistic", "ProxNewton"),
        )
    ),
    *(
        Peer(
            f"vowpalwabbit({mode})",
            "vowpalwabbit",
            ("ridge", "logistic"),
            vw,
            ladders(("max_iter", counts), mode=[mode], **grid),
        )
        for mode, counts, grid in (
            ("sgd", ITERATIONS, {"rate": [0.05, 0.5, 5.0]}),
            ("bfgs", ITERATIONS[1:], {}),  # takes two at least
        )
    ),
    *(
        Peer(f"torch({method})", "torch", EVERY, torch, iterations(method=[method], **grid))
        for method, grid in (("LBFGS", {}), ("SGD", TORCH), ("Adam", TORCH))
    ),
]


def peers_of(task, names=None):
    """Return the peers for a task, ours first, of these names: words they begin with."""
    return [
        peer
        for peer in PEERS
        if task in peer.tasks
        and (peer.package == OURS or not names or peer.name.startswith(tuple(names)))
    ]


def versions():
    """Return the version of each package, or why it is missing."""
    found = {}
    for peer in PEERS:
        name = {"sklearn": "scikit-learn"}.get(peer.package, peer.package)
        if name not in found:
            found[name] = peer.missing() or version(name)
    return found
