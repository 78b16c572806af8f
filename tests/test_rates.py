"""Rates that need no tuning: their formulas in NumPy, and where their runs end."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose
from sklearn import datasets
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from newton import least_squares, log_loss_objective, newton, squared_objective
from oracle import LOSSES, STORAGES, draw
from reference import rate_twin
from rules import Normalized
from sgd_estimators import (
    DivergenceWarning,
    SGDLinearRegressor,
    SGDLogistic,
    SGDRidge,
    minimize,
    objective,
)
from sgd_estimators._kernels.epoch import run_epoch
from sgd_estimators._kernels.order import Order
from sgd_estimators._kernels.preconditioned import Preconditioned
from sgd_estimators._kernels.rates import Rate
from sgd_estimators._kernels.steps import SGDStep
from sgd_estimators._rates import start_rate
from sgd_estimators.optimizers import SGD, Optimizer
from sgd_estimators.schedules import (
    RATES,
    Bottou,
    DoG,
    Exponential,
    LineSearch,
    PolyakStep,
    get_rate,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"  # runs of a given length
)

CASES = [
    PolyakStep(),
    PolyakStep(c=0.2),
    LineSearch(),
    LineSearch(c=0.1, factor=0.5),
    DoG(),
    DoG(first=0.1, eps=1.0),
]
every_case = pytest.mark.parametrize("rate", CASES, ids=repr)
SCIPYS = [LineSearch("exact"), LineSearch("wolfe")]  # exact to some digits only
every_rate = pytest.mark.parametrize("rate", [PolyakStep(), LineSearch(), DoG()], ids=repr)
X, Y = datasets.load_diabetes(return_X_y=True, scaled=False)


class Search:
    """A user's line search, in Python, that halves a rate until f_B is lower."""

    def __call__(self, f, batch, x, g, loss):
        rate, g = 1.0, g.reshape(f.n_outputs, -1)
        W = x.reshape(g.shape)
        while f.value_and_gradient(W - rate * g, batch)[0] > loss:
            rate /= 2
        return rate


