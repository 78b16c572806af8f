cdef enum:
    LOOKAHEAD = 512  # row numbers that must be readable after every batch


cdef class Rows:
    cdef readonly object X
    cdef readonly object mean
    cdef readonly object scale
    cdef readonly Py_ssize_t n_rows, n_features, row_bytes, chunk, chunk_of_several, width
    cdef readonly bint fit_intercept, one_by_one
    cdef double[:, ::1] _metric
    cdef const double* centre
    cdef const double* inverse_scale
    cdef const Py_ssize_t* batch
    cdef Py_ssize_t n
    cdef void enter(self, const double* W, Py_ssize_t K, double* V) noexcept nogil
    cdef void leave(self, const double* A, Py_ssize_t K, double factor,
                    double* G) noexcept nogil
    cdef void load(self, const Py_ssize_t* batch, Py_ssize_t n) noexcept nogil
    cdef void dot(self, const double* V, Py_ssize_t K, double* Z) noexcept nogil
    cdef void add_outer(self, const double* Z, Py_ssize_t K, double* A) noexcept nogil
    cdef Py_ssize_t columns(self, const Py_ssize_t* batch, Py_ssize_t n, Py_ssize_t t,
                            Py_ssize_t* mark, Py_ssize_t* found) noexcept nogil
    cdef void dot_one(self, const Py_ssize_t* row, const double* W, Py_ssize_t K,
                      double* Z) noexcept nogil
    cdef double pull_one(self, const Py_ssize_t* row, const double* W,
                         const double* penalty, const double* Z, Py_ssize_t K,
                         double* G) noexcept nogil
