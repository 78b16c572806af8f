"""Schedules against their formulas, written out once more for one t at a time."""

import math
import pickle
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sgd_estimators.schedules import (
    SCHEDULES,
    Bottou,
    Constant,
    Cosine,
    Exponential,
    Function,
    InverseScaling,
    InverseTime,
    Linear,
    OneCycle,
    Plateau,
    Polynomial,
    Schedule,
    Step,
    WarmUp,
    get_schedule,
)

# The formulas are a few operations long: they may differ by a few roundings.
ROUNDING = 1e-13
HISTORY = {"loss": [4.0, 3.0, 3.0, 3.0, 2.0, 2.0, 2.0, 2.0]}

deterministic = settings(derandomize=True, deadline=None, database=None, max_examples=50)


def recursion(t, decay):
    rate = 1.0
    for s in range(t):
        rate = rate / (1 + decay * s)
    return rate


def restarts(t, horizon, growth):
    while t >= horizon:
        t -= horizon
        horizon *= growth
    return (1 + math.cos(math.pi * t / horizon)) / 2


def one_cycle(t):
    if t < 45:
        return 0.1 + 0.9 * t / 45
    if t < 90:
        return 1 - 0.9 * (t - 45) / 45
    return 0.1 - 0.099 * min(t - 90, 10) / 10


