"""`minimize` on functions: closed forms, the optimizers' formulas, stationary points."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import rosen, rosen_der, rosen_hess

from reference import twin
from rules import Normalized
from sgd_estimators import GradientDescent, minimize, objective
from sgd_estimators.optimizers import SAGA, SGD, NormalizedAdaptive, ScheduleFree
from sgd_estimators.schedules import (
    Bottou,
    DoG,
    InverseTime,
    LineSearch,
    Plateau,
    PolyakStep,
)
from test_optimizers import CASES

EXACT = 1e-12  # rounding over some tens of steps


def quadratic(*eigenvalues):
    """Return 1/2 sum lambda_j x_j^2 and its gradient, in one function."""
    h = np.array(eigenvalues, np.float64)
    return lambda x: (0.5 * x @ (h * x), h * x)


def run(f, x0, **given):
    return minimize(f, x0, **{"tol": 0, "max_iter": 50} | given)


# ------------------------------------------------------------------ closed forms


@given(
    h=st.lists(st.floats(0.1, 10), min_size=1, max_size=4),
    share=st.floats(0.05, 1.95),
)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_gradient_descent_on_a_quadratic(h, share):
    rate = share / max(h)
    end = run(quadratic(*h), np.ones(len(h)), learning_rate=rate, max_iter=20)
    t = np.arange(end.nit + 1)[:, None]
    want = (1 - rate * np.array(h)) ** t
    assert_allclose(end.trajectory, want, rtol=1e-10, atol=1e-14)
    assert_array_equal(end.rates, rate)
    assert end.nit == end.rates.size == len(end.trajectory) - 1


@pytest.mark.parametrize("kappa", [2.0, 10.0, 100.0])
def test_exact_line_search_contracts_as_kantorovich_says(kappa):
    q = (kappa - 1) / (kappa + 1)
    rate = LineSearch("exact")
    end = run(quadratic(1, kappa), [kappa, 1], learning_rate=rate, max_iter=15)
    t = np.arange(16)[:, None]
    # the worst start: f falls by q^2 at every step, none of them shorter
    want = q**t * np.array([kappa, 1]) * np.array([1, -1]) ** t
    assert_allclose(end.trajectory, want, rtol=1e-5)
    assert_allclose(end.rates, 2 / (1 + kappa), rtol=1e-5)
    moves = np.diff(end.trajectory, axis=0)
    lengths = np.linalg.norm(moves, axis=1)
    cosines = np.sum(moves[1:] * moves[:-1], axis=1) / (lengths[1:] * lengths[:-1])
    assert_allclose(cosines, 0, atol=1e-5)  # each step is orthogonal to the next


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_has_the_rate_of_its_double_root(nesterov):
    low, high = 1.0, 100.0
    root = np.sqrt(high / low)
    if nesterov:
        rate, beta, q = 1 / high, (root - 1) / (root + 1), 1 - 1 / root
        h = [low]  # where both roots are q
    else:
        rate = (2 / (np.sqrt(low) + np.sqrt(high))) ** 2
        q = (root - 1) / (root + 1)
        beta, h = q**2, [low, high]
    given = {"momentum": beta, "learning_rate": rate, "max_iter": 100}
    optimizer = SGD(momentum=0.5, nesterov=nesterov)
    end = run(quadratic(*h), np.ones(len(h)), optimizer=optimizer, **given)
    signs = np.array([1.0, -1.0])[: len(h)]  # the roots are q and -q
    t = np.arange(101)[:, None]
    scaled = end.trajectory / (signs * q) ** t
    slope = scaled[1] - scaled[0]
    assert_allclose(scaled, 1 + slope * t, rtol=1e-6)  # (a + b t) q^t
    plain = run(quadratic(low, high), [1, 1], learning_rate=2 / (low + high), max_iter=100)
    assert end.fun < plain.fun


@pytest.mark.parametrize(
    ("optimizer", "rate"), [*CASES, (SGD(), InverseTime(0.1))], ids=repr
)
def test_every_optimizer_is_its_formula(optimizer, rate):
    schedule = InverseTime(0.05)
    rate = 0.1 if isinstance(rate, InverseTime) else min(rate, 1.0) / 4
    h, centre = np.array([1.0, 2.0, 5.0]), np.array([1.0, -2.0, 3.0])
    end = run(
        lambda x: 0.5 * (x - centre) @ (h * (x - centre)),
        np.zeros(3),
        grad=lambda x: h * (x - centre),
        optimizer=optimizer,
        learning_rate=rate,
        schedule=schedule,
    )
    rates = rate / (1 + 0.05 * np.arange(50))
    assert_allclose(end.rates, rates, rtol=EXACT)
    formula, x = twin(optimizer), np.zeros(3)
    for t in range(50):
        assert_allclose(end.trajectory[t], x, rtol=1e-9, atol=1e-10)
        x = formula(x, h * (x - centre), rates[t])


def test_what_a_step_reports_is_the_result():
    f = quadratic(1, 5)
    end = run(f, [1, 1], optimizer=ScheduleFree(beta=0.9), learning_rate=0.5, max_iter=30)
    z, means = np.array([1.0, 1.0]), [np.array([1.0, 1.0])]
    for y, after in zip(end.trajectory[:-1], end.trajectory[1:], strict=True):
        z = z - 0.5 * np.array([1, 5]) * y
        means.append((after - 0.1 * z) / 0.9)
    mean = min(means, key=lambda x: f(x)[0])
    assert_allclose(end.x, mean, rtol=1e-9)
    assert_allclose([end.fun, *end.jac], [f(mean)[0], *f(mean)[1]], rtol=1e-8)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_it_is_the_loop_of_the_estimators():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    F = objective(X, X @ [1.0, -2.0, 0.5] + rng.normal(size=40), penalty=0.1)
    given = {"learning_rate": 0.2, "momentum": 0.5, "schedule": InverseTime(0.1)}
    points = []
    minimize(
        F,
        np.zeros((1, 4)),
        batch_size="full",
        max_iter=20,
        tol=0,
        callback=lambda W, t, record: points.append(W.ravel().copy()),
        **given,
    )

    def f(x):
        value, g = F.value_and_gradient(x[None])
        return value, g[0]

    end = run(f, np.zeros(4), max_iter=20, **given)
    assert_allclose(end.trajectory[1:], points, rtol=EXACT)


# ----------------------------------------------------------------- line searches


@pytest.mark.parametrize("kind", ["armijo", "exact", "wolfe"])
def test_rosenbrock_by_every_line_search(kind):
    end = minimize(
        rosen,
        [-1.2, 1.0],
        grad=rosen_der,
        hess=rosen_hess,
        learning_rate=LineSearch(kind),
        max_iter=20_000,
    )
    assert end.success
    assert end.kind == "minimum"
    assert_allclose(end.x, 1, atol=1e-3)
    assert_allclose(end.eigenvalues, np.linalg.eigvalsh(rosen_hess(end.x)))
    assert np.linalg.norm(end.jac) <= 1e-6 * np.linalg.norm(rosen_der([-1.2, 1.0]))
    x, rates = end.trajectory[:200], end.rates[:199]
    values, g = np.array([rosen(z) for z in x]), np.array([rosen_der(z) for z in x])
    squares = np.sum(g[:-1] ** 2, axis=1)
    assert_allclose(x[1:], x[:-1] - rates[:, None] * g[:-1], rtol=1e-12, atol=1e-12)
    drops = values[:-1] - values[1:]
    slopes = np.abs(np.sum(g[1:] * g[:-1], axis=1)) / squares
    if kind == "armijo":
        assert np.all(drops >= 0.5 * rates * squares * (1 - 1e-9))
    elif kind == "wolfe":
        assert np.all(drops >= 1e-4 * rates * squares * (1 - 1e-9))
        assert np.all(slopes <= 0.9)
    else:
        assert np.all(drops > 0)
        assert_allclose(slopes, 0, atol=1e-3)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_exact_search_on_data_ends_where_the_gradient_is_orthogonal():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 3))
    F = objective(X, X @ [1.0, 2.0, 3.0], fit_intercept=False)
    points = [np.zeros((1, 3))]
    minimize(
        F,
        points[0],
        learning_rate=LineSearch("exact"),
        batch_size="full",
        max_iter=5,
        tol=0,
        callback=lambda W, t, record: points.append(W.copy()),
    )
    g = [F.value_and_gradient(W)[1].ravel() for W in points]
    for a, b in zip(g[1:], g[:-1], strict=True):
        assert abs(a @ b) < 1e-6 * (b @ b)


def test_polyaks_step_knows_the_lowest_value():
    # 1/2 L x^2: the step (f - f*) / (1/2 ||g||^2) is 1 / L, and ends at the minimum
    end = minimize(lambda x: 3 + 2 * x @ x, [5.0], learning_rate=PolyakStep(lowest=3.0))
    assert end.nit <= 2
    assert_allclose(end.x, 0, atol=1e-6)
    with pytest.raises(ValueError, match="lowest=7 is no lower bound: f is"):
        minimize(lambda x: 3 + 2 * x @ x, [5.0], learning_rate=PolyakStep(lowest=7.0))


@pytest.mark.parametrize("rate", [DoG(first=0.1), Normalized(), "linesearch"], ids=repr)
def test_rate_objects_go_here_too(rate):
    end = minimize(quadratic(1, 2), [3.0, -1.0], learning_rate=rate)
    assert end.fun < 1e-2
    assert end.rates.size == end.nit
    assert np.all(end.rates > 0)


def test_plateau_sees_the_values():
    bumpy = {"learning_rate": 2.0, "schedule": Plateau(patience=1), "max_iter": 4}
    end = run(quadratic(1), [1.0], **bumpy)  # -1, 1, -1, ...: f stays
    assert end.rates[-1] < end.rates[0]


# -------------------------------------------------------------- stationary points

PAIR = "value and gradient"


def polynomial(kind):
    return {
        "minimum": lambda x: x[0] ** 2 + 3 * x[1] ** 2,
        "saddle": lambda x: x[0] ** 2 - 3 * x[1] ** 2,
        "maximum": lambda x: -(x[0] ** 2) - 3 * x[1] ** 2,
        "degenerate": lambda x: x[0] ** 2 + 0 * x[1],
    }[kind]


@pytest.mark.parametrize("gradient", ["differences", "given", "hess"])
@pytest.mark.parametrize("kind", ["minimum", "saddle", "maximum", "degenerate"])
def test_the_hessian_tells_the_kind(kind, gradient):
    f = polynomial(kind)
    h = np.array({"degenerate": [2.0, 0.0]}.get(kind, [f([1, 0]) * 2, f([0, 1]) * 2]))
    given = {}
    if gradient != "differences":
        given["grad"] = lambda x: h * x
    if gradient == "hess":
        given["hess"] = lambda x: np.diag(h)
    start = [0.0, 0.0] if kind == "maximum" else [1.0, 0.0]
    end = minimize(f, start, **given)
    assert end.kind == kind
    assert end.status == 0
    assert end.success == (kind in ("minimum", "degenerate"))
    assert kind in end.message or kind == "degenerate"
    assert_allclose(end.eigenvalues, np.sort(h), atol=1e-5)
    assert (end.nit == 0) == (kind == "maximum")


def test_where_the_start_leads():
    def f(x):  # minima at -1 and 1, a maximum between
        return (x[0] ** 2 - 1) ** 2

    ends = [minimize(f, [x], learning_rate=0.05).x[0] for x in (-2, -0.1, 0.1, 2)]
    assert_allclose(ends, [-1, -1, 1, 1], atol=1e-4)
    assert minimize(f, [0.0]).kind == "maximum"


def test_a_flat_minimum_is_told_by_nothing():
    assert minimize(lambda x: np.sum(x**4), [0.0, 0.0]).kind == "degenerate"
    many = minimize(lambda x: (x @ x, 2 * x), np.ones(101))
    assert (many.kind, many.eigenvalues) == ("unknown", None)


# --------------------------------------------------------- calls, and their counting


def test_differences_are_nearly_the_gradient():
    given = {"learning_rate": 0.001, "max_iter": 100, "tol": 0}
    one = minimize(rosen, [-1.2, 1.0], grad=rosen_der, **given)
    other = minimize(rosen, [-1.2, 1.0], **given)
    assert_allclose(other.trajectory, one.trajectory, atol=1e-5)
    assert (one.nfev, one.njev) == (101, 101)
    assert (other.nfev, other.njev) == (101 * 4, 0)  # f, and three calls of approx_fprime
    pair = minimize(lambda x: (rosen(x), rosen_der(x)), [-1.2, 1.0], **given)
    assert_array_equal(pair.trajectory, one.trajectory)
    assert (pair.nfev, pair.njev) == (101, 101)


def test_f_may_spoil_its_argument_and_reuse_its_gradient():
    g = np.empty(2)

    def f(x):
        value, g[:] = x @ x, 2 * x
        x[:] = np.nan
        return value, g

    end = minimize(f, [1.0, 2.0], learning_rate=0.9, max_iter=20)
    assert_allclose(end.jac, 2 * end.x)
    assert_allclose(end.trajectory[1], [-0.8, -1.6])


def test_the_last_step_is_called_back_too():
    seen = []
    end = minimize(F, [1.0, 2.0], callback=lambda x, t, record: seen.append(x.copy()))
    assert end.stop_reason == "stationary"
    assert_array_equal(seen, end.trajectory[1:])


def test_the_callback_sees_every_step_and_stops():
    seen = []

    def callback(x, t, record):
        seen.append((t, x.copy(), record))
        return t == 7

    end = run(quadratic(1, 5), [1, 1], learning_rate=0.1, callback=callback)
    assert end.stop_reason == "callback"
    assert not end.success
    assert end.nit == 7
    assert [t for t, _, _ in seen] == list(range(1, 8))
    assert_array_equal([x for _, x, _ in seen], end.trajectory[1:])
    for (_, x, record), before in zip(seen, end.trajectory[:-1], strict=True):
        assert record["objective"] == quadratic(1, 5)(x)[0]
        assert record["loss"] == quadratic(1, 5)(before)[0]
        assert record["rate"] == 0.1


def test_what_f_raises_is_raised():
    def f(x):
        if x[0] < 0.5:
            raise ArithmeticError("below a half")
        return x @ x

    for rate in (0.01, "linesearch", LineSearch("exact"), LineSearch("wolfe")):
        with pytest.raises(ArithmeticError, match="below a half"):
            minimize(f, [1.0], learning_rate=rate)


@pytest.mark.parametrize("kind", ["function", "objective"])
def test_an_interrupt_goes_on_and_the_callback_has_the_path(kind):
    seen = []

    def callback(x, t, record):
        seen.append(x.copy())
        if t == 10:
            raise KeyboardInterrupt

    data = objective(np.eye(3), np.arange(3.0))
    f, x0 = (quadratic(1.0), [1.0]) if kind == "function" else (data, None)
    with pytest.raises(KeyboardInterrupt):
        run(f, x0, learning_rate=0.01, callback=callback)
    assert len(seen) == 10
    assert np.all(np.diff(np.ravel(seen)[:: seen[0].size]) != 0)


def test_an_interrupt_in_f_goes_on():
    def f(x):
        if x[0] < 0.9:
            raise KeyboardInterrupt
        return x @ x, 2 * x

    with pytest.raises(KeyboardInterrupt):
        run(f, [1.0], learning_rate=0.01)


# ----------------------------------------------------------------- where it does not end


def test_a_rate_too_large_is_told():
    end = run(quadratic(1, 10), [1, 1], learning_rate=0.21, max_iter=30)
    assert end.stop_reason == "max_iter"
    assert "smaller learning_rate" in end.message
    assert_array_equal(end.x, [1, 1])  # the best point
    assert_allclose(end.trajectory[-1, 1], (-1.1) ** 30, rtol=1e-9)
    end = minimize(rosen, [-1.2, 1.0], grad=rosen_der, learning_rate=0.1)
    assert end.stop_reason == "not_finite"
    assert_array_equal(end.x, [-1.2, 1.0])
    assert np.isfinite(end.trajectory).all()
    assert len(end.trajectory) == end.nit + 1 == end.rates.size + 1
    for name in ("gradient", "value"):

        def edge(x, name=name):
            inside = x[0] > 0
            value = x[0] if inside or name == "gradient" else np.nan
            return value, np.array([1.0 if inside or name == "value" else np.inf])

        end = run(edge, [1.05], learning_rate=0.1)
        assert end.stop_reason == "not_finite"
        assert_allclose(end.x, 0.05)


def test_the_limit_of_floating_point_numbers_ends_a_run():
    for rate in (LineSearch("exact"), LineSearch("wolfe"), 0.3):
        end = minimize(
            lambda x: (1 + (x - np.pi) @ (x - np.pi), 2 * (x - np.pi) + 1e-30),
            [1.0],
            learning_rate=rate,
            tol=0,
        )
        assert end.stop_reason == "stuck"
        assert not end.success
        assert_allclose(end.x, np.pi, rtol=1e-7)


F = quadratic(1, 1)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"f": 3}, TypeError, "f must be a function"),
        ({"x0": None}, ValueError, "x0 must be an array"),
        ({"x0": [[1.0]]}, ValueError, "x0 must have one dimension"),
        ({"x0": "one"}, ValueError, "x0 must be an array of numbers"),
        ({"x0": [1j, 0]}, ValueError, "x0 must be an array of numbers"),
        ({"x0": []}, ValueError, "x0|sample"),
        ({"x0": [1.0, np.nan]}, ValueError, "x0 contains NaN"),
        ({"f": lambda x: np.inf}, ValueError, "f must be finite at x0"),
        ({"f": lambda x: x}, TypeError, "f must return a number"),
        ({"f": lambda x: (1.0, [1.0])}, ValueError, "gradient must have x's 2 entries"),
        ({"grad": lambda x: x}, ValueError, "grad must be None"),
        ({"grad": 3}, TypeError, "grad must be a function"),
        ({"hess": 3}, TypeError, "hess must be a function"),
        ({"hess": lambda x: x}, ValueError, r"hess must return .* \(2, 2\)"),
        ({"callback": 3}, TypeError, "callback must be a function"),
        ({"optimizer": "sdg"}, ValueError, "optimizer must be"),
        ({"optimizer": SAGA()}, ValueError, r"SAGA\(\) works on rows"),
        ({"optimizer": NormalizedAdaptive()}, ValueError, "works on rows"),
        ({"optimizer": "adam"}, ValueError, 'learning_rate="auto" .* give a number'),
        ({"optimizer": "adam", "momentum": 0.5}, ValueError, "momentum=0.5"),
        ({"momentum": 0.5}, ValueError, 'learning_rate="auto"'),
        ({"momentum": 1.0}, ValueError, "momentum must be"),
        ({"momentum": 0.5, "learning_rate": "linesearch"}, ValueError, "without momentum"),
        ({"learning_rate": -1}, ValueError, "learning_rate must be"),
        ({"learning_rate": LineSearch("goldstein")}, ValueError, "kind must be"),
        ({"learning_rate": LineSearch("exact", c=0.1)}, ValueError, "c=0.1 cannot"),
        ({"learning_rate": LineSearch("wolfe", factor=0.1)}, ValueError, "factor=0.1"),
        ({"learning_rate": LineSearch("wolfe", c=0.95)}, ValueError, "c must be below"),
        ({"learning_rate": PolyakStep(lowest=np.inf)}, ValueError, "lowest must be"),
        ({"learning_rate": PolyakStep(), "schedule": Bottou()}, ValueError, "schedule="),
        ({"schedule": "cosin"}, ValueError, "schedule must be"),
        ({"max_iter": 0}, ValueError, "max_iter must be"),
        ({"tol": -1.0}, ValueError, "tol must be"),
        ({"batch_size": 8}, ValueError, "batch_size=8 cannot be honoured"),
        ({"preconditioner": "hessian"}, ValueError, "preconditioner='hessian'"),
        ({"preconditioner": "diagonal"}, ValueError, "preconditioner must be"),
        ({"n_iter_no_change": 3}, ValueError, "n_iter_no_change=3"),
        ({"shuffle": False}, ValueError, "shuffle=False"),
        ({"random_state": 0}, ValueError, "random_state=0"),
    ],
)
def test_errors_name_the_argument(given, error, words):
    given = {"f": F, "x0": [1.0, 1.0]} | given
    with pytest.raises(error, match=words):
        minimize(given.pop("f"), given.pop("x0"), **given)


def test_an_objective_refuses_a_gradient():
    data = objective([[0.0], [1.0]], [0.0, 2.0])
    for name in ("grad", "hess"):
        with pytest.raises(ValueError, match=f"{name}=.*cannot be honoured"):
            minimize(data, **{name: lambda x: x})
    with pytest.raises(ValueError, match=r"x0 must be of shape \(1, 2\)"):
        minimize(data, [[1.0]])
    end = minimize(data, random_state=0)
    assert end.success
    value, g = data.value_and_gradient(end.x)
    assert end.fun == value
    assert_array_equal(end.jac, g)
    assert len(end.rates) == end.nit


# ------------------------------------------------------------------------ SciPy


def test_it_is_a_method_of_scipy():
    def f(x, a, b):
        return a * x[0] ** 2 + b * x[1] ** 2

    def g(x, a, b):
        return np.array([2 * a * x[0], 2 * b * x[1]])

    method = GradientDescent(learning_rate=0.05, momentum=0.3)
    given = {"args": (1.0, 4.0), "method": method}
    want = minimize(
        lambda x: f(x, 1, 4),
        [1, 1],
        grad=lambda x: g(x, 1, 4),
        learning_rate=0.05,
        momentum=0.3,
        tol=1e-3,
        max_iter=40,
    )
    cut = {"tol": 1e-3, "options": {"maxiter": 40}}
    end = scipy.optimize.minimize(f, [1, 1], jac=g, **cut, **given)
    assert_array_equal(end.trajectory, want.trajectory)
    pair = scipy.optimize.minimize(
        lambda x, a, b: (f(x, a, b), g(x, a, b)), [1, 1], jac=True, **cut, **given
    )
    assert_array_equal(pair.trajectory, want.trajectory)
    free = scipy.optimize.minimize(f, [1, 1], **cut, **given)
    assert_allclose(free.trajectory, want.trajectory, atol=1e-6)
    hess = scipy.optimize.minimize(
        f, [1, 1], jac=g, hess=lambda x, a, b: np.diag([2 * a, 2 * b]), **given
    )
    assert_allclose(hess.eigenvalues, [2, 8], rtol=1e-15)
    few = scipy.optimize.minimize(f, [1, 1], options={"maxiter": 3}, **given)
    assert (few.nit, few.stop_reason) == (3, "max_iter")
    own = GradientDescent(learning_rate=0.05, momentum=0.3, max_iter=40, tol=1e-3)
    same = scipy.optimize.minimize(f, [1, 1], args=(1.0, 4.0), jac=g, method=own)
    assert_array_equal(same.trajectory, want.trajectory)
    option = {"options": {"maxiter": 3}, "method": own}  # SciPy's come first
    assert scipy.optimize.minimize(f, [1, 1], args=(1.0, 4.0), jac=g, **option).nit == 3


def test_scipys_callbacks():
    xs, values = [], []

    def of_x(x):
        xs.append(x)
        if len(xs) == 4:
            raise StopIteration

    def of_result(*, intermediate_result):
        values.append(intermediate_result.fun)

    given = {"x0": [1.0, -1.0], "jac": rosen_der, "method": GradientDescent()}
    end = scipy.optimize.minimize(rosen, callback=of_x, **given)
    assert (end.nit, end.stop_reason) == (4, "callback")
    assert_array_equal(xs, end.trajectory[1:])
    end = scipy.optimize.minimize(
        rosen, callback=of_result, options={"maxiter": 5}, **given
    )
    assert_allclose(values, [rosen(x) for x in end.trajectory[1:]])


@pytest.mark.parametrize(
    "given",
    [
        {"bounds": [(0, 1), (0, 1)]},
        {"constraints": {"type": "eq", "fun": lambda x: x[0]}},
        {"hessp": lambda x, p: p},
        {"hess": "2-point"},
    ],
    ids=lambda given: next(iter(given)),
)
def test_what_it_cannot_honour_is_an_error(given):
    with pytest.raises(ValueError, match=f"{next(iter(given))}"):
        scipy.optimize.minimize(rosen, [0, 0], method=GradientDescent(), **given)
