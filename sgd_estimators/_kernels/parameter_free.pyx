"""Update rules that replace a schedule, or the scale of the columns."""

from libc.math cimport sqrt

import numpy as np

from sgd_estimators._kernels.steps import POINT

from sgd_estimators._kernels.steps cimport Step


cdef class ScheduleFreeStep(Step):
    """z <- z - rate g, m <- (1 - c) m + c z, x <- (1 - beta) z + beta m.

    With c = rate^2 over the sum of rate^2 so far; z and m begin at x. m is reported.
    """

    units = (POINT, POINT)

    cdef double beta, total

    def __init__(self, n_params, double beta=0.9):
        self.beta = beta
        self.memory = np.zeros((2, n_params))

    cdef int step(
        self, double[::1] x, const double[::1] g, double rate
    ) except -1 nogil:
        cdef double beta = self.beta, share
        cdef double[::1] z = self.memory[0], m = self.memory[1]
        cdef Py_ssize_t j
        if self.t == 0:
            z[:] = x
            m[:] = x
        self.t += 1
        self.total += rate * rate
        share = rate * rate / self.total if self.total > 0 else 0.0
        for j in range(x.shape[0]):
            z[j] -= rate * g[j]
            m[j] += share * (z[j] - m[j])
            x[j] = z[j] + beta * (m[j] - z[j])
        return 0

    def solution(self, x):
        """Return a copy of the mean m, or x while there is none."""
        return np.array(self.memory[1]) if self.t else x

    def __getstate__(self):
        return super().__getstate__(), self.total

    def __setstate__(self, state):
        super().__setstate__(state[0])
        self.total = state[1]


cdef class NormalizedAdaptiveStep(Step):
    """s <- s + g^2, x <- x - rate unit g / sqrt(s).

    ``unit`` is how far one parameter moves at rate 1, at first; ``largest`` the entries
    of the columns that it comes from.
    """

    units = (-2, 0, 0)

    def __init__(self, n_params):
        self.memory = np.zeros((3, n_params))
        self.unit[:] = 1.0

    @property
    def unit(self):
        """How far each parameter moves at the rate 1, at first."""
        return np.asarray(self.memory[1])

    @property
    def largest(self):
        """The largest absolute entries of the columns so far; 0 before any."""
        return np.asarray(self.memory[2])

    cdef int step(
        self, double[::1] x, const double[::1] g, double rate
    ) except -1 nogil:
        cdef double[::1] s = self.memory[0], unit = self.memory[1]
        cdef Py_ssize_t j
        for j in range(x.shape[0]):
            s[j] += g[j] * g[j]
            # a column that was not met yet stays; a NaN is handed on
            x[j] -= 0.0 if s[j] == 0 else rate * unit[j] * g[j] / sqrt(s[j])
        return 0
