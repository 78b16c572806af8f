"""ScheduleFree and NormalizedAdaptive: whole runs, and what makes them free."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from sklearn import datasets

from newton import least_squares, squared_objective
from oracle import LOSSES, STORAGES, draw
from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge, minimize, objective
from sgd_estimators._kernels.epoch import run_epoch
from sgd_estimators._kernels.order import Order
from sgd_estimators.optimizers import NormalizedAdaptive, ScheduleFree

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"  # runs of a given length
)

X, Y = datasets.load_diabetes(return_X_y=True, scaled=False)
XC, YC = datasets.load_breast_cancer(return_X_y=True)


# ---------------------------------------------------------------- schedule-free


def test_the_mean_is_reported():
    rates, rng = [0.3, 0.2, 0.1, 0.4], np.random.default_rng(0)
    step, x = ScheduleFree(beta=0.5).start(3), rng.normal(size=3)
    assert step.solution(x) is x
    z, points = x.copy(), []
    for rate in rates:
        g = rng.normal(size=3)
        z -= rate * g
        points.append(z.copy())
        step(x, g, rate)
    mean = np.average(points, axis=0, weights=np.square(rates))
    assert_allclose(step.solution(x), mean, rtol=1e-12)
    assert_allclose(x, 0.5 * z + 0.5 * mean, rtol=1e-12)


def test_a_rate_of_0_at_first_is_no_trouble():
    step, x = ScheduleFree().start(2), np.ones(2)
    step(x, np.ones(2), 0.0)
    np.testing.assert_array_equal(x, 1.0)


def test_its_mean_is_nearer_than_the_iterates_of_that_rate():
    optimum = least_squares(X, Y, 1 / len(Y))
    given = {"learning_rate": 0.05, "schedule": "constant", "max_iter": 60, "tol": 0}
    excess = {}
    for rule in ("sgd", ScheduleFree()):
        model = SGDRidge(optimizer=rule, random_state=0, n_iter_no_change=100, **given)
        last = model.fit(X, Y).history_["objective"][-1]
        excess[repr(rule)] = optimum.excess(last)
    assert excess["ScheduleFree()"] < 0.1 * excess["'sgd'"]


def test_the_automatic_schedule_is_a_constant():
    given = {"optimizer": "schedulefree", "max_iter": 10, "random_state": 0}
    model = SGDRidge(**given).fit(X, Y)
    assert np.all(model.history_["rate"] == model.learning_rate_)
    other = SGDRidge(schedule="inversescaling", **given).fit(X, Y)
    assert np.all(np.diff(other.history_["rate"]) < 0)


@pytest.mark.parametrize("average", [True, 3, "tail"])
def test_an_average_of_it_is_an_error(average):
    with pytest.raises(ValueError, match=r"average=.*ScheduleFree.*average=False"):
        SGDRidge(optimizer="schedulefree", average=average).fit(X, Y)


# ---------------------------------------------------------- normalized adaptive


def normalized_adaptive(seen, ones):
    """Return the rule in NumPy, for rows in the metric: (W, g, rate) -> W."""
    A = np.column_stack([seen, np.ones(len(seen))]) if ones else seen
    largest = np.abs(A).max(axis=0)
    k = 1 / np.sqrt(np.mean(np.sum((A / largest) ** 2, axis=1)))
    gradients = []

    def step(W, g, rate):
        gradients.append(g)
        return W - rate * k / largest * g / np.sqrt(np.sum(np.square(gradients), axis=0))

    return step


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("loss", LOSSES)
def test_epochs_are_those_of_the_formula(loss, storage):
    p = draw(loss, n=60, weighted=False)
    f, rule = p.kernel(storage), NormalizedAdaptive()
    for size in (1, 8, 60):
        order, twin = (Order(f.n_active, p.active, 4, 2) for _ in range(2))
        step, W, want = rule.start(f.n_params), p.W.copy(), p.W.copy()
        rule._meet(step, f, W, fresh=False)
        formula = normalized_adaptive(p.seen()[p.rows, : p.X.shape[1]], p.fit_intercept)
        for epoch in range(3):
            order.shuffle(0, epoch, size)
            twin.shuffle(0, epoch, size)
            rates = np.linspace(0.5, 0.1, -(-order.n // size))
            run_epoch(f, step, W, order, size, rates)
            for rate in rates:
                g = p.value_and_gradient(want, twin.take(min(size, len(p.rows))))[1]
                want = formula(want, g, rate)
        assert_allclose(W, want, rtol=0, atol=1e-10 * np.abs(want).max())


def test_the_normaliser_counts_weights():
    weight = np.random.default_rng(0).integers(0, 4, len(Y)).astype(float)
    for X_, Y_, s in ((X, Y, weight), (np.repeat(X, weight.astype(int), 0), None, None)):
        f = objective(
            X_, np.repeat(Y, weight.astype(int)) if Y_ is None else Y_, sample_weight=s
        )
        step = NormalizedAdaptive().start(f.n_params)
        unit = NormalizedAdaptive()._meet(step, f, np.zeros((1, f.n_params)), fresh=False)
        if s is not None:
            want = unit.copy()
    assert_allclose(unit, want, rtol=1e-12)


SCALED = {
    "squared": lambda **given: SGDLinearRegressor(**given),
    "logistic": lambda **given: SGDLogistic(C=np.inf, **given),
}


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("batch_size", [1, "auto", "full"])
@pytest.mark.parametrize("kind", SCALED)
def test_the_scales_of_the_columns_do_not_matter(kind, batch_size, storage):
    A, y = (X, Y) if kind == "squared" else (XC, YC)
    scales = 10.0 ** np.random.default_rng(0).uniform(-6, 6, A.shape[1])
    scales[:2] = 1e-6, 1e6
    model = SCALED[kind](
        optimizer="normalizedadaptive",
        preconditioner=None,
        batch_size=batch_size,
        schedule="constant",
        max_iter=5,
        tol=0,
        random_state=0,
    )
    predict = model.predict if kind == "squared" else model.decision_function
    one = model.fit(storage(A), y)
    plain, rate = predict(A), one.learning_rate_
    model.fit(storage(A * scales), y)
    assert_allclose(model.learning_rate_, rate, rtol=1e-9)
    assert_allclose(predict(A * scales), plain, rtol=0, atol=1e-8 * np.abs(plain).max())


@pytest.mark.parametrize("kind", SCALED)
def test_raw_columns_are_fitted_where_other_rules_fail(kind):
    A, y = (X, Y) if kind == "squared" else (XC, YC)
    given = {"preconditioner": None, "max_iter": 20, "random_state": 0}
    value = {
        rule: SCALED[kind](optimizer=rule, **given).fit(A, y).objective_
        for rule in ("normalizedadaptive", "adagrad", "sgd")
    }
    assert value["normalizedadaptive"] < min(value["adagrad"], value["sgd"])


def test_a_stream_keeps_the_largest_entries():
    model = SGDLinearRegressor(optimizer="normalizedadaptive", preconditioner=None)
    model.set_params(random_state=0).partial_fit(X[:200], Y[:200])
    before = model._run.W.copy()
    wider = X[200:] * 10
    f = objective(wider, Y[200:])
    step, W = model._run.step, before.copy()
    NormalizedAdaptive()._meet(step, f, W, fresh=True)
    old, new = np.abs(X[:200]).max(axis=0), np.abs(wider).max(axis=0)
    new = np.maximum(old, new)
    assert_allclose(step.largest[:-1], new)
    assert_allclose(W[0, :-1], before[0, :-1] * old / new)
    assert W[0, -1] == before[0, -1]
    model.partial_fit(wider, Y[200:])
    assert np.isfinite(model.coef_).all()


def test_columns_of_zeros_and_constants():
    A = np.column_stack([X, np.zeros(len(Y)), np.full(len(Y), 7.0)])
    for storage in (np.asarray, sp.csr_array):
        for metric in (None, "diagonal"):
            model = SGDRidge(optimizer="normalizedadaptive", preconditioner=metric)
            model.set_params(max_iter=20, random_state=0).fit(storage(A), Y)
            assert np.isfinite(model.coef_).all()
            assert model.coef_[-2] == 0


def test_it_is_for_minimize_and_an_average_too():
    f = objective(X, Y, preconditioner="diagonal")
    end = minimize(f, optimizer=NormalizedAdaptive(), max_iter=100, random_state=0)
    best = least_squares(X, Y, 0.0).best
    assert end.fun < 1.02 * best
    model = SGDRidge(optimizer="normalizedadaptive", average="tail", random_state=0)
    model.fit(X, Y)
    value = squared_objective(X, Y, model.coef_, model.intercept_, 1 / len(Y))
    assert value < 1.02 * best


@pytest.mark.parametrize("rule", ["schedulefree", "normalizedadaptive"])
@pytest.mark.parametrize("kind", SCALED)
def test_sparse_is_dense(kind, rule):
    A, y = (X, Y) if kind == "squared" else (XC, YC)
    A = np.where(np.random.default_rng(0).random(A.shape) < 0.5, A, 0.0)
    model = SCALED[kind](optimizer=rule, preconditioner=None, tol=0, max_iter=20)
    model.set_params(random_state=0)
    dense = model.fit(A, y).coef_
    loss = model.history_["loss"]
    sparse = model.fit(sp.csr_array(A), y).coef_
    assert_allclose(sparse, dense, rtol=0, atol=1e-10 * np.abs(dense).max())
    assert_allclose(model.history_["loss"], loss, rtol=1e-10)
