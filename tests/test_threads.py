"""Work that is spread over threads: its order, its errors, and the data it reads."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp

from sgd_estimators import SGDLogistic, SGDRidge, _params
from sgd_estimators._params import canonical
from sgd_estimators._pool import pool, spread
from sgd_estimators.callbacks import EarlyStopping
from sgd_estimators.optimizers import Adam

rng = np.random.default_rng(0)


@pytest.mark.parametrize("n_jobs", [1, 2, 5])
@pytest.mark.parametrize("n", [0, 1, 2, 40])
def test_results_come_in_the_order_of_the_items(n, n_jobs):
    assert spread(lambda i: i * i, range(n), n_jobs) == [i * i for i in range(n)]


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_an_error_comes_through_and_the_threads_stay(n_jobs):
    def fail(i):
        if i == 7:
            raise ArithmeticError("mine")
        return i

    for _ in range(3):
        with pytest.raises(ArithmeticError, match="mine"):
            spread(fail, range(20), n_jobs)
    assert spread(lambda i: i, range(20), n_jobs) == list(range(20))


def test_work_is_shared():
    meeting = threading.Barrier(2, timeout=30)  # passed by two at a time only
    spread(lambda i: meeting.wait(), range(2), 2)


def test_nobody_waits_for_a_thread_that_comes_too_late():
    spread(lambda i: i, range(4), 4)
    free = threading.Event()
    pool.submit(lambda: free.wait(30), len(pool.threads))  # all are busy
    try:
        assert spread(lambda i: i * i, range(9), 3) == [i * i for i in range(9)]
    finally:
        free.set()


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="threads stay off no CPU where there is one, or the system sets none",
)
def test_threads_keep_off_the_cpu_that_wakes_them():
    allowed = os.sched_getaffinity(0)
    for cpu in sorted(allowed)[:2]:
        try:
            os.sched_setaffinity(0, {cpu})
            time.sleep(0.01)
            os.sched_setaffinity(0, allowed)
            spread(lambda i: i, range(2), 2)
        finally:
            os.sched_setaffinity(0, allowed)
        assert pool.off in allowed
        for thread in pool.threads:
            assert os.sched_getaffinity(thread.native_id) == allowed - {pool.off}


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("order", ["F", "strided"])
def test_arrays_of_another_order_are_copied_row_by_row(order, n_jobs, monkeypatch):
    monkeypatch.setattr(_params, "SMALL", 0)
    monkeypatch.setattr(_params, "PART", 1 << 10)
    X = rng.normal(size=(300, 14))
    X = np.asfortranarray(X) if order == "F" else X[:, ::2]
    copy = canonical(X, n_jobs)
    assert copy.flags.c_contiguous
    np.testing.assert_array_equal(copy, X)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [sp.csr_array, np.ascontiguousarray, np.asfortranarray])
def test_what_is_not_finite_is_found_wherever_it_stands(kind, bad, monkeypatch):
    monkeypatch.setattr(_params, "SMALL", 0)
    monkeypatch.setattr(_params, "PART", 1 << 10)
    for i in (0, 150, 299):
        X = rng.normal(size=(300, 7))
        X[i, i % 7] = bad
        X = kind(X)
        with pytest.raises(ValueError, match="Input X contains"):
            canonical(X, 2)
        with pytest.raises(ValueError, match="Input X contains"):
            SGDRidge().fit(X, np.ones(300))


def test_values_whose_sum_overflows_are_finite(monkeypatch):
    monkeypatch.setattr(_params, "SMALL", 0)
    for order in "CF":
        X = np.full((8, 2), 1e308, order=order)
        np.testing.assert_array_equal(canonical(X, 2), X)


def test_a_fit_has_the_same_bits_whatever_the_order_of_x():
    X = rng.normal(size=(5000, 120))  # more than one thread reads at once
    y = X[:, 0] + rng.normal(size=5000) > 0
    one = SGDLogistic(random_state=0, n_jobs=1).fit(X, y)
    two = SGDLogistic(random_state=0, n_jobs=2).fit(np.asfortranarray(X), y)
    np.testing.assert_array_equal(one.coef_, two.coef_)


RUNS = [
    (SGDRidge, {"optimizer": Adam(), "max_iter": 30}),
    (SGDLogistic, {"optimizer": "saga", "max_iter": 30}),
    (SGDLogistic, {}),
    (SGDRidge, {"optimizer": Adam(), "callbacks": EarlyStopping(patience=2)}),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("Model", "settings"), RUNS)
def test_fits_in_threads_do_not_disturb_each_other(Model, settings):
    X = rng.normal(size=(20000, 30))  # whose full evaluations are shared by threads, too
    ys = [X[:, k] + rng.normal(size=20000) > 0 for k in range(4)]

    def fit(y):  # all with one optimizer and one callback object
        return Model(random_state=0, n_jobs=2, **settings).fit(X, y)

    alone = [fit(y) for y in ys]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(fit, ys))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.coef_, other.coef_)
        np.testing.assert_array_equal(one.history_["loss"], other.history_["loss"])
        assert one.stop_reason_ == other.stop_reason_
