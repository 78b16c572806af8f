# What another extension may cimport: the base class, and no rule.

cdef class Step:
    cdef tuple _args                # of the constructor, which unpickling calls again
    cdef dict _kwargs
    cdef long long t                # updates made, for the rules that count them
    cdef double[:, ::1] memory      # the state: one row for each vector of it

    # x <- x - rate * direction, in place; g is the gradient at x.
    # The names `sparse_step` and `flush` are reserved for exact lazy updates.
    cdef int step(self, double[::1] x, const double[::1] g, double rate) except -1 nogil

    # Raise unless x may have this length; a loop asks once, `step` never does.
    cdef int check(self, Py_ssize_t n_params) except -1
