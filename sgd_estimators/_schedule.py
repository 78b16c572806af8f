"""What every schedule has in common: the call, its checks, the binding."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import field, fields, is_dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

Array = NDArray[np.float64]
History = Mapping[str, Sequence[float]]


def argument(default: Any, domain: str | tuple[object, ...]) -> Any:
    """Declare an argument that is one of a tuple, or say "None or in [0, inf)"."""
    return field(default=default, metadata={"domain": domain})


def _contains(domain: str | tuple[object, ...], value: Any) -> bool:
    if not isinstance(domain, str):
        return value in domain
    if not isinstance(value, (int, float, np.integer, np.floating)):
        return value is None and domain.startswith("None")
    interval = domain.rpartition("in ")[2]
    low, high = (float(end) for end in interval[1:-1].split(", "))
    above = value >= low if interval[0] == "[" else value > low
    below = value <= high if interval[-1] == "]" else value < high
    return bool(above and below)


class Schedule(BaseEstimator):
    """Base class: the rate at t is ``alpha_0 * schedule(t)``.

    A subclass stores its arguments in ``__init__`` and defines ``_formula(t)``, which
    maps a float64 array to as many factors. With ``uses_history = True`` it defines
    ``_formula(t, history)``, and is called anew for every epoch with what the epochs
    before it recorded. With ``per = "epoch"`` t counts epochs, not updates.

    Examples
    --------
    >>> class Sawtooth(Schedule):
    ...     def __init__(self, teeth=10):
    ...         self.teeth = teeth
    ...     def _formula(self, t):
    ...         return 1 - t % self.teeth / self.teeth
    >>> Sawtooth(teeth=4)([0, 1, 4, 6])
    array([1.  , 0.75, 1.  , 0.5 ])
    """

    uses_history: bool = False
    per: str = "update"

    #: The t from which on the factors stay as they are; inf where they never do.
    settled: float = math.inf
    #: Epochs without a gain that say no more than one does at a constant rate.
    period: int = 1

    @overload
    def __call__(
        self, t: float | np.number[Any], history: History | None = None
    ) -> float: ...
    @overload
    def __call__(
        self, t: Sequence[float] | NDArray[Any], history: History | None = None
    ) -> Array: ...
    def __call__(self, t: Any, history: History | None = None) -> float | Array:
        """Return the factor of alpha_0 at `t`.

        Parameters
        ----------
        t : float or array-like of any shape
            Updates or epochs (see `per`) before this one, finite and >= 0.
        history : mapping of str to list, default=None
            For each name a list of one value an epoch, such as the "loss". Only a
            schedule with ``uses_history = True`` looks at it.

        Returns
        -------
        float or ndarray of the shape of `t`
            The factors, finite and >= 0.

        Raises
        ------
        ValueError
            If an argument of the schedule, `t` or a factor is out of its range.
        """
        self._check()
        t = np.array(t, dtype=np.float64)
        if not np.all(np.isfinite(t) & (t >= 0)):
            raise ValueError(f"t must be finite and >= 0, got {t}")
        more = {"history": history} if self.uses_history else {}
        # A copy of t goes in, and of the factors out: who writes to them harms nobody.
        values = np.asarray(self._formula(t.copy(), **more), dtype=np.float64)
        if values.shape not in ((), t.shape):
            raise ValueError(
                f"the factors of {self} must have the shape of t, {t.shape}, or be one "
                f"number, got the shape {values.shape}"
            )
        factors = np.empty(t.shape)
        factors[...] = values
        bad = ~(np.isfinite(factors) & (factors >= 0))
        if bad.any():
            raise ValueError(
                f"the factors of {self} must be finite and >= 0, got {factors[bad][0]} "
                f"at t={t[bad][0]:g}"
            )
        return factors if t.ndim else float(factors)

    def bind(self, learning_rate: float, penalty: float) -> "Schedule":
        """Return a schedule that knows the run, if its formula needs to.

        An argument called `learning_rate` or `penalty` that is None is filled in.

        Parameters
        ----------
        learning_rate : float
            The initial rate alpha_0.
        penalty : float
            The factor lambda of the penalty ``lambda / 2 * ||w||^2``.

        Returns
        -------
        Schedule
            A copy, or the schedule itself where there is nothing to fill in.
        """
        run = {"learning_rate": learning_rate, "penalty": penalty}
        missing = {name: run[name] for name in run if getattr(self, name, 0) is None}
        bound: Schedule = clone(self).set_params(**missing) if missing else self
        return bound

    def _formula(self, t: Array) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define _formula(t)")

    def _check(self) -> None:
        """Raise ValueError for the first argument outside its domain."""
        domains: dict[str, Any] = {"per": ("update", "epoch")}
        if is_dataclass(self):
            domains |= {
                f.name: f.metadata["domain"] for f in fields(self) if "domain" in f.metadata
            }
        for name, domain in domains.items():
            value = getattr(self, name)
            if not _contains(domain, value):
                takes = domain if isinstance(domain, str) else f"one of {domain}"
                raise ValueError(f"{name} must be {takes}, got {value!r}")
