"""Random calls of the kernels and of the estimators, for a build that watches memory.

``make fuzz`` runs it on kernels that AddressSanitizer and UBSan instrument, which end the
process at the first byte read or written out of place. What a kernel returns is held
against NumPy; valid data must give finite models, and bad data a ValueError or TypeError.
Run it by itself with ``python tests/fuzz.py SECONDS SEED``.
"""

import sys
import time
import warnings

import numpy as np
import scipy.sparse as sp

from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge
from sgd_estimators._kernels import columns
from sgd_estimators._kernels.dual import Dual
from sgd_estimators._kernels.losses import Logistic, Softmax, Squared
from sgd_estimators._kernels.objective import Objective
from sgd_estimators._kernels.order import Order
from sgd_estimators._rows import as_rows
from sgd_estimators.optimizers import OPTIMIZERS
from sgd_estimators.schedules import SCHEDULES


def matrix(rng):
    """Return X of a few odd sizes: dense or CSR, of any dtype, order and index dtype."""
    n, d = int(rng.integers(1, 41)), int(rng.integers(1, 41))
    dtype = rng.choice([np.float32, np.float64])
    A = rng.normal(size=(n, d)).astype(dtype)
    if rng.random() < 0.5:
        if rng.random() < 0.3:
            return np.asfortranarray(A)
        if rng.random() < 0.3:
            wide = np.zeros((2 * n, 3 * d), dtype)
            wide[::2, ::3] = A
            return wide[::2, ::3]
        return A
    A *= rng.random((n, d)) < rng.choice([0.0, 0.05, 0.3, 1.0])
    A[rng.random(n) < 0.2] = 0  # empty rows
    X = sp.csr_array(A)
    wide = rng.choice([np.int32, np.int64])
    X.indices, X.indptr = X.indices.astype(wide), X.indptr.astype(wide)
    if X.nnz and rng.random() < 0.4:  # entries in any order, some of them in two parts
        coo = X.tocoo()
        rows, cols = coo.coords
        again = rng.random(X.nnz) < 0.3
        data = np.concatenate(
            [np.where(again, coo.data / 2, coo.data), coo.data[again] / 2]
        )
        rows, cols = (
            np.concatenate([rows, rows[again]]),
            np.concatenate([cols, cols[again]]),
        )
        order = np.lexsort((rng.random(len(rows)), rows))
        starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))])
        parts = data[order].astype(dtype), cols[order].astype(wide), starts.astype(wide)
        X = sp.csr_array(parts, shape=(n, d))
    return X


