"""The order in which an epoch visits the rows: stratified streams.

Rows drawn singly at random cost several times a sequential read, because memory is read
in the wrong order.  So the file is cut into segments; in each, runs of neighbouring rows
come in a new random order, cut from a random start; and a batch takes its rows evenly
from all segments.  Every row comes once an epoch.  One segment and runs of one row are
the plain shuffle; one segment and one run, unshuffled, the file as it stands.
"""
from libc.stdint cimport uint64_t
from libc.string cimport memmove

from cython cimport final

import numpy as np

from sgd_estimators._kernels.rows cimport LOOKAHEAD

cdef extern from "random.h" nogil:
    uint64_t seeded(uint64_t, uint64_t)
    uint64_t below(uint64_t*, uint64_t)
    void permute(uint64_t*, int*, Py_ssize_t)


@final
cdef class Order:
    """Row numbers of an epoch, dealt a batch at a time.

    Parameters
    ----------
    n : int
        Rows to visit.
    active : ndarray of intp, range or None
        Their numbers (None: 0 to n - 1).
    n_segments, run_length : int
        Streams of the file and rows in a run (see the module); by default one of each.
    """

    def __init__(self, Py_ssize_t n, active=None, Py_ssize_t n_segments=1, run_length=None):
        cdef Py_ssize_t s, i, S = min(n_segments, n)
        self.n, self.n_segments, self.active = n, S, active
        self._offset = active.start if isinstance(active, range) else 0
        self._active = None if isinstance(active, range) else active
        self.run_length = n if run_length is None else run_length
        self._cuts, self._first_runs = np.zeros((2, S + 1), np.intp)
        (
            self._begin, self._length, self._shift, self._first,
            self._run, self._left, self._place, self._stop, self._over,
        ) = np.zeros((9, S), np.intp)
        self._visit = np.arange(S, dtype=np.intc)
        self._buffer = np.zeros(LOOKAHEAD, np.intp)
        for s in range(S):
            self._cuts[s + 1] = (s + 1) * n // S
            self._first_runs[s + 1] = (
                self._first_runs[s] + (self._cuts[s + 1] - self._cuts[s]) // self.run_length
            )
        self._runs = np.empty(max(1, self._first_runs[S]), np.intc)  # to point at
        for s in range(S):
            for i in range(self._first_runs[s + 1] - self._first_runs[s]):
                self._runs[self._first_runs[s] + i] = i
            self._set_turn(s, s, 0)
        self.restart(1)

    cdef void _set_turn(self, Py_ssize_t turn, Py_ssize_t segment,
                        Py_ssize_t shift) noexcept nogil:
        """Let a segment, whose runs start at this shift, come at this turn."""
        self._begin[turn] = self._cuts[segment]
        self._length[turn] = self._cuts[segment + 1] - self._cuts[segment]
        self._first[turn], self._shift[turn] = self._first_runs[segment], shift

    cpdef void restart(self, Py_ssize_t batch_size) noexcept nogil:
        """Begin the same order again, dealt for batches of this size."""
        cdef Py_ssize_t turn
        self._deal = max(1, batch_size // max(1, self.n_segments))
        self._turn = self._head = self._tail = 0
        self._owed = self._deal
        self._undealt = self.n
        for turn in range(self.n_segments):
            self._left[turn] = self._length[turn]
            self._run[turn] = self._place[turn] = self._stop[turn] = self._over[turn] = 0

    cpdef void shuffle(self, uint64_t seed, uint64_t epoch,
                       Py_ssize_t batch_size) noexcept nogil:
        """Begin the order that belongs to (seed, epoch)."""
        cdef uint64_t state = seeded(seed, epoch)
        cdef Py_ssize_t turn, segment, first, shift, S = self.n_segments
        permute(&state, &self._visit[0], S)
        for turn in range(S):
            segment = self._visit[turn]
            first = self._first_runs[segment]
            shift = below(&state, self._cuts[segment + 1] - self._cuts[segment])
            self._set_turn(turn, segment, shift)
            permute(&state, &self._runs[0] + first, self._first_runs[segment + 1] - first)
        self.restart(batch_size)

    def take(self, Py_ssize_t size):
        """Return the next row numbers, fewer at the end (for tests and for NumPy)."""
        size = min(size, self.n - self._visited())
        cdef const Py_ssize_t* batch = self.next(size)
        return np.array(<const Py_ssize_t[:size]> batch) if size else np.zeros(0, np.intp)

    def _visited(self):
        return self.n - self._undealt - (self._tail - self._head)

    cdef const Py_ssize_t* next(self, Py_ssize_t size) except NULL nogil:
        """Return the next `size` row numbers; LOOKAHEAD more can be read behind them."""
        cdef Py_ssize_t kept = self._tail - self._head
        if kept < size + LOOKAHEAD and self._undealt > 0:
            if self._buffer.shape[0] < 2 * (size + LOOKAHEAD):
                self._grow(max(4096, 2 * (size + LOOKAHEAD)))
            else:
                memmove(&self._buffer[0], &self._buffer[self._head],
                        kept * sizeof(Py_ssize_t))
            self._head, self._tail = 0, kept
            self._fill()
        cdef const Py_ssize_t* batch = &self._buffer[self._head]
        self._head += size
        return batch

    cdef int _grow(self, Py_ssize_t size) except -1 with gil:
        # Apart from `next`, which would have to take the GIL for a Python object in it.
        buffer = np.zeros(size, np.intp)
        buffer[:self._tail - self._head] = self._buffer[self._head:self._tail]
        self._buffer = buffer

    cdef void _fill(self) noexcept nogil:
        """Deal rows into the buffer, LOOKAHEAD repeats of the last behind them."""
        cdef Py_ssize_t m, i, _, turn = self._turn, tail = self._tail, start = tail
        cdef Py_ssize_t owed = self._owed, room = self._buffer.shape[0] - LOOKAHEAD
        cdef Py_ssize_t deal = self._deal, S = self.n_segments
        # Locals: through self, each would be read anew for every row.
        cdef Py_ssize_t* buffer = &self._buffer[0]
        cdef Py_ssize_t* left = &self._left[0]
        cdef Py_ssize_t* place = &self._place[0]
        cdef Py_ssize_t* stop = &self._stop[0]
        while self._undealt > 0 and tail < room:
            if turn == 0 and owed == deal:
                # Rounds before any run, segment or the buffer ends ask no questions.
                m = (room - tail) // S
                for i in range(S):
                    m = min(m, min(left[i], stop[i] - place[i]))
                for _ in range(m // deal):
                    for turn in range(S):
                        for i in range(deal):
                            buffer[tail + i] = place[turn] + i
                        place[turn] += deal
                        left[turn] -= deal
                        tail += deal
                    self._undealt -= deal * S
                turn = 0
                if self._undealt == 0 or tail == room:
                    break
            m = min(left[turn], min(owed, room - tail))
            left[turn] -= m
            self._undealt -= m
            owed -= m
            if self.run_length == 1:
                self._deal_singly(turn, m, buffer + tail)
            else:
                for i in range(tail, tail + m):
                    if place[turn] == stop[turn]:
                        self._next_run(turn)
                    buffer[i] = place[turn]
                    place[turn] += 1
            tail += m
            if owed == 0 or left[turn] == 0:  # else the buffer's end has cut the deal
                owed = deal
                turn = turn + 1 if turn + 1 < S else 0
        if self._active is not None:
            for i in range(start, tail):
                buffer[i] = self._active[buffer[i]]
        elif self._offset > 0:
            for i in range(start, tail):
                buffer[i] += self._offset
        for i in range(tail, min(tail + LOOKAHEAD, self._buffer.shape[0])):
            buffer[i] = buffer[tail - 1]
        self._turn, self._tail, self._owed = turn, tail, owed

    cdef void _deal_singly(self, Py_ssize_t turn, Py_ssize_t m,
                           Py_ssize_t* rows) noexcept nogil:
        """Write the next m rows of a stream whose runs are single rows."""
        cdef Py_ssize_t i, place, shift = self._shift[turn]
        cdef Py_ssize_t begin = self._begin[turn], length = self._length[turn]
        cdef const int* runs = &self._runs[0] + self._first[turn] + self._run[turn]
        for i in range(m):
            place = shift + runs[i]
            rows[i] = begin + (place if place < length else place - length)
        self._run[turn] += m

    cdef void _next_run(self, Py_ssize_t turn) noexcept nogil:
        """Set a stream to its next run, or to the part of a run that the end cut off."""
        cdef Py_ssize_t length = self._length[turn], run = self._run[turn], place = run
        if self._over[turn] > 0:
            self._place[turn] = self._begin[turn]
            self._stop[turn] = self._begin[turn] + self._over[turn]
            self._over[turn] = 0
            return
        self._run[turn] += 1
        if run < length // self.run_length:  # the shorter run at the end stays last
            place = self._runs[self._first[turn] + run]
        place = self._shift[turn] + place * self.run_length
        if place >= length:
            place -= length
        self._place[turn] = self._begin[turn] + place
        self._over[turn] = max(0, place + self.run_length - length)
        self._stop[turn] = self._place[turn] + self.run_length - self._over[turn]
