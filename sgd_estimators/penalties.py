"""The same penalty in the parameters of other libraries: C, alpha, regParam, l2."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["CONVENTIONS", "Convention", "convert"]


@dataclass(frozen=True)
class Convention:
    """A parameter p of a library: ``lambda = factor * p**power`` times powers of the data.

    Parameters
    ----------
    objective : str
        What the library minimises, with p by its own name.
    factor : float, default=1.0
        The constant in front.
    power : int, default=1
        1, or -1 where a larger parameter penalises less.
    data : mapping of str to int, default={}
        Powers of "n_samples", "total_weight" and "y_std".

    Examples
    --------
    >>> from sgd_estimators.penalties import CONVENTIONS
    >>> CONVENTIONS["Ridge.alpha"].objective
    'sum_i s_i (y_i - z_i)^2 + alpha ||w||^2'
    """

    objective: str
    factor: float = 1.0
    power: int = 1
    data: Mapping[str, int] = field(default_factory=dict)


_MEAN = "1/S sum_i s_i loss_i"
CONVENTIONS: Mapping[str, Convention] = {
    "lambda": Convention(f"{_MEAN} + lambda/2 ||w||^2"),
    "Ridge.alpha": Convention(
        "sum_i s_i (y_i - z_i)^2 + alpha ||w||^2", data={"total_weight": -1}
    ),
    "LogisticRegression.C": Convention(
        "C sum_i s_i loss_i + 1/2 ||w||^2", power=-1, data={"total_weight": -1}
    ),
    "SGDRegressor.alpha": Convention(
        "1/n sum_i s_i (y_i - z_i)^2 / 2 + alpha/2 ||w||^2",
        data={"n_samples": 1, "total_weight": -1},
    ),
    "SGDClassifier.alpha": Convention(
        "1/n sum_i s_i loss_i + alpha/2 ||w||^2", data={"n_samples": 1, "total_weight": -1}
    ),
    # L-BFGS and the normal equations both divide it by the label's deviation, as glmnet.
    "spark.LinearRegression.regParam": Convention(
        "1/2S sum_i s_i (y_i - z_i)^2 + regParam/(2 std(y)) ||w||^2", data={"y_std": -1}
    ),
    "spark.LogisticRegression.regParam": Convention(f"{_MEAN} + regParam/2 ||w||^2"),
    "vw.squared.l2": Convention("sum_i s_i ((y_i - z_i)^2 + l2/2 ||w||^2)", factor=0.5),
    "vw.logistic.l2": Convention("sum_i s_i (loss_i + l2/2 ||w||^2)"),
    "vw.bfgs.squared.l2": Convention(
        "sum_i s_i (y_i - z_i)^2 + l2/2 ||w||^2", factor=0.5, data={"total_weight": -1}
    ),
    "vw.bfgs.logistic.l2": Convention(
        "sum_i s_i loss_i + l2/2 ||w||^2", data={"total_weight": -1}
    ),
}


def convert(
    value: ArrayLike,
    source: str,
    target: str,
    *,
    n_samples: float | None = None,
    total_weight: float | None = None,
    y_std: float | None = None,
) -> float | NDArray[np.float64]:
    """Return the parameter `target` that penalises as much as `source` does at `value`.

    Both are turned into the lambda of the objective f that this package minimises,
    1/S sum_i s_i loss_i + lambda/2 ||w||^2: for each name, ``CONVENTIONS[name].objective``
    says what the library minimises. Two models of one loss then have one optimum; a
    penalty can be carried from a squared loss to a log-loss, but the models differ.

    Parameters
    ----------
    value : float or array-like
        The parameter, >= 0; an array for one alpha a target.
    source, target : str
        Names of `CONVENTIONS`. Those of Spark are with ``standardization=False``, those
        of VW with ``--no_bias_regularization``; "vw.bfgs" is with ``--bfgs``, the others
        with ``--sgd``: VW's adaptive default has no such objective.
    n_samples : int, default=None
        Rows n of the data, those of weight 0 too.
    total_weight : float, default=None
        S, the sum of the weights, class weights in them; None is `n_samples`.
    y_std : float, default=None
        The standard deviation of the targets, which Spark's linear regression divides by.

    Returns
    -------
    float or ndarray
        The parameter named `target`; infinite for the C of no penalty.

    Raises
    ------
    ValueError
        For an unknown name, a negative value, or a missing number of the data.

    References
    ----------
    The user guides of scikit-learn, Spark (``ml/regression/LinearRegression.scala``) and
    Vowpal Wabbit (command line arguments).

    Examples
    --------
    >>> from sgd_estimators.penalties import convert
    >>> convert(0.5, "LogisticRegression.C", "SGDClassifier.alpha", n_samples=1000)
    0.002
    >>> convert(10.0, "Ridge.alpha", "lambda", n_samples=100, total_weight=250.0)
    0.04
    """
    known = {
        "n_samples": n_samples,
        "total_weight": n_samples if total_weight is None else total_weight,
        "y_std": y_std,
    }
    ours, theirs = _convention(source), _convention(target)
    number = np.asarray(value, np.float64)
    if not np.all(number >= 0):
        raise ValueError(f"value must be >= 0, got {value!r}")
    with np.errstate(divide="ignore"):  # no penalty is C = inf
        penalty = ours.factor * number**ours.power * _of_data(source, known)
        result = (penalty / theirs.factor / _of_data(target, known)) ** theirs.power
    return result if result.ndim else float(result)


def _convention(name: str) -> Convention:
    if name not in CONVENTIONS:
        raise ValueError(f"a parameter must be one of {list(CONVENTIONS)}, got {name!r}")
    return CONVENTIONS[name]


def _of_data(name: str, known: Mapping[str, Any]) -> float:
    """Return the product of the powers of the data that `name` needs."""
    product = 1.0
    for needed, power in CONVENTIONS[name].data.items():
        number = known[needed]
        if number is None or not 0 < number < np.inf:
            raise ValueError(f"{name} needs {needed} > 0, got {number!r}")
        product *= number**power
    return product
