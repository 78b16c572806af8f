"""Rows that come in parts: what a run has seen of them, and what it makes of a new part."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import expit, logit, softmax
from sklearn.utils import assert_all_finite

from ._kernels.checksum import checksum
from ._kernels.losses import Logistic, Softmax
from ._kernels.objective import Objective
from ._kernels.rows import span

Array = NDArray[np.float64]
Metric = tuple[Array, Array]

BLOCK = 1 << 16  # rows that a sum over targets takes at a time

ENOUGH = 200  # rows that a judgement takes
CHANCE = 5.0  # by which a loss may be off over the root of the rows, relative


@dataclass
class Seen:
    """The rows of a run: their weight, and the means and variances of their columns."""

    n_rows: int
    total: float
    moments: tuple[Array, Array] | None  # None in the plain metric
    classes: Array | None = None  # the weight of each, where it must be known

    def merged(self, new: "Seen") -> "Seen":
        """Return the moments of these rows and new ones (Chan et al. 1983)."""
        n_rows, total = self.n_rows + new.n_rows, self.total + new.total
        if self.moments is None or new.moments is None:
            return Seen(n_rows, total, new.moments)
        (mean, square), (new_mean, new_square) = self.moments, new.moments
        share, shift = new.total / total, new_mean - mean
        between = share * (1 - share) * shift**2
        inside = (1 - share) * square + share * new_square
        return Seen(n_rows, total, (mean + share * shift, inside + between))


def out_of_range(X: Any) -> ValueError:
    """Return what to say of columns whose squares are beyond the range of floats."""
    return ValueError(
        "X must have columns whose squares are numbers, got entries up to "
        f"{abs(X).max():.3g}: divide such columns by a power of ten"
    )


def seen(f: Objective, preconditioner: str | None) -> Seen:
    """Return what f's rows add to a stream, if they are finite."""
    if preconditioner is None:
        return Seen(f.n_active, f.total_weight, None)
    mean, square = f.rows.moments(f.indices, f.weight, f.n_jobs)
    if not np.isfinite(square).all():
        assert_all_finite(f.rows.X, input_name="X")
        raise out_of_range(f.rows.X)
    return Seen(f.n_active, f.total_weight, (mean, square))


def digest(X: Any, y: Array, weight: Array | None) -> bytes:
    """Return what tells these rows from others."""
    state = 0
    parts = (X.data, X.indices, X.indptr) if sp.issparse(X) else (X,)
    for part in (*parts, y, *(() if weight is None else (weight,))):
        state = checksum(part, state)
    return state.to_bytes(8, "little")


def followed(new: Metric, old: Metric) -> Metric:
    """Return the metric to go on in: new where a column is more than 10 % off, else old."""
    shift, ratio = np.abs(new[0] - old[0]) / new[1], new[1] / old[1]
    off = (shift > 0.1) | (ratio > 1.1) | (ratio < 1 / 1.1)
    if not off.any():
        return old
    return np.where(off, new[0], old[0]), np.where(off, new[1], old[1])


def constant(f: Objective, before: Array, now: Array, share: float) -> Array:
    """Return W of the best constant of all rows: of those before, and a share of new."""
    if not f.rows.fit_intercept:
        return before
    found, old, new = before.copy(), before[:, -1], now[:, -1]
    if isinstance(f.loss, Logistic):
        mixed = (1 - share) * expit(old) + share * expit(new)
        found[:, -1] = logit(np.clip(mixed, 1e-12, 1 - 1e-12))
    elif isinstance(f.loss, Softmax):
        mixed = (1 - share) * softmax(old) + share * softmax(new)
        found[:, -1] = np.log(np.maximum(mixed, 1e-300))
    else:
        found[:, -1] = (1 - share) * old + share * new
    return found


def value_of_constant(f: Objective, W: Array) -> float:
    """Return f at constant scores, the intercepts of W: it asks for no look at X."""
    scores = W[:, -1] if f.rows.fit_intercept else np.zeros(f.n_outputs)
    total, size = 0.0, min(f.n_active, BLOCK)
    ones = np.ones(size)
    for begin in range(0, f.n_active, size):
        part = span(f.indices[begin : begin + size])
        y = f.y[part]
        weight = ones[: len(y)] if f.weight is None else f.weight[part]
        Z = np.empty((len(y), f.n_outputs))
        Z[:] = scores
        total += float(f.loss.slopes(y, weight, Z))
    return total / f.total_weight


@dataclass
class Watch:
    """Losses of rows before they were used, and what a constant had lost on them.

    A constant is the best one of the rows before. Rows count less the longer ago they
    were, as many as a third of all so far.
    """

    rows: float = 0.0
    loss: float = 0.0
    constant: float = 0.0

    def see(self, n_rows: int, loss: float, constant: float, n_seen: int) -> None:
        """Add the mean losses of new rows."""
        left = float(np.exp(-3 * n_rows / n_seen))
        self.rows = left * self.rows + n_rows
        self.loss = left * self.loss + n_rows * loss
        self.constant = left * self.constant + n_rows * constant

    @property
    def in_vain(self) -> bool:
        """Whether the rows have shown that the constant would have been better."""
        worse = 1 + CHANCE / max(self.rows, 1.0) ** 0.5
        return self.rows >= ENOUGH and self.loss > worse * self.constant
