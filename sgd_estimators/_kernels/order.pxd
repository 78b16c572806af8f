cdef class Order:
    cdef readonly Py_ssize_t n, n_segments, run_length
    cdef readonly object active
    cdef const Py_ssize_t[::1] _active
    cdef Py_ssize_t _offset
    cdef object _cuts
    cdef Py_ssize_t[::1] _begin, _length, _shift, _first  # by turn
    cdef Py_ssize_t[::1] _run, _left, _place, _stop, _over, _buffer
    cdef int[::1] _runs
    cdef Py_ssize_t _deal, _owed, _turn, _undealt, _head, _tail
    cdef const Py_ssize_t* next(self, Py_ssize_t size) except NULL nogil
    cdef int _grow(self, Py_ssize_t size) except -1 with gil
    cdef void _fill(self) noexcept nogil
    cdef void _next_run(self, Py_ssize_t turn) noexcept nogil
