"""Rates that need no tuning: each step finds its own, from its mini-batch.

A rate object takes the place of a number in ``learning_rate``. It is a recipe, which no
fit ever changes; ``start()`` begins a run and returns ``rate(f, batch, x, g, loss)``,
which owns the run's state. The object may also be such a callable itself: a run then
calls a copy of it.
"""

import copy
import inspect
import math
from numbers import Real
from typing import Any

from sklearn.base import BaseEstimator

from . import _line_search
from ._kernels import rates
from ._kernels.steps import SGDStep
from ._optimizer import Optimizer, as_float, check_positive


def _check_share(name: str, value: Any) -> None:
    """Raise ValueError unless a value is in (0, 1)."""
    if not (isinstance(value, Real) and 0 < float(value) < 1):
        raise ValueError(f"{name} must be in (0, 1), got {value!r}")


class Rate(BaseEstimator):
    """Base class of the rates of the library."""

    def start(self) -> rates.Rate:
        """Begin a run."""
        raise NotImplementedError

    def _misfit(self, optimizer: Optimizer) -> str | None:
        """Return which optimizers the rule is for, if this is none of them."""
        step = optimizer.start(1)
        plain = isinstance(step, SGDStep) and step.beta == 0
        if plain and type(optimizer).estimate is Optimizer.estimate:
            return None
        return "SGD without momentum, whose steps are x - rate * grad f_B"


class PolyakStep(Rate):
    """The step that would take a mini-batch's loss down to its lowest, were it linear.

    ::

        alpha_t = min((f_B(x) - lowest) / (c ||grad f_B(x)||^2), 2^(|B| / n) alpha_(t-1))

    Polyak's step for one mini-batch, SPS_max; a loss has 0 as its lower bound. The
    second term keeps the rate from growing more than two-fold an epoch; the first step
    has the first term only. It is for `SGD` without momentum. Where the model can fit all
    rows it converges as fast as a tuned rate. Where it cannot, a batch's lowest loss is
    above 0, the steps are too long near the optimum, and f ends in a cloud around it; a
    ``schedule`` that decays makes the cloud smaller.

    Parameters
    ----------
    c : float, default=0.5
        In (0, 1). The smaller, the longer the steps.
    lowest : float, default=0.0
        A lower bound of f_B; the minimum, where it is known, for a function.

    References
    ----------
    N. Loizou, S. Vaswani, I. Laradji and S. Lacoste-Julien, "Stochastic Polyak step-size
    for SGD: an adaptive learning rate for fast convergence", AISTATS 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sgd_estimators import SGDLogistic
    >>> from sgd_estimators.schedules import PolyakStep
    >>> X, y = load_digits(return_X_y=True)
    >>> model = SGDLogistic(learning_rate=PolyakStep(), tol=1e-3, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.99
    True
    """

    def __init__(self, c: float = 0.5, lowest: float = 0.0) -> None:
        self.c = c
        self.lowest = lowest

    def start(self) -> rates.Rate:
        """Begin a run: see `Optimizer.start`."""
        _check_share("c", self.c)
        lowest: Any = self.lowest
        if not (isinstance(lowest, Real) and math.isfinite(lowest)):
            raise ValueError(f"lowest must be a finite number, got {lowest!r}")
        return rates.PolyakRate(self.c, float(lowest))


