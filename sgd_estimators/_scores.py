"""What the losses make of scores Z held as an array, a row for each row of the data."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, rel_entr, softmax

from ._kernels.losses import Logistic, Loss, Softmax
from ._kernels.objective import Objective

Array = NDArray[np.float64]

MORE = 0.1  # of the mean curvature of the rows


def means(loss: Loss, Z: Array) -> Array:
    """Return the predicted means of the targets: of a softmax, of each class."""
    if isinstance(loss, Logistic):
        return np.asarray(expit(Z))
    return np.asarray(softmax(Z, axis=1)) if isinstance(loss, Softmax) else Z


def bends(loss: Loss, p: Array, s: Array) -> Array:
    """Return the curvature of the loss on each row, of weights s and means p.

    That of softmax is the classes' mean one. Rows that hardly bend get a little more then:
    a step may change that.
    """
    if not isinstance(loss, Logistic | Softmax):
        return np.ones(len(p))
    h = np.mean(p * (1 - p), axis=1)
    return np.asarray(h + MORE * (s @ h) / s.sum() if isinstance(loss, Softmax) else h)


def turned(loss: Loss, Z: Array, rise: Array) -> Array | None:
    """Return the means at Z + rise to first order; None where they are no means."""
    p = means(loss, Z)
    if isinstance(loss, Logistic):
        turn = (1 - p) * rise
        q = p + p * turn
        fits = np.all((turn >= -1) & (q <= 1))
    else:
        turn = rise - np.sum(p * rise, axis=1, keepdims=True)
        q = p + p * turn
        fits = np.all(turn >= -1)
    return q if fits else None


def apart(s: Array, Z: Array, q: Array) -> float:
    """Return the sum of s_i times the divergence of q_i from the means at Z."""
    if q.shape[1] == 1:
        q, Z = np.hstack([1 - q, q]), np.hstack([np.zeros_like(Z), Z])
    return float(s @ np.sum(rel_entr(q, 1.0) - q * log_softmax(Z, axis=1), axis=1))


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
