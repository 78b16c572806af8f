"""Every optimizer against its formula in NumPy; the contract of recipes and steps."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone

from reference import twin
from sgd_estimators._kernels.steps import AveragedStep, PythonStep, Step, as_step
from sgd_estimators.optimizers import (
    OPTIMIZERS,
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    Lion,
    NAdam,
    Optimizer,
    RMSProp,
    ScheduleFree,
    get_optimizer,
)

# the optimizer, and a rate at which it solves the quadratic of test_converges
CASES = [
    (SGD(), 0.1),
    (SGD(momentum=0.8), 0.1),
    (SGD(momentum=0.8, nesterov=True), 0.1),
    (AdaGrad(), 1.0),
    (AdaGrad(eps=0.1), 1.0),
    (RMSProp(), 0.1),
    (RMSProp(rho=0.5, momentum=0.7, eps=1e-3), 0.02),
    (RMSProp(centered=True, eps=0.1), 0.02),
    (RMSProp(rho=0.8, momentum=0.5, centered=True, eps=0.1), 0.02),
    (AdaDelta(), 30.0),
    (AdaDelta(rho=0.9, eps=1e-4), 10.0),
    (Adam(), 0.1),
    (Adam(amsgrad=True), 0.1),
    (Adam(beta1=0.5, beta2=0.9, eps=1e-3), 0.1),
    (Adam(beta1=0.0, beta2=0.0), 0.1),
    (NAdam(), 0.1),
    (NAdam(beta1=0.5, beta2=0.9, eps=1e-3), 0.1),
    (Lion(), 0.1),
    (Lion(beta1=0.5, beta2=0.8), 0.1),
    (ScheduleFree(), 1.0),
    (ScheduleFree(beta=0.0), 0.1),
]
every_case = pytest.mark.parametrize(("optimizer", "rate"), CASES, ids=repr)
every_optimizer = pytest.mark.parametrize("optimizer", [o for o, _ in CASES], ids=repr)

COPIES = [lambda step: pickle.loads(pickle.dumps(step)), copy.deepcopy, copy.copy]
every_copy = pytest.mark.parametrize("copied", COPIES, ids=["pickle", "deep", "copy"])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


class HeavyBallStep:
    """A step of a user's own, that reports another vector than x."""

    def __init__(self, n_params, beta):
        self.v = np.zeros(n_params)
        self.beta = beta

    def __call__(self, x, g, rate):
        self.v = self.beta * self.v - rate * g
        x += self.v

    def solution(self, x):
        return x + self.v


class HeavyBall(Optimizer):
    def __init__(self, beta=0.9):
        self.beta = beta

    def start(self, n_params):
        return HeavyBallStep(n_params, self.beta)


def run(step, x, gradients, rate=0.1):
    for g in gradients:
        step(x, g, rate)
    return x


# ------------------------------------------------------------------- the rules


@pytest.mark.parametrize("n_params", [1, 7, 32])
@every_optimizer
def test_equals_the_formula_in_numpy(optimizer, n_params, rng):
    x = rng.normal(size=n_params)
    expected = x.copy()
    step, formula = optimizer.start(n_params), twin(optimizer)
    scales = np.logspace(-3, 3, n_params)
    for rate in rng.uniform(0.01, 1, size=50):
        g = scales * rng.normal(size=n_params)
        step(x, g, rate)
        expected = formula(expected, g, rate)
        # rounding only: sums are taken in another order, and x may pass through 0
        np.testing.assert_allclose(x, expected, rtol=1e-13, atol=1e-13)


@every_case
def test_converges_on_a_quadratic(optimizer, rate):
    curvatures = np.array([1.0, 2.0, 5.0])
    minimum = np.array([1.0, -2.0, 3.0])
    x = np.zeros(3)
    step = optimizer.start(3)
    for t in range(1000):
        step(x, curvatures * (x - minimum), rate * 0.99**t)
    # the rate has fallen by 4e-5, and Lion's moves are as long as the rate
    np.testing.assert_allclose(x, minimum, atol=1e-4)


@every_optimizer
def test_a_nan_is_never_hidden(optimizer):
    x = np.zeros(3)
    run(optimizer.start(3), x, np.array([[1.0, np.nan, 1.0]] * 2))
    np.testing.assert_array_equal(np.isnan(x), [False, True, False])


def test_centered_rmsprop_never_takes_the_root_of_a_negative_number():
    gradients = np.full((2000, 3), [0.1, 1 / 3, 7.7])
    assert np.isfinite(run(RMSProp(centered=True).start(3), np.zeros(3), gradients)).all()


# ------------------------------------------------------------------- the steps


