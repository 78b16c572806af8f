"""Least squares by its columns: one pass for the Gram matrix, then the exact solution.

The Gram matrix of the centred columns is the Hessian, so W - H^-1 grad f(W) is the
optimum from any W. Nearly collinear columns lose their digits in it: they are seen again,
rotated to its eigenvectors, until a pass resolves each or shows that it is zero.
"""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, lstsq
from scipy.linalg.lapack import dpocon, dpotrf, dpotrs
from scipy.sparse import csr_array, issparse
from sklearn.utils import assert_all_finite

from ._blas import one_thread
from ._gram import in_parts
from ._kernels.gram import gram
from ._kernels.objective import Objective
from ._kernels.rows import span

Array = NDArray[np.float64]

COLUMNS = 512  # up to which this is the way; without a penalty, of which no other bound ...
ROOM, MATRICES = 1 << 28, 3  # ... is known, also where these fit the room, or X, ...
WORK = 1e12  # ... and the multiplications are no more: some tens of seconds
RESOLVED = 1e-10  # of the largest root of H: a smaller one has lost its digits
NULL = 1e-28  # the same, seen rotated: a smaller one is rounding
CANCEL = 1e3  # times larger terms of a score: they cancel, and it loses their digits
ROTATIONS = 3
REFINED = 3  # looks at the rows, each at what the last has left
ROUNDING = 1e-20  # of f at the best constant
EXACT = 1e-13  # the same: where the Gram matrix leaves more, the rows tell f
THIN = 0.06  # of the entries: with fewer, sparse products cost less
THIN_ROWS = 1 << 14  # at a time


class Solved(NamedTuple):
    """The optimum in the units of the data, f there and at the best constant."""

    coef: Array  # (n_outputs, n_features)
    intercept: Array
    value: Array  # of each output
    start: Array
    gap: Array
    passes: int


class Moments(NamedTuple):
    """Means, and second moments about them, of columns (x - pilot) T and of targets."""

    mean: Array
    target: Array
    gram: Array
    cross: Array
    square: Array


class Basis(NamedTuple):
    """The columns (x - pilot) T in which the optimum is sought."""

    T: Array
    within: Array  # T'T
    null: NDArray[np.bool_]  # which columns are zero
    unit: Array  # 1 / the length of each stored column
    pilot: Array
    origin: Array  # the targets' pilot


def pays(f: Objective) -> bool:
    """Return whether the Gram matrix of the columns is the best way to the optimum."""
    n, d = f.n_active, f.rows.n_features
    room = MATRICES * 8 * d * d <= max(ROOM, n * f.rows.row_bytes)
    return d <= COLUMNS or (bool(np.any(f.alpha == 0)) and room and n * d * d <= WORK)


def sees(X: Any) -> bool:
    """Return whether X may come in its own order, its numbers unchecked."""
    n, d = X.shape
    return not issparse(X) and bool(X.flags.forc) and d <= min(n, COLUMNS)


def solve(f: Objective) -> Solved:
    """Return the optimum of a squared loss, of least norm where it is not unique.

    Raises
    ------
    ValueError
        Where X is not finite.
    """
    d = f.rows.n_features
    pilot, origin = _pilot(f)
    seen = _moments(f, pilot, origin, None)
    alpha = float(f.alpha.min(initial=np.inf))
    T = within = np.eye(d)
    unit, null = equilibrate(seen.gram), np.diag(seen.gram) == 0
    scale, passes = None, 1
    while passes <= ROTATIONS:
        kept = _others(null)
        E = (seen.gram + alpha * within)[kept][:, kept]
        if not E.any() or well_posed(E):
            break
        if scale is None:
            scale = equilibrate(E)
        roots, V = eigh(scale[:, None] * E * scale)
        if roots[0] > RESOLVED * roots[-1]:
            break
        # The eigenvectors, each as long as the largest; about the mean, or the pilot's
        # distance from it would be rotated into all of them.
        V /= np.sqrt(np.maximum(roots / roots[-1], 1e-16))
        T[:, kept] = T[:, kept] @ (scale[:, None] * V)
        if passes == 1:
            pilot, origin = pilot + seen.mean, origin + seen.target
        seen = _moments(f, pilot, origin, T)
        passes, within = passes + 1, T.T @ T
        null = _null(seen, T, unit)
        # A column that is short now holds rounding, which its own scale would enlarge.
        scale = np.ones(d - np.count_nonzero(null))
    basis = Basis(T, within, null, unit, pilot, origin)
    solved = _optimum(f, seen, basis, null, passes)
    if passes == 1 or not (null.any() and f.alpha.any()):
        return solved
    # Under a penalty, null columns have coefficients: of which few digits may be left.
    other = _optimum(f, seen, basis, np.zeros_like(null), passes)
    lower = other.value < solved.value
    return Solved(
        np.where(lower[:, None], other.coef, solved.coef),
        np.where(lower, other.intercept, solved.intercept),
        np.where(lower, other.value, solved.value),
        solved.start,
        np.where(lower, other.gap, solved.gap),
        solved.passes + other.passes - passes,
    )


