"""Streams learn: rates, states and metrics follow the rows, in parts of any kind."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning

from sgd_estimators import SGDLogistic, SGDRidge
from sgd_estimators._kernels.steps import AveragedStep
from sgd_estimators._stream import Watch, followed
from sgd_estimators.optimizers import OPTIMIZERS, SGD, RMSProp

RULES = [name for name in OPTIMIZERS if name not in ("sdca", "svrg", "saga")]


def stream(model, X, y, chunks, passes, **first):
    for _ in range(passes):
        for rows in np.array_split(np.arange(len(y)), chunks):
            model.partial_fit(X[rows], y[rows], **first)
    return model


def log_loss(model, X, y):
    z = X @ model.coef_.ravel() + model.intercept_
    return np.mean(np.logaddexp(0, z) - y * z)


def null(y):
    p = np.mean(y)
    return -(p * np.log(p) + (1 - p) * np.log(1 - p))


SCALED = [
    *(SGD(), SGD(momentum=0.9), SGD(momentum=0.9, nesterov=True), RMSProp(centered=True)),
    *(OPTIMIZERS[name]() for name in ("adagrad", "rmsprop", "adam", "nadam", "lion")),
]


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("rule", SCALED, ids=str)
def test_a_step_goes_on_on_another_scale(rule, averaged):
    """The moves that are left must be those of a step that saw that scale all along."""
    rng = np.random.default_rng(0)
    ratio, G = np.array([0.5, 4.0, 30.0]), rng.normal(size=(12, 3))

    def started():
        step = rule.start(3)
        return AveragedStep(step) if averaged else step

    one, other, x, y = started(), started(), np.ones(3), np.ones(3)
    for g in G[:6]:
        one(x, g, 0.01)
        other(y, g / ratio, 0.01)
    one.rescale(ratio, lambda point: point * ratio)
    x *= ratio
    for g in G[6:]:
        before = x.copy(), y.copy()
        one(x, g / ratio, 0.01)
        other(y, g / ratio, 0.01)
        assert_allclose(x - before[0], y - before[1], rtol=1e-5)
    if averaged:
        assert np.all(one.solution(x) != x)


def test_only_columns_that_change_are_seen_differently():
    old = np.zeros(4), np.ones(4)
    new = np.array([0.05, 0.2, 0.0, 0.0]), np.array([1.05, 1.0, 1000.0, 0.5])
    centre, scale = followed(new, old)
    np.testing.assert_array_equal(centre, [0, 0.2, 0, 0])
    np.testing.assert_array_equal(scale, [1, 1, 1000, 0.5])


@pytest.mark.parametrize("rule", ["sgd", "adagrad", "adam"])
def test_a_column_that_grows_a_thousandfold_is_met(rule):
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(4000, 5)), np.array([0.01, 1, -1, 0.5, 0.2])
    X[2000:, 0] *= 1000
    y = X @ w + 0.3 * rng.normal(size=4000)
    model = stream(SGDRidge(optimizer=rule, random_state=0), X, y, 20, 1)
    assert model.score(X[2000:], y[2000:]) > 0.95
    # the steps of AdaGrad on single batches leave more noise behind
    assert_allclose(model.coef_[1:], w[1:], atol=0.5 if rule == "adagrad" else 0.25)


@pytest.mark.parametrize("rule", ["sgd", "adagrad", "adam", "normalizedadaptive"])
def test_rare_levels_do_not_freeze_a_stream(rule):
    rng = np.random.default_rng(0)
    n, levels, fields = 6000, 200, 5
    codes = (levels * rng.random((n, fields)) ** 3).astype(int) + levels * np.arange(fields)
    entries = np.ones(n * fields), codes.ravel(), np.arange(0, n * fields + 1, fields)
    X = sp.csr_array(entries, shape=(n, levels * fields))
    y = (rng.random(n) < expit(X @ rng.normal(size=X.shape[1]) + 1)).astype(int)
    best = log_loss(SGDLogistic().fit(X, y), X, y)
    model = SGDLogistic(optimizer=rule, random_state=0)
    stream(model, X, y, 10, 3, classes=[0, 1])
    assert (log_loss(model, X, y) - best) / (null(y) - best) < 0.5


@pytest.mark.parametrize("size", [10, 100, 1000])
@pytest.mark.parametrize("rule", RULES)
def test_three_passes_learn_as_three_epochs_do(rule, size):
    rng = np.random.default_rng(0)
    n, d = 4000, 8
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) * 10.0 ** rng.integers(-2, 3, d)
    y = X @ (rng.normal(size=d) / X.std(axis=0)) + rng.normal(size=n)
    best = SGDRidge().fit(X, y).score(X, y)
    model = stream(SGDRidge(optimizer=rule, random_state=0), X, y, n // size, 3)
    assert 1 - model.score(X, y) / best < 0.1


def test_the_rate_of_a_stream_is_found_at_twice_the_rows():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(800, 3)), rng.normal(size=800)
    model, known = SGDRidge(random_state=0), []
    for begin in range(0, 800, 50):
        model.partial_fit(X[begin : begin + 50], y[begin : begin + 50])
        known.append(model._run.known)
    assert sorted(set(known[1:])) == [100, 200, 400, 800]


@pytest.mark.parametrize("rule", ["sgd", "adagrad", "adam", "lion"])
def test_a_stream_with_outliers_is_no_worse_than_a_constant_or_says_so(rule):
    rng = np.random.default_rng(0)
    X = rng.standard_cauchy(size=(3000, 20))
    X = np.sign(X) * np.abs(X) ** 1.5
    y = (rng.random(3000) < expit(np.tanh(X[:, 0]) + np.tanh(X[:, 1]) - 2)).astype(int)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = SGDLogistic(optimizer=rule, random_state=0)
        stream(model, X, y, 10, 3, classes=[0, 1])
    told = any("worse than the best constant" in str(w.message) for w in caught)
    assert told or log_loss(model, X, y) < 1.02 * null(y)


def test_a_stream_that_is_worse_than_a_constant_says_so_and_begins_again():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 10))
    y = rng.normal(size=4000) + 5.0
    model = SGDRidge(learning_rate=0.05, schedule="constant", batch_size=1, random_state=0)
    with pytest.warns(ConvergenceWarning, match="worse than the best constant"):
        stream(model, X, y, 10, 2)


def test_watching_forgets_and_judges():
    watch = Watch()
    watch.see(100, 9.0, 1.0, 100)
    assert not watch.in_vain  # too few rows
    watch.see(1000, 2.0, 1.0, 1100)
    assert watch.in_vain
    for seen in range(2100, 12_000, 1000):
        watch.see(1000, 0.9, 1.0, seen)
    assert not watch.in_vain
    assert watch.rows < 12_000 / 2
