"""The rows of X, seen centred and scaled without a copy.

A row is seen as (x - mean) / scale with a 1 behind it for the intercept.  ``enter`` takes
coefficients W of such rows to coefficients V of the rows as they are stored, an offset in
column d; ``load`` a few rows, ``dot`` and ``add_outer`` work on these as stored; ``leave``
takes the sums back.  So a batch pays for the metric once, not once a row, and nothing else
in the package knows how the data is stored.  V, the sums A and Z are K x width, K x width
and n x K.
"""
import numpy as np
import scipy.sparse as sp

from sgd_estimators._kernels.columns import products, scatter

cdef extern from "simd.h" nogil:
    void pack_f64(const double*, Py_ssize_t, const Py_ssize_t*, Py_ssize_t, Py_ssize_t,
                  double*, Py_ssize_t)
    void pack_f32(const float*, Py_ssize_t, const Py_ssize_t*, Py_ssize_t, Py_ssize_t,
                  double*, Py_ssize_t)
    void ASK(const char*, const char*)
    double dot_one_f64(const double*, const double*, const double*, const double*,
                       Py_ssize_t)
    double dot_one_f32(const float*, const double*, const double*, const double*,
                       Py_ssize_t)
    double pull_one_f64(const double*, const double*, const double*, const double*,
                        const double*, Py_ssize_t, double, double*)
    double pull_one_f32(const float*, const double*, const double*, const double*,
                        const double*, Py_ssize_t, double, double*)
    void dot_f64(const double*, Py_ssize_t, const Py_ssize_t*, Py_ssize_t, const double*,
                 Py_ssize_t, Py_ssize_t, double*, Py_ssize_t)
    void dot_f32(const float*, Py_ssize_t, const Py_ssize_t*, Py_ssize_t, const double*,
                 Py_ssize_t, Py_ssize_t, double*, Py_ssize_t)
    void add_f64(const double*, Py_ssize_t, const Py_ssize_t*, Py_ssize_t, const double*,
                 Py_ssize_t, double*, Py_ssize_t, Py_ssize_t)
    void add_f32(const float*, Py_ssize_t, const Py_ssize_t*, Py_ssize_t, const double*,
                 Py_ssize_t, double*, Py_ssize_t, Py_ssize_t)
    void see_f64(const double*, Py_ssize_t, const Py_ssize_t*, Py_ssize_t, const double*,
                 const double*, double*, Py_ssize_t)
    void see_f32(const float*, Py_ssize_t, const Py_ssize_t*, Py_ssize_t, const double*,
                 const double*, double*, Py_ssize_t)
    void to_stored(const double*, const double*, const double*, Py_ssize_t, double*,
                   double*)
    void from_stored(const double*, const double*, const double*, Py_ssize_t, double,
                     double, double*)

ctypedef fused real:
    float
    double

ctypedef fused index:
    int
    long long

cdef enum:
    PACKED_BYTES = 256   # a row this short costs less when it is copied first
    CHUNK_BYTES = 8192   # of rows that are multiplied and then added while in the cache
    SEVERAL_ROWS = 40    # the same where several outputs share a reading of them,
    SEVERAL_BYTES = 131072  # if so many fit
    ROWS_AHEAD = 4
    AHEAD_BYTES = 16384  # asked for early enough to hide the memory's latency

BLOCK_BYTES = 1 << 20  # of float64 that a pass made with NumPy holds at a time
WIDEST = 512  # rows of a block that is worth the adding up of its products