class LineSearch(Rate):
    """A search along -g, g = grad f_B(x), on each mini-batch, or on the whole of f.

    ::

        armijo  alpha_t = the first eta of eta_0, factor eta_0, factor^2 eta_0, ... with
                          f_B(x - eta g) <= f_B(x) - c eta ||g||^2
                eta_0   = min(2^(|B| / n) alpha_(t-1), f_B(x) / (c ||g||^2))
        exact   alpha_t = argmin_eta f_B(x - eta g)
        wolfe   alpha_t = an eta with f_B(x - eta g) <= f_B(x) - c eta ||g||^2  and
                          |g' grad f_B(x - eta g)| <= 0.9 ||g||^2

    No eta above the second term of eta_0 can pass, as a loss is not negative: the first
    search begins there, and for a function, which may be, with a step as long as 1 + ||x||.
    Each trial costs one pass over the batch, without its gradient. The exact search is
    `scipy.optimize.minimize_scalar`, from a bracket: the first minimum that it meets.
    Wolfe's trials have the gradient, too: they double while f_B falls steeply, then a
    secant of the slopes chooses between. Where 30 find none, the step has the first
    condition alone.

    It is for `SGD` without momentum. As with `PolyakStep`, f ends in a cloud around the
    optimum where the model cannot fit all rows: then it is a way to begin.

    Parameters
    ----------
    kind : {"armijo", "exact", "wolfe"}, default="armijo"
        What is asked of a step.
    c : float, default=None
        The part of the decrease promised by the gradient that is asked for, in (0, 1);
        None is 0.5 for Armijo's and 1e-4 for Wolfe's, which takes less than 0.9. The
        paper's theorem for convex losses takes 0.5, its experiments with networks 0.1,
        with which f may not fall at all where rows are noisy.
    factor : float, default=None
        From one of Armijo's trials to the next, in (0, 1); None is 0.9.

    References
    ----------
    S. Vaswani, A. Mishkin, I. Laradji, M. Schmidt, G. Gidel and S. Lacoste-Julien,
    "Painless stochastic gradient: interpolation, line-search, and convergence rates",
    NeurIPS 2019. J. Nocedal and S. J. Wright, "Numerical optimization", 2006, chapter 3.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sgd_estimators import SGDLogistic
    >>> from sgd_estimators.schedules import LineSearch
    >>> X, y = load_digits(return_X_y=True)
    >>> model = SGDLogistic(learning_rate=LineSearch(), tol=1e-3, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.99
    True
    """

    def __init__(
        self, kind: str = "armijo", c: float | None = None, factor: float | None = None
    ) -> None:
        self.kind = kind
        self.c = c
        self.factor = factor

    def start(self) -> rates.Rate:
        """Begin a run: see `Optimizer.start`."""
        if self.kind not in ("armijo", "exact", "wolfe"):
            raise ValueError(
                f'kind must be "armijo", "exact" or "wolfe", got {self.kind!r}'
            )
        for name, kinds in (("c", ("armijo", "wolfe")), ("factor", ("armijo",))):
            value = getattr(self, name)
            if value is None:
                continue
            _check_share(name, value)
            if self.kind not in kinds:
                raise ValueError(
                    f"{name}={value!r} cannot be honoured by kind={self.kind!r}, which "
                    "has none; leave it None"
                )
        if self.kind == "exact":
            return rates.PythonRate(_line_search.Exact())
        if self.kind == "wolfe":
            c = 1e-4 if self.c is None else self.c
            if c >= _line_search.STEEPNESS:
                raise ValueError(
                    f"c must be below {_line_search.STEEPNESS} for kind='wolfe', got {c!r}"
                )
            return rates.PythonRate(_line_search.Wolfe(c))
        c = 0.5 if self.c is None else self.c
        return rates.LineSearchRate(c, 0.9 if self.factor is None else self.factor)


