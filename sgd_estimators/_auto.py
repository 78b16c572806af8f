"""What "auto" means: metric, batch size, learning rate, order, and decay.

Everything here is computed from the data once, at the start of a run.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from scipy.special import expit, softmax

from ._kernels.losses import Squared
from ._kernels.objective import Objective
from ._kernels.order import Order
from ._kernels.preconditioned import Preconditioned

Array = NDArray[np.float64]

SMALL = 64  # rows up to which a step takes all of them
CACHE_BYTES = 1 << 21  # data up to this size is shuffled plainly
N_SEGMENTS = 32
LONGEST_RUN = 256
SHARE = 8  # of the bytes of X: rows that show how alike neighbours are are fewer
PROBES = 8  # directions in which their gradients are compared
STREAM = 10  # updates on fresh rows after which the rate falls
WIDE_ROW = 1 << 16  # bytes: from here on, a row visited singly costs no more


class Smoothness(NamedTuple):
    """What the automatic rates are made of, in the metric of the preconditioner.

    ``mean`` is the part of the expected smoothness that comes from f as a whole, and
    ``noise`` the part from single rows: a batch's gradient is (mean + noise)-smooth in
    expectation. ``sign_step`` is the step along -sign(grad f) to f's minimum on that
    line, at the start.
    """

    mean: float
    noise: float
    sign_step: float


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


def smoothness(
    f: Objective,
    batch: int,
    seed: int,
    W: Array | None = None,
    largest_row: float | None = None,
    *,
    local: bool = False,
    unit: Any = 1.0,
) -> Smoothness:
    """Estimate the expected smoothness of mini-batches (Gower et al. 2019, b-nice).

    `W` is where the steps begin. With a `largest_row`, f is a sample of a stream of rows
    up to that norm. If `local`, losses bend as they do at W, else as much as they can.
    The parameters move by `unit` in the sign step.
    """
    n, curvature, weight = f.n_active, f.loss.curvature, f.weight
    sample: Any = f.indices
    at = start(f) if W is None else W
    if local:
        weight = bends(f, at)
        curvature = float(f.take(weight).sum()) / f.total_weight
    rng = np.random.default_rng([seed, 0])
    if n > (size := max(2048, 20 * f.rows.n_features)):
        places = np.sort(rng.choice(n, size, replace=False))
        sample = places if f.active is None else f.active[places]
    # The gradient of a squared loss with y = 0 is the Hessian times the point.
    n_outputs, penalty, alpha = 1, f.penalty, np.zeros(1)
    if isinstance(f, Preconditioned):  # which mixes the columns, and the penalty with them
        n_outputs, penalty, alpha = f.n_outputs, np.zeros(1), f.alpha / curvature
        at = f.inside(at)
    quadratic = Objective(
        f.rows,
        Squared(),
        np.zeros((f.rows.n_rows, n_outputs)),
        alpha,
        weight,
        f.active,
    )
    if isinstance(f, Preconditioned):
        quadratic = Preconditioned(quadratic, f.roots)
    v = rng.standard_normal((n_outputs, f.rows.n_features + f.rows.fit_intercept))
    largest = 0.0
    for _ in range(20):
        norm = np.linalg.norm(v)
        if norm == 0:
            break
        v = quadratic.value_and_gradient(v / norm, sample)[1]
        largest = float(np.linalg.norm(v))
    # The power iteration ends below.
    full = 1.1 * curvature * largest + float(penalty.max(initial=0.0))
    row = row_norm(quadratic) if largest_row is None else largest_row
    row *= curvature
    share = (n - batch) / (batch * max(1, n - 1)) if largest_row is None else 1 / batch

    # The sign of a gradient that is only rounding would be noise.
    g = f.value_and_gradient(at)[1]
    unit = np.broadcast_to(unit, g.size).reshape(g.shape)
    pull = np.abs(g) * unit
    sign = np.where(pull > 1e-10 * pull.max(initial=0.0), np.sign(g) * unit, 0.0)
    bend = sum(
        curvature * float(np.sum(s * quadratic.value_and_gradient(s, sample)[1]))
        for s in sign.reshape(-1, *v.shape)
    ) + float(np.sum(penalty * sign * sign))
    step = float(np.sum(pull)) / bend if bend > 0 else 0.0
    return Smoothness(full * (1 - share), share * row, step)


def bends(f: Objective, W: Array) -> Array:
    """Return s_i times how much the loss of row i bends at W, by any of its scores."""
    if isinstance(f.loss, Squared):
        h = np.ones(f.rows.n_rows)
    else:
        coef, intercept = f.rows.to_user(W)
        Z = f.rows.scores(coef, intercept, range(f.rows.n_rows))
        p = expit(Z) if Z.shape[1] == 1 else softmax(Z, axis=1)
        h = np.clip(np.sum(p * (1 - p), axis=1), 1e-12, f.loss.curvature)
    return h if f.weight is None else h * f.weight


def row_norm(f: Objective) -> float:
    """Return the largest n s_i / S ||x_i||^2 in the metric."""
    if isinstance(f, Preconditioned):
        norm = _largest_norm(f)
    else:
        norm = f.rows.largest_norm(f.indices, f.weight) + f.rows.fit_intercept
    return float(norm * f.n_active / f.total_weight)


def _largest_norm(f: Preconditioned) -> float:
    """Return the largest s_i ||T x_i||^2 of an output, or of all that T mixes, summed."""
    largest, d = 0.0, f.rows.n_features
    width = d + f.rows.fit_intercept
    parts = f.roots.reshape(*f.roots.shape[:2], -1, width).swapaxes(1, 2)
    triangles = np.linalg.qr(parts.reshape(len(parts), -1, width), mode="r")
    for part, block in f.rows.blocks(f.indices):
        seen = np.ones((block.shape[0], width))
        seen[:, :d] = block.toarray() if issparse(block) else block
        seen[:, :d] -= f.rows.mean
        seen[:, :d] /= f.rows.scale
        norms = np.max([np.sum((seen @ R.T) ** 2, axis=1) for R in triangles], axis=0)
        if f.weight is not None:
            norms *= f.weight[part]
        largest = max(largest, float(norms.max()))
    return largest


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
    sample = places + f.indices.start if f.active is None else f.active[places]
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


def decay(t: NDArray[Any]) -> Any:
    """Return the factors of a stream's rate: 1 at first, then as 1 / sqrt(t)."""
    return 1 / np.sqrt(1 + t / STREAM)
