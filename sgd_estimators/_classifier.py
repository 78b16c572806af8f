"""Logistic regression: `SGDLogistic`."""

import sys
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from ._base import LinearSGD
from ._docs import shared
from ._exceptions import NoWeight, warn
from ._kernels.losses import Logistic, Loss, Softmax
from ._kernels.objective import Objective
from ._labels import distinct, named, numbers, strangers
from ._params import choice, real
from ._state import Plan

Array = NDArray[np.float64]


@shared
class SGDLogistic(ClassifierMixin, LinearSGD):
    """Logistic regression by stochastic gradient descent; softmax for several classes.

    Minimises the objective of `sklearn.linear_model.LogisticRegression`,
    C sum_i s_i log-loss_i + 1/2 ||w||^2, over C S::

        f(W, b) = 1/S sum_i s_i log-loss(y_i, W x_i + b) + 1/(2 C S) ||W||^2

    S includes the class weights. Each label of y is a class, whatever its rows weigh. Of
    one whose rows all weigh 0, f is least where its intercept is -infinity: it keeps a
    finite one that gives it a probability of about 1e-16, and the other classes have the
    model of a fit without it.

    Parameters
    ----------
    C : float, default=1.0
        The inverse of the penalty, > 0; ``inf`` for none.
    class_weight : dict, "balanced" or None, default=None
        A factor for the weights of each class, 1 for one that a dict does not name; a key
        that is no class of y is left out of account. "balanced" gives all classes that
        have weight the same one in sum.
    {shared}

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sgd_estimators import SGDLogistic
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = SGDLogistic(random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    """

    def __init__(
        self,
        C: float = 1.0,
        *,
        class_weight: Any = None,
        optimizer: Any = "auto",
        learning_rate: Any = "auto",
        momentum: float | None = None,
        schedule: Any = "auto",
        batch_size: int | str = "auto",
        preconditioner: str | None = "auto",
        max_iter: int = 1000,
        tol: float = 1e-6,
        average: bool | int | str = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        scoring: Any = None,
        fit_intercept: bool = True,
        shuffle: bool = True,
        warm_start: bool = False,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        callbacks: Any = None,
    ) -> None:
        super().__init__(
            optimizer=optimizer,
            learning_rate=learning_rate,
            momentum=momentum,
            schedule=schedule,
            batch_size=batch_size,
            preconditioner=preconditioner,
            max_iter=max_iter,
            tol=tol,
            average=average,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            scoring=scoring,
            fit_intercept=fit_intercept,
            shuffle=shuffle,
            warm_start=warm_start,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
            callbacks=callbacks,
        )
        self.C = C
        self.class_weight = class_weight

    def _check(self, **how: bool) -> Plan | None:
        plan = super()._check(**how)
        unpenalised = isinstance(self.C, float) and self.C == np.inf
        real("C", self.C, 0, open_=True) if not unpenalised else None
        valid = self.class_weight is None or isinstance(self.class_weight, dict)
        takes = 'None, "balanced" or a dict of weights by class'
        choice("class_weight", self.class_weight, takes, valid or self._balanced)
        if isinstance(self.class_weight, dict):
            for label, weight in self.class_weight.items():
                real(f"class_weight[{label!r}]", weight, 0, sys.float_info.max, open_=False)
        return plan

    _classes_given = False  # by partial_fit, or by the run that goes on

    @property
    def _balanced(self) -> bool:
        return isinstance(self.class_weight, str) and self.class_weight == "balanced"

    def _encode(self, y: Any, weight: Array | None, *, reset: bool) -> Array:
        if np.ndim(y) > 1 or np.asarray(y).dtype.kind not in "biu":  # else they are classes
            check_classification_targets(y)
        if np.ndim(y) > 1:
            y = column_or_1d(y, warn=True)
        if reset and not self._classes_given:
            classes = distinct(y)
            if len(classes) < 2:
                raise ValueError(
                    "y must hold at least 2 classes, but the data contains only one "
                    f"class: {classes[0]!r}"
                )
            self.classes_ = classes
        label = numbers(self.classes_, y)
        if label.min() < 0:
            unknown = label < 0
            if weight is not None:
                label[unknown] = 0.0  # of rows that do not count
                unknown &= weight > 0
            if unknown.any():
                raise ValueError(
                    f"y must hold the classes {self.classes_!r} only, got "
                    f"{y[unknown][0]!r} as well"
                )
        return label.reshape(-1, 1)

    def _decode(self, y: Array) -> Any:
        return self.classes_[y[:, 0].astype(np.intp)]

    def _counts(self, y: Array, weight: Array | None) -> Array | None:
        if not self._balanced:
            return None
        counts = np.bincount(y[:, 0].astype(np.intp), weight, len(self.classes_))
        return counts.astype(np.float64)

    def _class_weight(
        self, y: Array, weight: Array | None, counts: Array | None = None
    ) -> Array | None:
        if self.class_weight is None:
            return weight
        label = y[:, 0].astype(np.intp)
        if self._balanced:
            count = self._counts(y, weight) if counts is None else counts
            assert count is not None
            there = count > 0
            share = np.where(there, count, 1.0) / count.sum()
            factor = there / (np.count_nonzero(there) * share)
        else:
            classes = self.classes_.tolist()
            strange = strangers(self.class_weight, classes, known=self._classes_given)
            if strange:
                warn(
                    "class_weight has keys that no class of y can be, and that are left "
                    f"out of account: {strange!r}"
                )
            given = self.class_weight
            factor = np.array([given.get(c, 1.0) for c in classes], np.float64)
            choice(
                "class_weight", self.class_weight, "not all of them 0", bool(factor.any())
            )
        own: Array = factor[label]
        return own if weight is None else weight * own

    def _split(self, f: Objective, W: Array) -> None:
        super()._split(f, W)
        if f.n_outputs > 1:  # what all classes share, softmax does not see
            self.intercept_ = self.intercept_ - self.intercept_.mean()

    def _loss(self) -> Loss:
        n, stream = len(self.classes_), self._classes_given
        return Logistic(stream) if n == 2 else Softmax(n, stream)

    def _penalty(self, total_weight: float, n_outputs: int) -> Array:
        with np.errstate(over="ignore", divide="ignore"):
            penalty = 1 / (np.float64(self.C) * total_weight)
        choice("C", self.C, "so large that 1 / (C S) is a number", bool(penalty < 1e300))
        return np.full(n_outputs, penalty)

    def _twin(self) -> Any:
        return LogisticRegression(
            C=self.C, class_weight=self.class_weight, fit_intercept=self.fit_intercept
        )

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Make one epoch over these rows: a part of a stream, or all of them again.

        The metric is that of all rows seen so far, and so is the weight S that the
        penalty is divided by. A call with the very rows of the call before counts them
        once, so that k such calls are ``fit(max_iter=k)``. On new rows the automatic
        schedule is 1 / sqrt(1 + s t / 30), t updates of the stream and s the part of noise
        in what the rate is made of, and 1 for rules that shorten their own steps. A model
        that predicts new rows worse than the best constant of those before warns, and an
        automatic rate begins again, smaller. There is no bound: ``gap_`` is infinite, and
        ``objective_`` is f on these rows, their weights relative to the mean one
        so far. ``class_weight="balanced"`` is that of the classes counted so far. Rows that
        all weigh 0 change nothing; in the first call, only `classes` is noted.

        Parameters
        ----------
        X, y : as in fit
            The rows of this call.
        classes : array-like of shape (n_classes,), default=None
            All classes that will ever come; needed in the first call.
        sample_weight : as in fit, default=None
            Their weights.

        Returns
        -------
        self
            Fitted.
        """
        if classes is not None:
            told = named(classes)
        elif hasattr(self, "classes_"):
            told = self.classes_
        else:
            raise ValueError("classes must be given in the first call of partial_fit")
        if not np.array_equal(told, getattr(self, "classes_", told)):
            raise ValueError(
                f"classes must be those of the first call, {self.classes_!r}, got {told!r}"
            )
        try:
            with self._or_as_before():
                self.classes_ = told
                self._classes_given = True
                try:
                    return self._partial_fit(X, y, sample_weight)
                finally:
                    del self._classes_given
        except NoWeight:
            self.classes_ = told
            return self

    def decision_function(self, X: ArrayLike) -> Array:
        """Return the scores W x + b.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes, that of ``classes_[1]`` alone.
        """
        scores = self._decision(X)
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict the class of highest score.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            Of ``classes_``.
        """
        check_is_fitted(self)
        scores = self.decision_function(X)
        best = scores > 0 if scores.ndim == 1 else scores.argmax(axis=1)
        return np.asarray(self.classes_[best.astype(np.intp)])

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.column_stack([expit(-scores), expit(scores)])
        return np.asarray(softmax(scores, axis=1))

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Return the logarithm of the probability of each class, exact in the tails.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.column_stack([log_expit(-scores), log_expit(scores)])
        return np.asarray(log_softmax(scores, axis=1))
