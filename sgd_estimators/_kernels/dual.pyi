import numpy as np
from numpy.typing import NDArray

from .objective import Objective
from .order import Order

Array = NDArray[np.float64]

class Dual(Objective):
    memory: tuple[Array, Array]
    left: float
    period: int
    def __init__(self, f: Objective) -> None: ...
    def refresh(self, W: Array) -> None: ...
    def ascend(self, W: Array, order: Order) -> tuple[Array, float]: ...
