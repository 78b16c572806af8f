"""scikit-learn's own checks of an estimator, all of them, with no exceptions."""

import warnings

import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge

MODELS = (SGDLinearRegressor, SGDRidge, SGDLogistic)
SETTINGS = (
    {},
    {"learning_rate": 0.05, "momentum": 0.9},
    {"optimizer": "adam"},
    {"optimizer": "saga"},
    {"optimizer": "svrg"},
)


@parametrize_with_checks([Model() for Model in MODELS])
def test_check_at_the_defaults(estimator, check):
    check(estimator)  # a ConvergenceWarning is an error


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@pytest.mark.parametrize("Model", MODELS)
def test_every_check_passes(Model, setting):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        results = check_estimator(Model(**setting), on_skip=None, on_fail=None)
    bad = [
        (r["check_name"], r["status"], r["exception"])
        for r in results
        if r["status"] != "passed"
    ]
    assert not bad
    assert len(results) > 40
    if not setting:
        unconverged = [w for w in caught if issubclass(w.category, ConvergenceWarning)]
        assert not unconverged
