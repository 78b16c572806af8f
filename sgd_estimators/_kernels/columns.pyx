"""Sweeps over CSR entries as they are stored: sums of columns, and dual ascent.

The entries come as NumPy arrays, float32 or float64 and int32 or int64.
"""
from libc.math cimport exp, fabs, log

ctypedef fused real:
    float
    double

ctypedef fused index:
    int
    long long


def sums(const real[::1] x, const index[::1] indices, const index[::1] indptr,
         const Py_ssize_t[::1] rows, const double[::1] weight,
         double[::1] first, double[::1] second):
    """Add the weighted sums of the columns and of their squares."""
    cdef Py_ssize_t i, r, p
    cdef bint weighted = weight is not None
    cdef double v, s = 1.0
    with nogil:
        for r in range(rows.shape[0]):
            i = rows[r]
            if weighted:
                s = weight[i]
            for p in range(indptr[i], indptr[i + 1]):
                v = s * x[p]
                first[indices[p]] += v
                second[indices[p]] += v * x[p]


cdef double logistic_step(double y, double z, double a, double q) noexcept nogil:
    """Return the a that maximises the dual of one row, y in {0, 1}.

    With t = a for y = 1 and -a for y = 0: log(t / (1 - t)) + m + q (t - t_old) = 0.
    """
    cdef double sign = 1.0 if y > 0 else -1.0
    cdef double old = sign * a, m = sign * z, t = old, step, new
    cdef int _k
    if q < 1 or not 0 < old < 1:
        t = 1 / (1 + exp(min(m, 700.0)))
        t = min(t, 1 - 1e-12)
    for _k in range(20):
        step = (log(t / (1 - t)) + m + q * (t - old)) / (1 / (t * (1 - t)) + q)
        new = t - step
        if new <= 0:  # Newton's method left (0, 1)
            new = 0.1 * t
        elif new >= 1:
            new = 1 - 0.1 * (1 - t)
        step, t = fabs(new - t), new
        if step <= 1e-3 * t * (1 - t):  # the next one squares this
            break
    return sign * t


def ascend(const real[::1] x, const index[::1] indices, const index[::1] indptr,
           const Py_ssize_t[::1] rows, const double[:, ::1] y, const double[::1] weight,
           const double[::1] scale, double offset, bint logistic,
           double[:, ::1] A, double[:, ::1] W, double[::1] b):
    """Maximise the dual over one row after the other; return about what is left of it.

    W = sum_i s_i a_i x_i / scale and b = centre + sum_i s_i a_i / offset go along.  Each
    row's gap l(z) + l*(-a) + a z is taken as it is met.
    """
    cdef Py_ssize_t r, i, k, p, K = W.shape[0]
    cdef bint weighted = weight is not None
    cdef double z, norm, q, new, move, s = 1.0, left = 0.0
    with nogil:
        for r in range(rows.shape[0]):
            i = rows[r]
            if weighted:
                s = weight[i]
            for k in range(K):
                z, norm = b[k], 0.0
                for p in range(indptr[i], indptr[i + 1]):
                    z += x[p] * W[k, indices[p]]
                    norm += x[p] * x[p]
                q = s * (norm / scale[k] + 1 / offset)
                if logistic:
                    move = 1 / (1 + exp(-z)) - y[i, 0] + A[i, 0]
                    left += 2 * s * move * move
                    new = logistic_step(y[i, 0], z, A[i, 0], q)
                else:
                    move = y[i, k] - z - A[i, k]
                    left += 0.5 * s * move * move
                    new = A[i, k] + move / (1 + q)
                move = s * (new - A[i, k])
                A[i, k] = new
                b[k] += move / offset
                move /= scale[k]
                for p in range(indptr[i], indptr[i + 1]):
                    W[k, indices[p]] += move * x[p]
    return left
