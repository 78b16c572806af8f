"""Inverses of Hessians, which a gradient of the shape of W is multiplied by."""

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import (
    dlange,
    dpocon,
    dpotrf,
    dpotrs,
    slange,
    spotrf,
    spotrs,
)

from ._kernels.gram import forms
from ._pool import spread

Array = NDArray[np.float64]

ROWS = 2048  # of a block that is weighed or solved for at a time
JITTER = 45  # roundings of its diagonal, which a Cholesky factor may need
LOST = 1e-12  # of the largest root of H: a smaller one is hardly more than rounding
LAPACK = {"d": (dlange, dpotrf, dpotrs), "f": (slange, spotrf, spotrs)}


class Whole:
    """The inverse of one matrix over the parameters of all outputs."""

    def __init__(self, H: Array, n_outputs: int) -> None:
        self.inverse, self.n_outputs = Inverse(H), n_outputs

    @classmethod
    def of_pairs(cls, H: NDArray[Any], penalty: Array) -> "Whole":
        """Return that of softmax's Hessian, which H becomes from its blocks k < j.

        H[k, :, j] = -sum_i s_i p_ik p_ij x_i x_i'; all is the sum over the pairs of
        sum_i s_i p_ik p_ij (e_k - e_j)(e_k - e_j)' (x) x_i x_i', and the penalty.
        """
        K, D = penalty.shape
        for k, j in combinations(range(K), 2):
            H[j, :, k] = H[k, :, j]
        for k in range(K):
            H[k, :, k] = 0.0
            H[k, :, k] = -H[k].sum(axis=1)
        size = np.einsum("kiki->ki", H)
        size += penalty
        # The scores of all classes may rise alike, but not where the sum of W is 0.
        np.einsum("kiji->kji", H)[...] += size.mean(axis=0) / K
        return cls(H.reshape(K * D, K * D), K)

    def __call__(self, G: Array) -> Array:
        return self.inverse(G.reshape(-1)).reshape(self.n_outputs, -1)

    def reach(self, rounding: Array) -> float:
        """Return the most that G . P^-1 G can be where G is rounding."""
        return self.inverse.reach(rounding.reshape(-1))

    def hides(self, G: Array, rounding: Array) -> bool:
        """Return whether G is more than rounding where the matrix is no more than that."""
        return self.inverse.hides(G.reshape(-1), rounding.reshape(-1))

    @property
    def roots(self) -> Array:
        """The one T with T'T = P^-1, of shape (1, K D, K D)."""
        return self.inverse.root[None]

    def norms(self, A: Array, n_jobs: int) -> Array:
        """Return the sum over the outputs of x' P^-1 x, of the rows x of A."""
        K, D = self.n_outputs, A.shape[1]
        whole = self.inverse(np.eye(K * D)).reshape(K, D, K, D)
        return _squares(A, np.einsum("kikj->ij", whole), n_jobs)


class Blocks:
    """The inverse of a matrix of blocks, one an output; of equal ones only once."""

    def __init__(self, Hs: list[Array]) -> None:
        self.n_outputs = len(Hs)
        alike = all(np.array_equal(H, Hs[0]) for H in Hs[1:])
        self.inverses = [Inverse(H) for H in (Hs[:1] if alike else Hs)]

    def __call__(self, G: Array) -> Array:
        if len(self.inverses) == 1:
            return self.inverses[0](G.T).T
        parts = zip(self.inverses, G, strict=True)
        return np.stack([solve(g) for solve, g in parts])

    def reach(self, rounding: Array) -> float:
        """Return the most that G . P^-1 G can be where G is rounding."""
        inverses = np.resize(np.array(self.inverses), self.n_outputs)
        parts = zip(inverses, rounding, strict=True)
        return float(sum(inverse.reach(own) for inverse, own in parts))

    def hides(self, G: Array, rounding: Array) -> bool:
        """Return whether G is more than rounding where a matrix is no more than that."""
        inverses = np.resize(np.array(self.inverses), len(G))
        return any(H.hides(*own) for H, *own in zip(inverses, G, rounding, strict=True))

    @property
    def roots(self) -> Array:
        """T with T'T = P^-1 for each output, or one for all, of shape (1 or K, D, D)."""
        return np.stack([inverse.root for inverse in self.inverses])

    def norms(self, A: Array, n_jobs: int) -> Array:
        """Return the largest x' P^-1 x of an output, of the rows x of A."""
        eye = np.eye(A.shape[1])
        norms = [_squares(A, solve(eye), n_jobs) for solve in self.inverses]
        return np.asarray(np.max(norms, axis=0))


