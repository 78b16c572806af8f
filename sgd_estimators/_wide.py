"""Where a Hessian is too large to hold: dual ascent, then Newton's method by passes.

Dual coordinate ascent (Shalev-Shwartz & Zhang 2013) makes the first digits while it is
quick. Then the step P^-1 grad f of Newton's method is computed by conjugate gradients,
each of which costs a pass, in a metric half-way to that of a unit diagonal.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from . import _auto
from ._ground import Ground, Smoothed
from ._kernels.columns import sums
from ._kernels.dual import Dual
from ._kernels.losses import Loss, Softmax, Squared, Variance
from ._kernels.objective import Objective
from ._kernels.order import Order
from ._kernels.rows import numbers, span
from ._newton import MEMORY, Pairs, Point, Solve, at, descend, quasi_newton
from ._scores import level, means

Array = NDArray[np.float64]

QUICK = 0.5  # of the dual gap: what an epoch of ascent must leave at most
EPOCHS = 30
EXACT, LOOSE = 0.1, 0.5  # the last conjugate gradient's share of the mean one
CHANGED = 0.9  # of f: from here on, another P^-1 is worth its cost
SETTLED = 0.98  # of f: what PASSES leave of it where the Hessian will stay what it is
FULL, PASSES = 0.5, 50  # where a step is shorter, L-BFGS takes so many
LONG = 100  # pairs that it keeps while P^-1 changes
FINE = 500  # conjugate gradients more, at most, that make a step exact
FAR = 1e3  # times the size of an intercept's column: of others, so large or so small


def dual_ascent(
    f: Objective, wanted: Callable[[float], float], seed: int
) -> tuple[Array, Array] | None:
    """Return coefficients and intercepts after the epochs that were quick; None if none.

    Parameters
    ----------
    f : Objective
    wanted : callable
        The gap that is small enough, by the value of f.
    seed : int
    """
    if not issparse(f.rows.X) or isinstance(f.loss, Softmax) or not np.all(f.alpha > 0):
        return None
    dual, W = Dual(f), _auto.start(f)
    order = Order(f.n_active, f.active, 1, 1)
    dual.refresh(W)
    before = np.inf
    for epoch in range(EPOCHS):
        order.shuffle(seed, epoch, 1)
        W, met = dual.ascend(W, order)
        # Both are as the rows were met: where it ended, the gap is less.
        if dual.left <= wanted(met) * f.total_weight or dual.left > QUICK * before:
            break
        before = dual.left
    return f.rows.to_user(W)


class Bend:
    """The Hessian of f at a point, and its conjugate gradients.

    They are preconditioned by `solve`, or f is seen in a `metric` of the columns.

    Its product with V is the gradient at V of a quadratic: a squared loss of weights l''
    and targets 0, or the variance of the scores over softmax's shares.

    Parameters
    ----------
    f : Objective
        Gets the metric, if there is no `solve`.
    point : Point
        In the metric of before; the attribute of the name is in the new one.
    Z : ndarray of shape (n_active, n_outputs), default=None
        The scores at the point, for losses that are not quadratic.
    solve : callable, default=None
        G -> P^-1 G.
    """

    def __init__(
        self,
        f: Objective,
        point: Point,
        Z: Array | None = None,
        solve: Solve | None = None,
    ) -> None:
        n, own, seen = f.rows.n_rows, f.weight, f.weight
        loss: Loss = Squared()
        y = np.zeros((n, f.n_outputs))
        weight = own
        if Z is not None:
            p = means(f.loss, Z)
            bend = np.maximum((p * (1 - p)).mean(axis=1), 1e-12)
            seen = np.zeros(n)
            seen[span(f.indices)] = bend if own is None else bend * f.take(own)
            weight = seen
            if isinstance(f.loss, Softmax):
                loss, weight = Variance(), own
                y[span(f.indices)] = p
        self.solve = solve
        self.point = moved(f, point, *metric(f, seen)) if solve is None else point
        total = f.n_active if weight is None else f.take(weight).sum()
        self.share = total / f.total_weight
        self.f = Objective(f.rows, loss, y, f.alpha / self.share, weight, f.active)
        self.f.n_jobs = f.n_jobs
        self.separate = isinstance(f.loss, Squared)

    def __call__(self, V: Array) -> Array:
        return self.share * self.f.value_and_gradient(V)[1]

    def smoothed(self, S: Array, R: Array, fall: float) -> Smoothed:
        """Return what finds a high dual, from a step on that makes the quadratic fall."""
        penalty = self.share * self.f.penalty
        value = np.zeros((self.f.n_outputs if self.separate else 1, 1))
        value[0] = -fall
        return Smoothed(np.where(penalty > 0, penalty, self.share), S, R, value)

    def conjugate(self) -> Iterator[tuple[Array, Array, float]]:
        """Yield the step of conjugate gradients, the gradient there and the last fall.

        The outputs of a squared loss are problems of their own.
        """
        axis = 1 if self.separate else None

        def dot(U: Array, V: Array) -> Array:
            return np.asarray(np.sum(U * V, axis=axis, keepdims=True))

        P = self.solve or (lambda G: G)
        R = self.point.G.copy()
        V = P(R)
        S, D, square = np.zeros_like(R), -V, dot(R, V)
        while np.any(square > 0):
            Q = self(D)
            bent = dot(D, Q)
            rate = np.where(bent > 0, square, 0.0) / np.where(bent > 0, bent, 1.0)
            S = S + rate * D
            R = R + rate * Q
            yield S, R, 0.5 * float(np.sum(rate * square))
            V = P(R)
            before, square = square, dot(R, V)
            D = square / np.where(before > 0, before, 1.0) * D - V


def metric(f: Objective, weight: Array | None) -> tuple[Array, Array]:
    """Return the centre and the scale of the columns: half the way to a unit diagonal.

    In a metric that gives the Hessian a diagonal of ones a rare column counts as much as a
    frequent one, and steps fit the many rare ones first. Of sparse data, the fourth root of
    the diagonal is between that and the data's own metric, as AdaGrad's rate is; the
    intercept is a column of ones. Columns that are FAR from it, or else from the median
    one, get the unit diagonal, but for a factor.
    """
    rows, X = f.rows, f.rows.X
    d = rows.n_features
    total = f.n_active if weight is None else f.take(weight).sum()
    if issparse(X):
        first, second = np.zeros(d), np.zeros(d)
        sums(X.data, X.indices, X.indptr, numbers(f.indices), weight, first, second)
        mean, square = first / total, second / total
        if rows.fit_intercept:
            square = np.maximum(square - mean * mean, 1e-10 * square)
    else:
        mean, square = rows.moments(f.indices, weight)
        if not rows.fit_intercept:
            square = square + mean * mean
    if not rows.fit_intercept:
        mean = np.zeros(d)
    square += f.alpha.max(initial=0.0) * f.total_weight / total
    root = np.sqrt(np.where(square > 0, square, 1.0))
    if issparse(X):
        size = 1.0 if rows.fit_intercept else np.median(root)
        root /= np.sqrt(np.clip(root / size, 1 / FAR, FAR))
    return mean, root


def moved(f: Objective, point: Point, mean: Array, scale: Array) -> Point:
    """Return the point in another metric, which f gets."""
    rows, d = f.rows, f.rows.n_features
    G = point.G.copy()
    user = rows.to_user(point.W)
    G[:, :d] = (
        G[:, :d] * rows.scale + G[:, d:] * rows.mean
        if rows.fit_intercept
        else (G * rows.scale)
    )
    f.set_metric(mean, scale)
    if rows.fit_intercept:
        G[:, :d] -= G[:, d:] * mean
    G[:, :d] /= scale
    return Point(rows.from_user(*user), point.value, G)


def least_squares(
    f: Objective,
    point: Point,
    enough: Callable[[Point, float, float], bool],
    ground: Ground | None,
) -> Iterator[Point]:
    """Yield the points where conjugate gradients ended, until rounding ends it.

    They go on until their own recurrences say `enough`, then meet the true gradient; it is
    asked of a point, of about what is left there, and of how high the dual is. The `ground`
    learns of the highest.
    """
    bend = Bend(f, point)
    while True:
        before, near, fall = bend.point, bend.point, 0.0
        low, dual = bend.smoothed(np.zeros_like(before.G), before.G, 0.0), -math.inf
        for k, (S, R, gain) in enumerate(bend.conjugate(), 1):
            fall += gain
            near = Point(before.W + S, before.value - fall, R)
            if ground is not None:
                low.meet(S, R)
                dual = before.value + low.dual
            if gain <= 1e-17 * fall or enough(near, k * gain, dual):
                break
        if not fall > 0:
            return
        if ground is not None:
            ground.meet(before.W + low.S)
        bend.point = at(f.value_and_gradient, near.W)
        if stuck(before, bend.point):
            return
        yield bend.point


def newton(
    f: Objective,
    W: Array,
    precondition: Callable[[Array], Solve] | None = None,
    ground: Ground | None = None,
    finer: Callable[[Array], Solve] | None = None,
) -> Iterator[Point]:
    """Yield the points of Newton's method, until rounding ends it.

    The steps are searched along, and the intercepts chosen, on the scores: no pass. They
    are as exact as the last one's prediction was. `precondition` returns G -> P^-1 G for a
    W; see `Bend`. Where a step would have to be short, far rows bend f more than the
    Hessian knows: L-BFGS takes PASSES, and more as long as P^-1 can be made anew and a pass
    brings more than one of the step's did. Where P stays what it is, or a step takes long,
    a `finer` P^-1 takes its place. The `ground` learns of steps near the optimum.
    """
    F, Z = f.value_and_gradient, f.scores(W)
    pairs: Pairs = deque(maxlen=LONG)
    point: Point | None = None
    solve: Solve | None = None
    loose, fall, made, spent = LOOSE, 0.0, np.inf, 0
    while True:
        if f.rows.fit_intercept:
            up = level(f, Z)
            Z += up
            W[:, -1] += up
        new = at(F, W)
        if point is not None:
            if stuck(point, new):
                return
            loose = float(np.clip(abs(1 - (point.value - new.value) / fall), EXACT, LOOSE))
        yield new
        if precondition and (new.value <= CHANGED * made or spent >= PASSES):
            solve, made, spent = precondition(new.W), new.value, 0
        bend = Bend(f, new, Z, solve)
        point, steps = bend.point, enumerate(bend.conjugate(), 1)
        S, R, fall, k = np.zeros_like(point.G), point.G, 0.0, 0
        for k, (S, R, gain) in steps:  # noqa: B007
            fall += gain
            if k * gain <= loose * fall:  # one more would hardly help
                break
        rise = f.scores(S)
        if ground is not None and ground.near(point.value, Z, rise):
            low = bend.smoothed(S, R, fall)
            for k, (S, R, gain) in islice(steps, FINE):  # noqa: B007
                fall += gain
                low.meet(S, R)
                if ground.solved(point.value, -fall - low.dual):
                    break
            rise = f.scores(S)
            ground.lift(point.W + low.S, Z, f.scores(low.S))
        spent += k
        if finer and k > PASSES:
            precondition, finer = finer, None
        ahead = search(f, point, S, Z, rise)
        if ahead is None:
            return
        rate = float(ahead.W[0])
        if rate < FULL:
            new, pairs = point, pairs if precondition else deque(maxlen=MEMORY)
            while True:
                begun, passes = new, quasi_newton(F, new, solve, False, pairs)
                for new in islice(passes, PASSES):
                    yield new
                a_pass = (begun.value - new.value) / PASSES
                worse = a_pass <= max(point.value - ahead.value, 0.0) / k
                if precondition is None or worse:
                    break
                if finer and new.value > SETTLED * begun.value:
                    precondition, finer = finer, None
                solve, made, spent = precondition(new.W), new.value, 0
            if new.value < ahead.value:
                W, Z, point = new.W.copy(), f.scores(new.W), None
                continue
        Z += rate * rise
        W = point.W + rate * S


def search(f: Objective, point: Point, S: Array, Z: Array, rise: Array) -> Point | None:
    """Return how far to go along S, by Armijo's rule; None where rounding forbids it."""
    y, n = f.take(f.y), f.n_active
    s = (np.ones(n) if f.weight is None else f.take(f.weight)) / f.total_weight

    def along(t: Array) -> tuple[float, Array]:
        loss = f.loss.slopes(y, s, Z + t * rise)
        W = point.W + t * S
        return loss + 0.5 * float(np.sum(f.penalty * W * W)), t

    slope = np.array([np.sum(point.G * S)])
    here = Point(np.zeros(1), point.value, slope)
    return descend(along, here, np.ones(1), False)


def stuck(before: Point, after: Point) -> bool:
    """Return whether rounding ends a descent.

    Where the values are all rounding, the gradient, and with it the bound, may go on.
    """
    flat = not after.value < before.value
    return flat and not np.sum(after.G**2) < 0.25 * np.sum(before.G**2)
