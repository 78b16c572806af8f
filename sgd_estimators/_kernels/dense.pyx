"""The rows of an array, seen centred and scaled without a copy."""
from itertools import pairwise

import numpy as np

from sgd_estimators._kernels.gram import gram, see
from sgd_estimators._kernels.rows import aligned, numbers, span
from sgd_estimators._pool import spread

from sgd_estimators._kernels.rows cimport LOOKAHEAD, Rows
from sgd_estimators._kernels.signals cimport BETWEEN, notice

cdef extern from "simd.h" nogil:
    void pack_f64(const double*, Py_ssize_t, const Py_ssize_t*, Py_ssize_t, Py_ssize_t,
                  double*, Py_ssize_t)
    void pack_f32(const float*, Py_ssize_t, const Py_ssize_t*, Py_ssize_t, Py_ssize_t,
                  double*, Py_ssize_t)
    void ASK(const char*, const char*)
    void shift(double, Py_ssize_t, double*)
    double total(const double*, Py_ssize_t)
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
    void add_short_f64(const double*, Py_ssize_t, const Py_ssize_t*, Py_ssize_t,
                       const double*, double*, Py_ssize_t)
    void add_short_f32(const float*, Py_ssize_t, const Py_ssize_t*, Py_ssize_t,
                       const double*, double*, Py_ssize_t)
    void add_moments_f64(const double*, Py_ssize_t, const Py_ssize_t*, Py_ssize_t,
                         const double*, const double*, double*, double*)
    void add_moments_f32(const float*, Py_ssize_t, const Py_ssize_t*, Py_ssize_t,
                         const double*, const double*, double*, double*)
    void norms_f64(const double*, Py_ssize_t, const Py_ssize_t*, Py_ssize_t, const double*,
                   const double*, double*)
    void norms_f32(const float*, Py_ssize_t, const Py_ssize_t*, Py_ssize_t, const double*,
                   const double*, double*)
    void add_powers_f64(const double*, Py_ssize_t, const Py_ssize_t*, Py_ssize_t,
                        const double*, double*, double*)
    void add_powers_f32(const float*, Py_ssize_t, const Py_ssize_t*, Py_ssize_t,
                        const double*, double*, double*)

N_BLOCKS = 16  # of a pass for the moments, at most
PASS_BYTES = 1 << 21  # of each at least: below, threads cost more than they save
PILOT_ROWS = 64

cdef enum:
    WINDOW = 4096  # rows between two looks at signals
    PACKED_BYTES = 256   # a row this short costs less when it is copied first
    CHUNK_BYTES = 8192   # of rows that are multiplied and then added while in the cache
    SEVERAL_ROWS = 40    # the same where several outputs share a reading of them,
    SEVERAL_BYTES = 131072  # if so many fit
    AHEAD_BYTES = 16384  # asked for early enough to hide the memory's latency


cdef class ArrayRows(Rows):
    """Rows of an array in any order, which are seen only: no pass goes over them."""

    def seen(self, rows):
        """Return these rows as they are seen, the intercept's column included."""
        A = np.empty((len(rows), self.n_features + self.fit_intercept))
        A[:, self.n_features:] = 1.0
        see(self.X, rows, self._metric[0], self._metric[1], A)
        return A

    def moments(self, rows, weight, n_jobs=1):
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

    def norms(self, rows, share=None):
        """Yield (part of rows, sum_j share_j (x_ij - mean_j)^2) a block after the other.

        A share of None is all 1.
        """
        share = np.ones(self.n_features) if share is None else share
        for part, block in self.blocks(rows):
            block = block - self.mean
            yield part, np.einsum("ij,ij,j->i", block, block, share)

    def gram(self, rows, weight, Y=None, origin=None):
        """Return sum_i s_i x_i x_i' in the metric, the intercept's column included.

        With Y, the targets y_i - origin stand behind it.
        """
        return gram(self.X, rows, weight, Y, origin, self._metric[0], self._metric[1],
                    self.fit_intercept)


