"""The certified solver: W <- W - P^-1 grad f(W), P a matrix learned from a mini-batch.

Mini-batches grow four-fold and take Newton steps of their own; then full passes go on
with the last mini-batch's Hessian P (Byrd et al. 2012; Mokhtari & Ribeiro 2016), L-BFGS
correcting what it missed. A mini-batch of m rows is off by about d/m, and each pass
multiplies that by about d/m again, whatever the scales and correlations of the columns.
"""

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from . import _auto
from ._kernels.columns import far, far_entries
from ._kernels.losses import Softmax, Squared
from ._kernels.objective import Objective
from ._kernels.rows import numbers
from ._pool import spread
from ._sample import WHOLE, Sample
from ._scores import means

Array = NDArray[np.float64]
Call = Callable[[Array], tuple[float, Array]]
Solve = Callable[[Array], Array]
Pairs = deque[tuple[Array, Array, float]]  # a step, how the gradient changed, 1 / both

ROWS_A_PARAMETER = 5  # of the first mini-batch
GROWTH = 4
FAR, NEAR = 0.1, 0.01  # a fall of f by these shares has changed the Hessian, somewhat
ENOUGH = 16  # of the last one, where its Gram matrix costs, of each entry of X, ...
CHEAP, DEAR = 4, 8  # ... so many multiplications
KEPT = 1 << 22  # bytes of rows that may always be kept
SHARE = 0.05  # of the bytes of X that may be
STEPS = 8  # Hessians that a mini-batch is worth
DAMPING, RISES, GAIN = 0.1, 12, 0.5  # the least one, its ten-fold rises, the least gain
ARMIJO = 1e-4  # of the decrease that the slope promises
MEMORY = 10  # pairs that L-BFGS keeps
SPREAD = 10  # rows that a column must be spread over, in effect


class Point(NamedTuple):
    """An iterate with its value and gradient."""

    W: Array
    value: float
    G: Array


def at(F: Call, W: Array) -> Point:
    """Return the point W of F."""
    value, G = F(W)
    return Point(W, float(value), G)


def descend(F: Call, point: Point, direction: Array, quadratic: bool) -> Point | None:
    """Return W + a direction with sufficient decrease; None where rounding forbids it.

    A quadratic F is minimised along the direction, from the two gradients alone.
    """
    slope = float(np.sum(point.G * direction))
    if not slope < 0:
        return None
    # No loss is negative: a longer step cannot keep what Armijo's rule asks for.
    rate = 1.0 if quadratic else min(1.0, -point.value / (ARMIJO * slope))
    for _ in range(30):
        new = at(F, point.W + rate * direction)
        if quadratic and np.isfinite(new.value):
            bend = float(np.sum((new.G - point.G) * direction)) / rate
            best = -slope / bend if bend > 0 else 1.0
            W, value = point.W + best * direction, point.value + 0.5 * best * slope
            if value < 0:  # no loss is: all digits are lost
                return at(F, W)
            return Point(W, value, point.G + best / rate * (new.G - point.G))
        if new.value <= point.value + ARMIJO * rate * slope + 1e-15 * abs(point.value):
            return new
        # The minimum of the parabola through both values and the slope.
        drop = new.value - point.value - rate * slope
        best = -0.5 * slope * rate * rate / drop if np.isfinite(drop) else 0.0
        rate = min(max(best, 0.1 * rate), 0.5 * rate)
    return None


def quasi_newton(
    F: Call,
    point: Point,
    solve: Solve | None,
    quadratic: bool,
    pairs: Pairs | None = None,
) -> Iterator[Point]:
    """Yield the points of L-BFGS that begins with P^-1, until rounding ends it.

    Without P, the last pair tells the size of a step. It goes on with the `pairs` of an
    earlier one.
    """
    pairs = deque(maxlen=MEMORY) if pairs is None else pairs
    P = solve or (lambda G: G)
    while True:
        q, parts, scale = point.G.copy(), [], 1.0
        if pairs:
            s, y, r = pairs[-1]
            scale = 1 / (r * float(np.sum(y * P(y))))
            scale = min(max(scale, 0.1), 1.0) if solve else scale
        for s, y, r in reversed(pairs):
            parts.append(r * float(np.sum(s * q)))
            q -= parts[-1] * y
        q = scale * P(q)
        for (s, y, r), part in zip(pairs, reversed(parts), strict=True):
            q += (part - r * float(np.sum(y * q))) * s
        new = descend(F, point, -q, quadratic)
        if new is None:
            if not pairs:
                return
            pairs.clear()
            continue
        s, y = new.W - point.W, new.G - point.G
        if (bent := float(np.sum(s * y))) > 0:
            pairs.append((s, y, 1 / bent))
        point = new
        yield point


