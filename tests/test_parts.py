"""Long rows in parts, and rates that one of them does not set."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from oracle import LOSSES, draw
from sgd_estimators import SGDLogistic, SGDRidge
from sgd_estimators._kernels.epoch import run_epoch
from sgd_estimators._kernels.order import Order
from sgd_estimators._parts import TYPICAL, in_parts
from sgd_estimators._smoothness import row_norms, smoothness
from sgd_estimators.optimizers import SAGA, SVRG


def long_rows(loss="squared", storage="dense f64", n=200, weighted=False):
    p = draw(loss, n=n, weighted=weighted)
    p.X[p.rows[::20]] *= np.geomspace(1, 300, len(p.rows[::20]))[:, None]
    return p, p.kernel(storage)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("storage", ["dense f64", "dense f32", "csr f64 i32"])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_function_stays_the_same(loss, storage, weighted):
    p, f = long_rows(loss, storage, weighted=weighted)
    g, share = in_parts(f, row_norms(f), 4)
    assert g.n_active > f.n_active
    (value, G), (other, H) = (h.value_and_gradient(p.W) for h in (f, g))
    assert_allclose(other, value, rtol=1e-12)
    assert_allclose(H, G, rtol=0, atol=1e-12 * np.abs(G).max())
    visits = np.bincount(g.indices, minlength=f.rows.n_rows)
    assert_allclose((visits * share)[visits > 0], 1, rtol=1e-12)


@pytest.mark.parametrize("batch", [1, 4, 64])
def test_parts_are_typical_and_few(batch):
    _, f = long_rows(n=2000)
    norms = row_norms(f)
    g, _ = in_parts(f, norms, batch)
    largest = row_norms(g).max() * f.n_active / g.n_active
    assert largest <= max(batch, TYPICAL * norms.mean()) * (1 + 1e-12)
    assert f.n_active < g.n_active <= (1 + 1 / TYPICAL) * f.n_active


def test_the_parts_of_a_row_are_far_from_each_other():
    _, f = long_rows(n=2000)
    g, share = in_parts(f, row_norms(f), 4)
    longest = int(np.argmin(share))
    places = np.flatnonzero(np.asarray(g.indices) == longest)
    assert len(places) > 10
    gaps = np.diff(places) * len(places) / g.n_active
    assert gaps.min() > 0.5
    assert gaps.max() < 1.5


def test_rows_of_normal_columns_are_whole():
    rng = np.random.default_rng(0)
    for n in (300, 5000):
        p = draw("squared", n=n)
        p.X = rng.normal(size=(n, p.X.shape[1]))
        f = p.kernel()
        assert in_parts(f, row_norms(f), 16) == (f, None)


@pytest.mark.parametrize("rule", [SVRG(), SAGA()], ids=str)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_mean_of_the_slopes_is_kept(loss, rule):
    p, f = long_rows(loss)
    g, share = in_parts(f, row_norms(f), 4)
    h = rule.estimate(g)
    h.share = share
    h.refresh(p.W)
    order = Order(g.n_active, g.indices)
    order.shuffle(0, 0, 4)
    W = p.W.copy()
    run_epoch(h, rule.start(f.n_params), W, order, 4, np.full(-(-order.n // 4), 1e-4))
    slopes, mean = h.memory
    seen = p.seen()[g.indices]
    want = slopes[g.indices].T @ seen / g.total_weight
    assert_allclose(mean.reshape(want.shape), want, rtol=0, atol=1e-9 * np.abs(want).max())


def test_the_noise_is_that_of_typical_rows():
    _, f = long_rows(n=2000)
    norms = row_norms(f)
    got = smoothness(f, 1, 0)
    sample = smoothness(f, 1, 1)
    assert got.noise <= 2 * norms.max() * (1 + 1e-9)
    assert got.mean >= 0
    assert sample.noise > 0


def outliers(kind, seed):
    """Return ratios, of which a few rows have a denominator near 0."""
    rng = np.random.default_rng(seed)
    n, d = 2000, 20
    X = rng.normal(size=(n, d)) * np.exp(rng.normal(size=(n, d)))
    X /= np.exp(1.5 * rng.normal(size=(n, 4)))[:, np.arange(d) % 4]
    X[rng.choice(n, 3, replace=False)] *= 300
    z = np.clip(X / np.median(np.abs(X), axis=0), -5, 5) @ rng.normal(size=d) / d**0.5
    if kind == "ridge":
        return SGDRidge(), X, z + 0.5 * rng.normal(size=n)
    return SGDLogistic(), X, (rng.random(n) < 1 / (1 + np.exp(1 - z))).astype(int)


def objective(model, X, y):
    z = X @ model.coef_.ravel() + model.intercept_
    if isinstance(model, SGDRidge):
        return 0.5 * np.mean((z - y) ** 2) + 0.5 * model.coef_ @ model.coef_ / len(y)
    return np.mean(np.logaddexp(0, z) - y * z) + 0.5 * np.sum(model.coef_**2) / len(y)


RULES = [
    *("sgd", "adagrad", "rmsprop", "adadelta", "adam", "nadam", "lion", "schedulefree"),
    *("normalizedadaptive", "svrg", "saga"),
]


# Rules that a large gradient slows down: for a few steps, or for good.
SHORT = ("rmsprop", "adadelta", "normalizedadaptive")


@pytest.mark.parametrize("kind", ["ridge", "logistic"])
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_learns_in_spite_of_outliers(rule, kind):
    for seed in (0, 1):
        model, X, y = outliers(kind, seed)
        best = objective(model.fit(X, y), X, y)
        share = np.mean(y)
        if kind == "ridge":
            first = 0.5 * np.var(y)
        else:
            first = -(share * np.log(share) + (1 - share) * np.log(1 - share))
        model.set_params(optimizer=rule, max_iter=50, random_state=0, tol=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = objective(model.fit(X, y), X, y)
        assert (found - best) / (first - best) < (0.4 if rule in SHORT else 0.1)


@pytest.mark.parametrize("store", [np.asarray, sp.csr_array])
def test_one_row_does_not_set_the_rate(store):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(4000, 10)), rng.normal(size=4000)
    rates = []
    for size in (1.0, 1e5):
        X[7] *= size
        model = SGDRidge(optimizer="sgd", max_iter=1, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rates.append(model.fit(store(X), y).learning_rate_)
    assert rates[1] > 0.1 * rates[0]


def test_a_rate_of_the_users_own_leaves_the_rows_whole():
    model, X, y = outliers("ridge", 0)
    model.set_params(optimizer="sgd", learning_rate=1e-6, max_iter=1, batch_size=10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert model.fit(X, y).t_ == 200
        assert model.set_params(learning_rate="auto").fit(X, y).t_ > 200
