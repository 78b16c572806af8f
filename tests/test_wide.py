"""Where the Hessian is too large to hold: dual ascent, conjugate gradients, the optimum."""

from itertools import islice

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import softmax
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from newton import log_loss_objective, newton, squared_objective
from sgd_estimators import (
    SGDLinearRegressor,
    SGDLogistic,
    SGDRidge,
    _least_squares,
    _solver,
    _wide,
)
from sgd_estimators._certificates import Certificate
from sgd_estimators._ground import Ground
from sgd_estimators._judge import Watch
from sgd_estimators._kernels.columns import sums
from sgd_estimators._kernels.losses import Logistic, Softmax, Squared
from sgd_estimators._kernels.objective import Objective
from sgd_estimators._newton import at, quasi_newton
from sgd_estimators._rows import as_rows
from sgd_estimators._scores import means

rng = np.random.default_rng(0)
N, D = 150, 12
X = sp.random_array((N, D), density=0.3, rng=rng, format="csr") * 5
X = sp.csr_array(X)
LATENT = X @ rng.normal(size=D) - 1 + rng.logistic(size=N)
LABEL = np.digitize(LATENT, [-1.0, 1.0]).astype(float)
WEIGHT = rng.uniform(0.5, 2, N)


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """Let no Hessian fit, so that small data takes this way."""
    monkeypatch.setattr(_solver, "fits", lambda f: False)
    monkeypatch.setattr(_least_squares, "pays", lambda f: False)


def objective(loss, *, dense=False, weight=None, alpha=0.02, intercept=True):
    outputs = 3 if isinstance(loss, Softmax) else 1
    y = {Squared: LATENT, Logistic: LATENT > 0, Softmax: LABEL}[type(loss)]
    rows = as_rows(X.toarray() if dense else X, intercept)
    y = np.asarray(y, float)[:, None]
    return Objective(rows, loss, y, [alpha] * outputs, weight)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_sums_of_columns(dtype, weight):
    data = X.astype(dtype)
    rows = np.flatnonzero(np.arange(N) % 3)
    first, second = np.zeros(D), np.zeros(D)
    sums(data.data, data.indices, data.indptr, rows, weight, first, second)
    s = np.ones(N) if weight is None else weight
    A = data.toarray().astype(float)[rows]
    np.testing.assert_allclose(first, s[rows] @ A)
    np.testing.assert_allclose(second, s[rows] @ (A * A))


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("loss", [Squared(), Logistic(), Softmax(3)])
def test_the_bend_is_the_hessian(loss, intercept, weight, dense):
    f = objective(loss, dense=dense, weight=weight, intercept=intercept)
    W = rng.normal(size=(f.n_outputs, D + intercept))
    Z = None if isinstance(loss, Squared) else f.scores(W)
    bend = _wide.Bend(f, at(f.value_and_gradient, W), Z)
    G = f.value_and_gradient(bend.point.W)[1]  # in the metric that it has set
    np.testing.assert_allclose(bend.point.G, G, atol=1e-10)
    V = rng.normal(size=W.shape)
    h = 1e-5
    ahead = f.value_and_gradient(bend.point.W + h * V)[1]
    behind = f.value_and_gradient(bend.point.W - h * V)[1]
    np.testing.assert_allclose(bend(V), (ahead - behind) / (2 * h), atol=1e-7)
    if isinstance(loss, Softmax):
        return
    diagonal = [bend(e[None])[0] @ e for e in np.eye(D + intercept)]
    seen = np.array(diagonal[:D])
    if dense:
        np.testing.assert_allclose(seen, bend.share)
    else:  # half-way: as far from 1 as the scale is
        np.testing.assert_allclose(seen / seen[0], (f.rows.scale / f.rows.scale[0]) ** 2)
    if intercept and not dense:
        np.testing.assert_allclose(seen, bend.share * f.rows.scale**2)


def test_columns_that_are_far_from_the_others_are_divided_by_their_size():
    size = 10.0 ** rng.uniform(-12, 12, D)
    f = Objective(as_rows(sp.csr_array(X * size), True), Squared(), LATENT[:, None], [0.0])
    bend = _wide.Bend(f, at(f.value_and_gradient, np.zeros((1, D + 1))))
    diagonal = np.array([bend(e[None])[0] @ e for e in np.eye(D + 1)])
    assert 0.99 / _wide.FAR < diagonal.min()
    assert diagonal.max() < 1.01 * _wide.FAR


