"""A mini-batch kept in memory as it is seen, with the Hessian of f over it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from ._inverses import ROWS, Blocks, Whole
from ._kernels.losses import Logistic, Softmax
from ._kernels.objective import Objective
from ._scores import losses, means

Array = NDArray[np.float64]

WHOLE = 700  # parameters up to which softmax gets its Hessian as a whole


def dense(f: Objective, rows: Any, out: Array) -> Array:
    """Write rows of X, a block at a time, into an array, and return it."""
    for begin in range(0, len(rows), ROWS):
        part = slice(begin, begin + ROWS)
        X = f.rows.X[rows[part]]
        out[part] = X.toarray() if issparse(X) else X
    return out


class Sample:
    """f over a few rows, F(W) = sum_i s_i l(y_i, W x_i) + 1/2 sum_j lambda_j W_j^2.

    Parameters
    ----------
    f : Objective
        In the metric of the run.
    rows : ndarray of intp
    weight : ndarray
        s_i, of sum 1.
    """

    def __init__(self, f: Objective, rows: Any, weight: Array) -> None:
        d = f.rows.n_features
        self.f, self.s = f, weight
        self.A = np.ones((len(rows), d + f.rows.fit_intercept))
        dense(f, rows, self.A[:, :d])
        self.A[:, :d] -= f.rows.mean
        self.A[:, :d] /= f.rows.scale
        self.label = self.y = f.y[rows]
        if isinstance(f.loss, Softmax):
            self.y = (self.label == np.arange(f.n_outputs)).astype(np.float64)
        self.share = 1.0 if f.weight is None else f.weight[rows]
        self.share = self.share / f.total_weight  # what each row counts in f

    def value(self, Z: Array) -> float:
        """Return sum_i s_i l(y_i, z_i)."""
        return float(np.sum(self.s @ losses(self.f.loss, self.label, Z)))

    def means(self, Z: Array) -> Array:
        """Return the predicted means of the targets at the scores Z."""
        return means(self.f.loss, Z)

    def gradient(self, W: Array, p: Array) -> Array:
        """Return the gradient at W, where the predicted means are p."""
        G: Array = (self.s[:, None] * (p - self.y)).T @ self.A + self.f.penalty * W
        return G

    def gram(self, h: Array) -> Array:
        """Return sum_i h_i x_i x_i'."""
        H = np.zeros((self.A.shape[1], self.A.shape[1]))
        root = np.sqrt(h)[:, None]
        for begin in range(0, len(self.A), ROWS):
            B = self.A[begin : begin + ROWS] * root[begin : begin + ROWS]
            H += B.T @ B
        return H

    def curvature(self, p: Array, s: Array | None = None) -> Whole | Blocks:
        """Return G -> P^-1 G with P the Hessian where the predicted means are p.

        `s` are weights of the rows, if not their own.

        For softmax with many parameters, P has the mean curvature of the classes.
        """
        f, s = self.f, self.s if s is None else s
        if isinstance(f.loss, Softmax):
            if p.shape[1] * self.A.shape[1] <= WHOLE:
                return Whole(self._whole(p, s), p.shape[1])
            h = np.sum(p * (1 - p), axis=1)
            H = self.gram(s * h)
            share = s @ (p * (1 - p)) / (s @ h)
            return Blocks(
                [q * H + np.diag(g) for q, g in zip(share, f.penalty, strict=True)]
            )
        h = s * (p * (1 - p))[:, 0] if isinstance(f.loss, Logistic) else s
        H = self.gram(h)
        return Blocks([H + np.diag(g) for g in f.penalty])

    def _whole(self, p: Array, s: Array) -> Array:
        """Return the Hessian of softmax: diag(p) - p p' on every row, and the penalty."""
        K, D = p.shape[1], self.A.shape[1]
        H = np.zeros((K * D, K * D))
        for k in range(K):
            at = slice(k * D, (k + 1) * D)
            H[at, at] += self.gram(s * p[:, k])
        step = max(1, ROWS // K)
        for begin in range(0, len(self.A), step):
            part = slice(begin, begin + step)
            q = p[part] * np.sqrt(s[part])[:, None]
            B = (q[:, :, None] * self.A[part, None, :]).reshape(len(q), -1)
            H -= B.T @ B
        H[np.diag_indices(K * D)] += self.f.penalty.ravel()
        # The scores of all classes may rise alike, but not where the sum of W is 0.
        tie = np.tile(np.eye(D), (K, 1))
        size = np.diag(H).reshape(K, D).mean(axis=0) / K
        H += (tie * size) @ tie.T
        return H