cdef class DenseRows(ArrayRows):
    """Rows of a C-ordered array."""

    cdef const double[:, ::1] _x64
    cdef const float[:, ::1] _x32
    cdef const double* x64
    cdef const float* x32
    cdef double[:, ::1] _packed
    cdef Py_ssize_t[::1] _places
    cdef bint is_short, is_packed
    cdef Py_ssize_t ahead, share

    def __init__(self, X, bint fit_intercept, Rows of=None):
        super().__init__(X, fit_intercept, of)
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
        self.is_short = self.row_bytes < PACKED_BYTES
        row_bytes = 8 * self.width if self.is_short else self.row_bytes
        self.chunk = max(8, CHUNK_BYTES // row_bytes // 8 * 8)
        several = min(SEVERAL_ROWS, SEVERAL_BYTES // row_bytes // 8 * 8)
        self.chunk_of_several = max(self.chunk, several)
        self._packed = aligned(self.chunk_of_several if self.is_short else 0, self.width)
        self._packed[:, self.n_features] = 1.0  # of the offset
        self._places = np.arange(self.chunk_of_several + 8, dtype=np.intp)  # read ahead
        self.ahead = AHEAD_BYTES // max(1, self.row_bytes) // 8 * 8
        self.ahead = min(max(8, self.ahead), LOOKAHEAD - 8)
        self.share = (self.row_bytes // 3 // 512 + 1) * 512

    cdef void load(self, const Py_ssize_t* batch, Py_ssize_t n) noexcept nogil:
        self.batch, self.n, self.is_packed = batch, n, False

    cdef bint pack(self, Py_ssize_t K) noexcept nogil:
        """Copy the rows, once, where that pays; return whether it does."""
        if not self.is_short or (K == 1 and self.n_features >= 8):
            return False
        if not self.is_packed and self.x64:
            pack_f64(self.x64, self.n_features, self.batch, self.n, self.ahead,
                     &self._packed[0, 0], self.width)
        elif not self.is_packed and self.x32:
            pack_f32(self.x32, self.n_features, self.batch, self.n, self.ahead,
                     &self._packed[0, 0], self.width)
        self.is_packed = True
        return True

    cdef void dot(self, const double* V, Py_ssize_t K, double* Z) noexcept nogil:
        cdef Py_ssize_t i, k, d = self.n_features
        cdef Py_ssize_t ahead = self.ahead if K == 1 else self.chunk_of_several
        if self.pack(K):
            dot_f64(&self._packed[0, 0], self.width, &self._places[0], self.n, V,
                    self.width, K, Z, 0)
            return
        if self.x64:
            dot_f64(self.x64, d, self.batch, self.n, V, self.width, K, Z, ahead)
        else:
            dot_f32(self.x32, d, self.batch, self.n, V, self.width, K, Z, ahead)
        if K == 1:
            shift(V[d], self.n, Z)
            return
        for i in range(self.n):
            for k in range(K):
                Z[i * K + k] += V[k * self.width + d]

    cdef void add_outer(self, const double* Z, Py_ssize_t K, double* A) noexcept nogil:
        cdef Py_ssize_t i, k, d = self.n_features
        cdef Py_ssize_t ahead = self.ahead if K == 1 else self.chunk_of_several
        if self.pack(K):
            add_f64(&self._packed[0, 0], self.width, &self._places[0], self.n, Z, K, A,
                    self.width, 0)
            return
        if self.is_short:
            if self.x64:
                add_short_f64(self.x64, d, self.batch, self.n, Z, A, ahead)
            else:
                add_short_f32(self.x32, d, self.batch, self.n, Z, A, ahead)
        elif self.x64:
            add_f64(self.x64, d, self.batch, self.n, Z, K, A, self.width, ahead)
        else:
            add_f32(self.x32, d, self.batch, self.n, Z, K, A, self.width, ahead)
        if K == 1:
            A[d] += total(Z, self.n)
            return
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

    def moments(self, rows, weight, n_jobs=1):
        """Return the weighted mean and mean square about it of every column.

        They are not finite where a number of these rows is not, or where sums overflow.
        The sums are about the mean of a few rows, so that a large mean costs no digits,
        and by blocks, so that their bits do not depend on `n_jobs`.
        """
        cdef Py_ssize_t j, n = len(rows)
        cdef double away, S = n if weight is None else weight[span(rows)].sum()
        some = np.ascontiguousarray(numbers(rows[::n // PILOT_ROWS + 1]))
        pilot = self.sums(0, len(some), some, None, np.zeros(self.n_features))[0]
        pilot /= len(some)
        n_blocks = min(N_BLOCKS, n * self.row_bytes // PASS_BYTES) or 1
        cuts = [i * n // n_blocks for i in range(n_blocks + 1)]
        parts = spread(lambda cut: self.sums(*cut, rows, weight, pilot),
                       list(pairwise(cuts)), n_jobs)
        cdef double[:, ::1] moments = sum(parts[1:], parts[0])
        cdef const double[::1] centre = pilot
        for j in range(self.n_features):
            away = moments[0, j] / S
            moments[0, j] = centre[j] + away
            moments[1, j] = moments[1, j] / S - away * away
            if moments[1, j] < 0:  # not max, which may lose a NaN
                moments[1, j] = 0
        return np.asarray(moments[0]), np.asarray(moments[1])

    def sums(self, Py_ssize_t begin, Py_ssize_t end, rows, const double[::1] weight,
             const double[::1] centre):
        """Return the sums of s (x - centre) and s (x - centre)^2 of a part of the rows."""
        cdef Py_ssize_t m, at = 0, left = end - begin, d = self.n_features
        cdef Py_ssize_t unwatched = BETWEEN
        cdef const double* s = NULL
        cdef double[:, ::1] out = np.zeros((2, d))
        cdef const Py_ssize_t[::1] some
        cdef const Py_ssize_t* numbered = NULL
        if left == 0 or d == 0:
            return np.asarray(out)
        if isinstance(rows, range):
            at = rows.start + begin
        else:
            some = rows
            numbered = &some[begin]
        with nogil:
            while left > 0:
                m = min(WINDOW, left)
                if weight is not None:
                    s = &weight[at]
                if self.x64:
                    add_moments_f64(self.x64 + at * d, d, numbered, m, s, &centre[0],
                                    &out[0, 0], &out[1, 0])
                else:
                    add_moments_f32(self.x32 + at * d, d, numbered, m, s, &centre[0],
                                    &out[0, 0], &out[1, 0])
                left -= m
                if numbered:
                    numbered += m
                else:
                    at += m
                notice(&unwatched, m * self.row_bytes)
        return np.asarray(out)

    def norms(self, rows, share=None):
        """Yield (rows, sum_j share_j (x_ij - mean_j)^2): all at once; share None: all 1."""
        cdef Py_ssize_t n = len(rows), begin = 0, i, m
        cdef bint listed = not isinstance(rows, range)
        cdef const Py_ssize_t[::1] given = rows if listed else None
        cdef Py_ssize_t first = 0 if listed else rows.start
        cdef const double[::1] weight = (
            np.ones(self.n_features) if share is None else np.ascontiguousarray(share)
        )
        cdef Py_ssize_t[::1] places = np.empty(WINDOW, np.intp)
        cdef double[::1] found = np.zeros(n)
        if self.n_features:
            with nogil:
                while begin < n:
                    m = min(WINDOW, n - begin)
                    for i in range(m):
                        places[i] = given[begin + i] if listed else first + begin + i
                    if self.x64:
                        norms_f64(self.x64, self.n_features, &places[0], m, self.centre,
                                  &weight[0], &found[begin])
                    else:
                        norms_f32(self.x32, self.n_features, &places[0], m, self.centre,
                                  &weight[0], &found[begin])
                    begin += m
        yield span(rows), np.asarray(found)

    def powers(self, const Py_ssize_t[::1] rows):
        """Return the columns' means over some rows, and of powers 2 and 4 about these."""
        cdef Py_ssize_t n = rows.shape[0]
        cdef double[::1] first, second, fourth
        centre = np.asarray(self.X[rows[0]], np.float64)
        first, second, fourth = np.zeros((3, self.n_features))
        self.add_powers(rows, centre, &first[0], NULL)
        centre = centre + np.asarray(first) / n
        self.add_powers(rows, centre, &second[0], &fourth[0])
        return centre, np.asarray(second) / n, np.asarray(fourth) / n

    cdef void add_powers(self, const Py_ssize_t[::1] rows, const double[::1] centre,
                         double* low, double* fourth) noexcept:
        if self.x64:
            add_powers_f64(self.x64, self.n_features, &rows[0], rows.shape[0], &centre[0],
                           low, fourth)
        else:
            add_powers_f32(self.x32, self.n_features, &rows[0], rows.shape[0], &centre[0],
                           low, fourth)
