"""f(W) = (1/S) sum_i s_i l(y_i, W x_i + b) + 1/2 sum_j lambda_j W_j^2."""
from libc.string cimport memset

import numpy as np
from scipy.sparse import issparse

from sgd_estimators._kernels.rows import aligned, span
from sgd_estimators._pool import spread

from sgd_estimators._kernels.losses cimport Loss
from sgd_estimators._kernels.order cimport Order
from sgd_estimators._kernels.rows cimport Rows
from sgd_estimators._kernels.signals cimport BETWEEN, notice


cdef extern from "simd.h" nogil:
    double add_penalty(const double*, const double*, Py_ssize_t, double*)
    void PREFETCH(const void*)

N_BLOCKS = 16  # at most
BLOCK_BYTES = 1 << 20
LEAST_BYTES = 1 << 22  # below, threads cost more than they save; of CSR, which is slower,
LEAST_CSR_BYTES = 1 << 21

cdef enum:
    WINDOW = 4096  # row numbers held at a time in a full evaluation
    AHEAD = 128    # rows later whose targets are asked for


cdef class Objective:
    """The function that is minimised, in the metric of its rows.

    Parameters
    ----------
    rows : Rows
        The data, n x d.
    loss : Loss
    y : ndarray of shape (n, n_targets), float64
        Targets; {0, 1} for the logistic loss, the class's number for softmax.
    alpha : array-like of shape (n_outputs,)
        lambda of each output, in the units of the data.
    weight : ndarray of shape (n,), float64, or None
        Weights s of the rows (None: all 1).
    active : ndarray of intp, range or None
        The rows that count (None: all).
    """

    def __init__(self, Rows rows, Loss loss, y, alpha, weight=None, active=None):
        self.rows, self.loss = rows, loss
        self.n_jobs = 1
        self.lowest = 0.0  # no loss is negative
        self.alpha = np.asarray(alpha, np.float64)
        self.n_outputs = len(self.alpha)
        self.y, self._y = y, y
        self.weight, self.active = weight, active
        self._s = NULL
        if weight is not None:
            self._weight = weight
            self._s = &self._weight[0]
        self.n_active = rows.n_rows if active is None else len(active)
        self.total_weight = self.n_active if weight is None else self.take(weight).sum()
        cdef Py_ssize_t width = rows.n_features + rows.fit_intercept
        self.n_params = self.n_outputs * width
        self._V = aligned(self.n_outputs, rows.width)
        self._A = aligned(self.n_outputs, rows.width)
        self._chunk = rows.chunk if self.n_outputs == 1 else rows.chunk_of_several
        self._Z = np.zeros((self._chunk, self.n_outputs))
        self._losses = np.zeros(self.n_outputs)
        self._see_penalty()

    def set_metric(self, mean, scale):
        """Work in the metric (x - mean) / scale; f, in the user's units, stays the same."""
        self.rows.set_metric(mean, scale)
        self._blocks = None
        self._see_penalty()

    def _see_penalty(self):
        """Take the penalty to the metric of the rows."""
        penalty = aligned(self.n_outputs, self.rows.n_features + self.rows.fit_intercept)
        penalty[:, :self.rows.n_features] = self.alpha[:, None] / self.rows.scale**2
        self._penalty = penalty
        self._lambda = &self._penalty[0, 0] if self.n_params > 0 else NULL

    @property
    def penalty(self):
        """lambda_j in the metric, shaped as W; 0 for the intercept."""
        return np.asarray(self._penalty)

    @property
    def indices(self):
        """The numbers of the active rows: an array, or a range, which takes no memory."""
        return range(self.rows.n_rows) if self.active is None else self.active

    def take(self, values):
        """Return the active rows' of an array of values, a view where they are a range."""
        return values[span(self.indices)]

    @property
    def losses(self):
        """(1/S) sum_i s_i l_i of each output at the last full evaluation."""
        return np.array(self._losses) / self.total_weight

    cdef double gradient(self, const double* W, const Py_ssize_t* batch,
                         Py_ssize_t size, double* G) noexcept nogil:
        """Write grad f_B(W) to G and return f_B(W)."""
        if size == 1 and self.rows.one_by_one:
            return self.gradient_one(W, batch, G)
        self.begin(W)
        self.accumulate(batch, size)
        return self.finish(W, size, G)

    cdef double gradient_one(self, const double* W, const Py_ssize_t* row,
                             double* G) noexcept nogil:
        """Do the same for a batch of one row: two passes over W instead of seven."""
        cdef Py_ssize_t k, K = self.n_outputs
        cdef double factor = self.n_active / self.total_weight, value = 0.0
        cdef double* Z = &self._Z[0, 0]
        cdef double* losses = &self._losses[0]
        for k in range(K):
            losses[k] = 0.0
        PREFETCH(&self._y[0, 0] + row[AHEAD] * self._y.shape[1])
        self.rows.dot_one(row, W, K, Z)
        self.loss.differentiate(&self._y[0, 0], self._s, row, 1, K, losses, Z)
        for k in range(K):
            value += factor * losses[k]
            Z[k] *= factor
        return value + self.rows.pull_one(row, W, self._lambda, Z, K, G)

    cdef void begin(self, const double* W) noexcept nogil:
        memset(&self._A[0, 0], 0, self.n_outputs * self.rows.width * sizeof(double))
        memset(&self._losses[0], 0, self.n_outputs * sizeof(double))
        self._at_zero = False
        self.rows.enter(W, self.n_outputs, &self._V[0, 0])

    cdef void accumulate(self, const Py_ssize_t* batch, Py_ssize_t size) noexcept nogil:
        """Add the rows' losses and gradients, a chunk that stays in the cache at a time."""
        cdef Py_ssize_t m, K = self.n_outputs
        cdef double* Z = &self._Z[0, 0]
        cdef Py_ssize_t i, n_targets = self._y.shape[1]
        cdef const double* y = &self._y[0, 0]
        while size > 0:
            m = min(self._chunk, size)
            for i in range(AHEAD, AHEAD + m):
                PREFETCH(y + batch[i] * n_targets)
            self.differentiate(batch, m)
            self.correct(batch, m, Z)
            self.rows.add_outer(Z, K, &self._A[0, 0])
            batch += m
            size -= m

    cdef void differentiate(self, const Py_ssize_t* batch, Py_ssize_t size) noexcept nogil:
        """Add the losses of some rows, and write their slopes to Z."""
        cdef Py_ssize_t K = self.n_outputs
        cdef double* Z = &self._Z[0, 0]
        self.rows.load(batch, size)
        if self._at_zero:
            memset(Z, 0, size * K * sizeof(double))
        else:
            self.rows.dot(&self._V[0, 0], K, Z)
        self.loss.differentiate(&self._y[0, 0], self._s, batch, size, K,
                                &self._losses[0], Z)

    cdef double value(self, const double* W, const Py_ssize_t* batch,
                      Py_ssize_t size) noexcept nogil:
        """Return f_B(W)."""
        cdef Py_ssize_t j, m, left = size
        cdef double losses = 0.0, penalised = 0.0
        self.begin(W)
        while left > 0:
            m = min(self.rows.chunk, left)
            self.differentiate(batch, m)
            batch += m
            left -= m
        for j in range(self.n_outputs):
            losses += self._losses[j]
        for j in range(self.n_params):
            penalised += 0.5 * self._lambda[j] * W[j] * W[j]
        return self.n_active / (self.total_weight * size) * losses + penalised

    def value_on(self, W, batch):
        """Return f_B(W) alone, for a batch of rows."""
        cdef const double[::1] w = np.ascontiguousarray(W, np.float64).ravel()
        cdef Py_ssize_t n = len(batch)
        cdef Order order = Order(n, np.ascontiguousarray(batch, np.intp))
        return self.value(&w[0] if self.n_params > 0 else NULL, order.next(n), n)

    cdef void correct(self, const Py_ssize_t* batch, Py_ssize_t size,
                      double* Z) noexcept nogil:
        """Change the slopes of some rows, for an estimate with less noise; here, do not."""

    cdef void complete(self, Py_ssize_t size, double* G) noexcept nogil:
        """Add what the changed slopes have lost on average; here, nothing."""

    cdef double finish(self, const double* W, Py_ssize_t size, double* G) noexcept nogil:
        """Turn the sums into f_B and its gradient and add the penalty's."""
        cdef Py_ssize_t k
        cdef double factor = self.n_active / (self.total_weight * size)
        cdef double value = 0.0
        self.rows.leave(&self._A[0, 0], self.n_outputs, factor, G)
        self.complete(size, G)
        for k in range(self.n_outputs):
            value += self._losses[k]
        return factor * value + add_penalty(W, self._lambda, self.n_params, G)

    def value_and_gradient(self, W, batch=None):
        """Return f(W) and its gradient, or f_B(W) and its gradient for a batch of rows.

        A large f is summed block by block, in the order of the blocks whoever computes
        them, so that the bits do not depend on `n_jobs`.
        """
        cdef const double[:, ::1] V = np.ascontiguousarray(W, np.float64)
        cdef double[:, ::1] G = np.zeros((V.shape[0], V.shape[1]))
        cdef const double* w = &V[0, 0] if self.n_params > 0 else NULL
        cdef double* g = &G[0, 0] if self.n_params > 0 else NULL
        cdef Py_ssize_t n = self.n_active
        if batch is not None:
            n = len(batch)
            self.add_up(V, Order(n, np.ascontiguousarray(batch, np.intp)))
        elif self.n_jobs == 1 and (n_blocks := self.n_blocks()):
            self.add_blocks(V, n_blocks)
        elif parts := self.by_blocks(lambda block: block.partial(V)):
            np.asarray(self._A)[:] = sum(A for A, _ in parts)
            self._losses = sum(losses for _, losses in parts)
        else:
            self.add_up(V)
        return self.finish(w, n, g), np.asarray(G)

    def take_order(self):
        """Return the order that visits the active rows as they stand, from the first.

        Its buffers are made once, by a pass that puts it back to `_in_order`; meanwhile
        it is nobody else's.
        """
        order, self._in_order = self._in_order, None
        if order is None:
            return Order(self.n_active, self.active)
        order.restart(1)
        return order

    def add_up(self, const double[:, ::1] W, Order order=None):
        """Sum the losses and gradients of an order's rows, or of all, as stored."""
        cdef bint whole = order is None
        if whole:
            order = self.take_order()
        self.add_next(W, order, order.n)
        if whole:
            self._in_order = order

    def add_blocks(self, W, Py_ssize_t n_blocks):
        """Do that for all rows, to the bits that threads on the blocks come to."""
        order, n = self.take_order(), self.n_active
        sums, losses = np.zeros(np.shape(self._A)), np.zeros(self.n_outputs)
        for i in range(n_blocks):
            self.add_next(W, order, (i + 1) * n // n_blocks - i * n // n_blocks)
            sums += self._A
            losses += self._losses
        np.asarray(self._A)[:], np.asarray(self._losses)[:] = sums, losses
        self._in_order = order

    cdef int add_next(self, const double[:, ::1] W, Order order,
                      Py_ssize_t left) except -1:
        """Sum the losses and gradients of the next rows of an order."""
        cdef Py_ssize_t m, unwatched = BETWEEN, zeros = 0
        while zeros < self.n_params and (&W[0, 0])[zeros] == 0:
            zeros += 1
        with nogil:
            self.begin(&W[0, 0] if self.n_params > 0 else NULL)
            self._at_zero = zeros == self.n_params  # where scores need no look at X
            while left > 0:
                m = min(WINDOW, left)
                self.accumulate(order.next(m), m)
                left -= m
                notice(&unwatched, m * self.rows.row_bytes)
        return 0

    def scores(self, W):
        """Return W x_i + b of the active rows."""
        if parts := self.by_blocks(lambda block: block.partial_scores(W)):
            return np.concatenate(parts)
        return self.partial_scores(W)

    def partial_scores(self, W):
        """Return the scores, a row after the other."""
        cdef const double[:, ::1] V = np.ascontiguousarray(W, np.float64)
        cdef double[:, ::1] Z = np.empty((self.n_active, self.n_outputs))
        cdef Order order = self.take_order()
        cdef const Py_ssize_t* batch
        cdef Py_ssize_t m, size, done = 0
        with nogil:
            self.begin(&V[0, 0] if self.n_params > 0 else NULL)
            while done < self.n_active:
                size = min(WINDOW, self.n_active - done)
                batch = order.next(size)
                while size > 0:
                    m = min(self._chunk, size)
                    self.rows.load(batch, m)
                    self.rows.dot(&self._V[0, 0], self.n_outputs, &Z[done, 0])
                    batch += m
                    size -= m
                    done += m
        self._in_order = order
        return np.asarray(Z)

    def partial(self, W):
        """Return the sums over all active rows."""
        self.add_up(W)
        return np.asarray(self._A), np.asarray(self._losses)

    def by_blocks(self, function):
        """Return a function of each block, by threads; nothing if f is small.

        Meanwhile, and where an interrupt has left a thread behind, they are nobody else's.
        """
        blocks, self._blocks = self.blocks(), None
        parts = spread(function, blocks, self.n_jobs)
        self._blocks = blocks
        return parts

    def n_blocks(self):
        """Return how many blocks of rows f is summed by; 0 if it is small."""
        cdef Py_ssize_t size = self.n_active * self.rows.row_bytes
        if size < (LEAST_CSR_BYTES if issparse(self.rows.X) else LEAST_BYTES):
            return 0
        # Adding a block's sums up must cost less than summing its rows.
        return max(2, min(N_BLOCKS, size // BLOCK_BYTES, size // (128 * self._A.size)))

    def blocks(self):
        """Return f on blocks of its rows, each with its own scratch; none if f is small."""
        if (n := self.n_blocks()) == 0:
            return []
        if self._blocks is None:
            self._blocks = [self.block(i, n) for i in range(n)]
        return self._blocks

    def block(self, i, n_blocks):
        """Return f on the i-th block of its rows."""
        cdef Py_ssize_t n = self.n_active
        cdef Objective part = Objective(
            self.rows.twin(), self.loss, self.y, self.alpha, self.weight,
            self.indices[i * n // n_blocks:(i + 1) * n // n_blocks]
        )
        # Only once in memory: the penalty.
        part._penalty, part._lambda = self._penalty, self._lambda
        return part
