"""f in the coordinates v of a matrix T, u = T'v.

A step along the gradient in v is one along T'T g in u. So any rule takes its steps in the
metric P with P^-1 = T'T, of which it knows nothing, and T may be any matrix that has an
inverse: rounding it changes the metric, never the optimum.
"""
from libc.string cimport memset

import numpy as np
from scipy.linalg import solve_triangular

from sgd_estimators._kernels.objective cimport Objective

cdef extern from "simd.h" nogil:
    void descend(double*, const double*, Py_ssize_t, double)


cdef class Preconditioned(Objective):
    """f(T'v), its gradients and those of its mini-batches.

    Parameters
    ----------
    f : Objective
    roots : ndarray of shape (n_blocks, m, m)
        The lower triangles T of the blocks of m parameters, again and again.
    """

    cdef Objective f
    cdef readonly object roots
    cdef const double[:, :, ::1] _lower, _upper
    cdef double[::1] _u, _g
    cdef Py_ssize_t m

    def __init__(self, Objective f, roots):
        super().__init__(f.rows, f.loss, f.y, f.alpha, f.weight, f.active)
        self.f, self.roots, self.m = f, roots, roots.shape[1]
        self._lower = roots
        self._upper = np.ascontiguousarray(roots.transpose(0, 2, 1))
        self._u, self._g = np.zeros((2, f.n_params))

    cdef void leave(self, const double* v, double* u) noexcept nogil:
        """u <- T'v, by the rows of T."""
        cdef Py_ssize_t i, k, b, m = self.m
        memset(u, 0, self.n_params * sizeof(double))
        for i in range(self.n_params // m):
            b = i % self._lower.shape[0]
            for k in range(m):
                descend(u, &self._lower[b, k, 0], k + 1, -v[k])
            v += m
            u += m

    cdef void pull(self, const double* g, double* G) noexcept nogil:
        """G <- T g, by the columns of T."""
        cdef Py_ssize_t i, k, b, m = self.m
        memset(G, 0, self.n_params * sizeof(double))
        for i in range(self.n_params // m):
            b = i % self._lower.shape[0]
            for k in range(m):
                descend(G + k, &self._upper[b, k, k], m - k, -g[k])
            g += m
            G += m

    cdef double gradient(self, const double* W, const Py_ssize_t* batch,
                         Py_ssize_t size, double* G) noexcept nogil:
        cdef double value
        self.leave(W, &self._u[0])
        value = self.f.gradient(&self._u[0], batch, size, &self._g[0])
        self.pull(&self._g[0], G)
        return value

    cdef double value(self, const double* W, const Py_ssize_t* batch,
                      Py_ssize_t size) noexcept nogil:
        self.leave(W, &self._u[0])
        return self.f.value(&self._u[0], batch, size)

    def value_and_gradient(self, W, batch=None):
        """Return f, or f_B, and its gradient at a point in these coordinates."""
        value, g = self.f.value_and_gradient(self.outside(W), batch)
        cdef const double[::1] given = np.ravel(g)
        cdef double[::1] pulled = np.empty(self.n_params)
        self.pull(&given[0], &pulled[0])
        return value, np.asarray(pulled).reshape(g.shape)

    def outside(self, W):
        """Return T'v, the point of f, for a point v of these coordinates."""
        cdef const double[::1] v = np.ravel(np.asarray(W, np.float64))
        cdef double[::1] u = np.empty(self.n_params)
        self.leave(&v[0], &u[0])
        return np.asarray(u).reshape(W.shape)

    def inside(self, W):
        """Return the point v of these coordinates for a point T'v of f."""
        parts = np.asarray(W, np.float64).reshape(-1, len(self.roots), self.m)
        found = np.empty_like(parts)
        for b, root in enumerate(self.roots):
            found[:, b] = solve_triangular(root, parts[:, b].T, trans="T", lower=True).T
        return found.reshape(W.shape)
