"""The base class of the optimizers, and the checks of their arguments."""

import math
from collections.abc import Callable
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from ._kernels.objective import Objective

Vector: TypeAlias = NDArray[np.float64]


def as_float(value: Any) -> float:
    """Return a number as a float: NaN, which is in no range, if it is too large for one."""
    try:
        return float(value)
    except OverflowError:
        return math.nan


def check_fractions(**values: Any) -> None:
    """Raise ValueError unless every value is in [0, 1)."""
    for name, value in values.items():
        if not (isinstance(value, Real) and 0 <= as_float(value) < 1):
            raise ValueError(f"{name} must be in [0, 1), got {value!r}")


def check_positive(**values: Any) -> None:
    """Raise ValueError unless every value is positive and finite."""
    for name, value in values.items():
        if not (isinstance(value, Real) and 0 < as_float(value) < math.inf):
            raise ValueError(f"{name} must be a finite number > 0, got {value!r}")


def check_flag(name: str, value: Any) -> None:
    """Raise ValueError unless the value is a bool."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False, got {value!r}")


class Optimizer(BaseEstimator):
    """Base class of the optimizers: hyperparameters, and how to start a run.

    A subclass's constructor stores its arguments under their own names and does nothing
    else, as for every scikit-learn estimator: `clone`, `repr`, `get_params`,
    `set_params` and a grid search then work.

    Examples
    --------
    An optimizer of your own. The state lives in the attributes of a class, so that a
    run can be pickled and go on:

    >>> import numpy as np
    >>> class HeavyBallStep:
    ...     def __init__(self, n_params, beta):
    ...         self.v = np.zeros(n_params)
    ...         self.beta = beta
    ...     def __call__(self, x, g, rate):
    ...         self.v = self.beta * self.v - rate * g
    ...         x += self.v
    >>> class HeavyBall(Optimizer):
    ...     def __init__(self, beta=0.9):
    ...         self.beta = beta
    ...     def start(self, n_params):
    ...         return HeavyBallStep(n_params, self.beta)
    >>> x = np.array([3.0, -4.0])
    >>> step = HeavyBall(beta=0.5).start(n_params=2)
    >>> for _ in range(100):
    ...     step(x, 2 * x, 0.1)  # for f(x) = x1^2 + x2^2
    >>> np.allclose(x, 0, atol=1e-8)
    True
    """

    def start(self, n_params: int) -> Callable[[Vector, Vector, float], None]:
        """Begin a run over ``n_params`` parameters.

        Parameters
        ----------
        n_params : int
            The length of x.

        Returns
        -------
        callable ``(x, g, rate)``
            Changes x in place by the gradient g, which is read-only, and returns None.
            It owns the run's state: two starts share nothing. If it has a method
            ``solution(x)``, that returns the vector to report instead of x.

        Raises
        ------
        ValueError
            If a hyperparameter is out of its range.
        """
        raise NotImplementedError(f"{type(self).__name__} must define start(n_params)")

    def estimate(self, f: Objective) -> Objective:
        """Return what a run takes the gradients of its mini-batches from.

        Parameters
        ----------
        f : Objective
            The function that is minimised.

        Returns
        -------
        Objective
            The f given, or another estimate of its gradient, as for `SVRG` and `SAGA`.
        """
        return f

    #: Whether a step is the best one for its row: it has no rate, and cannot diverge.
    _exact: bool = False

    def _check_task(self, f: Objective, plan: Any) -> None:
        """Raise ValueError where f, or the plan of a run, is not for this rule."""

    #: Updates on new rows, of noise only, after which the rate of a stream falls; infinite
    #: for rules whose steps become shorter by themselves.
    _patience: float = 30.0

    #: Whether a step is no mean of several batches' gradients.
    _single: bool = False

    #: Whether ``schedule="auto"`` keeps the rate as it is.
    _steady: bool = False

    def _meet(self, step: Any, f: Objective, W: Vector, *, fresh: bool) -> Any:
        """Show a step the rows of f, new ones of a stream if `fresh`, before it begins.

        Returns how far each parameter moves at the rate 1, in terms of the others.
        """
        return 1.0

    #: The part of the sign step (see `auto_rate`) that is a good rate; None for rules
    #: that move along the gradient.
    _sign_share: float | None = None

    def auto_rate(self, smoothness: Any) -> float:
        """Return the rate that ``learning_rate="auto"`` stands for.

        ::

            0.75 / (L + L_noise / (1 - momentum))     along the gradient
            c (1 - momentum) a,  a = argmin_a f(x0 - a sign(grad f))   for AdaGrad, ...

        With L + L_noise the expected smoothness of the mini-batches; 2 is where plain SGD
        on a quadratic stops being stable, and ``schedule="auto"`` raises the rate while
        that helps. Momentum repeats a
        batch's noise 1 / (1 - momentum) times, so it counts as much more. Rules that
        divide by the gradient's size take steps in the units of x: a part of the best
        first step along the signs.

        Parameters
        ----------
        smoothness : object with ``mean``, ``noise`` and ``sign_step``
            L, L_noise and a.

        Returns
        -------
        float
            The rate, > 0.

        References
        ----------
        R. Gower et al., "SGD: general analysis and improved rates", ICML 2019.
        """
        repeats = 1.0 / (1.0 - float(getattr(self, "momentum", 0.0)))
        if self._sign_share is not None and smoothness.sign_step > 0:
            return float(self._sign_share * smoothness.sign_step / repeats)
        total = smoothness.mean + smoothness.noise * repeats
        return float(0.75 / total) if total > 0 else 1.0
