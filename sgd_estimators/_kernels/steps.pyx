"""The update rules: one class each, ``x <- x - rate d(g)`` in place.

A `Step` is the state of one run. The hyperparameters a user sets live in
`sgd_estimators.optimizers`, whose ``start`` makes a step. Rules meet the loop in one
virtual call a mini-batch, which costs nothing beside the batch, so that a rule of the
user's, compiled or in Python, has the same place as ours.

Every rule keeps its vectors as the rows of ``memory`` and its count in ``t``. The base
class knows no more than that, and pickles and copies them all. Loops are free of
branches and read nothing but locals, so that the compiler vectorises them.
"""

from libc.math cimport pow, sqrt

from cython cimport boundscheck

import copyreg
import pickle

import numpy as np

from sgd_estimators._kernels.rows import aligned

cdef extern from "simd.h" nogil:
    void descend(double*, const double*, Py_ssize_t, double)
    void roll(double*, const double*, Py_ssize_t, double, double, double*)
    void roll_ahead(double*, const double*, Py_ssize_t, double, double, double*)


POINT = "point"


cdef class Step:
    """The state of a run: ``step(x, g, rate)`` moves x in place, along minus g.

    A compiled rule of your own subclasses this one (``from sgd_estimators.steps cimport
    Step``) and overrides the C method ``step``. What it keeps in ``memory``, a matrix
    with one row for each vector of state, and in ``t`` is pickled and copied for it;
    other attributes must follow from the constructor's arguments.

    ``units`` says what becomes of the rows of ``memory`` where columns are seen on r times
    their scale, as if they had been from the first step on: they grow by this power of r,
    -1 for gradients, -2 for their squares, 0 for gradients over their size; POINT is a row
    that is a point itself.
    """

    units = ()

    def __cinit__(self, *args, **kwargs):
        self._args = args
        self._kwargs = kwargs
        self.memory = None

    cdef int step(
        self, double[::1] x, const double[::1] g, double rate
    ) except -1 nogil:
        with gil:
            raise NotImplementedError(
                f"{type(self).__name__} must override the C method step, or __call__"
            )

    cdef int check(self, Py_ssize_t n_params) except -1:
        if self.memory is not None and self.memory.shape[1] != n_params:
            raise ValueError(
                f"x must have the {self.memory.shape[1]} entries that this step was "
                f"started for, got {n_params}"
            )
        return 0

    def __call__(
        self, double[::1] x not None, const double[::1] g not None, double rate
    ):
        """Update x in place by the gradient g at this rate."""
        if g.shape[0] != x.shape[0]:
            raise ValueError(f"g must have x's {x.shape[0]} entries, got {g.shape[0]}")
        self.check(x.shape[0])
        self.step(x, g, rate)

    def solution(self, x):
        """Return the vector to report when x is the current iterate: x itself."""
        return x

    def twin(self):
        """Return a step in the same state, with a memory of its own."""
        found = type(self).__new__(type(self), *self._args, **self._kwargs)
        found.__setstate__(self.__getstate__())
        return found

    def rescale(self, ratio, moved):
        """Go on where columns have `ratio` times their scale, and `moved` maps points."""
        if self.memory is None:
            return
        for row, unit in zip(np.asarray(self.memory), self.units):
            row[:] = moved(row) if unit == POINT else row * ratio**unit

    def __reduce__(self):
        return copyreg.__newobj__, (type(self),), self.__getstate__()

    def __getstate__(self):
        memory = None if self.memory is None else np.asarray(self.memory)
        return self._args, self._kwargs, self.t, memory

    def __setstate__(self, state):
        self._args, self._kwargs, t, memory = state
        self.__init__(*self._args, **self._kwargs)
        self.t, self.memory = t, None if memory is None else np.array(memory)


@boundscheck(False)  # of no parameters
cdef inline double* vector(Step step, Py_ssize_t i) noexcept nogil:
    """Return a row of the memory, where there is one: a slice would count references."""
    return &step.memory[0, 0] + i * step.memory.shape[1]


cdef inline double share(double beta, long long t) noexcept nogil:
    """Return 1 - beta^t: 1 as soon as beta^t < exp(-t (1 - beta)) is lost beside it."""
    return 1.0 if t * (1 - beta) > 37.5 else 1 - pow(beta, t)


