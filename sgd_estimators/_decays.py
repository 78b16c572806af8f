"""The schedules that are a formula in t."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln, hyp2f1

from ._schedule import Array, Schedule, argument


@dataclass(eq=False, repr=False)
class Constant(Schedule):
    """``alpha_t = alpha_0``.

    Bottou, Curtis and Nocedal (2018), "Optimization methods for large-scale machine
    learning", SIAM Review 60(2), theorem 4.6.

    Parameters
    ----------
    per : {"update", "epoch"}, default="update"
        What `t` counts.

    Examples
    --------
    >>> Constant()([0, 10, 100])
    array([1., 1., 1.])
    """

    per: str = "update"
    settled = 0.0

    def _formula(self, t: Array) -> Any:
        return 1.0


@dataclass(eq=False, repr=False)
class Linear(Schedule):
    """``alpha_t = (1 - t / horizon) alpha_0 + (t / horizon) alpha_end``, then constant.

    Goodfellow, Bengio and Courville (2016), "Deep learning", eq. 8.14.

    Parameters
    ----------
    horizon : float, default=1000
        Where the decay ends, > 0.
    end : float, default=0.01
        ``alpha_end / alpha_0``, >= 0.
    per : {"update", "epoch"}, default="update"
        What `t` counts.

    Examples
    --------
    >>> Linear(horizon=10, end=0.5)([0, 5, 10, 20])
    array([1.  , 0.75, 0.5 , 0.5 ])
    """

    horizon: float = argument(1000, "in (0, inf)")
    end: float = argument(0.01, "in [0, inf)")
    per: str = "update"

    @property
    def settled(self) -> float:  # type: ignore[override]
        """Where the factors have come to their last one: the horizon."""
        return self.horizon

    def _formula(self, t: Array) -> Any:
        part = np.minimum(t / self.horizon, 1)
        return (1 - part) + part * self.end


@dataclass(eq=False, repr=False)
class InverseTime(Schedule):
    """``alpha_t = alpha_0 / (1 + decay * t)``.

    With ``cumulative=True`` each rate is cut from the one before it,
    ``alpha_{t+1} = alpha_t / (1 + decay * t)``, faster than by any power of t: the
    product ``alpha_0 * prod_{s<t} 1 / (1 + decay * s)`` is taken in closed form.
    Darken and Moody (1990), "Note on learning rate schedules for stochastic
    optimization", NIPS.

    Parameters
    ----------
    decay : float, default=0.001
        The speed of the decay, >= 0.
    cumulative : bool, default=False
        Whether to apply the recursion.
    per : {"update", "epoch"}, default="update"
        What `t` counts.

    Examples
    --------
    >>> InverseTime(decay=1)([0, 1, 4])
    array([1. , 0.5, 0.2])
    >>> InverseTime(decay=1, cumulative=True)([0, 1, 2]).round(3)
    array([1. , 1. , 0.5])
    """

    decay: float = argument(0.001, "in [0, inf)")
    cumulative: bool = argument(False, (False, True))
    per: str = "update"

    def _formula(self, t: Array) -> Any:
        if self.cumulative:
            return np.exp(-np.maximum(_log_product(self.decay, t), 0))
        return 1 / (1 + self.decay * t)


def _log_product(rho: float, t: Array) -> Any:
    """Return log prod_{s<t} (1 + rho s), continued to real t by the gamma function."""
    if rho > 0.01:
        return gammaln(t + 1 / rho) - gammaln(1 / rho) + t * np.log(rho)
    # Differences of gammaln cancel when 1 / rho is large. Euler-Maclaurin does not:
    # the integral of log(1 + rho s) over [0, t], by the series of atanh, and ends.
    x = rho * t
    y = x / (2 + x)
    integral = t * (y + (1 + y) * y**2 / 3 * hyp2f1(1, 1.5, 2.5, y**2))
    low, high = (r / 12 - r**3 / 360 + r**5 / 1260 for r in (rho, rho / (1 + x)))
    return integral - np.log1p(x) / 2 + high - low


@dataclass(eq=False, repr=False)
class Exponential(Schedule):
    """``alpha_t = alpha_0 * exp(-decay * t)``.

    Li, Zhuang and Orabona (2021), "A second look at exponential and cosine step
    sizes", ICML.

    Parameters
    ----------
    decay : float, default=0.001
        The speed of the decay, >= 0.
    per : {"update", "epoch"}, default="update"
        What `t` counts.

    Examples
    --------
    >>> Exponential(decay=0.1)([0, 10]).round(3)
    array([1.   , 0.368])
    """

    decay: float = argument(0.001, "in [0, inf)")
    per: str = "update"

    def _formula(self, t: Array) -> Any:
        return np.exp(-self.decay * t)


@dataclass(eq=False, repr=False)
class InverseScaling(Schedule):
    """``alpha_t = alpha_0 / (t + 1) ** power``.

    Bach and Moulines (2011), "Non-asymptotic analysis of stochastic approximation
    algorithms for machine learning", NIPS.

    Parameters
    ----------
    power : float, default=0.5
        The speed of the decay, >= 0; above 1 the rates have a finite sum.
    per : {"update", "epoch"}, default="update"
        What `t` counts.

    Examples
    --------
    >>> InverseScaling(power=0.5)([0, 3, 99])
    array([1. , 0.5, 0.1])
    """

    power: float = argument(0.5, "in [0, inf)")
    per: str = "update"

    def _formula(self, t: Array) -> Any:
        return (t + 1) ** -self.power


@dataclass(eq=False, repr=False)
class Bottou(Schedule):
    """``alpha_t = alpha_0 / (1 + lambda * alpha_0 * t)``.

    Best in the limit where the penalty gives the least curvature. Bottou (2012),
    "Stochastic gradient descent tricks", Springer LNCS 7700, section 5.2.

    Parameters
    ----------
    learning_rate : float, default=None
        The first, alpha_0 > 0; None takes that of `bind`.
    penalty : float, default=None
        Of f, lambda >= 0; None takes that of `bind`.
    per : {"update", "epoch"}, default="update"
        What `t` counts.

    Examples
    --------
    >>> Bottou().bind(learning_rate=0.5, penalty=0.2)([0, 10, 90])
    array([1. , 0.5, 0.1])
    """

    learning_rate: float | None = argument(None, "None or in (0, inf)")
    penalty: float | None = argument(None, "None or in [0, inf)")
    per: str = "update"

    def _formula(self, t: Array) -> Any:
        if self.learning_rate is None or self.penalty is None:
            raise ValueError(
                f"{self} does not know its run: fit binds it; elsewhere give "
                "learning_rate and penalty, or call bind(learning_rate, penalty)"
            )
        return 1 / (1 + self.penalty * self.learning_rate * t)


@dataclass(eq=False, repr=False)
class Step(Schedule):
    """``alpha_t = alpha_0 * factor ** floor(t / every)``.

    Ge, Kakade, Kidambi and Netrapalli (2019), "The step decay schedule: a near
    optimal, geometrically decaying learning rate procedure for least squares", NeurIPS.

    Parameters
    ----------
    every : float, default=1000
        The distance between two cuts, > 0.
    factor : float, default=0.5
        What a cut multiplies the rate by, in (0, 1].
    per : {"update", "epoch"}, default="update"
        What `t` counts.

    Examples
    --------
    >>> Step(every=10, factor=0.5)([0, 9, 10, 25])
    array([1.  , 1.  , 0.5 , 0.25])
    """

    every: float = argument(1000, "in (0, inf)")
    factor: float = argument(0.5, "in (0, 1]")
    per: str = "update"

    def _formula(self, t: Array) -> Any:
        return self.factor ** (t // self.every)


@dataclass(eq=False, repr=False)
class Polynomial(Schedule):
    """``alpha_t = alpha_end + (alpha_0 - alpha_end) (1 - t / horizon) ** power``.

    Then constant. Chen et al. (2018), "DeepLab: semantic image segmentation with deep
    convolutional nets, atrous convolution, and fully connected CRFs", IEEE TPAMI 40(4).

    Parameters
    ----------
    horizon : float, default=1000
        Where the decay ends, > 0.
    power : float, default=2.0
        The exponent, > 0.
    end : float, default=0.01
        ``alpha_end / alpha_0``, >= 0.
    per : {"update", "epoch"}, default="update"
        What `t` counts.

    Examples
    --------
    >>> Polynomial(horizon=10, power=2, end=0)([0, 5, 10, 20])
    array([1.  , 0.25, 0.  , 0.  ])
    """

    horizon: float = argument(1000, "in (0, inf)")
    power: float = argument(2.0, "in (0, inf)")
    end: float = argument(0.01, "in [0, inf)")
    per: str = "update"

    @property
    def settled(self) -> float:  # type: ignore[override]
        """Where the factors have come to their last one: the horizon."""
        return self.horizon

    def _formula(self, t: Array) -> Any:
        left = (1 - np.minimum(t / self.horizon, 1)) ** self.power
        return left + (1 - left) * self.end


@dataclass(eq=False, repr=False)
class Cosine(Schedule):
    """``alpha_t = alpha_end + (alpha_0 - alpha_end) (1 + cos(pi t / horizon)) / 2``.

    Then constant or, with restarts, the same again from alpha_0, over a horizon that
    may grow. Loshchilov and Hutter (2017), "SGDR: stochastic gradient descent with
    warm restarts", ICLR.

    Parameters
    ----------
    horizon : float, default=1000
        Where the (first) descent ends, > 0.
    end : float, default=0.01
        ``alpha_end / alpha_0``, >= 0.
    restart_growth : float, default=None
        None: one descent. A number >= 1: restarts without end, each descent that
        many times as long as the one before it.
    per : {"update", "epoch"}, default="update"
        What `t` counts.

    Examples
    --------
    >>> Cosine(horizon=10, end=0)([0, 5, 10, 15])
    array([1. , 0.5, 0. , 0. ])
    >>> Cosine(horizon=10, end=0, restart_growth=2)([0, 5, 10, 20, 30])
    array([1. , 0.5, 1. , 0.5, 1. ])
    """

    horizon: float = argument(1000, "in (0, inf)")
    end: float = argument(0.01, "in [0, inf)")
    restart_growth: float | None = argument(None, "None or in [1, inf)")
    per: str = "update"

    @property
    def settled(self) -> float:  # type: ignore[override]
        """Where the factors have come to their last one: the horizon, without restarts."""
        return self.horizon if self.restart_growth is None else math.inf

    def _formula(self, t: Array) -> Any:
        part = t / self.horizon
        if self.restart_growth is not None:
            part = _part_of_cycle(part, self.restart_growth)
        left = (1 + np.cos(np.pi * np.minimum(part, 1))) / 2
        return left + (1 - left) * self.end


def _part_of_cycle(x: Array, growth: float) -> Any:
    """Return where x lies, from 0 to 1, in its cycle; they last 1, growth, ..."""
    if growth == 1:
        return x % 1

    def start(k: Array) -> Any:
        return (growth**k - 1) / (growth - 1)

    k = np.floor(np.log1p(x * (growth - 1)) / np.log(growth))
    # The logarithm may be off by a rounding where a cycle starts.
    k += (start(k + 1) <= x).astype(float) - (start(k) > x)
    return (x - start(k)) / growth**k


@dataclass(eq=False, repr=False)
class OneCycle(Schedule):
    """``alpha_t = alpha_0 * f(t)``: up to alpha_0, down again, and a tail far below.

    f runs in straight lines from `start` at t = 0 to 1, back to `start` in the same
    time, and to `end` in the last ``tail * horizon``. Then it is constant. Smith
    (2018), "A disciplined approach to neural network hyper-parameters: part 1".

    Parameters
    ----------
    horizon : float, default=1000
        The length of the cycle and its tail, > 0.
    start : float, default=0.1
        The factor at the start and at the end of the cycle, in [0, 1].
    end : float, default=0.001
        The last factor, >= 0.
    tail : float, default=0.1
        The part of the horizon after the cycle, in (0, 1).
    per : {"update", "epoch"}, default="update"
        What `t` counts.

    Examples
    --------
    >>> OneCycle(horizon=10, start=0.5, end=0, tail=0.2)([0, 2, 4, 8, 9, 10, 20])
    array([0.5 , 0.75, 1.  , 0.5 , 0.25, 0.  , 0.  ])
    """

    horizon: float = argument(1000, "in (0, inf)")
    start: float = argument(0.1, "in [0, 1]")
    end: float = argument(0.001, "in [0, inf)")
    tail: float = argument(0.1, "in (0, 1)")
    per: str = "update"

    @property
    def settled(self) -> float:  # type: ignore[override]
        """Where the factors have come to their last one: the horizon."""
        return self.horizon

    def _formula(self, t: Array) -> Any:
        corners = np.array([0, (1 - self.tail) / 2, 1 - self.tail, 1])
        factors = [self.start, 1, self.start, self.end]
        return np.interp(t, corners * self.horizon, factors)
