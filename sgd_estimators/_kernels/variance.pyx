"""Mini-batch gradients without the noise of the rows: SVRG and SAGA.

With a_i = s_i l'(y_i, z_i) of each row at a point of the past,

    g_B = n / (S |B|) sum_{i in B} (s_i l'_i(W) - a_i) x_i + 1/S sum_i a_i x_i + lambda W

is grad f(W) on average, as grad f_B is, and its noise vanishes where the past points and W
come together. Linear models need one number a row and output for it, not a gradient.
"""
import numpy as np

from sgd_estimators._kernels.objective cimport Objective


cdef class Corrected(Objective):
    """f with mini-batches that remember: each row's slope a_i, and their mean gradient.

    Parameters
    ----------
    f : Objective
    renews : bool
        Whether a batch leaves its own slopes behind (SAGA), or all stay those of the last
        `refresh` (SVRG).
    period : int
        Epochs after which a run is to refresh the slopes; 0: never.

    Where f visits rows several times an epoch, with a share of their weight, ``share`` has
    to be set: what one visit leaves behind is then that share of the change, as it is in
    the mean gradient.
    """

    def __init__(self, Objective f, bint renews, Py_ssize_t period):
        super().__init__(f.rows, f.loss, f.y, f.alpha, f.weight, f.active)
        self.total_weight = f.total_weight
        self.renews, self.filling, self.period = renews, False, period
        self._slopes = np.zeros((f.rows.n_rows, f.n_outputs))
        self._mean = np.zeros(f.n_params)
        self._share = None

    @property
    def share(self):
        """What a visit to each row is of its visits in an epoch; None: all of them."""
        return None if self._share is None else np.asarray(self._share)

    @share.setter
    def share(self, value):
        self._share = value

    @property
    def memory(self):
        """The slopes and their mean gradient; those that are set are copied."""
        return np.asarray(self._slopes), np.asarray(self._mean)

    @memory.setter
    def memory(self, value):
        self._slopes, self._mean = map(np.copy, value)

    def refresh(self, W):
        """Take the slopes of all rows at W: a pass."""
        cdef const double[:, ::1] V = np.ascontiguousarray(W, np.float64)
        cdef double[::1] G = np.empty(self.n_params)
        self._slopes[:, :] = 0.0
        self._mean[:] = 0.0
        self.filling = True
        self.add_up(V)
        self.finish(&V[0, 0], self.n_active, &G[0])
        self.filling = False

    cdef double gradient(self, const double* W, const Py_ssize_t* batch,
                         Py_ssize_t size, double* G) noexcept nogil:
        self.begin(W)
        self.accumulate(batch, size)
        return self.finish(W, size, G)

    cdef void correct(self, const Py_ssize_t* batch, Py_ssize_t size,
                      double* Z) noexcept nogil:
        """Z <- Z - a, and a <- Z where batches leave something behind."""
        cdef Py_ssize_t i, k, K = self.n_outputs
        cdef double slope
        cdef double* a
        for i in range(size):
            a = &self._slopes[batch[i], 0]
            for k in range(K):
                slope = Z[i * K + k]
                if self.filling:
                    a[k] = slope
                    continue
                Z[i * K + k] -= a[k]
                if self.renews and self._share is not None:
                    a[k] += self._share[batch[i]] * Z[i * K + k]
                elif self.renews:
                    a[k] = slope

    cdef void complete(self, Py_ssize_t size, double* G) noexcept nogil:
        """G <- G + mean; the mean moves by the batch's part in it."""
        cdef Py_ssize_t j
        cdef double share = <double>size / self.n_active, change
        for j in range(self.n_params):
            change = G[j]
            G[j] += self._mean[j]
            if self.renews or self.filling:
                self._mean[j] += share * change
