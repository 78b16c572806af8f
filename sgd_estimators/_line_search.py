"""Searches along -g: the minimum of f_B, and Wolfe's conditions."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from ._kernels.objective import Objective

Array = NDArray[np.float64]
Along = Callable[[float], float]

HALVINGS = 100
TRIALS = 30
STEEPNESS = 0.9  # of Wolfe's second condition


def along(f: Objective, batch: Any, x: Array, step: Array) -> Along:
    """Return phi(u) = f_B(x - u step), infinite where it is no number."""

    def phi(u: float) -> float:
        value = f.value_on(x - u * step, batch)
        return value if np.isfinite(value) else np.inf

    return phi


def shorten(phi: Along, loss: float, slope: float) -> float:
    """Halve u = 1 until phi(u) < loss - slope u; return 0 where rounding forbids it."""
    for k in range(HALVINGS):
        if phi(0.5**k) < loss - slope * 0.5**k:
            return float(0.5**k)
    return 0.0


class Search:
    """What the searches remember of a run: the rate before, the unit of the next one."""

    def __init__(self) -> None:
        self.before = 0.0

    def __call__(self, f: Objective, batch: Any, x: Array, g: Array, loss: float) -> float:
        """Return the rate."""
        gg = float(g @ g)
        if gg == 0:
            return 0.0
        unit = self.before or 2 * (loss - f.lowest) / gg  # Polyak's
        if not np.isfinite(unit):
            unit = float((1 + np.linalg.norm(x)) / np.sqrt(gg))
        found = unit * self.search(f, batch, x, g, loss, unit * g)
        self.before = found or self.before
        return found

    def search(
        self, f: Objective, batch: Any, x: Array, g: Array, loss: float, step: Array
    ) -> float:
        """Return u for x - u step, about 1."""
        raise NotImplementedError


class Exact(Search):
    """A minimum of f_B along -g, bracketed from the rate before."""

    def search(
        self, f: Objective, batch: Any, x: Array, g: Array, loss: float, step: Array
    ) -> float:
        """Return the minimiser, by Brent's method."""
        phi = along(f, batch, x, step)
        lower = shorten(phi, loss, 0.0)
        if lower == 0:
            return 0.0
        try:
            bracket = optimize.bracket(phi, 0.0, lower)[:3]
            found = optimize.minimize_scalar(phi, bracket=bracket, method="brent")
        except (RuntimeError, ValueError):  # f falls without end
            return lower
        return float(found.x) if found.fun <= phi(lower) else lower


class Wolfe(Search):
    """A step along -g that meets Wolfe's conditions, or the first one alone."""

    def __init__(self, c: float) -> None:
        super().__init__()
        self.c = c

    def search(
        self, f: Objective, batch: Any, x: Array, g: Array, loss: float, step: Array
    ) -> float:
        """Return u: doubled while f_B falls steeply, then by the secant of its slopes."""
        slope = float(step @ g)
        lower, upper, u = (0.0, -1.0), (np.inf, np.nan), 1.0  # with slopes, over that at 0
        for _ in range(TRIALS):
            W = (x - u * step).reshape(f.n_outputs, -1)
            value, G = f.value_and_gradient(W, batch)
            rise = -float(step @ G.ravel()) / slope
            if not (value <= loss - self.c * u * slope and rise <= STEEPNESS):  # or NaN
                upper = (u, rise)
            elif rise < -STEEPNESS:
                lower = (u, rise)
            else:
                return u
            share = lower[1] / (lower[1] - upper[1]) if upper[1] > 0 else 0.5
            inside = lower[0] + min(max(share, 0.1), 0.9) * (upper[0] - lower[0])
            u = min(2 * u, inside)
        return lower[0] or shorten(along(f, batch, x, step), loss, self.c * slope)
