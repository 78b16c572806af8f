"""Ctrl-C: noticed in the middle of an epoch, and the best iterate is there."""

import signal
import time
import warnings
from functools import partial

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from sgd_estimators import SGDLogistic, SGDRidge, minimize, objective
from sgd_estimators._kernels import objective as kernel
from sgd_estimators._kernels.losses import Logistic
from sgd_estimators._rows import as_rows

rng = np.random.default_rng(0)
X = rng.normal(size=(20000, 30))
C = (X[:, 0] + rng.normal(size=20000) > 0).astype(int)
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def value(model, C=1.0):
    """Return f at a model of the rows of its shape, as a callback may compute it."""
    data, label = (X, globals()["C"]) if model.n_features_in_ == 30 else (WORDS, TOPIC)
    z = data @ model.coef_[0] + model.intercept_
    loss = np.mean(np.logaddexp(0, z) - label * z)
    return loss + 0.5 / (C * len(label)) * model.coef_[0] @ model.coef_[0]


class Interrupt:
    def __init__(self, epoch):
        self.epoch, self.seen = epoch, []

    def __call__(self, model, record):
        self.seen.append((value(model), model.coef_.copy()))
        if len(self.seen) == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("data", [X, sp.csr_array(X)], ids=["dense", "csr"])
