"""The decay of the rate: `ScheduleDisplay`."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..schedules import get_schedule
from ._style import axes, style

Array = NDArray[np.float64]


class ScheduleDisplay:
    """A schedule of the rate: ``alpha_t = alpha_0 * schedule(t)`` against t.

    Made by `from_schedule`.

    Parameters
    ----------
    t, rates : ndarray of shape (n,)
        The curve.
    per : {"update", "epoch"}
        What t counts.
    relative : bool
        Whether the rates are factors of alpha_0.
    name : str
        For the legend.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where it is drawn.
    line_ : matplotlib Line2D
        The curve.

    Examples
    --------
    >>> from sgd_estimators.display import ScheduleDisplay
    >>> from sgd_estimators.schedules import Cosine
    >>> display = ScheduleDisplay.from_schedule(Cosine(horizon=100), n=150)
    >>> display = ScheduleDisplay.from_schedule("exponential", n=150, ax=display.ax_)
    >>> len(display.ax_.lines)
    2
    """

    def __init__(
        self, *, t: Array, rates: Array, per: str, relative: bool, name: str
    ) -> None:
        self.t, self.rates, self.name = t, rates, name
        self.per, self.relative = per, relative

    def plot(self, ax: Any = None, **line_kw: Any) -> Self:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **line_kw
            For ``ax.plot``.

        Returns
        -------
        ScheduleDisplay
            Itself, with ``ax_``, ``figure_`` and ``line_``.
        """
        self.ax_ = ax = axes(ax)
        self.figure_ = ax.figure
        own = {"label": self.name} | style(ax) | line_kw
        (self.line_,) = ax.plot(self.t, self.rates, **own)
        rate = "rate / initial rate" if self.relative else "rate"
        ax.set(xlabel=f"{self.per}s", ylabel=rate)
        if len(ax.lines) > 1:
            ax.legend()
        return self

    @classmethod
    def from_schedule(
        cls,
        schedule: Any,
        *,
        n: int = 1000,
        learning_rate: float | None = None,
        history: Mapping[str, Sequence[float]] | None = None,
        name: str | None = None,
        ax: Any = None,
        **line_kw: Any,
    ) -> Self:
        """Draw a schedule at t = 0, ..., n - 1.

        Parameters
        ----------
        schedule : str, Schedule or callable
            As the estimators take it.
        n : int, default=1000
            Updates or epochs, as the schedule counts.
        learning_rate : float, default=None
            alpha_0; None draws the factors.
        history : mapping of str to list, default=None
            For a schedule that looks at the run, as `Plateau`.
        name : str, default=None
            For the legend of several; None is the schedule's repr.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **line_kw
            For ``ax.plot``.

        Returns
        -------
        ScheduleDisplay
            Drawn.
        """
        schedule = get_schedule(schedule)
        t = np.arange(float(n))
        initial = 1.0 if learning_rate is None else learning_rate
        display = cls(
            t=t,
            rates=initial * schedule(t, history),
            per=schedule.per,
            relative=learning_rate is None,
            name=repr(schedule) if name is None else name,
        )
        return display.plot(ax, **line_kw)
