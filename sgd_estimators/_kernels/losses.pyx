"""The losses l(y, z) and their derivatives by z.

``differentiate`` replaces the scores Z (n x K, a row for each row of the batch) by
s dl/dz and adds the sums of s l to ``losses``: one sum an output where the outputs are
problems of their own, else the first.
"""
import numpy as np

cdef extern from "entropy.h" nogil:
    double logistic(const double*, const double*, Py_ssize_t, double*)
    void exponentials(double*, Py_ssize_t)
    double logs(const double*, Py_ssize_t, double*)

cdef extern from "simd.h" nogil:
    double squared(const double*, const double*, Py_ssize_t, double*)

FAINT = 2.0**-52  # share of a class that no row has: f is as if there were no such class

cdef enum:
    PIECE = 128  # rows whose targets and weights are brought together at a time


cdef void gather(const double* values, const Py_ssize_t* rows, Py_ssize_t n,
                 double* found) noexcept nogil:
    """Write the rows' values, or ones where there are none."""
    cdef Py_ssize_t i
    for i in range(n):
        found[i] = values[rows[i]] if values else 1.0


def mean(y, weight):
    """Return the weighted mean of each column; `numpy.average` takes longer."""
    if weight is None:
        return y.sum(axis=0) / len(y)
    return weight @ y / weight.sum()


def faint(n, stream):
    """Return the share, of n rows, that a class begins with which none of them has."""
    return 0.5 / n if stream else FAINT


cdef class Loss:
    """Base of the losses; ``curvature`` bounds d2l/dz2."""

    curvature = 1.0

    def __reduce__(self):
        return type(self), ()

    def slopes(self, const double[:, ::1] y, const double[::1] s, double[:, ::1] Z):
        """Replace the scores Z of rows of weight s by s dl/dz; return the sum of s l."""
        cdef Py_ssize_t n = Z.shape[0], K = Z.shape[1]
        cdef const Py_ssize_t[::1] rows = np.arange(n)
        cdef double[::1] losses = np.zeros(K)
        if n > 0 and K > 0:
            with nogil:
                self.differentiate(&y[0, 0], &s[0], &rows[0], n, K, &losses[0], &Z[0, 0])
        return np.sum(losses)

    cdef void differentiate(self, const double* y, const double* weight,
                            const Py_ssize_t* rows, Py_ssize_t n, Py_ssize_t K,
                            double* losses, double* Z) noexcept nogil:
        pass


cdef class Squared(Loss):
    """l = (z - y)^2 / 2,  dl/dz = z - y."""

    cdef void differentiate(self, const double* y, const double* weight,
                            const Py_ssize_t* rows, Py_ssize_t n, Py_ssize_t K,
                            double* losses, double* Z) noexcept nogil:
        cdef Py_ssize_t i, k, m
        cdef double r, s, total
        cdef double target[PIECE]
        cdef double share[PIECE]
        while K == 1 and n > 0:  # vectorised
            m = min(n, PIECE)
            gather(y, rows, m, target)
            gather(weight, rows, m, share)
            losses[0] += squared(target, share, m, Z)
            rows += m
            Z += m
            n -= m
        if n == 0:
            return
        for k in range(K):
            total = 0.0
            if weight:
                for i in range(n):
                    r, s = Z[i * K + k] - y[rows[i] * K + k], weight[rows[i]]
                    Z[i * K + k] = s * r
                    total += s * r * r
            else:
                for i in range(n):
                    r = Z[i * K + k] - y[rows[i] * K + k]
                    Z[i * K + k] = r
                    total += r * r
            losses[k] += 0.5 * total

    def intercept(self, y, weight):
        """Return the best constant score."""
        return mean(y, weight)


