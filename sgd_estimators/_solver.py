"""optimizer="auto": the optimum with a certificate, by the way that the data asks for."""

import math
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning

from . import _auto, _least_squares, _row_space
from ._blas import one_thread
from ._exceptions import warn
from ._gram import all_blocks, curvature, passes
from ._ground import Ground
from ._inverses import Blocks, Whole
from ._judge import NEAR, Judge, Watch, floors
from ._kernels.losses import Softmax, Squared
from ._kernels.objective import Objective
from ._least_squares import Solved
from ._newton import (
    GROWTH,
    MEMORY,
    ROWS_A_PARAMETER,
    Pairs,
    Point,
    Samples,
    at,
    learn,
    quasi_newton,
)
from ._sample import WHOLE, Sample
from ._state import Outcome
from ._subset import SubsetBound
from ._wide import dual_ascent, least_squares, newton

Array = NDArray[np.float64]

KEPT = 1 << 25  # bytes that a Hessian and its mini-batch may always take
SHARE = 0.1  # of the bytes of X that they may take
PATIENCE = 16  # passes that a sample's rows serve for
TURNED, FORGET = 0.05, 0.5  # of a turn: it goes on; what steps told of the last P is old
WILD = 2  # times the decrement before: a Hessian that is believed the second time
SLOW = 0.03  # what a pass may leave of the decrement
WHOLE_BYTES = 1 << 28  # that a Hessian of all classes may take, in float32
FEW = 3  # steps of Newton's method before the way by the rows
INNER = 1e-6  # of `tol`, in other coordinates, where the last digits cost little
WHY = {
    "max_iter": "Stopped by max_iter before tol was certified: raise max_iter, or tol.",
    "no_improvement": "Stopped by no_improvement before tol was certified: passes change "
    "nothing any more, and no bound says that the model is nearer (it is likely to be). "
    "Raise tol, or the penalty (alpha; a lower C).",
}


def solve(
    f: Objective,
    start: tuple[Array, Array] | None,
    tol: float,
    max_iter: int,
    seed: Callable[[], int],
    watch: Watch,
) -> Outcome:
    """Return the optimum of f, to a gap of `tol` times what f can fall.

    Parameters
    ----------
    f : Objective
        Its metric is set on the way.
    start : (coef, intercept) or None
        Where to begin, in the units of the data; None: at the best constant.
    tol : float
    max_iter : int
        Passes over the data.
    seed : callable
        Draws it, where it is needed.
    watch : Watch

    Warns
    -----
    ConvergenceWarning
        Where the bound stays above what `tol` asks for.
    """
    outcome = find(f, start, tol, max_iter, seed, watch)
    if outcome.stop_reason in WHY:
        numbers = "The numbers are in gap_, objective_ and n_iter_."
        warn(f"{WHY[outcome.stop_reason]} {numbers}", ConvergenceWarning)
    return outcome


def find(
    f: Objective,
    start: tuple[Array, Array] | None,
    tol: float,
    max_iter: int,
    seed: Callable[[], int],
    watch: Watch,
) -> Outcome:
    """Do what `solve` does, without a warning."""
    passes = Passes(f, tol, max_iter, seed, watch)
    if watch.begin:
        watch.begin()
    squared = isinstance(f.loss, Squared)
    try:
        if squared and not _row_space.fits(f) and _least_squares.pays(f):
            return passes.exact(_least_squares.solve(f))
        with one_thread():
            return passes.found(start)
    except KeyboardInterrupt:
        if passes.best is None:
            raise
        f.set_metric(*passes.metric)  # in which the best point is
        return passes._outcome("interrupted")


