"""Epochs of `SGD` steps on CSR that cost what the non-zeros cost, at any rates.

A column that no row of a batch has moves by s <- M_t s, with s = (w, v) its coefficient
and its velocity: the same map for all columns, if their penalty is the same. So what is
kept are the numbers (y, z) = R_t s, with R_t = R_t+1 M_t, which such steps leave alone.
A gradient g adds g R_t+1 B_t to them, B_t what it adds to s, and

    w = a_t y + b_t z,   (a_t, b_t) the first row of R_t^-1.

The first row of R_t is taken back from the end of a stretch of steps, the second one on
from its begin: so each tends to where it is stable. A stretch ends before these numbers
leave the range of floats. The mean of the iterates is linear in the gradients, too: each
adds to it, at once, what it will have added by the end of the stretch.
"""
from libc.math cimport fabs, isfinite
from libc.string cimport memset

import numpy as np

from sgd_estimators._kernels.csr cimport Combined, CsrRows
from sgd_estimators._kernels.objective cimport Objective
from sgd_estimators._kernels.order cimport Order
from sgd_estimators._kernels.rows cimport LOOKAHEAD
from sgd_estimators._kernels.signals cimport BETWEEN, notice
from sgd_estimators._kernels.steps cimport Step

cdef double SMALLEST = 1e-120  # product of det M over a stretch
cdef double WORST = 1e4        # by which w may be smaller than a y and b z


cdef double det(const double* M) noexcept nogil:
    return M[0] * M[3] - M[1] * M[2]


