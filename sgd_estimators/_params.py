"""Checks of the estimators' parameters, all made before any work."""

import inspect
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.metrics import get_scorer
from sklearn.utils import assert_all_finite, check_array, check_random_state

from ._exceptions import NoWeight
from ._kernels.gram import lay_out
from ._optimizer import Optimizer, as_float
from ._pool import spread
from .optimizers import SGD, get_optimizer
from .schedules import get_rate, get_schedule

Array = NDArray[np.float64]

SMALL = 1 << 22  # bytes of X that one thread reads sooner than two
LARGEST = 1e100  # sum of weights
PART = 1 << 21  # bytes of it that a thread takes at a time: a huge page


def real(name: str, value: Any, low: float, high: float = math.inf, *, open_: bool) -> None:
    """Raise unless a number is in [low, high], or in (low, high) with `open_`."""
    number = type(value) in (float, int) or (
        isinstance(value, Real) and not isinstance(value, bool)
    )
    x = as_float(value) if number else math.nan
    if low < x < high if open_ else low <= x <= high:
        return
    takes = f"a number in {'(' if open_ else '['}{low:g}, {high:g}{')' if open_ else ']'}"
    error = ValueError if number else TypeError
    raise error(f"{name} must be {takes}, got {value!r}")


def integer(name: str, value: Any, low: int) -> None:
    """Raise unless a value is an integer >= low."""
    if type(value) is not int and (
        isinstance(value, bool) or not isinstance(value, Integral)
    ):
        raise TypeError(f"{name} must be an integer >= {low}, got {value!r}")
    if value < low:
        raise ValueError(f"{name} must be an integer >= {low}, got {value!r}")


