"""Epochs of `AdaGradStep` on CSR: it moves nothing where the gradient is 0."""
from libc.math cimport isfinite, sqrt
from libc.string cimport memset

import numpy as np

from sgd_estimators._kernels.rows import aligned

from sgd_estimators._kernels.csr cimport Combined, CsrRows
from sgd_estimators._kernels.objective cimport Objective
from sgd_estimators._kernels.order cimport Order
from sgd_estimators._kernels.rows cimport LOOKAHEAD
from sgd_estimators._kernels.signals cimport BETWEEN, notice
from sgd_estimators._kernels.steps cimport Step


def run_adagrad_epoch(Objective f, Step move, W, Order order, Py_ssize_t batch_size,
                      const double[::1] rates):
    """Do what `run_epoch` does with an `AdaGradStep`, or an `AveragedStep` of one.

    The rows are CSR, and nothing is penalised. A move of w changes the sum of the iterates
    by as much for each of them that is still to come. Of centred columns, a batch has one
    row more: the centre's.
    """
    cdef CsrRows rows = f.rows, centre = rows.centre_row
    cdef bint centred = centre is not None
    cdef Step inner = getattr(move, "inner", move)
    cdef bint averaged = inner is not move, fit_intercept = rows.fit_intercept
    cdef Py_ssize_t K = f.n_outputs, d = rows.n_features, T = rates.shape[0]
    cdef Py_ssize_t lanes = 4 + averaged, size, t, i, k, unwatched = BETWEEN
    start = getattr(move, "start", 0)
    counts = np.arange(move.t, move.t + T) >= start
    cdef double[::1] left = counts[::-1].cumsum()[::-1] * 1.0
    scale, state = np.append(rows.scale, 1.0), np.zeros((lanes, K, d + 1))
    state[0, :, :d + fit_intercept] = W
    state[1, :, :d + fit_intercept] = np.reshape(inner.memory, (K, -1))
    state[3] = 1 / scale
    if averaged:
        mean = np.reshape(move.memory, (K, -1))
        state[4, :, :d + fit_intercept] = max(0, move.t - start) * mean + left[0] * W
    state[[0, 4][:1 + averaged]] /= scale
    cdef double[:, ::1] U = aligned((d + 1) * K, lanes)
    np.asarray(U)[...] = state.T.reshape(-1, lanes)
    cdef double[:, ::1] Z = np.empty((batch_size, K))
    cdef double* b = &U[d * K, 0]
    cdef double* u
    cdef double[::1] shift, slope, none  # of the centre's row: its scores and slopes
    shift, slope, none = np.zeros((3, K))
    cdef const Py_ssize_t[::1] first = np.zeros(LOOKAHEAD, np.intp)
    cdef Combined c, gradient
    c.n_outputs, c.lanes, c.momentum, c.averaged, c.a = K, lanes, 0, averaged, 1.0
    c.U = &U[0, 0]
    gradient = c
    gradient.U, gradient.penalised, gradient.share = &U[0, 2], 0, NULL
    gradient.averaged, gradient.pull[0] = 0, 1.0
    cdef const Py_ssize_t* batch
    cdef double factor, g, eps = inner.eps, total = 0.0
    c.pull[1] = eps
    with nogil:
        for t in range(T):
            size = min(batch_size, order.n - t * batch_size)
            batch = order.next(size)
            notice(&unwatched, 4 * size * rows.row_bytes + 256)
            rows.score(batch, size, &c, &Z[0, 0])
            if centred:
                centre.score(&first[0], 1, &c, &shift[0])
            for i in range(size):
                for k in range(K):
                    Z[i, k] += b[k * lanes] + shift[k]
            memset(&f._losses[0], 0, K * sizeof(double))
            f.loss.differentiate(&f._y[0, 0], f._s, batch, size, K, &f._losses[0], &Z[0, 0])
            factor = f.n_active / (f.total_weight * size)
            for k in range(K):
                total += factor * size * f._losses[k]
            if not isfinite(total):
                break
            for k in range(K):
                slope[k] = 0.0
                for i in range(size):
                    Z[i, k] *= factor
                    slope[k] += Z[i, k]
            c.pull[0], c.pull[2] = rates[t], left[t]
            if centred:  # its part of the gradient, before the columns move
                centre.pull(&first[0], 1, &slope[0], &gradient)
            rows.adapt(batch, size, &Z[0, 0], &c)
            if centred:  # the columns that no row of the batch has
                centre.adapt(&first[0], 1, &none[0], &c)
            for k in range(K * fit_intercept):
                u, g = b + k * lanes, slope[k]
                u[1] += g * g
                g *= rates[t] / (sqrt(u[1]) + eps)
                u[0] -= g
                if averaged:
                    u[4] -= left[t] * g
    state = np.asarray(U).reshape(d + 1, K, lanes).T
    state = state[:, :, :d + fit_intercept]
    scale = scale[:d + fit_intercept]
    W[...] = state[0] * scale
    np.asarray(inner.memory)[...] = state[1].reshape(1, -1)
    if averaged:
        move.t += T
        mean = state[4] * scale / max(1, move.t - start)
        np.asarray(move.memory)[...] = mean.reshape(1, -1)
    return total / order.n