# ------------------------------------------------------------------- the rules


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("loss", LOSSES)
@every_case
def test_epochs_are_those_of_the_formula(rate, loss, storage):
    p = draw(loss, n=60)
    f = p.kernel(storage)
    for size in (1, 8, 60):
        order, twin = (Order(f.n_active, p.active, 4, 2) for _ in range(2))
        rule, formula = start_rate(rate), rate_twin(rate)
        W, want = p.W.copy(), p.W.copy()
        for epoch in range(3):
            order.shuffle(0, epoch, size)
            twin.shuffle(0, epoch, size)
            rates = np.linspace(1, 0.5, -(-order.n // size))  # of the schedule
            taken = []
            for k, first in enumerate(range(0, twin.n, size)):
                batch = twin.take(min(size, twin.n - first))

                def value(x, batch=batch):
                    return p.value_and_gradient(x.reshape(p.W.shape), batch)[0]

                g = p.value_and_gradient(want, batch)[1]
                share = len(batch) / f.n_active
                found = formula(value, want.ravel(), g.ravel(), share)
                taken.append(rates[k] * found)
                want = want - taken[-1] * g
            run_epoch(f, SGDStep(f.n_params), W, order, size, rates, rule)
            assert_allclose(rates, taken, rtol=1e-9)
            # what a trial more or less would change is far above this
            assert_allclose(W, want, rtol=0, atol=1e-9 * np.abs(want).max())


@every_case
def test_a_rate_in_the_coordinates_of_a_matrix(rate):
    p = draw("softmax x 4")
    T = 2 * np.eye(p.W.shape[1])[None]  # there, g is twice as long and x half
    plain, f = p.kernel(), Preconditioned(p.kernel(), T)
    x, batch = p.W / 2, p.rows[:5]
    loss, g = f.value_and_gradient(x, batch)
    found = start_rate(rate)(f, batch, x.ravel(), g.ravel(), loss)
    if isinstance(rate, DoG):
        assert found > 0
        return
    loss, g = plain.value_and_gradient(p.W, batch)
    want = start_rate(rate)(plain, batch, p.W.ravel(), g.ravel(), loss)
    assert_allclose(4 * found, want, rtol=1e-9)


@every_rate
def test_no_gradient_is_no_step(rate):
    f = draw("squared", weighted=False, subset=False).kernel()
    rule, x = start_rate(rate), np.ones(f.n_params)
    zero, batch = np.zeros(f.n_params), np.arange(5)
    assert np.isfinite(rule(f, batch, x, zero, 0.0))
    loss, g = f.value_and_gradient(x[None], batch)
    assert rule(f, batch, x, g.ravel(), loss) > 0


@every_rate
def test_a_search_ends_where_nothing_passes(rate):
    f = draw("squared", weighted=False, subset=False).kernel()
    x, g = np.ones(f.n_params), -f.value_and_gradient(np.ones((1, f.n_params)))[1].ravel()
    assert np.isfinite(start_rate(rate)(f, np.arange(5), x, g, 1.0))  # uphill


@pytest.mark.parametrize("rate", [*CASES, *SCIPYS, Normalized()], ids=repr)
def test_a_pickled_rate_goes_on_bit_for_bit(rate):
    p = draw("logistic")
    f = p.kernel()
    rule = start_rate(rate)

    def rates(rule):
        found, W = [], p.W.copy()
        for first in range(0, 20, 5):
            batch = p.rows[first : first + 5]
            loss, g = f.value_and_gradient(W, batch)
            found.append(rule(f, batch, W.ravel(), g.ravel(), loss))
            W -= found[-1] * g
        return found

    rates(rule)
    other = pickle.loads(pickle.dumps(rule))
    assert rates(rule) == rates(other)


# ------------------------------------------------------------------- the runs

PROBLEMS = {
    "diabetes": (SGDRidge, X, Y, least_squares, squared_objective),
    "breast cancer": (
        SGDLogistic,
        *datasets.load_breast_cancer(return_X_y=True),
        newton,
        log_loss_objective,
    ),
    "wine": (SGDLogistic, *datasets.load_wine(return_X_y=True), newton, log_loss_objective),
}


@pytest.mark.parametrize("metric", ["diagonal", "hessian"])
@every_rate
@pytest.mark.parametrize("name", PROBLEMS)
def test_raw_data_ends_near_the_optimum(name, rate, metric):
    Model, data, target, solve, f = PROBLEMS[name]
    model = Model(learning_rate=rate, preconditioner=metric, random_state=0, max_iter=100)
    optimum = solve(data, target, 1 / len(target))
    excess = {}
    for average in (False, "tail"):
        model.set_params(average=average).fit(data, target)
        value = f(data, target, model.coef_, model.intercept_, 1 / len(target))
        excess[average] = optimum.excess(value)
    assert excess["tail"] < 0.02
    # the cloud around the optimum, where no model fits all rows
    assert excess[False] < (0.25 if name == "diabetes" else 0.06)


@pytest.mark.parametrize("setting", [{}, {"batch_size": 1}, {"average": True}])
@pytest.mark.parametrize("rate", [*CASES, *SCIPYS], ids=repr)
@pytest.mark.parametrize("name", PROBLEMS)
def test_nothing_is_ever_not_finite(name, rate, setting):
    Model, data, target, *_ = PROBLEMS[name]
    model = Model(learning_rate=rate, preconditioner=None, max_iter=30, random_state=0)
    model.set_params(**setting).fit(data, target)
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.history_["loss"]).all()
    assert np.isfinite(model.history_["rate"]).all()


@pytest.mark.parametrize("rate", [PolyakStep(), LineSearch(), *SCIPYS], ids=repr)
def test_where_all_rows_can_be_fitted_it_converges_fast(rate):
    rng = np.random.default_rng(0)
    A = rng.normal(size=(200, 20))
    y = A @ rng.normal(size=20) + 3
    model = SGDLinearRegressor(learning_rate=rate, tol=1e-10, random_state=0).fit(A, y)
    assert model.stop_reason_ == "certified"
    assert model.n_iter_ < 15


@pytest.mark.parametrize("rate", [PolyakStep(), LineSearch(), *SCIPYS, DoG()], ids=repr)
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_first_rate_has_the_scale_of_the_data(rate, scale):
    A, y = datasets.load_breast_cancer(return_X_y=True)
    given = {"preconditioner": None, "fit_intercept": False, "max_iter": 5}
    model = SGDLogistic(C=np.inf, learning_rate=rate, random_state=0, **given)
    loss = model.fit(A, y).history_["loss"]
    other = model.fit(scale * A, y).history_["loss"]
    if isinstance(rate, DoG):
        assert np.isfinite(other).all()
    else:
        assert_allclose(other, loss, rtol=1e-2 if rate in SCIPYS else 1e-6)


@every_rate
@pytest.mark.parametrize("name", PROBLEMS)
def test_sparse_is_dense(name, rate):
    Model, data, target, *_ = PROBLEMS[name]
    data = np.where(np.random.default_rng(0).random(data.shape) < 0.5, data, 0.0)
    model = Model(learning_rate=rate, preconditioner=None, tol=0, max_iter=5)
    model.set_params(random_state=0)
    dense = model.fit(data, target).coef_
    rates = model.history_["rate"]
    sparse = model.fit(sp.csr_array(data), target).coef_
    assert_allclose(sparse, dense, rtol=0, atol=1e-10 * np.abs(dense).max())
    assert_allclose(model.history_["rate"], rates, rtol=1e-9)


@every_rate
def test_weights_are_repetition_on_the_whole_data(rate):
    weight = np.random.default_rng(0).integers(0, 4, len(Y))
    given = {"learning_rate": rate, "batch_size": "full", "tol": 0, "max_iter": 20}
    one = SGDRidge(random_state=0, **given).fit(X, Y, weight)
    other = SGDRidge(random_state=0, **given).fit(
        np.repeat(X, weight, 0), np.repeat(Y, weight)
    )
    assert_allclose(one.history_["rate"], other.history_["rate"], rtol=1e-8)
    assert_allclose(one.coef_, other.coef_, rtol=1e-8)


@pytest.mark.parametrize("rate", [PolyakStep(), LineSearch()], ids=repr)
def test_f_falls_where_rows_are_noisy_too(rate):
    rng = np.random.default_rng(0)
    A = rng.normal(size=(2000, 100))
    y = A @ rng.normal(size=100) + 3 * rng.normal(size=2000) > 0
    model = SGDLogistic(learning_rate=rate, batch_size=64, max_iter=8, random_state=0)
    assert model.fit(A, y).objective_ < 0.5 * np.log(2)


def test_a_full_search_never_rises():
    model = SGDRidge(learning_rate=LineSearch(), batch_size="full", max_iter=50)
    f = model.fit(X, Y).history_["loss"]  # of the full batch, before each step
    assert np.all(np.diff(f) <= 1e-12 * f[:-1])


def test_the_schedule_multiplies_and_auto_is_constant():
    given = {"max_iter": 1, "batch_size": "full", "tol": 0, "random_state": 0}
    whole = SGDRidge(learning_rate=PolyakStep(), **given).fit(X, Y).learning_rate_
    half = SGDRidge(learning_rate=PolyakStep(), schedule=lambda t: 0.5, **given).fit(X, Y)
    assert half.learning_rate_ == 0.5 * whole
    constant = SGDRidge(learning_rate=PolyakStep(), schedule="constant", **given).fit(X, Y)
    assert constant.learning_rate_ == whole == constant.history_["rate"][-1]


def test_the_search_is_that_of_minimize():
    f = objective(X, Y, preconditioner="diagonal")
    end = minimize(f, learning_rate=LineSearch(), batch_size="full", max_iter=200)
    assert end.fun < 1.02 * least_squares(X, Y, 0.0).best
    with pytest.raises(ValueError, match=r"learning_rate.*SGD without momentum"):
        minimize(f, optimizer="adam", learning_rate="linesearch")


# ------------------------------------------------------------- recipes and errors


def test_a_users_rate_in_ten_lines():
    rate = Normalized()
    given = {"tol": 0, "max_iter": 30, "random_state": 0}
    model = SGDRidge(learning_rate=rate, **given).fit(X, Y)
    assert vars(rate) == {"length": 0.5}  # the run counts in a copy
    assert model._run.rule.function.t == model.t_
    assert np.all(np.diff(model.history_["rate"]) != 0)
    for learning_rate in (Search(), lambda f, batch, x, g, loss: 0.01):
        model = SGDRidge(learning_rate=learning_rate, batch_size=64, **given).fit(X, Y)
        assert model.score(X, Y) > 0.2
    assert SGDRidge(learning_rate=Normalized, **given).fit(X, Y).score(X, Y) > 0


def test_a_rate_sees_its_batch_and_cannot_change_it():
    seen = []

    def look(f, batch, x, g, loss):
        seen.append((batch, x.copy(), g.copy(), loss))
        assert not x.flags.writeable
        assert not g.flags.writeable
        return 0.1

    p = draw("softmax x 4")
    f, order = p.kernel(), Order(len(p.rows), p.active)
    rates = np.ones(-(-order.n // 4))
    run_epoch(f, SGDStep(f.n_params), p.W.copy(), order, 4, rates, start_rate(look))
    W = p.W.copy()
    for k, (batch, x, g, loss) in enumerate(seen):
        np.testing.assert_array_equal(batch, p.rows[4 * k : 4 * k + 4])
        value, gradient = p.value_and_gradient(W, batch)
        assert_allclose(x, W.ravel(), atol=1e-12)
        assert_allclose(g, gradient.ravel(), atol=1e-12)
        assert_allclose(loss, value)
        W -= 0.1 * gradient
    np.testing.assert_array_equal(rates, 0.1)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, None, "fast"])
def test_what_a_users_rate_returns_is_checked(bad):
    with pytest.raises(ValueError, match=r"learning_rate.*must return a finite rate >= 0"):
        SGDRidge(learning_rate=lambda f, batch, x, g, loss: bad).fit(X, Y)


def test_a_users_rate_that_diverges_says_so():
    model = SGDRidge(learning_rate=lambda f, batch, x, g, loss: 1e3)
    with pytest.warns(DivergenceWarning, match="diverged.*schedule that decays"):
        model.fit(X, Y)
    assert np.isfinite(model.coef_).all()


@pytest.mark.parametrize(("name", "cls"), RATES.items())
def test_a_rate_by_name_class_and_object(name, cls):
    assert type(get_rate(name)) is cls
    assert type(get_rate(cls)) is cls
    rate = cls()
    assert get_rate(rate) is rate
    assert repr(clone(rate)) == repr(rate)
    given = {"max_iter": 3, "random_state": 0}
    one = SGDRidge(learning_rate=name, **given).fit(X, Y)
    other = SGDRidge(learning_rate=rate, **given).fit(X, Y)
    np.testing.assert_array_equal(one.coef_, other.coef_)
    assert vars(rate) == vars(cls())


def test_a_search_over_rates():
    model = SGDRidge(max_iter=10, random_state=0)
    grid = {"learning_rate": [0.1, PolyakStep(), DoG(), Normalized(0.2)]}
    search = GridSearchCV(model, grid, cv=3, n_jobs=2).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    model.set_params(learning_rate=PolyakStep())
    search = GridSearchCV(model, {"learning_rate__c": [0.2, 0.9]}, cv=3).fit(X, Y)
    assert "learning_rate__c" in search.best_params_


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (PolyakStep(c=0), r"c must be in \(0, 1\), got 0"),
        (LineSearch(c=1), r"c must be in \(0, 1\), got 1"),
        (LineSearch(factor="0.9"), r"factor must be in \(0, 1\), got '0.9'"),
        (DoG(first=0), "first must be a finite number > 0, got 0"),
        (DoG(eps=np.inf), "eps must be a finite number > 0, got inf"),
        (lambda t: 0.1, r"rate\(f, batch, x, g, loss\), got"),
        (SGD(), "learning_rate must be .* one of polyakstep, linesearch, dog; got SGD"),
        ("polyak", "learning_rate must be .* got 'polyak'"),
        (float, "learning_rate must be"),
    ],
    ids=lambda value: str(value)[:9],
)
def test_a_wrong_rate_is_named(rate, message):
    with pytest.raises((ValueError, TypeError), match=message):
        SGDRidge(learning_rate=rate).fit(X, Y)