@every_copy
@every_optimizer
def test_a_copied_step_goes_on_bit_for_bit(optimizer, copied, rng):
    gradients = rng.normal(size=(20, 5))
    step, x = optimizer.start(5), np.zeros(5)
    run(step, x, gradients[:10])
    other, y = copied(step), x.copy()
    assert type(other) is type(step)
    run(other, y, gradients[10:])
    run(step, x, gradients[10:])  # after the copy: nothing is shared
    np.testing.assert_array_equal(x, y)


@every_optimizer
def test_two_started_steps_share_nothing(optimizer, rng):
    gradients = rng.normal(size=(10, 5))
    alone = run(optimizer.start(5), np.zeros(5), gradients)
    first, second = optimizer.start(5), optimizer.start(5)
    x = np.zeros(5)
    for g in gradients:
        first(x, g, 0.1)
        second(np.zeros(5), -3 * g, 0.7)
    np.testing.assert_array_equal(x, alone)


@every_optimizer
def test_no_parameters_at_all(optimizer):
    step = optimizer.start(0)
    assert step(np.zeros(0), np.zeros(0), 0.1) is None
    assert copy.deepcopy(step)(np.zeros(0), np.zeros(0), 0.1) is None


def test_step_takes_a_read_only_gradient_and_reports_x():
    step, x, g = SGD().start(2), np.ones(2), np.ones(2)
    g.flags.writeable = False
    step(x, g, 0.5)
    np.testing.assert_array_equal(x, [0.5, 0.5])
    assert step.solution(x) is x


@pytest.mark.parametrize(
    ("x", "g", "error", "message"),
    [
        (np.ones(2), np.ones(3), ValueError, "g must have x's 2 entries, got 3"),
        (np.ones(2), np.ones(2), ValueError, "the 3 entries .* started for, got 2"),
        (np.ones(3, np.float32), np.ones(3), ValueError, "dtype mismatch"),
        (np.ones(6)[::2], np.ones(3), ValueError, "not C-contiguous"),
        (np.frombuffer(bytes(24)), np.ones(3), ValueError, "read-only"),
        (None, np.ones(3), TypeError, "must not be None"),
    ],
)
@pytest.mark.parametrize("optimizer", [SGD(), SGD(momentum=0.9), Adam()], ids=repr)
def test_step_rejects_wrong_vectors(optimizer, x, g, error, message):
    with pytest.raises(error, match=message):
        optimizer.start(3)(x, g, 0.1)


# ------------------------------------------------------------------ the recipes


@every_optimizer
def test_is_a_recipe_for_scikit_learn(optimizer):
    twin_recipe = clone(optimizer)
    assert twin_recipe is not optimizer
    assert repr(twin_recipe) == repr(optimizer)
    assert eval(repr(optimizer)).get_params() == optimizer.get_params()
    name, value = next(iter(optimizer.get_params().items()))
    assert twin_recipe.set_params(**{name: 0.25}).get_params()[name] == 0.25
    assert optimizer.get_params()[name] == value


@every_optimizer
def test_start_and_step_leave_the_recipe_alone(optimizer):
    before = vars(optimizer).copy()
    run(optimizer.start(3), np.zeros(3), np.ones((5, 3)))
    assert vars(optimizer) == before


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (SGD(momentum=1.5), r"momentum must be in \[0, 1\), got 1.5"),
        (SGD(momentum=1), r"momentum must be in \[0, 1\), got 1"),
        (SGD(momentum=-0.1), r"momentum must be in \[0, 1\), got -0.1"),
        (SGD(momentum=np.nan), r"momentum must be in \[0, 1\), got nan"),
        (SGD(momentum="0.9"), r"momentum must be in \[0, 1\), got '0.9'"),
        (SGD(momentum=None), r"momentum must be in \[0, 1\), got None"),
        (SGD(0.9, nesterov="no"), "nesterov must be True or False, got 'no'"),
        (SGD(nesterov=True), "nesterov=True needs momentum"),
        (AdaGrad(eps=0), "eps must be a finite number > 0, got 0"),
        (AdaGrad(eps=np.inf), "eps must be a finite number > 0, got inf"),
        (RMSProp(rho=1.0), r"rho must be in \[0, 1\), got 1.0"),
        (RMSProp(momentum=2), r"momentum must be in \[0, 1\), got 2"),
        (RMSProp(centered=1), "centered must be True or False, got 1"),
        (RMSProp(eps=-1), "eps must be a finite number > 0, got -1"),
        (AdaDelta(rho=-1), r"rho must be in \[0, 1\), got -1"),
        (AdaDelta(eps=None), "eps must be a finite number > 0, got None"),
        (Adam(beta1=1), r"beta1 must be in \[0, 1\), got 1"),
        (Adam(beta2=7), r"beta2 must be in \[0, 1\), got 7"),
        (Adam(eps=0.0), "eps must be a finite number > 0, got 0.0"),
        (Adam(amsgrad=None), "amsgrad must be True or False, got None"),
        (NAdam(beta1=-1), r"beta1 must be in \[0, 1\), got -1"),
        (NAdam(beta2=1), r"beta2 must be in \[0, 1\), got 1"),
        (NAdam(eps="x"), "eps must be a finite number > 0, got 'x'"),
        (Lion(beta1=1), r"beta1 must be in \[0, 1\), got 1"),
        (Lion(beta2=1), r"beta2 must be in \[0, 1\), got 1"),
        (ScheduleFree(beta=1), r"beta must be in \[0, 1\), got 1"),
    ],
    ids=repr,
)
def test_start_names_the_wrong_argument(optimizer, message):
    with pytest.raises(ValueError, match=message):
        optimizer.start(3)