# schedule, the formula in plain Python
def name(value):
    """Return a test's name that is the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


FORMULAS = [
    (Constant(), lambda t: 1.0),
    (Linear(horizon=50), lambda t: max(1 - t / 50, 0) + min(t / 50, 1) * 0.01),
    (Linear(horizon=50, end=3), lambda t: 1 + 2 * min(t, 50) / 50),
    (InverseTime(decay=0.3), lambda t: 1 / (1 + 0.3 * t)),
    (InverseTime(decay=1.0, cumulative=True), lambda t: recursion(t, 1.0)),
    (InverseTime(decay=0.02, cumulative=True), lambda t: recursion(t, 0.02)),
    (InverseTime(decay=0.01, cumulative=True), lambda t: recursion(t, 0.01)),
    (InverseTime(decay=1e-4, cumulative=True), lambda t: recursion(t, 1e-4)),
    (Exponential(decay=0.05), lambda t: math.exp(-0.05 * t)),
    (InverseScaling(power=0.75), lambda t: (t + 1) ** -0.75),
    (Bottou(0.5, 0.1), lambda t: 1 / (1 + 0.1 * 0.5 * t)),
    (Step(every=20, factor=0.1), lambda t: 0.1 ** (t // 20)),
    (
        Polynomial(horizon=50, power=3, end=0.1),
        lambda t: 0.1 + 0.9 * max(1 - t / 50, 0) ** 3,
    ),
    (
        Cosine(horizon=50, end=0.2),
        lambda t: 0.2 + 0.4 * (1 + math.cos(math.pi * min(t / 50, 1))),
    ),
    (Cosine(horizon=7, end=0, restart_growth=1), lambda t: restarts(t, 7, 1)),
    (Cosine(horizon=7, end=0, restart_growth=2), lambda t: restarts(t, 7, 2)),
    (Cosine(horizon=8, end=0, restart_growth=1.5), lambda t: restarts(t, 8, 1.5)),
    (OneCycle(horizon=100), one_cycle),
    (
        WarmUp(Exponential(decay=0.05), length=10),
        lambda t: (t + 1) / 11 if t < 10 else math.exp(-0.05 * (t - 10)),
    ),
    (WarmUp(Constant(), length=0), lambda t: 1.0),
    (WarmUp(OneCycle(horizon=100), length=4), lambda t: (
        0.1 * (t + 1) / 5 if t < 4 else one_cycle(t - 4)
    )),
    (Function(lambda t: 1 / (1 + t) ** 2), lambda t: 1 / (1 + t) ** 2),
]  # fmt: skip
EVERY = [schedule for schedule, _ in FORMULAS] + [Plateau(patience=2)]


@pytest.mark.parametrize(("schedule", "formula"), FORMULAS, ids=name)
def test_is_its_formula(schedule, formula):
    expected = [formula(t) for t in range(160)]
    # Roundings: of the logarithm of the product, up to 745, and of 1 + cos near 0.
    assert_allclose(schedule(np.arange(160)), expected, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("schedule", EVERY, ids=name)
def test_scalar_in_scalar_out_and_array_in_array_out(schedule):
    t = np.arange(12)
    factors = schedule(t, HISTORY)
    assert factors.dtype == np.float64
    for scalar in (3, 3.0, np.int32(3), np.float32(3), np.array(3)):
        assert type(schedule(scalar, HISTORY)) is float
        assert_allclose(schedule(scalar, HISTORY), factors[3], rtol=ROUNDING)
    for array in (t.reshape(3, 4), t.astype(np.float32), list(range(12)), t[::-1]):
        got = schedule(array, HISTORY)
        assert got.shape == np.shape(array)
        expected = factors[np.asarray(array, dtype=int)]
        assert_allclose(got, expected, rtol=ROUNDING)
    assert schedule([], HISTORY).shape == (0,)


@pytest.mark.parametrize("schedule", EVERY, ids=name)
def test_is_pure(schedule):
    t = np.arange(12.0)
    t.flags.writeable = False
    history = {"loss": list(HISTORY["loss"])}
    before = repr(schedule), dict(vars(schedule))
    first = schedule(t, history)
    expected = first.copy()
    schedule(np.arange(1000), history)
    first[:] = -1  # the caller's own array
    assert_array_equal(schedule(t, history), expected)
    assert (repr(schedule), dict(vars(schedule))) == before
    assert history == HISTORY


def test_a_function_can_harm_neither_t_nor_the_factors():
    t, table = np.arange(5.0), np.ones(5)

    def function(t):
        t *= 2
        return table

    Function(function)(t)[:] = 7
    assert_array_equal(t, np.arange(5.0))
    assert_array_equal(table, np.ones(5))


@pytest.mark.parametrize("schedule", EVERY, ids=name)
def test_clone_and_params(schedule):
    copy = clone(schedule)
    assert copy is not schedule
    assert repr(copy) == repr(schedule)
    assert_array_equal(copy([0, 5, 99], HISTORY), schedule([0, 5, 99], HISTORY))
    params = schedule.get_params(deep=False)
    assert repr(type(schedule)(**params)) == repr(schedule)
    for name, value in params.items():
        assert getattr(copy.set_params(**{name: value}), name) is value


@pytest.mark.parametrize(
    "schedule", [s for s in EVERY if type(s) is not Function], ids=name
)
def test_pickle(schedule):
    copy = pickle.loads(pickle.dumps(schedule))
    assert repr(copy) == repr(schedule)
    assert_array_equal(copy([0, 5, 99], HISTORY), schedule([0, 5, 99], HISTORY))


def test_repr_shows_what_was_set():
    assert repr(Linear(horizon=5, per="epoch")) == "Linear(horizon=5, per='epoch')"
    assert repr(WarmUp("cosine")) == "WarmUp(schedule='cosine')"
    assert WarmUp(Step()).set_params(schedule__every=3).schedule.every == 3


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_by_name_with_defaults(name):
    schedule = get_schedule(name)
    assert type(schedule).__name__.lower() == name
    bound = schedule.bind(learning_rate=0.1, penalty=0.01)
    factors = bound(np.arange(3000), HISTORY)
    assert np.all((factors > 0) & (factors <= 1))


@pytest.mark.parametrize("name", sorted(set(SCHEDULES) - {"warmup", "plateau"}))
def test_per_is_an_argument(name):
    assert SCHEDULES[name]().per == "update"
    assert SCHEDULES[name](per="epoch").per == "epoch"


# --------------------------------------------------------------------- boundary t


@pytest.mark.parametrize(
    ("schedule", "t", "expected"),
    [
        (Linear(horizon=10, end=0), [0, 10, 11, 1e9], [1, 0, 0, 0]),
        (Linear(horizon=3, end=0.1), [3, 4], [0.1, 0.1]),
        (Polynomial(horizon=10, end=0.3), [0, 10, 11, 1e9], [1, 0.3, 0.3, 0.3]),
        (Cosine(horizon=10, end=0.3), [0, 10, 11, 1e9], [1, 0.3, 0.3, 0.3]),
        (OneCycle(horizon=100), [0, 45, 90, 100, 1e9], [0.1, 1, 0.1, 1e-3, 1e-3]),
        (Step(every=10), [0, 9, 10, 19, 20], [1, 1, 0.5, 0.5, 0.25]),
        (Step(every=1, factor=0.5), [5000], [0]),
        (Exponential(decay=1), [1e9], [0]),
        (InverseTime(decay=0), [0, 1e9], [1, 1]),
        (InverseTime(decay=0, cumulative=True), [0, 1e9], [1, 1]),
        (InverseTime(decay=5e-324, cumulative=True), [0, 1e9], [1, 1]),
        (InverseTime(decay=1e300, cumulative=True), [0, 1, 2, 3], [1, 1, 1e-300, 0]),
        (InverseTime(decay=0.5, cumulative=True), [0, 1, 1e9], [1, 1, 0]),
        (InverseTime(decay=0.005, cumulative=True), [0, 1, 1e9], [1, 1, 0]),
        (InverseScaling(power=0), [0, 1e9], [1, 1]),
        (Bottou(0.1, 0.0), [0, 1e9], [1, 1]),
        (WarmUp(length=3), [0, 2, 3, 4], [0.25, 0.75, 1, 1]),
    ],
    ids=name,
)
def test_boundaries(schedule, t, expected):
    assert_allclose(schedule(t), expected, rtol=ROUNDING, atol=1e-300)


@pytest.mark.parametrize("growth", [1, 1.5, 2, 3])
def test_restarts_start_exactly_at_the_initial_rate(growth):
    lengths = 1000 * float(growth) ** np.arange(12)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    schedule = Cosine(horizon=1000, end=0, restart_growth=growth)
    assert_array_equal(schedule(starts), np.ones(13))
    # One update before it the descent is all but over: 1 - cos(pi / 1000) at most.
    assert np.all(schedule(starts[1:] - 1) < 3e-6)


@pytest.mark.parametrize("decay", [1e-17, 1e-12, 1e-9, 1e-6, 1e-4, 0.01, 0.011, 1, 50])
def test_cumulative_is_accurate_for_every_decay(decay):
    for n in (1, 2, 3, 17, 1000, 100_000):
        exact = math.exp(-math.fsum(math.log1p(decay * s) for s in range(n)))
        # One rounding of the logarithm, at most 745, is 1e-13 of the factor.
        got = InverseTime(decay, cumulative=True)(n)
        assert_allclose(got, exact, rtol=1e-12, atol=1e-300)


def test_cumulative_at_a_thousand_million():
    # log prod is decay t^2 / 2 to first order, 1e-9 of it to second.
    factor = InverseTime(decay=2e-18, cumulative=True)(10**9)
    assert_allclose(factor, math.exp(-1), rtol=2e-9)


# ----------------------------------------------------------------------- binding


def test_bottou_takes_what_it_lacks_from_the_run():
    schedule = Bottou(penalty=0.2)
    bound = schedule.bind(learning_rate=0.5, penalty=9.0)
    assert bound.get_params() == {"learning_rate": 0.5, "penalty": 0.2, "per": "update"}
    assert schedule.learning_rate is None
    with pytest.raises(ValueError, match=r"call bind\(learning_rate, penalty\)"):
        schedule(0)


def test_bind_is_the_identity_elsewhere():
    schedule = Linear()
    assert schedule.bind(0.1, 0.1) is schedule


@pytest.mark.parametrize("inner", ["bottou", Bottou, Bottou(), WarmUp("bottou", 0)])
def test_warm_up_binds_the_schedule_inside(inner):
    schedule = WarmUp(inner, length=2)
    bound = schedule.bind(learning_rate=0.5, penalty=0.2)
    assert_allclose(bound([0, 1, 2, 12]), [1 / 3, 2 / 3, 1, 0.5], rtol=ROUNDING)
    assert schedule.schedule is inner


# ----------------------------------------------------------------------- plateau


@pytest.mark.parametrize(
    ("arguments", "losses", "expected"),  # expected: after 0, 1, 2, ... losses
    [
        ({"patience": 2}, [3, 2, 2, 2, 2, 2], [1, 1, 1, 1, 0.5, 0.5, 0.25]),
        ({"patience": 2}, [3, 2, 2, 1, 1, 1], [1, 1, 1, 1, 1, 1, 0.5]),
        ({"patience": 1, "cooldown": 2}, [1] * 6, [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]),
        ({"patience": 1, "min_factor": 0.3}, [1] * 4, [1, 1, 0.5, 0.3, 0.3]),
        (
            {"patience": 1, "threshold": 0.1, "factor": 0.1},
            [1, 0.95, 0.9, 0.85],
            [1, 1, 0.1, 0.01, 0.01],
        ),
        ({"patience": 1, "threshold": 0}, [3, 2, 2, 1], [1, 1, 1, 0.5, 0.5]),
        ({"patience": 1}, [-1, -2, -2], [1, 1, 1, 0.5]),
        ({"patience": 1}, [1, math.nan, 0.5], [1, 1, 0.5, 0.5]),
        ({}, [], [1]),
    ],
    ids=name,
)
def test_plateau(arguments, losses, expected):
    schedule = Plateau(**arguments)
    n = len(losses)
    assert_allclose(schedule(np.arange(n + 1), {"loss": losses}), expected)
    # An epoch knows its past only, and the last factor goes on.
    for t in range(n + 1):
        assert_allclose(schedule(t, {"loss": losses[:t]}), expected[t])
    assert schedule(n + 50, {"loss": losses}) == pytest.approx(expected[-1])


def test_plateau_says_what_it_needs():
    assert Plateau.uses_history
    assert not Schedule.uses_history
    assert Plateau().per == "epoch"
    for history in (None, {}):
        with pytest.raises(ValueError, match=r"call schedule\(t, history\) with hist"):
            Plateau()(0, history)


def test_warm_up_counts_what_the_schedule_inside_counts():
    assert (WarmUp().per, WarmUp().uses_history) == ("update", False)
    assert WarmUp(Linear(per="epoch")).per == "epoch"
    schedule = WarmUp(Plateau(patience=1), length=2)
    assert (schedule.per, schedule.uses_history) == ("epoch", True)
    # The two losses of the warm-up do not count: the third is the first one.
    history = {"loss": [1.0, 1.0, 1.0, 1.0]}
    assert_allclose(schedule([0, 1, 2, 3, 4], history), [1 / 3, 2 / 3, 1, 1, 0.5])


# --------------------------------------------------------- specifications and errors


def test_get_schedule():
    schedule = Step()
    assert get_schedule(schedule) is schedule
    assert type(get_schedule(Step)) is Step
    wrapped = get_schedule(np.ones_like)
    assert type(wrapped) is Function
    assert wrapped.per == "update"


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ("cosin", ValueError),
        ("Cosine", ValueError),
        ("function", ValueError),
        (None, TypeError),
        (0.1, TypeError),
        (dict, TypeError),
        ([Step()], TypeError),
    ],
    ids=name,
)
def test_unknown_specifications(spec, error):
    names = "constant, linear, inversetime, .*, plateau; got "
    with pytest.raises(error, match=names) as raised:
        get_schedule(spec)
    assert str(raised.value).endswith(repr(spec))
    with pytest.raises(error, match=names):
        WarmUp(spec)(0)


WRONG = [
    *((cls(per="batch"), "per must be one of ('update', 'epoch'), got 'batch'")
      for name, cls in SCHEDULES.items() if name not in ("warmup", "plateau")),
    *((cls(horizon=0), "horizon must be in (0, inf), got 0")
      for cls in (Linear, Polynomial, Cosine, OneCycle)),
    *((cls(end=-0.1), "end must be in [0, inf), got -0.1")
      for cls in (Linear, Polynomial, Cosine, OneCycle)),
    *((cls(decay=-1), "decay must be in [0, inf), got -1")
      for cls in (InverseTime, Exponential)),
    (Exponential(decay=math.inf), "decay must be in [0, inf), got inf"),
    (Exponential(decay=math.nan), "decay must be in [0, inf), got nan"),
    (Exponential(decay="fast"), "decay must be in [0, inf), got 'fast'"),
    (Exponential(decay=None), "decay must be in [0, inf), got None"),
    (Exponential(decay=1j), "decay must be in [0, inf), got 1j"),
    (InverseTime(cumulative="no"),
     "cumulative must be one of (False, True), got 'no'"),
    (InverseScaling(power=-1), "power must be in [0, inf), got -1"),
    (Polynomial(power=0), "power must be in (0, inf), got 0"),
    (Bottou(learning_rate=0), "learning_rate must be None or in (0, inf), got 0"),
    (Bottou(penalty=-1), "penalty must be None or in [0, inf), got -1"),
    (Step(every=0), "every must be in (0, inf), got 0"),
    (Step(factor=0), "factor must be in (0, 1], got 0"),
    (Step(factor=1.5), "factor must be in (0, 1], got 1.5"),
    (Cosine(restart_growth=0.5), "restart_growth must be None or in [1, inf), got 0.5"),
    (OneCycle(start=2), "start must be in [0, 1], got 2"),
    (OneCycle(tail=1), "tail must be in (0, 1), got 1"),
    (WarmUp(length=-1), "length must be in [0, inf), got -1"),
    (WarmUp(Step(every=0)), "every must be in (0, inf), got 0"),
    (Plateau(factor=1), "factor must be in (0, 1), got 1"),
    (Plateau(patience=0), "patience must be in [1, inf), got 0"),
    (Plateau(threshold=1), "threshold must be in [0, 1), got 1"),
    (Plateau(cooldown=-1), "cooldown must be in [0, inf), got -1"),
    (Plateau(min_factor=2), "min_factor must be in [0, 1], got 2"),
    (Function(np.ones_like, per=None),
     "per must be one of ('update', 'epoch'), got None"),
]  # fmt: skip


@pytest.mark.parametrize(("schedule", "message"), WRONG, ids=name)
def test_wrong_arguments(schedule, message):
    with pytest.raises(ValueError, match="must be") as raised:
        schedule(0, HISTORY)
    assert str(raised.value) == message


@pytest.mark.parametrize("t", [-1, [0, -1], math.nan, math.inf])
@pytest.mark.parametrize("schedule", EVERY, ids=name)
def test_wrong_t(schedule, t):
    with pytest.raises(ValueError, match=r"t must be finite and >= 0, got "):
        schedule(t, HISTORY)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda t: 1 - t, r"must be finite and >= 0, got -1\.0 at t=2"),
        (lambda t: np.where(t > 1, np.nan, 1), r"must be finite.*, got nan at t=2"),
        (lambda t: np.full_like(t, np.inf), r"must be finite.*, got inf at t=0"),
        (lambda t: None, r"must be finite and >= 0, got nan at t=0"),
        (lambda t: t[:2], r"must have the shape of t, \(3,\), .* got the shape \(2,\)"),
        (lambda t: [[1.0]], r"must have the shape of t, .* got the shape \(1, 1\)"),
    ],
)
def test_what_a_function_may_not_return(function, message):
    with pytest.raises(ValueError, match=message):
        get_schedule(function)([0, 1, 2])


def test_a_number_is_a_factor_for_every_t():
    assert_array_equal(get_schedule(lambda t: 0.5)([[0, 1]]), [[0.5, 0.5]])
    assert get_schedule(lambda t: 0.5)(3) == 0.5


@pytest.mark.parametrize(
    "function", [lambda t: 1 if t < 10 else 0.1, lambda t: math.exp(-t)]
)
def test_a_function_of_one_number_will_do(function):
    schedule = get_schedule(function)
    assert_allclose(schedule([[0, 20]]), [[function(0), function(20)]], rtol=ROUNDING)
    assert schedule(20) == function(20)
    assert schedule([]).shape == (0,)


def test_the_error_of_a_function_is_raised():
    def broken(t):
        raise ValueError("no idea")

    with pytest.raises(ValueError, match="no idea"):
        get_schedule(broken)([0, 1])


def test_own_subclasses():
    class Half(Schedule):
        per = "epoch"

        def _formula(self, t):
            return 0.5

    class Greedy(Schedule):
        uses_history = True

        def _formula(self, t, history):
            return history["loss"][-1]

    class Empty(Schedule):
        pass

    assert_array_equal(Half()([0, 1]), [0.5, 0.5])
    assert_array_equal(WarmUp(Greedy(), 0)([0, 1], HISTORY), [2, 2])
    with pytest.raises(NotImplementedError, match=r"Empty must define _formula\(t\)"):
        Empty()(0)


# --------------------------------------------------------------------- properties

horizon = st.floats(1, 1e6)
factor = st.floats(0, 1)
decay = st.floats(0, 10)
decreasing = st.one_of(
    st.builds(Constant),
    st.builds(Linear, horizon=horizon, end=factor),
    st.builds(InverseTime, decay=decay, cumulative=st.booleans()),
    st.builds(Exponential, decay=decay),
    st.builds(InverseScaling, power=st.floats(0, 3)),
    st.builds(Bottou, learning_rate=st.floats(1e-6, 10), penalty=decay),
    st.builds(Step, every=st.integers(1, 1000), factor=st.floats(0.01, 1)),
    st.builds(Polynomial, horizon=horizon, power=st.floats(0.1, 5), end=factor),
    st.builds(Cosine, horizon=horizon, end=factor),
)
anything = st.one_of(
    decreasing,
    st.builds(Cosine, horizon=horizon, end=factor, restart_growth=st.floats(1, 4)),
    st.builds(OneCycle, horizon=horizon, start=factor, tail=st.floats(0.01, 0.99)),
    st.builds(WarmUp, decreasing, length=st.integers(0, 100)),
)
times = st.lists(st.integers(0, 10**9), min_size=1, max_size=8)


@deterministic
@given(schedule=anything, t=times)
def test_factors_are_between_0_and_1_and_each_stands_alone(schedule, t):
    factors = schedule(t)
    assert np.all((factors >= 0) & (factors <= 1 + ROUNDING))
    # An array may go through vector instructions that round differently.
    assert_allclose([schedule(s) for s in t], factors, rtol=1e-12)
    assert_allclose(schedule(t[::-1]), factors[::-1], rtol=1e-12)


@deterministic
@given(schedule=decreasing, t=times)
def test_decay_starts_at_1_and_never_grows(schedule, t):
    assert schedule(0) == 1
    factors = schedule(np.sort(t))
    assert np.all(np.diff(factors) <= 1e-12 * factors[:-1])


@deterministic
@given(rho=st.floats(1e-12, 100), t=st.integers(0, 10**6))
def test_cumulative_obeys_its_recursion(rho, t):
    now, then = InverseTime(rho, cumulative=True)([t, t + 1])
    assert_allclose(then, now / (1 + rho * t), rtol=1e-11, atol=1e-300)


@deterministic
@given(
    horizon=st.integers(1, 1000),
    growth=st.sampled_from([1, 1.25, 1.5, 2, 3]),
    t=st.integers(0, 10**5),
)
def test_restarts_are_a_loop_over_cycles(horizon, growth, t):
    got = Cosine(horizon, end=0, restart_growth=growth)(t)
    # cos is steepest, pi / 2 a cycle, where t is 1e5 times a rounding of the cycle.
    assert_allclose(got, restarts(t, horizon, growth), atol=1e-10)


@deterministic
@given(
    losses=st.lists(st.floats(0, 1e6), max_size=30),
    patience=st.integers(1, 5),
    cooldown=st.integers(0, 3),
    t=st.integers(0, 40),
)
def test_plateau_falls_in_steps_and_looks_back_only(losses, patience, cooldown, t):
    schedule = Plateau(patience=patience, cooldown=cooldown)
    factors = schedule(np.arange(len(losses) + 1), {"loss": losses})
    ratios = factors[1:] / factors[:-1]
    assert set(ratios) <= {0.5, 1.0}
    assert np.all(np.diff(np.flatnonzero(ratios == 0.5)) >= patience + cooldown)
    assert schedule(t, {"loss": losses}) == schedule(t, {"loss": losses[:t]})
