from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .objective import Objective

Array = NDArray[np.float64]

class Preconditioned(Objective):
    roots: Array
    def __init__(self, f: Objective, roots: Array) -> None: ...
    def value_and_gradient(
        self, W: ArrayLike, batch: Any = None
    ) -> tuple[float, Array]: ...
    def outside(self, W: Array) -> Array: ...
    def inside(self, W: Array) -> Array: ...
