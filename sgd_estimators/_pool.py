"""Threads that wait for work, so that a pass need not start its own."""

import ctypes
import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

_cpu = None  # returns the number of this thread's CPU, where threads may keep off it
if hasattr(os, "sched_setaffinity"):
    _cpu = getattr(ctypes.CDLL(None), "sched_getcpu", None)


class Pool:
    """Threads that take jobs from a queue: as many as were ever asked for at once."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Have no threads yet."""
        self.jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.threads: list[Thread] = []
        self.off: int | None = None  # the CPU that they keep off
        self.changing = Lock()

    def submit(self, job: Callable[[], None], n_threads: int) -> None:
        """Queue a job so many times, for as many threads."""
        with self.changing:
            while len(self.threads) < n_threads:
                thread = Thread(target=self._serve, name="sgd_estimators", daemon=True)
                thread.start()
                self.threads.append(thread)
                self.off = None
            if _cpu and (cpu := _cpu()) != self.off:
                self._keep_off(cpu)
        for _ in range(n_threads):
            self.jobs.put(job)

    def _keep_off(self, cpu: int) -> None:
        """Keep the threads off the CPU of the caller, behind whom Linux may queue them."""
        if not (others := os.sched_getaffinity(0) - {cpu}):
            return
        self.off = cpu
        with suppress(OSError):  # of CPUs that were taken away meanwhile
            for thread in self.threads:
                assert thread.native_id is not None
                os.sched_setaffinity(thread.native_id, others)

    def _serve(self) -> None:
        while True:
            self.jobs.get()()


pool = Pool()
if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=pool.begin)


def spread(function: Callable[[Any], Any], items: Sequence[Any], n_jobs: int) -> list[Any]:
    """Return the function of each item, in their order, by `n_jobs` threads.

    The calling thread is one of them. What the function does must not come here again.
    """
    helpers = min(n_jobs, len(items)) - 1
    if helpers < 1:
        return [function(item) for item in items]
    results: list[Any] = [None] * len(items)
    left = deque(range(len(items)))
    ended: SimpleQueue[BaseException | None] = SimpleQueue()

    def work() -> None:
        while left:
            try:
                i = left.popleft()
            except IndexError:  # another thread was quicker
                return
            results[i] = function(items[i])

    def help_out() -> None:
        try:
            share = seats.pop()
        except IndexError:  # too late: nobody waits for this thread
            return
        try:
            share()
        except BaseException as error:
            ended.put(error)
        else:
            ended.put(None)

    seats = deque([work] * helpers)  # who has none keeps nothing of `work` alive
    try:
        pool.submit(help_out, helpers)
        work()
    finally:
        left.clear()  # after an error
        with suppress(IndexError):
            while seats:
                seats.pop()
                helpers -= 1
        ends = [ended.get() for _ in range(helpers)]
    errors = [end for end in ends if end is not None]
    try:
        if errors:
            raise errors[0]
    finally:
        del ends, errors  # their tracebacks hold this frame
    return results