class DoG(Rate):
    """Distance over gradients: how far the run has come, over the gradients it has met.

    ::

        alpha_t = max_i<=t max(||x_i - x_0||, r_eps) / sqrt(sum_i<=t ||g_i||^2 + eps)
        r_eps   = first (1 + ||x_0||)

    The rate grows from nearly nothing until x has come as far as it must, and then falls
    as 1 / sqrt(t), so that f goes on falling where gradients are noisy, too. The first
    epochs are slow. It is for rules that move along the gradient: `SGD`, also with
    momentum, `ScheduleFree`, `SVRG`, `SAGA`. The theorem is about a mean of the iterates;
    ask for one with ``average="tail"`` or from an epoch on. A mean from the first epoch on
    has the slow beginning in it.

    Parameters
    ----------
    first : float, default=1e-6
        The distance to begin with, relative to 1 + ||x_0||, > 0.
    eps : float, default=1e-8
        Above 0; well below the squares of the gradients.

    References
    ----------
    M. Ivgi, O. Hinder and Y. Carmon, "DoG is SGD's best friend: a parameter-free dynamic
    step size schedule", ICML 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sgd_estimators import SGDRidge
    >>> from sgd_estimators.schedules import DoG
    >>> X, y = load_diabetes(return_X_y=True, scaled=False)
    >>> model = SGDRidge(learning_rate=DoG(), average="tail", tol=1e-3, random_state=0)
    >>> model.fit(X, y).score(X, y) > 0.5
    True
    """

    def __init__(self, first: float = 1e-6, eps: float = 1e-8) -> None:
        self.first = first
        self.eps = eps

    def start(self) -> rates.Rate:
        """Begin a run: see `Optimizer.start`."""
        check_positive(first=self.first, eps=self.eps)
        return rates.DoGRate(self.first, self.eps)

    def _misfit(self, optimizer: Optimizer) -> str | None:
        if optimizer._sign_share is None:
            return None
        return "rules that move along the gradient, such as SGD"


RATES: dict[str, type[Rate]] = {
    cls.__name__.lower(): cls for cls in (PolyakStep, LineSearch, DoG)
}


def get_rate(rate: Any) -> Any:
    """Return what ``learning_rate`` stands for.

    Parameters
    ----------
    rate : float, str, rate object or its class
        A number > 0 is the rate itself. A name in `RATES` and a class mean an object
        with its defaults. An object of your own is a callable ``(f, batch, x, g, loss)``
        that returns the rate of the step from x along minus g, the gradient of f on the
        rows in ``batch``, where f is ``loss``; x and g are flat and read-only.

    Returns
    -------
    float, rate object or None
        None for "auto".

    Raises
    ------
    ValueError, TypeError
        If it is nothing of the above.

    Examples
    --------
    >>> get_rate("polyakstep")
    PolyakStep()
    """
    given = rate
    if isinstance(given, str) and given == "auto":
        return None
    if isinstance(given, str) and given in RATES:
        given = RATES[given]
    if isinstance(given, type) and issubclass(given, BaseEstimator):
        given = given()
    if isinstance(given, Rate):
        given.start()
        return given
    if callable(given) and not isinstance(given, type):
        try:
            inspect.signature(given).bind("f", "batch", "x", "g", "loss")
        except (TypeError, ValueError) as error:
            raise TypeError(
                "a rate object in learning_rate is called as rate(f, batch, x, g, loss), "
                f"got {rate!r}: {error}"
            ) from error
        return given
    if not isinstance(given, bool) and isinstance(given, Real):
        if 0 < as_float(given) < math.inf:
            return float(given)
    kind = ValueError if isinstance(given, str | Real) else TypeError
    raise kind(
        f'learning_rate must be "auto", a number > 0, a rate object or one of '
        f"{', '.join(RATES)}; got {rate!r}"
    )


def start_rate(rate: Any) -> rates.Rate:
    """Begin a run of a rate object: what it returns, or a copy of it, holds the state."""
    return rate.start() if isinstance(rate, Rate) else rates.PythonRate(copy.deepcopy(rate))


def check_rate(rate: Any, optimizer: Optimizer, schedule: Any) -> None:
    """Raise ValueError where a rate object does not go with a rule or a schedule."""
    if rate is None or isinstance(rate, float):
        return
    if isinstance(rate, Rate) and (takes := rate._misfit(optimizer)):
        raise ValueError(
            f"learning_rate={rate!r} is for {takes}, and cannot be honoured with "
            f"optimizer={optimizer!r}"
        )
    unknown = schedule.get_params() if isinstance(schedule, BaseEstimator) else {}
    if any(k.endswith("learning_rate") and v is None for k, v in unknown.items()):
        raise ValueError(
            f"schedule={schedule!r} needs a first rate, which learning_rate={rate!r} does "
            "not have; give the schedule its own learning_rate, or choose another"
        )