def flag(name: str, value: Any) -> None:
    """Raise unless a value is a bool."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")


def choice(name: str, value: Any, takes: str, valid: bool) -> None:
    """Raise ValueError unless `valid`."""
    if not valid:
        raise ValueError(f"{name} must be {takes}, got {value!r}")


def check_momentum(momentum: Any) -> None:
    """Raise unless it is None or a number in [0, 1)."""
    if momentum is None:
        return
    takes = "a number in [0, 1) or None"
    if isinstance(momentum, bool | np.bool_):
        raise TypeError(f"momentum must be {takes}, got {momentum!r}")
    valid = isinstance(momentum, Real) and 0 <= as_float(momentum) < 1
    choice("momentum", momentum, takes, valid)


def check_shared(model: Any) -> None:
    """Check the parameters that all estimators share."""
    batch, average = model.batch_size, model.average
    get_rate(model.learning_rate)
    if isinstance(batch, str):
        takes = '"auto", "full" or an integer >= 1'
        choice("batch_size", batch, takes, batch in ("auto", "full"))
    else:
        integer("batch_size", batch, 1)
    check_momentum(model.momentum)
    choice(
        "preconditioner",
        model.preconditioner,
        '"auto", "diagonal", "hessian" or None',
        model.preconditioner is None
        or (
            isinstance(model.preconditioner, str)
            and model.preconditioner in ("auto", "diagonal", "hessian")
        ),
    )
    integer("max_iter", model.max_iter, 1)
    real("tol", model.tol, 0, open_=False)
    if isinstance(average, str):
        valid = average == "tail"
    else:  # an epoch is a machine's integer
        valid = isinstance(average, Integral) and 2 <= int(average) < 2**62
        valid = valid or isinstance(average, bool)
    choice("average", average, 'True, False, "tail" or an epoch >= 2', valid)
    for name in ("early_stopping", "fit_intercept", "shuffle", "warm_start"):
        flag(name, getattr(model, name))
    real("validation_fraction", model.validation_fraction, 0, 1, open_=True)
    integer("n_iter_no_change", model.n_iter_no_change, 1)
    if not isinstance(model.verbose, bool):
        integer("verbose", model.verbose, 0)
    if model.n_jobs is not None:
        whole = isinstance(model.n_jobs, Integral) and not isinstance(model.n_jobs, bool)
        valid = whole and model.n_jobs != 0
        choice("n_jobs", model.n_jobs, "None or an integer other than 0", valid)
    try:
        seed = model.random_state  # None and numbers, of which a check is slow, need none
        if seed is not None and not (isinstance(seed, Integral) and 0 <= int(seed) < 2**32):
            check_random_state(seed)
    except ValueError as error:
        raise ValueError(
            f"random_state must be None, an integer or a RandomState, got "
            f"{model.random_state!r}: {error}"
        ) from error
    if isinstance(model.scoring, str):
        get_scorer(model.scoring)
    elif model.scoring is not None and not callable(model.scoring):
        raise TypeError(
            f"scoring must be None, a name or a callable, got {model.scoring!r}"
        )
    for callback in as_callbacks(model.callbacks):
        check_callback(callback)


def check_callback(callback: Any) -> None:
    """Raise unless it can be called with a model and a record."""
    takes = "callbacks must be callables (model, record)"
    if isinstance(callback, type):
        raise TypeError(f"{takes}, got a class, not an object of it: {callback!r}")
    if not callable(callback):
        raise TypeError(f"{takes}, got {callback!r}")
    try:
        signature = inspect.signature(callback)
    except (TypeError, ValueError):  # some builtins have none
        return
    try:
        signature.bind("model", "record")
    except TypeError as error:
        raise TypeError(f"{takes}, got {callback!r}: {error}") from error


def n_threads(n_jobs: int | None) -> int:
    """Return how many threads `n_jobs` stands for."""
    if hasattr(os, "sched_getaffinity"):
        usable = len(os.sched_getaffinity(0))
    else:
        usable = os.cpu_count() or 1
    # joblib sets this in its workers, so that nested threads do not crowd the machine.
    limit = os.environ.get("OMP_NUM_THREADS", "")
    if n_jobs is None:
        return min(usable, int(limit)) if limit.isdigit() and int(limit) else usable
    return min(n_jobs, sys.maxsize) if n_jobs > 0 else max(1, usable + 1 + n_jobs)


def as_callbacks(callbacks: Any) -> list[Any]:
    """Return the callbacks as a list."""
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]


def is_default(model: Any) -> bool:
    """Return whether the model leaves the way to the optimum to us."""
    settings = (model.optimizer, model.learning_rate, model.schedule, model.batch_size)
    return (
        all(isinstance(value, str) and value == "auto" for value in settings)
        and model.momentum is None
        and isinstance(model.preconditioner, str)
        and model.preconditioner == "auto"
        and not model.average
        and not model.early_stopping
    )


def resolve_optimizer(model: Any) -> Optimizer:
    """Return the optimizer that the parameters ask for; "auto" is SGD here."""
    if isinstance(model.optimizer, str) and model.optimizer == "auto":
        return SGD(momentum=0.0 if model.momentum is None else model.momentum)
    return with_momentum(get_optimizer(model.optimizer), model.momentum)


def with_momentum(optimizer: Optimizer, momentum: float | None) -> Optimizer:
    """Return the optimizer, or a copy of it with a momentum."""
    if momentum is None:
        return optimizer
    if not hasattr(optimizer, "momentum"):
        raise ValueError(
            f"momentum={momentum!r} cannot be honoured: {type(optimizer).__name__} has "
            "no momentum; leave momentum=None, or choose SGD or RMSProp"
        )
    chosen = copy(optimizer)
    chosen.momentum = momentum
    return chosen


def resolve_schedule(schedule: Any) -> Any:
    """Return the schedule object, or "auto"."""
    if isinstance(schedule, str) and schedule == "auto":
        return schedule
    return get_schedule(schedule)


def fingerprint(value: Any) -> Any:
    """Return something that is equal for equal settings, after a pickle too.

    It holds the parameters as they are now: who changes an object in place changes it.
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, BaseEstimator):
        return type(value), fingerprint(value.get_params(deep=False))
    if isinstance(value, partial):
        return value.func, fingerprint(value.args), fingerprint(value.keywords)
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.shape, value.dtype.str, value.tobytes()
    if isinstance(value, list | tuple | np.ndarray):
        return tuple(map(fingerprint, value))
    if isinstance(value, dict):
        return tuple((k, fingerprint(value[k])) for k in sorted(value, key=repr))
    if callable(value) and not isinstance(value, type) and getattr(value, "__dict__", {}):
        return type(value), fingerprint(vars(value))
    return value


@contextmanager
def numbers_in(name: str) -> Iterator[None]:
    """Name the argument, where text in it is no number."""
    try:
        yield
    except ValueError as error:
        if str(error).startswith("could not convert string"):
            raise ValueError(f"{name} must hold numbers: {error}") from error
        raise


