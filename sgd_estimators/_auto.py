"""What "auto" means: metric, batch size, learning rate, order, and decay.

Everything here is computed from the data once, at the start of a run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from scipy.special import expit, softmax

from ._kernels.losses import Squared
from ._kernels.objective import Objective
from ._kernels.order import Order
from ._kernels.preconditioned import Preconditioned
from ._schedule import Schedule

Array = NDArray[np.float64]

SMALL = 64  # rows up to which a step takes all of them
CACHE_BYTES = 1 << 21  # data up to this size is shuffled plainly
N_SEGMENTS = 32
LONGEST_RUN = 256
SAMPLED = 2048  # rows whose gradients show how alike neighbours are
PASSES = 4  # over X that they may cost
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


def metric(f: Objective, moments: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
    """Return the centre and the scale of the columns: the diagonal preconditioner.

    `moments` are the means and variances of the columns, if not those of f's rows.

    scale^2 = variance + lambda / l'', the diagonal of the Hessian over the loss's
    curvature: the variance alone would let the penalty blow up on tiny columns. Without
    an intercept to take it up there is no centre, and the scale is about 0.
    """
    mean, square = moments or f.rows.moments(f.indices, f.weight)
    if not f.rows.fit_intercept:
        mean, square = np.zeros_like(mean), square + mean * mean
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
    size = n if n <= SMALL else int(np.clip(1 << (n // 64).bit_length() - 1, 4, 512))
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
    is the largest power of two up to `longest` with D(R) <= 1.2, or 1 where gradients of
    sampled rows would take longer than single rows do, as for words.
    """
    if fits_cache(f) or f.rows.row_bytes >= WIDE_ROW:
        return 1
    if 8 * f.n_params * SAMPLED > PASSES * f.rows.row_bytes * f.n_active:
        return 1
    rng = np.random.default_rng([seed, 1])
    rows = f.indices
    edges = np.linspace(0, len(rows), N_SEGMENTS + 1).astype(int)
    pull = f.value_and_gradient(W, rows[:1])[1]  # near them all: no digits are lost

    def variance(places: Any, length: int) -> float:
        """Return the variance of the mean gradients of the runs at these places."""
        total, squares = np.zeros(W.shape), 0.0
        for p in places:  # one after the other: a list of them would fill the memory
            G = f.value_and_gradient(W, rows[p : p + length])[1] - pull
            total += G
            squares += float(np.vdot(G, G))
        return (squares - float(np.vdot(total, total)) / len(places)) / (len(places) - 1)

    def spread(length: int, a_segment: int) -> float:
        """Return the mean over the segments of the variance of the runs' gradients."""
        total = 0.0
        for begin, end in pairwise(edges):
            places = begin + rng.integers(0, max(1, end - begin - length), a_segment)
            total += variance(places, length)
        return total / N_SEGMENTS

    noise = variance(rng.choice(len(rows), SAMPLED), 1)
    length = min(longest, 1 << max(0, (len(rows) // (4 * N_SEGMENTS)).bit_length() - 1))
    while length > 1 and length * spread(length, 8) > 1.2 * noise:
        length //= 2
    return length


def decay(t: NDArray[Any]) -> Any:
    """Return the factors of a stream's rate: 1 at first, then as 1 / sqrt(t)."""
    return 1 / np.sqrt(1 + t / STREAM)


@dataclass(eq=False, repr=False)
class Auto(Schedule):
    """Raise the rate while the loss falls, cut it past the noise floor, begin again.

    After each epoch: if the mean loss fell by more than `threshold` of its whole fall
    so far, the factor doubles at its highest value and grows by a fifth below it; if
    not, it is halved. Under 1% of its highest value it returns, to nine tenths of where
    it came from last: noise has gone, and directions of little curvature want large
    steps. The bold driver of Battiti (1989) with the warm restarts of Loshchilov &
    Hutter (2017).

    It never exceeds ``history["ceiling"]``: 1 for a rate that the user set.
    """

    threshold: float = 1e-4
    per: str = "epoch"
    uses_history = True

    def _formula(self, t: Array, history: Mapping[str, Any] | None = None) -> Any:
        if not history or not history["loss"]:
            return 1.0
        before, now = [history["start"], *history["loss"][-2:]][-2:]
        factors = np.array(history["factor"])
        last, highest = factors[-1], factors.max()
        returns = np.count_nonzero(factors[1:] > 10 * factors[:-1])
        top = highest * 0.9**returns
        fallen = max(history["start"] - min(before, now), 0.0)
        if before - now <= self.threshold * fallen + 1e-14 * abs(before):  # or rounding
            factor = last / 2
        elif last == highest:
            factor = 2 * last
        else:
            factor = min(1.2 * last, top)
        return min(factor if factor >= 0.01 * highest else top, history["ceiling"])
