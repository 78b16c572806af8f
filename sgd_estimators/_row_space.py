"""Fewer rows than columns: the optimum is a combination of the rows, found by theirs.

With the rows of X = sqrt(s_i / S) (x_i - mean) and targets t = sqrt(s_i / S) (y_i - mean),
least squares is W = X' C, where (X X' + lambda) C = t, a system as large as there are rows.
The residual r = t - X W bounds how far any C is from it:

    f(W) - f* = 1/2 g' H^-1 g <= 1/2 ||r - lambda C||^2,   g = -X' (r - lambda C).

Nearly dependent rows lose their digits in X X': they are seen again, rotated to its
eigenvectors, until a pass resolves each or shows that it is zero.

Other losses are minimised over the coordinates of W in the right singular vectors of X: the
penalty stays what it is, and conjugate gradients need only a few steps.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, qr
from scipy.sparse import csc_array, csr_array, issparse

from ._kernels.objective import Objective
from ._kernels.rows import numbers, span
from ._least_squares import (
    NULL,
    ROTATIONS,
    Solved,
    equilibrate,
    factorised,
    well_posed,
)
from ._pool import spread
from ._rows import as_rows

Array = NDArray[np.float64]
Solution = Callable[[Array], Array]

ROOM = 1 << 27  # bytes that matrices of n x n may always take
MATRICES = 4  # of them, held at a time
PARTS = 2  # of the columns, for threads
BLOCK_BYTES = 1 << 20
WIDEST = 512  # columns of a block that is worth the adding up of its products
FULL = 0.5  # of a column's entries: with fewer, centring its products costs no digits
PASSES = 2000  # over X that the eigenvectors of its products may cost
NEGLIGIBLE = 1e-13  # of the largest eigenvalue
REFINED = 4  # solutions, each for what the last has left
ROUNDING = 1e-26  # of f at the best constant


def fits(f: Objective) -> bool:
    """Return whether there are fewer rows than columns, and room for their products."""
    n = f.n_active
    room = max(ROOM, n * f.rows.row_bytes)
    return n < f.rows.n_features and MATRICES * 8 * n * n <= room


def pays(f: Objective) -> bool:
    """Return whether singular vectors cost less than the passes that they may save."""
    return fits(f) and 8 * f.n_active**2 <= PASSES * f.rows.row_bytes


def solve(f: Objective) -> Solved:
    """Return the optimum of a squared loss, of least norm where it is not unique."""
    rows, Y = RowSpace(f), f.take(f.y)
    origin = rows.share @ Y if f.rows.fit_intercept else np.zeros(f.n_outputs)
    t = rows.root[:, None] * (Y - origin)
    coef = np.zeros((f.n_outputs, f.rows.n_features))
    left, value, gap = np.zeros((3, f.n_outputs))
    for alpha in np.unique(f.alpha):
        of = np.flatnonzero(f.alpha == alpha)
        coef[of], left[of], value[of], gap[of] = _optimum(f, rows, float(alpha), t[:, of])
    intercept = origin + left - coef @ rows.mean
    gap += rows.noise(coef, value)
    return Solved(coef, intercept, value, 0.5 * np.sum(t * t, axis=0), gap, rows.passes)


def _optimum(f: Objective, rows: "RowSpace", alpha: float, t: Array) -> Any:
    """Return W for the targets t, the mean residual, f there and its bound."""
    solution, null = _system(rows, alpha)
    C, W = np.zeros_like(t), np.zeros((t.shape[1], f.rows.n_features))
    found: Any = None
    start = 0.5 * np.sum(t * t, axis=0)
    for _ in range(REFINED + 1):  # W = 0 is the first
        r = t - rows.scores(W)
        left = rows.root @ r
        r = rows.centred(r)
        wrong = rows.centred(r - null @ (null.T @ r)) - alpha * C
        # W is X'C up to rounding.
        off = np.finfo(float).eps * np.sqrt(alpha * len(C) * rows.size)
        far = np.linalg.norm(wrong, axis=0) + off * np.linalg.norm(C, axis=0)
        value = 0.5 * (np.sum(r * r, axis=0) + alpha * np.sum(W * W, axis=1))
        gap = np.minimum(0.5 * far * far, value)  # no loss is negative
        if found is None or gap.sum() < found[-1].sum():
            found = W, left if f.rows.fit_intercept else 0.0, value, gap
        if np.all(gap <= ROUNDING * start):
            break
        move = solution(wrong)
        C, W = C + move, W + rows.combined(move)
    return found


def _system(rows: "RowSpace", alpha: float) -> tuple[Solution, Array]:
    """Return t -> C, and an orthonormal basis of the targets that no W reaches."""
    n = len(rows.root)
    T, H = np.eye(n), rows.plain.copy()
    if alpha > 0:
        H += alpha * T
    elif rows.intercept:  # the mean row is zero, of which no target has a part
        H += rows.size / n * np.outer(rows.root, rows.root)
    null = np.zeros((n, 0))
    if not well_posed(H):
        if alpha == 0:  # what is null, is null on equilibrated columns
            rows.equilibrate()
            T, H, zero = _resolved(rows, T, rows.gram(None), 0.0)
            rows.unit = None
            null = qr(T[:, zero] / np.linalg.norm(T[:, zero], axis=0), mode="economic")[0]
            T = T[:, ~zero]
            H = rows.gram(T)
        T, H, _ = _resolved(rows, T, H, alpha)
    scale = equilibrate(H)
    factor = factorised(scale[:, None] * H * scale)
    B = scale[:, None] * T.T
    return lambda t: B.T @ factor(B @ t), null


def _resolved(
    rows: "RowSpace", T: Array, H: Array, alpha: float
) -> tuple[Array, Array, Any]:
    """Return T such that the rows T'X keep their digits, H in them, and which are zero."""
    size = np.diag(rows.plain if rows.unit is None else H)
    zero = np.zeros(T.shape[1], bool)
    for _ in range(ROTATIONS):
        if not H.any() or well_posed(H[~zero][:, ~zero]):
            break
        scale = equilibrate(H)
        roots, V = eigh(scale[:, None] * H * scale)
        T = T @ (scale[:, None] * V / np.sqrt(np.maximum(roots / roots[-1], 1e-16)))
        gram = rows.gram(T)
        zero = np.diag(gram) <= NULL * len(T) * (size @ (T * T))
        H = gram + alpha * (T.T @ T)
    return T, H, zero if H.any() else ~zero


