"""What a run is told to do, and its state: all that going on from it needs."""

import math
import pickle
from array import array
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import _auto
from ._kernels.objective import Objective
from ._kernels.progress import BoldDriver, Progress
from ._kernels.rates import Rate
from ._kernels.steps import Step
from ._optimizer import Optimizer
from ._schedule import Schedule
from ._smoothness import Smoothness
from ._stream import Seen, Watch, followed

Array = NDArray[np.float64]
Record = dict[str, float]
Series: TypeAlias = "array[float]"

NOT_PICKLED = (TypeError, AttributeError, pickle.PicklingError)
FIELDS = ("loss", "rate", "seconds", "objective", "gap", "score")
SERIES = ("losses", "scores")


def series() -> Series:
    """Return an empty list of floats, quick to copy."""
    return array("d")


@dataclass
class Plan:
    """What a run is told to do."""

    optimizer: Optimizer
    learning_rate: Any = None  # a number, a rate object, or None: automatic
    schedule: Schedule | Callable[..., Any] | str = "auto"
    batch_size: int | str = "auto"  # as the user gave it
    average: int | str | None = None  # the epoch to average from, or "tail"
    hessian: bool = False  # precondition by a mini-batch's
    shuffle: bool = True
    tol: float = 1e-6
    n_iter_no_change: int = 5
    early_stopping: bool = False
    callback: Callable[[Array, int, Record], bool] | None = None
    begin: Callable[[], None] | None = None  # before each epoch
    streaming: bool = False  # one epoch, as many as the user asks for
    fresh: bool = False  # over rows that the run has not seen
    score: Callable[[Array], float] | None = None

    @property
    def asked_average(self) -> Any:
        """What the user gave as `average`."""
        return True if self.average == 1 else self.average

    @property
    def rated(self) -> bool:
        """Whether each step finds its own rate."""
        return not (self.learning_rate is None or isinstance(self.learning_rate, float))


def mark(f: Objective, W: Array, value: float, G: Array) -> tuple[Any, ...]:
    """Return what tells f from other functions: its value and gradient at a point."""
    told = [G, f.rows.mean, f.rows.scale, f.alpha]
    return (W, float(value), f.n_active, *(array.tobytes() for array in told))


