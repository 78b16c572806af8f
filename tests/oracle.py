"""The objective written out with NumPy, and small problems to compare the kernels on.

Dense, slow and plain: no formula here is the kernels' own way to compute it.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.testing import assert_allclose
from scipy import special

from sgd_estimators._kernels.losses import Logistic, Softmax, Squared
from sgd_estimators._kernels.objective import Objective
from sgd_estimators._rows import as_rows

# Sums of a few hundred terms of order 1, in another order.
ROUNDING = 1e-12


def squared(z, y):
    return 0.5 * (z - y) ** 2, z - y


def logistic(z, y):
    return -special.log_expit((2 * y - 1) * z), special.expit(z) - y


def softmax(z, y):
    hot = np.eye(z.shape[1])[y[:, 0].astype(int)]
    losses = -np.sum(hot * special.log_softmax(z, axis=1), axis=1, keepdims=True)
    return losses, special.softmax(z, axis=1) - hot


def csr(kind, value, index):
    def store(X):
        X = kind(X.astype(value))
        X.indices, X.indptr = X.indices.astype(index), X.indptr.astype(index)
        return X

    return store


# name: (the kernels' loss, ours, targets, outputs)
LOSSES = {
    "squared": (Squared(), squared, 1, 1),
    "squared x 3": (Squared(), squared, 3, 3),
    "logistic": (Logistic(), logistic, 1, 1),
    "softmax x 4": (Softmax(4), softmax, 1, 4),
}
STORAGES = {
    "dense f64": lambda X: X,
    "dense f32": lambda X: X.astype(np.float32),
    "csr f64 i32": csr(sp.csr_array, np.float64, np.int32),
    "csr f64 i64": csr(sp.csr_matrix, np.float64, np.int64),
    "csr f32 i32": csr(sp.csr_array, np.float32, np.int32),
    "csr f32 i64": csr(sp.csr_matrix, np.float32, np.int64),
}


@dataclass
class Problem:
    """Data, loss, penalty, metric and a point W, for the kernels and for NumPy."""

    loss: str
    X: np.ndarray
    y: np.ndarray
    W: np.ndarray
    alpha: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    fit_intercept: bool = True
    weight: np.ndarray | None = None
    active: np.ndarray | None = None

    @property
    def rows(self):
        return np.arange(len(self.X)) if self.active is None else self.active

    def kernel(self, storage="dense f64"):
        """Return the compiled objective of this problem."""
        rows = as_rows(STORAGES[storage](self.X), self.fit_intercept)
        loss = LOSSES[self.loss][0]
        f = Objective(rows, loss, self.y, self.alpha, self.weight, self.active)
        f.set_metric(self.mean, self.scale)
        return f

    def seen(self):
        """Return the rows in the metric, a column of ones behind them."""
        seen = (self.X - self.mean) / self.scale
        ones = np.ones((len(seen), 1))
        return np.hstack([seen, ones]) if self.fit_intercept else seen

    def value_and_gradient(self, W, batch=None):
        """Return f_B(W) and its gradient; B is all rows by default."""
        batch = self.rows if batch is None else batch
        s = np.ones(len(self.X)) if self.weight is None else self.weight
        s_batch = s[batch, None] * len(self.rows) / (s[self.rows].sum() * len(batch))
        seen = self.seen()[batch]
        losses, slopes = LOSSES[self.loss][1](seen @ W.T, self.y[batch])
        penalty = np.zeros_like(W)
        penalty[:, : self.X.shape[1]] = self.alpha[:, None] / self.scale**2
        value = np.sum(s_batch * losses) + 0.5 * np.sum(penalty * W**2)
        return value, (s_batch * slopes).T @ seen + penalty * W


def draw(loss, n=43, d=7, fit_intercept=True, weighted=True, subset=True, seed=0):
    """Return a random problem; X is half zeros and exact in float32."""
    rng = np.random.default_rng(seed)
    _, _, n_targets, n_outputs = LOSSES[loss]
    X = rng.standard_normal((n, d)).astype(np.float32) * (rng.random((n, d)) < 0.5)
    if loss.startswith("squared"):
        y = rng.standard_normal((n, n_targets))
    else:
        y = rng.integers(max(2, n_outputs), size=(n, 1)).astype(np.float64)
    return Problem(
        loss,
        X.astype(np.float64),
        y,
        W=rng.standard_normal((n_outputs, d + fit_intercept)),
        alpha=rng.random(n_outputs),
        mean=rng.uniform(-1, 1, d),
        scale=rng.uniform(0.5, 2, d),
        fit_intercept=fit_intercept,
        weight=rng.uniform(0.5, 2, n) if weighted else None,
        active=np.flatnonzero(rng.random(n) < 0.7) if subset and n > 9 else None,
    )


def assert_equal(got, want, tolerance=ROUNDING):
    """Compare two (value, gradient) up to a share of the largest entry."""
    for a, b in zip(got, want, strict=True):
        assert_allclose(a, b, rtol=0, atol=tolerance * np.max(np.abs(b), initial=1.0))