@pytest.mark.parametrize("optimizer", ["auto", "sgd", "saga", "sdca"])
def test_the_best_iterate_stays(optimizer, data):
    stop = Interrupt(2)
    tol = 1e-9 if optimizer == "auto" else 0
    model = SGDLogistic(optimizer=optimizer, tol=tol, callbacks=stop, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(data, C)
    assert model.stop_reason_ == "interrupted"
    assert model.n_iter_ == 2
    lowest = stop.seen[-1]  # f is evaluated where the run ends
    assert model.objective_ <= lowest[0] * (1 + 1e-12)
    if optimizer != "sdca" and lowest[0] < np.log(2):  # else it is where the run began
        np.testing.assert_allclose(model.coef_, lowest[1], rtol=1e-12)
    again = model.set_params(callbacks=None, warm_start=True, tol=1e-6).fit(data, C)
    assert again.objective_ <= lowest[0]


def test_an_interrupt_before_the_first_point_leaves_the_model_as_it_was(monkeypatch):
    def interrupt(f, *args):
        raise KeyboardInterrupt

    model = SGDRidge(random_state=0).fit(X, C)
    before = vars(model).copy()
    monkeypatch.setattr("sgd_estimators._least_squares.solve", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, C)
    assert vars(model) == before


@pytest.fixture
def ctrl_c():
    """Return what presses Ctrl-C after so many seconds of work."""
    if not hasattr(signal, "setitimer"):
        pytest.skip("signal.setitimer, which plays Ctrl-C, is not on Windows")
    before = signal.signal(signal.SIGPROF, signal.default_int_handler)
    yield partial(signal.setitimer, signal.ITIMER_PROF)
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


@quiet
def test_a_signal_is_noticed_inside_an_epoch(ctrl_c):
    wide = rng.normal(size=(1000, 20000)).astype(np.float32)
    Y = rng.normal(size=(1000, 20))  # a second's work an epoch: 400,000 parameters a step
    settings = {
        "optimizer": "adam",
        "learning_rate": 1e-7,
        "batch_size": 1,
        "schedule": lambda t: 1.0,
        "random_state": 0,
    }
    ends = {k: SGDRidge(max_iter=k, **settings).fit(wide, Y)._run.W for k in (1, 2)}

    def soon(model, record):  # just before the second epoch
        ctrl_c(0.1)

    model = SGDRidge(max_iter=2, callbacks=soon, **settings)
    with pytest.raises(KeyboardInterrupt):
        model.fit(wide, Y)
    assert model.n_iter_ == 1
    assert not np.array_equal(model._run.W, ends[1])  # some of its steps were made
    assert not np.array_equal(model._run.W, ends[2])  # not all


# Rows of five ones each: epochs of some 0.3 s, by steps that cost what a row's entries do.
N = 400_000
PLACES = np.arange(5) * 10_000 + rng.integers(10_000, size=(N, 5))
WORDS = sp.csr_array(
    (np.ones(5 * N), PLACES.ravel(), np.arange(0, 5 * N + 1, 5)), shape=(N, 50_000)
)
TOPIC = WORDS @ rng.normal(size=50_000) + rng.normal(size=N) > 0
STEPS = {
    "batch_size": 1,
    "learning_rate": 0.1,
    "schedule": "constant",
    "preconditioner": None,
}
LOOPS = {
    "lazy": {"optimizer": "sgd", "tol": 1e-2, **STEPS},
    "lazy, corrected": {"optimizer": "saga", "tol": 2e-2, **STEPS},
    "dual": {"optimizer": "sdca", "tol": 1e-3},
}


@pytest.mark.parametrize("loop", LOOPS)
def test_an_epoch_that_is_cut_short_leaves_the_point_before_it(loop, ctrl_c):
    seen = []

    def soon(model, record):
        seen.append((value(model, 0.05), model.coef_.copy(), time.process_time()))
        ctrl_c(0.06)

    model = SGDLogistic(0.05, callbacks=soon, random_state=0, **LOOPS[loop])
    with pytest.raises(KeyboardInterrupt):
        model.fit(WORDS, TOPIC)
    objective, coef, begun = seen[0]
    assert time.process_time() - begun < 1.0
    assert model.stop_reason_ == "interrupted"
    assert model.n_iter_ == len(seen) == len(model.history_["loss"]) == 1
    np.testing.assert_allclose(model.objective_, objective, rtol=1e-12)
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of "lazy", whose noise stays
        model.set_params(callbacks=None, warm_start=True, max_iter=9).fit(WORDS, TOPIC)
    assert model.objective_ <= objective * (1.01 if loop == "lazy" else 1)
    assert loop == "lazy" or model.converged_


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_pass_that_is_cut_short_leaves_the_point_before_it(n_jobs, ctrl_c):
    large = rng.normal(size=(800_000, 30)).astype(np.float32)  # a pass is 10 ms or more
    label = large[:, 0] + rng.normal(size=800_000) > 0
    seen = []

    def soon(model, record):
        seen.append((model.coef_.copy(), time.process_time()))
        ctrl_c(0.003)

    model = SGDLogistic(tol=1e-13, callbacks=soon, n_jobs=n_jobs, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(large, label)
    coef, begun = seen[-1]
    assert time.process_time() - begun < 1
    assert model.stop_reason_ == "interrupted"
    assert model.n_iter_ == len(seen) == len(model.history_["loss"])
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-12)
    model.set_params(callbacks=None, warm_start=True, tol=1e-6).fit(large, label)
    assert model.converged_


def test_minimize_lets_it_go_on(ctrl_c):
    f = objective(WORDS, TOPIC, "logistic", penalty=1e-4)
    seen = []

    def soon(W, epoch, record):
        seen.append(time.process_time())
        ctrl_c(0.06)

    with pytest.raises(KeyboardInterrupt):
        minimize(f, batch_size=1, learning_rate=0.1, max_iter=2, callback=soon)
    assert time.process_time() - seen[0] < 1.0
    assert len(seen) == 1


def test_a_thread_that_an_interrupt_left_in_a_block_has_it_alone(monkeypatch):
    n, d = 60_000, 20
    X, y = rng.normal(size=(n, d)), rng.integers(2, size=(n, 1)).astype(float)
    f = kernel.Objective(as_rows(X, True), Logistic(), y, np.ones(1))
    f.n_jobs = 2
    W = rng.normal(size=(1, d + 1))
    value, G = f.value_and_gradient(W)
    before = f.blocks()
    assert f.blocks() is before

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(kernel, "spread", interrupted)
        for pass_over in (f.value_and_gradient, f.scores):
            with pytest.raises(KeyboardInterrupt):
                pass_over(W)
    assert not set(map(id, before)) & set(map(id, f.blocks()))
    again = f.value_and_gradient(W)
    assert again[0] == value
    np.testing.assert_array_equal(again[1], G)
