"""How much the mini-batches of f bend, from a sample of its rows: it makes the rates."""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import expit, softmax

from . import _auto
from ._kernels.losses import Squared
from ._kernels.objective import Objective
from ._kernels.preconditioned import Preconditioned
from ._stream import out_of_range

Array = NDArray[np.float64]

ENTRIES = 1 << 13  # of the sample's rows, or so much of all:
SHARE = 1 / 32
FEWEST, MOST = 256, 512  # of its rows
MEMORY = 1 << 23  # entries that they have at most
NARROW = 32  # columns up to which their products are cheaper than those with rows
TURNS = 8  # of the power iteration


class Smoothness(NamedTuple):
    """What the automatic rates are made of, in the metric of the preconditioner.

    ``mean`` is the part of the expected smoothness that comes from f as a whole, and
    ``noise`` the part from single rows, of twice the size that the norms have on average
    where they are weighted by themselves: a batch's gradient is (mean + noise)-smooth in
    expectation. ``longest`` is that part if all rows were as long as the longest.
    ``sign_step`` is the step along -sign(grad f) to f's minimum on that line, at the start.
    """

    mean: float
    noise: float
    longest: float
    sign_step: float

    def merged(self, new: "Smoothness", share: float, before: int, batch: int) -> Any:
        """Return that of a stream, of which new rows are a share; for steps of a batch."""
        mean = (1 - share) * self.mean + share * new.mean
        noise = (1 - share) * self.noise * before / batch + share * new.noise
        longest = max(self.longest * before / batch, new.longest)
        sign_step = (1 - share) * self.sign_step + share * new.sign_step
        return Smoothness(mean, noise, longest, sign_step)


