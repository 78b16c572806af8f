"""Epochs that cost what the non-zeros cost: to 1e-10 the dense steps on the array."""

import itertools
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sgd_estimators import SGDLogistic, SGDRidge, _estimate, objective
from sgd_estimators._estimate import sparse_epoch
from sgd_estimators._kernels.adagrad import run_adagrad_epoch
from sgd_estimators._kernels.combined import run_combined_epoch
from sgd_estimators._kernels.epoch import run_epoch
from sgd_estimators._kernels.order import Order
from sgd_estimators._kernels.steps import AveragedStep
from sgd_estimators.optimizers import SAGA, SGD, AdaGrad, Adam
from sgd_estimators.schedules import InverseTime

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"  # runs of a given length
)

EXACT = 1e-10  # of the largest entry
RULES = {
    "sgd": SGD(),
    "momentum": SGD(0.9),
    "short": SGD(0.1),  # its velocities leave the range of floats soonest
    "long": SGD(0.999),
    "nesterov": SGD(0.9, nesterov=True),
    "adagrad": AdaGrad(),
}
FACTORS = {
    "constant": lambda t: np.ones(t.shape),
    "inverse": lambda t: 1 / (1 + 0.01 * t),
    "cosine": lambda t: 0.5 + 0.5 * np.cos(t / 50),  # of 0 now and then
    "random": lambda t: np.random.default_rng(3).exponential(size=t.shape),
}


def near(found, expected):
    assert np.isfinite(expected).all()
    atol = EXACT * np.abs(expected).max(initial=0.0)
    assert_allclose(found, expected, rtol=0, atol=atol)


def draw(n, d, density, dtype=np.float64, seed=0):
    """Return X with columns of several sizes, empty rows and columns, and targets."""
    rng = np.random.default_rng(seed)
    X = sp.random_array((n, d), density=density, rng=rng, format="csr")
    X = sp.csr_array(X @ sp.diags_array(10.0 ** rng.integers(-1, 2, d)), dtype=dtype)
    score = X @ rng.normal(size=d) + rng.normal(size=n)
    targets = {
        "squared": np.column_stack([score, 2 - score]),
        "logistic": (np.arange(n) % 2 == 0) * 1.0,
        "softmax": np.arange(n) % 3,
    }
    return X, targets