class RowSpace:
    """The active rows sqrt(s_i / S) (x_i - mean), and their products.

    Parameters
    ----------
    f : Objective
    """

    def __init__(self, f: Objective) -> None:
        self.f = f
        s = np.ones(f.n_active) if f.weight is None else f.take(f.weight)
        self.share = s / f.total_weight
        self.root = np.sqrt(self.share)
        self.n_jobs, self.intercept, self.passes = f.n_jobs, f.rows.fit_intercept, 0
        self.X, self.active = f.rows.X, span(f.indices)
        self.mean = np.zeros(f.rows.n_features)
        if issparse(self.X):
            self.X, self.active = csr_array(self.X)[numbers(f.indices)], slice(None)
            if self.intercept:
                self.mean = self.X.T @ self.share
        elif self.intercept:
            self.mean = f.rows.moments(f.indices, f.weight, f.n_jobs)[0]
        self.variance = np.zeros(f.rows.n_features)
        self.unit: Array | None = None  # what the columns are divided by
        self.plain = self.gram(None)
        self.size = max(float(np.trace(self.plain)), 0.0)

    def centred(self, A: Array) -> Array:
        """Return A without what the mean row, which is zero, would see of it."""
        return A - np.outer(self.root, self.root @ A) if self.intercept else A

    def equilibrate(self) -> None:
        """Divide the columns by their standard deviations."""
        self.unit = np.sqrt(np.where(self.variance > 0, self.variance, 1.0))

    def noise(self, W: Array, value: Array) -> Array:
        """Return what f has of rounding where the terms of a score are larger than it."""
        terms = (
            np.finfo(float).eps * np.abs(W) @ np.hypot(np.sqrt(self.variance), self.mean)
        )
        alone = float(np.linalg.norm(self.share))
        with np.errstate(over="ignore"):  # then it is infinite, and nothing is certified
            return np.asarray(terms * (np.sqrt(2 * value) * alone + terms))

    def scores(self, W: Array) -> Array:
        """Return X W'."""
        f = self.f
        return self.root[:, None] * f.rows.scores(W, -W @ self.mean, f.indices)

    def combined(self, C: Array) -> Array:
        """Return C'X."""
        W = np.empty((C.shape[1], self.X.shape[1]))
        if issparse(self.X):
            C = self.root[:, None] * C
            return np.asarray((self.X.T @ C).T - np.outer(C.sum(axis=0), self.mean))
        for part, B in self._blocks(self.X, slice(None)):
            W[:, part] = C.T @ B
        return W

    def gram(self, T: Array | None) -> Array:
        """Return the products of the rows T'X."""
        self.passes += 1
        n = len(self.root)
        total = np.zeros((n, n) if T is None else (T.shape[1], T.shape[1]))
        if not len(total):
            return total
        X, columns = self._stored(), np.arange(self.X.shape[1])
        if T is not None:
            T = self.centred(T)
        elif issparse(X):
            few = np.diff(X.indptr) < FULL * n
            total += self._sparse_gram(few)
            columns = np.flatnonzero(~few)
        parts = np.array_split(columns, PARTS)
        products = partial(self._gram, X, T)
        n_jobs = 1 if n * len(columns) < BLOCK_BYTES else self.n_jobs
        for part in spread(products, parts, n_jobs):
            total += part
        # The mean is off by rounding, which large values make large.
        return total if T is not None else self.centred(self.centred(total).T)

    def _sparse_gram(self, few: Any) -> Array:
        X = self.X[:, few].astype(np.float64)
        if self.unit is not None:
            X = X.multiply(1 / self.unit[few]).tocsr()
        else:
            square = X.power(2).T @ self.share
            self.variance[few] = np.maximum(square - self.mean[few] ** 2, 0.0)
        product = (X @ X.T).toarray()
        if self.intercept:
            product -= self.share @ product
            product -= (product @ self.share)[:, None]
        return np.asarray(self.root[:, None] * product * self.root)

    def _gram(self, X: Any, T: Array | None, columns: Any) -> Array:
        n = len(self.root) if T is None else T.shape[1]
        total = np.zeros((n, n))
        for part, B in self._blocks(X, columns):
            if self.unit is not None:
                B /= self.unit[part]
            if T is not None:
                B = T.T @ B
            elif self.unit is None:
                self.variance[part] = np.einsum("ij,ij->j", B, B)
            total += B @ B.T
        return total

    def _stored(self) -> Any:
        """Return X so that a block of its columns is near."""
        return csc_array(self.X) if issparse(self.X) else self.X

    def _blocks(self, X: Any, columns: Any) -> Iterator[tuple[Any, Array]]:
        """Yield (part of the columns, its rows seen centred and weighted)."""
        n = len(self.root)
        width = max(BLOCK_BYTES // (8 * n), min(n, WIDEST))
        if isinstance(columns, slice):
            columns = np.arange(X.shape[1])
        for begin in range(0, len(columns), width):
            part = columns[begin : begin + width]
            if part[-1] - part[0] + 1 == len(part):
                part = slice(part[0], part[-1] + 1)
            block = X[:, part].toarray() if issparse(X) else X[self.active, part]
            B = np.subtract(block, self.mean[part], dtype=np.float64)
            B *= self.root[:, None]
            B[:, np.sum(B * B, axis=0) <= NULL * self.mean[part] ** 2] = 0.0  # constants
            yield part, B


class Coordinates:
    """f over the coordinates of W in the right singular vectors of the rows.

    Parameters
    ----------
    f : Objective
    """

    def __init__(self, f: Objective) -> None:
        self.rows = rows = RowSpace(f)
        roots, U = eigh(rows.plain)
        kept = roots > NEGLIGIBLE * rows.size
        kept[-1] = True  # of rows that are all the same, too
        self.U, singular = U[:, kept], np.sqrt(np.maximum(roots[kept], 0.0))
        self.singular = np.where(singular > 0, singular, 1.0)
        A = np.ascontiguousarray(self.U * singular / rows.root[:, None])
        weight = None if f.weight is None else f.take(f.weight)
        seen = as_rows(A, f.rows.fit_intercept)
        self.f = Objective(seen, f.loss, np.array(f.take(f.y)), f.alpha, weight)
        self.f.n_jobs = f.n_jobs

    def outside(self, W: Array) -> tuple[Array, Array]:
        """Return the coefficients and the intercepts of coordinates in f's metric."""
        inner, intercept = self.f.rows.to_user(W)
        coef = self.rows.combined(self.U @ (inner / self.singular).T)
        return coef, intercept - coef @ self.rows.mean

    def inside(self, coef: Array, intercept: Array) -> tuple[Array, Array]:
        """Return the coordinates of coefficients, and the intercepts that go with them."""
        rows = self.rows
        Z = rows.scores(coef)
        return (self.U.T @ Z).T / self.singular, intercept + coef @ rows.mean
