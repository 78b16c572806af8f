import numpy as np
from numpy.typing import NDArray

from .objective import Objective
from .order import Order
from .steps import Step

def run_adagrad_epoch(
    f: Objective,
    move: Step,
    W: NDArray[np.float64],
    order: Order,
    batch_size: int,
    rates: NDArray[np.float64],
) -> float: ...
