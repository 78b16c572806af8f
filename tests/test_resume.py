"""Stop, pickle, load, go on: the same bits as a run that never stopped."""

import itertools
import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from rules import RATED
from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge
from sgd_estimators.optimizers import SGD, SVRG, Adam, Optimizer, RMSProp
from sgd_estimators.schedules import (
    RATES,
    SCHEDULES,
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    Plateau,
    Step,
    WarmUp,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"  # every run here is cut short
)

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 6)) * [1, 10, 0.1, 3, 1, 50] + [0, 5, 0, -2, 1, 100]
Y = X @ rng.normal(size=6) / X.std(axis=0).sum() + rng.normal(size=300)
LABEL = np.digitize(X[:, 0] + 0.5 * rng.normal(size=300), [-0.5, 0.5])
SPARSE = sp.csr_array(np.where(rng.random((300, 6)) < 0.3, X, 0.0))
J, K = 3, 4


class HeavyBallStep:
    def __init__(self, n_params):
        self.v = np.zeros(n_params)

    def __call__(self, x, g, rate):
        self.v = 0.9 * self.v - rate * g
        x += self.v


class HeavyBall(Optimizer):
    """A user's: the state lives in the attributes of its step."""

    def start(self, n_params):
        return HeavyBallStep(n_params)


class Bold(SGD):
    """A user's whose automatic rate is far too large."""

    def auto_rate(self, smoothness):
        return 50 * super().auto_rate(smoothness)


class Normalized:
    """A user's rate, that counts its steps."""

    t = 0

    def __call__(self, f, batch, x, g, loss):
        self.t += 1
        return 0.1 / self.t / np.linalg.norm(g)


class Closure(Optimizer):
    """A user's whose state cannot be pickled."""

    def start(self, n_params):
        v = np.zeros(n_params)

        def step(x, g, rate):
            v[:] = 0.9 * v - rate * g
            x += v

        return step


def inverse_root(t):
    return 1 / np.sqrt(t + 1.0)


BASE = {"tol": 0.0, "n_iter_no_change": 1000, "random_state": 0}
SETTINGS = {
    **{name: {"optimizer": name} for name in RATED},
    "momentum": {"learning_rate": 0.01, "momentum": 0.9},
    "nesterov": {"optimizer": SGD(momentum=0.8, nesterov=True)},
    "amsgrad": {"optimizer": Adam(amsgrad=True)},
    "centred rmsprop": {"optimizer": RMSProp(momentum=0.5, centered=True)},
    "a user's step": {"optimizer": HeavyBall(), "learning_rate": 0.01},
    "plain metric": {"preconditioner": None, "optimizer": "adagrad"},
    "hessian": {"preconditioner": "hessian"},
    "hessian, averaged": {"preconditioner": "hessian", "average": 2, "optimizer": "adam"},
    "hessian, svrg": {"preconditioner": "hessian", "optimizer": "svrg"},
    "svrg every 2": {"optimizer": SVRG(every=2), "average": 3},
    "constant": {"schedule": Constant()},
    "cumulative": {"schedule": InverseTime(1e-3, cumulative=True)},
    "exponential": {"schedule": Exponential(1e-2)},
    "cosine": {"schedule": Cosine(50)},
    "step an epoch": {"schedule": Step(per="epoch")},
    "warm-up": {"schedule": WarmUp(Constant())},
    "plateau": {"schedule": Plateau(patience=1)},
    "bottou": {"schedule": "bottou", "learning_rate": 0.05},
    "function": {"schedule": inverse_root},
    "average": {"average": True},
    "average from 3": {"average": 3},
    "average from 5": {"average": 5, "optimizer": "adam"},
    "tail": {"average": "tail", "schedule": "constant"},
    "full batch": {"batch_size": "full", "learning_rate": 0.3},
    "batch of 1": {"batch_size": 1},
    "batch of 7": {"batch_size": 7, "optimizer": "nadam"},
    "unshuffled": {"shuffle": False, "optimizer": "rmsprop"},
    "no intercept": {"fit_intercept": False, "optimizer": "sgd"},
    **{name: {"learning_rate": name} for name in RATES},
    "polyak step, averaged": {"learning_rate": "polyakstep", "average": 2},
    "line search, hessian": {"learning_rate": "linesearch", "preconditioner": "hessian"},
    "dog, momentum, tail": {"learning_rate": "dog", "momentum": 0.5, "average": "tail"},
    "a user's rate": {"learning_rate": Normalized()},
}
MODELS = {
    "ridge": (SGDRidge, X, Y),
    "two targets": (SGDRidge, X, np.column_stack([Y, 2 * Y + X[:, 0]])),
    "softmax": (SGDLogistic, X, LABEL),
    "logistic csr": (SGDLogistic, SPARSE, LABEL > 0),
}