def aligned(Py_ssize_t n_rows, Py_ssize_t width):
    """Return zeros, each row from a cache line on where width is a multiple of 8."""
    flat = np.zeros(n_rows * width + 8)
    begin = -(flat.ctypes.data // 8) % 8
    return flat[begin:begin + n_rows * width].reshape(n_rows, width)


def span(rows):
    """Return a slice for a range of rows, which indexes without a copy; else the rows."""
    return slice(rows.start, rows.stop) if isinstance(rows, range) else rows


def numbers(rows):
    """Return the numbers of rows as an array."""
    return np.arange(rows.start, rows.stop) if isinstance(rows, range) else rows


cdef class Rows:
    """Rows of a matrix in the metric ``(x - mean) / scale``; see `as_rows`."""

    def __init__(self, X, bint fit_intercept):
        self.X = X
        self.n_rows, self.n_features = X.shape
        self.fit_intercept = fit_intercept
        self.width = (self.n_features + 8) // 8 * 8
        self.set_metric(np.zeros(self.n_features), np.ones(self.n_features))

    def set_metric(self, mean, scale):
        """See the rows as (x - mean) / scale from now on."""
        self.mean, self.scale = mean, scale
        self._metric = aligned(2, self.width)
        np.asarray(self._metric)[:, :self.n_features] = mean, 1.0 / scale
        self.centre, self.inverse_scale = &self._metric[0, 0], &self._metric[1, 0]

    def twin(self):
        """Return the same rows with a scratch of their own, for another thread."""
        cdef Rows twin = type(self)(self.X, self.fit_intercept)
        twin.mean, twin.scale, twin._metric = self.mean, self.scale, self._metric
        twin.centre, twin.inverse_scale = self.centre, self.inverse_scale
        return twin

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
        pass

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

    def largest_norm(self, rows, weight):
        """Return the largest weight * ||row||^2 in the metric, the intercept left out."""
        share = 1 / self.scale**2
        return max(
            (norms if weight is None else norms * weight[part]).max()
            for part, norms in self.norms(rows, share)
        )

    def block_rows(self):
        """Return how many rows a block has."""
        cdef Py_ssize_t d = max(1, self.n_features)
        if not sp.issparse(self.X):
            return max(1, BLOCK_BYTES // (8 * d))
        # As many entries as columns at least: work on a block has a part for each column.
        return max(1, max(BLOCK_BYTES // 16, d) * self.n_rows // max(1, self.X.nnz))


cdef class DenseRows(Rows):
    cdef const double[:, ::1] _x64
    cdef const float[:, ::1] _x32
    cdef const double* x64
    cdef const float* x32
    cdef double[:, ::1] _packed
    cdef Py_ssize_t[::1] _places
    cdef bint is_packed
    cdef Py_ssize_t ahead, share

    def __init__(self, X, bint fit_intercept):
        super().__init__(X, fit_intercept)
        if X.size and X.dtype == np.float64:
            self._x64 = X
            self.x64 = &self._x64[0, 0]
        elif X.size:
            self._x32 = X
            self.x32 = &self._x32[0, 0]
        self.row_bytes = X.itemsize * self.n_features
        self.one_by_one = True
        # Short rows are copied to eights of doubles, so that no loop has a remainder
        # and floats are converted once.
        self.is_packed = self.row_bytes < PACKED_BYTES
        row_bytes = 8 * self.width if self.is_packed else self.row_bytes
        self.chunk = max(8, CHUNK_BYTES // row_bytes // 8 * 8)
        several = min(SEVERAL_ROWS, SEVERAL_BYTES // row_bytes // 8 * 8)
        self.chunk_of_several = max(self.chunk, several)
        self._packed = aligned(self.chunk_of_several if self.is_packed else 0, self.width)
        self._packed[:, self.n_features] = 1.0  # of the offset
        self._places = np.arange(self.chunk_of_several + 8, dtype=np.intp)  # read ahead
        self.ahead = AHEAD_BYTES // max(1, self.row_bytes) // 8 * 8
        self.ahead = min(max(8, self.ahead), LOOKAHEAD - 8)
        self.share = (self.row_bytes // 3 // 512 + 1) * 512

    cdef void load(self, const Py_ssize_t* batch, Py_ssize_t n) noexcept nogil:
        self.batch, self.n = batch, n
        if not self.is_packed:
            return
        self.batch = &self._places[0]
        if self.x64:
            pack_f64(self.x64, self.n_features, batch, n, self.ahead,
                     &self._packed[0, 0], self.width)
        elif self.x32:
            pack_f32(self.x32, self.n_features, batch, n, self.ahead,
                     &self._packed[0, 0], self.width)

    cdef void dot(self, const double* V, Py_ssize_t K, double* Z) noexcept nogil:
        cdef Py_ssize_t i, k, d = self.n_features
        cdef Py_ssize_t ahead = self.ahead if K == 1 else self.chunk_of_several
        if self.is_packed:
            dot_f64(&self._packed[0, 0], self.width, self.batch, self.n, V, self.width, K,
                    Z, 0)
            return
        if self.x64:
            dot_f64(self.x64, d, self.batch, self.n, V, self.width, K, Z, ahead)
        else:
            dot_f32(self.x32, d, self.batch, self.n, V, self.width, K, Z, ahead)
        for i in range(self.n):
            for k in range(K):
                Z[i * K + k] += V[k * self.width + d]

    cdef void add_outer(self, const double* Z, Py_ssize_t K, double* A) noexcept nogil:
        cdef Py_ssize_t i, k, d = self.n_features
        cdef Py_ssize_t ahead = self.ahead if K == 1 else self.chunk_of_several
        if self.is_packed:
            add_f64(&self._packed[0, 0], self.width, self.batch, self.n, Z, K, A,
                    self.width, 0)
            return
        if self.x64:
            add_f64(self.x64, d, self.batch, self.n, Z, K, A, self.width, ahead)
        else:
            add_f32(self.x32, d, self.batch, self.n, Z, K, A, self.width, ahead)
        for i in range(self.n):
            for k in range(K):
                A[k * self.width + d] += Z[i * K + k]

    cdef void ask(self, const Py_ssize_t* row, Py_ssize_t part) noexcept nogil:
        """Ask for a share of a later row: memory works while the others are in use."""
        cdef const char* later = <const char*>(<void*>self.x64 if self.x64
                                               else <void*>self.x32)
        cdef Py_ssize_t begin = part * self.share
        if begin < self.row_bytes:
            later += row[self.ahead] * self.row_bytes
            ASK(later + begin, later + min(begin + self.share, self.row_bytes))

    cdef void dot_one(self, const Py_ssize_t* row, const double* W, Py_ssize_t K,
                      double* Z) noexcept nogil:
        cdef Py_ssize_t k, d = self.n_features, at = row[0] * d
        self.ask(row, 0)
        for k in range(K):
            if self.x64:
                Z[k] = dot_one_f64(self.x64 + at, self.centre, self.inverse_scale, W, d)
            else:
                Z[k] = dot_one_f32(self.x32 + at, self.centre, self.inverse_scale, W, d)
            if self.fit_intercept:
                Z[k] += W[d]
            W += d + self.fit_intercept
        self.ask(row, 1)

    cdef double pull_one(self, const Py_ssize_t* row, const double* W,
                         const double* penalty, const double* Z, Py_ssize_t K,
                         double* G) noexcept nogil:
        cdef Py_ssize_t k, d = self.n_features, at = row[0] * d
        cdef double value = 0.0
        self.ask(row, 2)
        for k in range(K):
            if self.x64:
                value += pull_one_f64(self.x64 + at, self.centre, self.inverse_scale, W,
                                      penalty, d, Z[k], G)
            else:
                value += pull_one_f32(self.x32 + at, self.centre, self.inverse_scale, W,
                                      penalty, d, Z[k], G)
            if self.fit_intercept:
                G[d] = Z[k]
            W += d + self.fit_intercept
            penalty += d + self.fit_intercept
            G += d + self.fit_intercept
        return value

    def seen(self, const Py_ssize_t[::1] rows):
        """Return these rows as they are seen, the intercept's column included."""
        cdef Py_ssize_t n = rows.shape[0], d = self.n_features
        cdef double[:, ::1] A = np.ones((n, d + self.fit_intercept))
        if n > 0 and self.x64 != NULL:
            see_f64(self.x64, d, &rows[0], n, self.centre, self.inverse_scale, &A[0, 0],
                    A.shape[1])
        elif n > 0 and self.x32 != NULL:
            see_f32(self.x32, d, &rows[0], n, self.centre, self.inverse_scale, &A[0, 0],
                    A.shape[1])
        return np.asarray(A)

    def moments(self, rows, weight):
        """Return the weighted mean and mean square about it of every column."""
        pilot = np.asarray(self.X[rows[:: len(rows) // 64 + 1]], np.float64).mean(axis=0)
        first, second = np.zeros((2, self.n_features))
        for part, block in self.blocks(rows):
            block = block - pilot  # float64: a large mean costs no digits
            if weight is None:
                first += block.sum(axis=0)
                second += np.einsum("ij,ij->j", block, block)
            else:
                first += weight[part] @ block
                second += np.einsum("i,ij,ij->j", weight[part], block, block)
        total = len(rows) if weight is None else weight[span(rows)].sum()
        first /= total
        return pilot + first, np.maximum(second / total - first * first, 0.0)

    def norms(self, rows, share):
        """Yield (part of rows, sum_j share_j (x_ij - mean_j)^2) a block after the other."""
        for part, block in self.blocks(rows):
            block = block - self.mean
            yield part, np.einsum("ij,ij,j->i", block, block, share)

    def gram(self, rows, weight):
        """Return sum_i s_i x_i x_i' in the metric, the intercept's column included."""
        width = self.n_features + self.fit_intercept
        total = np.zeros((width, width))
        for part, seen in self.seen_blocks(rows):
            if weight is not None:
                seen *= np.sqrt(weight[part])[:, None]
            total += seen.T @ seen
        return total


cdef class CsrRows(Rows):
    cdef const double[::1] x64
    cdef const float[::1] x32
    cdef const int[::1] indices32, indptr32
    cdef const long long[::1] indices64, indptr64
    cdef bint is_double, is_long

    def __init__(self, X, bint fit_intercept):
        super().__init__(X, fit_intercept)
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

    def seen(self, rows):
        """Return these rows as they are seen, the intercept's column included."""
        A = np.ones((len(rows), self.n_features + self.fit_intercept))
        A[:, :self.n_features] = -self.mean / self.scale
        scatter(self.X.data, self.X.indices, self.X.indptr, rows, self._metric[1], A)
        return A

    def moments(self, rows, weight):
        """Return 0 and the weighted mean square of every column (sparse: no centring)."""
        second, total = np.zeros(self.n_features), 0.0
        for part, block in self.blocks(rows):
            s = np.ones(block.shape[0]) if weight is None else weight[part]
            second += block.astype(np.float64).power(2).T @ s
            total += s.sum()
        return np.zeros(self.n_features), second / total

    def norms(self, rows, share):
        """Yield (part of rows, sum_j share_j (x_ij - mean_j)^2) a block after the other."""
        pull = share * self.mean
        for part, block in self.blocks(rows):
            square = block.astype(np.float64).power(2)
            yield part, square @ share - 2 * (block @ pull) + self.mean @ pull

    def gram(self, rows, weight):
        """Return sum_i s_i x_i x_i' in the metric, the intercept's column included."""
        X, d = self.X, self.n_features
        H, first = np.zeros((d, d)), np.zeros(d)
        total = products(X.data, X.indices, X.indptr, numbers(rows), weight, H, first)
        H = np.triu(H) + np.triu(H, 1).T
        H -= np.outer(self.mean, first) + np.outer(first - total * self.mean, self.mean)
        H /= self.scale * self.scale[:, None]
        if not self.fit_intercept:
            return H
        sides = (first - total * self.mean) / self.scale
        return np.block([[H, sides[:, None]], [sides, np.full((1, 1), total)]])


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


def as_rows(X, fit_intercept):
    """Return the Rows of a C-ordered array or of a CSR matrix."""
    return (CsrRows if sp.issparse(X) else DenseRows)(X, fit_intercept)
