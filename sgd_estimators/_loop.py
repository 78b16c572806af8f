"""The loop of every run: W <- step(W, grad f_B(W), rate_t), B a batch of rows."""

import math
import time
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ._decays import Constant
from ._estimate import Estimate
from ._kernels.objective import Objective
from ._kernels.order import Order
from ._kernels.steps import AveragedStep, Step, as_step
from ._schedule import Schedule
from ._state import FIELDS, Plan, Run

Array = NDArray[np.float64]


class Turns(Protocol):
    """What `turn` needs of a loop: an epoch, and why to stop after it."""

    def advance(self) -> None:
        """Make an epoch."""

    def verdict(self) -> str | None:
        """Return why to stop after this epoch, or None."""


def turn(loop: Turns, max_iter: int) -> tuple[str, int]:
    """Go round for at most `max_iter` epochs; return why it ended, and how many it made."""
    done = 0
    try:
        while done < max_iter:
            loop.advance()
            done += 1
            if reason := loop.verdict():
                return reason, done
    except KeyboardInterrupt:
        return "interrupted", done
    return "max_iter", done


class Loop:
    """One epoch after the other; the classes below it say when to stop.

    Parameters
    ----------
    f : Objective
    run : Run
        Its state, which is changed.
    plan : Plan
    """

    estimate: Estimate
    order: Order

    def __init__(self, f: Objective, run: Run, plan: Plan) -> None:
        self.f, self.run, self.plan = f, run, plan
        self.schedule: Any = Constant() if plan.schedule == "auto" else plan.schedule
        self.n_batches = -(-f.n_active // run.batch_size)

    def _new_step(self) -> Step:
        step = as_step(self.plan.optimizer.start(self.f.n_params))
        average = self.plan.average
        if average is None:
            return step
        return AveragedStep(
            step, 0 if average == "tail" else (int(average) - 1) * self.n_batches
        )

    @property
    def solution(self) -> Array:
        """The point to report: the iterate, or what the step makes of it."""
        return self.estimate.solution

    def _factors(self, t: Any) -> Any:
        """Return the schedule's factors at the updates t, or one for them all."""
        run = self.run
        if not isinstance(self.schedule, Schedule):
            return self.schedule(t)
        per_epoch = self.schedule.per == "epoch"
        history: dict[str, Any] = {
            "loss": run.losses,
            "factor": run.factors,
            "start": run.floor,
            "ceiling": run.ceiling,
        }
        return self.schedule(run.epoch if per_epoch else t, history)

    def rates(self) -> Array:
        """Return the rates of the next epoch's batches."""
        run, t = self.run, np.arange(self.run.t, self.run.t + self.n_batches)
        rates = np.broadcast_to(self._factors(t), t.shape).astype(np.float64)
        if run.rule is not None:
            return rates
        return np.maximum(run.rate * rates, run.safe)

    def _arrange(self) -> None:
        """Put the rows in the order of the next epoch."""
        self.order.restart(self.run.batch_size)

    def advance(self) -> None:
        """Visit the rows once: W <- step(W, grad f_B(W), rate) for every batch B."""
        run, plan = self.run, self.plan
        if plan.begin:
            plan.begin()
        begun = time.perf_counter()
        self._arrange()
        self.estimate.begin()
        rates = self.rates()
        with np.errstate(all="ignore"):
            loss = self.estimate.epoch(self.order, rates)
        if run.rule is not None:
            run.rate = float(rates[-1])
        run.epoch += 1
        run.t += self.n_batches
        run.streamed += self.n_batches if plan.fresh else 0
        run.losses.append(loss)
        run.factors.append(float(rates[-1]) / run.rate if run.rate else 1.0)
        self._write(loss=loss, rate=float(rates[-1]), seconds=time.perf_counter() - begun)

    def _write(self, **values: float) -> None:
        for name in FIELDS:
            self.run.history[name].append(values.get(name, math.nan))