def test_numpy_scalars_are_fine_arguments():
    SGD(momentum=np.float32(0.5), nesterov=np.bool_(True)).start(np.int64(3))
    RMSProp(momentum=np.int64(0), eps=np.float64(0.1)).start(3)


@pytest.mark.parametrize(("name", "cls"), OPTIMIZERS.items())
def test_get_optimizer_by_name_class_and_object(name, cls):
    assert type(get_optimizer(name)) is cls
    assert type(get_optimizer(cls)) is cls
    optimizer = cls()
    assert get_optimizer(optimizer) is optimizer


def test_get_optimizer_takes_a_users_class():
    assert type(get_optimizer(HeavyBall)) is HeavyBall


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ("adma", ValueError),
        ("Adam", ValueError),
        (None, TypeError),
        (3, TypeError),
        (dict, TypeError),
        (SGD().start(3), TypeError),
    ],
)
def test_get_optimizer_lists_the_names(spec, error):
    with pytest.raises(error, match=r"one of sgd, adagrad, .*, saga, sdca; got"):
        get_optimizer(spec)


def test_the_base_class_says_what_to_define():
    with pytest.raises(NotImplementedError, match=r"Optimizer must define start"):
        Optimizer().start(3)


# ---------------------------------------------------------- a user's Python step


def test_a_python_step_equals_the_compiled_one(rng):
    gradients = rng.normal(size=(20, 5))
    own = as_step(HeavyBall(beta=0.5).start(5))
    x = run(own, np.zeros(5), gradients)
    expected = run(SGD(momentum=0.5).start(5), np.zeros(5), gradients)
    # a compiler may fuse a multiplication and an addition
    np.testing.assert_allclose(x, expected, rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(own.solution(x), x + own.function.v)


def test_a_python_step_gets_arrays_on_the_callers_buffers():
    seen = []
    step = as_step(lambda x, g, rate: seen.append((x, g, rate)))
    x, g = np.arange(4.0), np.ones(4)
    step(x, g, 0.5)
    step(x, g, 0.25)
    step(x[:2], g[:2], 0.5)
    step(x.copy(), g, 0.5)
    step(x, -g, 0.5)
    (x0, g0, rate0), (x1, g1, rate1), (x2, _, _), (x3, _, _), (_, g4, _) = seen
    assert type(x0) is type(g0) is np.ndarray
    assert (rate0, rate1) == (0.5, 0.25)
    assert x0 is x1  # made once for the same buffers
    assert g0 is g1
    assert np.shares_memory(x0, x)
    assert np.shares_memory(g0, g)
    assert x0.flags.writeable
    assert not g0.flags.writeable
    assert g.flags.writeable
    assert x2.shape == (2,)
    assert not np.shares_memory(x3, x)
    np.testing.assert_array_equal(g4, -g)
    assert step.solution(x) is x


def test_a_python_step_on_no_parameters():
    seen = []
    as_step(lambda x, g, rate: seen.append(x.shape))(np.zeros(0), np.zeros(0), 0.1)
    assert seen == [(0,)]


@pytest.mark.parametrize("wrap", [as_step, AveragedStep])
def test_the_errors_of_a_python_step_reach_the_caller(wrap):
    def returns(x, g, rate):
        return x - rate * g

    def writes(x, g, rate):
        g *= rate

    def fails(x, g, rate):
        raise KeyError("mine")

    x = np.ones(3)
    message = r"step returned ndarray; x must be changed in place and None returned"
    for function, error, match in [
        (returns, TypeError, message),
        (writes, ValueError, "read-only"),
        (fails, KeyError, "mine"),
    ]:
        with pytest.raises(error, match=match):
            wrap(function)(x, np.ones(3), 0.1)
    np.testing.assert_array_equal(x, np.ones(3))


@pytest.mark.parametrize("copied", COPIES[:2], ids=["pickle", "deep"])
@pytest.mark.parametrize("wrap", [as_step, AveragedStep])
def test_a_python_step_is_copied_with_its_state(wrap, copied, rng):
    gradients = rng.normal(size=(20, 5))
    step, x = wrap(HeavyBall().start(5)), np.zeros(5)
    run(step, x, gradients[:10])
    other, y = copied(step), x.copy()
    run(other, y, gradients[10:])
    run(step, x, gradients[10:])
    np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(step.solution(x), other.solution(y))


@every_copy
def test_a_closure_is_never_copied_without_its_state(copied):
    v = np.zeros(3)

    def step(x, g, rate):
        v[:] = 0.9 * v - rate * g
        x += v

    with pytest.raises(TypeError, match="closure cannot be pickled or copied"):
        copied(as_step(step))


def test_as_step():
    compiled = SGD().start(3)
    assert as_step(compiled) is compiled
    assert type(as_step(print)) is PythonStep
    with pytest.raises(TypeError, match="start must return a Step or a callable"):
        as_step(None)


def test_a_python_subclass_of_step_is_not_bypassed():
    class Half(Step):
        def __call__(self, x, g, rate):
            x /= 2

    x = np.ones(3)
    AveragedStep(Half())(x, np.ones(3), 0.1)
    np.testing.assert_array_equal(x, 0.5)


def test_a_step_without_a_rule_says_so():
    with pytest.raises(NotImplementedError, match="Step must override the C method"):
        Step()(np.ones(3), np.ones(3), 0.1)


# ------------------------------------------------------------------- averaging


@pytest.mark.parametrize("start", [0, 1, 7, 20, 30])
@pytest.mark.parametrize("optimizer", [SGD(0.9), Adam(), HeavyBall()], ids=repr)
def test_averaging_reports_the_mean_of_the_iterates(optimizer, start, rng):
    plain, averaged = optimizer.start(5), AveragedStep(optimizer.start(5), start)
    x, y, iterates = np.zeros(5), np.zeros(5), []
    for g in rng.normal(size=(20, 5)):
        plain(x, g, 0.1)
        averaged(y, g, 0.1)
        np.testing.assert_array_equal(x, y)  # the iterates are the step's own
        iterates.append(x.copy())
        if len(iterates) <= start:
            assert averaged.solution(y) is y
        else:
            # the running mean rounds once an update
            mean = np.mean(iterates[start:], axis=0)
            np.testing.assert_allclose(averaged.solution(y), mean, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("start", [0, 12])
@pytest.mark.parametrize("copied", COPIES[:2], ids=["pickle", "deep"])
def test_a_copied_average_goes_on_bit_for_bit(copied, start, rng):
    gradients = rng.normal(size=(20, 5))
    step, x = AveragedStep(Adam().start(5), start), np.zeros(5)
    run(step, x, gradients[:10])
    other, y = copied(step), x.copy()
    assert other.inner is not step.inner
    run(other, y, gradients[10:])
    run(step, x, gradients[10:])
    np.testing.assert_array_equal(step.solution(x), other.solution(y))


def test_the_reported_mean_is_a_copy():
    step, x = AveragedStep(SGD().start(2)), np.ones(2)
    step(x, x.copy(), 0.5)
    step.solution(x)[:] = np.nan
    np.testing.assert_array_equal(step.solution(x), [0.5, 0.5])


def test_averaging_rejects_wrong_arguments():
    with pytest.raises(ValueError, match="start must be >= 0, got -1"):
        AveragedStep(SGD().start(3), -1)
    with pytest.raises(TypeError, match="start must return a Step or a callable"):
        AveragedStep("sgd")
    with pytest.raises(ValueError, match=r"the 3 entries .* started for, got 2"):
        AveragedStep(Adam().start(3))(np.ones(2), np.ones(2), 0.1)


@pytest.mark.parametrize("nesterov", [False, True])
def test_the_means_are_corrected_at_the_first_step_and_after_many(nesterov):
    beta1, beta2, eps, rate = 0.9, 0.95, 1e-8, 0.01
    kind = NAdam if nesterov else Adam
    step = kind(beta1=beta1, beta2=beta2, eps=eps).start(3)
    rng = np.random.default_rng(0)
    x, m, s = np.ones(3), np.zeros(3), np.zeros(3)
    want = x.copy()
    for t in range(1, 1001):  # long after beta^t is lost beside 1
        g = rng.normal(size=3)
        step(x, g, rate)
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g * g
        mean = m / (1 - beta1**t)
        if nesterov:
            mean = beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)
        want -= rate * mean / (np.sqrt(s / (1 - beta2**t)) + eps)
        np.testing.assert_allclose(x, want, rtol=1e-12)