cdef class SGDStep(Step):
    """Gradient descent with momentum: v <- beta v - rate g, x <- x + v.

    With ``nesterov``, x <- x + beta v - rate g with the new v. Without momentum there
    is no v.
    """

    units = (-1,)

    cdef readonly double beta
    cdef readonly bint nesterov

    def __init__(self, n_params, double momentum=0.0, bint nesterov=False):
        self.beta = momentum
        self.nesterov = nesterov
        self.memory = aligned(1 if momentum else 0, n_params)

    cdef int step(
        self, double[::1] x, const double[::1] g, double rate
    ) except -1 nogil:
        cdef Py_ssize_t n = x.shape[0]
        if n == 0:
            return 0
        if self.beta == 0:
            descend(&x[0], &g[0], n, rate)
        elif self.nesterov:
            roll_ahead(&x[0], &g[0], n, rate, self.beta, &self.memory[0, 0])
        else:
            roll(&x[0], &g[0], n, rate, self.beta, &self.memory[0, 0])
        return 0


cdef class AdaGradStep(Step):
    """s <- s + g^2, x <- x - rate g / (sqrt(s) + eps)."""

    units = (-2,)

    cdef readonly double eps

    def __init__(self, n_params, double eps=1e-10):
        self.eps = eps
        self.memory = np.zeros((1, n_params))

    cdef int step(
        self, double[::1] x, const double[::1] g, double rate
    ) except -1 nogil:
        cdef double eps = self.eps
        cdef double* s = vector(self, 0)
        cdef Py_ssize_t j
        for j in range(x.shape[0]):
            s[j] += g[j] * g[j]
            x[j] -= rate * g[j] / (sqrt(s[j]) + eps)
        return 0


cdef class RMSPropStep(Step):
    """s <- rho s + (1 - rho) g^2, v <- beta v - rate g / (sqrt(s) + eps), x <- x + v.

    With ``centered``, s is the variance: the running mean's square is taken off.
    """

    units = (-2, 0, -1)

    cdef double rho, beta, eps
    cdef bint centered

    def __init__(
        self, n_params, double rho=0.9, double momentum=0.0, bint centered=False,
        double eps=1e-8,
    ):
        self.rho = rho
        self.beta = momentum
        self.centered = centered
        self.eps = eps
        self.memory = np.zeros((3 if centered else 2, n_params))

    cdef int step(
        self, double[::1] x, const double[::1] g, double rate
    ) except -1 nogil:
        cdef double rho = self.rho, beta = self.beta, eps = self.eps, change
        cdef double* s = vector(self, 0)
        cdef double* v = vector(self, 1)
        cdef double* mean = vector(self, 2)
        cdef Py_ssize_t j
        if self.centered:
            for j in range(x.shape[0]):
                # equals (running mean of g^2) - mean^2, but never falls below zero
                change = g[j] - mean[j]
                s[j] = rho * (s[j] + (1 - rho) * change * change)
                mean[j] += (1 - rho) * change
                v[j] = beta * v[j] - rate * g[j] / (sqrt(s[j]) + eps)
                x[j] += v[j]
        else:
            for j in range(x.shape[0]):
                s[j] = rho * s[j] + (1 - rho) * g[j] * g[j]
                v[j] = beta * v[j] - rate * g[j] / (sqrt(s[j]) + eps)
                x[j] += v[j]
        return 0


cdef class AdaDeltaStep(Step):
    """d = sqrt(u + eps) / sqrt(s + eps) g, x <- x - rate d.

    s and u are the running means of g^2 and of d^2, u before this step.
    """

    units = (-2, 0)

    cdef double rho, eps

    def __init__(self, n_params, double rho=0.95, double eps=1e-6):
        self.rho = rho
        self.eps = eps
        self.memory = np.zeros((2, n_params))

    cdef int step(
        self, double[::1] x, const double[::1] g, double rate
    ) except -1 nogil:
        cdef double rho = self.rho, eps = self.eps, d
        cdef double* s = vector(self, 0)
        cdef double* u = vector(self, 1)
        cdef Py_ssize_t j
        for j in range(x.shape[0]):
            s[j] = rho * s[j] + (1 - rho) * g[j] * g[j]
            d = sqrt(u[j] + eps) / sqrt(s[j] + eps) * g[j]
            u[j] = rho * u[j] + (1 - rho) * d * d
            x[j] -= rate * d
        return 0


