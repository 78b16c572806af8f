"""Arrays in which scikit-learn's checks, slower than a look at small data, find nothing."""

from typing import Any

import numpy as np


def accepted(model: Any, X: Any, y: Any, *, reset: bool) -> bool:
    """Return whether `validate_data` would change nothing; if so, do the rest of its work.

    That is to note how many features X has, and that they have no names.
    """
    if not (type(X) is np.ndarray and type(y) is np.ndarray):
        return False
    numbers = X.dtype in (np.float64, np.float32) and X.ndim == 2 and X.size > 0
    if not (numbers and y.ndim in (1, 2) and y.size > 0 and len(y) == len(X)):
        return False
    if not (y.dtype.kind in "biu" or (y.dtype.kind == "f" and np.isfinite(y).all())):
        return False
    if not reset:
        named = hasattr(model, "feature_names_in_")
        return not named and getattr(model, "n_features_in_", X.shape[1]) == X.shape[1]
    model.n_features_in_ = X.shape[1]
    if hasattr(model, "feature_names_in_"):
        del model.feature_names_in_
    return True
