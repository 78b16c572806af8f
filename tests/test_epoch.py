"""run_epoch against the same loop in NumPy, over the rows of a twin order."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from oracle import LOSSES, ROUNDING, STORAGES, draw
from sgd_estimators._kernels.epoch import run_epoch
from sgd_estimators._kernels.order import Order
from sgd_estimators._kernels.steps import PythonStep, SGDStep

EPOCHS = 3


def rates(order, size):
    """Return a rate for each batch, falling."""
    return 0.05 / np.arange(1.0, 1 + -(-order.n // size))


def loop(p, W, order, size, momentum, nesterov):
    """Yield the mean loss of each epoch of SGD on W."""
    v = np.zeros_like(W)
    for number in range(EPOCHS):
        order.shuffle(0, number, size)
        total = 0.0
        for rate in rates(order, size):
            batch = order.take(size)
            value, g = p.value_and_gradient(W, batch)
            v[...] = momentum * v - rate * g
            W += momentum * v - rate * g if nesterov else v
            total += value * len(batch) / order.n
        yield total


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("size", [1, 8, 100, 700])  # 100 leaves a shorter last batch
@pytest.mark.parametrize(
    ("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)]
)
def test_sgd_is_the_loop(loss, storage, size, momentum, nesterov):
    p = draw(loss, n=330)
    f = p.kernel(storage)
    order, twin = (Order(f.n_active, p.active, 32, 2) for _ in range(2))
    step = SGDStep(f.n_params, momentum, nesterov)
    W, want = p.W.copy(), p.W.copy()
    for number, expected in enumerate(loop(p, want, twin, size, momentum, nesterov)):
        order.shuffle(0, number, size)
        total = run_epoch(f, step, W, order, size, rates(order, size))
        assert_allclose(total, expected, rtol=ROUNDING)
    assert_allclose(W, want, rtol=0, atol=ROUNDING)


def test_more_rows_than_fit_in_a_buffer():
    p = draw("squared", n=12000, d=3)
    f = p.kernel()
    for size in (33, 5000):
        order, twin = (Order(f.n_active, p.active, 32, 16) for _ in range(2))
        W, want = p.W.copy(), p.W.copy()
        step = SGDStep(f.n_params)
        for number, expected in enumerate(loop(p, want, twin, size, 0.0, False)):
            order.shuffle(0, number, size)
            total = run_epoch(f, step, W, order, size, rates(order, size))
            assert_allclose(total, expected, rtol=ROUNDING)
        assert_allclose(W, want, rtol=0, atol=ROUNDING)


def test_one_batch_of_all_rows_is_gradient_descent():
    p = draw("logistic")
    f = p.kernel()
    W = p.W.copy()
    order = Order(f.n_active, p.active)
    total = run_epoch(f, SGDStep(f.n_params), W, order, f.n_active, np.array([0.5]))
    value, gradient = f.value_and_gradient(p.W)
    assert_allclose(total, value, rtol=ROUNDING)
    assert_allclose(W, p.W - 0.5 * gradient, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e200])
def test_a_loss_that_is_not_finite_ends_the_epoch(storage, bad):
    p = draw("squared", subset=False)
    p.y[25] = bad  # in the third batch of ten
    f = p.kernel(storage)
    steps = []
    move = PythonStep(lambda x, g, rate: steps.append(rate))
    W = p.W.copy()
    total = run_epoch(f, move, W, Order(43), 10, np.arange(1.0, 6.0))
    assert not np.isfinite(total)
    assert steps == [1.0, 2.0]
    assert_array_equal(W, p.W)


def test_a_diverging_run_ends():
    p = draw("squared", n=330)
    f = p.kernel()
    order = Order(f.n_active, p.active)
    W = p.W.copy()
    huge = np.full(order.n, 1e10)
    assert not np.isfinite(run_epoch(f, SGDStep(f.n_params), W, order, 1, huge))


def test_an_exception_of_the_step_comes_through():
    def step(x, g, rate):
        if rate == 3.0:
            raise KeyError("third")
        x -= 1.0

    p = draw("logistic")
    f = p.kernel()
    W = p.W.copy()
    order = Order(f.n_active, p.active)
    with pytest.raises(KeyError, match="third"):
        run_epoch(f, PythonStep(step), W, order, 1, np.arange(1.0, order.n + 1))
    assert_allclose(W, p.W - 2.0, rtol=0, atol=ROUNDING)


def test_the_step_sees_the_gradient_of_its_batch():
    seen = []
    p = draw("softmax x 4")
    f = p.kernel()
    order, twin = (Order(f.n_active, p.active, 4, 2) for _ in range(2))
    order.shuffle(0, 0, 7)
    twin.shuffle(0, 0, 7)
    move = PythonStep(lambda x, g, rate: seen.append(g.copy()))
    run_epoch(f, move, p.W.copy(), order, 7, rates(order, 7))
    for g in seen:
        want = f.value_and_gradient(p.W, twin.take(7))[1]
        assert_allclose(g, want.ravel(), rtol=0, atol=ROUNDING)
    assert len(seen) == -(-order.n // 7)
