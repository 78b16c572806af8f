"""The update rules in plain NumPy, written from their formulas: the tests' oracle.

Each function takes the hyperparameters and returns ``step(x, g, rate)``, which returns
the next x and keeps the rule's state between calls.
"""

import numpy as np


def sgd(momentum, nesterov):
    v = 0

    def step(x, g, rate):
        nonlocal v
        v = momentum * v - rate * g
        return x + (momentum * v - rate * g if nesterov else v)

    return step


def adagrad(eps):
    gradients = []

    def step(x, g, rate):
        gradients.append(g)
        return x - rate * g / (np.sqrt(np.sum(np.square(gradients), axis=0)) + eps)

    return step


def rmsprop(rho, momentum, centered, eps):
    mean = square = v = 0

    def step(x, g, rate):
        nonlocal mean, square, v
        mean = rho * mean + (1 - rho) * g
        square = rho * square + (1 - rho) * g**2
        root = np.sqrt(square - mean**2 if centered else square)
        v = momentum * v - rate * g / (root + eps)
        return x + v

    return step


def adadelta(rho, eps):
    square = moved = 0

    def step(x, g, rate):
        nonlocal square, moved
        square = rho * square + (1 - rho) * g**2
        delta = np.sqrt(moved + eps) / np.sqrt(square + eps) * g
        moved = rho * moved + (1 - rho) * delta**2
        return x - rate * delta

    return step


def adam(beta1, beta2, eps, amsgrad):
    m = s = largest = t = 0

    def step(x, g, rate):
        nonlocal m, s, largest, t
        t += 1
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g**2
        largest = np.maximum(largest, s) if amsgrad else s
        m_hat = m / (1 - beta1**t)
        s_hat = largest / (1 - beta2**t)
        return x - rate * m_hat / (np.sqrt(s_hat) + eps)

    return step


def nadam(beta1, beta2, eps):
    m = s = t = 0

    def step(x, g, rate):
        nonlocal m, s, t
        t += 1
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g**2
        m_hat = beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)
        s_hat = s / (1 - beta2**t)
        return x - rate * m_hat / (np.sqrt(s_hat) + eps)

    return step


def lion(beta1, beta2):
    m = 0

    def step(x, g, rate):
        nonlocal m
        sign = np.sign(beta1 * m + (1 - beta1) * g)
        m = beta2 * m + (1 - beta2) * g
        return x - rate * sign

    return step


def schedulefree(beta):
    z = mean = None
    rates = []

    def step(y, g, rate):
        nonlocal z, mean
        z, mean = (y, y) if z is None else (z, mean)
        rates.append(rate)
        c = rate**2 / np.sum(np.square(rates))
        z = z - rate * g
        mean = (1 - c) * mean + c * z
        return (1 - beta) * z + beta * mean

    return step


def twin(optimizer):
    """Return the plain NumPy step of an optimizer of the library."""
    rules = (sgd, adagrad, rmsprop, adadelta, adam, nadam, lion, schedulefree)
    (rule,) = (r for r in rules if r.__name__ == type(optimizer).__name__.lower())
    return rule(**optimizer.get_params())


def polyakstep(c, lowest):
    before = np.inf

    def rate(value, x, g, share):
        nonlocal before
        before = min((value(x) - lowest) / (c * g @ g), 2**share * before)
        return before

    return rate


def linesearch(kind, c, factor):
    assert kind == "armijo"  # the others are SciPy's
    c, factor = c or 0.5, factor or 0.9
    before = np.inf

    def rate(value, x, g, share):
        nonlocal before
        before = min(2**share * before, value(x) / (c * g @ g))
        while value(x - before * g) > value(x) - c * before * g @ g:
            before *= factor
        return before

    return rate


def dog(first, eps):
    points, gradients = [], []

    def rate(value, x, g, share):
        points.append(x)
        gradients.append(g)
        far = max(np.linalg.norm(x - points[0]) for x in points)
        far = max(far, first * (1 + np.linalg.norm(points[0])))
        return far / np.sqrt(np.sum(np.square(gradients)) + eps)

    return rate


def rate_twin(rate):
    """Return the plain NumPy form of a rate object: ``(value, x, g, share) -> rate``.

    ``value`` is f_B, and ``share`` the part of the rows that are in B.
    """
    (rule,) = (
        r
        for r in (polyakstep, linesearch, dog)
        if r.__name__ == type(rate).__name__.lower()
    )
    return rule(**rate.get_params())
