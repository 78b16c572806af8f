"""The documented objectives and their minimisers in float64, by NumPy alone.

f(W, b) = (1/S) sum_i s_i l(y_i, W x_i + b) + 1/2 sum_k lambda_k |W_k|^2, with W of shape
(outputs, features) as in `coef_`. Nothing here is the package's own way to compute it:
least squares by an SVD, the others by Newton's method on standardised columns.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp


class NoOptimum(Exception):
    """The problem is too nearly singular for this oracle."""


@dataclass
class Optimum:
    """The minimum f*, f at W = 0 and the best constant, and the minimiser."""

    best: float
    start: float
    coef: np.ndarray
    intercept: np.ndarray

    def excess(self, value):
        """Return (f - f*) / (f0 - f*)."""
        return (value - self.best) / (self.start - self.best)


def one_hot(y):
    return (y[:, None] == np.unique(y)).astype(float)


def weights_of(weight, n):
    return np.ones(n) if weight is None else np.asarray(weight, float)


def scores(X, coef, intercept):
    return np.asarray(X, float) @ np.atleast_2d(coef).T + np.ravel(intercept)


def penalty_of(coef, penalty):
    coef = np.atleast_2d(coef)
    return 0.5 * np.sum(np.broadcast_to(penalty, len(coef)) * np.sum(coef**2, axis=1))


def squared_objective(X, y, coef, intercept, penalty=0.0, weight=None):
    """Return 1/(2S) sum s |y - Wx - b|^2 + penalty."""
    s = weights_of(weight, len(y))
    wrong = scores(X, coef, intercept) - np.reshape(y, (len(y), -1))
    return 0.5 * s @ np.sum(wrong**2, axis=1) / s.sum() + penalty_of(coef, penalty)


def log_loss_objective(X, y, coef, intercept, penalty=0.0, weight=None):
    """Return (1/S) sum s log-loss + penalty: one row of W for two classes, else K."""
    s = weights_of(weight, len(y))
    Z = scores(X, coef, intercept)
    if Z.shape[1] == 1:  # softmax of (0, z) is the logistic function of z
        Z = np.hstack([np.zeros_like(Z), Z])
    own = one_hot(y) > 0
    others = np.where(own, -np.inf, Z - Z[own][:, None])
    loss = np.logaddexp(0.0, logsumexp(others, axis=1))  # small ones keep their digits
    return s @ loss / s.sum() + penalty_of(coef, penalty)


def standardise(X, s, fit_intercept=True, penalty=0.0):
    """Return ((X - mean) / scale, mean, scale); scale^2 is the variance and the penalty.

    A constant column becomes 0, and has the scale 1 without a penalty.
    """
    X = np.array(X, float)
    share = s / s.sum()
    mean = np.zeros(X.shape[1])
    if fit_intercept:
        first = X[0].copy()  # so far from zero, a difference keeps its digits
        X -= first
        off = share @ X
        X -= off
        mean = first + off
    square = share @ X**2
    constant = square <= 1e-26 * mean**2
    X[:, constant] = square[constant] = 0
    scale = np.sqrt(square + penalty)
    scale[scale == 0] = 1
    X /= scale
    return X, mean, scale


def least_squares(X, y, penalty=0.0, weight=None, fit_intercept=True):
    """Minimise the squared objective by an SVD of the (augmented) matrix."""
    s = weights_of(weight, len(y))
    Y = np.reshape(y, (len(y), -1)).astype(float)
    U, mean, scale = standardise(X, s, fit_intercept, np.max(penalty))
    centre = s @ Y / s.sum() if fit_intercept else np.zeros(Y.shape[1])
    root = np.sqrt(s / s.sum())[:, None]
    coef = np.empty((Y.shape[1], X.shape[1]))
    for k, lam in enumerate(np.broadcast_to(penalty, Y.shape[1])):
        A = np.vstack([root * U, np.diag(np.sqrt(lam) / scale)]) if lam else root * U
        b = root[:, 0] * (Y[:, k] - centre[k])
        b = np.concatenate([b, np.zeros(len(A) - len(b))])
        coef[k] = np.linalg.lstsq(A, b, rcond=1e-13)[0] / scale
    intercept = centre - coef @ mean
    return Optimum(
        squared_objective(X, Y, coef, intercept, penalty, weight),
        squared_objective(X, Y, 0 * coef, centre, 0.0, weight),
        coef,
        intercept,
    )


def newton(X, y, penalty, weight=None, fit_intercept=True, accuracy=1e-11):
    """Minimise the log-loss objective by damped Newton steps, b unpenalised."""
    s = weights_of(weight, len(y))
    share = s / s.sum()
    T = one_hot(y)[:, 1:] if len(np.unique(y)) == 2 else one_hot(y)
    K = T.shape[1]
    U, mean, scale = standardise(X, s, fit_intercept, penalty)
    if fit_intercept:
        U = np.hstack([U, np.ones((len(U), 1))])
    d = U.shape[1]
    ridge = np.zeros((K, d))
    ridge[:, : len(scale)] = penalty / scale**2
    # Adding a constant to all scores changes no softmax: the sum of b is pinned to 0.
    pin = np.zeros((K, d, K, d))
    if fit_intercept and K > 1:
        pin[:, -1, :, -1] = 1.0

    def model(V):
        Z = U @ V.T
        if K == 1:
            loss = np.logaddexp(0, Z[:, 0]) - T[:, 0] * Z[:, 0]
            P = np.exp(-np.logaddexp(0, -Z))
        else:
            top = Z.max(axis=1, keepdims=True)
            E = np.exp(Z - top)
            total = E.sum(axis=1, keepdims=True)
            P = E / total
            loss = (top + np.log(total))[:, 0] - np.sum(T * Z, axis=1)
        return share @ loss + 0.5 * np.sum(ridge * V**2), P

    V = np.zeros((K, d))
    if fit_intercept:
        rate = share @ T
        V[:, -1] = np.log(rate / (1 - rate)) if K == 1 else np.log(rate)
    start = value = model(V)[0]
    P = model(V)[1]
    for _ in range(100):
        G = (share[:, None] * (P - T)).T @ U + ridge * V
        H = pin.copy()
        for begin in range(0, len(U), 2048):  # rows that stay in the cache
            part = slice(begin, begin + 2048)
            for j in range(K):
                for k in range(j + 1):
                    curve = share[part] * P[part, j] * ((j == k) - P[part, k])
                    H[j, :, k] += (U[part] * curve[:, None]).T @ U[part]
        for j in range(K):
            H[:j, :, j] = H[j, :, :j].transpose(1, 0, 2)
        H = H.reshape(K * d, K * d) + np.diag(ridge.ravel())
        unit = 1 / np.sqrt(np.where(np.diag(H) > 0, np.diag(H), 1))
        equilibrated = unit[:, None] * H * unit
        move = unit * np.linalg.lstsq(equilibrated, -unit * G.ravel(), rcond=None)[0]
        move = move.reshape(K, d)
        decrement = -np.sum(G * move)
        if decrement <= max(accuracy * (start - value), 1e-14 * start):
            break
        rate = 1.0
        while model(V + rate * move)[0] > value - 1e-4 * rate * decrement and rate > 1e-10:
            rate /= 2
        if rate <= 1e-10:  # rounding ends it
            break
        V = V + rate * move
        value, P = model(V)
    if not decrement <= 1e-10 * start:
        raise NoOptimum("Newton's method did not converge")
    coef = V[:, : len(scale)] / scale
    intercept = V[:, -1] - coef @ mean if fit_intercept else np.zeros(K)
    best = log_loss_objective(X, y, coef, intercept, penalty, weight)
    return Optimum(best, start, coef, intercept)
