import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

class Loss:
    curvature: float
    def intercept(self, y: Array, weight: Array | None) -> Array: ...

class Squared(Loss): ...
class Logistic(Loss): ...

class Softmax(Loss):
    n_classes: int
    def __init__(self, n_classes: int) -> None: ...