def kernels(rng):
    """Compare an objective of random parts with NumPy, batch by batch, and its helpers."""
    X = matrix(rng)
    if sp.issparse(X):
        X.sum_duplicates()
    else:
        X = np.ascontiguousarray(X)
    A = np.asarray(X.toarray() if sp.issparse(X) else X, float)
    (n, d), fit_intercept = A.shape, bool(rng.integers(2))
    K = int(rng.integers(1, 6))
    loss = [Squared(), Logistic(), Softmax(max(2, K))][rng.integers(3)]
    K = {Squared: K, Logistic: 1, Softmax: max(2, K)}[type(loss)]
    y = rng.integers(0, max(2, K), (n, 1)).astype(float)
    if isinstance(loss, Squared):
        y = rng.normal(size=(n, K))
    weight = rng.uniform(0.1, 2, n) if rng.random() < 0.5 else None
    active = np.flatnonzero(rng.random(n) < 0.7) if rng.random() < 0.5 else None
    active = None if active is None or not len(active) else active
    f = Objective(as_rows(X, fit_intercept), loss, y, rng.uniform(0, 1, K), weight, active)
    f.n_jobs = int(rng.integers(1, 4))
    mean = rng.normal(size=d) * fit_intercept
    f.set_metric(mean, rng.uniform(0.5, 2, d))
    W = rng.normal(size=(K, d + fit_intercept))
    seen = np.ones((n, d + fit_intercept))
    seen[:, :d] = (A - mean) / f.rows.scale
    rows = np.asarray(f.indices)
    s = np.ones(n) if weight is None else weight
    batch = np.sort(rng.choice(rows, rng.integers(1, len(rows) + 1), replace=False))
    for part in (None, batch):
        own = rows if part is None else part
        value, G = f.value_and_gradient(W, part)
        Z = seen[own] @ W.T
        share = s[own, None] / s[rows].sum() * len(rows) / len(own)
        if isinstance(loss, Squared):
            slope, losses = Z - y[own], 0.5 * np.sum((Z - y[own]) ** 2, axis=1)
        else:
            Z = np.hstack([np.zeros_like(Z), Z]) if K == 1 else Z
            p = np.exp(Z - Z.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            label = y[own, 0].astype(int)
            losses = -np.log(p[np.arange(len(own)), label])
            slope = (p - np.eye(Z.shape[1])[label])[:, -K:]
        pull = f.penalty * W
        expected = (share * slope).T @ seen[own] + pull
        np.testing.assert_allclose(G, expected, rtol=1e-8, atol=1e-9)
        if part is None:
            expected = share[:, 0] @ losses + 0.5 * np.sum(pull * W)
            np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(f.rows.seen(batch), seen[batch], atol=1e-9)
    np.testing.assert_allclose(
        f.rows.gram(batch, weight),
        (seen[batch] * s[batch, None]).T @ seen[batch],
        atol=1e-8,
    )
    np.testing.assert_allclose(f.scores(W), seen[rows] @ W.T, atol=1e-8)
    f.rows.moments(batch, weight)
    for _ in f.rows.norms(batch):
        pass
    if sp.issparse(X):
        csr = (X.data, X.indices, X.indptr)
        first, second = np.zeros((2, d))
        columns.sums(*csr, batch, weight, first, second)
        np.testing.assert_allclose(first, s[batch] @ A[batch], atol=1e-9)
        low, high = np.full(d, -1.0), np.full(d, 1.0)
        columns.far_entries(*csr, batch, low, high, np.zeros(n, np.uint8))
        if not isinstance(loss, Softmax):
            dual = Dual(Objective(f.rows, loss, y, np.ones(K), weight, active))
            order = Order(len(rows), active, 1, 1)
            order.shuffle(int(rng.integers(9)), 0, 1)
            assert np.all(np.isfinite(dual.ascend(np.zeros_like(W), order)[0]))
    else:
        some = np.sort(rng.choice(d, rng.integers(1, d + 1), replace=False))
        low, high = np.full(d, -1.0), np.full(d, 1.0)
        columns.far(X, batch, some, low, high, np.zeros(n, np.uint8))
    order = Order(n, None, int(rng.integers(1, 5)), int(rng.choice([1, 2, 8])))
    size = int(rng.integers(1, n + 1))
    order.shuffle(int(rng.integers(9)), int(rng.integers(3)), size)
    taken = []
    while sum(map(len, taken)) < n:
        taken.append(order.take(min(size, n - sum(map(len, taken)))).copy())
    assert np.array_equal(np.sort(np.concatenate(taken)), np.arange(n))


def setting(rng):
    """Return parameters, some of which do not go together."""
    given = {
        "optimizer": rng.choice(["auto", *OPTIMIZERS]),
        "schedule": rng.choice(["auto", *SCHEDULES]),
        "learning_rate": rng.choice(np.array(["auto", 0.01, 1e3], object)),
        "momentum": rng.choice(np.array([None, None, 0.5], object)),
        "batch_size": rng.choice(np.array(["auto", "full", 1, 3, 7, 64], object)),
        "preconditioner": rng.choice(np.array([None, "diagonal", "hessian"], object)),
        "average": rng.choice(np.array([False, True, "tail"], object)),
        "fit_intercept": bool(rng.integers(2)),
        "early_stopping": bool(rng.random() < 0.2),
    }
    kept = {k: v for k, v in given.items() if rng.random() < 0.4}
    kept["n_jobs"] = int(rng.integers(1, 4))
    return kept | {"max_iter": int(rng.integers(1, 12)), "random_state": 0}


def estimators(rng):
    """Fit one on valid data, or on data with something wrong, which it has to say."""
    X = matrix(rng)
    n, d = X.shape
    model = [SGDLinearRegressor(), SGDRidge(), SGDLogistic()][rng.integers(3)]
    model.set_params(**setting(rng))
    y = rng.normal(size=n if rng.random() < 0.7 else (n, int(rng.integers(1, 9))))
    if isinstance(model, SGDLogistic):
        y = np.arange(n) % int(rng.integers(2, 6))
    weight = rng.uniform(0, 2, n) * (rng.random(n) < 0.8) if rng.random() < 0.4 else None
    wrong = rng.random() < 0.3
    if wrong:
        what = rng.integers(6)
        if what == 0:
            y = y[: n - 1]
        elif what == 1:
            weight = np.ones(n + 1)
        elif what == 2:
            weight = np.full(n, -1.0)
        elif what == 3:
            y = y.astype(float)
            y[rng.integers(n)] = np.nan
        elif what == 4:
            X = X.toarray() if sp.issparse(X) else X.copy()
            X[rng.integers(n), rng.integers(d)] = rng.choice([np.nan, np.inf])
        else:
            weight = np.zeros(n)
    try:
        model.fit(X, y, sample_weight=weight)
        if not wrong and rng.random() < 0.5:
            chunk = slice(0, int(rng.integers(1, n + 1)))
            more = None if weight is None else weight[chunk]
            model.partial_fit(sp.csr_array(X)[chunk], y[chunk], sample_weight=more)
    except (ValueError, TypeError):
        return
    assert not wrong, "bad data went through"
    assert np.all(np.isfinite(model.coef_))
    assert np.all(np.isfinite(model.intercept_))
    assert len(model.predict(X)) == n


def main(seconds: float, seed: int) -> None:
    """Call them until the time is up; the same seed makes the same calls."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    end, calls = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        rng = np.random.default_rng([seed, calls])
        try:
            (kernels, estimators)[calls % 2](rng)
        except BaseException:
            print(f"fuzz: call {calls} of seed {seed} failed", file=sys.stderr)
            raise
        calls += 1
    print(f"fuzz: {calls} calls of seed {seed} passed")


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
