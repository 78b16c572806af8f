from typing import Any

from .objective import Objective

class Function(Objective):
    calls: Any
    error: BaseException | None
    def __init__(self, calls: Any, n: int) -> None: ...