def same_bits(one, other):
    assert one.coef_.tobytes() == other.coef_.tobytes()
    assert np.asarray(one.intercept_).tobytes() == np.asarray(other.intercept_).tobytes()
    for name in ("t_", "objective_", "stop_reason_", "learning_rate_"):
        assert getattr(one, name) == getattr(other, name), name


def through_a_pickle(model):
    return pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("setting", SETTINGS)
def test_going_on_gives_the_bits_of_one_run(kind, setting):
    Model, data, target = MODELS[kind]
    model = Model(warm_start=True, **BASE, **SETTINGS[setting])
    whole = clone(model).set_params(max_iter=J + K).fit(data, target)
    part = clone(model).set_params(max_iter=J).fit(data, target)
    assert part.stop_reason_ == "max_iter"  # no stop rule ended it
    part = through_a_pickle(part).set_params(max_iter=K).fit(data, target)
    same_bits(whole, part)
    assert (whole.n_iter_, part.n_iter_) == (J + K, K)  # epochs of this call


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("optimizer", RATED)
def test_so_it_does_with_every_schedule_and_average(kind, optimizer):
    Model, data, target = MODELS[kind]
    averages = (False,) if optimizer == "schedulefree" else (False, True, 2, "tail")
    for schedule, average in itertools.product(SCHEDULES, averages):
        given = {"optimizer": optimizer, "schedule": schedule, "average": average, **BASE}
        model = Model(warm_start=True, batch_size=50, **given)
        whole = clone(model).set_params(max_iter=3).fit(data, target)
        part = clone(model).set_params(max_iter=1).fit(data, target)
        same_bits(whole, through_a_pickle(part).set_params(max_iter=2).fit(data, target))


@pytest.mark.parametrize("kind", MODELS)
def test_many_short_calls_are_one_long_one(kind):
    Model, data, target = MODELS[kind]
    whole = Model(max_iter=9, optimizer="sgd", **BASE).fit(data, target)
    part = Model(max_iter=1, warm_start=True, optimizer="sgd", **BASE)
    for _ in range(9):
        part = through_a_pickle(part.fit(data, target))
    same_bits(whole, part)


PLAIN = {
    "sgd": {"learning_rate": 1e-5},
    "auto": {},
    **{name: {"optimizer": name} for name in RATED},
    "momentum": {"momentum": 0.5, "learning_rate": 1e-5},
    "exponential": {"schedule": Exponential(1e-2)},
    "average": {"average": True},
    "average from 3": {"average": 3, "optimizer": "adam"},
    "a user's step": {"optimizer": HeavyBall(), "learning_rate": 1e-6},
    # of some orders, Polyak's step diverges in the plain metric
    **{name: {"learning_rate": name, "random_state": 1} for name in RATES},
}


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("setting", PLAIN)
def test_partial_fit_is_an_epoch_of_fit(kind, setting):
    Model, data, target = MODELS[kind]
    model = Model(preconditioner=None, **{**BASE, **PLAIN[setting]})
    whole = clone(model).set_params(max_iter=J + K).fit(data, target)
    part = clone(model)
    first = {"classes": np.unique(target)} if Model is SGDLogistic else {}
    for _ in range(J + K):
        part = through_a_pickle(part.partial_fit(data, target, **first))
        first = {}
    assert whole.t_ == part.t_
    np.testing.assert_array_equal(whole.history_["loss"], part.history_["loss"])
    np.testing.assert_array_equal(whole.history_["rate"], part.history_["rate"])
    objective = whole.history_["objective"]
    if np.nanmin(objective) == objective[-1]:  # else fit returns a better iterate
        assert whole.coef_.tobytes() == part.coef_.tobytes()
        assert whole.objective_ == part.objective_


def test_a_closure_works_in_a_fit_and_says_when_its_state_is_lost():
    model = SGDRidge(optimizer=Closure(), learning_rate=0.01, warm_start=True, **BASE)
    twin = SGDRidge(optimizer=HeavyBall(), learning_rate=0.01, **BASE)
    model.set_params(max_iter=J).fit(X, Y)
    twin.set_params(max_iter=J).fit(X, Y)
    same_bits(model, twin)
    loaded = through_a_pickle(model)
    assert loaded.coef_.tobytes() == model.coef_.tobytes()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loaded.fit(X, Y)
    about_state = [w for w in caught if w.category is not ConvergenceWarning]
    assert len(about_state) == 1
    assert "state" in str(about_state[0].message)
    assert loaded.t_ == 2 * model.t_


