import math

class Progress:
    limit: float
    start: float
    tol: float
    lowest: float
    stalled: int
    def __init__(self, start: float, tol: float) -> None: ...
    def ends(self, loss: float) -> bool: ...

class BoldDriver:
    start: float
    ceiling: float
    before: float
    factor: float
    highest: float
    top: float
    noisy: bool
    restarts: bool
    def __init__(
        self, start: float, ceiling: float = math.inf, noisy: bool = True
    ) -> None: ...
    def see(self, loss: float) -> None: ...
