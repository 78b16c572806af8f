"""What the noise of mini-batches does near the minimum: `NoiseDisplay`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from .. import _auto
from .._kernels.objective import Objective
from .._minimize import minimize
from ._style import axes, style

Array = NDArray[np.float64]


class NoiseDisplay:
    """How far above its minimum f is, update by update, for some ways to tame the noise.

    Made by `from_objective`.

    Parameters
    ----------
    passes : list of ndarray
        Of each run: the rows that were visited, over those that there are.
    excess : list of ndarray
        Of each run: f - f*.
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
    >>> import numpy as np
    >>> from sgd_estimators import objective
    >>> from sgd_estimators.display import NoiseDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 3))
    >>> f = objective(X, X @ [1.0, 2.0, 3.0] + rng.normal(size=100))
    >>> runs = {
    ...     "one row a step": {"learning_rate": 0.05},
    ...     "ten rows": {"learning_rate": 0.05, "batch_size": 10},
    ...     "averaged": {"learning_rate": 0.05, "average": 2},
    ... }
    >>> display = NoiseDisplay.from_objective(f, runs, n_passes=5)  # needs matplotlib
    >>> [len(line) for line in display.excess]
    [501, 51, 501]
    """

    def __init__(
        self, *, passes: Sequence[Array], excess: Sequence[Array], names: Sequence[str]
    ) -> None:
        self.passes, self.excess, self.names = passes, excess, names

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
        NoiseDisplay
            Itself, drawn.
        """
        self.ax_ = ax = axes(ax)
        self.figure_ = ax.figure
        self.lines_ = []
        for x, y, name in zip(self.passes, self.excess, self.names, strict=True):
            colour = style(ax)["color"]  # no dashes: they would hide the noise
            own = {"label": name, "lw": 1.0, "color": colour}
            self.lines_ += ax.plot(x, y, **own | line_kw)
        ax.set(xlabel="passes over the data", ylabel="f − f*", yscale="log")
        if len(self.lines_) > 1:
            for handle in ax.legend().get_lines():
                handle.set_linewidth(2.5)
        return self

    @classmethod
    def from_objective(
        cls,
        f: Objective,
        runs: Mapping[str, Mapping[str, Any]],
        *,
        n_passes: int = 10,
        random_state: int = 0,
        ax: Any = None,
        **line_kw: Any,
    ) -> Self:
        """Run SGD on an objective in several ways, and draw every update.

        Parameters
        ----------
        f : Objective
            See `objective`.
        runs : mapping of str to dict
            By the names for the legend: ``batch_size``, rows a step, 1 if it is not given;
            ``average``, the pass from which on the mean of the points is shown; and
            arguments of `minimize`, ``learning_rate`` first.
        n_passes : int, default=10
            Over the rows, in a new random order each.
        random_state : int, default=0
            The seed of the order.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **line_kw
            For ``ax.plot``.

        Returns
        -------
        NoiseDisplay
            Drawn.
        """
        lowest = minimum(f)
        curves = [
            noisy_run(f, n_passes, np.random.default_rng(random_state), **run)
            for run in runs.values()
        ]
        return cls(
            passes=[x for x, _ in curves],
            excess=[y - lowest for _, y in curves],
            names=list(runs),
        ).plot(ax, **line_kw)


def minimum(f: Objective) -> float:
    """Return f*, to about the digits of a float."""
    start = _auto.start(f)

    def flat(x: Array) -> tuple[float, Array]:
        value, g = f.value_and_gradient(x.reshape(start.shape))
        return value, g.ravel()

    tight = {"maxiter": 10_000, "ftol": 1e-16, "gtol": 1e-12}
    end = optimize.minimize(flat, start.ravel(), jac=True, method="L-BFGS-B", options=tight)
    return float(end.fun)


def noisy_run(
    f: Objective,
    n_passes: int,
    rng: np.random.Generator,
    *,
    batch_size: int = 1,
    average: int | None = None,
    **given: Any,
) -> tuple[Array, Array]:
    """Return the passes, and f at each point, or at the mean of the points."""
    n, start = f.n_active, np.zeros_like(_auto.start(f))
    rows = np.asarray(f.indices)

    def deal() -> Iterator[Any]:
        while True:
            order = rng.permutation(rows)
            yield from np.split(order, range(batch_size, n, batch_size))

    batches = deal()
    end = minimize(
        lambda x: f.value_and_gradient(x.reshape(start.shape))[0],
        start.ravel(),
        grad=lambda x: f.value_and_gradient(x.reshape(start.shape), next(batches))[1],
        max_iter=n_passes * -(-n // batch_size),
        tol=0.0,
        **given,
    )
    points = end.trajectory
    passes = np.arange(len(points)) / -(-n // batch_size)
    if average is not None:
        late = passes >= average
        counts = np.arange(1, np.sum(late) + 1)[:, None]
        points[late] = np.cumsum(points[late], axis=0) / counts
    values = [f.value_and_gradient(x.reshape(start.shape))[0] for x in points]
    return passes, np.array(values)