cdef class Logistic(Loss):
    """l = log(1 + e^z) - y z,  dl/dz = 1 / (1 + e^-z) - y,  y in {0, 1}.

    Of a `stream`, rows of a class that is missing may yet come.
    """

    curvature = 0.25
    cdef readonly bint stream

    def __init__(self, bint stream=False):
        self.stream = stream

    def __reduce__(self):
        return type(self), (self.stream,)

    cdef void differentiate(self, const double* y, const double* weight,
                            const Py_ssize_t* rows, Py_ssize_t n, Py_ssize_t K,
                            double* losses, double* Z) noexcept nogil:
        cdef double target[PIECE]
        cdef double share[PIECE]
        cdef Py_ssize_t m
        while n > 0:
            m = min(n, PIECE)
            gather(y, rows, m, target)
            gather(weight, rows, m, share)
            losses[0] += logistic(target, share, m, Z)
            rows += m
            Z += m
            n -= m

    def intercept(self, y, weight):
        """Return the best constant score: the log odds."""
        p, few = mean(y, weight), faint(len(y), self.stream)
        p = np.where(p > 0, p, few)  # finite where a class is missing
        p = np.where(p < 1, p, 1 - few)
        return np.log(p / (1 - p))


cdef class Variance(Loss):
    """l = (sum_k p_k z_k^2 - (sum_k p_k z_k)^2) / 2: how softmax bends; y holds p."""

    cdef void differentiate(self, const double* y, const double* weight,
                            const Py_ssize_t* rows, Py_ssize_t n, Py_ssize_t K,
                            double* losses, double* Z) noexcept nogil:
        cdef Py_ssize_t i, k
        cdef const double* p
        cdef double* z
        cdef double mean, s = 1.0, total = 0.0
        for i in range(n):
            if weight:
                s = weight[rows[i]]
            p, z, mean = y + rows[i] * K, Z + i * K, 0.0
            for k in range(K):
                mean += p[k] * z[k]
            for k in range(K):
                total += s * p[k] * (z[k] - mean) * z[k]
                z[k] = s * p[k] * (z[k] - mean)
        losses[0] += 0.5 * total


cdef class Softmax(Loss):
    """l = log sum_k e^z_k - z_y,  dl/dz_k = e^z_k / sum_j e^z_j - [k = y].

    Of a `stream`, rows of a class that is missing may yet come.
    """

    curvature = 0.5
    cdef readonly Py_ssize_t n_classes
    cdef readonly bint stream

    def __init__(self, Py_ssize_t n_classes, bint stream=False):
        self.n_classes, self.stream = n_classes, stream

    def __reduce__(self):
        return type(self), (self.n_classes, self.stream)

    cdef void differentiate(self, const double* y, const double* weight,
                            const Py_ssize_t* rows, Py_ssize_t n, Py_ssize_t K,
                            double* losses, double* Z) noexcept nogil:
        cdef Py_ssize_t i, k, m, label
        cdef double* z
        cdef double top, true_score
        cdef double share[PIECE]
        cdef double total[PIECE]
        while n > 0:
            m = min(n, PIECE)
            gather(weight, rows, m, share)
            for i in range(m):
                z = Z + i * K
                label = <Py_ssize_t>y[rows[i]]
                true_score = z[label]
                top = z[0]
                for k in range(1, K):
                    top = max(top, z[k])
                for k in range(K):
                    z[k] -= top
                losses[0] += share[i] * (top - true_score)
            exponentials(Z, m * K)
            for i in range(m):
                z, total[i] = Z + i * K, 0.0
                for k in range(K):
                    total[i] += z[k]
            losses[0] += logs(share, m, total)  # and total is share / total now
            for i in range(m):
                z = Z + i * K
                for k in range(K):
                    z[k] *= total[i]
                z[<Py_ssize_t>y[rows[i]]] -= share[i]
            rows += m
            Z += m * K
            n -= m

    def intercept(self, y, weight):
        """Return the best constant scores: log shares of the classes, of mean 0."""
        share = np.bincount(y[:, 0].astype(np.intp), weight, self.n_classes)
        few = faint(len(y), self.stream)
        score = np.log(np.where(share > 0, share / share.sum(), few))
        return score - score.mean()
