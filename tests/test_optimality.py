"""`optimality_gap`: never below f - f*, near it wherever passes suffice, and whose f."""

import functools

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn import datasets
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    RidgeClassifier,
)

from newton import least_squares, log_loss_objective, newton, squared_objective
from sgd_estimators import (
    SGDLinearRegressor,
    SGDLogistic,
    SGDRidge,
    optimality_gap,
)

# f is summed in two ways, and raw columns cancel some digits.
ROUNDING = 1e-12
N = 120


def drawn(loss, n_outputs, seed, wide):
    """Return random data with columns of several sizes, and weights with zeros."""
    rng = np.random.default_rng(seed)
    d = 30 if wide else 4
    X = (
        rng.normal(size=(N, d))
        * (rng.random((N, d)) < 0.5)
        * 10.0 ** rng.integers(-2, 3, d)
    )
    score = rng.normal(size=(N, n_outputs)) + 0.5 * X[:, :1]
    if loss == "squared":
        y = score
    else:
        K = max(2, n_outputs)
        y = np.concatenate([np.arange(K), rng.integers(K, size=N - K)])
    weight = rng.integers(0, 3, N).astype(float)
    weight[: max(2, n_outputs)] = 1  # every class counts
    return X, y, weight


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    loss=st.sampled_from(["squared", "logistic", "softmax"]),
    seed=st.integers(0, 2**16),
    size=st.sampled_from([0.0, 1e-3, 1.0, 1e3, 1e8]),
    near=st.booleans(),
    penalty=st.sampled_from([1e-6, 1e-3, 0.1, 10.0]),
    weighted=st.booleans(),
    intercept=st.booleans(),
    sparse=st.booleans(),
    wide=st.booleans(),
)
def test_the_gap_bounds_the_distance_and_nearly_is_it(
    loss, seed, size, near, penalty, weighted, intercept, sparse, wide
):
    n_outputs = {"squared": 2, "logistic": 1, "softmax": 3}[loss]
    X, y, weight = drawn(loss, n_outputs, seed, wide)
    weight = weight if weighted else None
    if loss == "squared":
        solve, f = least_squares, squared_objective
    else:
        solve, f = newton, log_loss_objective
    kept = slice(None) if weight is None else weight > 0
    own = None if weight is None else weight[kept]
    best = solve(X[kept], y[kept], penalty, own, intercept)
    rng = np.random.default_rng(seed + 1)
    coef = size * rng.normal(size=(n_outputs, X.shape[1])) + (best.coef if near else 0.0)
    b = size * rng.normal(size=n_outputs) + (best.intercept if near else 0.0)
    b = b if intercept else np.zeros(n_outputs)
    value = f(X[kept], y[kept], coef, b, penalty, own)
    found = optimality_gap(
        (coef, b if intercept else None),
        sp.csr_array(X) if sparse else X,
        y,
        sample_weight=weight,
        loss=loss,
        penalty=penalty,
    )
    assert_allclose(found.objective, value, rtol=1e-9)
    excess, fall = value - best.best, best.start - best.best
    rounding = ROUNDING * (value + best.start)
    assert found.gap >= excess - rounding
    assert found.gap <= excess + 1.01e-6 * fall + 1e2 * rounding
    assert found.certificate in ("least squares", "subset", "fenchel", "value")


@functools.cache
def shipped(name):
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return X, y


