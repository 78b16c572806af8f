import numpy as np
from numpy.typing import ArrayLike, NDArray

from .objective import Objective

Array = NDArray[np.float64]

class Corrected(Objective):
    memory: tuple[Array, Array]
    period: int
    share: Array | None
    def __init__(self, f: Objective, renews: bool, period: int) -> None: ...
    def refresh(self, W: ArrayLike) -> None: ...
