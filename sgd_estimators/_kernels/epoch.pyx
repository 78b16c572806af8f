"""The loop over epochs and their batches: W <- step(W, grad f_B(W), rate)."""
from libc.math cimport isfinite

import numpy as np

from sgd_estimators._kernels.rows import aligned

from sgd_estimators._kernels.objective cimport Objective
from sgd_estimators._kernels.order cimport Order
from sgd_estimators._kernels.progress cimport BoldDriver, Progress
from sgd_estimators._kernels.rates cimport Rate
from sgd_estimators._kernels.signals cimport BETWEEN, notice
from sgd_estimators._kernels.steps cimport Step


cdef double visit(Objective f, Step move, double[::1] x, double[::1] gradient,
                  Order order, Py_ssize_t batch_size, double[::1] rates, Rate rule,
                  Py_ssize_t* unwatched) except? -1 nogil:
    """Visit the rows once, a step per mini-batch; return the mean of the f_B."""
    cdef const double[::1] g = gradient, at = x
    cdef const double* w = &x[0] if f.n_params > 0 else NULL
    cdef double* grad = &gradient[0] if f.n_params > 0 else NULL
    cdef double value, total = 0.0
    cdef const Py_ssize_t* batch
    cdef Py_ssize_t k, size, left = order.n
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
        notice(unwatched, size * f.rows.row_bytes + 32 * f.n_params)
    return total / order.n


def run_epoch(Objective f, Step move, double[:, ::1] W, Order order,
              Py_ssize_t batch_size, double[::1] rates, Rate rule=None):
    """Visit the rows once, a step per mini-batch; return the mean of the f_B.

    W is changed in place.  A loss that is not finite ends the epoch.  With a rule, rates
    are the factors of its rates, and become the rates that were taken.
    """
    cdef Py_ssize_t unwatched = BETWEEN
    cdef double mean
    scratch = aligned(2, (f.n_params + 7) // 8 * 8)[:, :f.n_params]
    scratch[0] = np.ravel(W)
    cdef double[::1] x = scratch[0], g = scratch[1]
    try:
        with nogil:
            mean = visit(f, move, x, g, order, batch_size, rates, rule, &unwatched)
    finally:
        np.asarray(W)[...] = scratch[0].reshape(W.shape[0], W.shape[1])
    return mean


def run_epochs(Objective f, Step move, double[:, ::1] W, Order order,
               Py_ssize_t batch_size, double[:, ::1] rates, double[::1] losses,
               Progress progress, seed=None, Py_ssize_t epoch=0, Rate rule=None,
               BoldDriver driver=None, double rate=1.0, double least=0.0, low=None):
    """Do that once for each row of rates, or until `progress` ends it; return how often.

    The mean of the f_B of each epoch goes to losses. With a seed, the rows are shuffled
    before each, as they are in epochs `epoch`, `epoch` + 1, ... of that seed. With a
    driver, the rates of an epoch are what it makes of `rate`, `least` at least, and the
    last epoch before a restart ends the call. W after the epoch of the lowest loss so far
    goes to low.
    """
    cdef Py_ssize_t e, k, made = 0, unwatched = BETWEEN
    cdef bint shuffled = seed is not None
    cdef unsigned long long key = seed or 0
    scratch = aligned(2, (f.n_params + 7) // 8 * 8)[:, :f.n_params]
    scratch[0] = np.ravel(W)
    cdef double[::1] x = scratch[0], g = scratch[1], lowest = x[:0]
    cdef bint last
    if low is not None:
        lowest = low.reshape(-1)
    try:
        with nogil:
            for e in range(rates.shape[0]):
                if shuffled:
                    order.shuffle(key, epoch + e, batch_size)
                else:
                    order.restart(batch_size)
                if driver is not None:
                    for k in range(rates.shape[1]):
                        rates[e, k] = max(rate * driver.factor, least)
                losses[e] = visit(f, move, x, g, order, batch_size, rates[e], rule,
                                  &unwatched)
                made += 1
                last = progress.ends(losses[e])
                if losses[e] == progress.lowest and lowest.shape[0] > 0:
                    lowest[:] = x
                if driver is not None:
                    driver.see(losses[e])
                    last = last or driver.restarts
                if last:
                    break
    finally:
        np.asarray(W)[...] = scratch[0].reshape(W.shape[0], W.shape[1])
    return made
