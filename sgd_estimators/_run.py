"""A run over data: its rates, the order of the rows, and when to stop."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _auto
from ._estimate import Estimate
from ._exceptions import warn, warn_of_end, warn_of_stream
from ._kernels.objective import Objective
from ._kernels.progress import BoldDriver, Progress
from ._kernels.steps import AveragedStep
from ._looks import LONG, LOOK, Looks, next_look
from ._loop import turn
from ._rates import start_rate
from ._smoothness import smoothness
from ._state import Outcome, Plan, Run, mark, series
from ._stream import Watch, constant, value_of_constant

Array = NDArray[np.float64]

MAX_CUTS = 20


def go_on(f: Objective, run: Run, plan: Plan, max_iter: int) -> Outcome:
    """Go on with a run, which is changed, for at most `max_iter` epochs."""
    epochs = Epochs(f, run, plan)
    reason, done = turn(epochs, max_iter)
    try:
        return epochs.outcome(reason, done)
    except KeyboardInterrupt:  # in its evaluations: once more, then
        return epochs.outcome("interrupted", done)


class Epochs(Looks):
    """One call of `go_on`: the loop over data, its rates, and the rules of stopping."""

    def __init__(self, f: Objective, run: Run, plan: Plan) -> None:
        super().__init__(f, run, plan)
        steady = self.exact or plan.rated or plan.optimizer._steady
        self.automatic = plan.schedule == "auto" and not steady
        self._begin()

    def _begin(self) -> None:
        """Prepare a run that has not begun, or that lost its step."""
        run, plan = self.run, self.plan
        if math.isnan(run.floor):
            self._begin_data()
        if run.progress is None:
            run.progress = Progress(run.floor, plan.tol)
        if run.low is None:
            run.low = run.W.copy()
        if plan.callback and run.mark is None:  # for a model that is kept on the way
            run.mark = mark(self.f, run.W.copy(), *self.f.value_and_gradient(run.W))
        self.progress = run.progress
        self.progress.start, self.progress.tol = run.floor, plan.tol
        self.progress.limit = self.limit
        self.estimate = Estimate(self.f, run, plan)
        self.n_batches = -(-self.estimate.batches.n_active // run.batch_size)
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
            run.rate = run.first_rate = self._first_rate(unit)
        if self.automatic and not plan.fresh:
            if run.driver is None:
                ceiling = math.inf if plan.learning_rate is None else 1.0
                run.driver = BoldDriver(run.floor, ceiling, self.n_batches > 1)
            self.driver = run.driver
            self.driver.start = run.floor
        if plan.schedule != "auto":
            penalty = float(self.f.alpha.max(initial=0.0))
            self.schedule = self.schedule.bind(run.first_rate, penalty)
        self.settled = self._settled()
        self.reported = math.nan  # f of these rows, where the point to report is not W
        if plan.fresh and not np.array_equal(self.solution, run.W):
            self.reported = self._value(self.solution)

    def _begin_data(self) -> None:
        """Note what the function is where the run begins."""
        run, f = self.run, self.f
        start = _auto.start(f)
        run.floor = value_of_constant(f, start)
        if self.plan.fresh:
            self._begin_part(start)
            return
        run.begun = run.floor if np.array_equal(run.W, start) else self._value(run.W)
        run.constant = start
        run.highest = max(run.highest, run.floor)
        if run.best is None and math.isfinite(run.begun):
            better = run.begun <= run.floor
            run.best = (run.begun, run.W.copy()) if better else (run.floor, start)

    def _begin_part(self, start: Array) -> None:
        """Note what new rows of a stream are like; they go back to where they find it."""
        run, f = self.run, self.f
        assert run.constant is not None
        assert run.seen is not None
        # Few rows may have a constant that fits them too well.
        self.constant = value_of_constant(f, run.constant)
        run.floor = max(run.floor, self.constant)
        share = min(1.0, f.total_weight / run.seen.total)
        run.constant = constant(f, run.constant, start, share)
        run.highest = max(run.highest, run.floor)
        run.best = math.inf, run.W.copy()

    def _first_rate(self, unit: Any) -> float:
        """Return the rate to begin with: the user's, or that of the smoothness of f."""
        run, plan, f = self.run, self.plan, self.f
        if self.exact:
            return 1.0
        if plan.learning_rate is not None:
            return float(plan.learning_rate)
        batch, single = min(run.batch_size, f.n_active), plan.optimizer._single
        at = run.constant if plan.fresh else None
        new = smoothness(
            self.estimate.f,
            batch,
            run.seed,
            at,
            stream=plan.fresh,
            signs=plan.optimizer._sign_share is not None,
            single=single,
            unit=unit,
        )
        if plan.fresh:
            assert run.seen is not None
            share = 1 - run.known / run.seen.n_rows
            run.known = run.seen.n_rows
            if run.smooth is not None:
                new = run.smooth.merged(new, share, run.rated, batch)
        run.smooth, run.rated = new, batch
        return float(plan.optimizer.auto_rate(new) / 4**run.cuts)

    def _settled(self) -> float:
        """Return the epoch from which on the rate is not going to fall any more."""
        settled = float(self.schedule.settled)
        return settled if self.schedule.per == "epoch" else settled / self.n_batches

    def _meet(self) -> Any:
        run, plan = self.run, self.plan
        return plan.optimizer._meet(run.step, self.estimate.f, run.W, fresh=plan.fresh)

    def rates(self, n_epochs: int) -> Array:
        """Return the rates of the next epochs' batches."""
        run = self.run
        if not (self.plan.fresh and self.automatic):
            return super().rates(n_epochs)
        # Losses of different rows do not tell whether f falls.
        t: Any = np.arange(run.streamed, run.streamed + self.n_batches)
        smooth = run.smooth
        if smooth is not None:  # else it is a rate of the user's
            t = t * smooth.noise / ((smooth.mean + smooth.noise) or 1.0)
        factors = _auto.decay(t, self.plan.optimizer._patience)
        run.streamed += self.n_batches
        return np.asarray(run.rate * factors)[None]

    def _prepare(self) -> None:
        """Make the order of the rows; restart the average, now and then."""
        run, plan = self.run, self.plan
        if self._measures(run.epoch):
            seed = run.seed + run.epoch
            run.run_length = _auto.run_length(self.f, run.W, run.run_length, seed)
        length = 1 if self.exact else run.run_length
        if self.order is None or (plan.shuffle and self.order.run_length != length):
            self.order = _auto.order(self.estimate.batches, plan.shuffle, length)
        if plan.average == "tail" and run.epoch and not run.epoch & (run.epoch - 1):
            assert isinstance(run.step, AveragedStep)
            run.step = AveragedStep(run.step.inner)  # so it spans the last half at least

    def _measures(self, epoch: int) -> bool:
        """Return whether it is time to ask how long runs may be: at powers of 4."""
        apt = self.plan.shuffle and self.run.run_length > 1 and not self.exact
        return apt and not epoch & (epoch - 1) and epoch.bit_length() % 2 == (epoch > 0)

    def _ahead(self, most: int) -> int:
        """Return how many epochs come before anybody looks."""
        run, plan = self.run, self.plan
        self.look = 0 if plan.streaming else next_look(run.epoch, exact=self.exact)
        if plan.callback or plan.begin or plan.score or self.schedule.uses_history:
            return 1
        until = [most, self.look - run.epoch if self.look else 1, self.estimate.ahead]
        power = 1 << run.epoch.bit_length()
        if plan.average == "tail" or self._measures(power):
            until.append(power - run.epoch)
        return super()._ahead(int(min(until)))

    @property
    def _stalled(self) -> bool:
        """Whether epochs without a gain say that going on is in vain.

        Not while the rate is going to fall; of a schedule that never comes to rest, not
        before the rate has halved since the last gain, or fallen by a fifth in a long time.
        """
        run, stalled = self.run, self.progress.stalled
        if self.settled < math.inf:
            stalled = min(stalled, int(run.epoch - self.settled))
        if stalled < self._patience:
            return False
        rates = run.history["rate"]
        before = rates[-min(len(rates), stalled + 1)]
        part = 0.8 if stalled >= LONG * self._patience else 0.5
        return self.settled < math.inf or rates[-1] <= part * before

    def verdict(self) -> str | None:
        """Return why to stop after these epochs, of which the callback is told, or None."""
        run, plan = self.run, self.plan
        reason = self._reason()
        stop = plan.callback and plan.callback(
            self.solution, run.epoch, {k: v[-1] for k, v in run.history.items()}
        )
        return reason or ("callback" if stop else None)

    def _reason(self) -> str | None:
        """Evaluate f and the validation score where it is time; return why to stop."""
        run, progress = self.run, self.progress
        loss = run.losses[-1]
        if self.plan.fresh and math.isfinite(loss):
            loss = max(loss, self.evaluate())
        if self._diverging(loss):
            self.evaluated = None
            return self._recover()
        if self.plan.fresh:
            self._watch(run.losses[-1])
        stop = None
        if run.epoch == self.look or self._lowest:
            since, run.looked = run.epoch - run.looked, run.epoch
            if self.evaluate() > self.limit:
                self.evaluated = None
                return self._recover()
            assert self.evaluated is not None
            gains, certified = self._judge(self.evaluated, since)
            if certified:
                stop = "certified"
            elif self._stalled and not gains:
                stop = "no_improvement"
            if gains:
                progress.stalled = 0
        if stop == "certified":
            self._score()
            return stop
        return self._score() or stop

    def _watch(self, loss: float) -> None:
        """Begin a stream that is worse than a constant again, slower, and say so."""
        run = self.run
        assert run.seen is not None
        assert run.constant is not None
        if not math.isnan(self.reported):
            loss = self.reported
        run.watch.see(self.f.n_active, loss, self.constant, run.seen.n_rows)
        if run.watch.in_vain:
            run.watch = Watch()
            if self.plan.learning_rate is None:
                run.cuts += 1
                run.rate /= 4
                run.W = run.constant.copy()
                run.step, run.rule = self._new_step(), None
                self._meet()
            warn_of_stream(self.plan)

    @property
    def _lowest(self) -> bool:
        """Whether the automatic schedule has let the noise become as low as it does."""
        restarts = self.driver is not None and self.driver.restarts
        return restarts and self.run.epoch - self.run.looked >= LOOK // 2

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
        if self.plan.fresh and math.isnan(self.run.begun) and loss > self.limit:
            assert self.run.best is not None  # a rare row may begin high
            self.run.begun = self._value(self.run.best[1])
        return loss > self.limit and self._value(self.solution) > self.limit

    @property
    def limit(self) -> float:
        """The value of f above which the run diverges."""
        run = self.run
        if self.exact:  # f may rise while its dual does, too
            return math.inf
        if self.plan.fresh:
            known = not math.isnan(run.begun)
            return max(4 * run.highest, 2 * run.begun if known else 0.0)
        return 4 * max(run.floor, run.begun)

    def _recover(self) -> str | None:
        """Return to the best point; cut an automatic rate and go on, else stop."""
        run = self.run
        if run.low is not None and not self.plan.fresh:  # not evaluated, maybe
            value = self._value(run.low)
            if math.isfinite(value) and (run.best is None or value < run.best[0]):
                run.best = value, run.low.copy()
        run.W = _auto.start(self.f) if run.best is None else run.best[1].copy()
        run.step, run.rule = self._new_step(), None
        self._meet()
        run.memory, run.safe = None, 0.0
        run.cuts += 1
        if self.plan.learning_rate is not None or run.cuts > MAX_CUTS:
            return "diverged"
        run.rate /= 4
        if self.driver is not None:
            run.rate *= self.driver.factor
            run.driver = self.driver = BoldDriver(run.floor, 1.0, self.n_batches > 1)
        self.progress.stalled = 0
        run.losses = series()
        return None

    def outcome(self, reason: str, n_iter: int) -> Outcome:
        """Evaluate the last point, without a trace in the run, and choose the best."""
        run, plan = self.run, self.plan
        if reason == "no_improvement":
            self.progress.stalled = 0  # who goes on wants to
        elif reason == "early_stopping":
            run.scores = series()
        history = {name: np.array(values) for name, values in run.history.items()}
        if self.evaluated is None or self.evaluated.epoch != run.epoch:
            self.evaluate()
        end = self.evaluated
        last = end if n_iter and end is not None and end.epoch == run.epoch else None
        W = _auto.start(self.f) if end is None else end.W
        if plan.early_stopping and run.best_score is not None and reason != "certified":
            W = run.best_score[1]
        elif reason != "certified" and run.best is not None and not plan.fresh:
            W = W if end is not None and end.value <= run.best[0] else run.best[1]
        if end is None or W is not end.W:
            value, G = self.f.value_and_gradient(W)
            end = self._evaluation(W, value, G)
        gap, name = self.bound(end)
        if last is not None:
            history["objective"][-1] = last.value
            history["gap"][-1] = (gap if end is last else self.bound(last)[0]).sum()
        converged = self.certified(end, gap)
        if converged and reason in ("max_iter", "no_improvement"):
            reason = "certified"
        warn_of_end(reason, run, plan)
        return Outcome(
            W.copy(),
            objective=end.value,
            gap=float(gap.sum()),
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
