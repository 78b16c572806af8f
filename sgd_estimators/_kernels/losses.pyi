import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FAINT: float

def faint(n: int, stream: bool) -> float: ...

class Loss:
    curvature: float
    def intercept(self, y: Array, weight: Array | None) -> Array: ...
    def slopes(self, y: Array, s: Array, Z: Array) -> float: ...

class Squared(Loss): ...
class Variance(Loss): ...

class Logistic(Loss):
    stream: bool
    def __init__(self, stream: bool = False) -> None: ...

class Softmax(Loss):
    n_classes: int
    stream: bool
    def __init__(self, n_classes: int, stream: bool = False) -> None: ...
