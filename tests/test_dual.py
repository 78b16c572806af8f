"""SDCA: the step, the identities of the dual, where it ends, and what it is not for."""

import ctypes
import pickle
import platform
import shutil
import subprocess

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from scipy.special import entr, expit
from sklearn import datasets
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from newton import least_squares, log_loss_objective, newton, squared_objective
from oracle import STORAGES, draw
from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge, minimize, objective
from sgd_estimators._kernels.dual import Dual
from sgd_estimators._kernels.order import Order
from sgd_estimators.optimizers import SDCA

LOSSES = ("squared", "squared x 3", "logistic")


def problem(loss, **options):
    p = draw(loss, **options)
    p.alpha += 0.01
    return p


def seen(p, storage):
    """Return f in a metric that belongs to the storage: no centre on CSR."""
    if "csr" in storage:
        p.mean = np.zeros_like(p.mean)
    return p.kernel(storage)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("loss", LOSSES)
def test_w_and_b_are_those_of_the_duals(loss, storage, fit_intercept):
    p = problem(loss, fit_intercept=fit_intercept)
    if not fit_intercept:
        p.mean = np.zeros_like(p.mean)
    f = seen(p, storage)
    g, W = Dual(f), 0 * p.W
    order = Order(f.n_active, p.active, 1, 1)
    g.refresh(W)
    for epoch in range(3):
        order.shuffle(0, epoch, 1)
        W, _ = g.ascend(W, order)
    a, centre = g.memory
    a = a[p.rows] * p.weight[p.rows, None]
    S, d = f.total_weight, len(p.mean)
    want = a.T @ p.seen()[p.rows, :d] / (f.penalty[:, :d] * S)
    assert_allclose(W[:, :d], want, atol=1e-11)
    if fit_intercept:
        offset = S * max(1e-3, 10 / f.n_active)
        assert_allclose(W[:, -1], centre + a.sum(axis=0) / offset, atol=1e-11)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_is_the_best_for_its_row(loss, storage):
    p = problem(loss, fit_intercept=False, subset=False)
    p.mean = np.zeros_like(p.mean)
    f = p.kernel(storage)
    g, W = Dual(f), 0 * p.W
    g.refresh(W)
    for i in np.random.default_rng(0).permutation(len(p.X)):
        W, _ = g.ascend(W, Order(1, np.array([i])))
        z = p.seen()[i] @ W.T
        slope = (expit(z) if loss == "logistic" else z) - p.y[i]
        assert_allclose(g.memory[0][i], -slope, atol=1e-5)  # a = -l'(z) at the maximum
    a = g.memory[0]
    t = np.where(p.y > 0, a, -a)
    conjugate = entr(t) + entr(1 - t) if loss == "logistic" else a * p.y - a * a / 2
    dual = p.weight @ conjugate / f.total_weight - 0.5 * np.sum(f.penalty * W * W, axis=1)
    assert dual.sum() < p.value_and_gradient(W)[0]
    assert g.left > 0


DATA = {
    "diabetes": datasets.load_diabetes(return_X_y=True),
    "targets": (np.random.default_rng(0).normal(size=(90, 5)) + 1,),
    "breast cancer": datasets.load_breast_cancer(return_X_y=True),
}
DATA["targets"] += (DATA["targets"][0] @ np.ones((5, 2)) + [[0, 50]],)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", DATA)
def test_a_run_ends_certified(name, sparse, fit_intercept, weighted):
    X, y = DATA[name]
    if name == "breast cancer":
        X = StandardScaler().fit_transform(X)
        model, solve, f, C = SGDLogistic(0.01), newton, log_loss_objective, 0.01
    else:
        C = 0.1 if name == "targets" else 1.0
        model, solve, f = SGDRidge(1 / C), least_squares, squared_objective
    weight = (
        np.random.default_rng(0).integers(0, 4, len(y)) if weighted else np.ones(len(y))
    )
    model.set_params(optimizer="sdca", fit_intercept=fit_intercept, random_state=0)
    model.fit(sp.csr_array(X) if sparse else X, y, weight)
    assert model.stop_reason_ == "certified"
    penalty = 1 / (C * weight.sum())
    kept = weight > 0
    data = X[kept], y[kept]
    best = solve(*data, penalty, weight[kept], fit_intercept)
    value = f(*data, model.coef_, model.intercept_, penalty, weight[kept])
    assert_allclose(model.objective_, value, rtol=1e-10)
    assert best.excess(value) <= model.tol
    assert model.gap_ >= value - best.best - 1e-12 * best.start
    history = model.history_
    assert len(history["gap"]) == model.n_iter_
    assert np.isfinite(history["gap"]).all()
    assert np.all(history["rate"] == 1)
    assert model.t_ == kept.sum() * model.n_iter_
    assert history["loss"][-1] < history["loss"][0]


def test_sparse_is_dense_in_the_plain_metric():
    X, y = DATA["diabetes"]
    X = np.where(np.random.default_rng(0).random(X.shape) < 0.5, X, 0.0)
    model = SGDRidge(optimizer="sdca", preconditioner=None, tol=1e-8, random_state=0)
    dense = model.fit(X, y).coef_
    sparse = model.fit(sp.csr_array(X), y).coef_
    assert_allclose(sparse, dense, rtol=1e-10)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", DATA)
