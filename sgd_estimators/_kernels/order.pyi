import numpy as np
from numpy.typing import NDArray

class Order:
    n: int
    n_segments: int
    run_length: int
    def __init__(
        self,
        n: int,
        active: NDArray[np.intp] | range | None = None,
        n_segments: int = 1,
        run_length: int | None = None,
    ) -> None: ...
    def restart(self, batch_size: int) -> None: ...
    def shuffle(self, seed: int, epoch: int, batch_size: int) -> None: ...
    def take(self, size: int) -> NDArray[np.intp]: ...