CHANGES = {
    "alpha": {"alpha": 30.0},
    "optimizer": {"optimizer": "adam"},
    "optimizer's own": {"optimizer": SGD(momentum=0.5)},
    "momentum": {"momentum": 0.5},
    "schedule": {"schedule": "constant"},
    "batch size": {"batch_size": 50},
    "preconditioner": {"preconditioner": None, "learning_rate": 1e-6},
    "hessian": {"preconditioner": "hessian"},
    "rate": {"learning_rate": 0.01},
}


@pytest.mark.parametrize("change", CHANGES)
def test_going_on_with_something_changed_begins_at_the_iterate(change):
    model = SGDRidge(warm_start=True, max_iter=50, **BASE).fit(X, Y)
    before = model.objective_
    model.set_params(max_iter=2, **CHANGES[change]).fit(X, Y)
    lam = model.alpha / len(Y)
    f = 0.5 * np.mean((Y - model.predict(X)) ** 2) + lam / 2 * model.coef_ @ model.coef_
    np.testing.assert_allclose(model.objective_, f, rtol=1e-10)
    fresh = clone(model).set_params(warm_start=False).fit(X, Y)
    if change != "alpha":
        assert model.objective_ <= before * (1 + 1e-12)  # never worse than where it began
    assert model.objective_ <= fresh.objective_ * (1 + 1e-6)


def test_changed_data_and_weights_reset_the_best():
    model = SGDRidge(warm_start=True, max_iter=50, **BASE).fit(X, Y)
    weight = np.where(np.arange(len(Y)) < 150, 5.0, 0.0)
    model.set_params(max_iter=300).fit(X, 100 + 7 * Y, weight)
    fresh = SGDRidge(max_iter=350, **BASE).fit(X, 100 + 7 * Y, weight)
    # Held against the bests of the old data, the new iterates would all be worse.
    np.testing.assert_allclose(model.objective_, fresh.objective_, rtol=1e-3)


REFUSED = {
    "features": (SGDRidge, Y, (X[:, :4], Y), "features"),
    "targets": (SGDRidge, Y, (X, np.column_stack([Y, Y])), "target"),
    "classes": (SGDLogistic, LABEL, (X, LABEL + 1), "class"),
    "more classes": (SGDLogistic, LABEL, (X, np.arange(300) % 5), "class"),
}


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
@pytest.mark.parametrize("case", REFUSED)
def test_going_on_with_another_shape_is_an_error(case, how):
    Model, target, data, words = REFUSED[case]
    model = Model(warm_start=True, max_iter=2, **BASE).fit(X, target)
    with pytest.raises(ValueError, match=words):
        getattr(model, how)(*data)
    model.predict(X)  # the model is as it was
    model.fit(X, target)


@pytest.mark.parametrize("optimizer", ["auto", "sgd"])
def test_a_start_from_coefficients_set_by_hand(optimizer):
    solved = SGDLinearRegressor(random_state=0).fit(X, Y)
    given = {"max_iter": 1, "optimizer": "sgd", "random_state": 0}
    model = SGDLinearRegressor(warm_start=True, **given | {"optimizer": optimizer})
    model.coef_, model.intercept_ = solved.coef_, solved.intercept_
    model.fit(X, Y)
    cold = SGDLinearRegressor(**given).fit(X, Y)
    assert model.objective_ <= solved.objective_ * (1 + 1e-9) < cold.objective_


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("setting", ["sgd", "adam", "tail", "batch of 7"])
def test_one_seed_gives_the_same_bits(kind, setting):
    Model, data, target = MODELS[kind]
    given = {**BASE, **SETTINGS[setting], "max_iter": 5}
    one = Model(**given).fit(data, target)
    for n_jobs in (1, 2, -1):
        same_bits(one, Model(n_jobs=n_jobs, **given).fit(data, target))
    again = Model(**given, warm_start=False).fit(data, target)
    same_bits(one, again.fit(data, target))  # a second cold fit begins anew
    generator = {**given, "random_state": np.random.RandomState(7)}
    other = Model(**generator).fit(data, target)
    generator["random_state"] = np.random.RandomState(7)
    same_bits(other, Model(**generator).fit(data, target))
    assert other.coef_.tobytes() != one.coef_.tobytes()


