cdef class Loss:
    cdef void differentiate(self, const double* y, const double* weight,
                            const Py_ssize_t* rows, Py_ssize_t n, Py_ssize_t K,
                            double* losses, double* Z) noexcept nogil
