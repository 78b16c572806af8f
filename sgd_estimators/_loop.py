"""The loop of every run: W <- step(W, grad f_B(W), rate_t), B a batch of rows."""

import math
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._decays import Constant
from ._estimate import Estimate
from ._kernels.objective import Objective
from ._kernels.order import Order
from ._kernels.progress import BoldDriver, Progress
from ._kernels.steps import AveragedStep, Step, as_step
from ._state import FIELDS, Plan, Run

Array = NDArray[np.float64]

MOST_RATES = 1 << 16  # of one call of the compiled loop


def turn(loop: "Loop", max_iter: int) -> tuple[str, int]:
    """Go round for at most `max_iter` epochs; return why it ended, and how many it made."""
    run, reason = loop.run, None
    first = run.epoch
    try:
        while reason is None and run.epoch - first < max_iter:
            loop.advance(max_iter - (run.epoch - first))
            reason = loop.verdict()
    except KeyboardInterrupt:
        reason = "interrupted"
    return reason or "max_iter", run.epoch - first


class Loop:
    """Epochs, some in one compiled call; the classes below it say when to stop.

    Parameters
    ----------
    f : Objective
    run : Run
        Its state, which is changed.
    plan : Plan
    """

    estimate: Estimate
    order: Order | None = None
    progress: Progress
    driver: BoldDriver | None = None  # chooses the rates of schedule="auto"

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

    def _factors(self, n_epochs: int) -> Any:
        """Return the schedule's factors of the batches of epochs, or one for them all."""
        run, schedule = self.run, self.schedule
        if type(schedule) is Constant:
            return 1.0
        history: dict[str, Any] = {"loss": run.losses}
        if schedule.per == "epoch":
            t = np.arange(run.epoch, run.epoch + n_epochs)
            return schedule(t, history)[:, None]
        t = np.arange(run.t, run.t + n_epochs * self.n_batches)
        return schedule(t, history).reshape(n_epochs, self.n_batches)

    def rates(self, n_epochs: int) -> Array:
        """Return the rates of the next epochs' batches."""
        run, rates = self.run, np.empty((n_epochs, self.n_batches))
        if run.rule is not None:
            rates[...] = self._factors(n_epochs)
        elif self.driver is None:
            rates[...] = np.maximum(run.rate * self._factors(n_epochs), run.safe)
        return rates

    def verdict(self) -> str | None:
        """Return why to stop after these epochs, or None."""
        raise NotImplementedError

    def _prepare(self) -> None:
        """Make ready for the next epochs."""

    def _ahead(self, most: int) -> int:
        """Return how many epochs come before anybody looks."""
        return max(1, min(most, MOST_RATES // self.n_batches))

    def advance(self, most: int = 1) -> None:
        """Make epochs, at most so many: W <- step(W, grad f_B(W), rate), batch by batch."""
        if self.plan.begin:
            self.plan.begin()
        begun = time.perf_counter()
        n_epochs = self._ahead(most)
        self._prepare()
        self.estimate.begin()
        rates, losses = self.rates(n_epochs), np.full(n_epochs, math.nan)
        assert self.order is not None
        made = 0
        try:
            made = self.estimate.epochs(
                self.order, rates, losses, self.progress, self.driver
            )
        except KeyboardInterrupt:  # in the middle of an epoch
            made = int(np.isfinite(losses).sum())
            raise
        finally:
            self._note(rates[:made], losses[:made], begun)

    def _note(self, rates: Array, losses: Array, begun: float) -> None:
        """Record epochs that were made; they share the time that they took."""
        run, made = self.run, len(losses)
        if made == 0:
            return
        last = rates[:, -1]
        if run.rule is not None:
            run.rate = float(last[-1])
        run.epoch += made
        run.t += made * self.n_batches
        run.losses.frombytes(losses.tobytes())
        columns = np.full((len(FIELDS), made), math.nan)
        columns[0], columns[1] = losses, last
        columns[2] = (time.perf_counter() - begun) / made
        for name, values in zip(FIELDS, columns, strict=True):
            run.history[name].frombytes(values.tobytes())
