"""A run over data: its rates, the order of the rows, evaluations, and when to stop."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _auto
from ._certificates import Certificate
from ._estimate import Estimate
from ._exceptions import warn, warn_of_end
from ._kernels.losses import Squared
from ._kernels.objective import Objective
from ._kernels.steps import AveragedStep
from ._loop import Loop, turn
from ._rates import start_rate
from ._schedule import Schedule
from ._state import Outcome, Plan, Run, series

Array = NDArray[np.float64]

LOOK = 8  # epochs at least between evaluations at new lows of the mean loss
MAX_CUTS = 20


def go_on(f: Objective, run: Run, plan: Plan, max_iter: int) -> Outcome:
    """Go on with a run, which is changed, for at most `max_iter` epochs."""
    epochs = Epochs(f, run, plan)
    reason, done = turn(epochs, max_iter)
    try:
        return epochs.outcome(reason, done)
    except KeyboardInterrupt:  # in its evaluations: once more, then
        return epochs.outcome("interrupted", done)


class Epochs(Loop):
    """One call of `go_on`: the loop over data, its rates, and the rules of stopping."""

    def __init__(self, f: Objective, run: Run, plan: Plan) -> None:
        super().__init__(f, run, plan)
        self.certificate = Certificate(f)
        self.exact = plan.optimizer._exact
        steady = self.exact or plan.rated or plan.optimizer._steady
        if plan.schedule == "auto" and not steady:
            self.schedule = _auto.Auto()
        self.small = _auto.fits_cache(f) or self.exact  # or its epochs cost more
        self.evaluated: tuple[int, float, Array, Array, str] | None = None
        self._begin()

    def _begin(self) -> None:
        """Prepare a run that has not begun, or that lost its step."""
        run, f, plan = self.run, self.f, self.plan
        if run.mark is None and not plan.streaming:
            run.recognise(f)
        if math.isnan(run.floor):
            start = _auto.start(f)
            run.floor = self._value(start)
            run.begun = run.floor if np.array_equal(run.W, start) else self._value(run.W)
            if plan.fresh:  # few rows may have a constant that fits them too well
                assert run.constant is not None
                start = run.constant
                run.floor = max(run.floor, self._value(start))
            else:
                run.constant = start
            run.highest = max(run.highest, run.floor)
            if run.best is None and math.isfinite(run.begun):
                better = run.begun <= run.floor or plan.fresh
                run.best = (run.begun, run.W.copy()) if better else (run.floor, start)
        self.estimate = Estimate(f, run, plan)
        if run.step is None:
            if run.lost:
                warn(
                    "The state of the optimizer's step, or of a rate object, was lost in a "
                    "copy, because it is a closure: it begins anew. Use a class with "
                    "__call__.",
                )
            run.step, run.lost = self._new_step(), False
        if plan.rated and run.rule is None:
            run.rule = start_rate(plan.learning_rate)
        unit = self._meet()
        if math.isnan(run.rate) and not plan.rated:
            if self.exact:
                run.rate = 1.0
            elif plan.learning_rate is None:
                batch = min(run.batch_size, f.n_active)
                if plan.fresh:
                    assert run.constant is not None
                    smooth = _auto.smoothness(
                        f, batch, run.seed, run.constant, run.row_norm, unit=unit
                    )
                    run.sign_step = max(run.sign_step, smooth.sign_step)
                    smooth = smooth._replace(sign_step=run.sign_step)
                else:
                    smooth = _auto.smoothness(self.estimate.f, batch, run.seed, unit=unit)
                run.rated = batch
                run.rate = float(plan.optimizer.auto_rate(smooth)) / 4**run.cuts
            else:
                run.rate, run.ceiling = plan.learning_rate, 1.0
            run.first_rate = run.rate
        if isinstance(self.schedule, Schedule) and plan.schedule != "auto":
            penalty = float(f.alpha.max(initial=0.0))
            self.schedule = self.schedule.bind(run.first_rate, penalty)
        length = 1 if self.exact else run.run_length  # their noise matters to gradients
        self.order = _auto.order(f, plan.shuffle, length)

    def _meet(self) -> Any:
        run, plan = self.run, self.plan
        return plan.optimizer._meet(run.step, self.estimate.f, run.W, fresh=plan.fresh)

    def _value(self, W: Array) -> float:
        return float(self.f.value_and_gradient(W)[0])

    def _factors(self, t: Any) -> Any:
        if self.plan.fresh and isinstance(self.schedule, _auto.Auto):
            # Losses of different rows do not tell whether f falls.
            begun = self.run.streamed
            factors = _auto.decay(np.arange(begun, begun + self.n_batches))
            return np.minimum(factors, self.run.ceiling)
        return super()._factors(t)

    def _arrange(self) -> None:
        run, plan = self.run, self.plan
        if plan.shuffle:
            self._order_for_epoch()
            self.order.shuffle(run.seed, run.epoch, run.batch_size)
        else:
            super()._arrange()
        if plan.average == "tail" and run.epoch and run.epoch & (run.epoch - 1) == 0:
            assert isinstance(run.step, AveragedStep)
            run.step = AveragedStep(run.step.inner)  # so it spans the last half at least

    def _order_for_epoch(self) -> None:
        """Shorten the runs of neighbours, now and then, to what the noise at W allows."""
        run = self.run
        if run.epoch & (run.epoch - 1) == 0 and run.run_length > 1 and not self.exact:
            if not np.isfinite(run.W).all():
                return
            length = _auto.run_length(self.f, run.W, run.run_length, run.seed + run.epoch)
            if length != run.run_length:
                run.run_length = length
                self.order = _auto.order(self.f, True, length)

    def evaluate(self) -> float:
        """Return f at the point to report, and note its value and certificate."""
        run = self.run
        W = self.solution
        value, G = self.f.value_and_gradient(W)
        if not math.isfinite(value):
            return math.inf
        gap, name = self._bound(W, value, G)
        self.evaluated = run.epoch, float(value), W.copy(), gap, name
        return float(value)

    def _bound(self, W: Array, value: float, G: Array) -> tuple[Array, str]:
        """Return the certificate; a part of a stream has none."""
        if self.plan.fresh:
            return np.array([math.inf]), "none"
        several = len(W) > 1 and isinstance(self.f.loss, Squared)
        return self.certificate.bound(W, self._own(W) if several else value, G)

    def certified(self, gap: Array, value: float) -> bool:
        """Return whether gap <= tol (f0 - f + gap) + rounding, output by output."""
        if not np.isfinite(gap).all():
            return False
        if len(gap) == 1:
            floors = np.array([self.run.floor])
            fallen = floors - value
        else:
            floors = self._floors()
            fallen = floors - self._parts()
        rounding = 1e-14 * np.abs(floors) + self.certificate.unseen
        return bool(np.all(gap <= self.plan.tol * (fallen + gap) + rounding))

    def _parts(self) -> Array:
        """Return f output by output at the evaluated point."""
        assert self.evaluated is not None
        W = self.evaluated[2]
        self.f.value_and_gradient(W)
        return self._own(W)

    def _own(self, W: Array) -> Array:
        """Return f output by output at W, where it has been evaluated last."""
        penalised: Array = 0.5 * np.sum(self.f.penalty * W * W, axis=1)
        return self.f.losses + penalised

    def _floors(self) -> Array:
        self.f.value_and_gradient(_auto.start(self.f))
        return self.f.losses

    def verdict(self) -> str | None:
        """Return why to stop after this epoch, of which the callback is told, or None."""
        run, plan = self.run, self.plan
        reason = self._reason()
        stop = plan.callback and plan.callback(
            self.solution, run.epoch, {k: v[-1] for k, v in run.history.items()}
        )
        return reason or ("callback" if stop else None)

    def _reason(self) -> str | None:
        """Evaluate f and the validation score where it is time; return why to stop."""
        run, plan = self.run, self.plan
        loss = run.losses[-1]
        record = run.history
        if self._diverging(loss):
            return self._recover()
        run.stalled += 1
        patience = plan.n_iter_no_change * self._period()
        if self._worth_a_look(loss) or run.stalled >= patience:
            value = self.evaluate()
            run.looked = run.epoch
            if value > self.limit:
                self.evaluated = None
                return self._recover()
            assert self.evaluated is not None
            record["objective"][-1] = value
            record["gap"][-1] = float(self.evaluated[3].sum())
            before = math.inf if run.best is None else run.best[0]
            gap = record["gap"][-1]
            nearer = self.estimate.remembers and gap < 0.5 * run.nearest
            if nearer or before - value > plan.tol * max(run.floor - value, 0.0):
                run.stalled = 0
            run.nearest = gap if nearer else run.nearest
            if value < before:
                run.best = value, self.evaluated[2]
            if self.certified(self.evaluated[3], value):
                self._score()
                return "certified"
        if stop := self._score():
            return stop
        return "no_improvement" if run.stalled >= patience else None

    def _worth_a_look(self, loss: float) -> bool:
        """Return whether f is to be evaluated, at the cost of a pass."""
        run = self.run
        low = loss < run.lowest and run.epoch - run.looked >= LOOK
        run.lowest = min(loss, run.lowest)
        return self.small or low or run.epoch & (run.epoch - 1) == 0

    def _period(self) -> int:
        """Epochs that one judgement of progress takes."""
        return 16 if self.exact or isinstance(self.schedule, _auto.Auto) else 1

    def _score(self) -> str | None:
        """Note the validation score; stop when it no longer rises."""
        run, plan = self.run, self.plan
        if plan.score is None:
            return None
        score = plan.score(self.solution)
        run.history["score"][-1] = score
        run.scores.append(score)
        if run.best_score is None or score > run.best_score[0]:
            run.best_score = score, self.solution.copy()
        scores = run.scores
        recent = scores[-plan.n_iter_no_change :]
        if plan.early_stopping and len(scores) > plan.n_iter_no_change:
            if max(recent) <= max(scores[: -plan.n_iter_no_change]):
                return "early_stopping"
        return None

    def _diverging(self, loss: float) -> bool:
        """Return whether the epoch's values are beyond anything a run should see."""
        if not (math.isfinite(loss) and np.isfinite(self.run.W).all()):
            return True
        return loss > self.limit and self._value(self.solution) > self.limit

    @property
    def limit(self) -> float:
        """The value of f above which the run diverges."""
        run = self.run
        if self.exact:  # f may rise while its dual does, too
            return math.inf
        if self.plan.fresh:
            return max(4 * run.highest, 2 * run.begun)  # a rare row may begin high
        return 4 * max(run.floor, run.begun)

    def _recover(self) -> str | None:
        """Return to the best point; cut an automatic rate and go on, else stop."""
        run = self.run
        run.W = self._start() if run.best is None else run.best[1].copy()
        run.step, run.rule = self._new_step(), None
        self._meet()
        run.memory, run.safe = None, 0.0
        run.cuts += 1
        if self.plan.learning_rate is not None or run.cuts > MAX_CUTS:
            return "diverged"
        raised = isinstance(self.schedule, _auto.Auto) and not self.plan.fresh
        run.rate *= (run.factors[-1] if raised else 1.0) / 4
        run.ceiling, run.stalled = 1.0, 0
        run.losses, run.factors = series(), series()
        return None

    def _start(self) -> Array:
        return _auto.start(self.f)

    def outcome(self, reason: str, n_iter: int) -> Outcome:
        """Evaluate the last point, without a trace in the run, and choose the best."""
        run, plan = self.run, self.plan
        if reason == "no_improvement":
            run.stalled = 0  # who goes on wants to
        elif reason == "early_stopping":
            run.scores = series()
        history = {name: np.array(values) for name, values in run.history.items()}
        if self.evaluated is None or self.evaluated[0] != run.epoch:
            value = self.evaluate()
            if n_iter and self.evaluated is not None and math.isfinite(value):
                history["objective"][-1] = value
                history["gap"][-1] = self.evaluated[3].sum()
        W, value = self._start(), run.floor
        if self.evaluated is not None:
            value, W = self.evaluated[1], self.evaluated[2]
        if plan.early_stopping and run.best_score is not None and reason != "certified":
            W = run.best_score[1]
        elif reason != "certified" and run.best is not None and not plan.fresh:
            W = W if value <= run.best[0] else run.best[1]
        value, G = self.f.value_and_gradient(W)
        gap, name = self._bound(W, value, G)
        self.evaluated = run.epoch, float(value), W, gap, name
        converged = self.certified(gap, float(value))
        if converged and reason in ("max_iter", "no_improvement"):
            reason = "certified"
        warn_of_end(reason, run, plan)
        total = float(gap.sum())
        return Outcome(
            W.copy(),
            objective=float(value),
            gap=total,
            certificate=name,
            converged=converged,
            stop_reason=reason,
            n_iter=n_iter,
            history=history,
            optimizer=plan.optimizer,
            t=run.t,
            rate=run.rate,
            run=run,
        )
