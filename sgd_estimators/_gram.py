"""The Hessian of f over all rows, in one pass that keeps none of them."""

from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from ._blas import WIDE, one_thread
from ._inverses import ROWS, Blocks, Whole
from ._kernels.losses import Softmax, Squared
from ._kernels.objective import Objective
from ._kernels.rows import numbers, span
from ._pool import spread
from ._sample import WHOLE
from ._scores import bends, means

Array = NDArray[np.float64]

PARTS, PART_BYTES = 16, 1 << 20  # of the rows: their number at most, their size at least
MATRICES_BYTES = 1 << 25  # of the sums of more than two parts
FEW = 1024  # rows of a product by BLAS
SQUARES_A_PASS = 9  # of the columns that a product of the rows takes, a pass of one's time
SPARSE = 5  # the same for CSR, of the non-zeros


def in_parts(f: Objective, part: Callable[[Any], Array]) -> Array:
    """Return the sum of a function of parts of the rows, on threads.

    It is added up in their order: the bits do not depend on how many threads there are.
    """
    n, d = f.n_active, f.rows.n_features
    most = min(PARTS, max(2, MATRICES_BYTES // (8 * d * d + 1)))
    parts = int(min(max(f.rows.row_bytes * n // PART_BYTES, 1), most))
    rows = [f.indices[i * n // parts : (i + 1) * n // parts] for i in range(parts)]
    return np.asarray(sum(spread(part, rows, f.n_jobs)))


def gram(f: Objective, weight: Array | None) -> Array:
    """Return sum_i s_i x_i x_i' over the rows as they are seen."""
    if issparse(f.rows.X) or f.rows.n_features < WIDE:
        return in_parts(f, partial(f.rows.gram, weight=weight))
    with one_thread():
        return in_parts(f, partial(products, f, weight))


def products(f: Objective, weight: Array | None, rows: Any) -> Array:
    """Return the same over some rows, by BLAS."""
    H: Any = 0.0
    for begin in range(0, len(rows), FEW):
        part = numbers(rows[begin : begin + FEW])
        A = f.rows.seen(part)
        if weight is not None:
            A *= np.sqrt(weight[part])[:, None]
        H += A.T @ A
    return np.asarray(H)


def passes(f: Objective) -> float:
    """Return about how many passes as long as the Hessian of all rows takes."""
    X, d, K = f.rows.X, f.rows.n_features, f.n_outputs
    one = X.nnz / X.shape[0] / SPARSE if issparse(X) else d / SQUARES_A_PASS
    return one * K if isinstance(f.loss, Softmax) and K * d <= WHOLE else one / K


def curvature(f: Objective, W: Array) -> Blocks:
    """Return G -> P^-1 G with P the Hessian at W; of softmax, the classes' mean one."""
    weight = f.weight
    if not isinstance(f.loss, Squared):
        p = means(f.loss, f.scores(W))
        s = np.ones(f.n_active) if weight is None else f.take(weight)
        weight = np.zeros(f.rows.n_rows)
        weight[span(f.indices)] = s * bends(f.loss, p, s)
    H = gram(f, weight) / f.total_weight
    return Blocks([H + np.diag(g) for g in f.penalty])


def all_blocks(f: Objective, W: Array) -> Whole:
    """Return the same of softmax with all blocks of its Hessian, in float32."""
    K, D = W.shape
    s = np.ones(f.n_active) if f.weight is None else f.take(f.weight)
    share = np.sqrt(s / f.total_weight)[:, None]
    root = np.sqrt(means(f.loss, f.scores(W)))
    rows, pairs = numbers(f.indices), list(combinations(range(K), 2))
    H = np.zeros((K, D, K, D), np.float32)

    def add(pair: tuple[int, int]) -> None:
        k, j = pair
        B = (root[part, k] * root[part, j]).astype(np.float32)[:, None] * A
        H[k, :, j] -= B.T @ B

    for begin in range(0, f.n_active, ROWS):
        part = slice(begin, begin + ROWS)
        A = (share[part] * f.rows.seen(rows[part])).astype(np.float32)
        spread(add, pairs, f.n_jobs)
    return Whole.of_pairs(H, f.penalty)