class Own(Optimizer):
    """A user's, that may do anything with g."""

    def start(self, n_params):
        return SGD().start(n_params).__call__


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"learning_rate": PolyakStep(), "momentum": 0.9}, "SGD without momentum"),
        ({"learning_rate": LineSearch(), "optimizer": "adam"}, "SGD without momentum"),
        ({"learning_rate": LineSearch(), "optimizer": "svrg"}, "SGD without momentum"),
        ({"learning_rate": "polyakstep", "optimizer": Own()}, "SGD without momentum"),
        ({"learning_rate": DoG(), "optimizer": "lion"}, "along the gradient"),
        ({"learning_rate": DoG(), "optimizer": "sdca"}, "exact steps"),
        ({"learning_rate": DoG(), "schedule": Bottou()}, "schedule=Bottou.*first rate"),
    ],
)
@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_what_cannot_be_honoured_is_an_error(setting, message, how):
    if how == "partial_fit" and setting.get("optimizer") == "sdca":
        message = "use fit"
    with pytest.raises(ValueError, match=message):
        getattr(SGDRidge(**setting), how)(X, Y)


def test_what_can_be_is_none():
    for setting in (
        {"learning_rate": DoG(), "momentum": 0.9},
        {"learning_rate": DoG(), "optimizer": "saga"},
        {"learning_rate": DoG(), "optimizer": Own()},
        {"learning_rate": DoG(), "schedule": Bottou(learning_rate=0.1)},
        {"learning_rate": PolyakStep(), "optimizer": SGD(), "momentum": 0.0},
        {"learning_rate": PolyakStep(), "schedule": Exponential(1e-3)},
        {"learning_rate": Normalized(), "optimizer": "adam"},
    ):
        SGDRidge(max_iter=3, random_state=0, **setting).fit(X, Y)


@every_rate
def test_a_stream_goes_on(rate):
    model = SGDRidge(learning_rate=rate, average=True, random_state=0)
    parts = np.array_split(np.random.default_rng(0).permutation(len(Y)), 4)
    for k in range(40):
        part = parts[k % 4]
        model = pickle.loads(pickle.dumps(model.partial_fit(X[part], Y[part])))
    assert model.score(X, Y) > 0.45


def test_a_rate_without_a_rule_says_so():
    f = draw("squared").kernel()
    with pytest.raises(NotImplementedError, match="Rate must override rate"):
        Rate()(f, np.arange(3), np.ones(f.n_params), np.ones(f.n_params), 1.0)