def _squares(A: Array, B: Array, n_jobs: int) -> Array:
    """Return x' B x of the rows x of A."""
    parts = [A[begin : begin + ROWS] for begin in range(0, len(A), ROWS)]
    B = np.ascontiguousarray(B)
    squares = spread(lambda part: forms(part, B), parts, n_jobs)
    return np.concatenate([np.zeros(0), *squares])


class Inverse:
    """g -> H^-1 g; H is equilibrated, and gets what a Cholesky factor needs.

    What has no curvature at all, as constant columns, is not moved.
    """

    def __init__(self, H: Array) -> None:
        diagonal = np.diag(H)
        seen = diagonal > 0
        self.scale = np.where(seen, 1 / np.sqrt(np.where(seen, diagonal, 1.0)), 0.0)
        jitter = JITTER * np.finfo(H.dtype).eps
        lange, potrf, self._potrs = LAPACK[H.dtype.char]
        failed = 1
        while failed > 0:
            E = self.scale.astype(H.dtype)[:, None] * H
            E *= self.scale
            E.flat[:: len(E) + 1] += np.where(seen, jitter, 1.0)
            E = E.T  # which is E, in the order that LAPACK works in: no copy
            self.norm = float(lange("1", E))
            self.factor, failed = potrf(E, lower=1, overwrite_a=1, clean=0)
            jitter *= 10

    def __call__(self, g: Array) -> Array:
        unit = self.scale if g.ndim == 1 else self.scale[:, None]
        return np.asarray(unit * self._potrs(self.factor, unit * g, lower=1)[0])

    def hides(self, g: Array, rounding: Array) -> bool:
        """Return whether g has a part, beyond its rounding, where H has lost its digits."""
        if np.any(np.abs(g[self.scale == 0]) > rounding[self.scale == 0]):
            return True
        if dpocon(self.factor, self.norm, uplo="L")[0] > LOST:
            return False
        values, basis = np.linalg.eigh(self._product())
        basis = self.scale[:, None] * basis[:, values <= LOST * values[-1]]
        return bool(np.any(np.abs(basis.T @ g) > np.abs(basis.T) @ rounding))

    def reach(self, rounding: Array) -> float:
        """Return the most that g' H^-1 g can be where |g| is at most `rounding`."""
        variance = np.diag(self(np.eye(len(rounding))))
        return float(rounding @ np.sqrt(np.maximum(variance, 0.0))) ** 2

    def _product(self) -> Array:
        C = np.tril(self.factor)
        return np.asarray(C @ C.T)

    @property
    def root(self) -> Array:
        """A lower triangle T with T'T = H^-1, of finite length where H is singular.

        A direction of which H knows nothing is left as it is, up to the equilibration.
        """
        C = np.tril(self.factor)
        values, basis = np.linalg.eigh(self._product())
        known = values > 1e3 * len(C) * np.finfo(float).eps * values[-1]
        if not known.all():
            C = np.linalg.cholesky((basis * np.where(known, values, 1.0)) @ basis.T)
        scale = np.where(self.scale > 0, self.scale, 1.0)
        T = solve_triangular(C, np.diag(scale), lower=True, check_finite=False)
        return np.tril(T)
