"""Bounds on f(W) - f*: how far from the optimum a run can be at most.

With V = (1/S) sum_i s_i (target_i - prediction_i) x_i at any feasible point of the dual,
Fenchel's inequality gives f* >= dual(V). For squared losses the Newton decrement
1/2 g' H^-1 g is the distance itself.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from ._gram import gram
from ._kernels.losses import Softmax, Squared
from ._kernels.objective import Objective

Array = NDArray[np.float64]

CHEAP = 1e9  # multiplications that a Gram matrix may cost


class Certificate:
    """The bounds that one objective allows.

    Parameters
    ----------
    f : Objective
        In the metric of the run.
    """

    def __init__(self, f: Objective) -> None:
        self.f = f
        self._squared = isinstance(f.loss, Squared)
        n, d = f.n_active, f.rows.n_features + f.rows.fit_intercept
        self._exact = self._squared and (d <= 128 or (d <= 512 and n * d * d <= CHEAP))
        self._gram: Array | None = None
        self._spectra: dict[float, tuple[Array, Array, Array]] = {}
        self._centre: tuple[Array, Array] | None = None

    def bound(self, W: Array, value: float, G: Array) -> tuple[Array, str]:
        """Return bounds on f(W) - f*, one an output of a squared loss, and their name.

        Parameters
        ----------
        W : ndarray of shape (n_outputs, n_columns)
        value : float
            f(W).
        G : ndarray of the shape of W
            The gradient of f at W.

        Returns
        -------
        gap : ndarray of shape (n_outputs,) or (1,)
            Infinite where no bound is known.
        name : {"least squares", "fenchel", "none"}
        """
        if self._exact:
            gap = self._decrement(G)
            if np.isfinite(gap).all():
                return gap, "least squares"
        if np.all(self.f.alpha > 0):
            gap = self._ridge_gap(G) if self._squared else self._entropy_gap(W, value, G)
            if np.isfinite(gap).all():
                return gap, "fenchel"
        return np.full(self.f.n_outputs if self._squared else 1, np.inf), "none"

    def _decrement(self, G: Array) -> Array:
        """Return 1/2 g' H^+ g; infinite if g leaves the range of H by more than rounding.

        Rank is decided on H equilibrated.
        """
        gap = np.empty(len(G))
        for k, g in enumerate(G):
            scale, roots, basis = self._spectrum_of(float(self.f.alpha[k]))
            parts = basis.T @ (scale * g)
            eps = float(np.finfo(float).eps)
            kept = roots > 1e3 * len(g) * eps * roots[-1]  # beyond the Gram's own error
            lost = float(np.linalg.norm(parts[~kept]))
            gap[k] = 0.5 * np.sum(parts[kept] ** 2 / roots[kept])
            if lost > 100 * eps * np.sqrt(self._size[k] * roots[-1]):
                gap[k] = np.inf
        return gap

    def _spectrum_of(self, alpha: float) -> tuple[Array, Array, Array]:
        """Return D, the eigenvalues and the eigenvectors of D H D, whose diagonal is 1."""
        if self._gram is None:
            f = self.f
            self._gram = gram(f, f.weight) / f.total_weight
        if alpha not in self._spectra:
            d = self.f.rows.n_features
            H = self._gram.copy()
            H[np.arange(d), np.arange(d)] += alpha / self.f.rows.scale**2
            diagonal = np.diag(H)
            scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
            self._spectra[alpha] = (scale, *np.linalg.eigh(scale[:, None] * H * scale))
        return self._spectra[alpha]

    @cached_property
    def rounding(self) -> Array | float:
        """What f cannot tell from 0: predictions of y are off by a few roundings."""
        if not self._squared:
            return 0.0
        size = 0.5 * (10 * np.finfo(float).eps) ** 2 * self._size
        return size if len(size) > 1 else float(size[0])

    @cached_property
    def _size(self) -> Array:
        """A scale of f for each output, against which a gradient is rounding."""
        y = self.f.take(self.f.y)
        size: Array = np.maximum(np.mean(y * y, axis=0), np.finfo(float).tiny)
        return size

    def _ridge_gap(self, G: Array) -> Array:
        """Return the gap at the best intercept plus what the intercept itself is off."""
        d = self.f.rows.n_features
        penalty, slope = self.f.penalty[:, :d], G[:, :d]
        off: Array | float = 0.0
        if self.f.rows.fit_intercept:
            wrong = G[:, d:]
            slope = slope - wrong * self._means
            off = 0.5 * wrong[:, 0] ** 2
        gap: Array = off + 0.5 * np.sum(slope * slope / penalty, axis=1)
        return gap

    @property
    def _means(self) -> Array:
        """The mean row in the metric."""
        return self._constants[0]

    @property
    def _constants(self) -> tuple[Array, Array]:
        """The mean row, and (1/S) sum_i s_i target_i x_i for each class; a pass, once."""
        f, rows = self.f, self.f.rows
        if self._centre is None:
            d = f.rows.n_features
            ones = Objective(
                f.rows,
                Squared(),
                np.ones((f.rows.n_rows, 1)),
                [0.0],
                f.weight,
                f.active,
            )
            zero = np.zeros((1, d + f.rows.fit_intercept))
            mean = -ones.value_and_gradient(zero)[1][0, :d]
            share = 1 / f.n_outputs if isinstance(f.loss, Softmax) else 0.5
            at_zero = f.value_and_gradient(np.zeros((f.n_outputs, zero.shape[1])))[1]
            self._centre = mean, share * mean - at_zero[:, :d]
            self._seen = rows.mean, rows.scale
        centre, scale = self._seen
        if rows.scale is not scale:  # the metric has changed since
            mean, targets = self._centre
            shift = centre - rows.mean
            own = None if self._squared else self._own_classes(self._shares)[:, None]
            self._centre = (
                (mean * scale + shift) / rows.scale,
                (targets * scale + (0.0 if own is None else own * shift)) / rows.scale,
            )
            self._seen = rows.mean, rows.scale
        return self._centre

    def _entropy_gap(self, W: Array, value: float, G: Array) -> Array:
        """Return the gap of the logistic and the softmax loss.

        The dual point is q = c p + (1 - c) m: the predicted shares p, mixed with one
        fixed m so that every class gets its true share, as a free intercept demands.
        Entropy is concave, so that of q is at least the mixture of the two.
        """
        f = self.f
        d = f.rows.n_features
        loss_slope = G - f.penalty * W
        penalised = 0.5 * float(np.sum(f.penalty * W * W))
        entropy = value - penalised - float(np.sum(W * loss_slope))
        moment = -loss_slope[:, :d]  # (1/S) sum_i s_i (target_i - p_i) x_i
        mixed = 0.0
        if f.rows.fit_intercept:
            true = self._shares
            given = true + self._all_classes(loss_slope[:, d], 0.0)
            with np.errstate(divide="ignore"):  # a share may have vanished
                c = float(np.min(true / given))
            if not 0 < c <= 1:
                return np.array([np.inf])
            if c < 1:
                m = np.maximum(true - c * given, 0.0) / (1 - c)
                mixed = (1 - c) * float(entr(m).sum())
                means, targets = self._constants
                rest = targets - self._own_classes(m)[:, None] * means
                moment = c * moment + (1 - c) * rest
            entropy *= c
        dual = entropy + mixed - 0.5 * float(np.sum(moment**2 / f.penalty[:, :d]))
        return np.array([max(value - dual, 0.0)])

    @cached_property
    def _shares(self) -> Array:
        """The weighted share of each class."""
        f = self.f
        label = f.take(f.y)[:, 0]
        weight = None if f.weight is None else f.take(f.weight)
        classes = range(max(2, f.n_outputs))
        return np.array([np.average(label == k, weights=weight) for k in classes])

    def _all_classes(self, own: Array, total: float) -> Array:
        """Return values of all classes from those of the outputs; they sum to `total`."""
        return own if len(own) > 1 else np.array([total - own[0], own[0]])

    def _own_classes(self, values: Array) -> Array:
        """Return the values of the outputs from those of all classes."""
        return values if self.f.n_outputs > 1 else values[1:]
