"""Every parameter out of its range, and every combination that cannot be honoured."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge
from sgd_estimators.callbacks import EarlyStopping
from sgd_estimators.optimizers import (
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    Lion,
    NAdam,
    Optimizer,
    RMSProp,
)
from sgd_estimators.schedules import Exponential, InverseTime, Linear

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4))
Y = X @ [3.0, -2.0, 1.0, 0.5] + 10 + rng.normal(size=200)
LABEL = (Y > 10).astype(int)

HUGE = 10**400  # an integer that is no float

# Bad parameters: the message names the argument and what it got

BAD_PARAMETERS = {
    "optimizer": ["sgdd", 3, None, "auto ", object()],
    "learning_rate": [0, -0.1, np.nan, np.inf, "fast", None, True, "optimal", HUGE],
    "momentum": [-0.1, 1.0, 1.5, np.nan, "0.9", False, True, HUGE],
    "schedule": ["linearly", 7, None],
    "batch_size": [0, -1, 2.5, "all", None, True],
    "preconditioner": ["diag", 3, True],
    "max_iter": [0, -5, 2.5, "many", None],
    "tol": [-1e-3, np.nan, "small", None, HUGE],
    "average": [-1, 0, 1, 2.5, "head", None, [2, 3], HUGE],
    "early_stopping": ["yes", 2, None],
    "validation_fraction": [0.0, 1.0, -0.1, 1.5, np.nan, "half"],
    "n_iter_no_change": [0, -1, 1.5, None],
    "scoring": ["no such score", 3],
    "fit_intercept": ["yes", 2, None],
    "shuffle": ["yes", None],
    "warm_start": ["yes", None],
    "random_state": ["seed", 1.5, -1],
    "n_jobs": [0, 1.5, "two", True],
    "verbose": [-1, "loud", None],
    "callbacks": [3, ["print"], "print"],
}
CASES = [(name, value) for name, values in BAD_PARAMETERS.items() for value in values]


def names_it(message, name, value):
    """Return whether a message names the argument and what it got."""
    got = value[0] if isinstance(value, list) else value
    told = type(value).__name__ if type(value) is object else str(got)
    return name in message and told in message


@pytest.mark.parametrize(("name", "value"), CASES, ids=lambda v: repr(v)[:20])
def test_a_parameter_out_of_its_range_is_an_error(name, value):
    model = SGDRidge(**{name: value})
    if name == "scoring":
        model.set_params(early_stopping=True)
    with pytest.raises((ValueError, TypeError)) as error:
        model.fit(X, Y)
    assert names_it(str(error.value), name, value), str(error.value)
    assert not hasattr(model, "coef_")


BAD_PENALTIES = {
    "alpha": (
        SGDRidge,
        Y,
        [-1.0, np.nan, np.inf, "big", None, [1.0, 2.0], [[1.0]], [], True, HUGE],
    ),
    "C": (
        SGDLogistic,
        LABEL,
        [0, -1.0, np.nan, "big", None, True, 1e-320, HUGE, np.ones(2)],
    ),
    "class_weight": (
        SGDLogistic,
        LABEL,
        [
            *("auto", 3, {0: -1.0}, {0: np.nan}, {7: -1.0}),
            *({0: None}, {1: "2"}, {0: HUGE}, {0: np.inf}, {0: 0, 1: 0}),
        ],
    ),
}
PENALTIES = [(name, v) for name, (_, _, vs) in BAD_PENALTIES.items() for v in vs]


@pytest.mark.parametrize("name", ["average", "preconditioner", "C"])
def test_an_array_is_no_number_and_no_name(name):
    with pytest.raises((ValueError, TypeError), match=f"^{name} must be"):
        SGDLogistic(**{name: np.array([2.0, 3.0])}).fit(X, LABEL)


@pytest.mark.parametrize(
    "callback",
    [lambda model: True, dict, EarlyStopping],
    ids=["too few arguments", "a class", "a callback's class"],
)
def test_a_callback_that_cannot_be_called_is_told_before_any_work(callback):
    model = SGDRidge(callbacks=callback)
    with pytest.raises(TypeError, match=r"^callbacks must be callables \(model, record\)"):
        model.fit(X, Y)


@pytest.mark.parametrize(("name", "value"), PENALTIES, ids=lambda v: repr(v)[:20])
def test_a_penalty_out_of_its_range_is_an_error(name, value):
    Model, y, _ = BAD_PENALTIES[name]
    with pytest.raises((ValueError, TypeError), match=name):
        Model(**{name: value}).fit(X, y)


HYPERPARAMETERS = (
    (SGD(momentum=1.0), "momentum.*1"),
    (SGD(momentum=-0.5), "momentum.*-0.5"),
    (SGD(nesterov=True), "nesterov.*momentum"),
    (SGD(nesterov="yes"), "nesterov.*yes"),
    (Adam(beta1=1.0), "beta1.*1"),
    (Adam(beta2=-1), "beta2.*-1"),
    (Adam(eps=0), "eps.*0"),
    (NAdam(beta1=np.nan), "beta1.*nan"),
    (Lion(beta2=2), "beta2.*2"),
    (RMSProp(rho=1.5), "rho.*1.5"),
    (RMSProp(centered=None), "centered.*None"),
    (AdaGrad(eps=-1), "eps.*-1"),
    (AdaDelta(rho="a"), "rho.*a"),
)


@pytest.mark.parametrize(("optimizer", "words"), HYPERPARAMETERS, ids=str)
def test_an_optimizers_own_out_of_its_range_is_an_error(optimizer, words):
    with pytest.raises(ValueError, match=words):
        SGDRidge(optimizer=optimizer).fit(X, Y)


SCHEDULES = (
    (InverseTime(-1.0), "decay.*-1"),
    (Exponential(np.nan), "decay.*nan"),
    (Linear(0), "0"),
    (lambda t: -1.0, "-1|negative|>= 0"),
    (lambda t: np.nan * t, "nan|finite"),
    (lambda t: np.ones(3), "shape"),
    (lambda t: "fast", "fast|number|float"),
)


@pytest.mark.parametrize(("schedule", "words"), SCHEDULES)
def test_a_schedule_out_of_its_range_is_an_error(schedule, words):
    with pytest.raises((ValueError, TypeError), match=words):
        SGDRidge(schedule=schedule, learning_rate=0.1).fit(X, Y)


class NoMomentum(Optimizer):
    def start(self, n_params):
        return lambda x, g, rate: None


class NotCallable(Optimizer):
    def start(self, n_params):
        return 3


IMPOSSIBLE = {
    "momentum and adam": ({"optimizer": "adam", "momentum": 0.9}, "momentum.*Adam"),
    "zero too": ({"optimizer": Adam(), "momentum": 0.0}, "momentum.*Adam"),
    "momentum and lion": ({"optimizer": Lion, "momentum": 0.9}, "momentum.*Lion"),
    "momentum and mine": ({"optimizer": NoMomentum(), "momentum": 0.9}, "momentum"),
    "a step that is none": ({"optimizer": NotCallable()}, "start.*(3|int)"),
    "nesterov undone": (
        {"optimizer": SGD(momentum=0.9, nesterov=True), "momentum": 0.0},
        "nesterov.*momentum",
    ),
    "the mean of a mean": ({"optimizer": "schedulefree", "average": True}, "average=True"),
    "the mean of exact steps": ({"optimizer": "sdca", "average": True}, "average=True"),
    "nothing held out": (
        {"early_stopping": True, "validation_fraction": 1e-9},
        "validation_fraction.*1e-09",
    ),
    "nothing left": (
        {"early_stopping": True, "validation_fraction": 1 - 1e-9},
        "validation_fraction",
    ),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_cannot_be_honoured_is_an_error(case):
    given, words = IMPOSSIBLE[case]
    model = SGDRidge(**given)
    with pytest.raises((ValueError, TypeError), match=words):
        model.fit(X, Y)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize("optimizer", ["auto", "sgd", "adam"])
def test_a_nested_parameter_of_a_string_is_an_error(optimizer):
    with pytest.raises(ValueError, match="optimizer"):
        SGDRidge(optimizer=optimizer).set_params(optimizer__momentum=0.9)
    with pytest.raises(ValueError, match="schedule"):
        SGDRidge(schedule="constant").set_params(schedule__decay=0.9)
    both = SGDRidge(optimizer="adam")
    both.set_params(optimizer=SGD(), optimizer__momentum=0.9)  # in one call it works
    assert both.optimizer.momentum == 0.9


def test_partial_fit_refuses_what_it_cannot_honour():
    with pytest.raises(ValueError, match="early_stopping"):
        SGDRidge(early_stopping=True).partial_fit(X, Y)
    with pytest.raises(ValueError, match="classes"):
        SGDLogistic().partial_fit(X, LABEL)
    with pytest.raises(ValueError, match="class"):
        SGDLogistic().partial_fit(X, LABEL, classes=[0, 2])


@pytest.mark.parametrize("Model", [SGDLinearRegressor, SGDRidge, SGDLogistic])
def test_a_model_that_is_not_fitted_says_so(Model):
    for method in ("predict", "predict_proba", "decision_function"):
        if hasattr(Model, method):
            with pytest.raises(NotFittedError):
                getattr(Model(), method)(X)


def test_an_error_leaves_a_fitted_model_as_it_was():
    model = SGDRidge(random_state=0).fit(X, Y)
    before = model.coef_.copy(), model.predict(X)
    with pytest.raises(ValueError, match=r"2 features|targets|sample"):
        model.fit(X[:, :2], Y[:7])
    np.testing.assert_array_equal(model.predict(X), before[1])
    with pytest.raises(ValueError, match="max_iter"):
        model.set_params(max_iter=-1).fit(X, Y)
    np.testing.assert_array_equal(model.coef_, before[0])
