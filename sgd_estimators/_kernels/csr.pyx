"""The rows of a CSR matrix, seen centred and scaled without a copy."""
import numpy as np
from scipy.sparse import csr_array

from sgd_estimators._kernels.columns import (
    distances, norms, powers, products, scatter, spreads, sums,
)
from sgd_estimators._kernels.rows import numbers, span

from sgd_estimators._kernels.rows cimport Rows

cdef extern from "simd.h" nogil:
    void ASK(const char*, const char*)

ctypedef fused real:
    float
    double

ctypedef fused index:
    int
    long long

FAR = 30  # three digits of its square

cdef enum:
    ROWS_AHEAD = 4


cdef class CsrRows(Rows):
    def __init__(self, X, bint fit_intercept, Rows of=None):
        super().__init__(X, fit_intercept, of)
        self.is_double = X.dtype == np.float64
        self.is_long = X.indices.dtype == np.int64
        if self.is_double:
            self.x64 = X.data if X.nnz else np.zeros(1)  # something to point at
        else:
            self.x32 = X.data if X.nnz else np.zeros(1, np.float32)
        indices = X.indices if X.nnz else X.indptr
        if self.is_long:
            self.indices64, self.indptr64 = indices, X.indptr
        else:
            self.indices32, self.indptr32 = indices, X.indptr
        entry_bytes = X.dtype.itemsize + X.indices.itemsize
        self.row_bytes = entry_bytes * X.nnz // max(1, X.shape[0])
        self.chunk = self.chunk_of_several = 64

    cdef void load(self, const Py_ssize_t* batch, Py_ssize_t n) noexcept nogil:
        self.batch, self.n = batch, n
        if n > 1:
            return
        # Rows visited singly: memory works on a later one while this one is in use.
        cdef Py_ssize_t begin, end, i = batch[ROWS_AHEAD]
        if self.is_long:
            begin, end = self.indptr64[i], self.indptr64[i + 1]
            ASK(<const char*>(&self.indices64[0] + begin),
                <const char*>(&self.indices64[0] + end))
        else:
            begin, end = self.indptr32[i], self.indptr32[i + 1]
            ASK(<const char*>(&self.indices32[0] + begin),
                <const char*>(&self.indices32[0] + end))
        if self.is_double:
            ASK(<const char*>(&self.x64[0] + begin), <const char*>(&self.x64[0] + end))
        else:
            ASK(<const char*>(&self.x32[0] + begin), <const char*>(&self.x32[0] + end))

    cdef void dot(self, const double* V, Py_ssize_t K, double* Z) noexcept nogil:
        if self.is_long:
            if self.is_double:
                csr_dot(&self.x64[0], &self.indices64[0], &self.indptr64[0], self, V, K, Z)
            else:
                csr_dot(&self.x32[0], &self.indices64[0], &self.indptr64[0], self, V, K, Z)
        elif self.is_double:
            csr_dot(&self.x64[0], &self.indices32[0], &self.indptr32[0], self, V, K, Z)
        else:
            csr_dot(&self.x32[0], &self.indices32[0], &self.indptr32[0], self, V, K, Z)

    cdef void add_outer(self, const double* Z, Py_ssize_t K, double* A) noexcept nogil:
        if self.is_long:
            if self.is_double:
                csr_add(&self.x64[0], &self.indices64[0], &self.indptr64[0], self, Z, K, A)
            else:
                csr_add(&self.x32[0], &self.indices64[0], &self.indptr64[0], self, Z, K, A)
        elif self.is_double:
            csr_add(&self.x64[0], &self.indices32[0], &self.indptr32[0], self, Z, K, A)
        else:
            csr_add(&self.x32[0], &self.indices32[0], &self.indptr32[0], self, Z, K, A)

    cdef Py_ssize_t columns(self, const Py_ssize_t* batch, Py_ssize_t n, Py_ssize_t t,
                            Py_ssize_t* mark, Py_ssize_t* found) noexcept nogil:
        if self.is_long:
            return csr_columns(&self.indices64[0], &self.indptr64[0], batch, n, t, mark,
                               found)
        return csr_columns(&self.indices32[0], &self.indptr32[0], batch, n, t, mark, found)

    cdef void score(self, const Py_ssize_t* batch, Py_ssize_t n, const Combined* c,
                    double* Z) noexcept nogil:
        """Write the scores of some rows by combined coefficients to Z, n x K."""
        if self.is_long:
            if self.is_double:
                score_f64_i64(&self.x64[0], &self.indices64[0],
                              &self.indptr64[0], batch, n, c, Z)
            else:
                score_f32_i64(&self.x32[0], &self.indices64[0],
                              &self.indptr64[0], batch, n, c, Z)
        elif self.is_double:
            score_f64_i32(&self.x64[0], &self.indices32[0],
                          &self.indptr32[0], batch, n, c, Z)
        else:
            score_f32_i32(&self.x32[0], &self.indices32[0],
                          &self.indptr32[0], batch, n, c, Z)

    cdef void pull(self, const Py_ssize_t* batch, Py_ssize_t n, const double* Z,
                   Combined* c) noexcept nogil:
        """Move combined coefficients by the gradients of some rows, whose slopes are Z."""
        if self.is_long:
            if self.is_double:
                pull_f64_i64(&self.x64[0], &self.indices64[0],
                             &self.indptr64[0], batch, n, Z, c)
            else:
                pull_f32_i64(&self.x32[0], &self.indices64[0],
                             &self.indptr64[0], batch, n, Z, c)
        elif self.is_double:
            pull_f64_i32(&self.x64[0], &self.indices32[0],
                         &self.indptr32[0], batch, n, Z, c)
        else:
            pull_f32_i32(&self.x32[0], &self.indices32[0],
                         &self.indptr32[0], batch, n, Z, c)

    cdef void adapt(self, const Py_ssize_t* batch, Py_ssize_t n, const double* Z,
                    const Combined* c) noexcept nogil:
        """Move coefficients by AdaGrad along the gradients of some rows."""
        if self.is_long:
            if self.is_double:
                adapt_f64_i64(&self.x64[0], &self.indices64[0],
                              &self.indptr64[0], batch, n, Z, c)
            else:
                adapt_f32_i64(&self.x32[0], &self.indices64[0],
                              &self.indptr64[0], batch, n, Z, c)
        elif self.is_double:
            adapt_f64_i32(&self.x64[0], &self.indices32[0],
                          &self.indptr32[0], batch, n, Z, c)
        else:
            adapt_f32_i32(&self.x32[0], &self.indices32[0],
                          &self.indptr32[0], batch, n, Z, c)

    @property
    def centre_row(self):
        """-mean as a row of its own, which each batch has beside its rows; None for 0."""
        if self._mean is not self.mean:
            at, mean = np.flatnonzero(self.mean), np.asarray(self.mean)
            row = csr_array((-mean[at], at, [0, len(at)]), shape=(1, len(mean)))
            self._centre = CsrRows(row, False, self) if len(at) else None
            self._mean = self.mean
        return self._centre

    @property
    def far(self):
        """The columns whose mean is so much larger than their scale that digits cancel."""
        return np.flatnonzero(np.abs(self.mean) > FAR * self.scale)

    def seen(self, rows):
        """Return these rows as they are seen, the intercept's column included."""
        A = np.ones((len(rows), self.n_features + self.fit_intercept))
        A[:, :self.n_features] = -self.mean / self.scale
        scatter(self.X.data, self.X.indices, self.X.indptr, rows, self._metric[1], A)
        return A

    def moments(self, rows, weight, n_jobs=1):
        """Return the weighted mean and mean square about it of every column."""
        X, (first, second, stored) = self.X, np.zeros((3, self.n_features))
        sums(X.data, X.indices, X.indptr, numbers(rows), weight, first, second)
        total = len(rows) if weight is None else weight[span(rows)].sum()
        mean, square = first / total, second / total
        with np.errstate(all="ignore"):  # of entries that are not finite
            second = square - mean * mean
        lost = (second <= 0.1 * square) & (mean != 0) & np.isfinite(square)
        if lost.any():  # of their digits: once more, about the mean
            first[:], second[:] = 0.0, 0.0
            total = spreads(X.data, X.indices, X.indptr, numbers(rows), weight, mean, first,
                            second, stored)
            zeros = 1 - stored / total
            shift = first / total - zeros * mean
            second = second / total + zeros * mean * mean - shift * shift
            mean = mean + shift
        return mean, np.maximum(second, 0.0)

    def powers(self, rows):
        """Return the columns' means over some rows, and of powers 2 and 4 about these."""
        X, n = self.X, len(rows)
        first, second, fourth, count, square = np.zeros((5, self.n_features))
        sums(X.data, X.indices, X.indptr, rows, None, first, square)
        mean = first / n
        powers(X.data, X.indices, X.indptr, rows, mean, count, second, fourth)
        second += (n - count) * mean**2
        fourth += (n - count) * mean**4
        return mean, second / n, fourth / n

    def norms(self, rows, share=None):
        """Yield (rows, sum_j share_j (x_ij - mean_j)^2): all at once; share None: all 1."""
        X, found = self.X, np.empty(len(rows))
        if self.mean.any():
            share = np.ones(self.n_features) if share is None else share
            rest = share * self.mean**2
            far = self.far
            rest[far] = 0.0
            distances(X.data, X.indices, X.indptr, numbers(rows), share, self.mean, far,
                      rest, found)
        else:
            norms(X.data, X.indices, X.indptr, numbers(rows), share, found)
        yield span(rows), found

    def gram(self, rows, weight):
        """Return sum_i s_i x_i x_i' in the metric, the intercept's column included."""
        X, d = self.X, self.n_features
        H, first = np.zeros((d, d)), np.zeros(d)
        total = products(X.data, X.indices, X.indptr, numbers(rows), weight, H, first)
        mean = np.array(self.mean)
        if len(far := self.far):  # where sums about 0 lose digits: about the means
            H[far], first[far] = 0.0, 0.0
            squares = np.zeros((len(far), len(far)))
            for part, block in self.blocks(rows):
                A = block[:, far].toarray() - mean[far]
                weighted = A if weight is None else A * weight[part][:, None]
                H[far] += weighted.T @ block
                first[far] += weighted.sum(axis=0)
                squares += weighted.T @ A
            H[:, far] = H[far].T
            H[np.ix_(far, far)], mean[far] = squares, 0.0
        H -= np.outer(mean, first) + np.outer(first - total * mean, mean)
        H /= self.scale * self.scale[:, None]
        if not self.fit_intercept:
            return H
        G = np.full((d + 1, d + 1), total)
        G[:d, :d] = H
        G[d, :d] = G[:d, d] = (first - total * mean) / self.scale
        return G


