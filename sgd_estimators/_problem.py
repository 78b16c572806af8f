"""What a model makes of its data: of X and y the function f, of other rows their scores."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted, validate_data

from . import _least_squares
from ._fitted import Fitted
from ._kernels.losses import Loss, Softmax
from ._kernels.objective import Objective
from ._kernels.rows import Rows
from ._params import (
    as_weight,
    canonical,
    check_places,
    check_total,
    n_threads,
    numbers_in,
)
from ._plain import accepted
from ._rows import as_rows
from ._stream import Seen
from ._validation import Validation, hold_out

Array = NDArray[np.float64]


class Problem(Fitted):
    """The data's part of the estimators; the subclasses know the loss and the penalty."""

    _squared = False  # the loss

    fit_intercept: bool
    n_jobs: int | None
    validation_fraction: float

    def _encode(self, y: Any, weight: Array | None, *, reset: bool) -> Array:
        """Return y as the (n, n_targets) array that the loss takes."""
        raise NotImplementedError

    def _loss(self) -> Loss:
        """Return the loss, once y is known."""
        raise NotImplementedError

    def _penalty(self, total_weight: float, n_outputs: int) -> Array:
        """Return lambda of each output."""
        raise NotImplementedError

    def _class_weight(
        self, y: Array, weight: Array | None, counts: Array | None = None
    ) -> Array | None:
        """Return the weights with those of the classes in them."""
        return weight

    def _counts(self, y: Array, weight: Array | None) -> Array | None:
        """Return the weight of each class, where those of the classes depend on it."""
        return None

    def _validate(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        reset: bool,
        seen: bool = False,
        measured: bool = False,
    ) -> tuple[Any, Array, Array | None]:
        """Return X, the encoded y and the user's weights.

        Where least squares take a single look at X, it is to be `seen` as it is; where the
        moments of all rows are `measured`, they tell whether X is finite.
        """
        if sp.issparse(y):
            raise TypeError("y must be an array, got a sparse matrix; use y.toarray()")
        if not accepted(self, X, y, reset=reset):
            with numbers_in("X"):
                X, y = validate_data(
                    self,
                    X,
                    y,
                    reset=reset,
                    accept_sparse="csr",
                    dtype=[np.float64, np.float32],
                    ensure_all_finite=False,  # which reads X on one thread
                    multi_output=True,
                )
        weight = as_weight(sample_weight, X.shape[0])
        one_look = seen and weight is None and self._squared and _least_squares.sees(X)
        dense = not sp.issparse(X) and X.flags.c_contiguous
        if not (one_look or (measured and dense and weight is None)):
            X = canonical(X, n_threads(self.n_jobs))
        y = self._encode(y, weight, reset=reset)
        check_total(weight, "sample_weight")
        return X, y, weight

    def _weighted(
        self, y: Array, weight: Array | None, counts: Array | None = None
    ) -> tuple[Array | None, Any]:
        """Return the weights, those of the classes in them, and the rows that count."""
        own, weight = weight, self._class_weight(y, weight, counts)
        if weight is not None and weight is not own:
            check_total(weight, "sample_weight times class_weight")
        if weight is None or weight.all():
            return weight, None
        return weight, np.flatnonzero(weight)

    def _objective(
        self,
        X: Any,
        y: Array,
        weight: Any,
        active: Any,
        before: Seen | None = None,
        fresh: bool = True,
    ) -> Objective:
        """Return f in the plain metric; the penalty is over the rows seen before, too."""
        rows = as_rows(X, self.fit_intercept)
        loss = self._loss()
        n_outputs = loss.n_classes if isinstance(loss, Softmax) else y.shape[1]
        total = len(active) if active is not None else X.shape[0]
        if weight is not None:
            total = weight.sum() if active is None else weight[active].sum()
        if before is not None:
            total = before.total + total if fresh else before.total
        alpha = self._penalty(float(total), n_outputs)
        f = Objective(rows, loss, y, alpha, weight, active)
        f.n_jobs = n_threads(self.n_jobs)
        return f

    def _split_off(
        self, X: Any, y: Array, weight: Any, active: Any, seed: int
    ) -> tuple[Any, Validation]:
        """Return the training rows and the validation set of those held out."""
        labels = None
        if hasattr(self, "classes_"):
            labels = y[:, 0] if active is None else y[active, 0]
        n = X.shape[0] if active is None else len(active)
        train, held = hold_out(n, active, self.validation_fraction, seed, labels)
        own = None if weight is None else weight[held]
        return train, Validation(X, held, self._decode(y[held]), own)

    def _decode(self, y: Array) -> Any:
        """Return targets as the user gave them."""
        return y if y.shape[1] > 1 else y[:, 0]

    def _decision(self, X: Any) -> Array:
        """Return X W' + b of shape (n_samples, n_outputs)."""
        check_is_fitted(self)
        with numbers_in("X"):
            X = validate_data(
                self, X, reset=False, accept_sparse="csr", dtype=[np.float64, np.float32]
            )
        if sp.issparse(X):
            check_places(X)
        if sp.issparse(self.coef_):
            scores = safe_sparse_dot(X, self.coef_.T, dense_output=True)
            return np.asarray(scores + self.intercept_)
        coef = np.atleast_2d(self.coef_)
        return Rows(X, False).scores(coef, self.intercept_, range(X.shape[0]))

    def __sklearn_tags__(self) -> Any:
        """Return the tags: sparse input is welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
