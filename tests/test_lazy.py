"""Steps on CSR that are made when a column is met: those of the dense loop, and cheaper."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from sgd_estimators import SGDLogistic, SGDRidge, _estimate, objective
from sgd_estimators._estimate import sparse_epoch
from sgd_estimators._kernels.epoch import run_epoch
from sgd_estimators._kernels.lazy import run_lazy_epoch
from sgd_estimators._kernels.order import Order
from sgd_estimators.optimizers import SAGA, SGD, SVRG, Adam

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"  # runs of a given length
)

EXACT = 1e-10  # of the largest entry
N, D = 400, 300
rng = np.random.default_rng(0)
X = sp.random_array((N, D), density=0.01, rng=rng, format="csr")
X = sp.csr_array(X @ sp.diags_array(10.0 ** rng.integers(-2, 3, D)))
SCORE = X @ rng.normal(size=D) + rng.normal(size=N)
TARGETS = {
    "squared": np.column_stack([SCORE, 2 - SCORE]),
    "logistic": (SCORE > 0).astype(float),
    "softmax": np.digitize(SCORE, [-1, 1]),
}
WEIGHT = rng.integers(0, 3, N)


@pytest.mark.parametrize("rule", [SGD(), SAGA(), SVRG()], ids=["sgd", "saga", "svrg"])
@pytest.mark.parametrize("metric", ["diagonal", None])
@pytest.mark.parametrize("loss", TARGETS)
@pytest.mark.parametrize("penalty", [0.0, 1e-12, 1e-6, 1e-3, 1.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_epochs_are_those_of_the_dense_step(rule, metric, loss, penalty, fit_intercept):
    f = objective(
        X.astype(np.float32) if metric else X,
        TARGETS[loss],
        loss,
        penalty=penalty,
        sample_weight=WEIGHT,
        fit_intercept=fit_intercept,
        preconditioner=metric,
    )
    rate = 0.1 if metric else 1e-3
    for size in (1, 7):
        ends = []
        for lazy in (False, True):
            g = rule.estimate(f)
            W = 0.1 * np.random.default_rng(1).normal(size=f.n_params)
            W = W.reshape(f.n_outputs, -1)
            if type(rule) is not SGD:
                g.refresh(W)
            order, losses = Order(f.n_active, f.active, 4, 2), []
            rates = np.full(-(-f.n_active // size), rate)
            for epoch in range(3):
                order.shuffle(0, epoch, size)
                run = run_lazy_epoch if lazy else run_epoch
                losses.append(run(g, rule.start(f.n_params), W, order, size, rates))
            ends.append((W, losses, getattr(g, "memory", [])))
        (W, losses, memory), (same, others, remembered) = ends
        assert_allclose(same, W, rtol=0, atol=EXACT * np.abs(W).max())
        assert_allclose(others, losses, rtol=EXACT)
        for a, b in zip(memory, remembered, strict=True):
            assert_allclose(b, a, rtol=0, atol=EXACT * max(1.0, np.abs(a).max()))


@pytest.mark.parametrize("optimizer", ["saga", "svrg"])
@pytest.mark.parametrize("schedule", ["auto", "constant", "inversetime"])
def test_a_run_takes_them_and_is_that_of_an_array(optimizer, schedule, monkeypatch):
    used = []

    def watched(*args):
        used.append(args)
        return run_lazy_epoch(*args)

    monkeypatch.setattr(_estimate, "run_lazy_epoch", watched)
    model = SGDRidge(
        optimizer=optimizer,
        schedule=schedule if schedule != "inversetime" else lambda t: 1 / (1 + t),
        preconditioner=None,
        batch_size=2,
        tol=0,
        max_iter=10,
        random_state=0,
    )
    sparse = model.fit(X, TARGETS["squared"]).coef_
    losses = model.history_["loss"]
    assert len(used) == (0 if schedule == "inversetime" else 10)
    dense = model.fit(X.toarray(), TARGETS["squared"]).coef_
    assert_allclose(sparse, dense, rtol=0, atol=EXACT * np.abs(dense).max())
    assert_allclose(model.history_["loss"], losses, rtol=EXACT)


def test_going_on_gives_the_same_bits():
    given = {"optimizer": "saga", "batch_size": 1, "tol": 0, "random_state": 0}
    y = TARGETS["logistic"]
    whole = SGDLogistic(max_iter=6, **given).fit(X, y)
    part = SGDLogistic(max_iter=3, warm_start=True, **given).fit(X, y).fit(X, y)
    np.testing.assert_array_equal(whole.coef_, part.coef_)


def test_a_run_that_diverges_says_so():
    model = SGDRidge(
        optimizer="sgd", learning_rate=50.0, batch_size=1, alpha=0, max_iter=50
    )
    model.set_params(schedule="constant", preconditioner=None)
    with pytest.warns(match="diverged"):
        model.fit(X, SCORE)
    assert np.isfinite(model.coef_).all()


def test_it_is_left_where_it_is_not_the_same_or_not_cheaper():
    given = {"preconditioner": "diagonal"}
    f = objective(X, SCORE, penalty=1e-3, **given)
    rates, plain = np.full(5, 0.1), SGD().start(f.n_params)
    assert sparse_epoch(f, plain, rates, 2) is run_lazy_epoch
    assert sparse_epoch(SAGA().estimate(f), plain, rates, 2) is run_lazy_epoch
    for g, step, rate, size in (
        (f, plain, rates, 100),
        (f, plain, np.arange(1, 6) / 10, 2),
        (f, plain, 0 * rates, 2),
        (f, plain, 1e5 * rates, 2),
        (f, SGD(momentum=0.5).start(f.n_params), rates, 2),
        (f, Adam().start(f.n_params), rates, 2),
        (objective(X.toarray(), SCORE, **given), plain, rates, 2),
        (objective(X, SCORE, penalty=1e-200, **given), plain, rates, 2),
    ):
        assert sparse_epoch(g, step, rate, size) is None
    f.set_metric(np.ones(D), np.ones(D))
    assert sparse_epoch(f, plain, rates, 2) is None
