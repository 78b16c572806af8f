"""The stored data sets that the benchmarks read."""

import os
from pathlib import Path

import numpy as np
import scipy.sparse as sp

FOLDER = Path(
    os.environ.get("SGD_ESTIMATORS_DATA", Path(__file__).parents[2] / "shared" / "data")
)


def load(name):
    """Return raw X, an array or a CSR matrix, and y."""
    with np.load(FOLDER / f"{name}.npz") as stored:
        if "X" in stored:
            return stored["X"], stored["y"]
        parts = stored["data"], stored["indices"], stored["indptr"]
        X = sp.csr_matrix(parts, shape=tuple(stored["shape"].tolist()))
        return X, stored["y"]
