"""Optimizers that need no schedule, or no scaled columns."""

import math
from typing import Any

import numpy as np
from scipy.sparse import issparse

from ._kernels import parameter_free, steps
from ._kernels.objective import Objective
from ._kernels.preconditioned import Preconditioned
from ._optimizer import Optimizer, Vector, check_fractions


class ScheduleFree(Optimizer):
    """A mean of the iterates in the place of a schedule, and gradients taken near it.

    ::

        y <- (1 - beta) z + beta x        where the gradient g is taken
        z <- z - alpha g(y)
        x <- (1 - c) x + c z,             c = alpha_t^2 / sum_i<=t alpha_i^2

    The mean x is reported, and is good at any time: no horizon is chosen beforehand.
    ``schedule="auto"`` is a constant rate, and ``learning_rate="auto"`` that of `SGD` times
    0.6 / (1 - beta), if that is above 1, as the mean evens out longer steps. As x is a mean
    already, ``average`` is an error.

    Parameters
    ----------
    beta : float, default=0.9
        In [0, 1): at 0 x is the plain mean of SGD's iterates.

    References
    ----------
    A. Defazio, X. Yang, H. Mehta, K. Mishchenko, A. Khaled and A. Cutkosky, "The road less
    scheduled", NeurIPS 2024.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sgd_estimators import SGDRidge
    >>> X, y = load_diabetes(return_X_y=True, scaled=False)
    >>> model = SGDRidge(optimizer=ScheduleFree(), tol=1e-3, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.5
    True
    """

    _steady = True

    def __init__(self, beta: float = 0.9) -> None:
        self.beta = beta

    def start(self, n_params: int) -> steps.Step:
        """Begin a run: see `Optimizer.start`."""
        check_fractions(beta=self.beta)
        return parameter_free.ScheduleFreeStep(n_params, self.beta)

    def auto_rate(self, smoothness: Any) -> float:
        """Return the rate, longer as the mean evens it out: see `Optimizer.auto_rate`."""
        return super().auto_rate(smoothness) * max(1.0, 0.6 / (1.0 - self.beta))

    def _check_task(self, f: Objective, plan: Any) -> None:
        if plan.average is not None:
            raise ValueError(
                f"average={plan.asked_average!r} cannot be honoured: optimizer={self!r} "
                "reports a mean of its own; leave average=False"
            )


class NormalizedAdaptive(Optimizer):
    """AdaGrad on columns divided by their largest entries: the scales do not matter.

    ::

        s_j <- s_j + g_j^2
        x_j <- x_j - alpha k / m_j g_j / sqrt(s_j)
        m_j = max_i |x_ij|,     1 / k^2 = mean_i sum_j (x_ij / m_j)^2

    With m and k of all rows that `fit` is given, taken in a pass before the first step,
    this is the paper's rule for scales that are known; a batch counts as one example,
    whose gradient is g. In `partial_fit`, m is that of all rows so far, k that of the
    rows of the call, and where m_j has grown, x_j is first multiplied by old m_j / new
    m_j, as in the paper. The intercept's column is one of ones.

    Multiplying columns by any numbers changes no prediction, with ``preconditioner=None``,
    without a penalty, and up to rounding; under "diagonal" the columns are centred, too.
    Under "hessian" they are those of the matrix, of one scale already, and k / m_j is 1. It
    is a rule for few passes over raw or sparse columns: like AdaGrad, it slows down.

    References
    ----------
    S. Ross, P. Mineiro and J. Langford, "Normalized online learning", UAI 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sgd_estimators import SGDLogistic
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = SGDLogistic(C=np.inf, preconditioner=None, tol=1e-3, random_state=0)
    >>> model.set_params(optimizer=NormalizedAdaptive()).fit(X, y).score(X, y) > 0.9
    True
    """

    _sign_share = 6.0
    _patience = math.inf
    _single = True

    def start(self, n_params: int) -> steps.Step:
        """Begin a run: see `Optimizer.start`."""
        return parameter_free.NormalizedAdaptiveStep(n_params)

    def _meet(self, step: Any, f: Objective, W: Vector, *, fresh: bool) -> Any:
        step = getattr(step, "inner", step)  # of an average
        if isinstance(f, Preconditioned):
            return step.unit
        largest = largest_entries(f)
        if fresh:
            before = step.largest[: len(largest)]
            largest = np.maximum(before, largest)
            W *= np.divide(before, largest, out=np.ones_like(before), where=before > 0)
        divisor = np.where(largest > 0, largest, 1.0)
        step.largest[:] = np.tile(largest, f.n_outputs)
        step.unit[:] = np.tile(
            1 / (divisor * np.sqrt(mean_norm(f, divisor) or 1.0)), f.n_outputs
        )
        return step.unit


def largest_entries(f: Objective) -> Vector:
    """Return the largest absolute entry of each column in the metric."""
    rows = f.rows
    low, high = np.full((2, rows.n_features), [[np.inf], [-np.inf]])
    for _, block in rows.blocks(f.indices):
        ends = block.min(axis=0), block.max(axis=0)
        if issparse(block):
            ends = ends[0].toarray().ravel(), ends[1].toarray().ravel()
        low, high = np.minimum(low, ends[0]), np.maximum(high, ends[1])
    largest = np.maximum(high - rows.mean, rows.mean - low) / rows.scale
    return np.append(largest, np.ones(int(rows.fit_intercept)))


def mean_norm(f: Objective, divisor: Vector) -> float:
    """Return the mean of ||x_i / divisor||^2 over the rows, in the metric."""
    rows, total = f.rows, 0.0
    for part, norms in rows.norms(
        f.indices, (divisor[: rows.n_features] * rows.scale) ** -2.0
    ):
        total += float(np.sum(norms if f.weight is None else norms * f.weight[part]))
    return total / f.total_weight + rows.fit_intercept
