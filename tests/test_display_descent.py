"""The displays of descent, by what they draw."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sgd_estimators import minimize, objective
from sgd_estimators.display import (
    BoundsDisplay,
    MomentumDisplay,
    NoiseDisplay,
    RateDisplay,
    TrajectoryDisplay,
)
from sgd_estimators.display._momentum import convergence_rate
from sgd_estimators.optimizers import SGD
from sgd_estimators.schedules import InverseTime, LineSearch

pyplot = pytest.importorskip("matplotlib.pyplot")
H = np.array([2.0, 10.0])


def f(x):
    return 0.5 * x @ (H * x)


def pair(x):
    return f(x), H * x


@pytest.fixture(autouse=True)
def _close():
    yield
    pyplot.close("all")


# Paths

RUNS = {
    "slow": {"learning_rate": 0.02, "max_iter": 10},
    "search": {"learning_rate": LineSearch("exact"), "max_iter": 4},
}


@pytest.mark.parametrize("function", [f, pair])
def test_paths_over_level_curves(function):
    grad = (lambda x: H * x) if function is f else None
    display = TrajectoryDisplay.from_function(
        function, [4.0, 1.0], RUNS, grad=grad, field=True, levels=[1.0, 5.0, 9.0]
    )
    for line, run in zip(display.lines_, RUNS.values(), strict=True):
        path = minimize(function, [4.0, 1.0], grad=grad, **run).trajectory
        assert_array_equal(line.get_xydata(), path)
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == list(RUNS)
    assert len({line.get_color() for line in display.lines_}) == 2
    assert_array_equal(display.contour_.levels, [1, 5, 9])
    for level, curve in zip([1, 5, 9], display.contour_.get_paths(), strict=True):
        # on a grid of 120: f is right to its spacing
        assert_allclose([f(x) for x in curve.vertices], level, rtol=0.02)
    assert display.ax_.get_aspect() == 1.0  # right angles are right
    arrows = display.field_
    at = np.c_[arrows.X, arrows.Y]
    want = -H * at / np.linalg.norm(H * at, axis=1, keepdims=True)
    assert_allclose(np.c_[arrows.U, arrows.V], want, atol=1e-6)
    assert display.ax_.get_xlabel()
    assert display.ax_.get_ylabel()


def test_levels_go_through_the_points_and_along_is_across():
    end = minimize(f, [4.0, 1.0], **RUNS["search"])
    display = TrajectoryDisplay.from_results(f, end, levels="path")
    assert_allclose(display.contour_.levels, np.sort([f(x) for x in end.trajectory]))
    low, high = np.array([display.ax_.get_xlim(), display.ax_.get_ylim()]).T
    assert np.all(end.trajectory > low)
    assert np.all(end.trajectory < high)
    again = display.plot(limits=((-1, 2), (-3, 4)))
    assert (again.ax_.get_xlim(), again.ax_.get_ylim()) == ((-1, 2), (-3, 4))


def test_a_surface():
    display = TrajectoryDisplay.from_function(f, [4.0, 1.0], kind="surface", max_iter=5)
    (line,) = display.lines_
    x1, x2, height = line.get_data_3d()
    assert_allclose(height, [f(x) for x in np.c_[x1, x2]])
    assert display.contour_ is None
    assert display.surface_ is not None
    assert display.ax_.get_zlabel() == "f(x)"


def test_what_is_no_path_is_an_error():
    with pytest.raises(ValueError, match="n_points, 2"):
        TrajectoryDisplay(f=f, paths={"path": np.zeros((3, 3))})
    with pytest.raises(ValueError, match="kind must be"):
        TrajectoryDisplay(f=f, paths={"path": np.zeros((3, 2))}).plot(kind="map")


# Rates


@pytest.mark.parametrize("function", [f, pair])
def test_the_rate_against_the_closed_form(function):
    rates = np.geomspace(0.01, 0.25, 40)
    display = RateDisplay.from_function(function, [1.0, 1.0], rates=rates, n_steps=15)
    want = [0.5 * np.sum(H * (1 - a * H) ** 30) for a in rates]
    assert_allclose(display.line_.get_ydata(), want, rtol=1e-4)
    assert_allclose(display.line_.get_xdata(), rates)
    best = rates[np.argmin(want)]
    assert display.best_rate_ == best
    assert_allclose(display.best_.get_offsets(), [[best, min(want)]], rtol=1e-4)
    edge = rates[rates > 0.2][0]  # 2 / L, from where on f does not fall
    assert display.divergent_from_ == edge
    assert list(display.spans_) == ["too small", "overshooting", "divergent"]
    drawn = {text.get_text() for text in display.ax_.texts}
    assert drawn == set(display.spans_)
    assert (display.ax_.get_xscale(), display.ax_.get_yscale()) == ("log", "log")
    assert "15 steps" in display.ax_.get_ylabel()


def test_rates_that_overflow_and_rates_that_never_do():
    display = RateDisplay.from_function(f, [1.0, 1.0], rates=[0.1, 1e200], n_steps=5)
    assert np.isinf(display.values[-1])
    assert display.divergent_from_ == 1e200
    calm = RateDisplay.from_function(f, [1.0, 1.0], rates=[0.01, 0.05], momentum=0.5)
    assert calm.divergent_from_ == np.inf
    assert "divergent" not in calm.spans_


# Momentum


def test_the_map_is_the_spectral_radius_and_its_optimum_is_gohs():
    h = np.array([1.0, 30.0, 100.0])
    display = MomentumDisplay.from_eigenvalues(h, n=60)
    for i, j in ((3, 5), (40, 10), (55, 50), (59, 20)):
        a, b = display.alpha[j], display.momentum[i]
        roots = [np.abs(np.roots([1, -(1 + b - a * k), b])).max() for k in h]
        assert_allclose(display.rate[i, j], max(roots), rtol=1e-6)
    shown = np.ma.getmaskarray(display.mesh_.get_array()).reshape(display.rate.shape)
    assert_array_equal(shown, display.rate >= 1)  # what diverges is left blank
    alpha, beta = np.meshgrid(display.alpha, display.momentum)
    assert_array_equal(display.rate < 1, alpha * 100 < 2 + 2 * beta)
    q = 9 / 11
    assert_allclose(display.best_rate_, q)
    assert_allclose(display.best_.get_offsets(), [[(2 / 11) ** 2, q**2]])
    assert display.rate.min() >= display.best_rate_
    best = convergence_rate(display.best_alpha_, display.best_momentum_, h)
    assert_allclose(best, q, rtol=1e-6)
    assert display.colorbar_.ax.get_ylabel()
    for bad in ([], [0.0, 1.0], [-1.0]):
        with pytest.raises(ValueError, match="eigenvalues must be"):
            MomentumDisplay.from_eigenvalues(bad)


def test_the_map_is_what_a_run_does():
    h, alpha, beta = np.array([1.0, 20.0]), 0.06, 0.4
    end = minimize(
        lambda x: (0.5 * x @ (h * x), h * x),
        [1.0, 1.0],
        optimizer=SGD(momentum=beta),
        learning_rate=alpha,
        max_iter=120,
        tol=0,
    )
    sizes = np.linalg.norm(end.trajectory, axis=1)
    measured = (sizes[110] / sizes[60]) ** (1 / 50)
    assert_allclose(measured, convergence_rate(alpha, beta, h), rtol=0.02)


# Noise

rng = np.random.default_rng(0)
X = rng.normal(size=(100, 3))
Y = X @ [1.0, 2.0, 3.0] + rng.normal(size=100)
NOISY = {
    "one row": {"learning_rate": 0.05},
    "ten rows": {"learning_rate": 0.05, "batch_size": 10},
    "averaged": {"learning_rate": 0.05, "average": 3},
    "decay": {"learning_rate": 0.05, "schedule": InverseTime(0.01)},
}


def test_the_noise_and_what_tames_it():
    data = objective(X, Y)
    display = NoiseDisplay.from_objective(data, NOISY, n_passes=12)
    A = np.c_[X, np.ones(100)]
    best = 0.5 * np.mean((Y - A @ np.linalg.lstsq(A, Y, rcond=None)[0]) ** 2)
    begun = 0.5 * np.mean(Y**2) - best
    clouds = {}
    for name, line in zip(NOISY, display.lines_, strict=True):
        x, y = line.get_data()
        assert_allclose(y[0], begun, rtol=1e-9)
        assert np.all(y >= -1e-12)
        assert x[-1] == 12
        assert len(x) == (121 if name == "ten rows" else 1201)
        clouds[name] = y[x > 8].mean()
        assert line.get_label() == name
    assert max(clouds, key=clouds.get) == "one row"
    for name in ("ten rows", "averaged", "decay"):
        assert clouds[name] < clouds["one row"] / 2
    first = display.lines_[0].get_ydata()
    same = NoiseDisplay.from_objective(data, {"a": NOISY["one row"]}, n_passes=12)
    assert_array_equal(same.lines_[0].get_ydata(), first)
    assert display.ax_.get_yscale() == "log"
    assert "passes" in display.ax_.get_xlabel()


# Bounds


def test_iterations_and_their_bounds():
    display = BoundsDisplay.from_data(X * [1, 1.5, 2], Y, n_updates=5000)
    A = X * [1, 1.5, 2]
    hessian = A.T @ A / 100
    ends = np.linalg.eigvalsh(hessian)
    w = np.linalg.lstsq(A, Y, rcond=None)[0]
    G = A.T @ (A * ((A @ w - Y) ** 2)[:, None]) / 100
    assert_allclose(display.kappa, ends[-1] / ends[0])
    assert_allclose(display.nu, np.trace(G @ np.linalg.inv(hessian)))
    assert_allclose(display.begun, 0.5 * w @ hessian @ w)
    rho = display.accuracies
    # gradient descent, in closed form
    eigenvalues, Q = np.linalg.eigh(hessian)
    t = np.arange(200)[:, None]
    errors = (1 - eigenvalues / ends[-1]) ** t * (Q.T @ w)
    excess = 0.5 * np.sum(eigenvalues * errors**2, axis=1)
    assert_array_equal(display.gd, [np.argmax(excess <= r) for r in rho])
    assert np.isfinite(display.sgd).all()
    assert np.all(display.gd <= np.ceil(display.gd_bound_))
    assert np.all(display.sgd <= display.sgd_bound_)
    for name in ("GD", "SGD"):
        assert_array_equal(display.lines_[name].get_xdata(), rho)
    assert_array_equal(display.lines_["GD"].get_ydata(), display.gd)
    assert_array_equal(display.lines_["SGD bound"].get_ydata(), display.sgd_bound_)
    cost = display.plot(unit="passes")
    assert_allclose(cost.lines_["SGD"].get_ydata(), display.sgd / 100)
    assert_array_equal(cost.lines_["GD"].get_ydata(), display.gd)
    assert cost.ax_.get_ylabel() == "passes"
    assert cost.ax_.xaxis_inverted()


def test_accuracies_out_of_reach_are_left_out():
    rho = [1.0, 1e-12]
    display = BoundsDisplay.from_data(X, Y, accuracies=rho, n_updates=300)
    assert_array_equal(np.isnan(display.sgd), [False, True])
    assert np.isfinite(display.gd).all()
    with pytest.raises(ValueError, match="full rank"):
        BoundsDisplay.from_data(np.c_[X, X], Y)
    with pytest.raises(ValueError, match="unit must be"):
        display.plot(unit="hours")
