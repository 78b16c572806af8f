"""BLAS on one thread: its own wait busily, and keep the cores from those of the loop."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

WIDE = 256  # columns from which its products are quicker than ours


@cache
def _controller() -> Any:
    return ThreadpoolController().select(user_api="blas")


class _Limit:
    """The limit is the process's: the first to ask sets it, the last to leave lifts it."""

    def __init__(self) -> None:
        self.lock, self.users = Lock(), 0
        self.limit: Any = None

    def enter(self) -> None:
        with self.lock:
            if self.users == 0:
                self.limit = _controller().limit(limits=1)
            self.users += 1

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                self.limit.restore_original_limits()


_limit = _Limit()


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold BLAS to one thread."""
    _limit.enter()
    try:
        yield
    finally:
        _limit.leave()
