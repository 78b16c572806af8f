"""SVRG and SAGA: the estimate of the gradient, its loss of noise, and where it ends."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from sklearn import datasets
from sklearn.preprocessing import StandardScaler

from newton import least_squares, log_loss_objective, newton, squared_objective
from oracle import LOSSES, ROUNDING, STORAGES, draw
from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge
from sgd_estimators._kernels.epoch import run_epoch
from sgd_estimators._kernels.order import Order
from sgd_estimators._kernels.preconditioned import Preconditioned
from sgd_estimators._kernels.variance import Corrected
from sgd_estimators._smoothness import smoothness
from sgd_estimators.optimizers import SAGA, SVRG

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"  # runs of a given length
)

BOTH = (SAGA(), SVRG())
every_rule = pytest.mark.parametrize("rule", BOTH, ids=["saga", "svrg"])


class Remembering:
    """The corrected gradient in NumPy: gradients of single rows, kept one by one."""

    def __init__(self, p, W, renews):
        self.p, self.renews = p, renews
        self.kept = {i: self.row(W, i) for i in p.rows}

    def row(self, W, i):
        """Return n times what row i adds to the gradient of the mean loss."""
        return self.p.value_and_gradient(W, [i])[1] - self.pull(W)

    def pull(self, W):
        """Return the gradient of the penalty."""
        pull = np.zeros_like(W)
        d = self.p.X.shape[1]
        pull[:, :d] = self.p.alpha[:, None] / self.p.scale**2 * W[:, :d]
        return pull

    def __call__(self, W, batch):
        mean = np.mean(list(self.kept.values()), axis=0)
        new = {i: self.row(W, i) for i in batch}
        g = np.mean([new[i] - self.kept[i] for i in batch], axis=0) + mean + self.pull(W)
        if self.renews:
            self.kept |= new
        return g


def corrected(rule, f, W):
    g = rule.estimate(f)
    g.refresh(W)
    return g


@every_rule
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("loss", LOSSES)
def test_epochs_are_those_of_the_formula(loss, storage, rule):
    p = draw(loss, n=60)
    f = p.kernel(storage)
    for size in (1, 8, 60):
        g = corrected(rule, f, p.W)
        plain = Remembering(p, p.W, renews=type(rule) is SAGA)
        W, want = p.W.copy(), p.W.copy()
        order, twin = (Order(f.n_active, p.active, 4, 2) for _ in range(2))
        for epoch in range(3):
            order.shuffle(0, epoch, size)
            twin.shuffle(0, epoch, size)
            rates = np.full(-(-order.n // size), 0.05)
            run_epoch(g, rule.start(f.n_params), W, order, size, rates)
            for first in range(0, twin.n, size):
                want -= 0.05 * plain(want, twin.take(min(size, twin.n - first)))
        assert_allclose(W, want, rtol=0, atol=1e2 * ROUNDING)


@every_rule
@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_is_that_of_f_on_average_and_exact_at_the_past(loss, rule):
    p = draw(loss)
    f = p.kernel()
    elsewhere = p.W + 0.5
    exact = f.value_and_gradient(p.W)[1]
    found = []
    for i in p.rows:
        g = corrected(rule, f, elsewhere)
        found.append(g.value_and_gradient(p.W, [i])[1])
        at_the_past = corrected(rule, f, p.W).value_and_gradient(p.W, [i])[1]
        assert_allclose(at_the_past, exact, rtol=0, atol=ROUNDING)
    assert_allclose(np.mean(found, axis=0), exact, rtol=0, atol=ROUNDING)
    noise = np.var([f.value_and_gradient(p.W, [i])[1] for i in p.rows], axis=0).sum()
    assert np.var(found, axis=0).sum() != pytest.approx(noise)


def test_the_memory_can_be_taken_elsewhere():
    p = draw("softmax x 4")
    f = p.kernel()
    g, other = corrected(SAGA(), f, p.W), SAGA().estimate(f)
    other.memory = g.memory
    moved = p.W + 1
    for batch in (p.rows[:5], p.rows[3:9]):
        one, two = (h.value_and_gradient(moved, batch)[1] for h in (g, other))
        np.testing.assert_array_equal(one, two)
    assert g.memory[0] is not other.memory[0]


def test_it_goes_with_the_coordinates_of_a_matrix():
    p = draw("logistic")
    f = p.kernel()
    T = np.eye(f.n_params)[None] * 2 + np.tril(np.full((f.n_params, f.n_params), 0.1), -1)
    g = Preconditioned(corrected(SVRG(), f, p.W), T)
    exact = Preconditioned(f, T).value_and_gradient(g.inside(p.W))[1]
    one = g.value_and_gradient(g.inside(p.W), p.rows[:3])[1]
    assert_allclose(one, exact, rtol=0, atol=1e2 * ROUNDING)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_local_smoothness_bounds_the_hessian_at_the_point(loss, weighted):
    p = draw(loss, n=60, weighted=weighted)
    f = p.kernel()
    at, n = 3 * p.W, len(p.rows)
    near, far = smoothness(f, n, 0, at, local=True), smoothness(f, n, 0, at)
    h = 1e-5
    columns = []
    for step in np.eye(f.n_params).reshape(-1, *p.W.shape):
        ends = [p.value_and_gradient(at + sign * h * step)[1] for sign in (1, -1)]
        columns.append((ends[0] - ends[1]).ravel() / (2 * h))
    largest = np.linalg.eigvalsh((np.array(columns) + np.array(columns).T) / 2)[-1]
    assert near.mean >= largest * (1 - 1e-3)
    assert near.mean <= far.mean * (1 + 1e-9)
    assert smoothness(f, 1, 0, at, local=True).noise <= smoothness(f, 1, 0, at).noise + 1e-9
    if loss.startswith("squared"):
        assert_allclose(near, far, rtol=1e-9)


SHIPPED = {
    "diabetes": datasets.load_diabetes(return_X_y=True, scaled=False),
    "breast cancer": datasets.load_breast_cancer(return_X_y=True),
    "wine": datasets.load_wine(return_X_y=True),
}
# First-order methods are hopeless on the raw one: its condition number is above 10^6.
PROBLEMS = [
    (name, scaled, metric)
    for name in SHIPPED
    for scaled in (False, True)
    for metric in ("diagonal", "hessian")
    if (name, scaled, metric) != ("breast cancer", False, "diagonal")
]


def problem(name, scaled=True):
    X, y = SHIPPED[name]
    X = StandardScaler().fit_transform(X) if scaled else X
    if name == "diabetes":
        return X, y, SGDRidge(), least_squares, squared_objective
    return X, y, SGDLogistic(), newton, log_loss_objective


@every_rule
@pytest.mark.parametrize(("name", "scaled", "metric"), PROBLEMS)
def test_a_run_ends_certified(name, scaled, metric, rule):
    X, y, model, solve, f = problem(name, scaled)
    # The noise of an epoch may hide the gain of a few: none of them ends the run.
    given = {"max_iter": 2000, "n_iter_no_change": 100, "random_state": 0}
    model.set_params(optimizer=rule, preconditioner=metric, **given).fit(X, y)
    assert model.converged_
    assert model.stop_reason_ == "certified"
    optimum = solve(X, y, 1 / len(y))
    value = f(X, y, model.coef_, model.intercept_, 1 / len(y))
    assert optimum.excess(value) <= model.tol + 1e-12


def floor(label):
    """Return the log-loss of the shares of the classes."""
    share = np.bincount(label) / len(label)
    return -np.sum(share * np.log(share))


@every_rule
@pytest.mark.parametrize("batch_size", [1, 4, 32])
@pytest.mark.parametrize("name", SHIPPED)
def test_a_constant_rate_converges_linearly(name, rule, batch_size):
    X, y, model, solve, _ = problem(name)
    best = solve(X, y, 1 / len(y)).best
    model.set_params(
        optimizer=rule,
        schedule="constant",
        batch_size=batch_size,
        preconditioner="hessian" if name == "diabetes" else "diagonal",
        max_iter=300,
        tol=0,
        n_iter_no_change=1000,
        random_state=0,
    )
    objective = model.fit(X, y).history_["objective"]
    epochs = np.flatnonzero(np.isfinite(objective))
    excess = np.interp(np.arange(7, 300), epochs, objective[epochs]) - best
    begun = (0.5 * np.var(y) if name == "diabetes" else floor(y)) - best
    falling = np.append(begun, excess[::50])
    falling = falling[falling > 1e-9 * begun]
    assert len(falling) >= 1
    assert np.all(falling[1:] < 0.8 * falling[:-1])
    assert excess[-1] < 1e-2 * begun


def test_it_ends_where_sgd_of_that_rate_makes_noise():
    X, y, model, solve, _ = problem("diabetes")
    best = solve(X, y, 1 / len(y)).best
    given = {"schedule": "constant", "tol": 0, "max_iter": 60, "n_iter_no_change": 1000}
    given |= {"preconditioner": "hessian", "learning_rate": 0.05, "random_state": 0}
    excess = {}
    for rule in ("sgd", "saga", "svrg"):
        model.set_params(optimizer=rule, **given).fit(X, y)
        excess[rule] = model.history_["objective"][-1] - best
    assert max(excess["saga"], excess["svrg"]) < 1e-6 * excess["sgd"]


@every_rule
@pytest.mark.parametrize("name", ["diabetes", "wine"])
def test_sparse_is_dense(name, rule):
    X, y, model, _, _ = problem(name)
    X = np.where(np.random.default_rng(0).random(X.shape) < 0.5, X, 0.0)
    model.set_params(
        optimizer=rule, preconditioner=None, tol=0, max_iter=20, random_state=0
    )
    dense = model.fit(X, y).coef_
    loss = model.history_["loss"]
    sparse = model.fit(sp.csr_array(X), y).coef_
    assert_allclose(sparse, dense, rtol=0, atol=1e-10 * np.abs(dense).max())
    assert_allclose(model.history_["loss"], loss, rtol=1e-10)


@every_rule
def test_integer_weights_are_repeated_rows(rule):
    X, y, model, _, _ = problem("wine")
    weight = np.random.default_rng(0).integers(0, 4, len(y))
    model.set_params(optimizer=rule, preconditioner="hessian", random_state=0)
    one = model.fit(X, y, weight).objective_
    other = model.fit(np.repeat(X, weight, 0), np.repeat(y, weight)).objective_
    assert_allclose(one, other, rtol=1e-5)


@every_rule
def test_the_rate_is_half_of_the_smoothness(rule):
    X, y, model, _, _ = problem("diabetes")
    model.set_params(optimizer=rule, batch_size="full", preconditioner=None, max_iter=1)
    model.fit(X, y)
    A = np.column_stack([X, np.ones(len(X))])
    L = np.linalg.eigvalsh(A.T @ A / len(X))[-1]
    assert 0.5 / (1.11 * L + 1) <= model.learning_rate_ <= 0.51 / L


def test_a_users_rate_is_never_exceeded():
    X, y, model, _, _ = problem("breast cancer")
    model.set_params(optimizer="svrg", learning_rate=1e-3, max_iter=20, random_state=0)
    model.fit(X, y)
    assert np.all(model.history_["rate"] <= 1e-3)


@every_rule
def test_a_rate_that_is_too_large_is_cut(rule):
    class Bold(type(rule)):
        def auto_rate(self, smoothness):
            return 100 * super().auto_rate(smoothness)

    X, y, model, solve, _ = problem("diabetes")
    best = solve(X, y, 1 / len(y))
    model.set_params(optimizer=Bold(), tol=1e-4, random_state=0).fit(X, y)
    assert model._run.cuts > 0
    assert best.excess(model.objective_) <= 1e-4


@every_rule
def test_a_stream_begins_its_memory_anew(rule):
    X, y = SHIPPED["diabetes"]
    model = SGDLinearRegressor(optimizer=rule, random_state=0)
    for _ in range(30):
        for part in np.array_split(np.random.default_rng(0).permutation(len(y)), 4):
            model.partial_fit(X[part], y[part])
    assert model.score(X, y) > 0.4


def test_what_cannot_be_honoured_is_an_error():
    X, y = SHIPPED["diabetes"]
    with pytest.raises(ValueError, match=r"momentum.*SAGA"):
        SGDRidge(optimizer="saga", momentum=0.5).fit(X, y)
    for every in (0, 1.5, True, "2"):
        with pytest.raises(ValueError, match="every must be an integer >= 1"):
            SGDRidge(optimizer=SVRG(every=every)).fit(X, y)
    assert not Corrected(draw("squared").kernel(), True, 0).memory[0].any()
