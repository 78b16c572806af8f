"""f* by Newton's method in float64, with NumPy and SciPy alone, and a bound on its error.

The steps solve H V = -G by conjugate gradients, preconditioned by a Cholesky factor of H,
which is made anew where it has aged, or by H's diagonal where there are more than DENSE
parameters. As b is free and f is strongly convex in W, f - f* <= |dL/dW + lambda W|^2 /
(2 lambda), the Fenchel gap at the loss's gradient; it is at most GAP (f0 - f*).
"""

import json
from functools import partial

import numpy as np
import scipy.sparse as sp
from problems import constant, objective, task
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, softmax

GAP = 1e-10
DENSE = 8_000  # parameters up to which H is formed
STALE = 100  # products by H from which its factor of earlier is made anew
CHUNK = 4_000  # rows of a product


def optimum(X, y, alpha, cache=None):
    """Return a dict of f0, f* and the gap; from the file `cache` where there is one."""
    if cache and cache.exists():
        return json.loads(cache.read_text())
    coef, intercept, gap = newton(X, y, alpha)
    zero = np.zeros_like(coef)
    found = {
        "start": float(objective(X, y, zero, constant(y), alpha)),
        "best": float(objective(X, y, coef, intercept, alpha)),
        "gap": float(gap),
    }
    if cache:
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(json.dumps(found))
    return found


def newton(X, y, alpha):
    """Return the minimiser, W and b, and the gap there."""
    U, mean, scale = well_scaled(X)
    n, d = X.shape
    ridge = np.append(alpha / n / scale**2, 0.0)
    T = (np.arange(y.max() + 1) == y[:, None]).astype(float) if task(y) == "softmax" else y
    T = T.reshape(n, -1)
    V = np.zeros((T.shape[1], d + 1))
    V[:, -1] = constant(y)
    value, R, bend = model(U @ V.T, T, task(y))
    value = start = value + 0.5 * np.sum(ridge * V**2)
    count = STALE
    for _ in range(200):
        G = (U.T @ R).T / n + ridge * V
        curve = np.column_stack([bend(e)[:, k] for k, e in units(R.shape)])
        diagonal = (power(U).T @ curve).T / n + ridge
        gap = 0.5 * np.sum(G[:, :-1] ** 2 / ridge[:-1]) + np.sum(
            G[:, -1] ** 2 / diagonal[:, -1]
        )
        if gap <= GAP * (start - value):
            break
        if V.size > DENSE:
            precondition = partial(np.multiply, 1 / diagonal)
        elif count >= STALE:
            precondition = factor(U, bend, ridge, diagonal)
        move, count = solve(U, bend, ridge, G, precondition, task(y) == "ridge")
        slope, rate = np.sum(G * move), 1.0
        while True:
            trial = V + rate * move
            at, R, bend = model(U @ trial.T, T, task(y))
            at += 0.5 * np.sum(ridge * trial**2)
            if at <= value + 1e-4 * rate * slope + 1e-14 * start:
                break
            rate /= 2
            if rate < 1e-10:
                raise ArithmeticError(f"no descent along Newton's direction, gap {gap:.1e}")
        V, value = trial, at
    coef = V[:, :-1] / scale
    return coef, V[:, -1] - coef @ mean, gap


def well_scaled(X):
    """Return the columns in float64, centred where X is dense, scaled, and one of ones."""
    if sp.issparse(X):
        U = X.astype(np.float64)
        mean, scale = np.zeros(X.shape[1]), np.sqrt(power(U).mean(axis=0)).A1
        scale[scale == 0] = 1
        U = sp.hstack([U @ sp.diags(1 / scale), np.ones((X.shape[0], 1))], format="csr")
        return U, mean, scale
    U = np.empty((len(X), X.shape[1] + 1))
    U[:, :-1] = X
    U[:, -1] = 1
    mean = U[:, :-1].mean(axis=0)
    U[:, :-1] -= mean
    scale = np.sqrt(np.mean(U[:, :-1] ** 2, axis=0))
    scale[scale <= 1e-10 * np.maximum(1, np.abs(mean))] = 1
    U[:, :-1] /= scale
    return U, mean, scale


def power(U):
    """Return the squares of the entries."""
    return U.multiply(U) if sp.issparse(U) else U**2


def model(Z, T, kind):
    """Return the mean loss, its slopes by Z and the product by its Hessian in Z."""
    if kind == "ridge":
        return 0.5 * np.mean((Z - T) ** 2), Z - T, lambda D: D
    if kind == "logistic":
        P = expit(Z)
        curve = P * (1 - P)
        return np.mean(np.logaddexp(0, Z) - T * Z), P - T, lambda D: curve * D
    P = softmax(Z, axis=1)
    top = Z.max(axis=1)
    loss = np.log(np.exp(Z - top[:, None]).sum(axis=1)) + top - np.sum(T * Z, axis=1)

    def bend(D):
        return P * (D - np.sum(P * D, axis=1, keepdims=True))

    return np.mean(loss), P - T, bend


def units(shape):
    """Yield k and the (n, K) array that is one in its column k."""
    for k in range(shape[1]):
        yield k, np.broadcast_to(np.arange(shape[1]) == k, shape)


def factor(U, bend, ridge, diagonal):
    """Return the product by the inverse of the Hessian, K x K blocks of d x d."""
    (n, d), K = U.shape, len(diagonal)
    H = np.zeros((K, d, K, d))
    for k, unit in units((n, K)):
        for j, curve in enumerate(bend(unit).T[: k + 1, :, None] / n):
            for begin in range(0, n, CHUNK):
                part, c = U[begin : begin + CHUNK], curve[begin : begin + CHUNK]
                weighted = part.multiply(c).tocsr() if sp.issparse(U) else c * part
                H[k, :, j] += part.T @ weighted
    H = H.reshape(K * d, K * d)
    # Softmax leaves a constant of b free.
    H[np.diag_indices_from(H)] += np.tile(ridge, K) + 1e-10 * diagonal.ravel()
    factors = cho_factor(H, lower=True, overwrite_a=True)
    return lambda G: cho_solve(factors, G.ravel()).reshape(G.shape)


def solve(U, bend, ridge, G, precondition, exactly):
    """Return V with H V = -G, and the number of products by H that it took.

    The conjugate gradients' solution is the more exact the smaller G is.
    """
    n = U.shape[0]
    V, R = np.zeros_like(G), -G
    S = precondition(R)
    D, inner = S, np.sum(R * S)
    # The smaller the decrement, the more exact a Newton step deserves to be.
    enough = inner * (1e-20 if exactly else np.clip(inner, 1e-12, 1e-2))
    count = 0
    while count < 10_000:
        count += 1
        HD = (U.T @ bend(U @ D.T)).T / n + ridge * D
        length = inner / np.sum(D * HD)
        V = V + length * D
        R = R - length * HD
        S = precondition(R)
        inner, before = np.sum(R * S), inner
        if not inner > enough:
            break
        D = S + inner / before * D
    return V, count