@dataclass
class Run:
    """The state of a run: all that going on as if it had not stopped needs."""

    W: Array
    metric: tuple[Array, Array]
    seed: int
    batch_size: int
    step: Step | None = None
    rule: Rate | None = None  # of a rate object
    memory: tuple[Array, Array] | None = None  # of the rows' slopes, or duals
    roots: Array | None = None  # of the inverse of a mini-batch's Hessian
    rate: float = math.nan
    first_rate: float = math.nan  # before it was cut
    safe: float = 0.0  # the rate that gradients without noise always allow
    floor: float = math.nan  # f at W = 0 and the best constant
    begun: float = math.nan  # f at the first iterate
    constant: Array | None = None  # the best one, on the first rows
    highest: float = 0.0  # floor of a part of a stream
    seen: Seen | None = None
    digest: bytes = b""  # of the part before
    rated: int = 0  # rows of the steps that the rate is for
    smooth: Smoothness | None = None  # what the rate is made of
    known: int = 0  # rows of the stream that it comes from
    watch: Watch = field(default_factory=Watch)  # over a stream
    length: float = 0.0  # mean squared norm of the rows of a stream
    streamed: int = 0  # updates on fresh rows
    run_length: int = _auto.LONGEST_RUN
    epoch: int = 0
    looked: int = 0  # the epoch in which f was evaluated last
    t: int = 0
    best: tuple[float, Array] | None = None
    low: Array | None = None  # W after the epoch of the lowest mean loss
    best_score: tuple[float, Array] | None = None
    nearest: float = math.inf  # the gap at the last gain of a run without noise
    lost: bool = False  # the step's state and the rule's, in a copy
    cuts: int = 0  # of an automatic rate, after a divergence
    progress: Progress | None = None  # of the mean losses
    driver: BoldDriver | None = None  # of the rates of schedule="auto"
    losses: Series = field(default_factory=series)
    scores: Series = field(default_factory=series)
    mark: tuple[Any, ...] | None = None  # of the function
    history: dict[str, Series] = field(
        default_factory=lambda: {name: series() for name in FIELDS}
    )

    def forget(self) -> None:
        """Drop what belongs to the data: floors, bests, counters; keep the iterate."""
        self.floor = self.begun = math.nan
        self.best = self.best_score = self.progress = self.mark = self.low = None
        self.scores = series()
        self.unlearn()

    def unlearn(self) -> None:
        """Drop what the data taught: slopes, and a matrix with what is in its metric."""
        self.memory, self.safe, self.nearest = None, 0.0, math.inf
        if self.roots is not None:
            self.roots = self.step = self.rule = None
            self.rate = math.nan

    def restart(self, batch_size: int) -> None:
        """Drop what belongs to the optimizer and the schedule; begin at the best point."""
        if self.best is not None:
            self.W = self.best[1].copy()
        self.step, self.rate, self.progress, self.driver = None, math.nan, None, None
        self.low = None
        self.rule = self.roots = self.memory = None
        self.safe, self.nearest = 0.0, math.inf
        self.batch_size = batch_size
        self.losses, self.cuts = series(), 0
        self.smooth, self.known, self.streamed = None, 0, 0

    def meet(self, f: Objective) -> None:
        """Go on with rows not seen before, in a metric that follows that of f.

        Only columns that have changed are seen differently, and the state of the step with
        them. The rate is found anew when there are twice as many rows as it knows of.
        """
        assert self.seen is not None
        self.forget()
        self.mark = None
        new = followed((np.asarray(f.rows.mean), np.asarray(f.rows.scale)), self.metric)
        f.set_metric(*new)
        ratio = new[1] / self.metric[1]
        if not (np.all(ratio == 1) and np.array_equal(new[0], self.metric[0])):
            self.shrink(f)
            moved = self.move(f)
            width = f.rows.n_features + f.rows.fit_intercept
            tall = np.tile(np.append(ratio, 1.0)[:width], f.n_outputs)
            if self.step is not None:
                self.step.rescale(tall, lambda x: moved(x.reshape(-1, width)).ravel())
        if min(self.batch_size, f.n_active) != self.rated:
            self.rate = math.nan
        if self.seen.n_rows >= 2 * self.known:
            self.rate = math.nan

    def shrink(self, f: Objective) -> None:
        """Take coefficients back that were learnt while a column seemed narrow.

        A column that varies more than twice as much as it did has had too large ones.
        """
        d = f.rows.n_features
        self.W[:, :d] *= np.minimum(1.0, 2 * self.metric[1] / f.rows.scale)

    def move(self, f: Objective) -> Callable[[Array], Array]:
        """See the points of this run in the metric of f; return how they are seen now."""
        rows, old = f.rows, self.metric
        new = np.asarray(rows.mean), np.asarray(rows.scale)
        d, ratio, shift = rows.n_features, new[1] / old[1], (new[0] - old[0]) / new[1]

        def moved(W: Array) -> Array:
            W = W.copy()
            W[:, :d] *= ratio
            if rows.fit_intercept:
                W[:, d] += W[:, :d] @ shift
            return W

        if all(map(np.array_equal, new, old)):
            return moved
        self.unlearn()
        self.rule = None  # its distances are in the old metric
        self.W, self.metric = moved(self.W), new
        if self.best is not None:
            self.best = self.best[0], moved(self.best[1])
        if self.low is not None:
            self.low = moved(self.low)
        if self.best_score is not None:
            self.best_score = self.best_score[0], moved(self.best_score[1])
        return moved

    def recognise(self, f: Objective) -> None:
        """Forget the bests if f is not the function of the call before."""
        if self.mark is not None:
            W = self.mark[0]
            if mark(f, W, *f.value_and_gradient(W))[1:] == self.mark[1:]:
                return
        self.forget()

    def copy(self) -> "Run":
        """Return a run to go on with while this one stays; a closure moves into it."""
        try:
            step = self.step and self.step.twin()
            rule = self.rule and pickle.loads(pickle.dumps(self.rule))
        except NOT_PICKLED:
            step, rule = self.step, self.rule
            self.step, self.rule, self.lost = None, None, True
        found = object.__new__(type(self))  # in a stream, each call makes one
        found.__dict__ |= self.__dict__ | {
            "W": self.W.copy(),
            "step": step,
            "rule": rule,
            "lost": self.lost and step is None,
            "low": None if self.low is None else self.low.copy(),
            "progress": copy(self.progress),
            "driver": copy(self.driver),
            "losses": self.losses[:],
            "scores": self.scores[:],
            "watch": copy(self.watch),
            "history": {name: values[:] for name, values in self.history.items()},
        }
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Return what skops can look at before it loads: arrays in the place of series.

        A step or a rule that cannot be copied (a closure's) is dropped: going on says so.
        """
        state = self.__dict__.copy()
        try:
            pickle.dumps((self.step, self.rule))
        except NOT_PICKLED:
            state |= {"step": None, "rule": None, "lost": True}
        for name in ("progress", "driver"):
            state[name] = state[name] and state[name].__getstate__()
        state["history"] = {name: np.array(v) for name, v in self.history.items()}
        state["watch"] = tuple(vars(self.watch).values())
        state["smooth"] = self.smooth and tuple(self.smooth)
        return state | {name: np.array(state[name]) for name in SERIES}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the series quick to copy again."""
        self.__dict__.update(state)
        self.history = {name: array("d", v) for name, v in state["history"].items()}
        self.watch = Watch(*state["watch"])
        self.smooth = self.smooth and Smoothness(*self.smooth)
        self.__dict__.update({name: array("d", state[name]) for name in SERIES})
        for name, kind in (("progress", Progress), ("driver", BoldDriver)):
            if (told := state[name]) is not None:
                setattr(self, name, kind.__new__(kind))
                getattr(self, name).__setstate__(told)


@dataclass
class Outcome:
    """Where a fit ended."""

    W: Array
    objective: float
    gap: float
    certificate: str
    converged: bool
    stop_reason: str
    n_iter: int
    history: dict[str, Array]
    optimizer: Any
    t: int
    rate: float
    run: Run | None = None  # to go on with