class Sample:
    """Some rows of f as they are seen, and the products with their Hessian."""

    def __init__(self, f: Objective, seed: int, W: Array, local: bool) -> None:
        rows, n = f.rows, f.n_active
        rng = np.random.default_rng([seed, 0])
        width = 1 + rows.n_features  # however they are stored: sparse is dense
        size = int(np.clip(max(ENTRIES // width, int(SHARE * n)), FEWEST, MOST))
        size = min(n, size, max(16, MEMORY // width))
        # One of each of so many parts of the rows: a choice out of all would cost a pass.
        places = ((np.arange(size) + rng.random(size)) * (n / size)).astype(np.intp)
        taken = places if f.active is None else np.asarray(f.active)[places]
        self.f, self.rng, self.size = f, rng, size
        self.A = A = seen(f, taken)
        self.weight = np.ones(size) if f.weight is None else f.weight[taken]
        Z = np.ascontiguousarray(A @ W.T)
        self.curvature = f.loss.curvature
        if local and not isinstance(f.loss, Squared):
            p = expit(Z) if Z.shape[1] == 1 else softmax(Z, axis=1)
            bends = np.clip(np.sum(p * (1 - p), axis=1), 1e-12, self.curvature)
        else:
            bends = np.full(size, self.curvature)
        scale = n / f.total_weight
        self.bends = scale * self.weight * bends
        f.loss.slopes(f.y[taken], self.weight, Z)
        self.slopes = scale * Z
        self.inside = f if isinstance(f, Preconditioned) else None
        self.gram = (self.bends * A.T) @ A / size if A.shape[1] <= NARROW else None

    def pulled(self, G: Array) -> Array:
        """Return a gradient, or several, in the coordinates of the steps."""
        if self.inside is None:
            return G
        roots = self.inside.roots
        parts = G.reshape(-1, len(roots), roots.shape[1])
        return np.asarray(np.einsum("bij,nbj->nbi", roots, parts)).reshape(G.shape)

    def bent(self, V: Array) -> Array:
        """Return the Hessian of these rows, and of the penalty, times V."""
        U = V if self.inside is None else self.inside.outside(V)
        if self.gram is None:
            HU = ((self.bends * (self.A @ U.T).T) @ self.A) / self.size
        else:
            HU = U @ self.gram
        penalty = self.f.penalty
        if self.inside is None:
            penalty = penalty.max(axis=0)
        return self.pulled(HU + penalty * U)

    def norms(self) -> Array:
        """Return s_i l''_i ||x_i||^2 of each row, n / S times."""
        if self.inside is None:
            return np.asarray(self.bends * _squares(self.A))
        return np.asarray(self.bends * norms_inside(self.inside, self.A))

    def largest(self) -> float:
        """Return the largest eigenvalue of the Hessian, by a power iteration."""
        width = self.A.shape[1]
        if not np.isfinite(self.bends @ _squares(self.A)):
            raise out_of_range(self.f.rows.X)
        if self.gram is not None and self.inside is None:
            bent = self.gram + np.diag(self.f.penalty.max(axis=0))
            return 1.1 * float(np.linalg.eigvalsh(bent)[-1])
        V = self.rng.standard_normal(
            (1 if self.inside is None else self.f.n_outputs, width)
        )
        largest = 0.0
        for _ in range(TURNS if self.gram is None else 3 * TURNS):
            norm = np.linalg.norm(V)
            if norm == 0:
                break
            V = self.bent(V / norm)
            largest = float(np.linalg.norm(V))
        return 1.1 * largest  # of f, the sample's may be below

    def gradient(self, W: Array) -> Array:
        """Return grad f of these rows in the coordinates of the steps."""
        return self.pulled(self.slopes.T @ self.A / self.size + self.f.penalty * W)

    def sign_step(self, W: Array, unit: Any, batch: int | None) -> float:
        """Return the step along the signs of f, or of the gradients of single batches."""
        g = self.gradient(W)
        unit = np.broadcast_to(unit, g.size).reshape(g.shape)
        # The sign of a gradient that is only rounding would be noise.
        pull = np.abs(g) * unit
        sign = np.where(pull > 1e-10 * pull.max(initial=0.0), np.sign(g) * unit, 0.0)
        if self.inside is not None:
            bend = float(np.sum(sign * self.bent(sign)))
        else:
            bend = sum(float(np.sum(s * self.bent(s[None]))) for s in sign)
        step = float(np.sum(pull)) / bend if bend > 0 else 0.0
        if batch is not None and self.inside is None:  # noise has the size of that of f
            step *= self.certainty(g, pull, batch)
        return step

    def certainty(self, g: Array, pull: Array, batch: int) -> float:
        """Return how much of a step along the signs is one along those of batches.

        These are divided by the root of their mean square, noise included.
        """
        squares = self.A.multiply(self.A) if sp.issparse(self.A) else self.A * self.A
        square = (self.slopes**2).T @ squares / self.size
        root = np.sqrt(g * g + np.maximum(square - g * g, 0.0) / batch)
        kept = np.divide(np.abs(g), root, out=np.zeros_like(g), where=root > 0)
        total = float(np.sum(pull))
        return float(np.sum(kept * pull)) / total if total > 0 else 1.0


def _squares(A: Any) -> Array:
    if sp.issparse(A):
        return np.asarray(A.multiply(A).sum(axis=1)).ravel()
    return np.asarray(np.einsum("ij,ij->i", A, A))


def seen(f: Objective, taken: Any) -> Any:
    """Return these rows as they are seen, CSR where they are stored so and wide."""
    rows = f.rows
    if not sp.issparse(rows.X) or len(taken) * rows.n_features <= 4 * ENTRIES:
        return rows.seen(taken)
    A = sp.csr_array(rows.X[taken], dtype=np.float64, copy=True)
    A.data *= ((rows.mean == 0) / rows.scale)[A.indices]  # constant columns are not seen
    if not rows.fit_intercept:
        return A
    return sp.hstack([A, np.ones((len(taken), 1))], format="csr")


def row_norms(f: Objective) -> Array:
    """Return n s_i / S ||x_i||^2 of the active rows, in the metric of f."""
    if isinstance(f, Preconditioned):
        blocks = f.rows.seen_blocks(f.indices)
        found = np.concatenate([norms_inside(f, A) for _, A in blocks])
    else:
        share = 1 / np.asarray(f.rows.scale) ** 2
        parts = [part for _, part in f.rows.norms(f.indices, share)]
        found = np.concatenate(parts) if len(parts) > 1 else parts[0]
        found += f.rows.fit_intercept
    if f.weight is not None:
        found *= f.take(f.weight)
    found *= f.n_active / f.total_weight
    return found


def norms_inside(f: Preconditioned, A: Array) -> Array:
    """Return ||T x_i||^2 of some rows, of the largest block of T."""
    width = A.shape[1]
    parts = f.roots.reshape(*f.roots.shape[:2], -1, width).swapaxes(1, 2)
    triangles = np.linalg.qr(parts.reshape(len(parts), -1, width), mode="r")
    found: Array = np.max([_squares(A @ R.T) for R in triangles], axis=0)
    return found


def smoothness(
    f: Objective,
    batch: int,
    seed: int,
    W: Array | None = None,
    *,
    local: bool = False,
    stream: bool = False,
    signs: bool = True,
    single: bool = False,
    unit: Any = 1.0,
) -> Smoothness:
    """Estimate the expected smoothness of mini-batches (Gower et al. 2019, b-nice).

    `W` is where the steps begin. In a `stream`, f is a sample of more rows. If `local`,
    losses bend as they do at W, else as much as they can. The sign step is left out, as 0,
    without `signs`. The parameters move by `unit` in it, and it is shorter if a step is
    along a `single` batch's gradient.
    """
    at = _auto.start(f) if W is None else W
    sample = Sample(f, seed, at, local)
    n, size = f.n_active, sample.size
    norms = sample.norms()
    row = float(norms @ norms / norms.sum()) if norms.any() else 0.0
    # What a sample bends too much it owes to its single rows, as a batch does.
    extra = 1 / size if stream else (n - size) / (size * max(1, n - 1))
    found = sample.largest()
    full = 0.5 * found
    if extra < 1:
        full = max((found - extra * row) / (1 - extra), full)
    if f.rows.fit_intercept and sample.inside is None:
        full = max(full, float(sample.bends.mean()))  # of the intercept alone
    share = 1 / batch if stream else (n - batch) / (batch * max(1, n - 1))

    step = sample.sign_step(at, unit, batch if single else None) if signs else 0.0
    longest = share * float(norms.max())
    return Smoothness(full * (1 - share), 2 * share * row, longest, step)
