"""How fast momentum converges, and where it does: `MomentumDisplay`."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._style import COLOURS, axes

Array = NDArray[np.float64]


def convergence_rate(alpha: ArrayLike, momentum: ArrayLike, eigenvalues: ArrayLike) -> Any:
    """Return what a step multiplies the error by in the end; from 1 on, it diverges.

    The largest root of ``r^2 - (1 + momentum - alpha h) r + momentum``, over all h.
    """
    h = np.asarray(eigenvalues, np.float64)
    beta = np.asarray(momentum, np.float64)[..., None]
    half = (1 + beta - np.asarray(alpha, np.float64)[..., None] * h) / 2
    real = np.sqrt(np.maximum(half * half - beta, 0.0))
    size = np.where(half * half > beta, np.abs(half) + real, np.sqrt(beta))
    return size.max(axis=-1)


class MomentumDisplay:
    """The convergence rate over learning rate and momentum, the best point marked.

    ::

        v <- momentum v - alpha grad f(x),  x <- x + v        f = 1/2 sum_j h_j x_j^2

    Made by `from_eigenvalues`. With h from l to L the best is ``alpha = (2 / (sqrt(l) +
    sqrt(L)))^2`` and ``momentum = rate^2``, ``rate = (sqrt(k) - 1) / (sqrt(k) + 1)``, ``k =
    L / l``; without momentum it is ``(k - 1) / (k + 1)``.

    Parameters
    ----------
    alpha : ndarray of shape (n_alpha,)
        Learning rates.
    momentum : ndarray of shape (n_momentum,)
        Momenta.
    rate : ndarray of shape (n_momentum, n_alpha)
        What a step multiplies the error by.
    eigenvalues : ndarray
        Those of the Hessian, h.

    Attributes
    ----------
    best_alpha_, best_momentum_, best_rate_ : float
        The optimum.
    ax_, figure_ : matplotlib Axes and Figure
        Where it is drawn.
    mesh_, colorbar_, best_ : matplotlib QuadMesh, Colorbar and PathCollection
        The map, its scale, and the mark.

    References
    ----------
    G. Goh, "Why momentum really works", Distill, 2017.

    Examples
    --------
    >>> from sgd_estimators.display import MomentumDisplay
    >>> display = MomentumDisplay.from_eigenvalues([1.0, 100.0])  # needs matplotlib
    >>> round(display.best_rate_, 4)
    0.8182
    """

    def __init__(
        self, *, alpha: Array, momentum: Array, rate: Array, eigenvalues: Array
    ) -> None:
        self.alpha, self.momentum, self.rate = alpha, momentum, rate
        self.eigenvalues = eigenvalues
        low, high = np.sqrt(np.min(eigenvalues)), np.sqrt(np.max(eigenvalues))
        self.best_alpha_ = float((2 / (low + high)) ** 2)
        self.best_rate_ = float((high - low) / (high + low))
        self.best_momentum_ = self.best_rate_**2

    def plot(self, ax: Any = None, **mesh_kw: Any) -> Self:
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **mesh_kw
            For ``ax.pcolormesh``.

        Returns
        -------
        MomentumDisplay
            Itself, drawn.
        """
        self.ax_ = ax = axes(ax)
        self.figure_ = ax.figure
        shown = np.where(self.rate < 1, self.rate, np.nan)
        own = {"cmap": "cividis_r", "vmax": 1.0, "shading": "nearest", "rasterized": True}
        self.mesh_ = ax.pcolormesh(self.alpha, self.momentum, shown, **own | mesh_kw)
        ax.contour(self.alpha, self.momentum, self.rate, levels=[1.0], colors="0.3")
        label = f"best rate {self.best_rate_:.3f}"
        self.best_ = ax.scatter(
            [self.best_alpha_],
            [self.best_momentum_],
            marker="*",
            s=180,
            color=COLOURS[1],
            edgecolor="white",
            zorder=3,
            label=label,
        )
        ax.text(0.97, 0.05, "diverges", transform=ax.transAxes, ha="right")
        ax.set(xlabel="learning rate α", ylabel="momentum λ")
        ax.legend(loc="upper left")
        self.colorbar_ = self.figure_.colorbar(
            self.mesh_, ax=ax, label="factor of the error, a step"
        )
        return self

    @classmethod
    def from_eigenvalues(
        cls, eigenvalues: ArrayLike, *, n: int = 200, ax: Any = None, **mesh_kw: Any
    ) -> Self:
        """Draw the map of a quadratic.

        Parameters
        ----------
        eigenvalues : array-like of numbers > 0
            Of the Hessian; the least and the largest are enough.
        n : int, default=200
            Points along each axis; the rate goes to 4 / L, where the last momentum
            diverges.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **mesh_kw
            For `plot`.

        Returns
        -------
        MomentumDisplay
            Drawn.

        Raises
        ------
        ValueError
            If an eigenvalue is not > 0.
        """
        h = np.atleast_1d(np.asarray(eigenvalues, np.float64))
        if not (h.size and np.all(h > 0) and np.isfinite(h).all()):
            raise ValueError(f"eigenvalues must be numbers > 0, got {eigenvalues!r}")
        alpha = 4 / h.max() * (np.arange(n) + 0.5) / n
        momentum = (np.arange(n) + 0.5) / n
        rate = convergence_rate(alpha[None, :], momentum[:, None], h)
        display = cls(alpha=alpha, momentum=momentum, rate=rate, eigenvalues=h)
        return display.plot(ax, **mesh_kw)
