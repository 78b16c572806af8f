"""Threads that wait for work, so that a pass need not start its own."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import Any


@cache
def _pool(n_threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n_threads, "sgd_estimators")


if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


def spread(function: Callable[[Any], Any], items: Sequence[Any], n_jobs: int) -> list[Any]:
    """Return the function of each item, in their order, by `n_jobs` threads.

    The calling thread is one of them. What the function does must not come here again.
    """
    n_jobs = min(n_jobs, len(items))
    if n_jobs <= 1:
        return [function(item) for item in items]
    results: list[Any] = [None] * len(items)
    left = deque(range(len(items)))

    def work() -> None:
        while True:
            try:
                i = left.popleft()
            except IndexError:
                return
            results[i] = function(items[i])

    pool = _pool(n_jobs - 1)
    others = [pool.submit(work) for _ in range(n_jobs - 1)]
    try:
        work()
    finally:
        left.clear()  # after an error
        wait(others)
    for other in others:
        other.result()
    return results