def _null(seen: Moments, T: Array, unit: Array) -> NDArray[np.bool_]:
    """Return which columns are nothing but the rounding of the stored ones."""
    length = np.sum((T / unit[:, None]) ** 2, axis=0)
    return np.asarray(np.diag(seen.gram) <= NULL * len(T) * length)


def _others(dropped: NDArray[np.bool_]) -> Any:
    """Return the index of the columns that are kept."""
    return np.flatnonzero(~dropped) if dropped.any() else slice(None)


def _optimum(
    f: Objective, seen: Moments, basis: Basis, dropped: NDArray[np.bool_], passes: int
) -> Solved:
    """Return the optimum, of least norm over the columns (x - pilot) T that are null.

    Where there is a penalty, it is that over the columns that are not `dropped`.
    """
    T, within, null, unit, pilot, origin = basis
    coef = np.zeros((f.n_outputs, f.rows.n_features))
    value, gap, lift, rounding = np.zeros((4, f.n_outputs))
    groups = []
    for alpha in sorted(set(f.alpha.tolist())):
        of = _others(f.alpha != alpha)
        kept = _others(null if alpha == 0 else dropped)
        B, cross = T[:, kept], seen.cross[kept][:, of]
        H = (seen.gram + alpha * within)[kept][:, kept]
        scale = equilibrate(H)
        solve = partial(_scaled, scale, factorised(scale[:, None] * H * scale))
        w = np.zeros_like(cross)
        for _ in range(2):  # the second takes off what the first left by rounding
            w -= solve(H @ w - cross)
        g = H @ w - cross
        gap[of] = 0.5 * np.sum(g * solve(g), axis=0)
        value[of] = 0.5 * (seen.square[of] - np.sum(w * (cross - g), axis=0))
        coef[of], lift[of] = (B @ w).T, seen.mean[kept] @ w
        rounding[of] = 10 * np.finfo(float).eps * (np.diag(seen.gram)[kept] @ (w * w))
        if alpha == 0 and null.any() and passes > 1:
            # Rotated, the columns of N would lose their digits in the large columns of X.
            N = T[:, null] / np.linalg.norm(T[:, null], axis=0)
            least = coef[of] - (N @ lstsq(N, coef[of].T)[0]).T
            before, after = (np.abs(W / unit).sum(axis=1) for W in (coef[of], least))
            coef[of] = np.where((after <= CANCEL * before)[:, None], least, coef[of])
        groups.append((alpha, of, kept, solve))
    intercept = np.zeros(f.n_outputs)
    if f.rows.fit_intercept:
        intercept = seen.target + origin - lift - coef @ pilot
    solved = Solved(
        coef,
        intercept,
        np.maximum(value, 0.0),
        0.5 * seen.square,
        np.abs(gap),
        passes,
    )
    if passes == 1 and np.all(rounding <= EXACT * solved.start):
        return solved
    return _refined(f, solved, T, pilot, groups)


def _refined(f: Objective, solved: Solved, T: Array, pilot: Array, groups: Any) -> Solved:
    """Return the optimum as the rows see it: large coefficients that cancel are rounded."""
    coef, intercept, _, start, _, passes = solved
    best: Solved | None = None
    wrong = np.zeros_like(f.y)
    residual = Objective(f.rows, f.loss, wrong, f.alpha, f.weight, f.active)
    residual.n_jobs = f.n_jobs
    for _ in range(REFINED):
        wrong[span(f.indices)] = f.take(f.y) - f.rows.scores(coef, intercept, f.indices)
        left = _moments(residual, pilot, np.zeros(f.n_outputs), T)
        off = 0.5 * left.target**2
        value = off + 0.5 * (left.square + f.alpha * np.sum(coef * coef, axis=1))
        gap, step = off, np.zeros_like(coef)
        up = left.target.copy()
        for alpha, of, kept, solve in groups:
            g = alpha * (coef[of] @ T[:, kept]).T - left.cross[kept][:, of]
            move = solve(g)
            gap[of] += 0.5 * np.abs(np.sum(g * move, axis=0))
            step[of] = (T[:, kept] @ move).T
            up[of] += left.mean[kept] @ move + step[of] @ pilot
        passes += 1
        gap = np.minimum(gap, value)  # no loss is negative
        if best is None or gap.sum() < best.gap.sum():
            best = Solved(coef, intercept, value, start, gap, passes)
        if np.all(gap <= ROUNDING * start):
            break
        coef = coef - step
        if f.rows.fit_intercept:
            intercept = intercept + up
    assert best is not None
    return best


def _scaled(scale: Array, factor: Callable[[Array], Array], g: Array) -> Array:
    return scale[:, None] * factor(scale[:, None] * g)


def equilibrate(H: Array) -> Array:
    """Return D such that D H D has a diagonal of ones."""
    diagonal = np.diag(H)
    return 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))


