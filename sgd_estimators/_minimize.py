"""The method without an estimator around it: `minimize`."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize
from sklearn.utils import check_array, check_random_state

from . import _auto
from ._descent import Calls, beginning, descend
from ._estimate import check
from ._kernels.objective import Objective
from ._optimizer import Optimizer
from ._params import (
    check_momentum,
    choice,
    integer,
    real,
    resolve_schedule,
    with_momentum,
)
from ._rates import check_rate
from ._resume import batch_size
from ._run import go_on
from ._state import Plan, Run
from .optimizers import SGD, get_optimizer
from .schedules import LineSearch, get_rate

Array = NDArray[np.float64]

STATUS = ("certified", "max_iter", "diverged", "no_improvement", "callback")


def minimize(
    f: Objective | Callable[..., Any],
    x0: ArrayLike | None = None,
    *,
    grad: Callable[[Array], ArrayLike] | None = None,
    hess: Callable[[Array], ArrayLike] | None = None,
    optimizer: Any = "sgd",
    learning_rate: Any = "auto",
    momentum: float | None = None,
    schedule: Any = "auto",
    max_iter: int = 1000,
    tol: float = 1e-6,
    callback: Callable[[Array, int, dict[str, float]], Any] | None = None,
    batch_size: int | str = "auto",
    preconditioner: str | None = None,
    n_iter_no_change: int = 5,
    shuffle: bool = True,
    random_state: Any = None,
) -> Any:
    """Minimise f by x <- step(x, grad f(x), rate_t): gradient descent, and its kin.

    f is any function that has a gradient, or an `objective` of data, over whose random
    mini-batches B the steps are then taken, grad f_B in the place of grad f.

    Parameters
    ----------
    f : callable or Objective
        ``f(x)`` returns the value, or the value and the gradient, at x of shape (n,); or
        see `objective`.
    x0 : array-like of shape (n,), default=None
        Where to start. For an Objective of shape ``(n_outputs, n_columns)``; None is 0,
        with the best constants as intercepts.
    grad : callable, default=None
        ``grad(x)`` returns the gradient. None: f returns it, or it is taken by
        `scipy.optimize.approx_fprime`.
    hess : callable, default=None
        ``hess(x)`` returns the Hessian, which tells the kind of the stationary point.
        None: up to 100 parameters, by central differences.
    optimizer : str, Optimizer or subclass of Optimizer, default="sgd"
        As the estimators take it; those that remember rows are for an Objective.
    learning_rate : float, str or rate object, default="auto"
        "auto" for a function is ``LineSearch("wolfe")``, which is for "sgd" without
        momentum; with others, give a number.
    momentum : float, default=None
        In [0, 1): takes the place of the optimizer's own.
    schedule : str, Schedule or callable, default="auto"
        As the estimators take it; "auto" for a function is "constant".
    max_iter : int, default=1000
        Steps; epochs of an Objective.
    tol : float, default=1e-6
        A function: ``||grad f(x)|| <= tol max(1, ||grad f(x0)||)`` is a stationary point,
        and ends the run. An Objective: the certified accuracy, as in the estimators.
    callback : callable ``(x, t, record)``, default=None
        Called after each step t (epoch), with the record that ``history_`` of the
        estimators has of one; True stops.
    batch_size : int, "full" or "auto", default="auto"
        Rows a step, of an Objective.
    preconditioner : "hessian" or None, default=None
        "hessian": the inverse of a mini-batch's Hessian, on top of the metric of an
        Objective.
    n_iter_no_change : int, default=5
        Of an Objective; see the estimators.
    shuffle : bool, default=True
        Of an Objective.
    random_state : int, RandomState instance or None, default=None
        Of an Objective.

    Returns
    -------
    scipy.optimize.OptimizeResult
        With ``x``, ``fun``, ``jac``: where it ended, f and the gradient there. That is the
        stationary point, or else the best point met. ``nit``, ``success``, ``status``,
        ``stop_reason``, ``message``, and ``rates``, of shape (nit,).

        Of a function also ``trajectory`` of shape (nit + 1, n), the points where the
        gradients were taken, x0 first; ``nfev``, ``njev``; ``kind``: "minimum", "saddle",
        "maximum", "degenerate" (the Hessian has eigenvalues 0 and does not tell) or
        "unknown", and ``eigenvalues``, of the Hessian; None where no stationary point was
        reached. A saddle and a maximum are no success. ``stop_reason`` is "stationary",
        "max_iter", "not_finite", "stuck" or "callback".

        Of an Objective also ``gap``, ``certificate``, ``history`` and ``t``, and the
        ``stop_reason`` of the estimators; success is a certificate.

    Raises
    ------
    ValueError, TypeError
        For bad arguments, and those that f cannot honour.
    KeyboardInterrupt
        Ctrl-C ends the run without a result. What a callback has kept is there: a run that
        is long enough to be interrupted should have one.

    See Also
    --------
    GradientDescent : The same for `scipy.optimize.minimize`.

    Examples
    --------
    >>> import numpy as np
    >>> from sgd_estimators import minimize, objective
    >>> end = minimize(lambda x: x[0] ** 2 + 10 * x[1] ** 2, [3.0, 1.0])
    >>> end.kind, end.x.round(4) + 0.0
    ('minimum', array([0., 0.]))
    >>> saddle = minimize(lambda x: x[0] ** 2 - x[1] ** 2, [1.0, 0.0])
    >>> saddle.message
    'A saddle: the gradient vanishes, the Hessian has eigenvalues of both signs.'

    Least squares on mini-batches:

    >>> x = np.linspace(0, 1, 50)
    >>> f = objective(x[:, None], 3 * x - 1)
    >>> minimize(f, random_state=0).x.round(2)
    array([[ 3., -1.]])
    """
    if not callable(f) and not isinstance(f, Objective):
        raise TypeError(f"f must be a function, or an `objective`, got {f!r}")
    check_momentum(momentum)
    integer("max_iter", max_iter, 1)
    real("tol", tol, 0, open_=False)
    for name, given in (("grad", grad), ("hess", hess), ("callback", callback)):
        if given is not None and not callable(given):
            raise TypeError(f"{name} must be a function or None, got {given!r}")
    valid = preconditioner in (None, "hessian")
    choice("preconditioner", preconditioner, '"hessian" or None', valid)
    plan = Plan(
        optimizer=with_momentum(get_optimizer(optimizer), momentum),
        learning_rate=get_rate(learning_rate),
        schedule=resolve_schedule(schedule),
        batch_size=batch_size,
        hessian=preconditioner is not None,
        shuffle=shuffle,
        tol=tol,
        n_iter_no_change=n_iter_no_change,
        callback=callback,
    )
    data: list[tuple[str, Any, Any]] = [
        ("batch_size", batch_size, "auto"),
        ("preconditioner", preconditioner, None),
        ("n_iter_no_change", n_iter_no_change, 5),
        ("shuffle", shuffle, True),
        ("random_state", random_state, None),
    ]
    if isinstance(f, Objective):
        _refuse(
            [("grad", grad, None), ("hess", hess, None)], "f is an Objective, with both"
        )
        return _minimize_objective(f, x0, plan, max_iter, random_state)
    _refuse(data, "f is a function, which has no rows")
    return _minimize_function(f, x0, grad, hess, plan, max_iter)


def _refuse(settings: list[tuple[str, Any, Any]], why: str) -> None:
    """Raise ValueError for a setting that is not its default."""
    for name, value, default in settings:
        if value is not default and value != default:
            raise ValueError(f"{name}={value!r} cannot be honoured: {why}")


def _minimize_function(
    f: Callable[..., Any],
    x0: Any,
    grad: Callable[..., Any] | None,
    hess: Callable[..., Any] | None,
    plan: Plan,
    max_iter: int,
) -> Any:
    rule = type(plan.optimizer)
    if rule.estimate is not Optimizer.estimate or rule._meet is not Optimizer._meet:
        raise ValueError(
            f"optimizer={plan.optimizer!r} works on rows of data, which a function has "
            "not; choose another, or make an `objective`"
        )
    if x0 is None:
        raise ValueError("x0 must be an array where f is a function, got None")
    if plan.learning_rate is None:
        if not isinstance(plan.optimizer, SGD) or plan.optimizer.momentum:
            raise ValueError(
                'learning_rate="auto" is a line search for a function, which is for SGD '
                f"without momentum; give a number with optimizer={plan.optimizer!r}"
            )
        plan.learning_rate = LineSearch("wolfe")
    check_rate(plan.learning_rate, plan.optimizer, plan.schedule)
    plan.optimizer.start(1)
    calls = Calls(f, grad)
    return descend(calls, beginning(calls, x0), plan, max_iter, hess)


def _minimize_objective(
    f: Objective, x0: Any, plan: Plan, max_iter: int, random_state: Any
) -> Any:
    if not isinstance(plan.batch_size, str) or plan.batch_size not in ("auto", "full"):
        integer("batch_size", plan.batch_size, 1)
    size = batch_size(f, plan)
    integer("n_iter_no_change", plan.n_iter_no_change, 1)
    begin = _auto.start(f)
    if x0 is not None:
        given = check_array(x0, dtype=np.float64, order="C", input_name="x0", copy=True)
        choice("x0", given.shape, f"of shape {begin.shape}", given.shape == begin.shape)
        begin = given
    check(f, plan)
    seed = int(check_random_state(random_state).randint(2**31 - 1))
    run = Run(begin, (np.asarray(f.rows.mean), np.asarray(f.rows.scale)), seed, size)
    end = go_on(f, run, plan, max_iter)
    if end.stop_reason == "interrupted":
        raise KeyboardInterrupt
    return optimize.OptimizeResult(
        x=end.W,
        fun=end.objective,
        jac=f.value_and_gradient(end.W)[1],
        nit=end.n_iter,
        success=end.converged,
        status=STATUS.index(end.stop_reason),
        stop_reason=end.stop_reason,
        message=f"{end.stop_reason}: f - f* <= {end.gap:.3g} ({end.certificate})",
        rates=end.history["rate"],
        gap=end.gap,
        certificate=end.certificate,
        history=end.history,
        t=end.t,
    )
