"""Penalties of other libraries, by the optimum that they lead to."""

import itertools

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor

from newton import least_squares, newton
from sgd_estimators.penalties import CONVENTIONS, convert

rng = np.random.default_rng(0)
N = 300
X = rng.normal(size=(N, 3))
Y = X @ [1.0, -2.0, 0.5] + 1 + rng.normal(size=N)
LABEL = (Y > 0).astype(int)
WEIGHT = rng.integers(0, 4, N).astype(float)
DATA = {"n_samples": N, "total_weight": WEIGHT.sum(), "y_std": float(np.std(Y))}
SQUARED = least_squares(X, Y, 0.1, WEIGHT).coef
LOGISTIC = newton(X, LABEL, 0.1, WEIGHT).coef


def test_of_scikit_learns_exact_models():
    ridge = Ridge(convert(0.1, "lambda", "Ridge.alpha", **DATA)).fit(X, Y, WEIGHT)
    np.testing.assert_allclose(ridge.coef_, SQUARED[0], rtol=1e-8)
    C = convert(0.1, "lambda", "LogisticRegression.C", **DATA)
    model = LogisticRegression(C=C, tol=1e-10).fit(X, LABEL, WEIGHT)
    np.testing.assert_allclose(model.coef_, LOGISTIC, rtol=1e-5)


@pytest.mark.parametrize(
    ("Model", "y", "want"),
    [(SGDRegressor, Y, SQUARED[0]), (SGDClassifier, LABEL, LOGISTIC[0])],
)
def test_of_scikit_learns_sgd(Model, y, want):
    alpha = convert(0.1, "lambda", f"{Model.__name__}.alpha", **DATA)
    loss = {"loss": "log_loss"} if Model is SGDClassifier else {}
    model = Model(alpha=alpha, average=100_000, max_iter=2000, tol=None, **loss)
    model.set_params(learning_rate="constant", eta0=0.01, random_state=0)
    model.fit(X, y, sample_weight=WEIGHT)
    # The mean of the iterates is off by the rate; without the n / S it would be by 0.1.
    np.testing.assert_allclose(np.ravel(model.coef_), want, rtol=0.02)


# Numbers that VW 9.11 gave on 400 rows of this form with weights 1, ..., 4, l2 = 300.
def test_of_vowpal_wabbits_bfgs():
    rows = np.random.default_rng(0)
    X = rows.normal(size=(400, 3))
    y = X @ [1.0, -2.0, 0.5] + 0.7 + rows.normal(size=400)
    s = rows.integers(1, 5, 400).astype(float)
    given = {"n_samples": 400, "total_weight": s.sum()}
    penalty = convert(300.0, "vw.bfgs.squared.l2", "lambda", **given)
    got = [0.90884626, -1.71666527, 0.43372396]
    np.testing.assert_allclose(least_squares(X, y, penalty, s).coef[0], got, rtol=1e-5)
    penalty = convert(300.0, "vw.bfgs.logistic.l2", "lambda", **given)
    got = [0.31882897, -0.54842484, 0.18754984]
    np.testing.assert_allclose(newton(X, y > 0, penalty, s).coef[0], got, rtol=1e-5)


def test_of_sparks_linear_regression_by_its_scaled_problem():
    # It solves for y / std(y) with regParam / std(y), and scales the coefficients back.
    deviation = DATA["y_std"]
    scaled = least_squares(X, Y / deviation, 0.3 / deviation, WEIGHT).coef * deviation
    penalty = convert(0.3, "spark.LinearRegression.regParam", "lambda", y_std=deviation)
    np.testing.assert_allclose(least_squares(X, Y, penalty, WEIGHT).coef, scaled)


@pytest.mark.parametrize(
    ("source", "target"), itertools.product(CONVENTIONS, CONVENTIONS), ids=str
)
def test_there_and_back(source, target):
    values = np.array([1e-6, 0.3, 1.0, 1e6])
    there = convert(values, source, target, **DATA)
    np.testing.assert_allclose(convert(there, target, source, **DATA), values, rtol=1e-12)
    one = convert(0.3, source, target, **DATA)
    assert type(one) is float
    assert one == there[1]


def test_no_penalty_and_no_weights():
    assert convert(0.0, "Ridge.alpha", "LogisticRegression.C", n_samples=5) == np.inf
    assert convert(np.inf, "LogisticRegression.C", "Ridge.alpha", n_samples=5) == 0
    plain = convert(1.0, "Ridge.alpha", "SGDRegressor.alpha", n_samples=50)
    assert plain == pytest.approx(1 / 50)


@pytest.mark.parametrize(
    ("arguments", "given", "words"),
    [
        ((1.0, "C", "lambda"), DATA, "LogisticRegression.C.*'C'"),
        ((-1.0, "Ridge.alpha", "lambda"), DATA, "value.*-1"),
        ((np.nan, "Ridge.alpha", "lambda"), DATA, "value.*nan"),
        ((1.0, "lambda", "Ridge.alpha"), {}, "Ridge.alpha needs total_weight"),
        ((1.0, "SGDRegressor.alpha", "lambda"), {"total_weight": 2}, "n_samples"),
        ((1.0, "spark.LinearRegression.regParam", "lambda"), {"y_std": 0}, "y_std > 0"),
    ],
)
def test_what_is_missing_is_told(arguments, given, words):
    with pytest.raises(ValueError, match=words):
        convert(*arguments, **given)
