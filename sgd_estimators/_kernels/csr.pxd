from sgd_estimators._kernels.rows cimport Rows


cdef extern from "combined.h" nogil:
    ctypedef struct Combined:
        Py_ssize_t n_outputs
        int lanes, momentum, averaged, penalised
        double a, b
        double pull[3]
        double squares[3]
        const double* share
        double* U

    void score_f64_i32(const double*, const int*, const int*,
                       const Py_ssize_t*, Py_ssize_t, const Combined*, double*)
    void pull_f64_i32(const double*, const int*, const int*,
                      const Py_ssize_t*, Py_ssize_t, const double*, Combined*)
    void adapt_f64_i32(const double*, const int*, const int*,
                       const Py_ssize_t*, Py_ssize_t, const double*, const Combined*)
    void score_f64_i64(const double*, const long long*, const long long*,
                       const Py_ssize_t*, Py_ssize_t, const Combined*, double*)
    void pull_f64_i64(const double*, const long long*, const long long*,
                      const Py_ssize_t*, Py_ssize_t, const double*, Combined*)
    void adapt_f64_i64(const double*, const long long*, const long long*,
                       const Py_ssize_t*, Py_ssize_t, const double*, const Combined*)
    void score_f32_i32(const float*, const int*, const int*,
                       const Py_ssize_t*, Py_ssize_t, const Combined*, double*)
    void pull_f32_i32(const float*, const int*, const int*,
                      const Py_ssize_t*, Py_ssize_t, const double*, Combined*)
    void adapt_f32_i32(const float*, const int*, const int*,
                       const Py_ssize_t*, Py_ssize_t, const double*, const Combined*)
    void score_f32_i64(const float*, const long long*, const long long*,
                       const Py_ssize_t*, Py_ssize_t, const Combined*, double*)
    void pull_f32_i64(const float*, const long long*, const long long*,
                      const Py_ssize_t*, Py_ssize_t, const double*, Combined*)
    void adapt_f32_i64(const float*, const long long*, const long long*,
                       const Py_ssize_t*, Py_ssize_t, const double*, const Combined*)


cdef class CsrRows(Rows):
    cdef const double[::1] x64
    cdef const float[::1] x32
    cdef const int[::1] indices32, indptr32
    cdef const long long[::1] indices64, indptr64
    cdef bint is_double, is_long
    cdef object _centre, _mean  # `centre_row`, and the mean that it is of
    cdef void score(self, const Py_ssize_t* batch, Py_ssize_t n, const Combined* c,
                    double* Z) noexcept nogil
    cdef void pull(self, const Py_ssize_t* batch, Py_ssize_t n, const double* Z,
                   Combined* c) noexcept nogil
    cdef void adapt(self, const Py_ssize_t* batch, Py_ssize_t n, const double* Z,
                    const Combined* c) noexcept nogil
