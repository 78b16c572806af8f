"""f* by Newton's method in float64, with NumPy and SciPy alone, and a bound on its error.

The steps solve H V = -G by conjugate gradients, preconditioned by the Cholesky factors of
the diagonal blocks of H, one for each class, or by its diagonal where X is wide. As b is
free and f is strongly convex in W, f - f* <= |dL/dW + lambda W|^2 / (2 lambda), the Fenchel
gap at the loss's gradient; it is at most GAP (f0 - f*).
"""

import json

import numpy as np
import scipy.sparse as sp
from problems import constant, objective, task
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, softmax

GAP = 1e-10
WIDE = 2_500  # columns from which the blocks of H are not formed
SAMPLE = 20_000  # rows for the blocks, which are a preconditioner only


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
    value, R, bend, curve = model(U @ V.T, T, task(y))
    value = start = value + 0.5 * np.sum(ridge * V**2)
    for _ in range(200):
        G = (U.T @ R).T / n + ridge * V
        diagonal = (power(U).T @ curve).T / n + ridge
        gap = 0.5 * np.sum(G[:, :-1] ** 2 / ridge[:-1]) + np.sum(
            G[:, -1] ** 2 / diagonal[:, -1]
        )
        if gap <= GAP * (start - value):
            break
        move = solve(
            U, bend, ridge, G, blocks(U, curve, ridge, diagonal), task(y) == "ridge"
        )
        slope, rate = np.sum(G * move), 1.0
        while True:
            trial = V + rate * move
            at, R, bend, curve = model(U @ trial.T, T, task(y))
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
    """Return the mean loss, its slopes by Z, the Hessian's product and diagonal."""
    if kind == "ridge":
        return 0.5 * np.mean((Z - T) ** 2), Z - T, lambda D: D, np.ones_like(Z)
    if kind == "logistic":
        P = expit(Z)
        curve = P * (1 - P)
        return np.mean(np.logaddexp(0, Z) - T * Z), P - T, lambda D: curve * D, curve
    P = softmax(Z, axis=1)
    top = Z.max(axis=1)
    loss = np.log(np.exp(Z - top[:, None]).sum(axis=1)) + top - np.sum(T * Z, axis=1)

    def bend(D):
        return P * (D - np.sum(P * D, axis=1, keepdims=True))

    return np.mean(loss), P - T, bend, P * (1 - P)


def blocks(U, curve, ridge, diagonal):
    """Return a product by an approximate inverse of the Hessian."""
    if U.shape[1] > WIDE:
        return lambda G: G / diagonal
    step = max(1, U.shape[0] // SAMPLE)
    U, curve = U[::step], curve[::step]
    factors = []
    for k, c in enumerate(curve.T):
        weighted = sp.diags(c) @ U if sp.issparse(U) else c[:, None] * U
        H = U.T @ weighted / U.shape[0]
        H = H.toarray() if sp.issparse(U) else H
        # A row that the sample lacks is there by a share of the diagonal.
        H[np.diag_indices_from(H)] += ridge + 1e-6 * diagonal[k]
        factors.append(cho_factor(H))
    return lambda G: np.array([cho_solve(f, g) for f, g in zip(factors, G, strict=True)])


def solve(U, bend, ridge, G, precondition, exactly):
    """Return V with H V = -G, by conjugate gradients, more exactly as G falls."""
    n = U.shape[0]
    V, R = np.zeros_like(G), -G
    S = precondition(R)
    D, inner = S, np.sum(R * S)
    # The smaller the decrement, the more exact a Newton step deserves to be.
    enough = inner * (1e-20 if exactly else np.clip(inner, 1e-12, 1e-2))
    for _ in range(10_000):
        HD = (U.T @ bend(U @ D.T)).T / n + ridge * D
        length = inner / np.sum(D * HD)
        V = V + length * D
        R = R - length * HD
        S = precondition(R)
        inner, before = np.sum(R * S), inner
        if not inner > enough:
            break
        D = S + inner / before * D
    return V