cdef void csr_dot(const real* x, const index* indices, const index* indptr, Rows rows,
                  const double* V, Py_ssize_t K, double* Z) noexcept nogil:
    cdef Py_ssize_t i, k
    cdef const double* v
    cdef index p, begin, end
    cdef double z0, z1, z2, z3
    for i in range(rows.n):
        begin, end = indptr[rows.batch[i]], indptr[rows.batch[i] + 1]
        for k in range(K):
            v = V + k * rows.width
            z0, z1, z2, z3 = v[rows.n_features], 0.0, 0.0, 0.0
            for p in range(begin, end - 3, 4):  # four sums at once: none waits for another
                z0 += x[p] * v[indices[p]]
                z1 += x[p + 1] * v[indices[p + 1]]
                z2 += x[p + 2] * v[indices[p + 2]]
                z3 += x[p + 3] * v[indices[p + 3]]
            for p in range(end - (end - begin) % 4, end):
                z0 += x[p] * v[indices[p]]
            Z[i * K + k] = (z0 + z1) + (z2 + z3)


cdef void csr_add(const real* x, const index* indices, const index* indptr, Rows rows,
                  const double* Z, Py_ssize_t K, double* A) noexcept nogil:
    cdef Py_ssize_t i, k
    cdef double* a
    cdef index p, begin, end
    cdef double r
    for i in range(rows.n):
        begin, end = indptr[rows.batch[i]], indptr[rows.batch[i] + 1]
        for k in range(K):
            a, r = A + k * rows.width, Z[i * K + k]
            if r == 0:  # as of an indicator of classes
                continue
            a[rows.n_features] += r
            for p in range(begin, end):
                a[indices[p]] += r * x[p]


cdef Py_ssize_t csr_columns(const index* indices, const index* indptr,
                            const Py_ssize_t* batch, Py_ssize_t n, Py_ssize_t t,
                            Py_ssize_t* mark, Py_ssize_t* found) noexcept nogil:
    cdef Py_ssize_t i, count = 0
    cdef index p
    for i in range(n):
        for p in range(indptr[batch[i]], indptr[batch[i] + 1]):
            if mark[indices[p]] != t:
                mark[indices[p]] = t
                found[count] = indices[p]
                count += 1
    return count
