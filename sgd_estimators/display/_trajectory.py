"""Paths over a function of two parameters: `TrajectoryDisplay`."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._minimize import minimize
from ._style import axes, style

Array = NDArray[np.float64]
Limits = tuple[tuple[float, float], tuple[float, float]]


class TrajectoryDisplay:
    """Level curves or the surface of a function of two parameters, and paths on it.

    Made by `from_function`, which runs `minimize`, or `from_results`.

    Parameters
    ----------
    f : callable
        ``f(x)`` returns the value, or the value and the gradient, at x of shape (2,).
    paths : mapping of str to ndarray of shape (n_points, 2)
        By the names for the legend.
    grad : callable, default=None
        For the field of gradients, where f does not return them.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where it is drawn.
    contour_, surface_ : matplotlib ContourSet, Poly3DCollection
        The level curves, and None; or None, and the surface.
    field_ : matplotlib Quiver
        The directions of -grad f; None without.
    lines_ : list of matplotlib Line2D
        The paths.

    Examples
    --------
    >>> from sgd_estimators.display import TrajectoryDisplay
    >>> from sgd_estimators.schedules import LineSearch
    >>> def f(x):
    ...     return x[0] ** 2 + 5 * x[1] ** 2
    >>> runs = {
    ...     "rate 0.05": {"learning_rate": 0.05},
    ...     "line search": {"learning_rate": LineSearch("exact")},
    ... }
    >>> display = TrajectoryDisplay.from_function(f, [4.0, 1.0], runs)  # needs matplotlib
    >>> len(display.lines_)
    2
    """

    def __init__(
        self,
        *,
        f: Callable[..., Any],
        paths: Mapping[str, ArrayLike],
        grad: Callable[..., Any] | None = None,
    ) -> None:
        self.f, self.grad = f, grad
        self.paths = {name: np.asarray(p, np.float64) for name, p in paths.items()}
        for name, path in self.paths.items():
            if path.ndim != 2 or path.shape[1] != 2:
                raise ValueError(
                    f"paths must have the shape (n_points, 2), got {path.shape} of {name!r}"
                )

    def plot(
        self,
        ax: Any = None,
        *,
        kind: str = "contour",
        levels: int | str | ArrayLike = 12,
        field: bool = False,
        limits: Limits | None = None,
        **line_kw: Any,
    ) -> Self:
        """Draw the function and the paths.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw, with ``projection="3d"`` for a surface; None makes a new figure.
        kind : {"contour", "surface"}, default="contour"
            Level curves, on axes of one scale, so that right angles are right; or the
            surface.
        levels : int, "path" or array-like, default=12
            How many level curves, denser towards the lowest; or those through the points
            of the paths; or their values.
        field : bool, default=False
            Draw arrows of one length along -grad f.
        limits : ((low, high), (low, high)), default=None
            Of x1 and x2; None holds all paths.
        **line_kw
            For ``ax.plot``, of the paths.

        Returns
        -------
        TrajectoryDisplay
            Itself, drawn.
        """
        if kind not in ("contour", "surface"):
            raise ValueError(f'kind must be "contour" or "surface", got {kind!r}')
        deep = kind == "surface"
        self.ax_ = ax = axes(ax, projection="3d") if deep else axes(ax)
        self.figure_ = ax.figure
        self.contour_ = self.surface_ = self.field_ = None
        ranges = self._limits() if limits is None else limits
        x1, x2 = np.meshgrid(*(np.linspace(low, high, 120) for low, high in ranges))
        values = np.array([[self._value(x) for x in row] for row in np.dstack([x1, x2])])
        if deep:
            self.surface_ = ax.plot_surface(
                x1, x2, values, cmap="cividis", alpha=0.6, lw=0, rcount=60, ccount=60
            )
            ax.set_zlabel("f(x)")
        else:
            chosen = self._levels(levels, values)
            self.contour_ = ax.contour(
                x1, x2, values, levels=chosen, cmap="cividis", linewidths=0.8, alpha=0.7
            )
            ax.set_aspect("equal", adjustable="box")
            ax.set(xlim=ranges[0], ylim=ranges[1])
            if field:
                self._draw_field(ranges)
        self.lines_ = []
        for name, path in self.paths.items():
            own = {"label": name, "marker": ".", "lw": 1.5} | style(ax)
            height = [[self._value(x) for x in path]] if deep else []
            self.lines_ += ax.plot(*path.T, *height, **own | line_kw)
        for line, path in zip(self.lines_, self.paths.values(), strict=True):
            if not deep:
                ax.scatter(*path[0], color=line.get_color(), marker="o", s=40, zorder=3)
        ax.set(xlabel="$x_1$", ylabel="$x_2$")
        if len(self.lines_) > 1:
            ax.legend()
        return self

    def _value(self, x: Array) -> float:
        found = self.f(x)
        return float(found[0] if isinstance(found, tuple) else found)

    def _gradient(self, x: Array) -> Array:
        if self.grad is not None:
            return np.asarray(self.grad(x), np.float64)
        found = self.f(x)
        if isinstance(found, tuple):
            return np.asarray(found[1], np.float64)
        steps = 1e-5 * np.eye(2)
        ends = [self._value(x + h) - self._value(x - h) for h in steps]
        return np.array(ends) / 2e-5

    def _limits(self) -> Any:
        points = np.concatenate(list(self.paths.values()))
        low, high = points.min(axis=0), points.max(axis=0)
        room = 0.15 * max(np.max(high - low), 1e-3)
        return [(low[j] - room, high[j] + room) for j in range(2)]

    def _levels(self, levels: Any, values: Array) -> Array:
        if isinstance(levels, str) and levels == "path":
            on_paths = [self._value(x) for p in self.paths.values() for x in p]
            return np.unique(on_paths)
        if not isinstance(levels, int):
            return np.asarray(levels, np.float64)
        low, high = np.nanmin(values), np.nanmax(values)
        return low + (high - low) * (np.arange(1, levels + 1) / levels) ** 2

    def _draw_field(self, ranges: Any) -> None:
        places = [np.linspace(low, high, 13)[1:-1] for low, high in ranges]
        x1, x2 = np.meshgrid(*places)
        g = np.array([self._gradient(x) for x in np.c_[x1.ravel(), x2.ravel()]])
        norm = np.linalg.norm(g, axis=1, keepdims=True)
        d = np.divide(-g, norm, out=np.zeros_like(g), where=norm > 0)
        self.field_ = self.ax_.quiver(
            x1, x2, *d.T, color="0.45", alpha=0.6, angles="xy", width=0.003, scale=22
        )

    @classmethod
    def from_results(
        cls,
        f: Callable[..., Any],
        results: Any,
        *,
        grad: Callable[..., Any] | None = None,
        ax: Any = None,
        **plot_kw: Any,
    ) -> Self:
        """Draw the paths of runs that were made.

        Parameters
        ----------
        f : callable
            The function that was minimised.
        results : OptimizeResult or mapping of str to OptimizeResult
            What `minimize` returned; several by the names for the legend.
        grad : callable, default=None
            Its gradient, for the field.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_kw
            For `plot`.

        Returns
        -------
        TrajectoryDisplay
            Drawn.
        """
        named = {"path": results} if hasattr(results, "trajectory") else results
        paths = {name: result.trajectory for name, result in named.items()}
        return cls(f=f, paths=paths, grad=grad).plot(ax, **plot_kw)

    @classmethod
    def from_function(
        cls,
        f: Callable[..., Any],
        x0: ArrayLike,
        runs: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        grad: Callable[..., Any] | None = None,
        ax: Any = None,
        kind: str = "contour",
        levels: int | str | ArrayLike = 12,
        field: bool = False,
        limits: Limits | None = None,
        **minimize_kw: Any,
    ) -> Self:
        """Minimise f from x0 in one way or several, and draw the paths.

        Parameters
        ----------
        f : callable
            Of two parameters, as `minimize` takes it.
        x0 : array-like of shape (2,)
            Where they start.
        runs : mapping of str to dict, default=None
            Arguments of `minimize`, by the names for the legend; None is one run.
        grad : callable, default=None
            As in `minimize`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        kind : {"contour", "surface"}, default="contour"
            See `plot`.
        levels : int, "path" or array-like, default=12
            See `plot`.
        field : bool, default=False
            See `plot`.
        limits : ((low, high), (low, high)), default=None
            See `plot`.
        **minimize_kw
            Arguments of `minimize` that all runs share.

        Returns
        -------
        TrajectoryDisplay
            Drawn.
        """
        results = {
            name: minimize(f, x0, grad=grad, **minimize_kw | dict(run))
            for name, run in ({"path": {}} if runs is None else runs).items()
        }
        shown: dict[str, Any] = {"kind": kind, "levels": levels}
        shown |= {"field": field, "limits": limits}
        return cls.from_results(f, results, grad=grad, ax=ax, **shown)
