"""Formulas of the lecture that no other test holds: docs/lecture.rst names them."""

from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Lasso

from oracle import draw
from sgd_estimators import minimize, objective
from sgd_estimators.optimizers import SGD
from sgd_estimators.schedules import InverseScaling, Linear


def bowl(x):
    h = np.array([1.0, 10.0])
    return 0.5 * x @ (h * x), h * x


def test_no_direction_falls_faster():
    x, g = np.array([2.0, 1.0]), np.array([2.0, 10.0])
    moved = minimize(bowl, x, learning_rate=1e-6, max_iter=1).trajectory[1] - x
    length = np.linalg.norm(moved)
    along = np.array([-g[1], g[0]]) / np.linalg.norm(g)  # of the level curve
    assert abs(moved @ along) < 1e-9 * length
    for angle in np.linspace(0.01, 2 * np.pi - 0.01, 50):
        c, s = np.cos(angle), np.sin(angle)
        assert bowl(x + np.array([[c, -s], [s, c]]) @ moved)[0] > bowl(x + moved)[0]


def test_partial_derivatives_are_no_gradient():
    def f(x):
        return x[0] ** 2 * x[1] / (x @ x) if np.any(x) else 0.0

    end = minimize(f, [0.0, 0.0])
    assert (end.nit, end.stop_reason) == (0, "stationary")
    assert_allclose(end.jac, 0, atol=1e-12)
    d = np.array([1.0, -1.0]) / np.sqrt(2)
    for h in (1e-2, 1e-6):  # and yet it falls, as steeply however near
        assert_allclose(f(h * d) / h, -1 / np.sqrt(8))


def test_the_line_to_zero():
    for n in (1, 7, 400):
        i = np.arange(n)
        assert_allclose(Linear(horizon=n, end=0)(i), 1 - i / n, atol=1e-15)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_steps_along_a_slope_grow_by_one_over_one_minus_lambda(momentum):
    slope, t = np.array([3.0, 4.0]), np.arange(1, 201)
    given = {"learning_rate": 0.1, "momentum": momentum, "max_iter": 200}
    path = minimize(lambda x: (slope @ x, slope), [0, 0], tol=0, **given).trajectory
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    # differences of points that are up to 1e3 from 0 lose some digits
    assert_allclose(lengths, 0.5 * (1 - momentum**t) / (1 - momentum), rtol=1e-11)


def test_momentum_rolls_through_a_hollow():
    def bumpy(x):
        return 0.1 * x[0] ** 2 - np.cos(3 * x[0]) / 6, 0.2 * x + np.sin(3 * x) / 2

    ends = [
        minimize(bumpy, [4.0], learning_rate=0.05, momentum=momentum)
        for momentum in (0.0, 0.9)
    ]
    assert [end.kind for end in ends] == ["minimum", "minimum"]
    assert ends[0].x[0] > 1  # the hollow on the way
    assert_allclose(ends[1].x, 0, atol=1e-5)  # the lowest of all


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_momentum_unrolled(momentum):
    # Step i gets the unit vector e_i: entry i of the end is the weight of gradient i.
    T, rate, units = 25, 0.1, iter(np.eye(26))
    given = {"learning_rate": rate, "momentum": momentum, "max_iter": T, "tol": 0}
    end = minimize(lambda x: 0.0, np.zeros(26), grad=lambda x: next(units), **given)
    age = T - np.arange(T)  # t + 1 - i
    want = -rate * (1 - momentum**age) / (1 - momentum)
    assert_allclose(end.trajectory[-1][:T], want, rtol=1e-13)


def test_a_subgradient_at_the_kink():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    y, penalty = X @ [2.0, 0.0, -1.0, 0.0] + rng.normal(size=60), 0.3
    exact = Lasso(alpha=penalty, fit_intercept=False, tol=1e-12).fit(X, y).coef_
    assert np.sum(exact == 0) == 2
    smooth = objective(X, y, fit_intercept=False)

    def value_and_subgradient(w):
        value, g = smooth.value_and_gradient(w[None])
        return value + penalty * np.abs(w).sum(), g[0] + penalty * np.sign(w)

    w, step, best = np.zeros(4), SGD().start(4), np.inf
    for rate in 0.2 * InverseScaling(0.5)(np.arange(4000)):
        value, g = value_and_subgradient(w)
        best = min(best, value)
        step(w, g, rate)
    lowest = value_and_subgradient(exact)[0]
    assert lowest <= best < lowest + 1e-4
    assert np.all(w != 0)  # it comes near the kink from both sides, and never stays


@pytest.mark.parametrize("m", [1, 2, 5, 8])
def test_the_error_of_a_batch(m):
    p = draw("logistic", n=8, d=3, weighted=False, subset=False)
    f, W = p.kernel(), np.full((1, 4), 0.3)
    whole = f.value_and_gradient(W)[1]

    def squares(size):
        batches = [np.array(rows) for rows in combinations(range(8), size)]
        return np.mean(
            [np.sum((f.value_and_gradient(W, b)[1] - whole) ** 2) for b in batches]
        )

    variance = squares(1) * 8 / 7  # of rows drawn without going back
    assert_allclose(squares(m), variance * (1 - m / 8) / m, atol=1e-14)


def test_a_batch_reads_its_rows_only():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(1000, 5)), rng.normal(size=1000)
    f, W, batch = objective(X, y), rng.normal(size=(1, 6)), np.array([3, 500, 999])
    value, g = f.value_and_gradient(W, batch)
    X[np.setdiff1d(np.arange(1000), batch)] = np.nan  # f holds X itself, not a copy
    again = f.value_and_gradient(W, batch)
    assert again[0] == value
    assert_array_equal(again[1], g)
    assert np.isnan(f.value_and_gradient(W)[0])
