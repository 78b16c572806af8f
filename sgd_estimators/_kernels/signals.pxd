"""Ctrl-C, noticed between the batches of a loop without the GIL."""
from cpython.exc cimport PyErr_CheckSignals

cdef enum:
    BETWEEN = 1 << 26  # bytes of work between two looks: some 10 to 100 ms


cdef inline int notice(Py_ssize_t* left, Py_ssize_t n_bytes) except -1 nogil:
    """Raise what a signal asks for, in the main thread, now and then."""
    left[0] -= n_bytes
    if left[0] < 0:
        left[0] = BETWEEN
        with gil:
            PyErr_CheckSignals()
    return 0
