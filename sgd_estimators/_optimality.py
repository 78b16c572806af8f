"""How far any linear model is from the optimum of its objective: `optimality_gap`."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from . import _auto
from ._base import LinearSGD
from ._certificates import Certificate
from ._classifier import SGDLogistic
from ._judge import Watch, floor
from ._kernels.objective import Objective
from ._objective import objective
from ._params import choice, integer, n_threads, real
from ._regressors import SGDLinearRegressor, SGDRidge
from ._solver import find

Array = NDArray[np.float64]

FITTED = ("coef_", "intercept_", "classes_", "n_features_in_", "feature_names_in_")


class OptimalityGap(NamedTuple):
    """What `optimality_gap` returns.

    Parameters
    ----------
    objective : float
        The model's f.
    gap : float
        An upper bound on f - f*; infinite only where f is.
    certificate : str
        The bound that says so, as in ``certificate_`` of the estimators.
    """

    objective: float
    gap: float
    certificate: str


def optimality_gap(
    model: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    loss: str | None = None,
    penalty: float | None = None,
    tol: float = 1e-6,
    max_iter: int = 100,
) -> OptimalityGap:
    """Return how far a linear model is from the optimum on this data, at most.

    ::

        f(W, b) = 1/S sum_i s_i l(y_i, W x_i + b) + 1/2 sum_j lambda_j W_j^2
        f(W, b) - f* <= gap

    Every V whose distance from the optimum is bounded, f(V) - f* <= g, bounds all others,
    too: f(W) - f* <= f(W) - f(V) + g. So where the bounds at the model itself say little,
    the certified solver looks for a V, beginning at the model.

    Parameters
    ----------
    model : estimator or (coef, intercept)
        A fitted estimator of this package, or a `LinearRegression`, `Ridge` or
        `LogisticRegression` of scikit-learn, whoever fitted it and on what data: f is its
        objective (for the sum of squares and ``Ridge`` divided by 2 S, for
        ``LogisticRegression`` by C S), with its own ``alpha``, ``C``, ``class_weight`` and
        ``fit_intercept``. Or arrays shaped as ``coef_`` and ``intercept_``; an intercept
        of None is none.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Targets or classes, as the model's `fit` takes them; as `objective` takes them
        where the model is a pair of arrays.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights s >= 0.
    loss : {"squared", "logistic", "softmax"}, default=None
        For a pair of arrays, which need it.
    penalty : float, default=None
        Of f, lambda >= 0, for a pair of arrays; None is 0.
    tol : float, default=1e-6
        The gap is to exceed f - f* by ``tol (f_0 - f*)`` at most, f_0 being f at W = 0 and
        the best constant.
    max_iter : int, default=100
        Passes over the data that may be spent on it.

    Returns
    -------
    OptimalityGap
        The tuple ``(objective, gap, certificate)``.

    Raises
    ------
    ValueError, TypeError
        For bad data or arguments, and for a model that minimises something else, as with
        ``penalty="l1"``, ``positive=True`` or one model for each class.

    Notes
    -----
    The gap holds up to rounding, about 1e-14 f_0. ``solver="liblinear"`` penalises the
    intercept, which f does not: the gap counts what that costs.

    References
    ----------
    S. Shalev-Shwartz and T. Zhang, "Stochastic dual coordinate ascent methods for
    regularized loss minimization", 2013, for Fenchel's bound. F. Bach, "Self-concordant
    analysis for logistic regression", 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sgd_estimators import optimality_gap
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = LogisticRegression(solver="newton-cholesky", tol=1e-8).fit(X, y)
    >>> f, gap, _ = optimality_gap(model, X, y)
    >>> gap < 1e-6 * f
    True
    >>> f, gap, _ = optimality_gap((0 * model.coef_, 0.0), X, y, loss="logistic", penalty=0)
    >>> round(f, 3), gap <= f  # log 2, and no loss is negative
    (0.693, True)
    """
    real("tol", tol, 0, open_=False)
    integer("max_iter", max_iter, 1)
    if isinstance(model, tuple | list):
        f, coef, intercept = _given(model, X, y, sample_weight, loss, penalty)
    else:
        for name, value in (("loss", loss), ("penalty", penalty)):
            own = f"None where the model, {type(model).__name__}, has its own"
            choice(name, value, own, value is None)
        f, coef, intercept = _fitted(_ours(model), X, y, sample_weight)
    f.n_jobs = n_threads(None)
    return _bound(f, coef, intercept, float(tol), max_iter)


def _given(
    pair: Any, X: Any, y: Any, sample_weight: Any, loss: Any, penalty: Any
) -> tuple[Objective, Array, Array]:
    """Return f, coefficients and intercepts of a pair of arrays."""
    choice("model", pair, "an estimator or a pair (coef, intercept)", len(pair) == 2)
    choice("loss", loss, "given for a pair (coef, intercept)", loss is not None)
    coef = check_array(pair[0], dtype=np.float64, ensure_2d=False, input_name="coef")
    coef, intercept = np.atleast_2d(coef), np.zeros(1)
    if pair[1] is not None:
        intercept = np.atleast_1d(np.asarray(pair[1], np.float64))
        finite = bool(np.isfinite(intercept).all())
        choice("intercept", pair[1], "None or finite numbers", finite)
    f = objective(
        X,
        y,
        loss,
        penalty=0.0 if penalty is None else penalty,
        sample_weight=sample_weight,
        fit_intercept=pair[1] is not None,
    )
    shape = f.n_outputs, f.rows.n_features
    choice("coef", coef.shape, f"of shape {shape}, as X and y ask for", coef.shape == shape)
    known = intercept.shape in ((1,), shape[:1])
    choice("intercept", intercept.shape, f"a number or of shape {shape[:1]}", known)
    return f, coef, np.broadcast_to(intercept, shape[:1])


def _fitted(
    model: LinearSGD, X: Any, y: Any, sample_weight: Any
) -> tuple[Objective, Array, Array]:
    """Return f, coefficients and intercepts of an estimator of ours."""
    model._check(validated=True)
    X, y, weight = model._validate(X, y, sample_weight, reset=False)
    weight, active = model._weighted(y, weight)
    f = model._objective(X, y, weight, active)
    coef = np.atleast_2d(model._dense())
    return f, coef, np.broadcast_to(model.intercept_, len(coef))


def _ours(model: Any) -> LinearSGD:
    """Return the estimator of ours that has the objective of the model."""
    if isinstance(model, LinearSGD):
        check_is_fitted(model)
        return model
    ours: LinearSGD
    if isinstance(model, LogisticRegression) and hasattr(model, "C"):
        ours = _logistic(model)
    elif isinstance(model, Ridge | LinearRegression):
        if model.positive:
            raise ValueError("model has positive=True, for which no bound is known")
        ridge = isinstance(model, Ridge)
        ours = SGDRidge(model.alpha) if ridge else SGDLinearRegressor()
    else:
        raise TypeError(
            "model must be a fitted estimator of sgd_estimators, a LinearRegression, Ridge "
            f"or LogisticRegression, or a pair (coef, intercept), got {model!r}"
        )
    check_is_fitted(model)
    ours.fit_intercept = bool(model.fit_intercept)
    for name in FITTED:
        if hasattr(model, name):
            setattr(ours, name, getattr(model, name))
    return ours


def _logistic(model: Any) -> SGDLogistic:
    """Return `SGDLogistic` with the objective of a `LogisticRegression`."""
    check_is_fitted(model)
    ratio = model.l1_ratio or 0  # older releases have None
    l2 = ratio == 0 and model.penalty in ("l2", "deprecated", "elasticnet")
    if not l2 and model.penalty is not None:
        raise ValueError(
            f"model has penalty={model.penalty!r} and l1_ratio={model.l1_ratio!r}, for "
            "which no bound is known: only the squares of the coefficients may be penalised"
        )
    several = len(model.classes_) > 2
    apart = model.solver == "liblinear" if several else False
    if getattr(model, "multi_class", "auto") == ("ovr" if several else "multinomial"):
        apart = True
    if apart:
        raise ValueError(
            "model is not one softmax of its classes, but several models, or a softmax of "
            "two; certify each by itself, as a pair (coef, intercept)"
        )
    C = np.inf if model.penalty is None else model.C
    return SGDLogistic(C, class_weight=model.class_weight)


def _bound(
    f: Objective, coef: Array, intercept: Array, tol: float, max_iter: int
) -> OptimalityGap:
    """Return f at a point and the best bound there."""
    f.set_metric(*_auto.metric(f))
    W, start = f.rows.from_user(coef, intercept), floor(f)
    with np.errstate(all="ignore"):  # far out, f is beyond the range of floats
        value, G = f.value_and_gradient(W)
        value = float(value)
        if not math.isfinite(value):
            return OptimalityGap(math.inf, math.inf, "none")
        bounds, name = Certificate(f).bound(W, value, G)
    gap = float(bounds.sum())
    if not gap <= value:  # no loss is negative
        gap, name = value, "value"
    if gap <= tol * (start - value + gap):
        return OptimalityGap(value, gap, name)
    known = (coef, intercept) if value < start else None
    nearest = find(f, known, tol, max_iter, lambda: 0, Watch())
    above = max(value - float(f.value_and_gradient(nearest.W)[0]), 0.0)
    above += nearest.gap + 1e-14 * start
    if above < gap:
        gap, name = above, nearest.certificate
    return OptimalityGap(value, gap, name)