cdef class AdamStep(Step):
    """m, s <- running means of g, g^2; x <- x - rate m^ / (sqrt(s^) + eps).

    The hats divide by 1 - beta^t, t = 1 at the first step. With ``amsgrad`` the largest
    s so far takes the place of s.
    """

    units = (-1, -2, -2)

    cdef double beta1, beta2, eps
    cdef bint amsgrad

    def __init__(
        self, n_params, double beta1=0.9, double beta2=0.999, double eps=1e-8,
        bint amsgrad=False,
    ):
        self.beta1 = beta1
        self.beta2 = beta2
        self.eps = eps
        self.amsgrad = amsgrad
        self.memory = np.zeros((3 if amsgrad else 2, n_params))

    cdef int step(
        self, double[::1] x, const double[::1] g, double rate
    ) except -1 nogil:
        cdef double beta1 = self.beta1, beta2 = self.beta2, eps = self.eps
        cdef double scale, root
        cdef double* m = vector(self, 0)
        cdef double* s = vector(self, 1)
        cdef double* largest = vector(self, 2)
        cdef Py_ssize_t j
        self.t += 1
        scale = rate / share(beta1, self.t)
        root = 1 / sqrt(share(beta2, self.t))
        if self.amsgrad:
            for j in range(x.shape[0]):
                m[j] = beta1 * m[j] + (1 - beta1) * g[j]
                s[j] = beta2 * s[j] + (1 - beta2) * g[j] * g[j]
                # this way round a NaN in s is kept
                largest[j] = largest[j] if largest[j] > s[j] else s[j]
                x[j] -= scale * m[j] / (root * sqrt(largest[j]) + eps)
        else:
            for j in range(x.shape[0]):
                m[j] = beta1 * m[j] + (1 - beta1) * g[j]
                s[j] = beta2 * s[j] + (1 - beta2) * g[j] * g[j]
                x[j] -= scale * m[j] / (root * sqrt(s[j]) + eps)
        return 0


cdef class NAdamStep(Step):
    """Adam with m^ = beta1 m / (1 - beta1^(t+1)) + (1 - beta1) g / (1 - beta1^t)."""

    units = (-1, -2)

    cdef double beta1, beta2, eps

    def __init__(
        self, n_params, double beta1=0.9, double beta2=0.999, double eps=1e-8
    ):
        self.beta1 = beta1
        self.beta2 = beta2
        self.eps = eps
        self.memory = np.zeros((2, n_params))

    cdef int step(
        self, double[::1] x, const double[::1] g, double rate
    ) except -1 nogil:
        cdef double beta1 = self.beta1, beta2 = self.beta2, eps = self.eps
        cdef double ahead, now, root
        cdef double* m = vector(self, 0)
        cdef double* s = vector(self, 1)
        cdef Py_ssize_t j
        self.t += 1
        ahead = rate * beta1 / share(beta1, self.t + 1)
        now = rate * (1 - beta1) / share(beta1, self.t)
        root = 1 / sqrt(share(beta2, self.t))
        for j in range(x.shape[0]):
            m[j] = beta1 * m[j] + (1 - beta1) * g[j]
            s[j] = beta2 * s[j] + (1 - beta2) * g[j] * g[j]
            x[j] -= (ahead * m[j] + now * g[j]) / (root * sqrt(s[j]) + eps)
        return 0


cdef class LionStep(Step):
    """x <- x - rate sign(beta1 m + (1 - beta1) g), m <- beta2 m + (1 - beta2) g."""

    units = (-1,)

    cdef double beta1, beta2

    def __init__(self, n_params, double beta1=0.9, double beta2=0.99):
        self.beta1 = beta1
        self.beta2 = beta2
        self.memory = np.zeros((1, n_params))

    cdef int step(
        self, double[::1] x, const double[::1] g, double rate
    ) except -1 nogil:
        cdef double beta1 = self.beta1, beta2 = self.beta2, u
        cdef double* m = vector(self, 0)
        cdef Py_ssize_t j
        for j in range(x.shape[0]):
            u = beta1 * m[j] + (1 - beta1) * g[j]
            # 0 u hands a NaN on, which the comparisons alone would hide
            x[j] -= rate * ((1.0 if u > 0 else 0.0) - (1.0 if u < 0 else 0.0) + 0 * u)
            m[j] = beta2 * m[j] + (1 - beta2) * g[j]
        return 0