def test_conjugate_gradients_end_at_the_minimum_of_the_quadratic():
    f = objective(Squared(), weight=WEIGHT)
    bend = _wide.Bend(f, at(f.value_and_gradient, np.zeros((1, D + 1))))
    for k, (S, R, _fall) in enumerate(bend.conjugate()):
        np.testing.assert_allclose(R, bend.point.G + bend(S), atol=1e-10)
        if k == D + 3:
            break
    assert np.abs(R).max() < 1e-10


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("dense", [False, True])
def test_the_ground_is_below_the_least_squares_of_each_target(dense, intercept, weight):
    Y = np.column_stack([LATENT, 3 - LATENT**2, rng.normal(size=N)])
    rows = as_rows(X.toarray() if dense else X, intercept)
    alpha, active = np.array([0.5, 0.01, 0.1]), np.arange(0, N, 2)
    f = Objective(rows, Squared(), Y, alpha, weight, active)
    s = (np.ones(N) if weight is None else weight)[active]
    A = np.column_stack([X.toarray(), np.ones(N)])[active][:, : D + intercept]
    least = np.zeros(3)
    for k in range(3):
        H = (A.T * s / s.sum()) @ A + alpha[k] * np.diag(np.arange(D + intercept) < D)
        w = np.linalg.solve(H, (A.T * s / s.sum()) @ Y[active, k])
        wrong = A @ w - Y[active, k]
        least[k] = 0.5 * s @ wrong**2 / s.sum() + 0.5 * alpha[k] * w[:D] @ w[:D]
    bend = _wide.Bend(f, at(f.value_and_gradient, np.zeros((3, D + intercept))))
    ground = Ground(Certificate(f), lambda value: 0.0)
    low = bend.smoothed(np.zeros((3, D + intercept)), bend.point.G, 0.0)
    heights = []
    for k, (S, R, _gain) in enumerate(bend.conjugate()):
        low.meet(S, R)
        value, gap = ground.meet(bend.point.W + low.S)
        assert np.all(ground.height <= least + 1e-12)
        assert np.all(value - gap <= least + 1e-12)
        assert bend.point.value + low.dual <= least.sum() + 1e-12 * bend.point.value
        heights.append(ground.height)
        if k == D + 5 or np.abs(R).max() < 1e-10:
            break
    assert np.all(np.diff(heights, axis=0) >= 0)
    np.testing.assert_allclose(heights[-1], least, rtol=1e-9)


def test_a_bound_is_that_of_its_point_where_no_better_one_is_known():
    f = objective(Logistic())
    passes = _solver.Passes(f, 1e-9, 100, lambda: 0, Watch())
    *_, end = _wide.newton(f, np.zeros((1, D + 1)))
    bounded = []
    for _ in range(5):
        near = end.W + 0.01 * rng.normal(size=(1, D + 1))
        point = at(f.value_and_gradient, near)
        passes.ground.height[:] = -np.inf
        passes._judge(point, np.inf)
        gap, name = passes.certificate.bound(*point)
        if gap[0] < point.value:  # else no loss is negative
            assert passes.best[1:] == (gap[0], name)
            bounded.append(gap[0])
    assert bounded


def test_l_bfgs_finds_the_size_of_a_step_without_a_matrix():
    f = objective(Logistic(), alpha=1e-3, intercept=False)
    f.set_metric(np.zeros(D), np.full(D, 1e3))  # a million times too short steps
    begun = at(f.value_and_gradient, np.zeros((1, D)))
    *_, end = islice(quasi_newton(f.value_and_gradient, begun, None, False), 60)
    y = (LATENT > 0).astype(int)
    least = newton(X.toarray(), y, 1e-3, fit_intercept=False).best
    assert end.value - least <= 1e-8 * (np.log(2) - least)


@pytest.mark.parametrize("model", [SGDLogistic(C=10.0), SGDRidge(alpha=0.1)])
def test_an_interrupted_fit_has_the_coefficients_of_its_objective(model, monkeypatch):
    conjugate = _wide.Bend.conjugate

    def cut(self):
        yield from islice(conjugate(self), 1)
        raise KeyboardInterrupt

    monkeypatch.setattr(_wide.Bend, "conjugate", cut)
    model = clone(model).set_params(tol=1e-12, random_state=0)
    ridge = isinstance(model, SGDRidge)
    y = LATENT if ridge else (LATENT > 0).astype(int)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    value = squared_objective if ridge else log_loss_objective
    own = value(X.toarray(), y, model.coef_, model.intercept_, penalty=0.1 / N)
    np.testing.assert_allclose(model.objective_, own, rtol=1e-10)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("loss", [Squared(), Logistic(), Softmax(3)])