def remembered(F: Call) -> Call:
    """Return F, which knows its last point: who looks at a step takes it, too."""
    last: Any = None

    def call(W: Array) -> tuple[float, Array]:
        nonlocal last
        if last is None or not np.array_equal(W, last[0]):
            last = W, F(W)
        value: tuple[float, Array] = last[1]
        return value

    return call


def damped(sample: Sample, F: Call, point: Point, damping: float) -> tuple[Solve, float]:
    """Return P^-1, P = H + damping H0, whose step keeps GAIN of what it promises.

    Rows that are sure of themselves hardly bend, but would on the way: of H alone, a step
    may be far too long. The Hessian H0 where f begins limits it (Levenberg 1944; Marquardt
    1963), whatever the scales and correlations of the columns.
    """
    H = sample.bend(sample.means(sample.scores(point.W)))
    damping = damping if damping >= DAMPING else 0.0
    for _ in range(RISES):
        solve = sample.inverse(H + damping * sample.bend_at_start if damping else H)
        step = solve(point.G)
        promised = 0.5 * float(np.sum(step * point.G)) - 1e-15 * abs(point.value)
        value = F(point.W - step)[0]
        if point.value - value >= GAIN * promised:
            break
        damping = max(DAMPING, 10 * damping)
    return solve, damping


def learn(sample: Sample, W: Array, tol: float, last: bool = True) -> tuple[Array, Any]:
    """Return the sample's optimum, to `tol`, and a P^-1: if `last`, one near it.

    Of a squared loss, it is a part of f.
    """
    F = remembered(sample.value_and_gradient)
    quadratic = isinstance(sample.f.loss, Squared)
    point, damping = at(F, W), 0.0
    solve: Any = None
    for _ in range(STEPS):
        origin = point
        if quadratic:
            solve = solve or sample.hessian(point.W)
        else:
            solve, damping = damped(sample, F, point, 0.1 * damping)
        enough = True
        for new in islice(quasi_newton(F, point, solve, quadratic), 20):
            fallen, point = point.value - new.value, new
            enough = fallen <= (tol * point.value if quadratic else tol)
            if enough or fallen > FAR * abs(point.value):
                break
        if enough:
            break
    moved = origin.value - point.value > NEAR * abs(point.value)
    if last and not quadratic and (moved or damping):
        solve = sample.hessian(point.W)
    return point.W, solve


