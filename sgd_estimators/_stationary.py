"""Which kind a stationary point is, by the eigenvalues of the Hessian."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DIFFERENCES = 100  # parameters up to which the Hessian is taken by differences
EPS = float(np.finfo(float).eps)


class Evaluated(Protocol):
    """A function by its value and, where it is known exactly, its gradient."""

    paired: bool
    grad: Callable[..., Any] | None

    def value(self, x: Array) -> float:
        """Return f(x)."""

    def both(self, x: Array) -> tuple[float, Array]:
        """Return f(x) and its gradient."""


def hessian(
    f: Evaluated, x: Array, hess: Callable[..., Any] | None = None
) -> tuple[Array, float]:
    """Return the Hessian at x, and up to where an eigenvalue may be 0.

    By `hess`, by central differences of the gradient, or of f where it has none.
    """
    if hess is not None:
        given: Array = np.asarray(hess(x.copy()), np.float64)
        if given.shape != (x.size, x.size):
            raise ValueError(
                f"hess must return an array of shape {(x.size, x.size)}, got {given.shape}"
            )
        return given, 1e-10 * float(np.max(np.abs(given)))
    scale, unit = np.maximum(1.0, np.abs(x)), np.eye(x.size)
    H: Array
    if f.paired or f.grad is not None:
        steps = np.cbrt(EPS) * scale[:, None] * unit
        rows = [(f.both(x + h)[1] - f.both(x - h)[1]) / (2 * h.sum()) for h in steps]
        H, error = np.array(rows), 1e-6
    else:
        steps, here = EPS**0.25 * scale[:, None] * unit, f.value(x)
        H, error = np.zeros((x.size, x.size)), 1e-4
        for i, h in enumerate(steps):
            H[i, i] = (f.value(x + h) - 2 * here + f.value(x - h)) / h.sum() ** 2
            for j, k in enumerate(steps[:i]):
                mixed = f.value(x + h + k) - f.value(x + h - k)
                mixed -= f.value(x - h + k) - f.value(x - h - k)
                H[i, j] = H[j, i] = mixed / (4 * h.sum() * k.sum())
    return H, error * max(1.0, float(np.max(np.abs(H))))


def kind_of(H: Array, zero: float) -> tuple[str, Array | None]:
    """Return the kind of a stationary point, and the eigenvalues of its Hessian."""
    if not np.isfinite(H).all():
        return "unknown", None
    eigenvalues = np.asarray(np.linalg.eigvalsh((H + H.T) / 2), np.float64)
    if eigenvalues[0] > zero:
        return "minimum", eigenvalues
    if eigenvalues[-1] < -zero:
        return "maximum", eigenvalues
    if eigenvalues[0] < -zero and eigenvalues[-1] > zero:
        return "saddle", eigenvalues
    return "degenerate", eigenvalues
