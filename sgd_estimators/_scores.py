"""What the losses make of scores Z held as an array, a row for each row of the data."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from ._kernels.losses import Logistic, Loss, Softmax
from ._kernels.objective import Objective

Array = NDArray[np.float64]


def means(loss: Loss, Z: Array) -> Array:
    """Return the predicted means of the targets: of a softmax, of each class."""
    if isinstance(loss, Logistic):
        return np.asarray(expit(Z))
    return np.asarray(softmax(Z, axis=1)) if isinstance(loss, Softmax) else Z


def level(f: Objective, Z: Array) -> Array:
    """Return what takes the intercepts to their best values, by Newton's method."""
    own = np.ones(f.n_active) if f.weight is None else f.take(f.weight)
    s = own / f.total_weight
    y = f.take(f.y)
    if isinstance(f.loss, Softmax):
        share = np.bincount(y[:, 0].astype(np.intp), s, f.n_outputs)
    else:
        share = s @ y
    b = np.zeros(f.n_outputs)
    for _ in range(20):
        p = means(f.loss, Z + b)
        g = s @ p - share
        if isinstance(f.loss, Softmax):
            H = np.diag(s @ p) - (p.T * s) @ p
        else:
            H = np.diag(s @ (p * (1 - p)))
        move = np.linalg.lstsq(H, g, rcond=None)[0]
        b -= move / max(1.0, np.abs(move).max())  # l'' is known nearby only
        if np.abs(g).max() <= 1e-12:
            break
    return b
