"""f of data, as the loop sees it: `objective`."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from . import _auto
from ._kernels.losses import Logistic, Loss, Softmax, Squared
from ._kernels.objective import Objective
from ._params import canonical, check_weight, choice, n_threads, real
from ._rows import as_rows

LOSSES = ("squared", "logistic", "softmax")


def objective(
    X: ArrayLike | sp.csr_matrix,
    y: ArrayLike,
    loss: str = "squared",
    *,
    penalty: float = 0.0,
    sample_weight: ArrayLike | None = None,
    fit_intercept: bool = True,
    preconditioner: str | None = None,
) -> Objective:
    """Return f(W) = 1/S sum_i s_i l(y_i, W x_i + b) + penalty/2 ||W||^2.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Real targets; {0, 1} for the logistic loss, 0 to K - 1 for softmax.
    loss : {"squared", "logistic", "softmax"}, default="squared"
    penalty : float, default=0.0
        Of f, lambda >= 0, in the units of the data; b is not penalised.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights s >= 0; a row of weight 0 is left out.
    fit_intercept : bool, default=True
        Whether W has a last column b.
    preconditioner : "diagonal" or None, default=None
        "diagonal": W belongs to columns that are centred and scaled; see
        ``f.rows.to_user(W)``.

    Returns
    -------
    Objective
        ``f.value_and_gradient(W)`` is f and its gradient at W of shape
        ``(n_outputs, n_features + fit_intercept)``.

    Raises
    ------
    ValueError, TypeError
        For bad data or arguments.

    Examples
    --------
    >>> from sgd_estimators import objective
    >>> f = objective([[0.0], [1.0]], [0.0, 2.0], fit_intercept=False)
    >>> value, gradient = f.value_and_gradient([[1.0]])
    >>> float(value), gradient
    (0.25, array([[-0.5]]))
    """
    choice("loss", loss, f"one of {LOSSES}", loss in LOSSES)
    real("penalty", penalty, 0, open_=False)
    choice(
        "preconditioner",
        preconditioner,
        '"diagonal" or None',
        preconditioner in (None, "diagonal"),
    )
    X = check_array(
        X, accept_sparse="csr", dtype=[np.float64, np.float32], ensure_all_finite=False
    )
    X = canonical(X, n_threads(None))
    Y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
    Y = np.ascontiguousarray(Y.reshape(len(Y), -1))
    if len(Y) != X.shape[0]:
        raise ValueError(f"y must have {X.shape[0]} rows, as X has, got {len(Y)}")
    kind: Loss = Squared() if loss == "squared" else Logistic()
    if loss != "squared":
        labels = np.unique(Y)
        K = 2 if loss == "logistic" else int(labels[-1]) + 1
        valid = Y.shape[1] == 1 and np.array_equal(labels, np.arange(K))
        choice("y", labels, f"the classes 0 to {max(K - 1, 1)}, all present", valid)
        kind = kind if loss == "logistic" else Softmax(K)
    weight = check_weight(sample_weight, X.shape[0])
    active = None if weight is None or weight.all() else np.flatnonzero(weight)
    n_outputs = kind.n_classes if isinstance(kind, Softmax) else Y.shape[1]
    rows = as_rows(X, bool(fit_intercept))
    f = Objective(rows, kind, Y, np.full(n_outputs, float(penalty)), weight, active)
    if preconditioner is not None:
        f.set_metric(*_auto.metric(f))
    return f
