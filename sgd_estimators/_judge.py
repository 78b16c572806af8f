"""When a run of passes ends: its records, its best point and its bound."""

import math
import time
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from ._certificates import Certificate, class_shares
from ._gram import passes
from ._ground import Ground
from ._kernels.losses import Squared
from ._kernels.objective import Objective
from ._newton import Point
from ._state import FIELDS, Outcome
from ._subset import SubsetBound

Array = NDArray[np.float64]

NEAR = 1e-3  # of what `tol` asks for, and ...
FAR = 1e-11  # of f at the best constant: nearer than both, no bound will come
TRY = 2  # of the time that the Hessian of a mini-batch takes: its bound's


class Watch(NamedTuple):
    """What looks at a run: after a pass, a callback and a score; before it, `begin`."""

    callback: Callable[[Array, int, dict[str, float]], bool] | None = None
    score: Callable[[Array], float] | None = None
    begin: Callable[[], None] | None = None


class Judge:
    """Judges points after a pass each, until the bound is small enough."""

    def __init__(
        self,
        f: Objective,
        tol: float,
        max_iter: int,
        seed: Callable[[], int],
        watch: Watch,
    ) -> None:
        self.f, self.tol, self.max_iter, self.watch = f, tol, max_iter, watch
        self.seed = seed
        self.certificate = Certificate(f)
        self.ground = Ground(self.certificate, self._wanted)
        self.subset: SubsetBound | None = None
        self.records: list[dict[str, float]] = []
        self.begun = time.perf_counter()
        self.t = 0
        self.best: tuple[Point, float, str] | None = None
        self.rough = False  # whether only bounds count that hold in other coordinates
        self.retry = math.inf  # how near f* the bound is worth another try
        self.rest = 0  # passes until then, at least: as many as one that failed took

    @cached_property
    def floor(self) -> float:
        """Return f at the best constant."""
        return floor(self.f)

    @cached_property
    def rounding(self) -> float:
        """Return what of f is rounding."""
        squared = isinstance(self.f.loss, Squared)
        return 1e-14 * self.floor + (0.0 if squared else float(self.certificate.unseen))

    def _judge_all(self, points: Iterable[Point]) -> str:
        """Return why to stop at one of the points."""
        for new in points:
            if stop := self._judge(new, math.inf):
                return stop
        return "no_improvement"

    def _judge(self, point: Point, near: float) -> str | None:
        """Note the point after a pass, and return why to stop; it is about `near` f*."""
        wanted = self._wanted(point.value)
        gap, name = self._gap(point, near, wanted)
        self.best = point, gap, name
        if self._certified(point.value, gap):
            return self._note("certified")
        if self._last(near, wanted):
            return self._note("no_improvement")
        return self._note(None)

    def _wanted(self, value: float) -> float:
        """Return how near f* is near enough."""
        return self.tol * max(self.floor - value, 0.0) + self.rounding

    def _note(self, reason: str | None) -> str | None:
        """Note the best point, show it, and return why to stop."""
        assert self.best is not None
        point, gap, _ = self.best
        rows = self.f.rows
        self.metric = np.array(rows.mean), np.array(rows.scale)
        self.t += 1
        record = dict.fromkeys(FIELDS, math.nan) | {
            "loss": point.value,
            "rate": 1.0,
            "seconds": time.perf_counter()
            - self.begun
            - sum(r["seconds"] for r in self.records),
            "objective": point.value,
            "gap": gap,
        }
        if self.watch.score:
            record["score"] = self.watch.score(point.W)
        self.records.append(record)
        told = self.watch.callback
        if told and told(point.W, len(self.records), record) and reason is None:
            return "callback"
        if reason is None and len(self.records) >= self.max_iter:
            return "max_iter"
        if reason is None and self.watch.begin:
            self.watch.begin()
        return reason

    def _certified(self, value: float, gap: float) -> bool:
        if not math.isfinite(gap):
            return False
        return gap <= self.tol * (self.floor - value + gap) + self.rounding

    def _gap(self, point: Point, near: float, wanted: float) -> tuple[float, str]:
        """Return the best bound that is worth its cost, and its name."""
        if self._certified(point.value, point.value):  # no loss is negative
            return point.value, "value"
        gap, name, bound = math.inf, "none", None
        if self.subset is not None and self._worth_a_try(self.subset, near, wanted):
            rounding = self.certificate.rounding(point.W, point.value)
            gap = self.subset.gap(point.W, point.G, wanted, rounding)
            gap += float(self.certificate.noise(point.W, point.value).sum())
            self.retry = 0.3 * near
            if not math.isfinite(gap):
                share = len(self.subset.sample) / self.f.n_active
                self.rest = len(self.records) + int(TRY * share * passes(self.f))
            name = "subset" if math.isfinite(gap) else "none"
        if self._certified(point.value, gap):
            return gap, name
        if near <= wanted or self.subset is None:
            bound, how = self.certificate.bound(point.W, point.value, point.G)
            if (total := float(bound.sum())) < gap:
                gap, name = total, how
        if (above := self._above(point)) < gap:
            gap, name = above, "fenchel"
        if bound is not None and len(bound) == len(self.ground.height) == 1:
            self.ground.height = np.fmax(self.ground.height, point.value - bound)
        if point.value < gap:
            gap, name = point.value, "value"
        return gap, name

    def _worth_a_try(self, subset: SubsetBound, near: float, wanted: float) -> bool:
        """Return whether the subset's bound may be small enough, and is worth its cost."""
        rested = len(self.records) >= self.rest and near <= self.retry
        return near <= subset.part * wanted and (rested or self._last(near, wanted))

    def _last(self, near: float, wanted: float) -> bool:
        """Return whether passes from here on would hardly change anything."""
        return near <= min(NEAR * wanted, FAR * self.floor)

    def _above(self, point: Point) -> float:
        """Return how far a point is above the highest dual that is known."""
        height = float(self.ground.height.sum())
        if not math.isfinite(height):
            return math.inf
        noise = float(self.certificate.noise(point.W, point.value).sum())
        return max(point.value - height, 0.0) + noise

    def _outcome(self, reason: str) -> Outcome:
        assert self.best is not None
        point, gap, name = self.best
        columns = {k: [r.get(k, math.nan) for r in self.records] for k in FIELDS}
        return Outcome(
            point.W,
            objective=point.value,
            gap=gap,
            certificate=name,
            converged=reason == "certified",
            stop_reason=reason,
            n_iter=len(self.records),
            history={k: np.array(values) for k, values in columns.items()},
            optimizer="newton",
            t=self.t,
            rate=1.0,
        )


def floor(f: Objective) -> float:
    """Return f at the best constant: what a fit begins from."""
    if isinstance(f.loss, Squared):
        return float(floors(f).sum())
    if not f.rows.fit_intercept:
        return math.log(max(2, f.n_outputs))
    return float(entr(class_shares(f)).sum())


def floors(f: Objective) -> Array:
    """Return the same of each target of a squared loss."""
    y, n = f.take(f.y), f.n_active
    if f.weight is None:
        y = y - y.sum(axis=0) / n if f.rows.fit_intercept else y
        return np.asarray(0.5 * np.einsum("ij,ij->j", y, y) / n)
    weight = f.take(f.weight)
    centre = np.average(y, axis=0, weights=weight) if f.rows.fit_intercept else 0.0
    return np.asarray(0.5 * np.average((y - centre) ** 2, axis=0, weights=weight))
