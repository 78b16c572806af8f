"""Bounds on f(W) - f*: how far from the optimum a run can be at most.

With V = (1/S) sum_i s_i (target_i - prediction_i) x_i at any feasible point of the dual,
Fenchel's inequality gives f* >= dual(V). For squared losses the Newton decrement
1/2 g' H^-1 g is the distance itself.

All of them hold of the numbers that were computed, and so have their rounding in them: that
of scores whose large terms cancel, and that of the gradient.
"""

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from ._gram import gram
from ._kernels.losses import FAINT, Softmax, Squared
from ._kernels.objective import Objective
from ._kernels.rows import span
from ._scores import apart

Array = NDArray[np.float64]

EPS = float(np.finfo(float).eps)
GRAM = 1.5  # epochs a column of a Gram matrix, of which it costs an eighth then
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

    def bound(
        self, W: Array, value: float | Array, G: Array, epochs: float = math.inf
    ) -> tuple[Array, str]:
        """Return bounds on f(W) - f*, one an output of a squared loss, and their name.

        Parameters
        ----------
        W : ndarray of shape (n_outputs, n_columns)
        value : float or ndarray of shape (n_outputs,)
            f(W), or that of each output of a squared loss.
        G : ndarray of the shape of W
            The gradient of f at W.
        epochs : float, default=inf
            That were made: the Gram matrix of few columns is worth its cost beside many.

        Returns
        -------
        gap : ndarray of shape (n_outputs,) or (1,)
            Infinite where no bound is known.
        name : {"least squares", "fenchel", "none"}
        """
        noise, rounding = self.noise(W, value), self.rounding(W, value)
        if self._exact and epochs >= GRAM * W.shape[1]:
            gap = self._decrement(G, rounding)
            if np.isfinite(gap).all():
                return gap + noise, "least squares"
        if np.all(self.f.alpha > 0):
            if self._squared:
                gap = self._ridge_gap(G, rounding)
            else:
                gap = self._entropy_gap(W, float(value), G, rounding)
            if np.isfinite(gap).all():
                return gap + noise, "fenchel"
        return np.full(self.f.n_outputs if self._squared else 1, np.inf), "none"

    def noise(self, W: Array, value: float | Array) -> Array:
        """Return what f has of rounding: that of scores whose large terms cancel.

        It differs from row to row, so that f gets it over the root of their number.
        """
        score, slope = self._sizes(W, value)
        noise = score * (slope * self._alone + score)
        return noise if self._squared else noise.max(keepdims=True)

    def rounding(self, W: Array, value: float | Array) -> Array:
        """Return what the gradient has of rounding: columns are centred after sums."""
        rows, d = self.f.rows, self.f.rows.n_features
        score, slope = self._sizes(W, value)
        unit = np.ones(W.shape[1])
        unit[:d] += np.abs(rows.mean / rows.scale)
        return EPS * np.outer(slope, unit) + score[:, None]

    def _sizes(self, W: Array, value: float | Array) -> tuple[Array, Array]:
        """Return the rounding of the scores of each output, and the size of its slopes."""
        rows = self.f.rows
        terms = np.abs(W[:, : rows.n_features]) @ np.abs(rows.mean / rows.scale)
        slope = np.ones(len(W))
        if self._squared:
            slope = np.sqrt(np.minimum(2 * value, self._size))
        return EPS * terms, slope

    @cached_property
    def share(self) -> Array:
        """What each active row counts in f."""
        f = self.f
        weight = np.ones(f.n_active) if f.weight is None else f.take(f.weight)
        return np.asarray(weight / f.total_weight)

    @cached_property
    def _alone(self) -> float:
        """The root of the sum of the squares of what each row counts in f."""
        f = self.f
        return (
            1 / math.sqrt(f.n_active)
            if f.weight is None
            else float(np.linalg.norm(self.share))
        )

    def _decrement(self, G: Array, rounding: Array) -> Array:
        """Return 1/2 g' H^+ g; infinite if g leaves the range of H by more than rounding.

        Rank is decided on H equilibrated.
        """
        gap = np.empty(len(G))
        for k, g in enumerate(G):
            scale, roots, basis = self._spectrum_of(float(self.f.alpha[k]))
            parts = np.abs(basis.T @ (scale * g))
            kept = roots > 1e3 * len(g) * EPS * roots[-1]  # beyond the Gram's own error
            lost = float(np.linalg.norm(parts[~kept]))
            parts += np.abs(basis.T) @ (scale * rounding[k])
            gap[k] = 0.5 * np.sum(parts[kept] ** 2 / roots[kept])
            if lost > 100 * EPS * np.sqrt(self._size[k] * roots[-1]):
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
    def unseen(self) -> Array | float:
        """What f cannot tell from its infimum: predictions of y are off by a few roundings.

        A class that no row of weight has keeps a share which an infimum has not.
        """
        if not self._squared:
            absent = np.sum(self._shares == 0) if self.f.rows.fit_intercept else 0
            return float(absent) * FAINT * (1 - math.log(FAINT))
        size = 0.5 * (10 * EPS) ** 2 * self._size
        return size if len(size) > 1 else float(size[0])

    @cached_property
    def _size(self) -> Array:
        """A scale of f for each output, against which a gradient is rounding."""
        y = self.f.take(self.f.y)
        square = np.einsum("ij,ij->j", y, y) / len(y)  # without a copy
        size: Array = np.maximum(square, np.finfo(float).tiny)
        return size

    def _ridge_gap(self, G: Array, rounding: Array) -> Array:
        """Return the gap at the best intercept plus what the intercept itself is off."""
        d = self.f.rows.n_features
        penalty, slope = self.f.penalty[:, :d], G[:, :d]
        off: Array | float = 0.0
        if self.f.rows.fit_intercept:
            wrong = G[:, d:]
            slope = slope - wrong * self._means
            off = 0.5 * (np.abs(wrong) + rounding[:, d:])[:, 0] ** 2
        slope = np.abs(slope) + rounding[:, :d]
        gap: Array = off + 0.5 * np.sum(slope * slope / penalty, axis=1)
        return gap

    @property
    def _means(self) -> Array:
        """The mean row in the metric."""
        return self._constants[0]

    @property
    def _constants(self) -> tuple[Array, Array]:
        """The mean row, and (1/S) sum_i s_i target_i x_i for each class, computed once.

        The second is empty for squared losses.
        """
        f, rows = self.f, self.f.rows
        if self._centre is None:
            mean = self._sums(np.ones((f.rows.n_rows, 1)))
            if self._squared:
                targets = mean[:0]
            elif isinstance(f.loss, Softmax):
                zero = np.zeros((f.n_outputs, mean.shape[1]))
                targets = mean / f.n_outputs - f.value_and_gradient(zero)[1]
            else:
                targets = self._sums(f.y)
            d = rows.n_features
            self._centre = mean[0, :d], targets[:, :d]
            self._seen = rows.mean, rows.scale
        centre, scale = self._seen
        if rows.scale is not scale:  # the metric has changed since
            mean, targets = self._centre
            shift = centre - rows.mean
            if len(targets):
                own = self._own_classes(self._shares)[:, None]
                targets = (targets * scale + own * shift) / rows.scale
            self._centre = (mean * scale + shift) / rows.scale, targets
            self._seen = rows.mean, rows.scale
        return self._centre

    def _sums(self, y: Array) -> Array:
        """Return (1/S) sum_i s_i y_i x_i, in a pass that computes no scores."""
        f, K = self.f, y.shape[1]
        linear = Objective(f.rows, Squared(), y, np.zeros(K), f.weight, f.active)
        linear.n_jobs = f.n_jobs
        zero = np.zeros((K, f.rows.n_features + f.rows.fit_intercept))
        return -np.asarray(linear.value_and_gradient(zero)[1])

    def _entropy_gap(self, W: Array, value: float, G: Array, rounding: Array) -> Array:
        """Return the gap of the logistic and the softmax loss.

        The dual point is q = c p + (1 - c) m: the predicted shares p, mixed with one
        fixed m so that every class gets its true share, as a free intercept demands.
        Entropy is concave, so that of q is at least the mixture of the two. What p gives
        to classes whose true share is 0 goes to the others first, by their true shares.
        """
        f = self.f
        d = f.rows.n_features
        loss_slope = G - f.penalty * W
        penalised = 0.5 * float(np.sum(f.penalty * W * W))
        entropy = value - penalised - float(np.sum(W * loss_slope))
        moment = -loss_slope[:, :d]  # (1/S) sum_i s_i (target_i - p_i) x_i
        mixed, c = 0.0, 1.0
        if f.rows.fit_intercept:
            true = self._shares
            given = true + self._all_classes(loss_slope[:, d], 0.0)
            if not true.all():
                absent = true == 0
                lost = float(np.clip(given[absent].sum(), 0.0, 1.0))
                given = np.where(absent, 0.0, given + lost * true)
                parts = entr(true).sum() - math.log(absent.sum())
                entropy += lost * float(parts) - float(entr(lost) + entr(1 - lost))
                moments = self._all_classes(moment, 0.0)
                moments += np.outer(true, moments[absent].sum(axis=0))
                moments[absent] = 0.0
                moment = self._own_classes(moments)
            with np.errstate(divide="ignore"):  # a share may have vanished
                c = float(np.min(true[true > 0] / given[true > 0]))
            if not 0 < c <= 1:
                return np.array([np.inf])
            if c < 1:
                m = np.maximum(true - c * given, 0.0) / (1 - c)
                mixed = (1 - c) * float(entr(m).sum())
                means, targets = self._constants
                rest = targets - self._own_classes(m)[:, None] * means
                moment = c * moment + (1 - c) * rest
            entropy *= c
        penalty = f.penalty[:, :d]
        dual = entropy + mixed - 0.5 * float(np.sum(moment**2 / penalty))
        off = c * rounding[:, :d]  # of the moment, with which entropy changes, too
        turn = np.abs(c * W[:, :d] - c * moment / penalty)
        unsure = float(np.sum(off * (turn + 0.5 * off / penalty)))
        return np.array([max(value - dual, 0.0) + unsure])

    def dual(self, W: Array, Z: Array, q: Array) -> float:
        """Return the dual at any shares q of the classes on each row: f* is at least that.

        It is f(W), whose scores are Z, less two distances: of q from the shares that Z
        predicts, and of W from the point that q would be optimal for.
        """
        f, d = self.f, self.f.rows.n_features
        s = self.share
        if f.rows.fit_intercept:  # every class gets its true share
            true = self._shares
            q = np.hstack([1 - q, q]) if q.shape[1] == 1 else q
            q = np.where(true > 0, q + q[:, true == 0].sum(axis=1)[:, None] * true, 0.0)
            given = s @ q
            c = min(float(np.min(true[true > 0] / given[true > 0])), 1.0)
            q = c * q + np.maximum(true - c * given, 0.0)
            q = q[:, -f.n_outputs :]
        y = np.zeros((f.rows.n_rows, f.n_outputs))
        label = f.take(f.y)
        hot = label if f.n_outputs == 1 else label == np.arange(f.n_outputs)
        y[span(f.indices)] = hot - q
        penalised = 0.5 * float(np.sum(f.penalty * W**2))
        value = f.loss.slopes(label, s, Z.copy()) + penalised
        off = f.penalty * W - self._sums(y)
        off = np.abs(off) + self.rounding(W, value)
        far = 0.5 * float(np.sum(off[:, :d] ** 2 / f.penalty[:, :d]))
        return value - apart(s, Z, q) - far - float(self.noise(W, value).sum())

    @cached_property
    def _shares(self) -> Array:
        return class_shares(self.f)

    def _all_classes(self, own: Array, total: float) -> Array:
        """Return values of all classes from those of the outputs; they sum to `total`."""
        return own.copy() if len(own) > 1 else np.array([total - own[0], own[0]])

    def _own_classes(self, values: Array) -> Array:
        """Return the values of the outputs from those of all classes."""
        return values if self.f.n_outputs > 1 else values[1:]


def class_shares(f: Objective) -> Array:
    """Return the weighted share of each class."""
    label = f.take(f.y)[:, 0]
    weight = None if f.weight is None else f.take(f.weight)
    classes = range(max(2, f.n_outputs))
    return np.array([np.average(label == k, weights=weight) for k in classes])
