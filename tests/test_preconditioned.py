"""preconditioner="hessian": the coordinates of a matrix, and what they are good for."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from scipy.linalg import block_diag
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from newton import least_squares, log_loss_objective, newton, squared_objective
from oracle import LOSSES, STORAGES, assert_equal, draw
from rules import RATED
from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge
from sgd_estimators._auto import start
from sgd_estimators._estimate import roots
from sgd_estimators._kernels.epoch import run_epoch
from sgd_estimators._kernels.order import Order
from sgd_estimators._kernels.preconditioned import Preconditioned
from sgd_estimators._kernels.steps import SGDStep
from sgd_estimators._smoothness import smoothness

rng = np.random.default_rng(0)


def collinear(n=2000, d=12):
    """Return raw columns of a correlation matrix of condition 1e8, and what made them."""
    made = rng.normal(size=(n, d))
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    X = made @ (turn * np.logspace(0, -4, d)).T @ np.linalg.qr(rng.normal(size=(d, d)))[0]
    return X * np.logspace(-3, 3, d) + 5.0, made


X, MADE = collinear()
Y = MADE @ rng.normal(size=12) + 0.5 * rng.normal(size=2000)  # in every direction of X
LABEL = np.digitize(Y + rng.normal(size=2000), np.quantile(Y, [0.3, 0.6]))
MODELS = {
    "linear": (SGDLinearRegressor(), Y),
    "two targets": (SGDRidge([1.0, 30.0]), np.column_stack([Y, MADE[:, 0]])),
    "logistic": (SGDLogistic(), LABEL > 0),
    "softmax": (SGDLogistic(), LABEL),
}


def draw_roots(f, n_blocks, whole=False):
    m = f.n_params if whole else f.n_params // f.n_outputs
    return np.eye(m) + 0.3 * np.tril(np.random.default_rng(1).normal(size=(n_blocks, m, m)))


def whole_matrix(f, T):
    repeated = [T[i % len(T)] for i in range(f.n_params // T.shape[1])]
    return block_diag(*repeated)


def every_root(f):
    yield draw_roots(f, 1)
    yield draw_roots(f, f.n_outputs)
    yield draw_roots(f, 1, whole=True)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("storage", STORAGES)
def test_the_gradient_is_that_of_the_changed_variable(loss, storage):
    p = draw(loss)
    f = p.kernel(storage)
    for T in every_root(f):
        g, M = Preconditioned(f, T), whole_matrix(f, T)
        v = g.inside(p.W)
        assert_allclose(g.outside(v), p.W, rtol=0, atol=1e-9)
        assert_allclose(M.T @ v.ravel(), p.W.ravel(), rtol=0, atol=1e-9)
        for batch in (None, p.rows[:5]):
            value, G = p.value_and_gradient(g.outside(v), batch)
            want = value, (M @ G.ravel()).reshape(G.shape)
            assert_equal(g.value_and_gradient(v, batch), want)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("size", [1, 8])
def test_sgd_in_the_coordinates_is_a_step_along_the_inverse(loss, size):
    p = draw(loss)
    f = p.kernel()
    for T in every_root(f):
        g, M = Preconditioned(f, 0.2 * T), 0.2 * whole_matrix(f, T)
        order, twin = Order(f.n_active, p.active), Order(f.n_active, p.active)
        rates = np.full(-(-order.n // size), 0.1)
        v, want = g.inside(p.W), p.W.copy()
        run_epoch(g, SGDStep(f.n_params), v, order, size, rates)
        for first in range(0, twin.n, size):
            G = p.value_and_gradient(want, twin.take(min(size, twin.n - first)))[1]
            want -= 0.1 * (M.T @ (M @ G.ravel())).reshape(G.shape)
        assert_allclose(g.outside(v), want, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_the_roots_make_the_hessian_of_the_sample_a_unit_matrix(name):
    model, y = MODELS[name]
    model.set_params(optimizer="sgd", preconditioner="hessian", max_iter=1, random_state=0)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    run = model._run
    assert run.roots.shape[1:] == (39, 39) if name == "softmax" else (13, 13)
    # n rows fit into the sample here: T H T' = I for the squared loss
    if name in ("linear", "two targets"):
        A = np.column_stack([(X - run.metric[0]) / run.metric[1], np.ones(len(X))])
        alpha = np.ravel(getattr(model, "alpha", 0.0))
        for T, lam in zip(run.roots, alpha, strict=True):
            H = A.T @ A / len(X) + np.diag(np.append(lam / len(X) / run.metric[1] ** 2, 0))
            assert_allclose(T @ H @ T.T, np.eye(13), atol=1e-6)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_smoothness_is_that_of_the_metric(loss, weighted, sparse):
    p = draw(loss, n=60, weighted=weighted)
    p.mean[:] = 0 if sparse else p.mean
    f = p.kernel("csr f64 i32" if sparse else "dense f64")
    T = draw_roots(f, f.n_outputs)
    g, seen, rows = Preconditioned(f, T), p.seen(), p.rows
    s = (np.ones(60) if p.weight is None else p.weight)[rows]
    got = smoothness(g, 5, 0)
    n, curvature = len(rows), f.loss.curvature
    share = (n - 5) / (5 * (n - 1))
    largest, norm = 0.0, 0.0
    for k in range(f.n_outputs):
        H = curvature * (seen[rows].T * s) @ seen[rows] / s.sum() + np.diag(f.penalty[k])
        largest = max(largest, np.linalg.eigvalsh(T[k] @ H @ T[k].T)[-1])
        rows_in = seen[rows] @ T[k].T
        norm = np.maximum(norm, n * s / s.sum() * np.sum(rows_in**2, axis=1))
    assert_allclose(got.noise, 2 * share * curvature * norm @ norm / norm.sum(), rtol=1e-10)
    mean = got.mean / (1 - share)
    assert largest * (1 - 1e-3) < mean < 1.11 * largest
    assert got.sign_step > 0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", MODELS)
def test_it_beats_the_diagonal_where_columns_are_collinear(name):
    model, y = MODELS[name]
    best = model.set_params(
        optimizer="auto", preconditioner="auto", tol=1e-8, max_iter=1000
    )
    best = best.fit(X, y).objective_

    def epochs(preconditioner):
        model.set_params(optimizer="sgd", preconditioner=preconditioner, tol=0)
        model.set_params(max_iter=300, n_iter_no_change=1000, random_state=1).fit(X, y)
        objective = model.history_["objective"]
        near = objective - best <= 1e-4 * (model._run.floor - best)
        return np.argmax(near) + 1 if near.any() else np.inf

    assert 3 * epochs("hessian") < epochs("diagonal")


SHIPPED = {
    "diabetes": datasets.load_diabetes(return_X_y=True, scaled=False),
    "breast cancer": datasets.load_breast_cancer(return_X_y=True),
    "wine": datasets.load_wine(return_X_y=True),
}


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("name", SHIPPED)
def test_gradient_descent_ends_certified(name, scaled, storage):
    X, y = SHIPPED[name]
    X = StandardScaler().fit_transform(X) if scaled else X
    if name == "diabetes":
        model, solve, f = SGDRidge(), least_squares, squared_objective
    else:
        model, solve, f = SGDLogistic(), newton, log_loss_objective
    model.set_params(preconditioner="hessian", batch_size="full", random_state=0)
    model.fit(storage(X), y)  # a warning is an error
    assert model.converged_
    optimum = solve(X, y, 1 / len(y))
    value = f(X, y, model.coef_, model.intercept_, 1 / len(y))
    assert optimum.excess(value) <= model.tol + 1e-12


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("optimizer", RATED)
def test_any_optimizer_takes_it(optimizer):
    X, y = SHIPPED["diabetes"]
    model = SGDRidge(
        optimizer=optimizer, preconditioner="hessian", max_iter=30, tol=1e-3, random_state=0
    )
    optimum = least_squares(X, y, 1 / len(y))
    model.fit(X, y)
    value = squared_objective(X, y, model.coef_, model.intercept_, 1 / len(y))
    assert optimum.excess(value) <= 1e-2


def test_integer_weights_are_repeated_rows():
    X, y = SHIPPED["wine"]
    weight = np.random.default_rng(0).integers(0, 4, len(y))
    given = {"batch_size": "full", "preconditioner": "hessian", "random_state": 0}
    one = SGDLogistic(**given).fit(X, y, weight)
    other = SGDLogistic(**given).fit(np.repeat(X, weight, 0), np.repeat(y, weight))
    assert one.converged_
    assert other.converged_
    assert_allclose(one.objective_, other.objective_, rtol=1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("shape", ["repeated columns", "more columns than rows"])
def test_a_singular_hessian_is_no_obstacle(shape):
    draw = np.random.default_rng(0)
    X = draw.normal(size=(200, 8)) if "rep" in shape else draw.normal(size=(30, 60))
    X = np.hstack([X, X, np.ones((len(X), 1))]) if "rep" in shape else X
    y = X[:, 0] + 0.1 * draw.normal(size=len(X))
    for Model in (SGDLinearRegressor, SGDRidge):  # which knows every direction
        model = Model(
            optimizer="sgd", preconditioner="hessian", max_iter=50, random_state=0
        )
        model.fit(X, y)
        best = Model(random_state=0).fit(X, y).objective_
        assert model.objective_ - best <= 1e-5 * np.var(y)
        assert np.linalg.norm(model.coef_) < 1e3


def test_what_cannot_be_honoured_is_an_error():
    model = SGDRidge(preconditioner="hessian")
    wide = sp.random_array((50, 5000), density=0.01, format="csr", random_state=0)
    with pytest.raises(ValueError, match=r"hessian.*5000.*diagonal"):
        model.fit(wide, np.arange(50.0))
    with pytest.raises(ValueError, match="partial_fit"):
        model.partial_fit(X, Y)
    assert not hasattr(model, "coef_")


def test_a_changed_penalty_learns_anew():
    X, y = SHIPPED["diabetes"]
    model = SGDRidge(
        1e-3, batch_size="full", preconditioner="hessian", warm_start=True, random_state=0
    )
    first = model.fit(X, y)._run.roots
    model.set_params(alpha=1e4).fit(X, y)
    assert model.converged_
    assert np.abs(model._run.roots - first).max() > 1e-3
    fresh = SGDRidge(1e4).fit(X, y)
    assert_allclose(model.objective_, fresh.objective_, rtol=1e-5)


def test_roots_leave_the_metric_of_f():
    p = draw("squared", n=400)
    f = p.kernel()
    roots(f, start(f), 0)
    assert f.rows.mean is not None
    assert_allclose(f.rows.mean, p.mean)
    assert_allclose(f.rows.scale, p.scale)
