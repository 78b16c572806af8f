"""The loop over one epoch: W <- step(W, grad f_B(W), rate)."""
from libc.math cimport isfinite

import numpy as np

from sgd_estimators._kernels.rows import aligned

from sgd_estimators._kernels.objective cimport Objective
from sgd_estimators._kernels.order cimport Order
from sgd_estimators._kernels.steps cimport Step


def run_epoch(Objective f, Step move, double[:, ::1] W, Order order,
              Py_ssize_t batch_size, const double[::1] rates):
    """Visit the rows once, a step per mini-batch; return the mean of the f_B.

    W is changed in place.  A loss that is not finite ends the epoch.
    """
    cdef double[:, ::1] G = aligned(W.shape[0], W.shape[1])
    cdef double[::1] x = np.asarray(W).reshape(-1)
    cdef const double[::1] g = np.asarray(G).reshape(-1)
    cdef const double* w = &W[0, 0] if f.n_params > 0 else NULL
    cdef double* grad = &G[0, 0] if f.n_params > 0 else NULL
    cdef double value, total = 0.0
    cdef Py_ssize_t k, size, left = order.n
    with nogil:
        for k in range(rates.shape[0]):
            size = min(batch_size, left)
            value = f.gradient(w, order.next(size), size, grad)  # G = grad f_B(W)
            total += value * size
            if not isfinite(total):
                break
            move.step(x, g, rates[k])  # x <- x - rate * direction
            left -= size
    return total / order.n
