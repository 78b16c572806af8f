"""A bound on f(W) - f* from the curvature of a mini-batch's rows alone.

Each loss lies above its tangent; on the rows of the mini-batch it also bends: the
logistic and the softmax loss l of the scores z obey, with rho(u) the range of u,

    l(z + u) >= l(z) + l'(z) u + u' l''(z) u / (2 + rho(u)),

as l'' falls at most like exp(-rho) (Bach 2010). With M = 1/S sum s l'' x x' + penalty over
these rows, and rho(V x) <= r ||V||_M for each of them,

    f(W + V) - f(W) >= G . V + t^2 / (2 + r t),    t = ||V||_M,

whose least value, with a = ||G|| in the norm of M^-1, is -2 a^2 / (1 + sqrt(1 - a r))^2.
"""

import numpy as np
from numpy.typing import NDArray

from ._inverses import Blocks, Whole
from ._kernels.losses import Squared
from ._sample import Sample

Array = NDArray[np.float64]

LEFT_OUT = 0.1  # of P: what its rows of largest norm may take with them


class SubsetBound:
    """The bound for a loss of which the mini-batch's Hessian is known.

    Parameters
    ----------
    sample : Sample
    W : ndarray of shape (n_outputs, n_columns)
        Where `P` is the sample's Hessian.
    P : Blocks or Whole
    """

    def __init__(self, sample: Sample, W: Array, P: Blocks | Whole) -> None:
        self.sample, s = sample, sample.s
        # A row counts `share` in f and `s` in P: M is this much of P at least.
        ratio = sample.share / s
        self.part = min(1.0, float(np.min(ratio)))
        if self.part < np.median(ratio) < 1:
            s, self.part = np.broadcast_to(sample.share, s.shape), 1.0
            P = sample.curvature(sample.means(sample.A @ W.T), s)
        self.P = P
        self.bends = not isinstance(sample.f.loss, Squared)
        if self.bends:
            self.Z = sample.A @ W.T
            p = sample.means(self.Z)
            norms = P.norms(sample.A)
            order = np.argsort(-norms)
            spent = s * np.sum(p * (1 - p), axis=1) * norms
            lost = np.cumsum(spent[order])
            first = int(np.searchsorted(lost, LEFT_OUT))
            self.kept = order[first:]
            self.part *= 1 - (lost[first - 1] if first else 0.0)
            # The range of two scores is at most sqrt(2) times their norm.
            sides = 1 if W.shape[0] == 1 else 2
            self.r2 = sides * float(norms[order[first]]) if first < len(order) else np.inf

    def gap(self, W: Array, G: Array) -> Array:
        """Return the bound at W, where the gradient of f is G; infinite if it is far."""
        part, r2 = self.part, 0.0
        if self.bends:
            part *= self._left(W)
            r2 = self.r2 / part if part > 0 else np.inf
        if not (part > 0 and np.isfinite(r2)):
            return np.full(len(G), np.inf)
        a2 = np.sum(G * self.P(G), axis=1) / part
        if len(G) > 1 and self.bends:
            a2 = a2.sum(keepdims=True)
        left = 1 - np.sqrt(a2) * np.sqrt(r2)
        near = left > 0
        return np.where(near, 2 * a2 / (1 + np.sqrt(np.where(near, left, 0))) ** 2, np.inf)

    def _left(self, W: Array) -> float:
        """Return how much of l'' is left at W, on the row that has lost most."""
        moved = (self.sample.A @ W.T - self.Z)[self.kept]
        if moved.shape[1] == 1:
            moved = np.pad(moved, ((0, 0), (0, 1)))
        return float(np.exp(-np.ptp(moved, axis=1).max(initial=0.0)))
