"""Rates that a step finds by itself, from its mini-batch: ``rate(f, batch, x, g, loss)``.

A `Rate` is the state of one run; the hyperparameters that a user sets live in
`sgd_estimators._rates`, whose ``start`` makes one.
"""
from libc.math cimport INFINITY, exp2, fabs, isfinite, sqrt

import copyreg

import numpy as np

from sgd_estimators._kernels.objective cimport Objective

cdef extern from "simd.h" nogil:
    void move_to(double*, const double*, const double*, Py_ssize_t, double)
    double dot_product(const double*, const double*, Py_ssize_t)
    double squared_distance(const double*, const double*, Py_ssize_t)

cdef double ROUNDING = 1e-14  # of f_B, relative
cdef double SMALLEST = 1e-300  # of a rate


cdef double square(const double[::1] g) noexcept nogil:
    return dot_product(&g[0], &g[0], g.shape[0]) if g.shape[0] else 0.0


cdef object read_only(const double[::1] x):
    """Return an array on the same buffer, for eyes only."""
    found = np.asarray(x)
    found.flags.writeable = False
    return found


cdef class Rate:
    """The state of a run's rate."""

    cdef double rate(self, Objective f, const Py_ssize_t* batch, Py_ssize_t size,
                     const double[::1] x, const double[::1] g,
                     double loss) except? -1 nogil:
        with gil:
            raise NotImplementedError(f"{type(self).__name__} must override rate")

    def __call__(self, Objective f, const Py_ssize_t[::1] batch, const double[::1] x,
                 const double[::1] g, double loss):
        """Return the rate of the step from x, on a batch of rows."""
        return self.rate(f, &batch[0], batch.shape[0], x, g, loss)

    def __reduce__(self):
        return copyreg.__newobj__, (type(self),), self.__getstate__()

    def __getstate__(self):
        """Return the arguments that make a twin."""
        return ()

    def __setstate__(self, state):
        self.__init__(*state)


cdef class PolyakRate(Rate):
    """min((f_B - lowest) / (c ||g||^2), 2^(|B| / n) times the rate before)."""

    cdef readonly double c, lowest, before

    def __init__(self, double c, double lowest=0.0, double before=INFINITY):
        self.c, self.lowest, self.before = c, lowest, before

    def __getstate__(self):
        return self.c, self.lowest, self.before

    cdef double rate(self, Objective f, const Py_ssize_t* batch, Py_ssize_t size,
                     const double[::1] x, const double[::1] g,
                     double loss) except? -1 nogil:
        cdef double gg = square(g), growth = exp2(<double>size / f.n_active)
        if gg == 0:  # the optimum of this batch, which says nothing about a rate
            return 0.0
        if loss < self.lowest - ROUNDING * fabs(self.lowest):
            with gil:
                raise ValueError(
                    f"PolyakStep's lowest={self.lowest:g} is no lower bound: f is {loss:g}"
                )
        loss = (loss - self.lowest) / (self.c * gg)
        self.before = max(SMALLEST, min(loss, growth * self.before))
        return self.before


cdef class LineSearchRate(Rate):
    """The first of eta, factor eta, ... with f_B(x - eta g) <= f_B(x) - c eta ||g||^2.

    eta is 2^(|B| / n) times the rate before, and no more than (f_B - lowest) / (c ||g||^2):
    larger ones cannot pass. Without a lowest value of f, the first step is as long as x.
    """

    cdef readonly double c, factor, before
    cdef double[::1] trial

    def __init__(self, double c, double factor, double before=INFINITY):
        self.c, self.factor, self.before = c, factor, before
        self.trial = np.empty(0)

    def __getstate__(self):
        return self.c, self.factor, self.before

    cdef double rate(self, Objective f, const Py_ssize_t* batch, Py_ssize_t size,
                     const double[::1] x, const double[::1] g,
                     double loss) except? -1 nogil:
        cdef double gg = square(g), eta = exp2(<double>size / f.n_active) * self.before
        cdef double allowed = loss + ROUNDING * fabs(loss)
        if gg == 0:
            return 0.0
        if self.trial.shape[0] != x.shape[0]:
            with gil:
                self.trial = np.empty(x.shape[0])
        eta = min(eta, (loss - f.lowest) / (self.c * gg))
        if not isfinite(eta):
            eta = (1 + sqrt(square(x))) / sqrt(gg)
        while eta > SMALLEST:
            move_to(&self.trial[0], &x[0], &g[0], x.shape[0], eta)
            if f.value(&self.trial[0], batch, size) <= allowed - self.c * eta * gg:
                break
            eta *= self.factor
        self.before = max(SMALLEST, eta)
        return self.before


cdef class DoGRate(Rate):
    """max_i ||x_i - x_0|| / sqrt(sum ||g||^2 + eps), the distance r_eps at least."""

    cdef readonly double first, eps, distance, total
    cdef const double[::1] begin

    def __init__(self, double first, double eps, double distance=0.0, double total=0.0,
                 begin=None):
        self.first, self.eps, self.distance, self.total = first, eps, distance, total
        self.begin = begin

    def __getstate__(self):
        begin = None if self.begin is None else np.array(self.begin)
        return self.first, self.eps, self.distance, self.total, begin

    cdef double rate(self, Objective f, const Py_ssize_t* batch, Py_ssize_t size,
                     const double[::1] x, const double[::1] g,
                     double loss) except? -1 nogil:
        cdef double far
        if self.begin is None:
            with gil:
                self.begin = np.array(x)
            self.distance = self.first * (1 + sqrt(square(x)))
        if x.shape[0]:
            far = sqrt(squared_distance(&x[0], &self.begin[0], x.shape[0]))
            self.distance = max(self.distance, far)
        self.total += square(g)
        return self.distance / sqrt(self.total + self.eps)


cdef class PythonRate(Rate):
    """Any Python callable ``(f, batch, x, g, loss)`` that returns a rate >= 0.

    It gets the numbers of the batch's rows and arrays on the loop's own buffers, which
    are read-only.
    """

    cdef readonly object function

    def __init__(self, function):
        self.function = function

    def __getstate__(self):
        return (self.function,)

    cdef double rate(self, Objective f, const Py_ssize_t* batch, Py_ssize_t size,
                     const double[::1] x, const double[::1] g,
                     double loss) except? -1 nogil:
        cdef double found
        with gil:
            rows = np.array(<Py_ssize_t[:size]><Py_ssize_t*>batch)
            given = self.function(f, rows, read_only(x), read_only(g), loss)
            try:
                found = given
            except TypeError:
                found = -1.0
            if not (found >= 0 and isfinite(found)):
                raise ValueError(
                    f"learning_rate={self.function!r} must return a finite rate >= 0, "
                    f"got {given!r}"
                )
        return found
