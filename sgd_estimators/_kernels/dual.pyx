"""Dual coordinate ascent: exact steps on one row after the other.

With a number a_i for each row and output, and S_k = lambda_k S,

    W_k = sum_i s_i a_ik (x_i - mean) / S_k,

and where the dual is highest a_i = -l'(y_i, z_i).  An intercept has no penalty, so that
sum_i s_i a_i = 0; this is met by the method of multipliers: b is drawn to its value an
epoch before, b = centre + sum_i s_i a_i / offset.
"""
from libc.math cimport exp, fabs, log

import numpy as np

from sgd_estimators._kernels.losses import Logistic
from sgd_estimators._kernels.rows import numbers

from sgd_estimators._kernels.objective cimport Objective
from sgd_estimators._kernels.order cimport Order
from sgd_estimators._kernels.signals cimport BETWEEN, notice

PROXIMAL = 1e-3  # the penalty of the intercept's distance from its last value

# Of what a library that is loaded may have flush denormals to 0, nothing is denormal.
cdef double FARTHEST = 600.0, LEAST = 1e-300  # a score, a dual variable
cdef double NEXT = 1.2e-16  # of 1


cdef class Dual(Objective):
    """f with the variables of its dual.

    W is in the metric of f, whose scale changes nothing; about its mean, columns far
    from 0 and the intercept are in each other's way no more.

    Parameters
    ----------
    f : Objective
        Penalised, with a squared or logistic loss.
    """

    period = 0  # epochs after which a run is to refresh them: never
    cdef bint logistic
    cdef double offset
    cdef readonly double left  # about S times the gap, as the last epoch met it
    cdef double[:, ::1] _duals
    cdef double[::1] _centre, _norms, _along

    def __init__(self, Objective f):
        super().__init__(f.rows, f.loss, f.y, f.alpha, f.weight, f.active)
        self.n_jobs, self.logistic = f.n_jobs, isinstance(f.loss, Logistic)
        self.offset = np.inf
        if f.rows.fit_intercept:
            self.offset = f.total_weight * max(PROXIMAL, 10.0 / f.n_active)
        self._duals = np.zeros((f.rows.n_rows, f.n_outputs))
        self._centre = np.zeros(f.n_outputs)
        self._norms, self._along = np.zeros((2, f.rows.n_rows))
        for part, norms in f.rows.norms(f.indices):
            np.asarray(self._norms)[part] = norms
        if f.rows.mean.any():
            for part, block in f.rows.blocks(f.indices):
                np.asarray(self._along)[part] = block @ f.rows.mean

    @property
    def memory(self):
        """The dual variables and the centres; those that are set are copied."""
        return np.asarray(self._duals), np.asarray(self._centre)

    @memory.setter
    def memory(self, value):
        self._duals, self._centre = map(np.copy, value)

    def refresh(self, W):
        """Begin at W, which moves to what its slopes stand for, or to 0 if lower."""
        d = self.rows.n_features
        cdef const Py_ssize_t[::1] at = numbers(self.indices)
        cdef double[:, ::1] Z
        duals = np.zeros((self.rows.n_rows, self.n_outputs))
        if W[:, :d].any():
            G = self.value_and_gradient(W)[1]
            held = np.where(self.penalty > 0, self.penalty, np.inf)
            near, zero = W - G / held, W * (held == np.inf)
            if self.value_and_gradient(near)[0] < self.value_and_gradient(zero)[0]:
                Z, zero = self.scores(W), near
                self.loss.differentiate(&self._y[0, 0], NULL, &at[0], self.n_active,
                                        self.n_outputs, &self._losses[0], &Z[0, 0])
                duals[at] = -np.asarray(Z)
            W[...] = zero
        s = 1.0 if self.weight is None else self.weight[:, None]
        centre = W[:, -1] - np.sum(s * duals, axis=0) / self.offset
        self.memory = duals, centre

    def ascend(self, W, Order order):
        """Visit the rows once; return the new W and the mean of f as it was met."""
        cdef Py_ssize_t unwatched = BETWEEN
        cdef Py_ssize_t i, k, _r, d = self.rows.n_features, K = self.n_outputs
        cdef const Py_ssize_t* row
        cdef const double* y = &self._y[0, 0]
        cdef double s = 1.0, a, q, move, left = 0.0
        cdef double bent = 0.5 / self.loss.curvature
        cdef double square = np.square(self.rows.mean).sum()
        cdef const double[::1] scale = self.alpha * self.total_weight
        cdef double[:, ::1] V = self._V, begun = np.array(W)
        cdef double[::1] losses = self._losses
        # W is V - `far` times the mean; b, and what V has in its place.
        cdef double[::1] far, b, beside, z, moves
        far, b, beside, z, moves = np.zeros((5, K))
        if self.rows.fit_intercept:
            for k in range(K):
                b[k] = 2 * begun[k, d] - self._centre[k]
                self._centre[k], begun[k, d] = begun[k, d], b[k]
        self.begin(&begun[0, 0])
        with nogil:
            for _r in range(order.n):
                notice(&unwatched, 2 * self.rows.row_bytes + 256)
                row = order.next(1)
                i = row[0]
                if self._s:
                    s = self._s[i]
                self.rows.load(row, 1)
                self.rows.dot(&V[0, 0], K, &z[0])
                for k in range(K):
                    z[k] -= far[k] * self._along[i]
                    moves[k] = z[k]
                self.loss.differentiate(y, self._s, row, 1, K, &losses[0], &moves[0])
                for k in range(K):
                    a = self._duals[i, k]
                    q = s * (self._norms[i] / scale[k] + 1 / self.offset)
                    move = -moves[k] / s - a
                    left += bent * s * move * move
                    if self.logistic:
                        self._duals[i, k] = logistic_step(y[i], z[k], a, q)
                    else:
                        self._duals[i, k] = a + move / (1 + q)
                    move = s * (self._duals[i, k] - a)
                    moves[k] = move / scale[k]
                    far[k] += moves[k]
                    b[k] += move / self.offset
                    beside[k] = V[k, d] + move / self.offset
                    beside[k] += moves[k] * (square - self._along[i])
                self.rows.add_outer(&moves[0], K, &V[0, 0])
                for k in range(K):
                    V[k, d] = beside[k]
        self.left = left
        end = np.array(begun)
        coef = np.asarray(V)[:, :d] - np.outer(far, self.rows.mean)
        end[:, :d] = coef * self.rows.scale
        if self.rows.fit_intercept:
            end[:, d] = b
        penalised = 0.5 * np.sum(self.penalty * end * end)
        return end, np.sum(losses) / self.total_weight + penalised


cdef double logistic_step(double y, double z, double a, double q) noexcept nogil:
    """Return the a that maximises the dual of one row, y in {0, 1}.

    With t = a for y = 1 and -a for y = 0: log(t / (1 - t)) + m + q (t - t_old) = 0.
    """
    cdef double sign = 1.0 if y > 0 else -1.0
    cdef double old = sign * a, m = sign * z, t = old, step, new
    cdef int _k
    if q < 1 or not LEAST <= old < 1:
        t = 1 / (1 + exp(min(m, FARTHEST)))
        t = min(t, 1 - 1e-12)
    for _k in range(20):
        step = (log(t / (1 - t)) + m + q * (t - old)) / (1 / (t * (1 - t)) + q)
        new = t - step
        if new <= 0:  # Newton's method left (0, 1)
            new = max(0.1 * t, LEAST)
        elif new >= 1:
            new = 1 - max(0.1 * (1 - t), NEXT)
        step, t = fabs(new - t), new
        if step <= 1e-3 * t * (1 - t):  # the next one squares this
            break
    return sign * t
