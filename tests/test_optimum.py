"""Raw data against the true optimum: nothing scaled, nothing tuned, known f*.

f is the documented objective, evaluated by NumPy on the raw data with `coef_` and
`intercept_`; f* comes from a closed form or from Newton's method (newton.py).
"""

import functools
import warnings

import numpy as np
import pytest
from sklearn import datasets
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from newton import least_squares, log_loss_objective, newton, squared_objective
from rules import RATED
from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge

pytestmark = pytest.mark.slow

WITHIN_30_EPOCHS = 1e-2  # the same, for any optimizer's default rate and schedule

SHIPPED = {
    "diabetes": functools.partial(datasets.load_diabetes, scaled=False),
    "linnerud": datasets.load_linnerud,
    "breast cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "wine": datasets.load_wine,
}
REGRESSION = ("diabetes", "california", "concrete", "nycflights")
CLASSIFICATION = ("breast cancer", "digits", "wine", "bank", "covertype")
PROBLEMS = (
    *((SGDLinearRegressor, name) for name in REGRESSION),
    *((SGDRidge, name) for name in REGRESSION),
    *((SGDLogistic, name) for name in CLASSIFICATION),
)
IDS = [f"{Model.__name__}-{name}" for Model, name in PROBLEMS]


@pytest.fixture(scope="session")
def problem(request):
    """Return ``problem(Model, name) -> X, y, f, optimum``, each solved once."""

    @functools.cache
    def data(name):
        if name in SHIPPED:
            return SHIPPED[name](return_X_y=True)
        return request.getfixturevalue("load_real")(name)

    @functools.cache
    def solved(Model, name):
        X, y = data(name)
        if Model is SGDLogistic:
            f, solve, penalty = log_loss_objective, newton, 1 / len(y)  # C = 1
        else:
            f, solve, penalty = squared_objective, least_squares, 0.0
            if Model is SGDRidge:
                penalty = 1 / len(y)  # alpha = 1
        f = functools.partial(f, X, y, penalty=penalty)
        return X, y, f, solve(X, y, penalty)

    return solved


def fit_quietly(model, *data):
    """Fit; the one warning that may come is of `max_iter`, and must come with it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(*data)
    # Not its subclasses: a divergence is no call for more epochs.
    assert {w.category for w in caught} <= {ConvergenceWarning}
    assert len(caught) == (model.stop_reason_ == "max_iter")
    return model


def check_report(model, value, optimum):
    """What a fitted model says of itself must be true."""
    # Two ways of summing; predictions of raw columns cancel some digits.
    np.testing.assert_allclose(model.objective_, value, rtol=1e-9, atol=1e-12)
    rounding = 1e-9 * optimum.best + 1e-12
    assert value >= optimum.best - rounding
    assert np.all(np.isfinite(model.coef_))
    assert model.gap_ >= 0
    if np.isfinite(model.gap_):
        assert model.gap_ >= value - optimum.best - rounding
        assert model.certificate_ in ("least squares", "fenchel", "subset", "value")
    else:
        assert model.certificate_ == "none"
    assert model.converged_ == (model.stop_reason_ == "certified")
    if model.converged_:
        fallen = optimum.start - optimum.best
        assert value - optimum.best <= model.tol * fallen + rounding


@pytest.mark.parametrize("tol", [1e-2, 1e-6, 1e-8])
@pytest.mark.parametrize(
    ("Model", "name"),
    [*PROBLEMS, (SGDRidge, "linnerud")],
    ids=[*IDS, "SGDRidge-linnerud"],
)
def test_the_default_ends_at_the_optimum_and_knows_it(problem, Model, name, tol):
    X, y, f, optimum = problem(Model, name)
    model = fit_quietly(Model(tol=tol, random_state=0), X, y)
    value = f(coef=model.coef_, intercept=model.intercept_)
    check_report(model, value, optimum)
    assert model.converged_
    assert optimum.excess(value) <= tol + 1e-12


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("Model", "name"),
    [
        (SGDLinearRegressor, "diabetes"),
        (SGDRidge, "diabetes"),
        (SGDLogistic, "breast cancer"),
        (SGDLogistic, "wine"),
    ],
)
def test_the_optimum_does_not_depend_on_the_seed(problem, Model, name, seed):
    X, y, f, optimum = problem(Model, name)
    model = fit_quietly(Model(random_state=seed), X, y)
    value = f(coef=model.coef_, intercept=model.intercept_)
    assert optimum.excess(value) <= model.tol


SLOW = {
    ("breast cancer", "sgd"): 1.3e-2,
    ("breast cancer", "normalizedadaptive"): 1.5e-2,
}


@pytest.mark.parametrize("optimizer", sorted(RATED))
@pytest.mark.parametrize(("Model", "name"), PROBLEMS, ids=IDS)
def test_every_optimizer_comes_near_within_30_epochs(
    problem, Model, name, optimizer, request
):
    if (name, optimizer) in SLOW:
        reason = f"it is at {SLOW[name, optimizer]:g} there after 30 epochs"
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    X, y, f, optimum = problem(Model, name)
    model = Model(optimizer=optimizer, max_iter=30, random_state=1)
    fit_quietly(model, X, y)
    assert 1 <= model.n_iter_ <= 30
    value = f(coef=model.coef_, intercept=model.intercept_)
    check_report(model, value, optimum)
    assert optimum.excess(value) <= WITHIN_30_EPOCHS


WEIGHTED = {
    "ridge": (SGDRidge(3.0), "diabetes"),
    "logistic": (SGDLogistic(0.1), "breast cancer"),
    "softmax": (SGDLogistic(10.0), "wine"),
    "no intercept": (SGDLogistic(1.0, fit_intercept=False), "breast cancer"),
}


@pytest.mark.parametrize("case", WEIGHTED)
def test_weights_penalty_and_intercept_enter_as_documented(problem, case):
    model, name = WEIGHTED[case]
    X, y, _, _ = problem(type(model), name)
    weight = np.random.default_rng(0).integers(0, 4, len(y)).astype(float)
    model = fit_quietly(clone(model).set_params(random_state=0), X, y, weight)
    if isinstance(model, SGDRidge):
        solve, f, penalty = least_squares, squared_objective, model.alpha
    else:
        solve, f, penalty = newton, log_loss_objective, 1 / model.C
    penalty /= weight.sum()
    optimum = solve(X, y, penalty, weight, model.fit_intercept)
    value = f(X, y, model.coef_, model.intercept_, penalty, weight)
    check_report(model, value, optimum)
    assert optimum.excess(value) <= model.tol
    if not model.fit_intercept:
        assert not np.any(model.intercept_)
