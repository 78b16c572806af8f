from sgd_estimators._kernels.losses cimport Loss
from sgd_estimators._kernels.order cimport Order
from sgd_estimators._kernels.rows cimport Rows


cdef class Objective:
    cdef readonly Rows rows
    cdef readonly Loss loss
    cdef readonly object y, weight, active, alpha
    cdef public Py_ssize_t n_jobs
    cdef object _blocks, _in_order
    cdef readonly Py_ssize_t n_active, n_outputs, n_params
    cdef Py_ssize_t _chunk
    cdef public double total_weight
    cdef readonly double lowest
    cdef const double[:, ::1] _y
    cdef const double[::1] _weight
    cdef const double* _s
    cdef const double* _lambda
    cdef double[:, ::1] _penalty, _V, _A, _Z
    cdef double[::1] _losses
    cdef bint _at_zero
    cdef double gradient(self, const double* W, const Py_ssize_t* batch,
                         Py_ssize_t size, double* G) noexcept nogil
    cdef double gradient_one(self, const double* W, const Py_ssize_t* row,
                             double* G) noexcept nogil
    cdef double value(self, const double* W, const Py_ssize_t* batch,
                      Py_ssize_t size) noexcept nogil
    cdef void begin(self, const double* W) noexcept nogil
    cdef void accumulate(self, const Py_ssize_t* batch, Py_ssize_t size) noexcept nogil
    cdef void differentiate(self, const Py_ssize_t* batch, Py_ssize_t size) noexcept nogil
    cdef void correct(self, const Py_ssize_t* batch, Py_ssize_t size,
                      double* Z) noexcept nogil
    cdef void complete(self, Py_ssize_t size, double* G) noexcept nogil
    cdef int add_next(self, const double[:, ::1] W, Order order,
                      Py_ssize_t left) except -1
    cdef double finish(self, const double* W, Py_ssize_t size, double* G) noexcept nogil
