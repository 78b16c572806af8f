"""The rows of X, seen centred and scaled without a copy.

A row is seen as (x - mean) / scale with a 1 behind it for the intercept.  ``enter`` takes
coefficients W of such rows to coefficients V of the rows as they are stored, an offset in
column d; ``load`` a few rows, ``dot`` and ``add_outer`` work on these as stored; ``leave``
takes the sums back.  So a batch pays for the metric once, not once a row, and nothing else
in the package knows how the data is stored.  V, the sums A and Z are K x width, K x width
and n x K.
"""
from libc.math cimport NAN

import numpy as np
import scipy.sparse as sp

cdef extern from "simd.h" nogil:
    void to_stored(const double*, const double*, const double*, Py_ssize_t, double*,
                   double*)
    void from_stored(const double*, const double*, const double*, Py_ssize_t, double,
                     double, double*)

BLOCK_BYTES = 1 << 20  # of float64 that a pass made with NumPy holds at a time
WIDEST = 512  # rows of a block that is worth the adding up of its products


def aligned(Py_ssize_t n_rows, Py_ssize_t width):
    """Return zeros, each row from a cache line on where width is a multiple of 8."""
    flat = np.zeros(n_rows * width + 8)
    cdef double[::1] view = flat
    cdef Py_ssize_t begin = -(<Py_ssize_t>&view[0] // 8) & 7
    return flat[begin:begin + n_rows * width].reshape(n_rows, width)


def span(rows):
    """Return a slice for a range of rows, which indexes without a copy; else the rows."""
    return slice(rows.start, rows.stop) if isinstance(rows, range) else rows


def numbers(rows):
    """Return the numbers of rows as an array."""
    if isinstance(rows, range):
        return np.arange(rows.start, rows.stop, rows.step)
    return rows


cdef class Rows:
    """Rows of a matrix in the metric ``(x - mean) / scale``; see `as_rows`."""

    def __init__(self, X, bint fit_intercept, Rows of=None):
        self.X = X
        self.n_rows, self.n_features = X.shape
        self.fit_intercept = fit_intercept
        self.width = (self.n_features + 8) // 8 * 8
        self.chunk = self.chunk_of_several = 8
        if of is None:
            self.set_metric(np.zeros(self.n_features), np.ones(self.n_features))
        else:
            self.mean, self.scale, self._metric = of.mean, of.scale, of._metric
            self.centre, self.inverse_scale = of.centre, of.inverse_scale

    def set_metric(self, mean, scale):
        """See the rows as (x - mean) / scale from now on."""
        self.mean, self.scale = mean, scale
        self._metric = aligned(2, self.width)
        np.asarray(self._metric)[:, :self.n_features] = mean, 1.0 / scale
        self.centre, self.inverse_scale = &self._metric[0, 0], &self._metric[1, 0]

    def twin(self):
        """Return the same rows with a scratch of their own, for another thread."""
        return type(self)(self.X, self.fit_intercept, self)

    cdef void enter(self, const double* W, Py_ssize_t K, double* V) noexcept nogil:
        cdef Py_ssize_t _k, d = self.n_features
        for _k in range(K):
            V[d] = W[d] if self.fit_intercept else 0.0
            to_stored(W, self.centre, self.inverse_scale, d, V, V + d)
            W += d + self.fit_intercept
            V += self.width

    cdef void leave(self, const double* A, Py_ssize_t K, double factor,
                    double* G) noexcept nogil:
        cdef Py_ssize_t _k, d = self.n_features
        for _k in range(K):
            from_stored(A, self.centre, self.inverse_scale, d, A[d], factor, G)
            if self.fit_intercept:
                G[d] = factor * A[d]
            A += self.width
            G += d + self.fit_intercept

    cdef void load(self, const Py_ssize_t* batch, Py_ssize_t n) noexcept nogil:
        self.batch, self.n = batch, n

    cdef void dot(self, const double* V, Py_ssize_t K, double* Z) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(self.n * K):
            Z[i] = NAN  # of rows that are only seen

    cdef void add_outer(self, const double* Z, Py_ssize_t K, double* A) noexcept nogil:
        pass

    cdef Py_ssize_t columns(self, const Py_ssize_t* batch, Py_ssize_t n, Py_ssize_t t,
                            Py_ssize_t* mark, Py_ssize_t* found) noexcept nogil:
        """Find the columns of rows stored by their non-zeros, mark them t, count them."""
        return 0

    cdef void dot_one(self, const Py_ssize_t* row, const double* W, Py_ssize_t K,
                      double* Z) noexcept nogil:
        pass

    cdef double pull_one(self, const Py_ssize_t* row, const double* W,
                         const double* penalty, const double* Z, Py_ssize_t K,
                         double* G) noexcept nogil:
        pass

    def to_user(self, W):
        """Return (coef, intercept) in the units of the data for W in the metric."""
        coef = W[:, :self.n_features] / self.scale
        if not self.fit_intercept:
            return coef, np.zeros(len(W))
        return coef, W[:, self.n_features] - coef @ self.mean

    def from_user(self, coef, intercept):
        """Return W in the metric for coefficients in the units of the data."""
        W = np.empty((len(coef), self.n_features + self.fit_intercept))
        W[:, :self.n_features] = coef * self.scale
        if self.fit_intercept:
            W[:, self.n_features] = intercept + coef @ self.mean
        return W

    def scores(self, coef, intercept, rows):
        """Return coef x_i + intercept of these rows, a block at a time."""
        Z = np.empty((len(rows), len(coef)))
        done = 0
        for _part, block in self.blocks(rows):
            Z[done:done + block.shape[0]] = block @ coef.T + intercept
            done += block.shape[0]
        return Z

    def blocks(self, rows):
        """Yield (part of rows, its rows as stored) so that each part fits the cache."""
        step = self.block_rows()
        for begin in range(0, len(rows), step):
            part = rows[begin:begin + step]
            if not isinstance(part, range) and (np.diff(part) == 1).all():
                part = range(part[0], part[len(part) - 1] + 1)  # neighbours: a view
            yield span(part), self.X[span(part)]

    def seen_blocks(self, rows):
        """Yield (part of rows, these rows as they are seen) a block after the other."""
        step = max(BLOCK_BYTES // (8 * self.width), min(self.width, WIDEST))
        for begin in range(0, len(rows), step):
            part = rows[begin:begin + step]
            yield span(part), self.seen(numbers(part))

    def block_rows(self):
        """Return how many rows a block has."""
        cdef Py_ssize_t d = max(1, self.n_features)
        if not sp.issparse(self.X):
            return max(1, BLOCK_BYTES // (8 * d))
        # As many entries as columns at least: work on a block has a part for each column.
        return max(1, max(BLOCK_BYTES // 16, d) * self.n_rows // max(1, self.X.nnz))
