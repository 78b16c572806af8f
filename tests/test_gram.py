"""Least squares of more than some hundred columns: exact, each target by itself."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LinearRegression

from newton import least_squares
from sgd_estimators import SGDLinearRegressor, SGDRidge, _solver

rng = np.random.default_rng(0)
N, D = 700, 520


def minimum(X, Y, weight):
    """Return 2 f* of each target, by an SVD of the centred and equilibrated matrix."""
    s = weight / weight.sum()
    A = np.sqrt(s)[:, None] * (X - s @ X)
    size = np.linalg.norm(A, axis=0)
    A /= np.where(size > 1e-13 * np.abs(X).max(axis=0), size, np.inf)
    U, roots, _ = np.linalg.svd(A, full_matrices=False)
    U = U[:, roots > 1e-12 * roots[0]]
    b = np.sqrt(s)[:, None] * (Y - s @ Y)
    return np.sum((b - U @ (U.T @ b)) ** 2, axis=0)


def correlated(condition):
    """Return columns of this condition number, on scales of 1e-6 to 1e6."""
    turn = np.linalg.qr(rng.normal(size=(D, D)))[0] * np.geomspace(1, 1 / condition, D)
    X = rng.normal(size=(N, D)) @ (turn @ np.linalg.qr(rng.normal(size=(D, D)))[0])
    return X / X.std(axis=0) * 10.0 ** rng.uniform(-6, 6, D)


DENSE = rng.normal(size=(N, D))
CASES = {
    "independent": DENSE,
    "far from zero": DENSE + 1e6,
    "condition 1e6": correlated(1e6),
    "equal columns": np.column_stack([DENSE[:, :-20], DENSE[:, :20]]),
    "constant columns": np.column_stack([DENSE[:, :-2], np.full(N, 7.0), np.zeros(N)]),
    "sparse": np.where(rng.random((N, D)) < 0.03, DENSE, 0.0),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_each_target_is_at_its_optimum(case, sparse, weighted):
    X = CASES[case]
    Y = X / X.std(axis=0).clip(1e-9) @ rng.normal(size=(D, 2)) + rng.normal(size=(N, 2))
    Y *= [1e-3, 1e3]
    weight = rng.integers(1, 4, N).astype(float) if weighted else np.ones(N)
    best = minimum(X, Y, weight)
    model = SGDLinearRegressor().fit(sp.csr_array(X) if sparse else X, Y, weight)
    loss = np.average((model.predict(X) - Y) ** 2, axis=0, weights=weight)
    assert model.converged_
    assert model.certificate_ == "least squares"
    assert model.gap_ >= model.objective_ - best.sum() / 2 - 1e-13 * Y.var(axis=0).sum()
    fall = np.average((Y - np.average(Y, 0, weight)) ** 2, 0, weight) - best
    assert np.all(loss - best <= 1e-6 * fall)


def test_it_is_the_solution_of_least_norm():
    X, y = CASES["equal columns"], rng.normal(size=N)
    ours, theirs = SGDLinearRegressor().fit(X, y), LinearRegression().fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-8)


def test_entries_of_thin_columns_count_as_all_do():
    X = np.column_stack([CASES["sparse"], DENSE[:, :3] + 100])
    y, weight = rng.normal(size=N), rng.uniform(0.5, 2, N)
    models = [SGDLinearRegressor().fit(A, y, weight) for A in (X, sp.csr_array(X))]
    np.testing.assert_allclose(models[0].coef_, models[1].coef_, atol=1e-10)


def test_the_number_of_threads_changes_no_bit():
    fits = [SGDLinearRegressor(n_jobs=k).fit(DENSE, DENSE[:, 0]) for k in (1, 2)]
    assert fits[0].coef_.tobytes() == fits[1].coef_.tobytes()


@pytest.mark.parametrize("tol", [1e-2, 1e-3, 1e-6])
@pytest.mark.parametrize("fits", [False, True])
def test_targets_of_other_sizes_are_certified_each_by_itself(fits, tol, monkeypatch):
    monkeypatch.setattr(_solver, "fits", lambda f: fits)
    turn = np.linalg.qr(rng.normal(size=(D, D)))[0]
    X = rng.normal(size=(N, D)) * np.geomspace(1, 1e-3, D) @ turn
    hard = X @ (turn[-260:].T @ rng.normal(size=260))
    Y = np.column_stack([1e6 * (X @ turn[0]), 30 * hard])
    Y += rng.normal(size=(N, 2)) * [1e5, 0.01]
    model = SGDRidge(tol=tol, random_state=0).fit(X, Y)
    assert model.converged_
    assert model.n_iter_ == len(model.history_["gap"])
    total = 0.0
    for k, y in enumerate(Y.T):
        wrong = y - X @ model.coef_[k] - model.intercept_[k]
        value = np.mean(wrong**2) / 2 + model.coef_[k] @ model.coef_[k] / (2 * N)
        best = least_squares(X, y, 1 / N).best
        assert value - best <= tol * (y.var() / 2 - best)
        total += value
    np.testing.assert_allclose(model.objective_, total, rtol=1e-9)
