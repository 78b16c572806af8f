from sgd_estimators._kernels.objective cimport Objective


cdef class Corrected(Objective):
    cdef bint renews, filling
    cdef readonly Py_ssize_t period
    cdef double[:, ::1] _slopes
    cdef double[::1] _mean
    cdef const double[::1] _share