cdef class Recurrence:
    """The maps s <- M_t s + g B_t of an epoch, and R_t in the present stretch of it.

    Parameters
    ----------
    beta : float
    nesterov : bool
    rates : ndarray of shape (T,)
    penalty : float
        Rates times it are below 1.
    counts : ndarray of shape (T,)
        1.0 where the iterate after a step is one of the mean's, else 0.0.
    """

    cdef double[:, ::1] M, B, R
    cdef double[::1] a, b, sums_a, sums_b
    cdef const double[::1] counts

    def __init__(self, double beta, bint nesterov, rates, double penalty, counts):
        h, ahead = rates * penalty, beta if nesterov else 0.0
        if beta == 0:
            entries = 1 - h, 0.0, 0.0, 1.0
        else:
            entries = 1 - h - ahead * h, beta * ahead if nesterov else beta, -h, beta
        self.M = np.column_stack(np.broadcast_arrays(*entries))
        self.B = np.column_stack([-rates * (1 + ahead), -rates * (beta > 0)])
        self.R = np.zeros((len(h) + 1, 4))
        self.counts = counts
        self.a, self.b, self.sums_a, self.sums_b = np.zeros((4, len(h) + 1))

    cdef Py_ssize_t lay(self, Py_ssize_t begin) noexcept nogil:
        """Set R for a stretch that begins here; return where it ends."""
        cdef double product = 1.0
        cdef Py_ssize_t t, end = begin
        while end < self.counts.shape[0] and (product > SMALLEST or end == begin):
            product *= det(&self.M[end, 0])
            end += 1
        while self.loss(begin, end) > WORST and end > begin + 1:
            end = begin + (end - begin) // 2
        self.sums_a[end] = self.sums_b[end] = 0.0
        for t in range(end - 1, begin - 1, -1):
            self.sums_a[t] = self.sums_a[t + 1] + self.counts[t] * self.a[t + 1]
            self.sums_b[t] = self.sums_b[t + 1] + self.counts[t] * self.b[t + 1]
        return end

    cdef double loss(self, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
        """Set R for this stretch; return by how much w is smaller than its terms."""
        cdef Py_ssize_t t
        cdef double inverse, worst = 1.0
        cdef const double* M
        cdef const double* r
        cdef double* to = &self.R[end, 0]
        to[0], to[1] = 1.0, 0.0
        for t in range(end - 1, begin - 1, -1):
            r, to, M = &self.R[t + 1, 0], &self.R[t, 0], &self.M[t, 0]
            to[0], to[1] = r[0] * M[0] + r[1] * M[2], r[0] * M[1] + r[1] * M[3]
        to = &self.R[begin, 0]
        to[2], to[3] = self.M[begin, 2] * to[1], to[0]  # orthogonal, in fit units of w, v
        for t in range(begin, end + 1):
            r = &self.R[t, 0]
            inverse = 1 / det(r)
            self.a[t], self.b[t] = r[3] * inverse, -r[1] * inverse
            worst = max(worst, fabs(self.a[t] * r[0]) + fabs(self.b[t] * r[2]))
            if t < end:
                to, M = &self.R[t + 1, 0], &self.M[t, 0]
                inverse = 1 / det(M)
                to[2] = (r[2] * M[3] - r[3] * M[2]) * inverse
                to[3] = (r[3] * M[0] - r[2] * M[1]) * inverse
        return worst

    cdef void pull(self, Py_ssize_t t, double factor, double* pull) noexcept nogil:
        """Write what a gradient `factor` of step t adds to y, z and the sum of the w."""
        cdef const double* r = &self.R[t + 1, 0]
        cdef double w = factor * self.B[t, 0], v = factor * self.B[t, 1]
        pull[0], pull[1] = r[0] * w + r[1] * v, r[2] * w + r[3] * v
        pull[2] = self.sums_a[t] * pull[0] + self.sums_b[t] * pull[1]


cdef void turn(double* u, Py_ssize_t n, Combined* c, const double* turned, double sum_a,
               double sum_b) noexcept nogil:
    """Multiply the pairs (y, z) by a matrix, add to the sums, and take the squares anew."""
    cdef Py_ssize_t _
    cdef double y, z = 0.0
    c.squares[0] = c.squares[1] = c.squares[2] = 0.0
    for _ in range(n):
        y = turned[0] * u[0]
        if c.momentum:
            y, z = y + turned[1] * u[1], turned[2] * u[0] + turned[3] * u[1]
            u[1] = z
        u[0] = y
        if c.averaged:
            u[1 + c.momentum] += sum_a * y + sum_b * z
        c.squares[0] += y * y
        c.squares[1] += y * z
        c.squares[2] += z * z
        u += c.lanes


def run_combined_epoch(Objective f, Step move, W, Order order, Py_ssize_t batch_size,
                       rates):
    """Do what `run_epoch` does with an `SGDStep`, or an `AveragedStep` of one.

    The rows are CSR, the columns' penalties are one, and rates times it are below 1. Of
    centred columns, a batch has one row more: the centre's, whose slope is that of the
    batch. It costs what its entries cost.
    """
    cdef CsrRows rows = f.rows, centre = rows.centre_row
    cdef bint centred = centre is not None
    cdef Step inner = getattr(move, "inner", move)
    cdef bint averaged = inner is not move, momentum = inner.beta > 0
    cdef bint nesterov = inner.nesterov, fit_intercept = rows.fit_intercept
    cdef Py_ssize_t K = f.n_outputs, d = rows.n_features, T = len(rates)
    cdef double beta = inner.beta, penalty = f.penalty[0, 0]
    cdef const double[::1] rate = rates
    start = getattr(move, "start", 0)
    counts = np.arange(move.t, move.t + T) >= start
    cdef Recurrence moves = Recurrence(beta, nesterov, rates, penalty, counts * 1.0)
    kept = [inner.memory] * momentum + [move.memory] * averaged
    state = np.stack([W, *(np.reshape(m, (K, -1)) for m in kept)])
    if averaged:
        state[len(kept)] *= max(0, move.t - start)
    scale, shares = np.asarray(rows.scale), None
    cdef double unit = 1.0
    if np.ptp(scale) > 0:
        shares = scale**-2.0
    else:
        unit = scale[0]**-2
    cdef double[:, :, ::1] U = np.ascontiguousarray((state[:, :, :d] / scale).T)
    cdef double[:, ::1] b = state[:, :, d:].sum(axis=2), Z = np.empty((batch_size, K))
    cdef double[::1] shift, slope  # of the centre's row: its scores and slopes
    shift, slope = np.zeros((2, K))
    cdef const Py_ssize_t[::1] first = np.zeros(LOOKAHEAD, np.intp)
    cdef const double[::1] share = shares
    cdef Combined c
    c.n_outputs, c.lanes, c.momentum, c.averaged = K, len(state), momentum, averaged
    c.penalised, c.U, c.share = penalty > 0, &U[0, 0, 0], NULL
    if shares is not None:
        c.share = &share[0]
    cdef double back[4]
    cdef double turned[4]
    cdef const double* r
    cdef const Py_ssize_t* batch
    cdef Py_ssize_t i, k, size, t = 0, end = 0, unwatched = BETWEEN
    cdef double factor, g, total = 0.0, pulled = 0.5 * penalty / unit
    back[0], back[1], back[2], back[3] = 1.0, 0.0, 0.0, 1.0
    with nogil:
        while t < T and isfinite(total):
            end = moves.lay(t)
            r = &moves.R[t, 0]
            for i in range(4):  # R_t of this stretch times the inverse of the last one's
                k = i // 2 * 2
                turned[i] = r[k] * back[i % 2] + r[k + 1] * back[i % 2 + 2]
            turn(c.U, d * K, &c, turned, moves.sums_a[t], moves.sums_b[t])
            while t < end:
                size = min(batch_size, order.n - t * batch_size)
                batch = order.next(size)
                notice(&unwatched, 4 * size * rows.row_bytes + 256)
                c.a, c.b = moves.a[t], moves.b[t]
                rows.score(batch, size, &c, &Z[0, 0])
                if centred:
                    centre.score(&first[0], 1, &c, &shift[0])
                if fit_intercept or centred:
                    for i in range(size):
                        for k in range(K):
                            Z[i, k] += b[0, k] + shift[k]
                memset(&f._losses[0], 0, K * sizeof(double))
                f.loss.differentiate(&f._y[0, 0], f._s, batch, size, K, &f._losses[0],
                                     &Z[0, 0])
                factor = f.n_active / (f.total_weight * size)
                for k in range(K):
                    total += factor * size * f._losses[k]
                total += size * pulled * (c.a * c.a * c.squares[0] + c.b * (
                    2 * c.a * c.squares[1] + c.b * c.squares[2]))
                if not isfinite(total):
                    break
                moves.pull(t, factor * unit, c.pull)
                rows.pull(batch, size, &Z[0, 0], &c)
                if fit_intercept or centred:
                    for k in range(K):
                        slope[k] = 0.0
                        for i in range(size):
                            slope[k] += Z[i, k]
                if centred:
                    centre.pull(&first[0], 1, &slope[0], &c)
                if fit_intercept:
                    for k in range(K):
                        g = slope[k] * factor * rate[t]
                        if momentum:
                            b[1, k] = beta * b[1, k] - g
                            b[0, k] += beta * b[1, k] - g if nesterov else b[1, k]
                        else:
                            b[0, k] -= g
                        if averaged:
                            b[1 + momentum, k] += moves.counts[t] * b[0, k]
                t += 1
            r = &moves.R[t, 0]
            back[0], back[1] = moves.a[t], moves.b[t]
            back[2], back[3] = -r[2] / det(r), r[0] / det(r)
        turn(c.U, d * K, &c, back, 0.0, 0.0)
    state[:, :, :d] = np.asarray(U).T * scale
    if fit_intercept:
        state[:, :, d] = b
    if averaged:
        move.t += T
        state[len(kept)] /= max(1, move.t - start)
    for held, part in zip((W, *kept), state):
        np.asarray(held)[...] = part.reshape(np.shape(held))
    return total / order.n
