"""Validation: the rows held out of a fit, and the score of an iterate on them."""

import copy
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.metrics import get_scorer
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from ._kernels.objective import Objective
from ._kernels.rows import Rows
from ._labels import numbers
from ._params import check_places, check_weight, numbers_in

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass
class Validation:
    """Rows of X, with targets as the user gave them and weights, that are scored."""

    X: Any
    rows: Indices | range
    y: Any
    weight: Array | None

    def scorer(self, model: Any, f: Objective) -> Callable[[Array], float]:
        """Return the score of an iterate, as `model` and its `scoring` have it.

        The rows are copied only for a callable, which may do with them what it likes.
        """
        scoring = model.scoring
        score = get_scorer(scoring) if isinstance(scoring, str) else scoring
        weights = {}
        if self.weight is not None and (score is None or takes_weight(score)):
            weights["sample_weight"] = self.weight
        X: Any = None
        if callable(scoring):
            whole = isinstance(self.rows, range)
            X = self.X if whole else self.X[self.rows]

        def judge(W: Array) -> float:
            judged: Any = copy.copy(model)
            judged._split(f, W)
            if X is None:
                coef = f.rows.to_user(W)
                values = Rows(self.X, False).scores(*coef, self.rows)
                judged._decision = lambda X: values
            if score is None:
                return float(judged.score(X, self.y, **weights))
            return float(score(judged, X, self.y, **weights))

        return judge


def takes_weight(scorer: Any) -> bool:
    """Return whether a scorer, or the metric that it is made of, takes sample_weight."""
    try:
        signature = inspect.signature(getattr(scorer, "_score_func", scorer))
    except (TypeError, ValueError):  # some builtins have none
        return False
    parameters = signature.parameters.values()
    return any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters)


def hold_out(
    n: int, active: Any, fraction: float, seed: int, labels: Any = None
) -> tuple[Indices, Indices]:
    """Return (training rows, validation rows), both in order, by class if there are labels.

    Parameters
    ----------
    n : int
        Rows to share out.
    active : ndarray of intp or None
        Their numbers (None: 0 to n - 1).
    fraction : float
        The part held out, in (0, 1).
    seed : int
    labels : ndarray, default=None
        The numbers of these rows' classes; each keeps a row for training.
    """
    rng = np.random.default_rng([seed, 2])
    held = np.zeros(n, bool)
    classes: Any = [None]
    if labels is not None:
        classes = np.flatnonzero(np.bincount(labels.astype(np.intp)))
    before = 0
    for label in classes:
        alike = np.arange(n) if label is None else np.flatnonzero(labels == label)
        after = before + len(alike)  # so that all classes' shares add up
        size = math.ceil(fraction * after) - math.ceil(fraction * before)
        size = max(0, min(size, len(alike) - 1))
        held[rng.choice(alike, size, replace=False, shuffle=False)] = True
        before = after
    n_held = int(held.sum())
    if n_held < 2 or n - n_held < max(2, len(classes)):
        raise ValueError(
            f"validation_fraction={fraction} holds out {n_held} of {n} rows, but a score "
            "needs 2, and a fit the others; change it, or give X_val and y_val"
        )
    train, kept = np.flatnonzero(~held), np.flatnonzero(held)
    return (train, kept) if active is None else (active[train], active[kept])


def given(model: Any, y: Array, X_val: Any, y_val: Any, w_val: Any) -> Validation | None:
    """Return the validation set that fit was given beside the encoded y, or None."""
    if (X_val is None) != (y_val is None):
        raise ValueError("X_val and y_val must be given together")
    if X_val is None:
        if w_val is not None:
            raise ValueError("sample_weight_val needs X_val and y_val")
        return None
    columns = X_val  # which may have names
    with numbers_in("X_val"):
        X_val = check_array(
            X_val,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            order="C",
            ensure_min_samples=0,
            input_name="X_val",
        )
    if X_val.shape[0] < 1:
        raise ValueError(f"X_val must have a row at least, got the shape {X_val.shape}")
    if X_val.shape[1] != model.n_features_in_:
        raise ValueError(
            f"X_val must have the {model.n_features_in_} features of X, got "
            f"{X_val.shape[1]}"
        )
    validate_data(model, columns, reset=False, skip_check_array=True)
    if sp.issparse(X_val):
        check_places(X_val, name="X_val")
    rows = range(X_val.shape[0])
    w_val = check_weight(w_val, len(rows), "sample_weight_val")
    y_val = _targets(model, y, y_val, w_val, len(rows))
    scoring = model.scoring
    scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring
    if not (w_val is None or scorer is None or takes_weight(scorer)):
        raise ValueError(
            f"sample_weight_val cannot be honoured: scoring={scoring!r} takes no "
            "sample_weight"
        )
    return Validation(X_val, rows, y_val, w_val)


def _targets(model: Any, y: Array, y_val: Any, w_val: Array | None, n: int) -> Any:
    """Return y_val, which must be like the y of the encoded targets."""
    classes = getattr(model, "classes_", None)
    dtype = np.float64 if classes is None else None
    with numbers_in("y_val"):
        y_val = check_array(y_val, ensure_2d=False, dtype=dtype, input_name="y_val")
    if len(y_val) != n:
        raise ValueError(
            f"y_val must have a value for each row of X_val, {n}, got {len(y_val)}"
        )
    if (columns := y_val.size // n) != y.shape[1]:
        raise ValueError(f"y_val must have {y.shape[1]} targets, as y has, got {columns}")
    if classes is not None:
        y_val = y_val.ravel()
        try:
            unknown = numbers(classes, y_val) < 0
        except TypeError as error:
            raise TypeError(
                f"y_val must hold the classes {classes!r} of y only, got labels of a type "
                f"that cannot be compared with them: {error}"
            ) from error
        if w_val is not None:
            unknown &= w_val > 0
        if unknown.any():
            raise ValueError(
                f"y_val must hold the classes {classes!r} of y only, got "
                f"{y_val[unknown][0]!r} as well"
            )
    return y_val
