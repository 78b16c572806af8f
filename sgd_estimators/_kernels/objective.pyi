from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .losses import Loss
from .rows import Rows

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

class Objective:
    rows: Rows
    loss: Loss
    y: Array
    alpha: Array
    weight: Array | None
    active: Indices | range | None
    n_active: int
    n_outputs: int
    n_params: int
    n_jobs: int
    total_weight: float
    lowest: float
    def __init__(
        self,
        rows: Rows,
        loss: Loss,
        y: Array,
        alpha: ArrayLike,
        weight: Array | None = None,
        active: Indices | range | None = None,
    ) -> None: ...
    @property
    def penalty(self) -> Array: ...
    @property
    def indices(self) -> Indices | range: ...
    @property
    def losses(self) -> Array: ...
    def take(self, values: NDArray[Any]) -> NDArray[Any]: ...
    def scores(self, W: ArrayLike) -> Array: ...
    def partial_scores(self, W: ArrayLike) -> Array: ...
    def value_on(self, W: ArrayLike, batch: Any) -> float: ...
    def set_metric(self, mean: Array, scale: Array) -> None: ...
    def value_and_gradient(
        self, W: ArrayLike, batch: Any = None
    ) -> tuple[float, Array]: ...
