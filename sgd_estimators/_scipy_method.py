"""`GradientDescent`: `minimize` as a method of `scipy.optimize.minimize`."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize
from sklearn.base import BaseEstimator

from ._minimize import minimize

Array = NDArray[np.float64]


class GradientDescent(BaseEstimator):
    """Gradient descent, and its kin, for ``scipy.optimize.minimize(..., method=...)``.

    SciPy's ``fun``, ``args``, ``jac`` (a function, True or None: by differences),
    ``hess``, ``tol`` and ``callback`` mean there what they do for its own methods.
    ``options={"maxiter": ...}``, the one option, and ``tol`` take the place of those below.
    Bounds and constraints are an error.

    Parameters
    ----------
    optimizer : str, Optimizer or subclass of Optimizer, default="sgd"
        As in `minimize`.
    learning_rate : float, str or rate object, default="auto"
        As in `minimize`: for "sgd", a line search.
    momentum : float, default=None
        In [0, 1): takes the place of the optimizer's own.
    schedule : str, Schedule or callable, default="auto"
        As in `minimize`.
    max_iter : int, default=1000
        Steps.
    tol : float, default=1e-6
        As in `minimize`.

    See Also
    --------
    minimize : The same without SciPy around it; what it returns is what SciPy returns.

    Examples
    --------
    >>> from scipy.optimize import minimize, rosen, rosen_der
    >>> from sgd_estimators import GradientDescent
    >>> method = GradientDescent(learning_rate=0.001, momentum=0.95)
    >>> end = minimize(rosen, [-1.0, 1.0], jac=rosen_der, method=method)
    >>> end.kind, end.x.round(4)
    ('minimum', array([1., 1.]))
    """

    def __init__(
        self,
        optimizer: Any = "sgd",
        *,
        learning_rate: Any = "auto",
        momentum: float | None = None,
        schedule: Any = "auto",
        max_iter: int = 1000,
        tol: float = 1e-6,
    ) -> None:
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.schedule = schedule
        self.max_iter = max_iter
        self.tol = tol

    def __call__(
        self,
        fun: Callable[..., Any],
        x0: ArrayLike,
        args: tuple[Any, ...] = (),
        *,
        jac: Any = None,
        hess: Any = None,
        hessp: Any = None,
        bounds: Any = None,
        constraints: Any = (),
        callback: Callable[..., Any] | None = None,
        maxiter: int | None = None,
        tol: float | None = None,
    ) -> Any:
        """Minimise fun from x0: what SciPy calls.

        Parameters
        ----------
        fun : callable ``(x, *args)``
            f.
        x0 : array-like of shape (n,)
            Where to start.
        args : tuple, default=()
            For fun, jac and hess.
        jac, hess : callable ``(x, *args)``, default=None
            The gradient and the Hessian.
        hessp, bounds, constraints
            An error.
        callback : callable, default=None
            ``callback(x)`` or ``callback(intermediate_result)`` after each step;
            StopIteration ends the run.
        maxiter : int, default=None
            Steps; None is ``max_iter``.
        tol : float, default=None
            See `minimize`; None is ``tol`` of the constructor.

        Returns
        -------
        scipy.optimize.OptimizeResult
            See `minimize`.
        """
        for name, value in (("hessp", hessp), ("bounds", bounds)):
            if value is not None:
                raise ValueError(f"{name} cannot be honoured by GradientDescent")
        if np.size(constraints):
            raise ValueError("constraints cannot be honoured by GradientDescent")
        if hess is not None and not callable(hess):
            raise ValueError(f"hess must be a function or None here, got {hess!r}")

        def of_x(function: Callable[..., Any] | None) -> Callable[[Array], Any] | None:
            return None if function is None else lambda x: function(x, *args)

        return minimize(
            lambda x: fun(x, *args),
            x0,
            grad=of_x(jac),
            hess=of_x(hess),
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            schedule=self.schedule,
            max_iter=self.max_iter if maxiter is None else maxiter,
            tol=self.tol if tol is None else tol,
            callback=None if callback is None else as_ours(callback),
        )


def as_ours(callback: Callable[..., Any]) -> Callable[[Array, int, Any], bool]:
    """Return SciPy's kind of callback as ours, which stops by True."""
    try:
        whole = set(inspect.signature(callback).parameters) == {"intermediate_result"}
    except ValueError:  # of a builtin
        whole = False

    def ours(x: Array, t: int, record: dict[str, float]) -> bool:
        result = optimize.OptimizeResult(x=x.copy(), fun=record["objective"], nit=t)
        try:
            callback(intermediate_result=result) if whole else callback(result.x)
        except StopIteration:
            return True
        return False

    return ours
