"""Fewer rows than columns: the exact optimum by way of the rows' products."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, Ridge

from newton import least_squares, log_loss_objective, newton, squared_objective
from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge, _row_space
from sgd_estimators._kernels.losses import Softmax, Squared
from sgd_estimators._kernels.objective import Objective
from sgd_estimators._rows import as_rows

rng = np.random.default_rng(0)


def wide(n, d, seed, *, spread=0, repeats=0, dense=True):
    """Return X with rows that repeat, a constant and a zero column, and scales."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    if not dense:
        X *= rng.random((n, d)) < 0.3
    X[:, 0], X[:, -1] = 3.0, 0.0
    X[n - min(repeats, n - 1) :] = X[0]
    scale = 10.0 ** rng.uniform(-spread, spread, d)
    return (X + (rng.normal(size=d) if dense else 0.0)) * scale


def minimum(X, y, weight, fit_intercept):
    """Return f*, the rank decided by an SVD of the centred and equilibrated matrix."""
    s = weight / weight.sum()
    mean, centre = (s @ X, s @ y) if fit_intercept else (0.0, 0.0)
    A = np.sqrt(s)[:, None] * (X - mean)
    size = np.linalg.norm(A, axis=0)
    A /= np.where(size > 1e-13 * np.sqrt(len(A)) * np.abs(X).max(axis=0), size, np.inf)
    b = np.sqrt(s)[:, None] * (y - centre)
    U, roots, _ = np.linalg.svd(A, full_matrices=False)
    U = U[:, roots > 1e-12 * max(roots.max(initial=0), 1e-300)]
    return 0.5 * np.sum((b - U @ (U.T @ b)) ** 2, axis=0)


shapes = {
    "n": st.integers(1, 30),
    "more": st.integers(1, 60),
    "seed": st.integers(0, 2**32 - 1),
    "spread": st.sampled_from([0, 3, 12]),
    "repeats": st.integers(0, 5),
    "fit_intercept": st.booleans(),
    "weighted": st.booleans(),
    "sparse": st.booleans(),
}


def problem(n, more, seed, spread, repeats, weighted):
    X = wide(n, n + more, seed, spread=spread, repeats=repeats)
    rng = np.random.default_rng(seed)
    Y = rng.normal(size=(n, 2)) + 5
    weight = rng.uniform(0.1, 3, n) if weighted else np.ones(n)
    if weighted:
        weight[1:] *= rng.random(n - 1) < 0.8
    return X, Y, weight


@settings(max_examples=60, deadline=None)
@given(**shapes)
@example(1, 1, 0, 0, 0, True, False, False)
@example(2, 1, 0, 12, 1, True, False, True)
@example(27, 1, 1, 12, 1, False, False, False)
@example(30, 60, 0, 12, 3, False, True, True)
@example(28, 1, 459334203, 12, 0, True, False, False)  # collinear columns
def test_least_squares_is_the_optimum_and_knows_it(
    n, more, seed, spread, repeats, fit_intercept, weighted, sparse
):
    X, Y, weight = problem(n, more, seed, spread, repeats, weighted)
    best = minimum(X, Y, weight, fit_intercept).sum()
    model = SGDLinearRegressor(fit_intercept=fit_intercept, random_state=0)
    model.fit(sp.csr_array(X) if sparse else X, Y, sample_weight=weight)
    value = squared_objective(X, Y, model.coef_, model.intercept_, weight=weight)
    assert model.converged_
    assert np.isfinite(model.coef_).all()
    assert model.gap_ >= model.objective_ - best - 1e-12
    assert value - best <= 1e-6 * np.sum(Y.var(axis=0) + Y.mean(axis=0) ** 2)


