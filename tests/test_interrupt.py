"""Ctrl-C: noticed in the middle of an epoch, and the best iterate is there."""

import signal

import numpy as np
import pytest
import scipy.sparse as sp

from sgd_estimators import SGDLogistic, SGDRidge

rng = np.random.default_rng(0)
X = rng.normal(size=(20000, 30))
C = (X[:, 0] + rng.normal(size=20000) > 0).astype(int)
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Interrupt:
    def __init__(self, epoch):
        self.epoch, self.seen = epoch, []

    def __call__(self, model, record):
        self.seen.append((record["objective"], model.coef_.copy()))
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
    lowest = min(stop.seen, key=lambda seen: seen[0])
    assert model.objective_ <= lowest[0] * (1 + 1e-12)
    if optimizer != "sdca":  # whose first points are above the one where it begins
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


@quiet
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_a_signal_is_noticed_inside_an_epoch():
    wide = rng.normal(size=(1000, 20000)).astype(np.float32)
    Y = rng.normal(size=(1000, 20))  # a second's work an epoch: 400,000 parameters a step
    settings = {
        "optimizer": "adam",
        "learning_rate": 1e-7,
        "batch_size": 1,
        "random_state": 0,
    }
    ends = {k: SGDRidge(max_iter=k, **settings).fit(wide, Y)._run.W for k in (1, 2)}

    def soon(model, record):
        signal.setitimer(signal.ITIMER_REAL, 0.05)

    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    model = SGDRidge(max_iter=2, callbacks=soon, **settings)
    try:
        with pytest.raises(KeyboardInterrupt):
            model.fit(wide, Y)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert model.n_iter_ == 1
    assert not np.array_equal(model._run.W, ends[1])  # some of its steps were made
    assert not np.array_equal(model._run.W, ends[2])  # not all
