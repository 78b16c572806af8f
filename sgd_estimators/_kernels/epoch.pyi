import numpy as np
from numpy.typing import NDArray

from .objective import Objective
from .order import Order
from .progress import BoldDriver, Progress
from .rates import Rate
from .steps import Step

def run_epoch(
    f: Objective,
    move: Step,
    W: NDArray[np.float64],
    order: Order,
    batch_size: int,
    rates: NDArray[np.float64],
    rule: Rate | None = None,
) -> float: ...
def run_epochs(
    f: Objective,
    move: Step,
    W: NDArray[np.float64],
    order: Order,
    batch_size: int,
    rates: NDArray[np.float64],
    losses: NDArray[np.float64],
    progress: Progress,
    seed: int | None = None,
    epoch: int = 0,
    rule: Rate | None = None,
    driver: BoldDriver | None = None,
    rate: float = 1.0,
    least: float = 0.0,
    low: NDArray[np.float64] | None = None,
) -> int: ...
