"""A mini-batch kept in memory as it is seen, with the Hessian of f over it."""

from collections.abc import Callable
from copy import copy
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from ._blas import WIDE, one_thread
from ._inverses import ROWS, Blocks, Whole
from ._kernels.gram import gram
from ._kernels.losses import Softmax
from ._kernels.objective import Objective
from ._pool import spread
from ._rows import as_rows
from ._scores import bends, means

Array = NDArray[np.float64]

SPARSE = 0.25  # of the entries: with fewer, their products cost less than those of all
PRODUCTS = 1 << 24  # of two numbers of a row, that are worth a thread's waking
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
    s : ndarray
    share : ndarray
        What each row counts in f, s_i / S there.
    """

    def __init__(self, f: Objective, rows: Any, s: Array, share: Array) -> None:
        self.f, self.rows, self.y, self.s, self.share = f, rows, f.y[rows], s, share
        self.stored: Any = None
        if issparse(f.rows.X) and f.rows.X.nnz < SPARSE * np.prod(f.rows.X.shape):
            self.stored = as_rows(f.rows.X[rows], f.rows.fit_intercept)
            self.stored.set_metric(f.rows.mean, f.rows.scale)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.s)

    @cached_property
    def A(self) -> Array:
        """The rows as they are seen."""
        if self.stored is not None:
            return np.asarray(self.stored.seen(np.arange(len(self))))
        return np.asarray(self.f.rows.seen(self.rows))

    def first(self, certain: int, size: int) -> "Sample":
        """Return the first rows: some whose s is known, and `size` that share the rest."""
        part, few = copy(self), slice(certain + size)
        for name in ("_thin", "squares", "bend_at_start"):
            vars(part).pop(name, None)
        if self.stored is None or "A" in vars(self):
            part.A = self.A[few]
        part.rows, part.y, s, part.share = (
            values[few] for values in (self.rows, self.y, self.s, self.share)
        )
        known, drawn = s[:certain], s[certain:]
        rest = max(1 - known.sum(), 0.05) / max(drawn.sum(), np.finfo(float).tiny)
        part.s = np.concatenate([known, rest * drawn])
        return part

    @cached_property
    def _thin(self) -> Objective:
        """The sum over thin rows, whose products with W cost less than those of A."""
        f, n = self.f, len(self)
        weight = np.zeros(self.stored.n_rows)
        weight[:n] = self.s
        y = np.zeros((len(weight), self.y.shape[1]))
        y[:n] = self.y
        alpha = f.alpha / self.s.sum()
        thin = Objective(self.stored, f.loss, y, alpha, weight, range(n))
        thin.n_jobs = f.n_jobs
        return thin

    def scores(self, W: Array) -> Array:
        """Return the scores of the rows."""
        return self.A @ W.T if self.stored is None else self._thin.scores(W)

    def value_and_gradient(self, W: Array) -> tuple[float, Array]:
        """Return F(W) and its gradient."""
        if self.stored is not None:
            value, G = self._thin.value_and_gradient(W)
            return self._thin.total_weight * value, self._thin.total_weight * G
        Z, pull = self.A @ W.T, self.f.penalty * W
        value = self.f.loss.slopes(self.y, self.s, Z)  # and Z are the slopes now
        return value + 0.5 * float(np.sum(pull * W)), Z.T @ self.A + pull

    def means(self, Z: Array) -> Array:
        """Return the predicted means of the targets at the scores Z."""
        return means(self.f.loss, Z)

    def gram(self, h: Array) -> Array:
        """Return sum_i h_i x_i x_i'."""
        if self.stored is not None:
            return np.asarray(self.stored.gram(range(len(h)), h))

        def part(rows: slice) -> Array:
            A, s = self.A[rows], h[rows]
            if A.shape[1] < WIDE:
                return np.asarray(gram(A, range(len(s)), s))
            B = np.sqrt(s)[:, None] * A
            return np.asarray(B.T @ B)

        with one_thread():
            return self.total(part, max(ROWS, PRODUCTS // self.A.shape[1] ** 2))

    def total(self, part: Callable[[slice], Array], step: int) -> Array:
        """Return the sum of a function of parts of the rows, on threads where it pays."""
        rows = [slice(i, i + step) for i in range(0, len(self), step)]
        return np.asarray(sum(spread(part, rows, self.f.n_jobs)))

    @cached_property
    def squares(self) -> Array:
        """sum_i s_i x_i x_i'."""
        return self.gram(self.s)

    def bend(self, p: Array, s: Array | None = None) -> Array:
        """Return the Hessian of the losses where the predicted means are p.

        `s` are weights of the rows, if not their own. Of softmax it has a block for each
        pair of classes, or, with many parameters, is the mean one of the classes.
        """
        f, alike = self.f, s is None and np.all(p == p[0])
        s = self.s if s is None else s

        def total(h: Array) -> Array:
            return h[0] * self.squares if alike else self.gram(s * h)

        if not (isinstance(f.loss, Softmax) and f.n_params <= WHOLE):
            return total(bends(f.loss, p, s))
        K, D = f.penalty.shape
        H = np.zeros((K, D, K, D))
        for k, j in combinations(range(K), 2):
            H[k, :, j] = -total(p[:, k] * p[:, j])
        return H

    @cached_property
    def bend_at_start(self) -> Array:
        """The same where each row has the mean of all."""
        K = self.f.n_outputs
        share = np.bincount(self.y[:, 0].astype(np.intp), self.s, max(2, K)) / self.s.sum()
        return self.bend(np.tile(share[-K:], (len(self), 1)))

    def inverse(self, H: Array) -> Whole | Blocks:
        """Return G -> P^-1 G with P such a Hessian and the penalty."""
        if H.ndim == 4:
            return Whole.of_pairs(H.copy(), self.f.penalty)
        return Blocks([H + np.diag(g) for g in self.f.penalty])

    def hessian(self, W: Array) -> Whole | Blocks:
        """Return the same at W."""
        return self.inverse(self.bend(self.means(self.scores(W))))
