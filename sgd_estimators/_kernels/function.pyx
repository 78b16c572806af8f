"""Any function of n parameters as an Objective: one row, which is f itself."""
from libc.math cimport INFINITY, NAN

import numpy as np

from sgd_estimators._kernels.dense import DenseRows
from sgd_estimators._kernels.losses import Squared

from sgd_estimators._kernels.objective cimport Objective


cdef class Function(Objective):
    """f, by an object whose ``value(x)`` and ``both(x)`` return f and its gradient.

    The loop cannot raise: what these raise is kept in ``error`` and ends the epoch.
    """

    cdef readonly object calls
    cdef readonly object error

    def __init__(self, calls, n):
        rows = DenseRows(np.zeros((1, n)), False)
        super().__init__(rows, Squared(), np.zeros((1, 1)), np.zeros(1))
        self.calls, self.error = calls, None
        self.lowest = -INFINITY

    cdef object point(self, const double* W):
        return np.array(<double[:self.n_params]><double*>W)

    cdef double gradient(self, const double* W, const Py_ssize_t* batch,
                         Py_ssize_t size, double* G) noexcept nogil:
        cdef double value = NAN
        with gil:
            try:
                value, g = self.calls.both(self.point(W))
                np.asarray(<double[:self.n_params]>G)[:] = g
            except BaseException as error:
                value, self.error = NAN, error
        return value

    cdef double value(self, const double* W, const Py_ssize_t* batch,
                      Py_ssize_t size) noexcept nogil:
        cdef double value = NAN
        with gil:
            if self.error is None:  # a search asks again and again
                try:
                    value = self.calls.value(self.point(W))
                except BaseException as error:
                    self.error = error
        return value

    def value_and_gradient(self, W, batch=None):
        """Return f(W) and its gradient."""
        value, g = self.calls.both(np.array(W, np.float64).ravel())
        return value, g.reshape(np.shape(W))
