"""What scikit-learn's tests of Ridge ask, asked of SGDRidge and SGDLinearRegressor."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import make_scorer, mean_squared_error
from sklearn.model_selection import GridSearchCV, LeaveOneOut

from sgd_estimators import SGDLinearRegressor, SGDRidge


def problem(shape, seed=0):
    """Return X, y and the solution of known singular values, as the peer's tests do."""
    rng = np.random.default_rng(seed)
    n, d = (60, 8) if shape == "long" else (8, 60)
    U = np.linalg.qr(rng.normal(size=(n, min(n, d))))[0]
    V = np.linalg.qr(rng.normal(size=(d, min(n, d))))[0]
    X = U * rng.uniform(1, 10, min(n, d)) @ V.T
    return X - X.mean(axis=0), rng.normal(size=n), rng


def closed_form(X, y, alpha, weight=None):
    """Return the coefficients and the intercept of ridge regression."""
    s = np.ones(len(y)) if weight is None else weight
    mean, centre = s @ X / s.sum(), s @ y / s.sum()
    A = np.sqrt(s)[:, None] * (X - mean)
    coef = np.linalg.solve(
        A.T @ A + alpha * np.eye(X.shape[1]), A.T @ (np.sqrt(s) * (y - centre))
    )
    return coef, centre - mean @ coef


@pytest.mark.parametrize("shape", ["long", "wide"])
@pytest.mark.parametrize("as_csr", [False, True])
class TestSolution:
    def fit(self, model, X, y, as_csr, weight=None):
        model.set_params(tol=1e-10, random_state=0)
        return model.fit(sp.csr_array(X) if as_csr else X, y, sample_weight=weight)

    def test_it_is_the_closed_form(self, shape, as_csr):
        X, y, _ = problem(shape)
        model = self.fit(SGDRidge(2.0), X, y, as_csr)
        coef, intercept = closed_form(X, y, 2.0)
        np.testing.assert_allclose(model.coef_, coef, atol=1e-7)
        np.testing.assert_allclose(model.intercept_, intercept, atol=1e-7)

    def test_columns_twice_share_the_coefficient(self, shape, as_csr):
        X, y, _ = problem(shape)
        once = self.fit(SGDRidge(2.0), X, y, as_csr)
        twice = self.fit(SGDRidge(4.0), np.hstack([X, X]), y, as_csr)
        d = X.shape[1]
        np.testing.assert_allclose(twice.coef_[:d], once.coef_ / 2, atol=1e-6)
        np.testing.assert_allclose(twice.coef_[d:], once.coef_ / 2, atol=1e-6)

    def test_rows_twice_are_weights_of_two(self, shape, as_csr):
        X, y, _ = problem(shape)
        twice = self.fit(SGDRidge(4.0), np.vstack([X, X]), np.tile(y, 2), as_csr)
        once = self.fit(SGDRidge(2.0), X, y, as_csr)
        heavy = self.fit(SGDRidge(4.0), X, y, as_csr, np.full(len(y), 2.0))
        np.testing.assert_allclose(twice.coef_, once.coef_, atol=1e-6)
        np.testing.assert_allclose(heavy.coef_, once.coef_, atol=1e-6)

    def test_without_a_penalty_it_is_least_squares_of_least_norm(self, shape, as_csr):
        X, y, _ = problem(shape)
        theirs = LinearRegression().fit(X, y)
        for model in (SGDRidge(0.0), SGDLinearRegressor()):
            ours = self.fit(model, X, y, as_csr)
            np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-7)
            np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-7)

    def test_weights_enter_as_in_the_closed_form(self, shape, as_csr):
        X, y, rng = problem(shape)
        weight = rng.uniform(0.1, 3, len(y))
        model = self.fit(SGDRidge(0.7), X, y, as_csr, weight)
        coef, intercept = closed_form(X, y, 0.7, weight)
        np.testing.assert_allclose(model.coef_, coef, atol=1e-6)
        np.testing.assert_allclose(model.intercept_, intercept, atol=1e-6)

    def test_each_target_has_its_penalty(self, shape, as_csr):
        X, y, rng = problem(shape)
        Y = np.column_stack([y, rng.normal(size=len(y))])
        both = self.fit(SGDRidge([0.1, 30.0]), X, Y, as_csr)
        for k, alpha in enumerate([0.1, 30.0]):
            alone = closed_form(X, Y[:, k], alpha)[0]
            np.testing.assert_allclose(both.coef_[k], alone, atol=1e-6)

    def test_a_huge_penalty_leaves_the_mean(self, shape, as_csr):
        X, y, _ = problem(shape)
        model = self.fit(SGDRidge(1e12), X, y, as_csr)
        np.testing.assert_allclose(model.coef_, 0, atol=1e-9)
        np.testing.assert_allclose(model.intercept_, y.mean(), atol=1e-9)

    def test_integers_are_numbers(self, shape, as_csr):
        X, y, _ = problem(shape)
        whole = np.round(X * 10).astype(int)
        ours = self.fit(SGDRidge(1.0), whole, y, as_csr)
        np.testing.assert_allclose(ours.coef_, closed_form(whole, y, 1.0)[0], atol=1e-7)


@pytest.mark.parametrize("targets", [None, 3])
def test_shapes_follow_the_target(targets):
    X, y, rng = problem("long")
    Y = y if targets is None else rng.normal(size=(60, targets))
    ours, theirs = SGDRidge().fit(X, Y), Ridge().fit(X, Y)
    assert np.shape(ours.coef_) == np.shape(theirs.coef_)
    assert np.shape(ours.intercept_) == np.shape(theirs.intercept_)
    assert ours.predict(X).shape == theirs.predict(X).shape


@pytest.mark.parametrize("alpha", [-1.0, [1.0, 2.0, 3.0], "a", np.nan])
def test_bad_penalties_are_errors(alpha):
    X, y, _ = problem("long")
    with pytest.raises((ValueError, TypeError), match="alpha"):
        SGDRidge(alpha).fit(X, np.column_stack([y, y]))


def test_weights_have_one_dimension():
    X, y, rng = problem("long")
    with pytest.raises(ValueError, match="sample_weight"):
        SGDRidge().fit(X, y, sample_weight=rng.uniform(size=(60, 1)))


def test_the_search_over_penalties_scores_as_the_peers_does():
    X, y, _ = problem("long")
    grid = {"alpha": [0.01, 1.0, 100.0]}
    scoring = make_scorer(mean_squared_error, greater_is_better=False)
    ours, theirs = (
        GridSearchCV(model, grid, cv=LeaveOneOut(), scoring=scoring).fit(X, y)
        for model in (SGDRidge(tol=1e-9), Ridge())
    )
    assert ours.best_params_ == theirs.best_params_
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"],
        theirs.cv_results_["mean_test_score"],
        rtol=1e-5,
    )


def test_the_intercept_of_sparse_data_is_exact():
    rng = np.random.default_rng(0)
    X = sp.random_array((200, 20), density=0.1, rng=rng, format="csr")
    y = X @ rng.normal(size=20) + 100
    dense, sparse = SGDRidge().fit(X.toarray(), y), SGDRidge().fit(sp.csr_array(X), y)
    np.testing.assert_allclose(sparse.intercept_, dense.intercept_, rtol=1e-10)
    np.testing.assert_allclose(sparse.coef_, dense.coef_, rtol=1e-6)
