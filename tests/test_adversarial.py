"""Hostile data, default parameters: certified, or a warning that names the reason.

Each problem is judged by the coefficients alone, in float64: f there is at most
tol (f0 - f*) above the optimum of newton.py where the model says so, and `gap_` is a bound
everywhere. Scores that cancel are rounded, whoever computes them: `noise` says how much.
"""

import warnings
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from newton import (
    NoOptimum,
    least_squares,
    log_loss_objective,
    newton,
    squared_objective,
    weights_of,
)
from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge


def duplicate(X, rng):
    return np.hstack([X, X[:, :3], -3 * X[:, :1]])


def nearly_equal(X, rng):
    return np.hstack([X, X[:, :2] * (1 + 1e-7 * rng.normal(size=(len(X), 1)))])


def constant(X, rng):
    return np.hstack([np.full((len(X), 1), 1e5 / 3), X, np.full((len(X), 1), 3.7)])


def zero(X, rng):
    return np.hstack([X, np.zeros((len(X), 2))])


def scales(X, rng):
    return X * 10.0 ** rng.uniform(-12, 12, X.shape[1])


def two_scales(X, rng):
    return X * np.where(np.arange(X.shape[1]) % 2, 1e8, 1.0)


def years(X, rng):
    return X + 1e6


def heavy_tails(X, rng):
    return X * np.abs(rng.standard_t(3, size=(len(X), 1)))


def rare_levels(X, rng):
    level = np.minimum(rng.geometric(0.35, size=len(X)), 12)
    return np.hstack([X, level[:, None] == np.arange(1, 13)])


def one_entry(X, rng):
    alone = np.zeros((len(X), 2))
    alone[rng.integers(len(X)), 0], alone[rng.integers(len(X)), 1] = 1.0, 1e6
    return np.hstack([X, alone])


def in_order(X, rng):
    return X[np.argsort(X[:, 0])]


DISTORTIONS = {
    f.__name__: f
    for f in (
        duplicate,
        nearly_equal,
        constant,
        zero,
        scales,
        two_scales,
        years,
        heavy_tails,
        rare_levels,
        one_entry,
        in_order,
    )
}
TASKS = {
    "linear": SGDLinearRegressor(),
    "ridge": SGDRidge(),
    "little ridge": SGDRidge(alpha=1e-8),
    "logistic": SGDLogistic(),
    "softmax": SGDLogistic(),
    "unpenalised": SGDLogistic(C=np.inf),
}


def generate(names, n, d, seed, weighted):
    """Return X, standard scores that depend on it, and weights spread over 1e8."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    for name in names:
        X = DISTORTIONS[name](X, rng)
    centred = X - X.mean(axis=0)
    size = centred.std(axis=0)
    Z = centred / np.where(size > 1e-13 * np.abs(X).max(axis=0), size, np.inf)
    effects = rng.normal(size=Z.shape[1]) * (rng.random(Z.shape[1]) < 0.8)
    latent = Z @ effects / max(1.0, np.linalg.norm(effects))
    weight = 10.0 ** rng.uniform(-4, 4, n) if weighted else None
    return X, latent, weight, rng


def target(task, latent, rng):
    noise = rng.logistic(size=len(latent))
    if task not in ("logistic", "softmax", "unpenalised"):
        return latent + 0.5 * noise + 3
    edges = [0.0, 1.0] if task == "softmax" else [0.3]
    y = np.digitize(latent + 0.5 * noise, edges)
    y[: len(edges) + 1] = range(len(edges) + 1)  # no class is empty
    return y


def fit(model, X, y, weight):
    """Fit; return the model and whether it warned, as it must if it is not certified."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.set_params(random_state=0).fit(X, y, sample_weight=weight)
    assert np.all(np.isfinite(model.coef_))
    assert np.all(np.isfinite(model.intercept_))
    assert np.isfinite(model.objective_)
    assert model.converged_ == (not caught)
    assert {w.category for w in caught} <= {ConvergenceWarning}
    assert all(model.stop_reason_ in str(w.message) for w in caught)
    return model


