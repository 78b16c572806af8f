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
def spreads(
    x: NDArray[Any],
    indices: NDArray[Any],
    indptr: NDArray[Any],
    rows: NDArray[np.intp],
    weight: Array | None,
    centre: Array,
    first: Array,
    second: Array,
    stored: Array,
) -> float: ...
def norms(
    x: NDArray[Any],
    indices: NDArray[Any],
    indptr: NDArray[Any],
    rows: NDArray[np.intp],
    share: Array | None,
    out: Array,
) -> None: ...
def distances(
    x: NDArray[Any],
    indices: NDArray[Any],
    indptr: NDArray[Any],
    rows: NDArray[np.intp],
    share: Array,
    centre: Array,
    far: NDArray[np.intp],
    rest: Array,
    out: Array,
) -> None: ...
def powers(
    x: NDArray[Any],
    indices: NDArray[Any],
    indptr: NDArray[Any],
    rows: NDArray[np.intp],
    centre: Array,
    count: Array,
    second: Array,
    fourth: Array,
) -> None: ...
def products(
    x: NDArray[Any],
    indices: NDArray[Any],
    indptr: NDArray[Any],
    rows: NDArray[np.intp],
    weight: Array | None,
    second: Array,
    first: Array,
) -> float: ...
def scatter(
    x: NDArray[Any],
    indices: NDArray[Any],
    indptr: NDArray[Any],
    rows: NDArray[np.intp],
    factor: Array,
    A: Array,
) -> None: ...
def far(
    X: NDArray[Any],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    low: Array,
    high: Array,
    found: NDArray[np.uint8],
) -> None: ...
def far_entries(
    x: NDArray[Any],
    indices: NDArray[Any],
    indptr: NDArray[Any],
    rows: NDArray[np.intp],
    low: Array,
    high: Array,
    found: NDArray[np.uint8],
) -> None: ...
