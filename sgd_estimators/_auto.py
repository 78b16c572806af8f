"""What "auto" means: metric, batch size, learning rate, order, and decay.

Everything here is computed from the data once, at the start of a run.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from ._kernels.objective import Objective
from ._kernels.order import Order

Array = NDArray[np.float64]

SMALL = 64  # rows up to which a step takes all of them
CACHE_BYTES = 1 << 21  # data up to this size is shuffled plainly
N_SEGMENTS = 32
LONGEST_RUN = 256
SHARE = 16  # of the bytes of X: rows that show how alike neighbours are are fewer
PROBES = 8  # directions in which their gradients are compared
WIDE_ROW = 1 << 16  # bytes: from here on, a row visited singly costs no more


def metric(
    f: Objective, moments: tuple[Array, Array] | None = None, *, all_columns: bool = False
) -> tuple[Array, Array]:
    """Return the centre and the scale of the columns: the diagonal preconditioner.

    `moments` are the means and variances of the columns, if not those of f's rows. Of CSR,
    a column is centred where its mean makes up two thirds of its mean square, or if
    `all_columns`. At least two rows of three have an entry there, so that a step on all
    such columns costs about what the non-zeros of its batch cost; words and most levels of
    a category are not among them, and their scale is the root mean square.

    scale^2 = variance + lambda / l'', the diagonal of the Hessian over the loss's
    curvature: the variance alone would let the penalty blow up on tiny columns. Without
    an intercept to take it up there is no centre, and the scale is about 0.
    """
    mean, square = moments or f.rows.moments(f.indices, f.weight, f.n_jobs)
    centred = np.full(mean.shape, f.rows.fit_intercept)
    if issparse(f.rows.X) and not all_columns:
        centred &= mean * mean > 2 * square
    square = np.where(centred, square, square + mean * mean)
    mean = np.where(centred, mean, 0.0)
    # Rounding leaves a constant column some variance: seen from its value, it is zero.
    varies = square > 1e-28 * (mean * mean + square)
    scale = np.sqrt(square + f.alpha.max(initial=0.0) / f.loss.curvature)
    if not varies.all() and f.rows.fit_intercept:
        row = f.rows.X[[f.indices[0]]]
        mean = np.where(varies, mean, row.toarray()[0] if issparse(row) else row[0])
    return mean, np.where(varies, scale, 1.0)


def batch_size(f: Objective, hessian: bool, exact: bool = False) -> int:
    """Return the rows a step takes: all of a few, else about 1 in 64, 4 to 512.

    A matrix of the Hessian's size would cost more than fewer rows than columns. An exact
    step is that of a single row.
    """
    n = f.n_active
    if exact:
        return 1
    size = n if n <= SMALL else min(max(1 << (n // 64).bit_length() - 1, 4), 512)
    return max(size, min(n, f.rows.n_features)) if hessian else size


def start(f: Objective) -> Array:
    """Return W = 0 with the best constant scores as intercepts."""
    W = np.zeros((f.n_outputs, f.rows.n_features + f.rows.fit_intercept))
    if f.rows.fit_intercept:
        weight = None if f.weight is None else f.take(f.weight)
        W[:, -1] = f.loss.intercept(f.take(f.y), weight)
    return W


def order(f: Objective, shuffle: bool, run_length: int) -> Order:
    """Return the order that visits the active rows."""
    if not shuffle:
        return Order(f.n_active, f.active)
    segments = 1 if fits_cache(f) else N_SEGMENTS
    return Order(f.n_active, f.active, segments, run_length)


def fits_cache(f: Objective) -> bool:
    """Return whether the data is so small that reading it again costs nothing."""
    return bool(f.rows.row_bytes * f.n_active <= CACHE_BYTES)


def run_length(f: Objective, W: Array, longest: int, seed: int) -> int:
    """Return the longest run of neighbours that keeps the gradient's noise at W.

    Runs of R rows inflate the variance of the mean gradient by their design effect
    D(R) = R Var(run means) / Var(single rows), taken within the segments. The answer
    is the largest power of two up to `longest` with D(R) <= 1.2. Two long runs in each
    segment have the shorter ones in them, and `PROBES` random projections of a row's
    gradient tell its variance. It is 1 where these rows would cost more than the
    `SHARE`-th part of a pass, as for words.
    """
    n, rows, width = f.n_active, f.rows, f.rows.n_features + f.rows.fit_intercept
    if fits_cache(f) or rows.row_bytes >= WIDE_ROW:
        return 1
    length = rows.row_bytes * n // (8 * SHARE * 2 * N_SEGMENTS * width)
    length = min(longest, n // (2 * N_SEGMENTS), length)
    if length < 2:
        return 1
    length = 1 << (length.bit_length() - 1)
    rng = np.random.default_rng([seed, 1])
    edges = np.linspace(0, n, N_SEGMENTS + 1).astype(int)
    first = rng.integers(edges[:-1], edges[1:] - length + 1, (2, N_SEGMENTS))
    places = (first[..., None] + np.arange(length)).ravel()
    numbers = f.indices
    sample = places + numbers.start if isinstance(numbers, range) else numbers[places]
    A, V = rows.seen(sample), rng.standard_normal((width, PROBES))
    slopes = A @ W.T
    weight = np.ones(len(sample)) if f.weight is None else f.weight[sample]
    f.loss.slopes(f.y[sample], weight, slopes)
    slopes = slopes @ rng.standard_normal((f.n_outputs, PROBES))
    sums = slopes * (A @ V)
    sums -= sums.mean(axis=0)
    noise = float(np.vdot(sums, sums)) / len(sample)
    found, long = 1, 1
    while long < length:
        long *= 2
        sums = sums.reshape(-1, 2, PROBES).sum(axis=1)  # of runs twice as long
        apart = sums[: len(sums) // 2] - sums[len(sums) // 2 :]
        effect = float(np.vdot(apart, apart)) / (len(sums) * long * noise or 1.0)
        found = long if effect <= 1.2 else found
    return found


def decay(t: NDArray[Any], patience: float) -> Any:
    """Return the factors of a stream's rate: 1 at first, then as 1 / sqrt(t)."""
    return 1 / np.sqrt(1 + t / patience)