def test_the_dual_of_the_smoothed_step_rises_to_the_minimum_of_the_quadratic(
    loss, intercept, weight
):
    f = objective(loss, intercept=intercept, weight=weight)
    W = 0.1 * rng.normal(size=(f.n_outputs, D + intercept))
    Z = None if isinstance(loss, Squared) else f.scores(W)
    bend = _wide.Bend(f, at(f.value_and_gradient, W), Z)
    G = bend.point.G
    low, duals, own = bend.smoothed(np.zeros_like(W), G, 0.0), [], []
    for k, (S, R, _gain) in enumerate(bend.conjugate()):
        low.meet(S, R)
        duals.append(low.dual)
        q = np.sum(G * low.S) + 0.5 * np.sum(low.S * bend(low.S))
        np.testing.assert_allclose(low.value.sum(), q, atol=1e-12)
        q = np.sum(G * S) + 0.5 * np.sum(S * bend(S))
        penalty = np.where(f.penalty > 0, f.penalty, bend.share)
        own.append(q - 0.5 * np.sum(R * R / penalty))
        if k == 3 * D + 10 or np.abs(R).max() < 1e-9:
            break
    E = np.eye(W.size).reshape(-1, *W.shape)
    H = np.array([bend(e).ravel() for e in E])
    least = -0.5 * G.ravel() @ np.linalg.lstsq(H, G.ravel(), rcond=1e-12)[0]
    assert np.all(np.diff(duals) >= -1e-12)
    assert np.all(np.array(duals) >= np.array(own) - 1e-12)
    assert max(duals) <= least + 1e-12
    np.testing.assert_allclose(duals[-1], least, rtol=1e-6)


def test_targets_that_are_certified_together_are_not_begun_again(monkeypatch):
    """The bound at each one's last point would not do."""
    made = np.random.default_rng(1)
    A = sp.random_array((700, 600), density=0.05, rng=made, format="csr")
    A = sp.csr_array(A * 10 ** made.uniform(-2, 2, 600))
    Y = made.normal(size=(700, 3))
    begun = []
    monkeypatch.setattr(
        _solver,
        "least_squares",
        lambda *args: begun.append(1) or _wide.least_squares(*args),
    )
    model = SGDRidge(alpha=0.1, tol=0.01, random_state=0).fit(A, Y)
    assert model.converged_
    assert len(begun) <= 2  # one of them is nearer its own constant
    for k, y in enumerate(Y.T):
        own = SGDRidge(alpha=0.1, tol=1e-8, random_state=0).fit(A, y)
        penalty = 0.1 / 700
        value = squared_objective(
            A.toarray(), y, model.coef_[k], model.intercept_[k], penalty=penalty
        )
        assert value - own.objective_ <= 0.01 * (y.var() / 2 - own.objective_)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_ridge_and_least_squares_end_at_the_optimum(dense, fit_intercept):
    data = X.toarray() if dense else X
    model = SGDRidge(alpha=3.0, fit_intercept=fit_intercept, tol=1e-9, random_state=0)
    model.fit(data, LATENT, WEIGHT)
    exact = SGDRidge(alpha=3.0, fit_intercept=fit_intercept, optimizer="sgd", tol=1e-9)
    assert model.converged_
    A = X.toarray()
    mean = np.average(A, axis=0, weights=WEIGHT) * fit_intercept
    centre = np.average(LATENT, weights=WEIGHT) * fit_intercept
    H = (A - mean).T * WEIGHT @ (A - mean) + exact.alpha * np.eye(D)
    coef = np.linalg.solve(H, (A - mean).T @ (WEIGHT * (LATENT - centre)))
    np.testing.assert_allclose(model.coef_, coef, atol=1e-3)
    plain = SGDLinearRegressor(random_state=0).fit(data, LATENT)
    best = np.linalg.lstsq(np.column_stack([A, np.ones(N)]), LATENT, rcond=None)[0]
    value = squared_objective(A, LATENT, plain.coef_, plain.intercept_)
    optimum = squared_objective(A, LATENT, best[:D], best[D])
    start = LATENT.var() / 2
    assert value - optimum <= 1e-6 * (start - optimum)


def test_least_squares_ends_though_no_bound_is_known():
    A = sp.random_array((900, 600), density=0.1, rng=np.random.default_rng(0), format="csr")
    y = A @ np.ones(600) + np.random.default_rng(1).normal(size=900)
    with pytest.warns(ConvergenceWarning, match="no_improvement"):
        model = SGDLinearRegressor(random_state=0).fit(sp.csr_array(A), y)
    full = np.column_stack([A.toarray(), np.ones(900)])
    best = np.linalg.lstsq(full, y, rcond=None)[0]
    optimum = np.mean((full @ best - y) ** 2)
    excess = np.mean((model.predict(A) - y) ** 2) - optimum
    assert excess <= 1e-6 * (y.var() - optimum)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("C", [0.01, 1.0, 1e3])
