"""Classes and their numbers; integers near each other, as most are, need no sorting."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def distinct(y: NDArray[Any]) -> NDArray[Any]:
    """Return the classes in order, as `numpy.unique` does."""
    if not _near(y, y):
        return np.unique(y)
    low = y.min()
    classes: NDArray[Any] = np.flatnonzero(np.bincount(_above(y, low))).astype(y.dtype)
    classes += low
    return classes


def named(classes: Any) -> NDArray[Any]:
    """Return the classes of a stream in order, as the user gave them."""
    given = np.asarray(classes)
    if given.ndim != 1:
        raise ValueError(f"classes must be a list of labels, got {classes!r}")
    try:
        found: NDArray[Any] = np.unique(given)
    except TypeError as error:
        raise TypeError(
            f"classes must be labels that can be ordered, got {classes!r}: {error}"
        ) from error
    if len(found) < 2 or np.any(found != found):
        raise ValueError(f"classes must be 2 labels at least, none NaN, got {classes!r}")
    return found


def strangers(keys: Iterable[Any], classes: list[Any], *, known: bool) -> list[Any]:
    """Return the keys that no class can be: text beside numbers, numbers beside text.

    Where all classes are `known`, these are all other keys.
    """
    kinds = {isinstance(label, str) for label in classes}
    return [
        key
        for key in keys
        if key not in classes and (known or isinstance(key, str) not in kinds)
    ]


def numbers(classes: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    """Return the place of each label among the classes; -1 for none of them."""
    if _near(classes, y) and classes[0] <= y.min() and y.max() <= classes[-1]:
        place = np.full(int(classes[-1]) - int(classes[0]) + 1, -1.0)
        place[_above(classes, classes[0])] = np.arange(len(classes))
        return place[_above(y, classes[0])]
    place = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    return np.where(classes[place] == y, place, -1.0)


def _near(classes: NDArray[Any], y: NDArray[Any]) -> bool:
    """Return whether the classes are integers of a range not larger than y is long."""
    if not (classes.dtype.kind in "iu" and y.dtype.kind in "iu" and len(y)):
        return False
    return int(classes.max()) - int(classes.min()) < max(len(y), 256)


def _above(y: NDArray[Any], low: Any) -> NDArray[np.int64]:
    """Return y - low, in a type that holds it."""
    if low == 0:
        return y.astype(np.int64, copy=False)
    above: NDArray[np.int64] = np.subtract(y, low, dtype=np.int64, casting="unsafe")
    return above
