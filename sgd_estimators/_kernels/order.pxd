from libc.stdint cimport uint64_t

from cython cimport final


@final
cdef class Order:
    cdef readonly Py_ssize_t n, n_segments, run_length
    cdef readonly object active
    cdef const Py_ssize_t[::1] _active
    cdef Py_ssize_t _offset
    cdef Py_ssize_t[::1] _cuts, _first_runs  # by segment
    cdef Py_ssize_t[::1] _begin, _length, _shift, _first  # by turn
    cdef Py_ssize_t[::1] _run, _left, _place, _stop, _over, _buffer
    cdef int[::1] _runs, _visit
    cdef Py_ssize_t _deal, _owed, _turn, _undealt, _head, _tail
    cpdef void restart(self, Py_ssize_t batch_size) noexcept nogil
    cpdef void shuffle(self, uint64_t seed, uint64_t epoch,
                       Py_ssize_t batch_size) noexcept nogil
    cdef const Py_ssize_t* next(self, Py_ssize_t size) except NULL nogil
    cdef int _grow(self, Py_ssize_t size) except -1 with gil
    cdef void _fill(self) noexcept nogil
    cdef void _deal_singly(self, Py_ssize_t turn, Py_ssize_t m,
                           Py_ssize_t* rows) noexcept nogil
    cdef void _next_run(self, Py_ssize_t turn) noexcept nogil
    cdef void _set_turn(self, Py_ssize_t turn, Py_ssize_t segment,
                        Py_ssize_t shift) noexcept nogil