def compare(f, dense, rule, start, rates):
    """Compare iterates, losses, means and states after some epochs, rates by the row."""
    ends, size = [], -(-f.n_active // rates.shape[1])
    for g, sparse in ((dense, False), (f, True)):
        step = inner = rule.start(f.n_params)
        if start is not None:
            step = AveragedStep(inner, start)
        run = run_adagrad_epoch if isinstance(rule, AdaGrad) else run_combined_epoch
        run = run if sparse else run_epoch
        W = 0.1 * np.random.default_rng(1).normal(size=f.n_params)
        W = W.reshape(f.n_outputs, -1)
        order, losses = Order(f.n_active, f.active, 4, 2), []
        for epoch, of_epoch in enumerate(rates):
            order.shuffle(0, epoch, size)
            losses.append(run(g, step, W, order, size, of_epoch.copy()))
        ends.append((W, losses, step.solution(W.ravel()), inner.__getstate__()[-1]))
    for expected, found in zip(*ends, strict=True):
        near(found, expected)


X, TARGETS = draw(300, 200, 0.02)
WEIGHT = np.random.default_rng(2).integers(0, 3, 300)


def functions(loss, **given):
    """Return f on X and on the array."""
    given = {"sample_weight": WEIGHT, "preconditioner": None} | given
    return [objective(A, TARGETS[loss], loss, **given) for A in (X, X.toarray())]


@pytest.mark.parametrize("factors", FACTORS)
@pytest.mark.parametrize("penalty", [0.0, 1e-12, 1e-3, 0.1, 10.0])
@pytest.mark.parametrize("rule", [name for name in RULES if name != "adagrad"])
def test_epochs_are_those_of_the_dense_step(rule, penalty, factors):
    # up to rates at which velocities swing
    rate = 0.03 if penalty == 10 else 1e-3 * (1 - RULES[rule].momentum)
    for loss, start in itertools.product(TARGETS, [None, 0, 150]):
        f, dense = functions(loss, penalty=penalty, fit_intercept=start != 0)
        n = f.n_active if start != 0 else -(-f.n_active // 7)
        t = np.arange(3 * n).reshape(3, n)
        compare(f, dense, RULES[rule], start, rate * FACTORS[factors](t))


@pytest.mark.parametrize("metric", ["diagonal", None])
@pytest.mark.parametrize("rule", RULES)
def test_without_a_penalty_in_any_metric(rule, metric):
    for loss, start in itertools.product(TARGETS, [None, 0, 150]):
        f, _ = functions(loss, penalty=0.0, fit_intercept=start != 0, preconditioner=metric)
        n = f.n_active if start == 0 else -(-f.n_active // 7)
        rates = 1e-3 * FACTORS["cosine"](np.arange(3 * n).reshape(3, n))
        compare(f, f, RULES[rule], start, rates)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    shape=st.tuples(st.integers(3, 40), st.integers(1, 60)),
    density=st.floats(0.0, 0.5),
    long=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
    beta=st.just(0.0) | st.floats(0.001, 0.999),
    nesterov=st.booleans(),
    penalty=st.sampled_from([0.0, 1e-6, 1e-2, 1.0]),
    rate=st.floats(1e-6, 0.9),
    start=st.none() | st.integers(0, 60),
    size=st.integers(1, 40),
    seed=st.integers(0, 99),
)
def test_on_any_matrix(
    shape, density, long, dtype, beta, nesterov, penalty, rate, start, size, seed
):
    A, targets = draw(*shape, density, dtype, seed)
    if long:
        A.indices, A.indptr = A.indices.astype(np.int64), A.indptr.astype(np.int64)
    f, dense = (
        objective(B, targets["logistic"], "logistic", penalty=penalty, preconditioner=None)
        for B in (A, A.toarray())
    )
    t = np.arange(4 * -(-shape[0] // min(size, shape[0]))).reshape(4, -1)
    rates = rate * (1 - beta) * FACTORS["random"](t) / 100
    compare(f, dense, SGD(beta, nesterov=nesterov and beta > 0), start, rates)
    if penalty == 0:
        compare(f, dense, AdaGrad(), start, rates)


def test_an_entry_may_come_in_parts():
    parts = sp.csr_array(
        (np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr), shape=X.shape
    )
    y, given = TARGETS["logistic"], {"preconditioner": None}
    for rule, penalty in ((SGD(), 0.1), (SGD(0.9), 0.1), (AdaGrad(), 0.0)):
        f, dense = (
            objective(A, y, "logistic", penalty=penalty, **given)
            for A in (parts, X.toarray())
        )
        compare(f, dense, rule, 0, np.full((2, 100), 1e-3))


OPTIMIZERS = {
    "sgd": (SGD(), 0.01),
    "momentum": (SGD(0.9), 0.01),
    "nesterov": (SGD(0.9, nesterov=True), 0.01),
    "adagrad": (AdaGrad(), 0.0),
}
AVERAGES = [False, True, "tail", 3]


@pytest.mark.parametrize(
    "schedule", ["auto", InverseTime(), lambda t: 0.5 + 0.5 * np.cos(t / 50)]
)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_takes_them_and_is_that_of_an_array(optimizer, schedule, monkeypatch):
    taken = []

    def watched(*args):
        taken.append(sparse_epoch(*args))
        return taken[-1]

    monkeypatch.setattr(_estimate, "sparse_epoch", watched)
    rule, alpha = OPTIMIZERS[optimizer]
    given = {"optimizer": rule, "alpha": alpha, "schedule": schedule, "tol": 0}
    given |= {"preconditioner": None, "batch_size": 2, "max_iter": 6, "random_state": 0}
    for average in AVERAGES:
        model = SGDRidge(average=average, **given)
        taken.clear()
        sparse = model.fit(X, TARGETS["squared"]).coef_
        losses = model.history_["loss"]
        assert len(taken) == 6
        assert None not in taken
        near(sparse, model.fit(X.toarray(), TARGETS["squared"]).coef_)
        near(losses, model.history_["loss"])


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_going_on_gives_the_same_bits(optimizer, average):
    given = {"optimizer": OPTIMIZERS[optimizer][0], "C": np.inf, "average": average}
    given |= {"schedule": InverseTime(), "batch_size": 1, "tol": 0, "random_state": 0}
    y = TARGETS["softmax"]
    whole = SGDLogistic(max_iter=7, **given).fit(X, y)
    part = SGDLogistic(max_iter=3, warm_start=True, **given).fit(X, y)
    part = pickle.loads(pickle.dumps(part)).set_params(max_iter=4).fit(X, y)
    assert_array_equal(whole.coef_, part.coef_)
    assert_array_equal(whole.intercept_, part.intercept_)


def test_a_run_that_diverges_says_so():
    model = SGDRidge(
        optimizer=SGD(0.9), learning_rate=50.0, batch_size=1, alpha=0, max_iter=50
    )
    model.set_params(schedule="constant", preconditioner=None, average=True)
    with pytest.warns(match="diverged"):
        model.fit(X, TARGETS["squared"])
    assert np.isfinite(model.coef_).all()


def test_where_they_are_taken():
    f = objective(X, TARGETS["logistic"], "logistic", penalty=0.1, preconditioner=None)
    free = objective(X, TARGETS["logistic"], "logistic", penalty=0.0)
    rates, n = np.array([0.2, 0.0, 0.1]), f.n_params
    averaged = AveragedStep(SGD(0.9).start(n))
    assert sparse_epoch(f, SGD(1e-4).start(n), rates, 1) is None
    for step in (SGD().start(n), SGD(0.9).start(n), averaged):
        assert sparse_epoch(f, step, rates, 50) is run_combined_epoch
        assert sparse_epoch(free, step, rates, 50) is run_combined_epoch
        assert sparse_epoch(f, step, rates, 51) is None  # non-zeros for all columns
        assert sparse_epoch(f, step, 60 * rates, 1) is None
    adaptive = AdaGrad().start(n)
    assert sparse_epoch(free, adaptive, rates, 12) is run_adagrad_epoch
    assert sparse_epoch(free, AveragedStep(adaptive), rates, 12) is run_adagrad_epoch
    assert sparse_epoch(free, adaptive, rates, 13) is None
    assert sparse_epoch(f, adaptive, rates, 1) is None
    assert sparse_epoch(f, Adam().start(n), rates, 1) is None
    assert sparse_epoch(SAGA().estimate(f), SGD(0.9).start(n), rates, 1) is None
