"""What the mean loss of an epoch says: whether to go on, and at which rate."""
from libc.math cimport INFINITY, fabs, isfinite

import copyreg

cdef enum:
    RETURN = 10  # a rise by more than this factor is a restart

cdef double THRESHOLD = 1e-4  # of the whole fall so far: less is the noise floor
cdef double STEEP = 1 / 3.0   # of it: the rate is far too small
cdef double LEAST = 0.01      # of the highest factor: below, the rate begins again
cdef double SHRINK = 0.9      # from one restart to the next


cdef class Progress:
    """Counts the epochs without a gain of the mean loss.

    A gain is a loss below the lowest one by more than ``tol (start - lowest)``.

    Parameters
    ----------
    start : float
        f where the run begins.
    tol : float
    """

    def __init__(self, double start, double tol):
        self.start, self.tol = start, tol
        self.limit, self.lowest = INFINITY, INFINITY
        self.stalled = 0

    cpdef bint ends(self, double loss) noexcept nogil:
        """Count an epoch; return whether it was the last: the loss is out of its range."""
        if not isfinite(loss) or loss > self.limit:
            return True
        self.stalled += 1
        if loss < self.lowest - self.tol * max(self.start - loss, 0.0):
            self.stalled = 0
        self.lowest = min(self.lowest, loss)
        return False

    def __reduce__(self):
        return copyreg.__newobj__, (type(self),), self.__getstate__()

    def __getstate__(self):
        return self.start, self.tol, self.limit, self.lowest, self.stalled

    def __setstate__(self, state):
        self.start, self.tol, self.limit, self.lowest, self.stalled = state


cdef class BoldDriver:
    """The factor of the rate under ``schedule="auto"``, from the losses so far.

    After each epoch: if the mean loss fell by less than a ten-thousandth of its whole fall
    so far, the factor is halved; if by a third of it, and the factor is at its highest
    value, it is doubled; else it grows by a fifth. Under 1 % of its highest value it
    returns, to nine tenths of where it came from last: noise has gone, and directions of
    little curvature want large steps. The bold driver of Battiti (1989) with the warm
    restarts of Loshchilov & Hutter (2017).

    Parameters
    ----------
    start : float
        f where the run begins.
    ceiling : float, default=inf
        The factor is never more: 1 for a rate that the user set.
    noisy : bool, default=True
        Without noise, as of a full batch, the factor doubles wherever the loss falls.
    """

    def __init__(self, double start, double ceiling=INFINITY, bint noisy=True):
        self.start, self.ceiling, self.before = start, ceiling, start
        self.factor, self.highest, self.top = 1.0, 1.0, 1.0
        self.noisy = noisy
        self.restarts = False  # with the next epoch: the noise is low before it

    cpdef void see(self, double loss) noexcept nogil:
        """Choose the factor of the next epoch after one of this mean loss."""
        cdef double fallen = max(self.start - min(self.before, loss), 0.0)
        cdef double factor, last = self.factor
        cdef bint steep
        # The last term: a fall by less is rounding.
        if self.before - loss <= THRESHOLD * fallen + 1e-14 * fabs(self.before):
            factor = last / 2
        elif last == self.highest:
            steep = not self.noisy or self.before - loss > STEEP * fallen
            factor = (2 if steep else 1.2) * last
        else:
            factor = min(1.2 * last, self.top)
        factor = min(factor if factor >= LEAST * self.highest else self.top, self.ceiling)
        self.restarts = factor > RETURN * last
        if self.restarts:
            self.top *= SHRINK
        if factor > self.highest:
            self.top *= factor / self.highest
            self.highest = factor
        self.before, self.factor = loss, factor

    def __reduce__(self):
        return copyreg.__newobj__, (type(self),), self.__getstate__()

    def __getstate__(self):
        return (self.start, self.ceiling, self.before, self.factor, self.highest,
                self.top, self.noisy, self.restarts)

    def __setstate__(self, state):
        (self.start, self.ceiling, self.before, self.factor, self.highest,
         self.top, self.noisy, self.restarts) = state
