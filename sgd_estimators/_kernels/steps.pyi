from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

class Step:
    units: tuple[Any, ...]
    def rescale(self, ratio: Vector, moved: Callable[[Vector], Vector]) -> None: ...
    def __call__(self, x: Vector, g: Vector, rate: float) -> None: ...
    def solution(self, x: Vector) -> Vector: ...
    def twin(self) -> Step: ...

class SGDStep(Step):
    beta: float
    nesterov: bool
    def __init__(
        self, n_params: int, momentum: float = 0.0, nesterov: bool = False
    ) -> None: ...

class AdaGradStep(Step):
    def __init__(self, n_params: int, eps: float = 1e-10) -> None: ...

class RMSPropStep(Step):
    def __init__(
        self,
        n_params: int,
        rho: float = 0.9,
        momentum: float = 0.0,
        centered: bool = False,
        eps: float = 1e-8,
    ) -> None: ...

class AdaDeltaStep(Step):
    def __init__(self, n_params: int, rho: float = 0.95, eps: float = 1e-6) -> None: ...

class AdamStep(Step):
    def __init__(
        self,
        n_params: int,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        amsgrad: bool = False,
    ) -> None: ...

class NAdamStep(Step):
    def __init__(
        self,
        n_params: int,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
    ) -> None: ...

class LionStep(Step):
    def __init__(self, n_params: int, beta1: float = 0.9, beta2: float = 0.99) -> None: ...

class AveragedStep(Step):
    inner: Step
    start: int
    def __init__(
        self, step: Callable[[Vector, Vector, float], None], start: int = 0
    ) -> None: ...

class PythonStep(Step):
    function: Callable[[Vector, Vector, float], None]
    def __init__(self, function: Callable[[Vector, Vector, float], None]) -> None: ...

def as_step(step: Any) -> Step: ...
