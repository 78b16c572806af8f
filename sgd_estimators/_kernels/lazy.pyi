import numpy as np
from numpy.typing import NDArray

from .objective import Objective
from .order import Order

def run_lazy_epoch(
    f: Objective,
    W: NDArray[np.float64],
    order: Order,
    batch_size: int,
    n_batches: int,
    rate: float,
) -> float: ...