def well_posed(H: Array) -> bool:
    """Return whether H, equilibrated, is far from singular, by LAPACK's estimate."""
    if not len(H):
        return True
    scale = equilibrate(H)
    E = scale[:, None] * H * scale
    factor, info = dpotrf(E)
    if info != 0:
        return False
    rcond, info = dpocon(factor, np.abs(E).sum(axis=0).max())
    return bool(rcond > 100 * RESOLVED)


def factorised(E: Array) -> Callable[[Array], Array]:
    """Return G -> E^-1 G; E is equilibrated, and its Cholesky factor may need a hair."""
    jitter = 0.0
    while len(E):
        factor, info = dpotrf(E + jitter * np.eye(len(E)))
        if info == 0:
            return lambda G: np.asarray(dpotrs(factor, G)[0])
        jitter = max(10 * jitter, 1e-15)
    return lambda G: G


def _pilot(f: Objective) -> tuple[Array, Array]:
    """Return values of the data near the means: what is subtracted costs no digits."""
    d = f.rows.n_features
    if not f.rows.fit_intercept:
        return np.zeros(d), np.zeros(f.n_outputs)
    places = np.asarray(f.indices[:: f.n_active // 64 + 1])
    X = f.rows.X[places]
    X = np.asarray(X.toarray() if issparse(X) else X, np.float64)
    weight = None if f.weight is None else f.weight[places]
    values = np.hstack([X, f.y[places]])
    with np.errstate(invalid="ignore", over="ignore"):
        mean = values.mean(axis=0) if weight is None else weight @ values / weight.sum()
        nearest = np.abs(values - mean).argmin(axis=0)
    centre = values[nearest, np.arange(len(nearest))]
    return centre[:d], centre[d:]


def _moments(f: Objective, pilot: Array, origin: Array, T: Array | None) -> Moments:
    """Return the moments in one pass, a block that stays in the cache at a time."""
    d = f.rows.n_features
    f.set_metric(pilot, np.ones(d))
    with nullcontext() if T is None else one_thread():
        second = in_parts(f, partial(_second, f, origin, T)) / f.total_weight
    if not np.isfinite(np.diag(second)).all():
        assert_all_finite(f.rows.X, input_name="X")
        raise ValueError("X or y has numbers whose squares are beyond float64; divide it")
    e = d + f.rows.fit_intercept
    mean, target = np.zeros(d), np.zeros(f.n_outputs)
    if f.rows.fit_intercept:
        mean, target = second[d, :d].copy(), second[d, e:].copy()
    return Moments(
        mean,
        target,
        second[:d, :d] - np.outer(mean, mean),
        second[:d, e:] - np.outer(mean, target),
        np.maximum(np.diag(second)[e:] - target * target, 0.0),
    )


def _second(f: Objective, origin: Array, T: Array | None, rows: Any) -> Array:
    """Return the sum of s v v' over rows, v = ((x - pilot) T, 1, y - origin)."""
    X, d = f.rows.X, f.rows.n_features
    if T is None and issparse(X) and X.nnz < THIN * d * X.shape[0]:
        return _thin_second(f, origin, rows)
    if T is None and not issparse(X):
        return f.rows.gram(rows, f.weight, f.y, origin)
    D = d + f.rows.fit_intercept
    second = np.zeros((D + f.n_outputs, D + f.n_outputs))
    for part, X in f.rows.seen_blocks(rows):
        if T is not None:
            X[:, :d] = X[:, :d] @ T
        weight = None if f.weight is None else f.weight[part]
        second += gram(X, range(len(X)), weight, f.y[part], origin)
    return second


def _thin_second(f: Objective, origin: Array, rows: Any) -> Array:
    """Do the same where the columns without a pilot have few entries."""
    pilot, d, K = f.rows.mean, f.rows.n_features, f.n_outputs
    size = d + f.rows.fit_intercept + K
    few = np.flatnonzero(pilot == 0)
    rest = np.setdiff1d(np.arange(size), few)
    width = len(rest) - (size - d)
    second = np.zeros((size, size))
    for begin in range(0, len(rows), THIN_ROWS):
        part = span(rows[begin : begin + THIN_ROWS])
        block = f.rows.X[part]
        root = 1.0 if f.weight is None else np.sqrt(f.weight[part])[:, None]
        S = csr_array(block[:, few].multiply(root), dtype=np.float64)
        C = np.ones((block.shape[0], len(rest)))
        C[:, :width] = block[:, rest[:width]].toarray() - pilot[rest[:width]]
        C[:, len(rest) - K :] = f.y[part] - origin
        C *= root
        second[np.ix_(few, few)] += (S.T @ S).toarray()
        second[np.ix_(few, rest)] += S.T @ C
        second[np.ix_(rest, rest)] += C.T @ C
    second[np.ix_(rest, few)] = second[np.ix_(few, rest)].T
    return second
