"""The loop over one epoch: W <- step(W, grad f_B(W), rate)."""
from libc.math cimport isfinite

import numpy as np

from sgd_estimators._kernels.rows import aligned

from sgd_estimators._kernels.objective cimport Objective
from sgd_estimators._kernels.order cimport Order
from sgd_estimators._kernels.rates cimport Rate
from sgd_estimators._kernels.signals cimport BETWEEN, notice
from sgd_estimators._kernels.steps cimport Step


def run_epoch(Objective f, Step move, double[:, ::1] W, Order order,
              Py_ssize_t batch_size, double[::1] rates, Rate rule=None):
    """Visit the rows once, a step per mini-batch; return the mean of the f_B.

    W is changed in place.  A loss that is not finite ends the epoch.  With a rule, rates
    are the factors of its rates, and become the rates that were taken.
    """
    scratch = aligned(2, (f.n_params + 7) // 8 * 8)[:, :f.n_params]
    scratch[0] = np.ravel(W)
    cdef double[::1] x = scratch[0]
    cdef double[::1] gradient = scratch[1]
    cdef const double[::1] g = gradient, at = x
    cdef const double* w = &x[0] if f.n_params > 0 else NULL
    cdef double* grad = &gradient[0] if f.n_params > 0 else NULL
    cdef double value, total = 0.0
    cdef const Py_ssize_t* batch
    cdef Py_ssize_t k, size, left = order.n, unwatched = BETWEEN
    try:
        with nogil:
            for k in range(rates.shape[0]):
                size = min(batch_size, left)
                batch = order.next(size)
                value = f.gradient(w, batch, size, grad)  # grad = grad f_B(x)
                total += value * size
                if not isfinite(total):
                    break
                if rule is not None:
                    rates[k] *= rule.rate(f, batch, size, at, g, value)
                move.step(x, g, rates[k])  # x <- x - rate * direction
                left -= size
                notice(&unwatched, size * f.rows.row_bytes + 32 * f.n_params)
    finally:
        np.asarray(W)[...] = scratch[0].reshape(W.shape[0], W.shape[1])
    return total / order.n