def check_weight(sample_weight: Any, n: int, name: str = "sample_weight") -> Array | None:
    """Return sample weights as float64 of shape (n,), or None; their sum is a number."""
    weight = as_weight(sample_weight, n, name)
    check_total(weight, name)
    return weight


def as_weight(sample_weight: Any, n: int, name: str = "sample_weight") -> Array | None:
    """Return sample weights as float64 of shape (n,), or None; they may all be zero."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n, sample_weight, np.float64)
    with numbers_in(name):
        weight = check_array(
            sample_weight, dtype=np.float64, ensure_2d=False, input_name=name
        )
    if weight.shape != (n,):
        raise ValueError(
            f"{name} must have shape ({n},), a weight for each row, got the shape "
            f"{weight.shape}"
        )
    if np.any(weight < 0):
        raise ValueError(
            f"Negative values in {name}: it must be >= 0, got {weight.min():g}"
        )
    return np.ascontiguousarray(weight)


def check_total(weight: Array | None, name: str) -> None:
    """Raise where the sum of the weights is so large or small that f is no number."""
    if weight is None:
        return
    if not weight.any():
        raise NoWeight(f"Every {name} is zero: at least one must be positive")
    with np.errstate(over="ignore"):
        total = float(weight.sum())
    if not 1 / LARGEST <= total <= LARGEST:
        raise ValueError(
            f"{name} must sum to a number in [{1 / LARGEST:g}, {LARGEST:g}], got "
            f"{total:g}; a common factor changes nothing"
        )


def rows_a_part(X: NDArray[Any]) -> int:
    """Return how many rows of X a thread takes at a time."""
    return 1 + PART * len(X) // X.nbytes


def canonical(X: Any, n_jobs: int) -> Any:
    """Return X as the kernels read it: an array row by row, CSR as SciPy defines canonical.

    It is X itself where that is so; the indices of CSR are of one type.

    Raises
    ------
    ValueError
        scikit-learn's, where X has a NaN or an infinity; or for CSR whose places are
        not those of a matrix, which SciPy does not check.
    """
    values = X.data if sp.issparse(X) else X
    copied = not sp.issparse(X) and not X.flags.c_contiguous
    if values.nbytes < SMALL or (copied and any(s % X.itemsize for s in X.strides)):
        with np.errstate(all="ignore"):
            finite = math.isfinite(values.sum())
        if not finite:  # or the sum alone is not
            assert_all_finite(X, input_name="X")
        X = X if sp.issparse(X) else np.ascontiguousarray(X)
    else:
        rows, step = np.empty(X.shape if copied else 0, X.dtype), rows_a_part(values)

        def total(begin: int) -> float:
            part = values[begin : begin + step]
            if copied:
                return lay_out(part, rows[begin : begin + step])
            return float(part.sum())

        with np.errstate(all="ignore"):
            sums = spread(total, range(0, len(values), step), n_jobs)
        if not math.isfinite(sum(sums)):
            assert_all_finite(X, input_name="X")
        X = rows if copied else X
    if not sp.issparse(X):
        return X
    check_places(X, n_jobs)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    if X.indices.dtype != X.indptr.dtype:
        wide = np.promote_types(X.indices.dtype, X.indptr.dtype)
        csr = (
            X.data,
            X.indices.astype(wide, copy=False),
            X.indptr.astype(wide, copy=False),
        )
        shape, X = X.shape, X.copy()
        X.data, X.indices, X.indptr = csr
        assert X.shape == shape
    return X


def check_places(X: Any, n_jobs: int = 1, name: str = "X") -> None:
    """Raise where a row of CSR ends before it begins, or a column is none of X."""
    ends, columns = X.indptr, X.indices
    if ends[0] != 0 or ends[-1] > len(columns) or np.any(ends[1:] < ends[:-1]):
        raise ValueError(
            f"{name}.indptr must rise from 0 to the number of entries of {name} at most"
        )
    step = PART // columns.itemsize

    def inside(begin: int) -> bool:
        part = columns[begin : begin + step]
        return bool(part.min() >= 0 and part.max() < X.shape[1])

    threads = n_jobs if columns.nbytes >= SMALL else 1
    if not all(spread(inside, range(0, ends[-1], step), threads)):
        raise ValueError(
            f"{name}.indices must be in [0, {X.shape[1]}), got {columns.min()} to "
            f"{columns.max()}"
        )