def basis(X, s, fit_intercept):
    """Return orthonormal columns of X's span: unpenalised, their optimum is the same."""
    rounding = 1e-13 * np.sqrt(len(X)) * np.abs(X).max(axis=0)
    X = X - fit_intercept * X[0]  # so far from 0, a difference keeps its digits
    X = X - fit_intercept * np.average(X, axis=0, weights=s)
    size = np.linalg.norm(X, axis=0)
    U, roots, _ = np.linalg.svd(X / np.where(size > rounding, size, np.inf), False)
    return np.sqrt(len(X)) * U[:, roots > 1e-13 * roots[0]]


def check(model, X, y, weight):
    """Fit, and hold what the model says of itself against the optimum."""
    return hold(fit(model, X, y, weight), X, y, weight)


def hold(model, X, y, weight):
    """Hold what a fitted model says of itself against the optimum."""
    X = np.asarray(X.toarray() if sp.issparse(X) else X, float)
    s = weights_of(weight, len(y))
    if isinstance(model, SGDLogistic):
        penalty = 1 / (model.C * s.sum())
        solve, objective = newton, log_loss_objective
    else:
        penalty = getattr(model, "alpha", 0.0) / s.sum()
        solve, objective = least_squares, squared_objective
    value = objective(X, y, model.coef_, model.intercept_, penalty, weight)
    seen = X if penalty or solve is least_squares else basis(X, s, model.fit_intercept)
    optimum = solve(seen, y, penalty, weight, model.fit_intercept)
    start, best = optimum.start, min(optimum.best, value)
    terms = np.abs(X) @ np.abs(np.atleast_2d(model.coef_)).T + np.abs(model.intercept_)
    noise = np.sqrt(s @ np.sum((8 * np.finfo(float).eps * terms) ** 2, axis=1) / s.sum())
    noise = noise * (noise + np.sqrt(2 * start)) + 1e-300
    if isinstance(model, SGDLogistic):
        noise += 1e-15  # of logarithms
    assert abs(model.objective_ - value) <= 1e-9 * start + noise
    assert model.gap_ >= value - best - 1e-9 * start - noise
    if model.converged_:
        assert value - best <= model.tol * (start - best) + 1e-12 * start + noise
    return model


def stored(X, form):
    kind, dtype = form.split()
    X = X.astype(dtype)
    return sp.csr_array(X) if kind == "csr" else X


FORMS = ("dense float64", "dense float32", "csr float64", "csr float32")


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", DISTORTIONS)
def test_each_distortion(name, task, weighted):
    X, latent, weight, rng = generate([name], 200, 6, 0, weighted)
    y = target(task, latent, rng)
    for form in FORMS:
        model = check(TASKS[task], stored(X, form), y, weight)
        if task in ("linear", "ridge", "little ridge", "softmax"):
            assert model.converged_


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("rule", ["sgd", "adam", "saga", "sdca"])
@pytest.mark.parametrize("task", ["little ridge", "logistic"])
@pytest.mark.parametrize("name", DISTORTIONS)
def test_the_bounds_of_other_optimizers(name, task, rule):
    metric = "diagonal" if rule == "sdca" else "hessian"
    X, latent, weight, rng = generate([name], 30, 4, 0, True)
    y = target(task, latent, rng)
    model = clone(TASKS[task]).set_params(optimizer=rule, preconditioner=metric)
    model.set_params(max_iter=30, tol=1e-8, random_state=0).fit(X, y, weight)
    hold(model, X, y, weight)


@pytest.mark.parametrize("rule", ["auto", "sgd", "saga", "sdca"])
@pytest.mark.parametrize("task", ["linear", "ridge"])
def test_a_gap_has_the_rounding_of_the_scores_in_it(task, rule):
    """The intercept is off by the mean residual, which fractions know exactly."""
    task = "ridge" if rule == "sdca" else task
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2)) + 1e6
    y = X.sum(axis=1) - 2e6 + rng.normal(size=40)
    model = clone(TASKS[task]).set_params(optimizer=rule, random_state=0).fit(X, y)
    left = sum(map(Fraction, y)) - len(y) * Fraction(float(model.intercept_))
    for w, column in zip(model.coef_, X.T, strict=True):
        left -= Fraction(float(w)) * sum(map(Fraction, column))
    assert model.converged_
    assert model.gap_ >= 0.5 * float(left / len(y)) ** 2


FAR_LEVELS = ["rare_levels", "years", "zero"]
ALL_SCALES = ["scales", "two_scales", "duplicate"]


