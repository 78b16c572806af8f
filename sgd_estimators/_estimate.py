"""What a run takes its steps on: f's mini-batches, corrected, in the run's coordinates."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from ._kernels.adagrad import run_adagrad_epoch
from ._kernels.combined import run_combined_epoch
from ._kernels.dual import Dual
from ._kernels.epoch import run_epoch, run_epochs
from ._kernels.lazy import run_lazy_epoch
from ._kernels.objective import Objective
from ._kernels.order import Order
from ._kernels.preconditioned import Preconditioned
from ._kernels.progress import BoldDriver, Progress
from ._kernels.steps import AdaGradStep, AveragedStep, SGDStep, Step
from ._kernels.variance import Corrected
from ._newton import Samples, learn
from ._parts import in_parts
from ._rates import check_rate
from ._smoothness import row_norms, smoothness
from ._solver import fits
from ._state import Plan, Run

Array = NDArray[np.float64]


# Columns that a step on all of them moves while it moves one by itself: of powers, by
LATE = 20
ADAPTED = 4  # the step itself, and by two numbers for all of them
COMBINED = 1
ROUNDING = 1e-14  # of f at the best constant, as where a run is certified


class Estimate:
    """The function of a run's mini-batches, and the way to its coordinates and back.

    Parameters
    ----------
    f : Objective
        In the metric of the run.
    run : Run
        Without its matrix, if that is still to be learned.
    plan : Plan
    """

    def __init__(self, f: Objective, run: Run, plan: Plan) -> None:
        self.run, self.plan = run, plan
        if plan.hessian and run.roots is None:
            run.roots = roots(f, run.W, run.seed)
        metric: Any = run.roots
        visited, share = self._visited(f, metric)
        self.batches = plan.optimizer.estimate(visited)
        self.remembers: Corrected | Dual | None = None
        if isinstance(self.batches, Corrected | Dual):
            self.remembers = self.batches
        if isinstance(self.batches, Corrected):
            self.batches.share = share
        if self.remembers and run.memory is not None:
            self.remembers.memory = run.memory
        self.f = visited
        self.inside: Preconditioned | None = None
        if plan.hessian:
            self.f = self.inside = Preconditioned(visited, metric)
            self.batches = Preconditioned(self.batches, metric)

    def _visited(self, f: Objective, metric: Any) -> tuple[Objective, Array | None]:
        """Return f as its rows are visited: long ones in parts, for an automatic rate."""
        run, plan = self.run, self.plan
        ours = plan.learning_rate is None and not plan.optimizer._exact
        if not ours or (run.batch_size >= f.n_active and not plan.fresh):
            return f, None
        norms = row_norms(Preconditioned(f, metric) if plan.hessian else f)
        if not plan.fresh:
            return in_parts(f, norms, run.batch_size)
        assert run.seen is not None
        share = f.n_active / run.seen.n_rows if run.length else 1.0
        run.length += share * (float(norms.mean()) - run.length)
        return in_parts(f, norms, min(run.batch_size, f.n_active), run.length)

    def begin(self) -> None:
        """Make an epoch ready: the slopes of the rows, and the rate that they allow."""
        run, remembers = self.run, self.remembers
        if remembers is None:
            return
        period = remembers.period
        if run.memory is None or (period and run.epoch % period == 0):
            remembers.refresh(run.W)
        run.memory = remembers.memory
        if self.plan.optimizer._exact:
            return
        ours = self.plan.learning_rate is None and self.plan.schedule == "auto"
        if not ours or self.plan.fresh:
            run.safe = 0.0
        elif run.safe == 0 or run.epoch & (run.epoch - 1) == 0:
            size = min(run.batch_size, self.f.n_active)
            smooth = smoothness(self.f, size, run.seed, run.W, local=True)
            run.safe = float(self.plan.optimizer.auto_rate(smooth)) / 4**run.cuts

    @property
    def ahead(self) -> float:
        """How many epochs come before `begin` has something to do."""
        if self.inside is not None:  # the way back has its rounding, an epoch at a time
            return 1
        if self.remembers is None or self.plan.optimizer._exact:
            return math.inf
        epoch = self.run.epoch
        to_power = (1 << epoch.bit_length()) - epoch
        period = self.remembers.period or to_power
        return min(to_power, period - epoch % period)

    def epochs(
        self,
        order: Order,
        rates: Array,
        losses: Array,
        progress: Progress,
        driver: BoldDriver | None,
    ) -> int:
        """Visit the rows once for each row of rates; return how often.

        The mean of the f_B of each epoch goes to losses. It ends early where `progress`
        says so.
        """
        run, size = self.run, self.run.batch_size
        assert run.step is not None
        seed = run.seed if self.plan.shuffle else None
        if self._compiled():
            W = run.W if self.inside is None else self.inside.inside(run.W)
            low = run.low if self.inside is None else None
            try:
                return run_epochs(
                    self.batches,
                    run.step,
                    W,
                    order,
                    size,
                    rates,
                    losses,
                    progress,
                    seed,
                    run.epoch,
                    run.rule,
                    driver,
                    run.rate,
                    run.safe,
                    low,
                )
            finally:
                if self.inside is not None:
                    run.W = self.inside.outside(W)
                    if losses[0] <= progress.lowest:
                        run.low = run.W.copy()
        for made, taken in enumerate(rates, 1):
            if driver is not None:
                taken[:] = max(run.rate * driver.factor, run.safe)
            if seed is None:
                order.restart(size)
            else:
                order.shuffle(seed, run.epoch + made - 1, size)
            loss = losses[made - 1] = self._epoch(order, taken)
            if driver is not None:
                driver.see(loss)
            last = progress.ends(loss)
            if loss == progress.lowest:
                run.low = run.W.copy()
            if last or (driver is not None and driver.restarts):
                break
        return made

    def _epoch(self, order: Order, rates: Array) -> float:
        """Visit the rows once, at the cost of their non-zeros or on their dual."""
        run, size = self.run, self.run.batch_size
        W = run.W
        assert run.step is not None
        if isinstance(self.batches, Dual):
            run.memory = None  # of no use without its W, should an interrupt come
            run.W, loss = self.batches.ascend(W, order)
            run.memory = self.batches.memory
            if self.batches.left > ROUNDING * abs(run.floor) * self.f.total_weight:
                assert run.progress is not None
                run.progress.stalled = 0  # the dual still rises, and f may fall after it
            return float(loss)
        sparse = sparse_epoch(self.batches, run.step, rates, size) or run_epoch
        return float(sparse(self.batches, run.step, W, order, size, rates))

    def _compiled(self) -> bool:
        """Return whether all epochs are those of the compiled loop."""
        if isinstance(self.batches, Dual):
            return False
        sparse = issparse(self.f.rows.X)
        return self.run.rule is not None or self.inside is not None or not sparse

    @property
    def solution(self) -> Array:
        """The point to report: the iterate, or what the step makes of it."""
        step, W = self.run.step, self.run.W
        assert step is not None
        if self.inside is None:
            return np.asarray(step.solution(W.reshape(-1))).reshape(W.shape)
        inside = self.inside.inside(W).reshape(-1)
        found = np.asarray(step.solution(inside))
        return W if found is inside else self.inside.outside(found.reshape(W.shape))


def sparse_epoch(f: Objective, step: Step, rates: Array, size: int) -> Any:
    """Return a loop that costs what the non-zeros cost, where it is exact and cheaper.

    Powers of 1 - rate lambda are steps of one rate; of a tiny lambda they are rounding.
    Those of a tiny momentum leave the range of floats after a few steps.
    """
    rows, d = f.rows, f.rows.n_features
    if not issparse(rows.X) or rows.X.nnz == 0:
        return None
    entries = size * rows.X.nnz + np.count_nonzero(rows.mean) * rows.n_rows
    columns = d * rows.n_rows / entries  # for each that a batch has, and the centre's row
    inner = step.inner if isinstance(step, AveragedStep) else step
    penalty = f.penalty[:, :d]
    pull = rates.max() * penalty
    if type(f) is Objective and np.ptp(penalty) == 0:
        if type(inner) is SGDStep and pull[0, 0] < 1 and not 0 < inner.beta < 1e-3:
            return run_combined_epoch if columns >= COMBINED else None
        if type(inner) is AdaGradStep and penalty[0, 0] == 0:
            return run_adagrad_epoch if columns >= ADAPTED else None
    plain = type(f) in (Objective, Corrected) and type(step) is SGDStep and step.beta == 0
    known = np.all((pull == 0) | ((pull > 1e-100) & (pull < 1)))
    steady = rates[0] > 0 and np.ptp(rates) == 0
    return run_lazy_epoch if plain and known and steady and columns >= LATE else None


def check(f: Objective, plan: Plan) -> None:
    """Raise ValueError where the plan asks for what cannot be had of f."""
    plan.optimizer._check_task(f, plan)
    check_rate(plan.learning_rate, plan.optimizer, plan.schedule)
    if plan.hessian and not fits(f):
        raise ValueError(
            'preconditioner="hessian" needs a matrix of '
            f"{f.rows.n_features} x {f.rows.n_features} entries and the rows that it is "
            'learned from, more than this data takes; use preconditioner="diagonal"'
        )


def roots(f: Objective, W: Array, seed: int) -> Array:
    """Return the blocks T with T'T = P^-1, P the Hessian of a mini-batch of f.

    P is taken at the mini-batch's own optimum, which is nearest to that of f.
    """
    metric = np.asarray(f.rows.mean), np.asarray(f.rows.scale)
    samples = Samples(f, seed)
    f.set_metric(*metric)  # the sample's own is a little off
    samples.keep(samples.places)
    sample = samples.sample(samples.sizes[-1])
    found: Array = learn(sample, W, 0.05 * W.shape[1] / len(sample))[1].roots
    return found