class Samples:
    """Draws mini-batches that grow, of rows as they are met: by weight.

    The last one holds ENOUGH rows a parameter, if their Gram matrix costs about a pass.
    """

    def __init__(self, f: Objective, seed: int) -> None:
        self.f = f
        n, D = f.n_active, f.rows.n_features + f.rows.fit_intercept
        self.rng = rng = np.random.default_rng([seed, 2])
        least_bytes = 8 * ROWS_A_PARAMETER * D * D  # which go with a Hessian that fits
        room = int(max(KEPT, SHARE * n * f.rows.row_bytes, least_bytes)) // (8 * D)
        width = D * f.n_outputs if isinstance(f.loss, Softmax) else D
        if width > WHOLE:
            width = D
        least = max(ROWS_A_PARAMETER * width, 256)
        once = f.n_outputs * n // width  # rows for a multiplication of each entry of X
        last = int(np.clip(ENOUGH * width, CHEAP * once, DEAR * once))
        last = min(n, room, max(least, last))
        if 4 * last > n and n <= room:
            last = n
        self.sizes, self.most = [last], min(n, room)
        while self.sizes[0] // GROWTH >= least:
            self.sizes.insert(0, self.sizes[0] // GROWTH)
        self.rare: Any = np.arange(0)
        places = np.arange(n) if last == n else self._draw(last)
        self._moments(places)
        self.keep(rng.permutation(places) if last == n and len(self.sizes) > 1 else places)

    def _draw(self, size: int) -> Any:
        f, n = self.f, self.f.n_active
        if f.weight is None:
            return self.rng.choice(n, size, replace=False)
        return self.rng.choice(n, size, p=f.take(f.weight) / f.total_weight)

    def _rows(self, places: Any) -> Any:
        """Return the numbers of the rows at these places."""
        return places if self.f.active is None else self.f.active[places]

    def keep(self, places: Any) -> None:
        """Hold the rows at these places, behind those of rare columns, as they are seen.

        So a smaller mini-batch is the beginning of a larger one.
        """
        f, drawn = self.f, self._rows(places)
        if len(places) == f.n_active:
            self.rare = self.rare[:0]
        rows = np.concatenate([self.rare, drawn])
        weight = np.ones(len(rows)) if f.weight is None else f.weight[rows]
        by_weight = f.weight is not None and len(places) < f.n_active
        s = np.ones(len(rows)) if by_weight else weight.copy()
        share = weight / f.total_weight
        if by_weight:  # a row may have come twice, but the bound counts it once
            again = np.ones(len(rows), bool)
            again[np.unique(rows, return_index=True)[1]] = False
            share[again] = 0.0
        if count := len(self.rare):
            rare = np.zeros(f.rows.n_rows, bool)
            rare[self.rare] = True
            share[count:][rare[drawn]] = s[count:][rare[drawn]] = 0.0
            s[:count] = self.each * share[:count]
        self.places, self.kept = places, Sample(f, rows, s, share)

    def _moments(self, places: Any) -> None:
        """See f in the metric of the rows, and find the rows of rare columns."""
        f = self.f
        n = len(places)
        mean, square, fourth = f.rows.powers(self._rows(places))
        f.set_metric(*_auto.metric(f, (mean, square), all_columns=True))
        spread = n * square**2 / np.where(fourth > 0, fourth, 1.0)
        rare = np.flatnonzero(spread < SPREAD)
        if n < f.n_active:
            found = np.zeros(f.rows.n_rows, np.uint8)
            self._mark_deviating(found, rare, mean, square)
            self._mark_few(found, places)
            limit = max(n // 2, 1)
            rows = np.flatnonzero(found)
            self.each = len(rows) // limit + 1
            self.rare = rows[:: self.each]

    def _mark_few(self, found: NDArray[np.uint8], places: Any) -> None:
        """Mark the rows of the classes that were hardly met."""
        f = self.f
        if isinstance(f.loss, Squared):
            return
        classes = max(2, f.n_outputs)
        label = f.y[self._rows(places), 0].astype(np.intp)
        few = np.flatnonzero(np.bincount(label, minlength=classes) < SPREAD)
        if len(few):
            found[numbers(f.indices)[np.isin(f.take(f.y)[:, 0], few)]] = 1

    def _mark_deviating(
        self, found: NDArray[np.uint8], columns: Any, mean: Array, square: Array
    ) -> None:
        """Mark the rows that differ most from the others in these columns."""
        f, X, reach = self.f, self.f.rows.X, 3 * np.sqrt(square)
        if not len(columns):
            return
        low, high = np.full((2, len(mean)), [[-np.inf], [np.inf]])
        low[columns], high[columns] = (mean - reach)[columns], (mean + reach)[columns]

        def mark(rows: Any) -> None:
            if issparse(X):
                far_entries(X.data, X.indices, X.indptr, rows, low, high, found)
            else:
                far(X, rows, columns, low, high, found)

        spread(mark, np.array_split(numbers(f.indices), 2 * f.n_jobs), f.n_jobs)
        if issparse(X) and len(off := columns[(low > 0)[columns] | (high < 0)[columns]]):
            stored = np.asarray((X[:, off] != 0).sum(axis=1)).ravel()
            rows = numbers(f.indices)
            found[rows[stored[rows] < len(off)]] = 1

    def __iter__(self) -> Iterator[Sample]:
        for size in self.sizes:
            yield self.sample(size)

    def bent(self, size: int, W: Array) -> Sample:
        """Return about `size` rows, drawn by how much their loss bends at W.

        The others are hardly in the Hessian. Where the chances of all rows would take
        too much memory beside X, or all losses bend alike, it is a `sample`.
        """
        f = self.f
        few = 6 * 8 <= SHARE * f.rows.row_bytes
        if isinstance(f.loss, Squared) or size >= f.n_active or not few:
            return self.sample(size)
        p = means(f.loss, f.scores(W))
        chance = np.sum(p * (1 - p), axis=1)
        chance += 0.1 * chance.mean()
        share = np.full(f.n_active, 1 / f.n_active)
        if f.weight is not None:
            share = f.take(f.weight) / f.total_weight
        chance *= share
        if len(self.rare):
            chance[np.searchsorted(numbers(f.indices), self.rare)] = np.inf
        for _ in range(5):  # certain rows leave the others more room
            free = chance < 1
            chance[free] *= (size - np.sum(~free)) / max(chance[free].sum(), 1e-300)
            if size <= np.sum(~free):
                break
        chance = np.clip(chance, 0.0, 1.0)
        drawn = np.flatnonzero(self.rng.random(len(chance)) < chance)
        share = share[drawn]
        return Sample(f, numbers(f.indices)[drawn], share / chance[drawn], share)

    def sample(self, size: int) -> Sample:
        """Return a mini-batch, with the rows of the rare columns, weighted as in f."""
        if size > len(self.places):
            n = self.f.n_active
            self.keep(np.arange(n) if size == n else self._draw(size))
        return self.kept.first(len(self.rare), size)
