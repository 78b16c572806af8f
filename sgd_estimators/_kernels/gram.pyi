from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

def see(
    X: NDArray[Any], rows: NDArray[np.intp], centre: Array, factor: Array, out: Array
) -> None: ...
def forms(A: Array, B: Array) -> Array: ...
def lay_out(X: NDArray[Any], out: NDArray[Any]) -> float: ...
def gram(
    X: NDArray[Any],
    rows: NDArray[np.intp] | range,
    weight: Array | None = None,
    Y: Array | None = None,
    origin: Array | None = None,
    centre: Array | None = None,
    factor: Array | None = None,
    constant: bool = False,
) -> Array: ...