cdef class AveragedStep(Step):
    """Polyak-Ruppert averaging around any step: the mean of the iterates is reported.

    The mean runs over the iterates after the first ``start`` updates; until then the
    solution is the iterate. The iterates themselves are those of the step inside.
    """

    units = (POINT,)

    cdef readonly Step inner
    cdef readonly long long start

    def __init__(self, step, long long start=0):
        if start < 0:
            raise ValueError(f"start must be >= 0, got {start}")
        self.inner = as_step(step)
        self.start = start
        if self.inner.memory is not None:
            self.memory = np.zeros((1, self.inner.memory.shape[1]))

    cdef int step(
        self, double[::1] x, const double[::1] g, double rate
    ) except -1 nogil:
        cdef double weight
        cdef double* mean
        cdef Py_ssize_t j
        self.inner.step(x, g, rate)
        self.t += 1
        if self.t <= self.start:
            return 0
        if self.memory is None:
            with gil:
                self.memory = np.zeros((1, x.shape[0]))
        mean = vector(self, 0)
        weight = 1.0 / (self.t - self.start)
        for j in range(x.shape[0]):
            mean[j] += weight * (x[j] - mean[j])
        return 0

    def twin(self):
        """Return a step in the same state, around a twin of the step inside."""
        cdef AveragedStep found = AveragedStep(self.inner.twin(), self.start)
        found.t = self.t
        found.memory = None if self.memory is None else np.array(self.memory)
        return found

    def rescale(self, ratio, moved):
        """Go on in another metric, as the step inside does."""
        super().rescale(ratio, moved)
        self.inner.rescale(ratio, moved)

    def solution(self, x):
        """Return a copy of the mean, or x while there is none."""
        return np.array(self.memory[0]) if self.t > self.start else x


cdef class PythonStep(Step):
    """Any Python callable ``(x, g, rate)`` as a step of the compiled loop.

    The callable gets arrays on the loop's own buffers: it changes x in place, g is
    read-only, and it returns None.
    """

    cdef readonly object function
    cdef object _x, _g               # arrays over the buffers of the last call
    cdef const double *_x_start
    cdef const double *_g_start

    def __init__(self, function):
        self.function = function

    cdef int step(
        self, double[::1] x, const double[::1] g, double rate
    ) except -1 nogil:
        # the cached arrays keep their buffers alive, so an address stays theirs
        cdef const double *x_start = &x[0] if x.shape[0] else NULL
        cdef const double *g_start = &g[0] if g.shape[0] else NULL
        with gil:
            if (
                self._x is None or x_start != self._x_start or g_start != self._g_start
                or len(self._x) != x.shape[0]
            ):
                self._x, self._g = np.asarray(x), np.asarray(g)
                self._g.flags.writeable = False
                self._x_start, self._g_start = x_start, g_start
            result = self.function(self._x, self._g, rate)
            if result is not None:
                raise TypeError(
                    f"the optimizer's step returned {type(result).__name__}; "
                    "x must be changed in place and None returned"
                )
        return 0

    def solution(self, x):
        """Return the callable's own ``solution(x)`` if it has one, else x."""
        own = getattr(self.function, "solution", None)
        return x if own is None else own(x)

    def twin(self):
        """Return a step around a copy of the callable, made by a pickle."""
        return pickle.loads(pickle.dumps(self))

    def __reduce__(self):
        if getattr(self.function, "__closure__", None):
            raise TypeError(
                "an optimizer's step that is a closure cannot be pickled or copied: "
                "write a class with __call__ that keeps the state in its attributes"
            )
        return super().__reduce__()


def as_step(step):
    """Return ``step`` if it is a compiled Step, and a callable wrapped as one.

    Raises TypeError if it is neither.
    """
    # a Python subclass that overrides __call__ must not be bypassed by the C method
    if isinstance(step, Step) and type(step).__call__ is Step.__call__:
        return step
    if callable(step):
        return PythonStep(step)
    raise TypeError(
        "an optimizer's start must return a Step or a callable (x, g, rate), "
        f"got {type(step).__name__}"
    )
