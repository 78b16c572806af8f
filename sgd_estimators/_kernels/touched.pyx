"""Epochs on CSR of rules that move nothing where the gradient is 0, as `AdaGradStep`."""
from libc.math cimport isfinite
from libc.string cimport memset

import copy

import numpy as np

from sgd_estimators._kernels.objective cimport Objective
from sgd_estimators._kernels.order cimport Order
from sgd_estimators._kernels.signals cimport BETWEEN, notice
from sgd_estimators._kernels.steps cimport Step


def run_touched_epoch(Objective f, Step move, W, Order order, Py_ssize_t batch_size,
                      const double[::1] rates):
    """Do what `run_epoch` does, on the columns of each batch only.

    The rows are CSR and not centred, and nothing is penalised. The step has one vector of
    state and no count, or is an `AveragedStep` of such a one: a move of w then changes the
    sum of the iterates by as much for each of them that is still to come.
    """
    cdef Step inner = getattr(move, "inner", move)
    cdef bint averaged = inner is not move
    cdef Py_ssize_t K = f.n_outputs, d = f.rows.n_features, T = rates.shape[0]
    cdef Py_ssize_t width = d + f.rows.fit_intercept, n_found, size, m, i, j, k, t
    cdef Step few = copy.copy(inner)  # on the columns of a batch, side by side
    cdef double[::1] state = np.array(inner.memory[0]), mean = np.zeros(0)
    cdef double[::1] x = np.empty(K * width), g = np.empty(K * width)
    cdef Py_ssize_t[::1] found = np.empty(width, np.intp), mark = np.full(d, -1, np.intp)
    start = getattr(move, "start", 0)
    counts = np.arange(move.t, move.t + T) >= start
    cdef double[::1] left = counts[::-1].cumsum()[::-1] * 1.0
    if averaged:
        mean = max(0, move.t - start) * np.asarray(move.memory[0]) + left[0] * np.ravel(W)
    cdef double[:, ::1] V = f._V, A = f._A
    cdef double[::1] unit = np.append(f.rows.scale, 1.0)  # the intercept's, too
    cdef const double[:, ::1] begun = np.ascontiguousarray(W)
    cdef const Py_ssize_t* batch
    cdef Py_ssize_t unwatched = BETWEEN
    cdef double factor, moved, total = 0.0
    f.begin(&begun[0, 0])
    with nogil:
        for t in range(T):
            size = min(batch_size, order.n - t * batch_size)
            batch = order.next(size)
            notice(&unwatched, 4 * size * f.rows.row_bytes + 256)
            n_found = f.rows.columns(batch, size, t, &mark[0], &found[0])
            if width > d:
                found[n_found] = d
                n_found += 1
            memset(&f._losses[0], 0, K * sizeof(double))
            f.accumulate(batch, size)
            factor = f.n_active / (f.total_weight * size)
            for k in range(K):
                total += factor * size * f._losses[k]
            if not isfinite(total):
                break
            m = 0
            for k in range(K):
                for i in range(n_found):
                    j = found[i]
                    x[m], g[m] = V[k, j] * unit[j], factor * A[k, j] / unit[j]
                    few.memory[0, m] = state[k * width + j]
                    m += 1
                A[k, d] = 0.0
            few.step(x[:m], g[:m], rates[t])
            m = 0
            for k in range(K):
                for i in range(n_found):
                    j = found[i]
                    if averaged:
                        moved = x[m] - V[k, j] * unit[j]
                        mean[k * width + j] += left[t] * moved
                    V[k, j], A[k, j] = x[m] / unit[j], 0.0
                    state[k * width + j] = few.memory[0, m]
                    m += 1
    inner.memory[0] = state
    if averaged:
        move.t += T
        np.asarray(move.memory)[0] = np.asarray(mean) / max(1, move.t - start)
    W[...] = np.asarray(V)[:, :width] * np.asarray(unit)[:width]
    return total / order.n
