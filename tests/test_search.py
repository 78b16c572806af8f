"""Optimizers and schedules in scikit-learn's searches, clones, pickles and workers."""

import pickle

import numpy as np
import pytest
from joblib import Parallel, delayed
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rules import Sawtooth, SignDescent, halving
from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge
from sgd_estimators.optimizers import SGD, AdaGrad, Adam, Optimizer, RMSProp
from sgd_estimators.schedules import Constant, Exponential, InverseTime

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"  # a grid holds slow rates too
)

REGRESSION = load_diabetes(return_X_y=True, scaled=False)
BINARY = load_breast_cancer(return_X_y=True)
SHORT = {"max_iter": 15, "random_state": 0}


GRIDS = {
    "rate and momentum": {"learning_rate": [0.01, 0.05], "momentum": [0.0, 0.9]},
    "objects": {"optimizer": [SGD(), SGD(0.9, nesterov=True), Adam(), AdaGrad()]},
    "names": {"optimizer": ["auto", "sgd", "adam", "lion"]},
    "classes": {"optimizer": [SGD, Adam], "momentum": [None]},
    "a user's": {"optimizer": [SignDescent(0.5), SignDescent()], "learning_rate": [3.0]},
    "schedules": {"schedule": ["constant", InverseTime(0.01), Exponential(1e-3), halving]},
    "batches": {"batch_size": [1, 32, "full"], "preconditioner": [None, "diagonal"]},
}


def in_a_pipeline(grid, step):
    return {f"{step}__{name}": values for name, values in grid.items()}


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("Model", [SGDRidge, SGDLogistic])
def test_grid_search_in_a_pipeline(Model, name):
    X, y = BINARY if Model is SGDLogistic else REGRESSION
    pipeline = make_pipeline(StandardScaler(), Model(**SHORT))
    grid = in_a_pipeline(GRIDS[name], Model.__name__.lower())
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, y)
    assert np.all(np.isfinite(search.cv_results_["mean_test_score"]))
    assert search.best_score_ > (0.95 if Model is SGDLogistic else 0.4)
    for key, value in search.best_params_.items():
        model = search.best_estimator_[-1]
        assert repr(getattr(model, key.split("__", 1)[1])) == repr(value)


NESTED = {
    "optimizer__beta1": (Adam(), [0.5, 0.9]),
    "optimizer__momentum": (SGD(nesterov=False), [0.0, 0.9]),
    "optimizer__rho": (RMSProp(), [0.8, 0.99]),
    "optimizer__shrink": (SignDescent(), [0.25, 1.0]),
}


@pytest.mark.parametrize("key", NESTED)
def test_grid_search_over_an_optimizers_own(key):
    optimizer, values = NESTED[key]
    before = repr(optimizer)
    model = SGDRidge(optimizer=optimizer, **SHORT)
    search = GridSearchCV(model, {key: values}, cv=3, error_score="raise")
    search.fit(*REGRESSION)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] != scores[1]  # the value has reached the run
    assert repr(optimizer) == before  # a search changes clones


def test_grid_search_over_a_schedules_own():
    model = SGDRidge(schedule=InverseTime(), learning_rate=0.05, **SHORT)
    search = GridSearchCV(model, {"schedule__decay": [1e-4, 10.0]}, cv=3)
    search.fit(*REGRESSION)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] > scores[1]  # the second stands still after a few updates


def test_a_diverging_candidate_is_scored_not_lost():
    grid = {"learning_rate": [1e-2, 1e6]}
    search = GridSearchCV(SGDRidge(**SHORT), grid, cv=3, error_score="raise")
    search.fit(*REGRESSION)
    assert np.all(np.isfinite(search.cv_results_["mean_test_score"]))
    assert search.best_params_ == {"learning_rate": 1e-2}


def test_randomized_search():
    pipeline = make_pipeline(StandardScaler(), SGDLogistic(**SHORT))
    draws = {
        "sgdlogistic__learning_rate": loguniform(1e-3, 1e-1),
        "sgdlogistic__C": loguniform(1e-2, 1e2),
        "sgdlogistic__optimizer": [SGD(), Adam(), SignDescent()],
    }
    search = RandomizedSearchCV(
        pipeline, draws, n_iter=6, cv=3, random_state=0, error_score="raise"
    ).fit(*BINARY)
    assert search.best_score_ > 0.95


