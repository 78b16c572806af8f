from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .objective import Objective

Vector = NDArray[np.float64]
Indices = NDArray[np.intp]

class Rate:
    def __call__(
        self, f: Objective, batch: Indices, x: Vector, g: Vector, loss: float
    ) -> float: ...

class PolyakRate(Rate):
    def __init__(self, c: float, lowest: float = 0.0) -> None: ...

class LineSearchRate(Rate):
    def __init__(self, c: float, factor: float) -> None: ...

class DoGRate(Rate):
    def __init__(self, first: float, eps: float) -> None: ...

class PythonRate(Rate):
    function: Callable[..., Any]
    def __init__(self, function: Callable[..., Any]) -> None: ...