class Failing:
    """A callback, or a schedule, of which the k-th call fails."""

    def __init__(self, k):
        self.left = k

    def __call__(self, *args):
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("mine")
        return 1.0 if len(args) == 1 else False


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize(
    "setting", ["sgd", "adam", "tail", "saga", "svrg", "hessian", "a user's step"]
)
def test_a_call_that_fails_leaves_the_run_as_it_was(kind, setting):
    Model, data, target = MODELS[kind]
    model = Model(warm_start=True, max_iter=J, **BASE, **SETTINGS[setting])
    twin = clone(model).fit(data, target)
    model.fit(data, target)
    before = through_a_pickle(model)
    with pytest.raises(RuntimeError, match="mine"):
        model.set_params(callbacks=Failing(2)).fit(data, target)
    model.set_params(callbacks=None)
    same_bits(model, before)
    assert vars(model).keys() == vars(before).keys()
    same_bits(model.fit(data, target), twin.fit(data, target))
    with pytest.raises(RuntimeError, match="mine"):
        clone(model).set_params(callbacks=Failing(2)).fit(data, target)


def test_a_first_call_that_fails_leaves_nothing():
    model = SGDLogistic(callbacks=Failing(1), **BASE)
    with pytest.raises(RuntimeError, match="mine"):
        model.fit(X, LABEL)
    assert not any(name.endswith("_") for name in vars(model))
    model.set_params(schedule=Failing(1), callbacks=None)
    with pytest.raises(RuntimeError, match="mine"):
        model.partial_fit(X, LABEL, classes=[0, 1, 2])
    assert not any(name.endswith("_") for name in vars(model))


def test_a_closure_that_failed_says_that_its_state_is_lost():
    model = SGDRidge(optimizer=Closure(), learning_rate=0.01, warm_start=True, **BASE)
    model.set_params(max_iter=J).fit(X, Y)
    with pytest.raises(RuntimeError, match="mine"):
        model.set_params(callbacks=Failing(2)).fit(X, Y)
    with pytest.warns(UserWarning, match="state"):
        model.set_params(callbacks=None).fit(X, Y)


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(7), 3])
@pytest.mark.parametrize("kind", MODELS)
def test_going_on_holds_out_the_same_rows(kind, random_state):
    Model, data, target = MODELS[kind]
    given = {**BASE, "random_state": random_state, "early_stopping": True}
    part = Model(warm_start=True, max_iter=J, **given).fit(data, target)
    twin = through_a_pickle(part)  # from which one call and two go on alike
    twin.set_params(max_iter=2 * K).fit(data, target)
    for _ in range(2):
        part = through_a_pickle(part.set_params(max_iter=K).fit(data, target))
    same_bits(twin, part)
    assert part.history_["score"].tobytes() == twin.history_["score"].tobytes()
    if random_state == 3:
        given["max_iter"] = J + 2 * K
        same_bits(Model(**given).fit(data, target), part)


def test_a_bound_schedule_keeps_its_first_rate_after_a_cut():
    model = SGDRidge(optimizer=Bold(), schedule="bottou", warm_start=True, **BASE)
    whole = clone(model).set_params(max_iter=J + K).fit(X, Y)
    part = clone(model).set_params(max_iter=J).fit(X, Y)
    assert part._run.cuts == 1
    same_bits(whole, through_a_pickle(part).set_params(max_iter=K).fit(X, Y))


class Shrinking:
    """A schedule with a parameter of its own, without get_params."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, t):
        return self.factor


@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: np.array([v, 1.0])])
def test_an_object_changed_in_place_is_noticed(wrap):
    schedule = Shrinking(0.5)
    schedule.more = wrap(1.0)
    model = SGDRidge(schedule=schedule, warm_start=True, max_iter=J, **BASE).fit(X, Y)
    assert len(model._run.losses) == J
    assert len(through_a_pickle(model).fit(X, Y)._run.losses) == 2 * J
    model.schedule.more = wrap(2.0)
    assert len(model.fit(X, Y)._run.losses) == J  # it began anew
    optimizer = SGD(momentum=0.5)
    model.set_params(optimizer=optimizer).fit(X, Y)
    optimizer.momentum = 0.6
    assert len(model.fit(X, Y)._run.losses) == J


STOPS = {
    "no_improvement": {"tol": 1e-15, "schedule": "constant", "learning_rate": 0.05},
    "early_stopping": {"tol": 0.0, "early_stopping": True},
}


@pytest.mark.parametrize("reason", STOPS)
def test_going_on_after_a_stop_has_its_patience_anew(reason):
    model = SGDRidge(n_iter_no_change=4, warm_start=True, random_state=0, **STOPS[reason])
    for _ in range(2):
        model.fit(X, Y)
        assert model.stop_reason_ == reason
        assert model.n_iter_ >= 4
