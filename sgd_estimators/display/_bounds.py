"""Iterations to an accuracy, measured and bounded: `BoundsDisplay`."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._minimize import minimize
from ..schedules import InverseTime
from ._style import COLOURS, axes

Array = NDArray[np.float64]


class BoundsDisplay:
    """Iterations until f - f* <= rho: GD and SGD, measured, and their bounds.

    ::

        GD   kappa log((f(0) - f*) / rho)      SGD   nu kappa^2 / rho

    Made by `from_data`, on least squares: ``f(w) = 1/(2n) ||X w - y||^2``, kappa the
    condition of its Hessian H, and ``nu = tr(G H^-1)``, G the covariance of the rows'
    gradients at the minimum.

    Parameters
    ----------
    accuracies : ndarray of shape (n_accuracies,)
        How near to f*, rho.
    gd, sgd : ndarray of shape (n_accuracies,)
        Iterations; NaN where they were too few.
    kappa, nu, begun : float
        The condition, the noise, and f(0) - f*.
    n_rows : int
        Of the data: SGD's iterations are ``1 / n_rows`` of a pass, GD's a pass.

    Attributes
    ----------
    gd_bound_, sgd_bound_ : ndarray of shape (n_accuracies,)
        The bounds.
    ax_, figure_ : matplotlib Axes and Figure
        Where it is drawn.
    lines_ : dict of str to matplotlib Line2D
        "GD", "GD bound", "SGD" and "SGD bound".

    References
    ----------
    L. Bottou and O. Bousquet, "The tradeoffs of large scale learning", NIPS 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from sgd_estimators.display import BoundsDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> y = X @ [1.0, 2.0] + rng.normal(size=200)
    >>> display = BoundsDisplay.from_data(X, y, n_updates=2000)  # needs matplotlib
    >>> bool(np.nanmax(display.gd / display.gd_bound_) <= 1)
    True
    """

    def __init__(
        self,
        *,
        accuracies: Array,
        gd: Array,
        sgd: Array,
        kappa: float,
        nu: float,
        begun: float,
        n_rows: int,
    ) -> None:
        self.accuracies, self.gd, self.sgd = accuracies, gd, sgd
        self.kappa, self.nu, self.begun, self.n_rows = kappa, nu, begun, n_rows
        self.gd_bound_: Array = kappa * np.log(np.maximum(begun / accuracies, 1.0))
        self.sgd_bound_: Array = nu * kappa**2 / accuracies

    def plot(self, ax: Any = None, *, unit: str = "iterations", **line_kw: Any) -> Self:
        """Draw the four curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        unit : {"iterations", "passes"}, default="iterations"
            Of the vertical axis: passes are what they cost.
        **line_kw
            For ``ax.plot``.

        Returns
        -------
        BoundsDisplay
            Itself, drawn.
        """
        if unit not in ("iterations", "passes"):
            raise ValueError(f'unit must be "iterations" or "passes", got {unit!r}')
        self.ax_ = ax = axes(ax)
        self.figure_ = ax.figure
        share = 1 if unit == "iterations" else 1 / self.n_rows
        curves = {
            "GD": (self.gd, COLOURS[0], "-", r"GD, measured"),
            "GD bound": (self.gd_bound_, COLOURS[0], "--", r"$\kappa\,\log(1/\rho)$"),
            "SGD": (share * self.sgd, COLOURS[1], "-", r"SGD, measured"),
            "SGD bound": (
                *(share * self.sgd_bound_, COLOURS[1], "--", r"$\nu\kappa^2/\rho$"),
            ),
        }
        self.lines_ = {}
        for name, (y, colour, dashes, label) in curves.items():
            own = {"color": colour, "linestyle": dashes, "label": label}
            own["marker"] = "." if dashes == "-" else ""
            (self.lines_[name],) = ax.plot(self.accuracies, y, **own | line_kw)
        ax.set(xscale="log", yscale="log", xlabel="accuracy ρ of f", ylabel=unit)
        ax.xaxis.set_minor_formatter("")  # decades are enough
        if not ax.xaxis_inverted():
            ax.invert_xaxis()
        ax.legend()
        return self

    @classmethod
    def from_data(
        cls,
        X: ArrayLike,
        y: ArrayLike,
        *,
        accuracies: ArrayLike | None = None,
        n_updates: int = 10_000,
        n_repeats: int = 20,
        random_state: int = 0,
        ax: Any = None,
        **plot_kw: Any,
    ) -> Self:
        """Run both from w = 0, and draw when they come within each accuracy.

        GD takes the rate 1 / L. SGD, on a row drawn anew for each step, takes ``1 / (l (t +
        t_0))``, l and L the ends of H's eigenvalues, and ``t_0 = max ||x_i||^2 / l``; its f
        is the mean of some repeats.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Of full rank.
        y : array-like of shape (n_samples,)
            Targets.
        accuracies : array-like, default=None
            In the unit of f; None takes ten below f(0) - f*, that SGD reaches.
        n_updates : int, default=10_000
            Of SGD, at most.
        n_repeats : int, default=20
            Of SGD.
        random_state : int, default=0
            The seed of the rows.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **plot_kw
            For `plot`.

        Returns
        -------
        BoundsDisplay
            Drawn.

        Raises
        ------
        ValueError
            If X has not full rank.
        """
        X, y = np.asarray(X, np.float64), np.asarray(y, np.float64)
        n, d = X.shape
        H = X.T @ X / n
        h = np.linalg.eigvalsh(H)
        if h[0] <= 1e-12 * h[-1]:
            raise ValueError("X must have full rank, for a finite condition number")
        best = np.linalg.solve(H, X.T @ y / n)
        slopes = X * (X @ best - y)[:, None]
        nu = float(np.trace(slopes.T @ slopes / n @ np.linalg.inv(H)))

        def excess(W: Array) -> Any:
            E = W - best
            return 0.5 * np.sum(E @ H * E, axis=-1)

        begun, rng = float(excess(np.zeros(d))), np.random.default_rng(random_state)
        offset = np.max(np.sum(X * X, axis=1)) / h[0]

        def noisy(x: Array) -> Array:  # all repeats in one step, each on a row of its own
            W, rows = x.reshape(n_repeats, d), rng.integers(n, size=n_repeats)
            z = np.sum(X[rows] * W, axis=1) - y[rows]
            return np.ravel(X[rows] * z[:, None])

        by_sgd = minimize(
            lambda x: float(np.mean(excess(x.reshape(n_repeats, d)))),
            np.zeros(n_repeats * d),
            grad=noisy,
            learning_rate=1 / (h[0] * offset),
            schedule=InverseTime(1 / offset),
            max_iter=n_updates,
            tol=0.0,
        )
        path = by_sgd.trajectory.reshape(-1, n_repeats, d)
        sgd = np.mean(excess(path), axis=1)
        if accuracies is None:
            rho = np.geomspace(begun / 10, 1.2 * float(sgd[-100:].max()), 10)
        else:
            rho = np.asarray(accuracies, np.float64)
        kappa = float(h[-1] / h[0])
        by_gd = minimize(
            lambda w: (float(excess(w)), H @ (w - best)),
            np.zeros(d),
            learning_rate=1 / h[-1],
            max_iter=int(kappa * np.log(max(begun / rho.min(), 1.0))) + 2,
            tol=0.0,
        )
        return cls(
            accuracies=rho,
            gd=first(excess(by_gd.trajectory), rho),
            sgd=first(sgd, rho),
            kappa=kappa,
            nu=nu,
            begun=begun,
            n_rows=n,
        ).plot(ax, **plot_kw)


def first(values: Array, limits: Array) -> Array:
    """Return for each limit the first place of a value that is no higher, or NaN."""
    below = values[:, None] <= limits
    return np.where(below.any(axis=0), below.argmax(axis=0), np.nan)
