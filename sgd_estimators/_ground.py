"""The highest dual that is known, and how conjugate gradients find a high one.

f* is at least the dual at any feasible point, not only at the last iterate's.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ._certificates import Certificate
from ._kernels.losses import Squared
from ._scores import apart, turned

Array = NDArray[np.float64]

APART, LEFT = 0.5, 0.1  # of a bound that is small enough: its two parts


class Smoothed:
    """A step between those of conjugate gradients at which a quadratic's dual is high.

    With the gradient g at a step, the quadratic is nowhere less than its value there less
    1/2 g' L^-1 g, where L is the penalty. The gradients of conjugate gradients leap up and
    down; each step is met where that is highest on the line to it: residual smoothing
    (Zhou & Walker 1994), for the dual.

    Parameters
    ----------
    curvature : ndarray of shape (n_outputs, n_columns)
        The penalty L; of an intercept, about the quadratic's own.
    S, R : ndarray of shape (n_outputs, n_columns)
        A step and the gradient there.
    value : ndarray of shape (n_outputs, 1) or (1, 1)
        The quadratic there, of each output or of all.
    """

    def __init__(self, curvature: Array, S: Array, R: Array, value: Array) -> None:
        self.S, self.value = S, value
        self._curvature, self._R = curvature, R

    def _dot(self, U: Array, V: Array) -> Array:
        axis = 1 if len(self.value) > 1 else None
        return np.asarray(np.sum(U * V, axis=axis, keepdims=True))

    def meet(self, S: Array, R: Array) -> None:
        """Go to where the dual is highest on the line to another step."""
        move, turn = S - self.S, R - self._R
        off = turn / self._curvature
        rise, bent = self._dot(move, self._R), self._dot(move, turn)
        slope, bend = rise - self._dot(off, self._R), self._dot(off, turn) - bent
        rate = np.where(bend > 0, slope, 1.0) / np.where(bend > 0, bend, 1.0)
        self.value = self.value + rate * (rise + 0.5 * rate * bent)
        self.S, self._R = self.S + rate * move, self._R + rate * turn

    @property
    def dual(self) -> float:
        """The dual there: where an intercept is off, about."""
        off = self._dot(self._R, self._R / self._curvature)
        return float(np.sum(self.value - 0.5 * off))


class Ground:
    """The highest dual that is known: f* is at least that.

    A dual point of the logistic loss and softmax are the means that a step S from W
    predicts to first order. Where S solves Newton's system, W + S is optimal for them: what
    S leaves of the gradient is all that is off, beside the distance from them to the means
    at W + S, which is of the fourth order.

    Parameters
    ----------
    certificate : Certificate
    wanted : callable
        How near f* is near enough, by the value of f.
    """

    def __init__(self, certificate: Certificate, wanted: Callable[[float], float]) -> None:
        self.certificate, self.wanted = certificate, wanted
        f = certificate.f
        squared = isinstance(f.loss, Squared)
        self.height = np.full(f.n_outputs if squared else 1, -math.inf)  # of each, or of f

    def near(self, value: float, Z: Array, rise: Array) -> bool:
        """Return whether a step would do, if it were exact, that adds `rise` to scores."""
        certificate = self.certificate
        q = turned(certificate.f.loss, Z, rise)
        if q is None:
            return False
        return apart(certificate.share, Z + rise, q) <= APART * self.wanted(value)

    def solved(self, value: float, left: float) -> bool:
        """Return whether what is `left` of a quadratic is next to nothing."""
        return left <= LEFT * self.wanted(value)

    def lift(self, W: Array, Z: Array, rise: Array) -> None:
        """Learn the dual of the step that led to W and added `rise` to the scores Z."""
        q = turned(self.certificate.f.loss, Z, rise)
        if q is not None:
            dual = self.certificate.dual(W, Z + rise, q)
            self.height = np.fmax(self.height, dual)

    def meet(self, W: Array) -> tuple[Array, Array]:
        """Return each output of a squared loss at W and its gap, by a pass; learn of it."""
        f, certificate = self.certificate.f, self.certificate
        G = f.value_and_gradient(W)[1]
        value = f.losses + 0.5 * np.sum(f.penalty * W**2, axis=1)
        gap, _ = certificate.bound(W, value, G)
        above = np.maximum(value - self.height, 0.0) + certificate.noise(W, value)
        self.height = np.fmax(self.height, value - gap)
        return value, np.minimum(np.minimum(gap, above), value)  # no loss is negative