@settings(max_examples=60, deadline=None)
@given(**shapes, alpha=st.sampled_from([1e-6, 1.0, [0.1, 1e3]]))
@example(9, 53, 1097437, 12, 4, False, True, True, [0.1, 1e3])  # terms that cancel
def test_ridge_is_the_optimum_and_knows_it(
    n, more, seed, spread, repeats, fit_intercept, weighted, sparse, alpha
):
    X, Y, weight = problem(n, more, seed, spread, repeats, weighted)
    model = SGDRidge(alpha, fit_intercept=fit_intercept, random_state=0)
    model.fit(sp.csr_array(X) if sparse else X, Y, sample_weight=weight)
    penalty = np.broadcast_to(alpha, 2) / weight.sum()
    optimum = least_squares(X, Y, penalty, weight, fit_intercept)
    value = squared_objective(X, Y, model.coef_, model.intercept_, penalty, weight)
    rounding = 1e-9 * (optimum.start + 1)  # of the reference
    assert model.converged_
    assert model.gap_ >= value - optimum.best - rounding
    assert value - optimum.best <= 1e-6 * (optimum.start - optimum.best) + rounding


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("repeats", [0, 4])
def test_the_solution_is_that_of_least_norm(repeats, fit_intercept, sparse):
    X, y = wide(30, 80, 0, spread=1, repeats=repeats, dense=not sparse), rng.normal(size=30)
    ours = SGDLinearRegressor(fit_intercept=fit_intercept)
    ours.fit(sp.csr_array(X) if sparse else X, y)
    theirs = LinearRegression(fit_intercept=fit_intercept).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-9)
    assert ours.certificate_ == "least squares"
    assert ours.n_iter_ == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sparse", [False, True])
def test_ridge_is_that_of_scikit_learn(sparse, dtype):
    X = wide(40, 700, 1, dense=not sparse).astype(dtype)
    y, weight = rng.normal(size=40), rng.uniform(0.5, 2, 40)
    ours = SGDRidge(2.0).fit(sp.csr_array(X) if sparse else X, y, sample_weight=weight)
    theirs = Ridge(2.0, solver="svd").fit(X.astype(float), y, sample_weight=weight)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("size", [1e16, 1e60, 1e100])