S = np.random.default_rng(0).integers(1, 4, 600).astype(float)
MODELS = {
    "LinearRegression": (LinearRegression(), "diabetes"),
    "Ridge": (Ridge(3.0), "diabetes"),
    "Ridge, no intercept": (Ridge(3.0, fit_intercept=False), "diabetes"),
    "Ridge, an alpha a target": (Ridge([1.0, 2.0, 3.0]), "linnerud"),
    "LinearRegression, targets": (LinearRegression(), "linnerud"),
    "logistic": (LogisticRegression(C=0.5), "breast_cancer"),
    "logistic, balanced": (LogisticRegression(class_weight="balanced"), "breast_cancer"),
    "logistic, classes": (LogisticRegression(class_weight={"no": 3.0}), "breast_cancer"),
    "softmax": (LogisticRegression(C=2.0), "wine"),
    "ours": (SGDLinearRegressor(), "diabetes"),
    "our ridge": (SGDRidge([1.0, 2.0, 3.0]), "linnerud"),
    "our logistic": (SGDLogistic(2.0, class_weight="balanced"), "breast_cancer"),
    "our softmax": (SGDLogistic(0.1, fit_intercept=False), "wine"),
    "our adam": (SGDLogistic(optimizer="adam", max_iter=3), "breast_cancer"),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", MODELS)
def test_a_fitted_model_is_certified_with_its_own_objective(case, weighted):
    model, name = MODELS[case]
    X, y = shipped(name)
    names = np.array(["no", "yes", "perhaps"])
    squared = name in ("diabetes", "linnerud")
    y = y if squared else names[y]
    weight = S[: len(y)] if weighted else np.ones(len(y))
    model.fit(X, y, weight if weighted else None)
    found = optimality_gap(model, X, y, sample_weight=weight if weighted else None)
    own = getattr(model, "class_weight", None)
    if own == "balanced":
        count = np.array([weight[y == k].sum() for k in model.classes_])
        own = dict(zip(model.classes_, weight.sum() / (len(count) * count), strict=True))
    if own:
        weight = weight * np.array([own.get(k, 1.0) for k in y])
    total = weight.sum()
    penalty = np.ravel(getattr(model, "alpha", 0.0)) / total
    if hasattr(model, "C"):
        penalty = 1 / (model.C * total)
    solve = least_squares if squared else newton
    f = squared_objective if squared else log_loss_objective
    value = f(X, y, model.coef_, model.intercept_, penalty, weight)
    best = solve(X, y, penalty, weight, model.fit_intercept)
    excess, fall = value - best.best, best.start - best.best
    assert_allclose(found.objective, value, rtol=1e-9)
    assert found.gap >= excess - ROUNDING * best.start
    assert found.gap <= excess + 1.01e-6 * fall + 1e3 * ROUNDING * best.start
    if case in ("LinearRegression", "Ridge", "ours"):
        assert found.gap <= 1e-11 * best.start  # it is the optimum


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_scikit_learn_leaves_to_be_desired_is_seen():
    X, y = shipped("breast_cancer")
    good, bad = (LogisticRegression(max_iter=k).fit(X, y) for k in (10_000, 10))
    assert optimality_gap(bad, X, y).gap > 100 * optimality_gap(good, X, y).gap
    liblinear = LogisticRegression(solver="liblinear", tol=1e-10).fit(X, y)
    none = LogisticRegression(
        solver="liblinear", tol=1e-10, fit_intercept=False, max_iter=10_000
    ).fit(X, y)
    assert optimality_gap(none, X, y).gap < 1e-2 * optimality_gap(liblinear, X, y).gap


def test_without_a_penalty_the_losses_themselves_are_a_bound():
    X = np.random.default_rng(0).normal(size=(20, 3))
    y = (X[:, 0] > 0).astype(float)  # separable: f* = 0 is nowhere
    found = optimality_gap((np.array([50.0, 0, 0]), 0.0), X, y, loss="logistic")
    assert 0 < found.gap <= found.objective
    many = np.random.default_rng(1).normal(size=(50, 600))
    found = optimality_gap((np.zeros(600), None), many, np.ones(50), loss="squared")
    assert_allclose(found.gap, 0.5, rtol=1e-9)
    beyond = optimality_gap((np.full(3, 1e300), 0.0), X, y, loss="squared")
    assert beyond.objective == beyond.gap == np.inf
    assert beyond.certificate == "none"


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_many_columns(loss):
    rng = np.random.default_rng(0)
    X = sp.random_array((400, 6000), density=0.01, rng=rng, format="csr")
    score = X @ rng.normal(size=6000)
    y = score if loss == "squared" else (score > 0).astype(float)
    model = (Ridge(1.0) if loss == "squared" else LogisticRegression()).fit(X, y)
    good = optimality_gap(model, X, y)
    far = optimality_gap((0 * model.coef_, 0.0), X, y, loss=loss, penalty=1 / 400)
    assert good.gap < 1e-3 * far.gap
    assert_allclose(far.objective - far.gap, good.objective - good.gap, rtol=1e-4)


def test_errors_name_the_argument():
    X, y = shipped("diabetes")
    labels = (y > 100).astype(int)
    pair, raw = (np.zeros(10), 0.0), {"loss": "squared"}
    cases = [
        (ValueError, "loss must be given", (pair, X, y), {}),
        (ValueError, "loss must be one of", (pair, X, y), {"loss": "hinge"}),
        (ValueError, "penalty must be", (pair, X, y), raw | {"penalty": -1}),
        (ValueError, "coef must be of shape", ((np.zeros(3), 0.0), X, y), raw),
        (ValueError, "coef contains NaN", ((np.full(10, np.nan), 0.0), X, y), raw),
        (ValueError, "intercept must be", ((pair[0], np.inf), X, y), raw),
        (ValueError, "intercept must be", ((pair[0], [1, 2]), X, y), raw),
        (ValueError, "model must be", ((pair[0],), X, y), raw),
        (ValueError, "y must be", (pair, X, y), {"loss": "logistic"}),
        (ValueError, "sample_weight", (pair, X, y), raw | {"sample_weight": [1]}),
        (ValueError, "tol must be", (pair, X, y), raw | {"tol": -1}),
        (ValueError, "max_iter must be", (pair, X, y), raw | {"max_iter": 0}),
        (TypeError, "model must be", (RidgeClassifier().fit(X, labels), X, labels), {}),
        (TypeError, "model must be", (LogisticRegressionCV(), X, labels), {}),
        (ValueError, "loss must be None", (Ridge().fit(X, y), X, y), raw),
        (
            ValueError,
            "penalty must be None",
            (SGDRidge().fit(X, y), X, y),
            {"penalty": 1.0},
        ),
        (ValueError, "positive", (Ridge(positive=True).fit(X, y), X, y), {}),
        (ValueError, "features", (Ridge().fit(X, y), X[:, :3], y), {}),
        (ValueError, "targets", (Ridge().fit(X, y), X, np.c_[y, y]), {}),
        (ValueError, "not fitted", (Ridge(), X, y), {}),
        (ValueError, "not fitted", (SGDRidge(), X, y), {}),
        (ValueError, "not fitted", (LogisticRegression(), X, y), {}),
    ]
    for error, match, args, options in cases:
        with pytest.raises(error, match=match):
            optimality_gap(*args, **options)
    model = LogisticRegression(l1_ratio=1.0, solver="liblinear").fit(X, labels)
    with pytest.raises(ValueError, match="l1_ratio"):
        optimality_gap(model, X, labels)
    with pytest.raises(ValueError, match="classes"):
        optimality_gap(LogisticRegression(C=1e-3).fit(X, labels), X, labels + 1)
