"""The method without an estimator around it: an objective, and its minimiser."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_random_state

from . import _auto
from ._estimate import check
from ._kernels.losses import Logistic, Loss, Softmax, Squared
from ._kernels.objective import Objective
from ._params import (
    canonical,
    check_weight,
    choice,
    integer,
    n_threads,
    real,
    resolve_schedule,
)
from ._rows import as_rows
from ._run import go_on
from ._state import Outcome, Plan, Run
from .optimizers import get_optimizer
from .schedules import get_rate

Array = NDArray[np.float64]

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
        lambda >= 0, in the units of the data; b is not penalised.
    sample_weight : array-like of shape (n_samples,), default=None
        s >= 0; a row of weight 0 is left out.
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


def minimize(
    f: Objective,
    W: ArrayLike | None = None,
    optimizer: Any = "sgd",
    *,
    learning_rate: Any = "auto",
    schedule: Any = "auto",
    batch_size: int | str = "auto",
    preconditioner: str | None = None,
    max_iter: int = 100,
    tol: float = 1e-6,
    n_iter_no_change: int = 5,
    shuffle: bool = True,
    random_state: Any = None,
    callback: Callable[[Array, int, dict[str, float]], bool] | None = None,
) -> Outcome:
    """Minimise f by W <- step(W, grad f_B(W), rate_t) over random mini-batches B.

    Parameters
    ----------
    f : Objective
        See `objective`.
    W : array-like of shape (n_outputs, n_columns), default=None
        Where to start; None: 0, with the best constants as intercepts.
    optimizer : str, Optimizer or subclass of Optimizer, default="sgd"
    learning_rate : float, str or rate object, default="auto"
    schedule : str, Schedule or callable, default="auto"
    batch_size : int, "full" or "auto", default="auto"
    preconditioner : "hessian" or None, default=None
        "hessian": the inverse of a mini-batch's Hessian, on top of the metric of f.
    max_iter : int, default=100
        Epochs.
    tol : float, default=1e-6
        The certified accuracy, as in the estimators.
    n_iter_no_change : int, default=5
    shuffle : bool, default=True
    random_state : int, RandomState instance or None, default=None
    callback : callable ``(W, epoch, record)``, default=None
        Called after every epoch; True stops.

    Returns
    -------
    Outcome
        With ``W``, ``objective``, ``gap``, ``certificate``, ``converged``,
        ``stop_reason``, ``n_iter`` and ``history``; see the estimators' attributes.

    Raises
    ------
    ValueError, TypeError
        For bad arguments.

    Examples
    --------
    >>> import numpy as np
    >>> from sgd_estimators import minimize, objective
    >>> x = np.linspace(0, 1, 50)
    >>> f = objective(x[:, None], 3 * x - 1)
    >>> end = minimize(f, optimizer="sgd", max_iter=500, random_state=0)
    >>> end.W.round(2)
    array([[ 3., -1.]])
    """
    if not isinstance(f, Objective):
        raise TypeError(f"f must be an Objective, as `objective` returns, got {f!r}")
    valid = preconditioner in (None, "hessian")
    choice("preconditioner", preconditioner, '"hessian" or None', valid)
    hessian = preconditioner is not None
    rule = get_optimizer(optimizer)
    size = f.n_active
    if batch_size == "auto":
        size = _auto.batch_size(f, hessian, rule._exact)
    if batch_size not in ("auto", "full"):
        integer("batch_size", batch_size, 1)
        size = min(int(batch_size), f.n_active)
    integer("max_iter", max_iter, 1)
    integer("n_iter_no_change", n_iter_no_change, 1)
    real("tol", tol, 0, open_=False)
    begin = _auto.start(f)
    if W is not None:
        given = check_array(W, dtype=np.float64, order="C", input_name="W", copy=True)
        choice("W", given.shape, f"of shape {begin.shape}", given.shape == begin.shape)
        begin = given
    plan = Plan(
        optimizer=rule,
        learning_rate=get_rate(learning_rate),
        schedule=resolve_schedule(schedule),
        batch_size=batch_size,
        hessian=hessian,
        shuffle=shuffle,
        tol=tol,
        n_iter_no_change=n_iter_no_change,
        callback=callback,
    )
    check(f, plan)
    seed = int(check_random_state(random_state).randint(2**31 - 1))
    run = Run(begin, (np.asarray(f.rows.mean), np.asarray(f.rows.scale)), seed, size)
    return go_on(f, run, plan, max_iter)
