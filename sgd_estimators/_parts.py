"""Long rows in parts: no mini-batch hangs on one of its rows, and none loses weight.

A row of weight s that is visited m times an epoch, with the weight s / m, pulls as much as
it did, and m times less at once. So the steps of all rows can be as long as those that
typical rows allow, and the mini-batches' gradient is still that of f on average.
"""

import numpy as np
from numpy.typing import NDArray

from ._kernels.objective import Objective

Array = NDArray[np.float64]

TYPICAL = 4  # times the mean of the squared norms: what a part has at most
FAR = 4  # times as much, from which on there are parts


def in_parts(
    f: Objective, norms: Array, batch: int, length: float | None = None
) -> tuple[Objective, Array | None]:
    """Return f with its longest rows in parts, and the share of a row that a part is.

    They are f and None if no row is far longer than the others.

    `norms` are n s_i / S ||x_i||^2 of the active rows, in the metric of the steps. Of a
    stream, `length` is their mean over all rows so far: a row has no more parts there than
    these rows have batches, and what is too long still loses weight.

    A part is as long as TYPICAL rows, so that there are 1 / TYPICAL more visits at most,
    or as `batch` rows of a single column: then it adds less to the curvature of a batch
    than all of the rows do.
    """
    n = f.n_active
    typical = max(float(batch), TYPICAL * (norms.mean() if length is None else length))
    if not norms.max() > FAR * typical:
        return f, None
    places = np.flatnonzero(norms > typical)
    most = n if length is None else max(1, n // batch)
    found = norms[places]
    counts = np.minimum(np.ceil(found / typical), most).astype(np.intp)
    if length is not None:
        while np.sum(counts - 1) > n / TYPICAL:
            counts = (counts + 1) // 2 if counts.max() > 2 else np.ones_like(counts)
    rows = np.arange(f.n_active) if f.active is None else np.asarray(f.active)
    share = np.ones(f.rows.n_rows)
    share[rows[places]] = 1 / counts
    weight = share.copy() if f.weight is None else share * f.weight
    if length is not None:
        weight[rows[places]] *= np.minimum(1.0, FAR * typical * counts / found)
    # The parts of a row are spread evenly over the others.
    again = np.repeat(places, counts - 1)
    first = np.repeat(np.cumsum(counts - 1) - (counts - 1), counts - 1)
    turn = (np.arange(len(again)) - first + 1) / np.repeat(counts, counts - 1)
    place = ((again + turn * f.n_active) % f.n_active).astype(np.intp)
    order = np.argsort(place, kind="stable")
    active = np.insert(rows, place[order], rows[again[order]])
    g = Objective(f.rows, f.loss, f.y, f.alpha, weight, active)
    g.total_weight = f.total_weight
    return g, share
