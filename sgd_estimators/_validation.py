"""Validation: the rows held out of a fit."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]


def hold_out(
    n: int, active: Any, fraction: float, seed: int, labels: Any = None
) -> tuple[Indices, Indices]:
    """Return (training rows, validation rows), both in order, by class if there are labels.

    Parameters
    ----------
    n : int
        Rows to share out.
    active : ndarray of intp or None
        Their numbers (None: 0 to n - 1).
    fraction : float
        The part held out, in (0, 1).
    seed : int
    labels : ndarray, default=None
        The numbers of these rows' classes; each keeps a row for training.
    """
    rng = np.random.default_rng([seed, 2])
    held = np.zeros(n, bool)
    classes: Any = [None] if labels is None else range(int(labels.max()) + 1)
    before = 0
    for label in classes:
        alike = np.arange(n) if label is None else np.flatnonzero(labels == label)
        after = before + len(alike)  # so that all classes' shares add up
        size = math.ceil(fraction * after) - math.ceil(fraction * before)
        size = max(0, min(size, len(alike) - 1))
        held[rng.choice(alike, size, replace=False, shuffle=False)] = True
        before = after
    n_held = int(held.sum())
    if n_held < 2 or n - n_held < max(2, len(classes)):
        raise ValueError(
            f"validation_fraction={fraction} holds out {n_held} of {n} rows, but a score "
            "needs 2, and a fit the others; change it, or give X_val and y_val"
        )
    train, kept = np.flatnonzero(~held), np.flatnonzero(held)
    return (train, kept) if active is None else (active[train], active[kept])