class Passes(Judge):
    """Mini-batches that grow, then full passes, until the bound is small enough."""

    def found(self, start: tuple[Array, Array] | None) -> Outcome:
        """Return the optimum, by the way that the data asks for."""
        f = self.f
        if isinstance(f.loss, Squared):
            if _row_space.fits(f):
                solved = _row_space.solve(f)
                if self.reached(solved):
                    return self.exact(solved)
                start = solved.coef, solved.intercept
            if _least_squares.pays(f):
                return self.exact(_least_squares.solve(f))
        elif _row_space.pays(f):
            outcome = self.by_rows(start)
            if outcome.stop_reason != "no_improvement":
                return outcome
            start = f.rows.to_user(outcome.W)
        outcome = self.outcome(start)
        several = isinstance(f.loss, Squared) and f.n_outputs > 1
        return self.each() if several and outcome.converged else outcome

    def reached(self, solved: Solved) -> bool:
        """Return whether the optimum of each output is certified."""
        gap = self._whole_gap(solved)
        return bool(self._enough(solved.start, solved.value, gap).all())

    def _whole_gap(self, solved: Solved) -> Array:
        """Return the gap of each output, with what f has of rounding."""
        W = self.f.rows.from_user(solved.coef, solved.intercept)
        return solved.gap + self.certificate.noise(W, solved.value)

    def _enough(self, start: Array, value: Array, gap: Array) -> NDArray[np.bool_]:
        """Return whether each target's gap is what `tol` asks for; or all is rounding."""
        rounding = np.maximum(1e-14 * start, 1e-30 * start.sum())
        enough = gap <= self.tol * (start - value + gap) + rounding
        return np.asarray(np.isfinite(gap) & enough)

    def exact(self, solved: Solved) -> Outcome:
        """Return the solution of the normal equations."""
        W = self.f.rows.from_user(solved.coef, solved.intercept)
        value, gap = float(solved.value.sum()), self._whole_gap(solved)
        self.best = Point(W, value, np.zeros_like(W)), float(gap.sum()), "least squares"
        enough = self._enough(solved.start, solved.value, gap).all()
        reason = "certified" if enough else "no_improvement"
        self._note(reason)
        return self._outcome(reason)

    def by_rows(self, start: tuple[Array, Array] | None) -> Outcome:
        """Run in the space of the rows, and return what f says of where it ended."""
        f = self.f
        if issparse(f.rows.X):  # whose rows may have so little in common that this will do
            if start is None:
                start = self._ascended()
            W = _auto.start(f) if start is None else f.rows.from_user(*start)
            for point in islice(newton(f, W, None, self._duals), FEW):
                if stop := self._judge(point, math.inf):
                    return self._outcome(stop)
                start = f.rows.to_user(point.W)
        space = _row_space.Coordinates(f)

        def seen(W: Array) -> Array:
            return f.rows.from_user(*space.outside(W))

        told, score, begin = self.watch
        watch = Watch(
            told and (lambda W, k, record: told(seen(W), k, record)),
            score and (lambda W: score(seen(W))),
            begin,
        )
        inner = Passes(space.f, INNER * self.tol, self.max_iter, self.seed, watch)
        inner.begun, inner.records, inner.rough = self.begun, self.records, True
        wide = space.f.n_params > WHOLE
        found = inner.outcome(start and space.inside(*start), wide)
        f.set_metric(space.rows.mean, np.ones(f.rows.n_features))
        point = at(f.value_and_gradient, seen(found.W))
        gap, name = self._gap(point, 0.0, math.inf)
        self.best, self.t, reason = (point, gap, name), inner.t, found.stop_reason
        self.records[-1] |= {"loss": point.value, "objective": point.value, "gap": gap}
        if self._certified(point.value, gap):
            reason = "certified"
        elif reason == "certified":  # but not beyond rounding
            reason = "no_improvement"
        return self._outcome(reason)

    def outcome(self, start: tuple[Array, Array] | None, wide: bool = False) -> Outcome:
        """Run, and return where it ended."""
        wide = wide or not fits(self.f)
        if start is not None and isinstance(self.f.loss, Softmax):
            # Here f is lowest, and a sample's Hessian holds its bound.
            start = start[0] - start[0].mean(axis=0), start[1] - np.mean(start[1])
        try:
            reason = self._run_wide(start) if wide else self._run(start)
        except KeyboardInterrupt:
            if self.best is None:
                raise
            self.f.set_metric(*self.metric)  # in which the best point is
            reason = "interrupted"
        return self._outcome(reason)

    def each(self) -> Outcome:
        """Go on with the targets that are certified in the sum only, each by itself."""
        f = self.f
        assert self.best is not None
        point, _, name = self.best
        own, gap = self.ground.meet(point.W)
        far = np.flatnonzero(~self._enough(floors(f), own, gap))
        coef, intercept = f.rows.to_user(point.W)
        reason: str | None = "certified"
        for k in far:
            y = np.ascontiguousarray(f.y[:, [k]])
            one = Objective(f.rows, f.loss, y, f.alpha[[k]], f.weight, f.active)
            one.n_jobs = f.n_jobs
            inner = Passes(one, self.tol, self.max_iter, self.seed, Watch())
            found = inner.outcome((coef[[k]], intercept[[k]]))
            coef[[k]], intercept[[k]] = one.rows.to_user(found.W)
            own[k], gap[k] = found.objective, found.gap
            reason = reason if found.converged else found.stop_reason
            if found.stop_reason == "interrupted":
                break
        if len(far):
            f.set_metric(f.rows.mean, f.rows.scale)  # the rows' own has changed
            W = f.rows.from_user(coef, intercept)
            self.best = Point(W, float(own.sum()), point.G), float(gap.sum()), name
            reason = self._note(reason)
        return self._outcome(reason or "certified")

    def _run(self, start: tuple[Array, Array] | None) -> str:
        f = self.f
        F = f.value_and_gradient
        squared = isinstance(f.loss, Squared)
        samples = Samples(f, self.seed())
        W = _auto.start(f) if start is None else f.rows.from_user(*start)
        size = samples.sizes[-1]
        for sample in samples:
            m = len(sample)
            # The optimum of m rows is d / 2m above f*; of all rows, it is no estimate.
            tol = W.shape[1] / (2 * m) if m < f.n_active else 1e-13
            W, P = learn(sample, W, tol, last=m >= size and self._cheap(sample))
            self._bound_by(sample, P)
            self.t += 1
        point = at(F, W)
        if not point.value <= self.floor:  # the sample was too small to learn from
            point = at(F, _auto.start(f))
            P = sample.hessian(point.W)
            self._bound_by(sample, P)
        if isinstance(f.loss, Softmax) and isinstance(P, Blocks):
            finer = partial(all_blocks, f) if fits_whole(f) else None
            shared = partial(curvature, f)
            return self._judge_all(newton(f, point.W, shared, self._duals, finer))
        if stop := self._judge(point, decrement(point, P)):
            return stop
        while True:
            begun, near = point.value, [decrement(point, P)]
            pairs: Pairs = deque(maxlen=MEMORY)
            # A mini-batch's own tells more of this point than all rows' of another one.
            turning, doubted = not squared and self._cheap(sample), False
            for _ in range(PATIENCE):
                new = next(quasi_newton(F, point, P, squared, pairs), None)
                if new is None:
                    break
                point = new
                near.append(decrement(point, P))
                if stop := self._judge(point, near[-1]):
                    return stop
                if turning and near[-1] > SLOW * near[-2]:
                    other, before = sample.hessian(point.W), near[-1]
                    after = decrement(point, other)
                    doubted = after > WILD * before and not doubted
                    if not doubted:
                        P, near[-1] = other, after
                        turned = turn(before, after)
                        turning = turned > TURNED
                        if turned > FORGET:
                            pairs.clear()
                if self._soonest(samples.most, size, near) != size:
                    break
            if point.value >= begun and size >= samples.most:
                return "no_improvement"
            grown = min(GROWTH * size, samples.most)
            size = max(self._soonest(samples.most, size, near), grown)
            if size > samples.most:  # of which no sample is kept
                P = curvature(f, point.W)
                continue
            if size < f.n_active:
                sample = samples.bent(size, point.W)
            P = sample.hessian(point.W)
            self._bound_by(sample, P)

    def _cheap(self, sample: Sample) -> bool:
        """Return whether a sample's Hessian takes no longer than a pass."""
        return len(sample) * passes(self.f) <= self.f.n_active

    def _soonest(self, most: int, size: int, near: list[float]) -> int:
        """Return how many rows the Hessian is to have for the run to end soonest.

        The next passes leave the same share of what is `near` as the last two did. With
        more rows, the share is less in proportion, but their Hessian costs some passes.
        """
        f, n = self.f, self.f.n_active
        if len(near) < 3 or not 0 < near[-1] < near[-3] or self.best is None:
            return size
        wanted = max(self._wanted(self.best[0].value), 1e-300)
        left = math.log(max(near[-1] / wanted, 1.0))
        speed = 0.5 * math.log(near[-3] / near[-1])
        times = {size: left / speed}
        whole = n if n <= most or not isinstance(f.loss, Softmax) else most
        for rows in (min(GROWTH * size, most), whole):
            if rows > size:
                faster = speed + math.log(rows / size)
                times[rows] = rows / n * passes(f) + left / faster
        return min(times, key=lambda rows: times[rows])

    def _run_wide(self, start: tuple[Array, Array] | None) -> str:
        f = self.f
        F = f.value_and_gradient

        penalised, met = bool(np.all(f.alpha > 0)), len(self.records) + 1

        def enough(point: Point, left: float, dual: float) -> bool:
            value, gap = point.value, point.value
            if math.isfinite(dual):
                # If it was not, rounding made the dual too high.
                noise = float(self.certificate.noise(point.W, value).sum())
                off = 2.0 ** (len(self.records) - met)
                gap = min(gap, off * max(value - dual, 0.0) + noise)
            never = not penalised and left <= NEAR * self.tol * (self.floor - value)
            return self._certified(value, gap) or never

        if start is None:
            start = self._ascended()
        point = at(F, _auto.start(f) if start is None else f.rows.from_user(*start))
        if not point.value <= self.floor:
            point = at(F, _auto.start(f))
        points: Iterator[Point]
        if isinstance(f.loss, Squared):
            steps = least_squares(f, point, enough, self._duals)
            points = chain([point], steps if penalised else islice(steps, 1))
        else:
            steps = newton(f, point.W, None, self._duals)
            points = steps if start is None else chain([point], steps)
        return self._judge_all(points)

    def _ascended(self) -> tuple[Array, Array] | None:
        return dual_ascent(self.f, self._wanted, self.seed())

    @property
    def _duals(self) -> Ground | None:
        """What learns of a step's dual: in f's own coordinates, under a penalty."""
        return None if self.rough or not np.all(self.f.alpha > 0) else self.ground

    def _bound_by(self, sample: Any, P: Any) -> None:
        if self.rough:
            return
        if isinstance(P, Whole):  # whose matrix costs many passes: the fewest rows do
            self.subset = self.subset or SubsetBound(sample)
        elif not isinstance(self.f.loss, Softmax):
            self.subset = SubsetBound(sample)


def fits(f: Objective) -> bool:
    """Return whether a Hessian and the rows that it is made of fit the memory."""
    D = f.rows.n_features + 1
    room = max(KEPT, SHARE * f.rows.row_bytes * f.n_active)
    return 8 * D * (D + min(f.n_active, ROWS_A_PARAMETER * D)) <= room


def fits_whole(f: Objective) -> bool:
    """Return whether a Hessian of all classes fits the memory."""
    return 4 * f.n_params**2 <= WHOLE_BYTES


def decrement(point: Point, P: Callable[[Array], Array]) -> float:
    """Return 1/2 g' P^-1 g, about f - f*."""
    return 0.5 * float(np.sum(point.G * P(point.G)))


def turn(before: float, after: float) -> float:
    """Return how far a Hessian turned: the log of what that made of the decrement."""
    return abs(math.log(after / before)) if min(before, after) > 0 else 0.0
