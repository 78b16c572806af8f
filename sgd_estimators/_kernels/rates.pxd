from sgd_estimators._kernels.objective cimport Objective


cdef class Rate:
    # The rate of the step from x along minus g, the gradient of f_B, whose value is loss.
    cdef double rate(self, Objective f, const Py_ssize_t* batch, Py_ssize_t size,
                     const double[::1] x, const double[::1] g,
                     double loss) except? -1 nogil