@settings(max_examples=100, deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted(DISTORTIONS)), max_size=3, unique=True),
    n=st.integers(3, 80),
    d=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
    weighted=st.booleans(),
    task=st.sampled_from(sorted(TASKS)),
    form=st.sampled_from(FORMS),
    fit_intercept=st.booleans(),
)
@example(["duplicate"], 200, 6, 0, False, "linear", "dense float32", True)
@example(["years", "nearly_equal"], 60, 4, 39, False, "unpenalised", "dense float64", True)
@example(["scales"], 12, 12, 1, True, "linear", "dense float64", True)
@example(["heavy_tails", "in_order"], 3, 2, 3, True, "linear", "dense float64", True)
@example(FAR_LEVELS, 19, 2, 446, True, "unpenalised", "dense float64", True)
@example(ALL_SCALES, 7, 7, 3427738, False, "linear", "dense float64", False)
@example(["duplicate", "scales"], 40, 6, 0, False, "linear", "dense float64", True)
def test_distortions_together(names, n, d, seed, weighted, task, form, fit_intercept):
    X, latent, weight, rng = generate(names, n, d, seed, weighted)
    y = target(task, latent, rng)
    model = TASKS[task].set_params(fit_intercept=fit_intercept)
    try:
        check(model, stored(X, form), y, weight)
    except NoOptimum:
        reject()
    finally:
        model.set_params(fit_intercept=True)


@pytest.mark.parametrize("form", FORMS)
def test_one_positive_in_1e5(form):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100_000, 4)), np.zeros(100_000, int)
    y[77] = 1
    assert check(SGDLogistic(), stored(X, form), y, None).converged_


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", DISTORTIONS)
def test_separable_classes_without_a_penalty(name, form):
    X, latent, _, _ = generate([name], 200, 6, 1, False)
    y = (latent > np.median(latent)).astype(int)
    model = fit(SGDLogistic(C=np.inf), stored(X, form), y, None)
    if model.converged_:
        # Of float32 columns, or with rounded scores, the classes may overlap.
        assert model.objective_ <= 1e-6 * np.log(2) or model.certificate_ != "value"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("task", ["linear", "ridge"])
@pytest.mark.parametrize("d", [1, 5])
def test_a_single_row(d, task, form):
    X = stored(np.full((1, d), 3.3), form)
    model = fit(TASKS[task], X, np.array([7.0]), None)
    np.testing.assert_allclose(model.predict(X), 7.0)


@pytest.mark.parametrize("alpha", [[0.0, 10.0], [1e-13, 10.0], [0.0, 1e-3]])
def test_each_penalty_has_its_own_optimum_on_equal_columns(alpha):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    Y = X.sum(axis=1, keepdims=True) + rng.normal(size=(200, 2))
    X = np.hstack([X, 3 * X])
    both = SGDRidge(alpha).fit(X, Y)
    for k in range(2):
        alone = SGDRidge(alpha[k]).fit(X, Y[:, k])
        np.testing.assert_allclose(both.coef_[k], alone.coef_, rtol=1e-2, atol=1e-8)
    np.testing.assert_allclose(both.coef_[1, 3:], 3 * both.coef_[1, :3], rtol=1e-8)


@pytest.mark.parametrize("C", [1.0, np.inf])
def test_constant_columns_have_no_effect(C):
    X, latent, _, rng = generate([], 300, 5, 0, False)
    y = target("logistic", latent, rng)
    plain = SGDLogistic(C, random_state=0).fit(X, y)
    model = SGDLogistic(C, random_state=0).fit(constant(X, rng), y)
    assert model.converged_
    np.testing.assert_allclose(model.coef_[:, [0, -1]], 0, atol=1e-9)
    np.testing.assert_allclose(model.objective_, plain.objective_, rtol=1e-6)


def test_a_step_that_is_far_too_long_is_cut_until_it_fits():
    """Where the losses are flat, Newton's step is 1e16 times too long."""
    X, latent, _, rng = generate(["one_entry"], 2500, 12, 0, False)
    y = target("unpenalised", latent, rng)
    model = fit(SGDLogistic(C=np.inf), X, y, None)
    best = newton(X, y, 1e-12).best
    assert model.objective_ <= best + 1e-4
