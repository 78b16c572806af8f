"""signSGD with momentum: an optimizer of your own, as fast as the library's.

J. Bernstein, Y.-X. Wang, K. Azizzadenesheli and A. Anandkumar, "signSGD: compressed
optimisation for non-convex problems", 2018.
"""

import numpy as np

from sgd_estimators.optimizers import Optimizer

from sgd_estimators.steps cimport Step


cdef class SignStep(Step):
    """The run: m <- beta m + (1 - beta) g, x <- x - rate sign(m)."""

    cdef double beta

    def __init__(self, n_params, double beta):
        self.beta = beta
        # Step pickles and copies what is kept in memory, one row for each vector
        self.memory = np.zeros((1, n_params))

    cdef int step(
        self, double[::1] x, const double[::1] g, double rate
    ) except -1 nogil:
        cdef double beta = self.beta
        cdef double[::1] m = self.memory[0]
        cdef Py_ssize_t j
        for j in range(x.shape[0]):
            m[j] = beta * m[j] + (1 - beta) * g[j]
            x[j] -= rate * ((m[j] > 0) - (m[j] < 0))
        return 0


class SignSGD(Optimizer):
    """The recipe: what a grid search sets, and how to start a run."""

    def __init__(self, beta=0.9):
        self.beta = beta

    def start(self, n_params):
        return SignStep(n_params, self.beta)
