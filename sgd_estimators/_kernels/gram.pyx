"""Rows as they are seen, and the sums of their products: a few in the cache at a time.

X may be an array in any order, of which no copy is made.
"""
import numpy as np

cdef extern from "gram.h" nogil:
    void add_products(const double*, const double*, Py_ssize_t, Py_ssize_t, Py_ssize_t,
                      double*)
    void add_forms(const double*, const double*, Py_ssize_t, Py_ssize_t, double*)
    void weigh_rows(const double*, const double*, Py_ssize_t, Py_ssize_t, double*)
    void see_f64(const double*, Py_ssize_t, Py_ssize_t, const Py_ssize_t*, Py_ssize_t,
                 Py_ssize_t, const double*, const double*, double*, Py_ssize_t)
    void see_f32(const float*, Py_ssize_t, Py_ssize_t, const Py_ssize_t*, Py_ssize_t,
                 Py_ssize_t, const double*, const double*, double*, Py_ssize_t)

    double lay_out_f64(const double*, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t,
                       double*)
    double lay_out_f32(const float*, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, float*)

ctypedef fused real:
    float
    double

cdef enum:
    CACHED = 4096  # doubles of some rows
    FEWEST = 32  # of them at least, or the sums are moved too often
    EIGHTS = 8  # of rows that are turned at a time


cdef void write(const real[:, :] X, const Py_ssize_t* rows, Py_ssize_t n,
                const double[::1] centre, const double[::1] factor, double* out,
                Py_ssize_t width) noexcept nogil:
    """Write (x - centre) factor of some rows."""
    cdef Py_ssize_t d = X.shape[1]
    if n == 0 or d == 0:
        return
    if real is double:
        see_f64(&X[0, 0], X.strides[0] // 8, X.strides[1] // 8, rows, n, d, &centre[0],
                &factor[0], out, width)
    else:
        see_f32(&X[0, 0], X.strides[0] // 4, X.strides[1] // 4, rows, n, d, &centre[0],
                &factor[0], out, width)


def see(const real[:, :] X, const Py_ssize_t[::1] rows, const double[::1] centre,
        const double[::1] factor, double[:, ::1] out):
    """Write (x - centre) factor of some rows into the first columns of `out`."""
    if out.shape[0] and out.shape[1]:
        with nogil:
            write(X, &rows[0], rows.shape[0], centre, factor, &out[0, 0], out.shape[1])


def lay_out(const real[:, :] X, real[:, ::1] out):
    """Copy X, an array in any order, and return the sum of its numbers."""
    cdef double total
    cdef Py_ssize_t n = X.shape[0], d = X.shape[1]
    if n == 0 or d == 0:
        return 0.0
    with nogil:
        if real is double:
            total = lay_out_f64(&X[0, 0], X.strides[0] // 8, X.strides[1] // 8, n, d,
                                &out[0, 0])
        else:
            total = lay_out_f32(&X[0, 0], X.strides[0] // 4, X.strides[1] // 4, n, d,
                                &out[0, 0])
    return total


def gram(const real[:, :] X, rows, const double[::1] weight=None,
         const double[:, ::1] Y=None, const double[::1] origin=None,
         const double[::1] centre=None, const double[::1] factor=None,
         bint constant=False):
    """Return sum_i s_i v_i v_i', v = ((x - centre) factor, 1 if constant, y - origin).

    `rows` is a range or an array of intp; what is None is left out.
    """
    cdef Py_ssize_t d = X.shape[1], K = 0 if Y is None else Y.shape[1]
    cdef Py_ssize_t size = d + constant + K, width = (size + 7) // 8 * 8
    cdef Py_ssize_t n = len(rows), step = max(CACHED // max(width, 1), FEWEST)
    cdef Py_ssize_t block, begin, i, k, m, first = 0
    cdef bint listed = not isinstance(rows, range), weighted = weight is not None
    cdef const Py_ssize_t[::1] numbers
    cdef Py_ssize_t[::1] places = np.empty(step, np.intp)
    cdef double[:, ::1] A = np.zeros((step, width)), H = np.zeros((width, width)), B = A
    cdef double[::1] s = np.empty(step)
    if n == 0 or width == 0:
        return np.zeros((size, size))
    if centre is None:
        centre, factor = np.zeros(d), np.ones(d)
    if listed:
        numbers = rows
    else:
        first = rows.start
    if weighted:
        B = np.empty((step, width))
    A[:, d:d + constant] = 1.0
    with nogil:
        for block in range((n + step - 1) // step):
            begin = block * step
            m = min(step, n - begin)
            for i in range(m):
                places[i] = numbers[begin + i] if listed else first + begin + i
            write(X, &places[0], m, centre, factor, &A[0, 0], width)
            for i in range(m):
                for k in range(K):
                    A[i, d + constant + k] = Y[places[i], k] - origin[k]
            if weighted:
                for i in range(m):
                    s[i] = weight[places[i]]
                weigh_rows(&A[0, 0], &s[0], m, width, &B[0, 0])
            add_products(&A[0, 0], &B[0, 0], m, width, size, &H[0, 0])
        for i in range(size):
            for k in range(i):
                H[k, i] = H[i, k]
    return np.asarray(H)[:size, :size].copy()


def forms(const double[:, ::1] A, const double[:, ::1] B):
    """Return a' B a of the rows a of A; B is symmetric."""
    cdef Py_ssize_t n = A.shape[0], d = A.shape[1], width = (d + 7) // 8 * 8
    cdef Py_ssize_t eights = (n + 7) // 8, block, m, i, j, k
    cdef double[::1] lower = np.zeros(4 * width * (width + 8))
    cdef double[::1] turned = np.zeros(8 * EIGHTS * width), out = np.zeros(8 * eights)
    cdef double* to
    if n == 0 or d == 0:
        return np.zeros(n)
    with nogil:
        for j in range(d):  # to the column of row j in its eight rows of B
            to = &lower[0] + 32 * (j // 8) * (j // 8 + 1) + j % 8
            for k in range(j):
                to[8 * k] = 2 * B[j, k]
            to[8 * j] = B[j, j]
        for block in range((eights + EIGHTS - 1) // EIGHTS):
            m = min(n - 8 * EIGHTS * block, 8 * EIGHTS)
            for i in range(m):
                to = &turned[0] + i // 8 * 8 * width + i % 8
                for k in range(d):
                    to[8 * k] = A[8 * EIGHTS * block + i, k]
            add_forms(&turned[0], &lower[0], (m + 7) // 8, width, &out[8 * EIGHTS * block])
    return np.asarray(out)[:n]
