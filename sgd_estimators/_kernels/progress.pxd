from cython cimport final


@final
cdef class Progress:
    cdef public double limit, start, tol, lowest
    cdef public Py_ssize_t stalled
    cpdef bint ends(self, double loss) noexcept nogil


@final
cdef class BoldDriver:
    cdef public double start, ceiling
    cdef readonly double before, factor, highest, top
    cdef readonly bint noisy, restarts
    cpdef void see(self, double loss) noexcept nogil
