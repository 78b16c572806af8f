from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

def sums(
    x: NDArray[Any],
    indices: NDArray[Any],
    indptr: NDArray[Any],
    rows: NDArray[np.intp],
    weight: Array | None,
    first: Array,
    second: Array,
) -> None: ...
