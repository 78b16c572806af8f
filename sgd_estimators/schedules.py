"""Schedules: how the learning rate decays.

The rate at t is ``alpha_t = alpha_0 * schedule(t)``, with t = 0 at the first update. A
schedule is a pure function of t: it holds its arguments and no state, so that one call
gives the factors of a whole epoch, or a picture of the run.

`PolyakStep`, `LineSearch` and `DoG` are for ``learning_rate``: alpha_0 is then no number,
but found anew at each step.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from ._decays import (
    Bottou,
    Constant,
    Cosine,
    Exponential,
    InverseScaling,
    InverseTime,
    Linear,
    OneCycle,
    Polynomial,
    Step,
)
from ._rates import RATES, DoG, LineSearch, PolyakStep, get_rate
from ._schedule import Array, History, Schedule, argument

__all__ = [
    "RATES",
    "SCHEDULES",
    "Bottou",
    "Constant",
    "Cosine",
    "DoG",
    "Exponential",
    "Function",
    "InverseScaling",
    "InverseTime",
    "LineSearch",
    "Linear",
    "OneCycle",
    "Plateau",
    "PolyakStep",
    "Polynomial",
    "Schedule",
    "Step",
    "WarmUp",
    "get_rate",
    "get_schedule",
]

Spec = str | Schedule | type[Schedule] | Callable[[Any], Any]


@dataclass(eq=False, repr=False)
class WarmUp(Schedule):
    """``alpha_t = alpha_0 * schedule(0) (t + 1) / (length + 1)`` for t < length.

    Then ``alpha_t = alpha_0 * schedule(t - length)``: the other schedule, later; `t`
    counts what that one counts. Goyal et al. (2017), "Accurate, large minibatch SGD:
    training ImageNet in 1 hour".

    Parameters
    ----------
    schedule : str, Schedule or callable, default="constant"
        The schedule to warm up before: anything that `get_schedule` takes.
    length : float, default=100
        The length of the warm-up, >= 0.

    Examples
    --------
    >>> WarmUp(Linear(horizon=2, end=0), length=3)([0, 1, 2, 3, 4, 5])
    array([0.25, 0.5 , 0.75, 1.  , 0.5 , 0.  ])
    """

    schedule: Spec = "constant"
    length: float = argument(100, "in [0, inf)")

    @property
    def per(self) -> str:  # type: ignore[override]
        """What `t` counts: "update" or "epoch"."""
        return get_schedule(self.schedule).per

    @property
    def uses_history(self) -> bool:  # type: ignore[override]
        """Whether the other schedule looks at the history."""
        return get_schedule(self.schedule).uses_history

    @property
    def settled(self) -> float:  # type: ignore[override]
        """Where the warm-up is over, and the other schedule has settled."""
        return self.length + get_schedule(self.schedule).settled

    @property
    def period(self) -> int:  # type: ignore[override]
        """That of the other schedule."""
        return get_schedule(self.schedule).period

    def bind(self, learning_rate: float, penalty: float) -> Schedule:
        """Return a copy around the bound schedule; see `Schedule.bind`.

        Parameters
        ----------
        learning_rate : float
            The initial rate alpha_0.
        penalty : float
            The factor lambda of the penalty.

        Returns
        -------
        WarmUp
            The copy.
        """
        inner = get_schedule(self.schedule).bind(learning_rate, penalty)
        bound: Schedule = clone(self).set_params(schedule=inner)
        return bound

    def _formula(self, t: Array, history: History | None = None) -> Any:
        if history is not None:  # the other schedule starts when the warm-up is over
            begun = int(self.length)
            history = {
                k: h[begun:] if hasattr(h, "__len__") else h for k, h in history.items()
            }
        later = get_schedule(self.schedule)(np.maximum(t - self.length, 0), history)
        return np.minimum((t + 1) / (self.length + 1), 1) * later


@dataclass(eq=False, repr=False)
class Plateau(Schedule):
    """``alpha_t = alpha_0 * max(factor ** k, min_factor)``, k the cuts before epoch t.

    The rate is cut when the loss has not fallen below ``(1 - threshold)`` times its
    best for `patience` epochs running. `t` counts epochs, and
    ``schedule(t, history)`` looks at the first t values of ``history["loss"]``, the
    running losses of the finished epochs: it is a pure function of the two.
    Krizhevsky, Sutskever and Hinton (2012), "ImageNet classification with deep
    convolutional neural networks", NIPS, section 5.

    Parameters
    ----------
    factor : float, default=0.5
        What a cut multiplies the rate by, in (0, 1).
    patience : int, default=5
        The epochs without progress that make a cut, >= 1.
    threshold : float, default=1e-3
        The relative progress that counts, in [0, 1).
    cooldown : int, default=0
        The epochs after a cut that do not count as lacking progress, >= 0.
    min_factor : float, default=0.0
        The least factor, in [0, 1].

    Examples
    --------
    >>> history = {"loss": [3.0, 2.0, 2.0, 2.0, 1.0]}
    >>> Plateau(patience=2)([0, 1, 2, 3, 4, 5], history)
    array([1. , 1. , 1. , 1. , 0.5, 0.5])
    """

    uses_history = True
    per = "epoch"
    settled = 0.0

    factor: float = argument(0.5, "in (0, 1)")
    patience: int = argument(5, "in [1, inf)")
    threshold: float = argument(1e-3, "in [0, 1)")
    cooldown: int = argument(0, "in [0, inf)")
    min_factor: float = argument(0.0, "in [0, 1]")

    @property
    def period(self) -> int:  # type: ignore[override]
        """Epochs from one cut to the next, where nothing is gained."""
        return int(self.patience + self.cooldown)

    def _formula(self, t: Array, history: History | None = None) -> Any:
        if history is None or "loss" not in history:
            raise ValueError(
                f"{self} needs the losses of the finished epochs: call schedule(t, "
                'history) with history["loss"]'
            )
        factors, goal, stalled, resting = [1.0], np.inf, 0, 0
        for loss in history["loss"]:
            improved = loss < goal
            goal = loss - self.threshold * abs(loss) if improved else goal
            stalled = 0 if improved or resting else stalled + 1
            resting = max(resting - 1, 0)
            factor = factors[-1]
            if stalled >= self.patience:
                factor = max(factor * self.factor, self.min_factor)
                stalled, resting = 0, self.cooldown
            factors.append(factor)
        return np.array(factors)[np.minimum(t, len(factors) - 1).astype(int)]


@dataclass(eq=False, repr=False)
class Function(Schedule):
    """``alpha_t = alpha_0 * function(t)``: any function of t.

    A plain function given as a schedule is wrapped in this and counts updates.

    Parameters
    ----------
    function : callable
        Takes a float64 array of t and returns as many factors, or one for all; or
        takes and returns one number.
    per : {"update", "epoch"}, default="update"
        What `t` counts.

    Examples
    --------
    >>> Function(lambda t: 0.5 ** (t // 10), per="epoch")([0, 10, 20])
    array([1.  , 0.5 , 0.25])
    >>> Function(lambda t: 1 if t < 10 else 0.1)([0, 10])
    array([1. , 0.1])
    """

    function: Callable[[Any], Any]
    per: str = "update"

    def _formula(self, t: Array) -> Any:
        try:
            return self.function(t)
        except (TypeError, ValueError):  # as of `1 if t < 9 else 0.1`: one t at a time
            return np.reshape([self.function(s) for s in t.ravel().tolist()], t.shape)


SCHEDULES: dict[str, type[Schedule]] = {
    schedule.__name__.lower(): schedule
    for schedule in (
        *(Constant, Linear, InverseTime, Exponential, InverseScaling, Bottou),
        *(Step, Polynomial, Cosine, OneCycle, WarmUp, Plateau),
    )
}


def get_schedule(schedule: Spec) -> Schedule:
    """Return the schedule that a name, a class, an object or a function stands for.

    Parameters
    ----------
    schedule : str, Schedule, subclass of Schedule, or callable
        A name in `SCHEDULES` or a class give the defaults; a function of t is wrapped
        in `Function`.

    Returns
    -------
    Schedule
        The schedule, itself if it is one.

    Raises
    ------
    ValueError
        If there is no schedule of that name.
    TypeError
        If it is nothing of the above.

    Examples
    --------
    >>> get_schedule("cosine")
    Cosine()
    """
    given: Any = schedule
    if isinstance(given, str) and given in SCHEDULES:
        given = SCHEDULES[given]
    if isinstance(given, type) and issubclass(given, Schedule):
        return given()
    if isinstance(given, Schedule):
        return given
    if callable(given) and not isinstance(given, type):
        return Function(given)
    error = ValueError if isinstance(given, str) else TypeError
    raise error(
        "schedule must be a Schedule, a function of t, or one of "
        f"{', '.join(SCHEDULES)}; got {given!r}"
    )
