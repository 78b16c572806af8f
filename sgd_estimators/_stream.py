"""Rows that come in parts: what a run has seen of them, and what it makes of a new part."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils import assert_all_finite

from ._kernels.checksum import checksum
from ._kernels.objective import Objective

Array = NDArray[np.float64]
Metric = tuple[Array, Array]


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


def seen(f: Objective, preconditioner: str | None) -> Seen:
    """Return what f's rows add to a stream, if they are finite."""
    if preconditioner is None:
        return Seen(f.n_active, f.total_weight, None)
    mean, square = f.rows.moments(f.indices, f.weight, f.n_jobs)
    if not np.isfinite(square).all():
        assert_all_finite(f.rows.X, input_name="X")
        raise ValueError(
            "X must have columns whose squares are numbers, got entries up to "
            f"{abs(f.rows.X).max():.3g}: divide such columns by a power of ten"
        )
    return Seen(f.n_active, f.total_weight, (mean, square))


def digest(X: Any, y: Array, weight: Array | None) -> bytes:
    """Return what tells these rows from others."""
    state = 0
    parts = (X.data, X.indices, X.indptr) if sp.issparse(X) else (X,)
    for part in (*parts, y, *(() if weight is None else (weight,))):
        state = checksum(part, state)
    return state.to_bytes(8, "little")


def differs(new: Metric, old: Metric) -> bool:
    """Return whether a column's centre or scale is more than 10 % off."""
    shift, ratio = np.abs(new[0] - old[0]) / new[1], new[1] / old[1]
    return bool(np.any((shift > 0.1) | (ratio > 1.1) | (ratio < 1 / 1.1)))
