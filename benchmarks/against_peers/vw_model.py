"""Vowpal Wabbit on arrays: they are written in its format, which it reads from a cache."""

import tempfile
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from vowpalwabbit import Workspace

CONSTANT = 11_650_396  # the feature that is the intercept, before it is masked


class VW:
    """Its SGD, or its L-BFGS; both sum the losses, and the squared one has no half."""

    def __init__(self, alpha, n, mode, max_iter, rate=None):
        self.alpha, self.n, self.mode = alpha, n, mode
        self.max_iter, self.rate = max_iter, rate

    def fit(self, X, y):
        """Write the rows to a file, make the passes and read the weights."""
        squared = y.dtype.kind == "f"
        penalty = self.alpha * (2 if squared else 1)
        bits = 18 if X.shape[1] < 100_000 else 22  # no column at the intercept's place
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows"
            write(path, X, y if squared else 2 * y - 1)
            options = (
                f"-d {path} -c -k --passes {self.max_iter} -b {bits} --quiet --holdout_off"
                f" --no_bias_regularization"
                f" --loss_function {'squared' if squared else 'logistic'}"
            )
            if squared:
                options += f" --min_prediction {y.min()} --max_prediction {y.max()}"
            if self.mode == "bfgs":
                options += f" --bfgs --l2 {penalty} --termination 0"
            else:
                options += f" --l2 {penalty / self.n} -l {self.rate}"
            model = Workspace(options)
            weights = [model.get_weight(j) for j in range(X.shape[1])]
            self.intercept_ = model.get_weight(CONSTANT & ((1 << bits) - 1))
            self.coef_ = np.array(weights)
            model.finish()
        return self


def write(path, X, y):
    """Write "label | column:value ..." for each row, without the zeros."""
    X = sp.csr_matrix(X)
    pairs = [
        f"{j}:{v:.9g}" for j, v in zip(X.indices.tolist(), X.data.tolist(), strict=True)
    ]
    ends = X.indptr.tolist()
    with path.open("w") as file:
        for i, label in enumerate(y.tolist()):
            file.write(f"{label} | {' '.join(pairs[ends[i] : ends[i + 1]])}\n")