def test_a_constant_of_any_size(size):
    X, y = rng.normal(size=(10, 30)), rng.normal(size=10)
    X[:, 3] = 0.0
    without = SGDRidge().fit(X, y).objective_
    X[:, 3] = size
    model = SGDRidge().fit(sp.csr_array(X), y)
    assert model.converged_
    assert model.gap_ < 1e-9
    np.testing.assert_allclose(model.objective_, without, rtol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_has_lost_its_digits_is_not_certified():
    X, y = rng.normal(size=(10, 600)), rng.normal(size=10)
    X[:, 3] = 0.0
    best = SGDRidge().fit(X, y).objective_
    X[:, 3] = 1e16
    model = SGDRidge().fit(sp.csr_array(X), y)
    assert model.objective_ >= 0
    assert model.gap_ >= model.objective_ - best - 1e-12


def test_years_keep_their_digits():
    X = rng.normal(size=(20, 50)) + 1e6
    y = rng.normal(size=20)
    for alpha in (1e-6, 1.0):
        ours, theirs = SGDRidge(alpha).fit(X, y), Ridge(alpha).fit(X - 1e6, y)
        np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("rotated", [False, True])
def test_products_of_rows(rotated, fit_intercept, sparse):
    X = wide(20, 300, 2, dense=not sparse)
    weight = rng.uniform(0.5, 2, 20)
    active = np.flatnonzero(np.arange(20) % 3)
    f = Objective(
        as_rows(sp.csr_array(X) if sparse else X, fit_intercept),
        Squared(),
        np.zeros((20, 1)),
        [1.0],
        weight,
        active,
    )
    rows = _row_space.RowSpace(f)
    s = weight[active] / weight[active].sum()
    A = np.sqrt(s)[:, None] * (X[active] - (s @ X[active] if fit_intercept else 0.0))
    T = rng.normal(size=(len(active), 5)) if rotated else np.eye(len(active))
    np.testing.assert_allclose(
        rows.gram(T if rotated else None), T.T @ A @ A.T @ T, atol=1e-10
    )
    np.testing.assert_allclose(rows.combined(T), T.T @ A, atol=1e-12)


def test_the_number_of_threads_changes_no_bit():
    X, y = rng.normal(size=(200, 2000)), rng.normal(size=200)
    fits = [SGDRidge(n_jobs=k).fit(X, y) for k in (1, 2)]
    assert fits[0].coef_.tobytes() == fits[1].coef_.tobytes()


def labels(n, classes, rng):
    y = rng.integers(0, classes, n)
    y[:classes] = np.arange(classes)[:n]
    return y


@settings(max_examples=40, deadline=None)
@given(
    **{k: v for k, v in shapes.items() if k not in ("n", "more", "spread")},
    n=st.integers(4, 20),
    more=st.integers(1, 15),
    spread=st.sampled_from([0, 3]),
    classes=st.integers(2, 4),
    C=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_logistic_is_the_optimum_and_knows_it(
    n, more, seed, spread, repeats, fit_intercept, weighted, sparse, classes, C
):
    X, _, weight = problem(n, more, seed, spread, min(repeats, n - 3), weighted)
    y = labels(n, classes, np.random.default_rng(seed))
    weight[:classes] = np.maximum(weight[:classes], 0.1)
    model = SGDLogistic(C, fit_intercept=fit_intercept, random_state=0)
    model.fit(sp.csr_array(X) if sparse else X, y, sample_weight=weight)
    penalty = 1 / (C * weight.sum())
    optimum = newton(X, y, penalty, weight, fit_intercept)
    value = log_loss_objective(X, y, model.coef_, model.intercept_, penalty, weight)
    rounding = 1e-9 * optimum.start
    assert model.converged_
    np.testing.assert_allclose(model.objective_, value, rtol=1e-8)
    assert model.gap_ >= value - optimum.best - rounding
    assert value - optimum.best <= 1e-6 * (optimum.start - optimum.best) + rounding


@pytest.mark.parametrize("spread", [6, 12])
@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_on_any_scales_is_certified_or_warns(classes, spread):
    for seed in range(10):
        X = wide(20, 60, seed, spread=spread)
        y = labels(20, classes, np.random.default_rng(seed))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = SGDLogistic(random_state=0).fit(X, y)
        assert np.isfinite(model.coef_).all()
        assert model.converged_ != bool(caught)
        value = log_loss_objective(X, y, model.coef_, model.intercept_, 1 / 20)
        np.testing.assert_allclose(model.objective_, value, rtol=1e-6, atol=1e-14)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_separable_classes_without_a_penalty(classes, sparse):
    X, y = wide(40, 900, 0, dense=not sparse), labels(40, classes, rng)
    model = SGDLogistic(C=np.inf, random_state=0).fit(sp.csr_array(X) if sparse else X, y)
    assert model.converged_
    assert model.certificate_ == "value"
    assert model.score(X, y) == 1


@pytest.mark.parametrize("classes", [2, 3])
def test_classes_that_overlap_without_a_penalty(classes):
    X, y = wide(40, 90, 0, repeats=8), labels(40, classes, rng)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = SGDLogistic(C=np.inf, random_state=0).fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert model.converged_ != bool(caught)
    assert {w.category for w in caught} <= {ConvergenceWarning}


def test_other_coordinates_are_those_of_the_same_function():
    X, y = wide(30, 100, 3, repeats=3), labels(30, 3, rng)
    f = Objective(as_rows(X, True), Softmax(3), y[:, None].astype(float), [0.1] * 3)
    space = _row_space.Coordinates(f)
    coef = rng.normal(size=(3, 29)) @ (X[1:] - X.mean(axis=0))
    intercept = rng.normal(size=3)
    W = space.f.rows.from_user(*space.inside(coef, intercept))
    value = f.value_and_gradient(f.rows.from_user(coef, intercept))[0]
    np.testing.assert_allclose(space.f.value_and_gradient(W)[0], value, rtol=1e-10)
    back = space.outside(W)
    np.testing.assert_allclose(back[0], coef, atol=1e-8)
    np.testing.assert_allclose(back[1], intercept, atol=1e-8)


@pytest.mark.parametrize("sparse", [False, True])
def test_callbacks_and_warm_starts_see_the_coefficients(sparse):
    X, y = wide(50, 200, 4, dense=not sparse), labels(50, 3, rng)
    data = sp.csr_array(X) if sparse else X
    seen = []

    def look(model, record):
        value = log_loss_objective(X, y, model.coef_, model.intercept_, 1 / 50)
        seen.append((record["objective"], value))

    model = SGDLogistic(random_state=0, warm_start=True, callbacks=look).fit(data, y)
    assert len(seen) == model.n_iter_ == len(model.history_["gap"])
    np.testing.assert_allclose(*np.transpose(seen), rtol=1e-8)
    assert model.history_["gap"][-1] == model.gap_
    model.fit(data, y)
    assert model.n_iter_ <= 2
    stopped = SGDLogistic(C=1e3, tol=0, callbacks=lambda model, record: True)
    stopped.fit(data, y)  # which is far from the optimum after one pass
    assert stopped.stop_reason_ == "callback"
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        assert SGDLogistic(max_iter=2, C=1e3, tol=0).fit(data, y).n_iter_ == 2
