"""What the learning rate does: `RateDisplay`."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._minimize import minimize
from ._style import COLOURS, axes, style

Array = NDArray[np.float64]


class RateDisplay:
    """The value of f after some steps, against the learning rate.

    Made by `from_function`. The rates are too small, the best one, overshooting (f falls,
    by less) or divergent (f does not fall).

    Parameters
    ----------
    rates : ndarray of shape (n_rates,)
        In rising order.
    values : ndarray of shape (n_rates,)
        Of f at the last point; infinite where it was no number.
    begun : float
        Of f at the first point.
    n_steps : int
        The steps that were made.
    lowest : float
        The lowest value of f.

    Attributes
    ----------
    best_rate_, divergent_from_ : float
        The rate of the lowest value, and the first from which on f does not fall, infinite
        where there is none.
    ax_, figure_ : matplotlib Axes and Figure
        Where it is drawn.
    line_, best_ : matplotlib Line2D and PathCollection
        The curve, and the mark at its lowest point.
    spans_ : dict of str to matplotlib patch
        The regions of the rate, by their names.

    Examples
    --------
    >>> from sgd_estimators.display import RateDisplay
    >>> rates = [0.01, 0.05, 0.09, 0.11]
    >>> display = RateDisplay.from_function(  # needs matplotlib
    ...     lambda x: x[0] ** 2 + 10 * x[1] ** 2, [1.0, 1.0], rates=rates
    ... )
    >>> display.best_rate_, display.divergent_from_
    (0.09, 0.11)
    """

    def __init__(
        self,
        *,
        rates: Array,
        values: Array,
        begun: float,
        n_steps: int,
        lowest: float = 0.0,
    ) -> None:
        self.rates, self.values = np.asarray(rates), np.asarray(values)
        self.begun, self.n_steps, self.lowest = begun, n_steps, lowest
        self.best_rate_ = float(self.rates[np.argmin(self.values)])
        risen = (self.values >= begun) & (self.rates > self.best_rate_)
        self.divergent_from_ = float(np.min(self.rates[risen], initial=np.inf))

    def plot(self, ax: Any = None, **line_kw: Any) -> Self:
        """Draw the curve and its regions.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **line_kw
            For ``ax.plot``.

        Returns
        -------
        RateDisplay
            Itself, drawn.
        """
        self.ax_ = ax = axes(ax)
        self.figure_ = ax.figure
        above = self.values - self.lowest
        top = 30 * (self.begun - self.lowest)
        kept = np.isfinite(above) & (above > 0)
        own = {"marker": ".", "label": "f"} | style(ax)
        (self.line_,) = ax.plot(self.rates[kept], above[kept], **own | line_kw)
        best = float(np.min(above))
        self.best_ = ax.scatter(
            [self.best_rate_], [best], marker="*", s=180, color=COLOURS[1], zorder=3
        )
        ax.axhline(self.begun - self.lowest, color="0.4", lw=0.8, ls=":")
        ax.set(xscale="log", yscale="log", xlabel="learning rate α")
        floor = np.min(above[kept], initial=top)
        ax.set_ylim(floor / 3, top)
        ax.set_xlim(self.rates[0], self.rates[-1])
        ax.set_ylabel(f"f − f* after {self.n_steps} steps")
        self._regions()
        return self

    def _regions(self) -> None:
        first, last = self.rates[0], self.rates[-1]
        edge = min(self.divergent_from_, last)
        ends = {
            "too small": (first, self.best_rate_, "0.97"),
            "overshooting": (self.best_rate_, edge, "0.9"),
            "divergent": (edge, last, "0.8"),
        }
        self.spans_ = {}
        for name, (low, high, grey) in ends.items():
            if low < high:
                self.spans_[name] = self.ax_.axvspan(low, high, color=grey, zorder=0)
                wide = high / low > (last / first) ** 0.3
                self.ax_.text(
                    np.sqrt(low * high),
                    1.01,
                    name,
                    transform=self.ax_.get_xaxis_transform(),
                    ha="center" if wide else "left",
                    va="bottom",
                    rotation=0 if wide else 30,
                    rotation_mode="anchor",
                )

    @classmethod
    def from_function(
        cls,
        f: Callable[..., Any],
        x0: ArrayLike,
        *,
        rates: ArrayLike,
        n_steps: int = 20,
        lowest: float = 0.0,
        ax: Any = None,
        **minimize_kw: Any,
    ) -> Self:
        """Minimise f from x0 at each rate, and draw where it ended.

        Parameters
        ----------
        f : callable
            As `minimize` takes it.
        x0 : array-like of shape (n,)
            Where all runs start.
        rates : array-like of shape (n_rates,)
            Numbers > 0.
        n_steps : int, default=20
            Of each run.
        lowest : float, default=0.0
            The minimum of f, which the values are shown above.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **minimize_kw
            More arguments of `minimize`, such as ``momentum``.

        Returns
        -------
        RateDisplay
            Drawn.
        """
        ordered = np.sort(np.asarray(rates, np.float64))
        values = []
        for rate in ordered:
            given = {"learning_rate": rate, "max_iter": n_steps, "tol": 0.0} | minimize_kw
            end = minimize(f, x0, **given)
            found = f(end.trajectory[-1])
            value = found[0] if isinstance(found, tuple) else found
            values.append(np.inf if end.stop_reason == "not_finite" else float(value))
        found = f(np.asarray(x0, np.float64))
        begun = float(found[0] if isinstance(found, tuple) else found)
        return cls(
            rates=ordered,
            values=np.array(values),
            begun=begun,
            n_steps=n_steps,
            lowest=lowest,
        ).plot(ax)
