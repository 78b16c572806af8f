"""The course of runs: `TrainingCurveDisplay`."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ._style import axes, style

Array = NDArray[np.float64]

X_NAMES = {"epochs": "epochs", "updates": "updates", "seconds": "time (s)"}
Y_NAMES = {
    "objective": "objective f",
    "gap": "bound on f − f*",
    "score": "validation score",
    "loss": "mean loss of the batches",
    "rate": "rate",
}


class TrainingCurveDisplay:
    """The course of one run or of several, from ``history_``.

    Made by `from_estimator` or `from_estimators`.

    Parameters
    ----------
    x, y : list of ndarray
        The curves, one of each for every run.
    x_name : {"epochs", "updates", "seconds"}
        What x counts.
    y_name : str
        The name of y in ``history_``.
    names : list of str
        Of the runs, for the legend.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where it is drawn.
    lines_ : list of matplotlib Line2D
        One for each run.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sgd_estimators import SGDRidge
    >>> from sgd_estimators.display import TrainingCurveDisplay
    >>> X, y = load_diabetes(return_X_y=True, scaled=False)
    >>> runs = {
    ...     f"momentum {beta}": SGDRidge(momentum=beta, random_state=0).fit(X, y)
    ...     for beta in (0.0, 0.9)
    ... }
    >>> display = TrainingCurveDisplay.from_estimators(runs, y="gap")  # needs matplotlib
    >>> display.names
    ['momentum 0.0', 'momentum 0.9']
    """

    def __init__(
        self,
        *,
        x: Sequence[Array],
        y: Sequence[Array],
        x_name: str,
        y_name: str,
        names: Sequence[str],
    ) -> None:
        self.x, self.y, self.names = x, y, names
        self.x_name, self.y_name = x_name, y_name

    def plot(self, ax: Any = None, **line_kw: Any) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **line_kw
            For ``ax.plot``.

        Returns
        -------
        TrainingCurveDisplay
            Itself, with ``ax_``, ``figure_`` and ``lines_``.
        """
        self.ax_ = ax = axes(ax)
        self.figure_ = ax.figure
        self.lines_ = []
        for x, y, name in zip(self.x, self.y, self.names, strict=True):
            own: dict[str, Any] = {"label": name, "marker": "." if len(x) < 30 else ""}
            self.lines_ += ax.plot(x, y, **own | style(ax) | line_kw)
        ax.set(xlabel=X_NAMES[self.x_name], ylabel=Y_NAMES[self.y_name])
        if self.y_name in ("gap", "rate"):
            ax.set_yscale("log")
        if self.x_name != "seconds":
            ax.xaxis.get_major_locator().set_params(integer=True)
        if len(ax.lines) > 1:
            ax.legend()
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        x: str = "epochs",
        y: str = "objective",
        name: str | None = None,
        ax: Any = None,
        **line_kw: Any,
    ) -> Self:
        """Draw the run of a fitted estimator.

        Parameters
        ----------
        estimator : SGDLinearRegressor, SGDRidge or SGDLogistic
            Fitted.
        x : {"epochs", "updates", "seconds"}, default="epochs"
            Updates are ``t_``, the same number in each epoch.
        y : {"objective", "gap", "score", "loss", "rate"}, default="objective"
            Objective and gap are drawn where f was evaluated, and a gap where there is
            a bound above 0, on a logarithmic axis.
        name : str, default=None
            For the legend of several; None is the name of the class.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **line_kw
            For ``ax.plot``.

        Returns
        -------
        TrainingCurveDisplay
            Drawn.
        """
        named = {type(estimator).__name__ if name is None else name: estimator}
        return cls.from_estimators(named, x=x, y=y, ax=ax, **line_kw)

    @classmethod
    def from_estimators(
        cls,
        estimators: Mapping[str, Any],
        *,
        x: str = "epochs",
        y: str = "objective",
        ax: Any = None,
        **line_kw: Any,
    ) -> Self:
        """Draw the runs of several fitted estimators on one axis.

        Parameters
        ----------
        estimators : mapping of str to estimator
            Fitted, by the names for the legend.
        x, y, ax, **line_kw
            As in `from_estimator`.

        Returns
        -------
        TrainingCurveDisplay
            Drawn.

        Raises
        ------
        ValueError, TypeError
            For an unknown x or y, or a run that has nothing of y; for estimators without
            names.
        """
        if not isinstance(estimators, Mapping):
            raise TypeError(
                f"estimators must be a mapping of names to estimators, got {estimators!r}"
            )
        if not estimators:
            raise ValueError("estimators must hold one at least, got none")
        for given, known in ((x, X_NAMES), (y, Y_NAMES)):
            if given not in known:
                raise ValueError(f"x and y must be of {list(known)} here, got {given!r}")
        curves = [_curve(e, x, y) for e in estimators.values()]
        display = cls(
            x=[curve[0] for curve in curves],
            y=[curve[1] for curve in curves],
            x_name=x,
            y_name=y,
            names=list(estimators),
        )
        return display.plot(ax, **line_kw)


def _curve(estimator: Any, x: str, y: str) -> tuple[Array, Array]:
    gone = "%(name)s has no history_: it is not fitted, or compact() has dropped it"
    check_is_fitted(estimator, "history_", msg=gone)
    values = estimator.history_[y]
    kept = np.isfinite(values)
    if y == "gap":
        kept &= values > 0
    if not kept.any():
        why = {
            "score": "give fit X_val and y_val, or set early_stopping=True",
            "gap": f"there is no bound, certificate_ is {estimator.certificate_!r}",
        }.get(y, "it has made no epoch")
        raise ValueError(f"the history_ of {estimator} holds no {y}: {why}")
    epochs = np.arange(1, len(values) + 1)
    if x == "seconds":
        where = np.cumsum(estimator.history_["seconds"])
    else:
        where = epochs if x == "epochs" else epochs * estimator.t_ / len(epochs)
    return where[kept], values[kept]