def test_it_goes_on_as_if_it_had_not_stopped(name):
    X, y = DATA[name]
    X = X if name == "targets" else sp.csr_array(X)
    model = SGDLogistic(1e-4) if name == "breast cancer" else SGDRidge()
    model.set_params(optimizer=SDCA(), tol=0, warm_start=True, random_state=0)
    whole = clone(model).set_params(max_iter=7).fit(X, y)
    half = pickle.loads(pickle.dumps(model.set_params(max_iter=3).fit(X, y)))
    half.set_params(max_iter=4).fit(X, y)
    np.testing.assert_array_equal(half.coef_, whole.coef_)
    np.testing.assert_array_equal(half.history_["loss"], whole.history_["loss"])


def test_it_goes_on_from_the_coefficients_of_another_and_after_a_change():
    X, y = DATA["diabetes"]
    model = SGDRidge(warm_start=True, tol=1e-9, random_state=0).fit(X, y)
    f = model.objective_
    model.set_params(optimizer="sdca", tol=1e-6).fit(X, y)
    assert model.n_iter_ <= 2  # from the optimum
    assert_allclose(model.objective_, f, rtol=1e-6)
    model.set_params(alpha=3.0).fit(X, y, np.arange(len(y)))
    cold = SGDRidge(3.0, tol=1e-9).fit(X, y, np.arange(len(y)))
    assert model.converged_
    assert_allclose(model.objective_, cold.objective_, rtol=1e-5)


def test_callbacks_early_stopping_and_shuffle():
    X, y = DATA["diabetes"]
    told = []
    model = SGDRidge(
        optimizer="sdca",
        callbacks=lambda model, record: told.append(record["gap"]) or len(told) == 3,
        random_state=0,  # of 200 seeds, one ends at the optimum to the last digit
    )
    assert model.fit(X, y).stop_reason_ == "callback"
    assert np.all(np.isfinite(told))
    model.set_params(early_stopping=True, callbacks=None, tol=0).fit(X, y)
    assert model.stop_reason_ in ("early_stopping", "no_improvement")
    assert (
        model.set_params(early_stopping=False, shuffle=False, tol=1e-6).fit(X, y).converged_
    )


def test_a_hard_task_is_no_divergence():
    X, y = DATA["breast cancer"]  # raw columns: a condition of 10^6
    with pytest.warns(match="max_iter"):
        model = SGDLogistic(optimizer="sdca", max_iter=5, random_state=0).fit(X, y)
    assert model.stop_reason_ == "max_iter"
    assert model._run.cuts == 0


def test_minimize_takes_it():
    p = problem("squared")
    f = p.kernel()
    end = minimize(f, optimizer="sdca", random_state=0, max_iter=200)
    assert end.success
    assert end.rates[-1] == 1


def test_what_it_is_not_for_is_an_error_before_any_work():
    X, y = DATA["diabetes"]
    told = []
    label = np.digitize(y, [100, 200])
    for model, target, match in (
        (SGDLogistic(), label, "two classes"),
        (SGDLinearRegressor(), y, "penalty"),
        (SGDLogistic(np.inf), label > 0, "penalty"),
        (SGDRidge([1.0, 0.0]), np.c_[y, y], "penalty"),
        (SGDRidge(learning_rate=0.1), y, "learning_rate"),
        (SGDRidge(schedule="constant"), y, "schedule"),
        (SGDRidge(batch_size=8), y, "batch_size"),
        (SGDRidge(average=True), y, "average"),
        (SGDRidge(preconditioner="hessian"), y, "preconditioner"),
        (SGDRidge(momentum=0.5), y, "momentum"),
    ):
        model.set_params(optimizer="sdca", callbacks=lambda *epoch: told.append(epoch))
        with pytest.raises(ValueError, match=match):
            model.fit(X, target)
        assert not told
        assert not hasattr(model, "coef_")
    with pytest.raises(ValueError, match="partial_fit"):
        SGDRidge(optimizer=SDCA()).partial_fit(X, y)
    with pytest.raises(ValueError, match="penalty"):
        minimize(objective(X, y), optimizer="sdca")


FLUSH = """
#include <xmmintrin.h>
void flush(int on) { _mm_setcsr(on ? _mm_getcsr() | 0x8040 : _mm_getcsr() & ~0x8040); }
"""


@pytest.fixture
def flush(tmp_path):
    """Return what makes the processor flush denormals, as libraries of -ffast-math do."""
    compiler = shutil.which("cc")
    if compiler is None or platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("needs a C compiler and an x86 processor")
    source, library = tmp_path / "flush.c", tmp_path / "flush.so"
    source.write_text(FLUSH)
    command = [compiler, "-shared", "-fPIC", source, "-o", library]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    flush = ctypes.CDLL(str(library)).flush
    yield flush
    flush(0)


def test_the_processor_may_flush_denormals(flush):
    rng = np.random.default_rng(0)
    X = sp.random_array((300, 500), density=0.05, rng=rng, format="csr")
    X.data = np.ceil(5 * X.data)
    y = X[:, :250].sum(axis=1) > X[:, 250:].sum(axis=1)
    heavy = np.where(np.arange(300) % 50, 1.0, 3000.0)  # of scores beyond exp's range
    f = objective(sp.diags_array(heavy) @ X, y, "logistic", penalty=0.01)
    ends = []
    for on in (0, 1):
        dual, W = Dual(f), np.zeros((1, f.n_params))
        order = Order(f.n_active, f.active, 1, 1)
        flush(on)
        for epoch in range(6):
            order.shuffle(0, epoch, 1)
            W, _ = dual.ascend(W, order)
        flush(0)
        ends.append((W, dual.left))
    assert np.isfinite(ends[0][1])
    np.testing.assert_array_equal(ends[1][1], ends[0][1])
    np.testing.assert_array_equal(ends[1][0], ends[0][0])
