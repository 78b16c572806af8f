"""Epochs of plain steps on CSR that cost what the non-zeros of their batches cost.

A column that no row of a batch has only moves by W_j <- W_j - rate (m_j + lambda_j W_j),
with m the mean gradient of the slopes of the past, which is 0 for SGD, and changes only
where a batch has non-zeros. With q = 1 - rate lambda_j, k such steps are

    W_j <- W_j + (q^k - 1) (W_j + m_j / lambda_j),

so they are made when the column is met again, or at the epoch's end. A centred column is
met by every batch.
"""
from libc.math cimport expm1, isfinite
from libc.string cimport memset

import numpy as np

from sgd_estimators._kernels.objective cimport Objective
from sgd_estimators._kernels.order cimport Order
from sgd_estimators._kernels.signals cimport BETWEEN, notice
from sgd_estimators._kernels.variance cimport Corrected

cdef enum:
    SHORT = 10000  # 1 / (k h) from which on `squares` expands its sums


cdef double squares(double u, double pull, double h, Py_ssize_t k, double e) noexcept nogil:
    """Return the sum of u_i^2 over k steps u_i+1 = (1 - h) u_i - pull, e = (1 - h)^k - 1.

    u_i = q^i u - pull s_i with s_i = (1 - q^i) / h, whose sums cancel for small h.
    """
    cdef double both = -e * (2 + e) / (h * (2 - h)), single = -e / h, mixed, square
    cdef double n1, n2
    if pull == 0:
        return u * u * both
    if k * h * SHORT < 1:
        n1, n2 = 0.5 * k * (k - 1.0), k * (k - 1.0) * (2.0 * k - 1) / 6
        mixed = n1 - h * (1.5 * n2 - 0.5 * n1)
        square = n2 - h * (n1 * n1 - n2)
    else:
        mixed = (single - both) / h
        square = (both - 2 * single + k) / (h * h)
    return u * u * both - 2 * u * pull * mixed + pull * pull * square


cdef class Late:
    """The columns of an epoch's W, each up to the step at which it was last met.

    V is in the coordinates of the stored rows.
    """

    cdef double[:, ::1] V, m
    cdef const double[:, ::1] penalty, log_q
    cdef const double[::1] scale
    cdef Py_ssize_t[::1] last
    cdef Py_ssize_t n_outputs
    cdef double rate, penalised

    def __init__(self, Objective f, double[:, ::1] m, double rate):
        self.V, self.m, self.rate = f._V, m, rate
        self.penalty = f.penalty
        self.log_q = np.log1p(-rate * f.penalty)
        self.scale = f.rows.scale
        self.last = np.zeros(f.rows.n_features, np.intp)
        self.n_outputs = f.n_outputs
        self.penalised = 0.0

    cdef void catch_up(self, Py_ssize_t j, Py_ssize_t t, Py_ssize_t size) noexcept nogil:
        """Make the steps of column j up to step t, of batches of this size."""
        cdef Py_ssize_t o, k = t - self.last[j]
        cdef double u, h, e, m, penalty
        self.last[j] = t
        if k == 0:
            return
        for o in range(self.n_outputs):
            u, m, penalty = self.V[o, j] * self.scale[j], self.m[o, j], self.penalty[o, j]
            if penalty == 0:
                u -= k * self.rate * m
            else:
                h, e = self.rate * penalty, expm1(k * self.log_q[o, j])
                self.penalised += 0.5 * penalty * size * squares(u, self.rate * m, h, k, e)
                u += e * (u + m / penalty)
            self.V[o, j] = u / self.scale[j]


def run_lazy_epoch(Objective f, move, W, Order order, Py_ssize_t batch_size,
                   const double[::1] rates):
    """Do what `run_epoch` does with `SGDStep` at one rate: W <- W - rate grad f_B(W).

    The rows are CSR, and rate times the penalty is below 1.
    """
    cdef Py_ssize_t d = f.rows.n_features, K = f.n_outputs, width = d + f.rows.fit_intercept
    cdef Py_ssize_t n_batches = rates.shape[0]
    cdef double rate = rates[0]
    cdef double[:, ::1] m = np.zeros((K, width)), A = f._A, V = f._V
    cdef bint renews = False
    if isinstance(f, Corrected):
        m = np.reshape((<Corrected> f)._mean, (K, width))
        renews = (<Corrected> f).renews
    cdef Late late = Late(f, m, rate)
    cdef Py_ssize_t[::1] found = np.empty(d, np.intp), mark = np.full(d, -1, np.intp)
    cdef const double[::1] scale = f.rows.scale, mean = f.rows.mean
    cdef const Py_ssize_t[::1] centred = np.flatnonzero(f.rows.mean)
    cdef const double[:, ::1] penalty = f.penalty, begun = np.ascontiguousarray(W)
    cdef const Py_ssize_t* batch
    cdef Py_ssize_t t, c, j, o, n_found, size = 0, done = 0, unwatched = BETWEEN
    cdef double factor, g, u, share, total = 0.0
    f.begin(&begun[0, 0])
    cdef double[::1] b = np.zeros(K)
    if f.rows.fit_intercept:
        b = begun[:, d].copy()
    with nogil:
        for t in range(n_batches):
            size = min(batch_size, order.n - t * batch_size)
            batch = order.next(size)
            notice(&unwatched, 4 * size * f.rows.row_bytes + 256)
            n_found = f.rows.columns(batch, size, t, &mark[0], &found[0])
            for c in range(centred.shape[0]):
                j = centred[c]
                if mark[j] != t:
                    found[n_found] = j
                    n_found += 1
            for c in range(n_found):
                late.catch_up(found[c], t, batch_size)
            for o in range(K):
                V[o, d] = b[o]
                for c in range(centred.shape[0]):
                    V[o, d] -= mean[centred[c]] * V[o, centred[c]]
            memset(&f._losses[0], 0, K * sizeof(double))
            f.accumulate(batch, size)
            for o in range(K):
                for c in range(centred.shape[0]):
                    A[o, centred[c]] -= mean[centred[c]] * A[o, d]
            factor = f.n_active / (f.total_weight * size)
            share = <double>size / f.n_active if renews else 0.0
            for o in range(K):
                total += factor * size * f._losses[o]
            done = t
            if not isfinite(total):
                break
            for c in range(n_found):
                j = found[c]
                late.last[j] = t + 1
                for o in range(K):
                    g, u = factor * A[o, j] / scale[j], V[o, j] * scale[j]
                    late.penalised += 0.5 * penalty[o, j] * size * u * u
                    u -= rate * (g + m[o, j] + penalty[o, j] * u)
                    m[o, j] += share * g
                    V[o, j], A[o, j] = u / scale[j], 0.0
            for o in range(K):
                if f.rows.fit_intercept:
                    g = factor * A[o, d]
                    b[o] -= rate * (g + m[o, d])
                    m[o, d] += share * g
                A[o, d] = 0.0
        for j in range(d):
            if late.last[j] < done:
                late.catch_up(j, done, batch_size)
            if late.last[j] == done:
                late.catch_up(j, done + 1, size)
    W[:, :d] = np.asarray(V)[:, :d] * f.rows.scale
    if f.rows.fit_intercept:
        W[:, d] = b
    return (total + late.penalised) / order.n