def test_logistic_ends_at_the_optimum(C, n_classes, dense):
    y = LABEL if n_classes == 3 else (LATENT > 0).astype(float)
    model = SGDLogistic(C=C, random_state=0).fit(X.toarray() if dense else X, y)
    optimum = newton(X.toarray(), y.astype(int), 1 / (C * N))
    value = log_loss_objective(
        X.toarray(), y.astype(int), model.coef_, model.intercept_, penalty=1 / (C * N)
    )
    assert model.converged_
    assert optimum.excess(value) <= model.tol
    assert model.gap_ >= value - optimum.best - 1e-12


def test_the_shares_of_softmax_are_those_of_scipy():
    f = objective(Softmax(3))
    W = rng.normal(size=(3, D + 1))
    Z = X @ W[:, :D].T + W[:, D]
    np.testing.assert_allclose(softmax(f.scores(W), axis=1), softmax(Z, axis=1))


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("loss", [Logistic(), Softmax(3)])
def test_the_dual_is_nowhere_above_the_minimum(loss, intercept, weight):
    f = objective(loss, weight=weight, intercept=intercept)
    W = np.zeros((f.n_outputs, D + intercept))
    *_, end = _wide.newton(f, W)
    certificate = Certificate(f)
    Z = f.scores(end.W)
    best = certificate.dual(end.W, Z, means(loss, Z))
    np.testing.assert_allclose(best, end.value, rtol=1e-10)
    for size in 10.0 ** rng.uniform(-4, 1, 20):
        q = rng.dirichlet([0.3] * max(2, f.n_outputs), N)[:, -f.n_outputs :]
        V = end.W + size * rng.normal(size=W.shape)
        t = min(size, 1.0)
        q = (1 - t) * means(loss, Z) + t * q
        assert certificate.dual(V, f.scores(V), q) <= best + 1e-12


@pytest.mark.parametrize("loss", [Logistic(), Softmax(3)])
def test_a_step_of_newtons_method_bounds_better_than_where_it_ends(loss):
    f = objective(loss, alpha=1e-4)
    *_, end = _wide.newton(f, np.zeros((f.n_outputs, D + 1)))
    W = end.W + 0.003 * rng.normal(size=end.W.shape)
    bend = _wide.Bend(f, at(f.value_and_gradient, W), f.scores(W))
    fall = 0.0
    for S, R, gain in bend.conjugate():  # noqa: B007
        fall += gain
        if np.abs(R).max() < 1e-12:
            break
    ground = Ground(Certificate(f), lambda value: 1e-4)
    Z, rise = f.scores(bend.point.W), f.scores(S)
    assert ground.near(bend.point.value, Z, rise)
    assert ground.solved(bend.point.value, -fall - bend.smoothed(S, R, fall).dual)
    assert not ground.solved(bend.point.value, 0.2e-4)
    ground.lift(bend.point.W + S, Z, rise)
    after = at(f.value_and_gradient, bend.point.W + S)
    gap, _ = Certificate(f).bound(*after)
    assert end.value - 1e-12 <= after.value
    assert after.value - end.value - 1e-12 <= after.value - ground.height < 0.1 * gap[0]


@pytest.mark.parametrize("loss", [Logistic(), Softmax(3)])
def test_a_step_that_leaves_the_simplex_has_no_dual(loss):
    f = objective(loss)
    ground = Ground(Certificate(f), lambda value: np.inf)
    W = rng.normal(size=(f.n_outputs, D + 1))
    Z, rise = f.scores(W), 100 * f.scores(W)
    assert not ground.near(1.0, Z, rise)
    ground.lift(W, Z, rise)
    assert ground.height == -np.inf


def test_what_is_known_of_the_minimum_is_not_forgotten():
    f = objective(Logistic())
    *_, end = _wide.newton(f, np.zeros((1, D + 1)))
    passes = _solver.Passes(f, 1e-9, 100, lambda: 0, Watch())
    for W in (end.W, end.W + rng.normal(size=end.W.shape)):
        passes._judge(at(f.value_and_gradient, W), np.inf)
        point, gap, _ = passes.best
        assert end.value - 1e-12 <= point.value
        np.testing.assert_allclose(gap, point.value - end.value, atol=1e-9)
