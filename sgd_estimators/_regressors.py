"""Least squares and ridge regression: `SGDLinearRegressor` and `SGDRidge`."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.linear_model import LinearRegression, Ridge

from ._base import LinearSGD
from ._docs import shared
from ._exceptions import NoWeight
from ._kernels.losses import Loss, Squared
from ._kernels.objective import Objective
from ._params import choice, numbers_in, real
from ._state import Plan

Array = NDArray[np.float64]


class Regressor(MultiOutputMixin, RegressorMixin, LinearSGD):
    """What the two regressors share: real targets, one or many."""

    _squared = True

    def _encode(self, y: Any, weight: Array | None, *, reset: bool) -> Array:
        y = np.asarray(y)
        if y.dtype.kind not in "biuf":
            with numbers_in("y"):
                y = y.astype(np.float64)
        if reset:
            self._one_target = y.ndim == 1
        y = y.reshape(len(y), -1)
        if not reset and y.shape[1] != (known := len(np.atleast_2d(self._dense()))):
            raise ValueError(f"y must have {known} targets, as at first, got {y.shape[1]}")
        return np.ascontiguousarray(y, np.float64)

    def _loss(self) -> Loss:
        return Squared()

    def _split(self, f: Objective, W: Array) -> None:
        coef, intercept = f.rows.to_user(W)
        if self._one_target:
            self.coef_, self.intercept_ = coef[0], float(intercept[0])
        else:
            self.coef_, self.intercept_ = coef, intercept

    def predict(self, X: ArrayLike) -> Array:
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            X w + b.
        """
        scores = self._decision(X)
        return scores[:, 0] if self._one_target else scores

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
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
        so far. Rows that all weigh 0 change nothing.

        Parameters
        ----------
        X, y, sample_weight : as in fit
            The rows of this call, and their weights.

        Returns
        -------
        self
            Fitted.
        """
        try:
            return self._partial_fit(X, y, sample_weight)
        except NoWeight:
            return self


@shared
class SGDLinearRegressor(Regressor):
    """Linear least squares by stochastic gradient descent.

    Minimises the mean squared error, as `sklearn.linear_model.LinearRegression`::

        f(w, b) = 1/(2S) sum_i s_i (y_i - w . x_i - b)^2,    S = sum_i s_i

    {shared}

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sgd_estimators import SGDLinearRegressor
    >>> X, y = load_diabetes(return_X_y=True, scaled=False)  # raw features
    >>> model = SGDLinearRegressor(random_state=0).fit(X, y)
    >>> round(model.score(X, y), 2)
    0.52
    """

    def _penalty(self, total_weight: float, n_outputs: int) -> Array:
        return np.zeros(n_outputs)

    def _twin(self) -> Any:
        return LinearRegression(fit_intercept=self.fit_intercept)


@shared
class SGDRidge(Regressor):
    """Ridge regression by stochastic gradient descent.

    Minimises the objective of `sklearn.linear_model.Ridge`,
    sum_i s_i (y_i - w . x_i - b)^2 + alpha ||w||^2, over 2S::

        f(w, b) = 1/(2S) sum_i s_i (y_i - w . x_i - b)^2 + alpha/(2S) ||w||^2

    Parameters
    ----------
    alpha : float or array-like of shape (n_targets,), default=1.0
        The penalty, >= 0; one for all targets or one for each.
    {shared}

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sgd_estimators import SGDRidge
    >>> X, y = load_diabetes(return_X_y=True, scaled=False)
    >>> model = SGDRidge(alpha=10.0, random_state=0).fit(X, y)
    >>> round(model.score(X, y), 2)
    0.51
    """

    def __init__(
        self,
        alpha: Any = 1.0,
        *,
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
        self.alpha = alpha

    def _check(self, **how: bool) -> Plan | None:
        plan = super()._check(**how)
        if type(self.alpha) is float and 0 <= self.alpha < np.inf:
            return plan
        alphas = np.asarray(self.alpha, dtype=object)
        takes = "a number or one for each target"
        choice("alpha", self.alpha, takes, alphas.ndim <= 1 and alphas.size > 0)
        for alpha in np.ravel(alphas):
            real("alpha", alpha, 0, open_=False)
            choice("alpha", alpha, "finite", alpha < np.inf)
        return plan

    def _penalty(self, total_weight: float, n_outputs: int) -> Array:
        alpha = np.ravel(np.asarray(self.alpha, np.float64))
        if len(alpha) not in (1, n_outputs):
            raise ValueError(
                f"alpha must be a number or one for each of {n_outputs} targets, got "
                f"{len(alpha)} of them"
            )
        return np.full(n_outputs, alpha / total_weight)

    def _twin(self) -> Any:
        alpha = self.alpha if np.isscalar(self.alpha) else np.asarray(self.alpha, float)
        return Ridge(alpha, fit_intercept=self.fit_intercept)