MODELS = {
    "default": SGDLinearRegressor(),
    "objects": SGDRidge(2.0, optimizer=Adam(beta1=0.8), schedule=InverseTime(0.1)),
    "a user's": SGDLogistic(optimizer=SignDescent(0.5), schedule=Sawtooth(20)),
    "a function": SGDLogistic(0.5, schedule=halving, learning_rate=0.1),
    "names": SGDRidge(optimizer="nadam", schedule="cosine", average="tail"),
}


@pytest.mark.parametrize("case", MODELS)
def test_clone_and_pickle_keep_everything(case):
    model = clone(MODELS[case]).set_params(**SHORT)
    X, y = BINARY if isinstance(model, SGDLogistic) else REGRESSION
    fitted = clone(model).fit(X, y)
    assert repr(fitted) == repr(model)  # fit changes no parameter
    copy = clone(fitted)
    assert not hasattr(copy, "coef_")
    assert repr(copy) == repr(model)
    assert copy.fit(X, y).coef_.tobytes() == fitted.coef_.tobytes()
    loaded = pickle.loads(pickle.dumps(fitted))
    assert repr(loaded) == repr(model)
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))
    for name, values in fitted.history_.items():
        np.testing.assert_array_equal(loaded.history_[name], values)


def test_fit_does_not_mutate_optimizer_or_schedule():
    optimizer, schedule = SGD(momentum=0.5), Constant()
    model = SGDRidge(optimizer=optimizer, schedule=schedule, momentum=0.9, **SHORT)
    model.fit(*REGRESSION)
    assert optimizer.get_params() == SGD(momentum=0.5).get_params()
    assert vars(schedule) == vars(Constant())
    assert model.optimizer_.momentum == 0.9
    assert model.optimizer_ is not optimizer


@pytest.mark.parametrize("prefer", ["threads", "processes"])
def test_joblib_workers_give_the_same_bits(prefer):
    settings = [{}, {"optimizer": "adam"}, {"momentum": 0.9, "learning_rate": 0.01}]
    models = [SGDRidge(**given, **SHORT) for given in settings]
    here = [clone(model).fit(*REGRESSION).coef_ for model in models]
    there = Parallel(n_jobs=2, prefer=prefer)(
        delayed(clone(model).fit)(*REGRESSION) for model in models * 2
    )
    for coef, model in zip(here * 2, there, strict=True):
        assert coef.tobytes() == model.coef_.tobytes()


def test_search_in_processes_with_a_users_optimizer_and_schedule():
    model = SGDRidge(optimizer=SignDescent(), schedule=Sawtooth(), **SHORT)
    grid = {"learning_rate": [0.1, 1.0], "schedule__teeth": [5, 50]}
    alone = GridSearchCV(model, grid, cv=3).fit(*REGRESSION)
    together = GridSearchCV(model, grid, cv=3, n_jobs=2).fit(*REGRESSION)
    np.testing.assert_array_equal(
        alone.cv_results_["mean_test_score"], together.cv_results_["mean_test_score"]
    )


def test_the_defaults_cross_validate_on_raw_features():
    assert cross_val_score(SGDLinearRegressor(**SHORT), *REGRESSION, cv=3).min() > 0.4
    assert cross_val_score(SGDLogistic(**SHORT), *BINARY, cv=3).min() > 0.9


def test_a_users_step_is_given_what_it_needs():
    seen = []

    class Witness(Optimizer):
        def start(self, n_params):
            def step(x, g, rate):
                seen.append((x.shape, x.dtype, g.flags.writeable, rate))
                x -= rate * g

            return step

    X, y = REGRESSION
    model = SGDRidge(
        optimizer=Witness(), schedule=halving, learning_rate=0.05, batch_size=100
    )
    model.set_params(max_iter=2, random_state=0).fit(X, y)
    assert len(seen) == model.t_ == 2 * -(-len(y) // 100)
    n_params = X.shape[1] + 1
    assert {s[:3] for s in seen} == {((n_params,), np.dtype(float), False)}
    rates = 0.05 * halving(np.arange(len(seen)))
    np.testing.assert_allclose([s[3] for s in seen], rates, rtol=1e-15)
    assert model.learning_rate_ == 0.05


def test_a_step_that_returns_a_value_is_an_error():
    class Wrong(Optimizer):
        def start(self, n_params):
            return lambda x, g, rate: x - rate * g

    with pytest.raises(TypeError, match="in place"):
        SGDRidge(optimizer=Wrong(), learning_rate=0.1).fit(*REGRESSION)
