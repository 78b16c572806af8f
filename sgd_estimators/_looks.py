"""The looks of a run at f: its value, what bounds f - f*, and whether that is enough."""

import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._certificates import Certificate
from ._judge import floors
from ._kernels.losses import Squared
from ._kernels.objective import Objective
from ._loop import Loop
from ._state import Plan, Run, mark

Array = NDArray[np.float64]

LOOK = 8  # epochs at least between evaluations of f
GROWTH = 4  # later, they come after so much of the epochs before
LONG = 16  # times the patience


class Evaluation(NamedTuple):
    """f at the point that a run would report after an epoch."""

    epoch: int
    W: Array
    value: float
    parts: Array  # of f, one an output of a squared loss
    G: Array  # its gradient


def next_look(epoch: int, *, exact: bool = False) -> int:
    """Return the epoch, after this one, at which f is evaluated next.

    Epochs of exact steps, which visit rows singly, cost several evaluations.
    """
    if exact:
        return epoch + 1
    look = LOOK
    while look <= epoch:
        look += max(LOOK, look // GROWTH)
    return look


class Looks(Loop):
    """A loop over data that evaluates f now and then, as `next_look` says."""

    def __init__(self, f: Objective, run: Run, plan: Plan) -> None:
        super().__init__(f, run, plan)
        self.certificate = Certificate(f)
        self.exact = plan.optimizer._exact
        self.evaluated: Evaluation | None = None

    @property
    def _patience(self) -> int:
        """How many epochs without a gain are enough."""
        period = LONG if self.exact or self.driver is not None else self.schedule.period
        return self.plan.n_iter_no_change * period

    @cached_property
    def curvature(self) -> float:
        """A bound on the largest eigenvalue of f's Hessian; infinite in the plain metric.

        The mean square of each scaled column, the intercept's among them, is at most 1.
        """
        mean, scale = self.run.metric
        if not mean.any() and (scale == 1).all():
            return math.inf
        width = self.f.rows.n_features + self.f.rows.fit_intercept
        return float(self.f.loss.curvature * width + self.f.penalty.max(initial=0.0))

    def _value(self, W: Array) -> float:
        return float(self.f.value_and_gradient(W)[0])

    def evaluate(self) -> float:
        """Return f at the point to report, and keep it with its gradient."""
        W = self.solution
        value, G = self.f.value_and_gradient(W)
        if not math.isfinite(value):
            return math.inf
        self.evaluated = self._evaluation(W.copy(), value, G)
        self.run.mark = mark(self.f, self.evaluated.W, value, G)
        return float(value)

    def _evaluation(self, W: Array, value: float, G: Array) -> Evaluation:
        """Return what is known at W, where f has been evaluated last."""
        parts = np.array([value])
        if len(W) > 1 and isinstance(self.f.loss, Squared):
            parts = self.f.losses + 0.5 * np.sum(self.f.penalty * W * W, axis=1)
        return Evaluation(self.run.epoch, W, float(value), parts, G)

    def bound(self, at: Evaluation) -> tuple[Array, str]:
        """Return the certificate; a part of a stream has none."""
        if self.plan.fresh:
            return np.array([math.inf]), "none"
        gap, name = at.parts, "value"  # no loss is negative
        if self.exact or self.run.epoch >= LOOK:
            own = at.parts if len(at.parts) > 1 else at.value
            epochs = math.inf if self.exact else self.run.epoch
            found, how = self.certificate.bound(at.W, own, at.G, epochs)
            if not found.sum() >= gap.sum():
                gap, name = found, how
        return gap, name

    def certified(self, at: Evaluation, gap: Array) -> bool:
        """Return whether gap <= tol (f0 - f + gap) + rounding, output by output."""
        if self.plan.fresh or not np.isfinite(gap).all():
            return False
        begin: Any = floors(self.f) if len(gap) > 1 else self.run.floor
        wanted = self.plan.tol * (begin - at.parts + gap) + 1e-14 * np.abs(begin)
        if bool((gap <= wanted).all()):
            return True
        return bool(np.all(gap <= wanted + self.certificate.unseen))

    def _judge(self, at: Evaluation, since: int) -> tuple[bool, bool]:
        """Note f; return whether it is better than it was, and whether it is certified.

        A gain is one of `tol` as often as patience would have ended `since` then.

        As f - f* is at least ||grad f||^2 / (2 L), most points need no bound.
        """
        run, record = self.run, self.run.history
        record["objective"][-1] = at.value
        before = math.inf if run.best is None else run.best[0]
        if at.value < before:
            run.best = at.value, at.W
        gain, enough = before - at.value, self.plan.tol * max(run.floor - at.value, 0.0)
        least = enough * max(1.0, since / self._patience)
        remembers = self.estimate.remembers is not None
        steep = float(np.vdot(at.G, at.G)) > 2 * self.curvature * enough
        if steep and enough > 0 and not remembers:
            return gain > least, False
        gap = self.bound(at)[0]
        record["gap"][-1] = total = float(gap.sum())
        nearer = remembers and total < 0.5 * run.nearest
        run.nearest = total if nearer else run.nearest
        return nearer or gain > least, self.certified(at, gap)
