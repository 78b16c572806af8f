"""SDCA: exact steps on the dual, one row after the other."""

from typing import Any

import numpy as np

from ._kernels import steps
from ._kernels.dual import Dual
from ._kernels.losses import Softmax
from ._kernels.objective import Objective
from ._optimizer import Optimizer


class SDCA(Optimizer):
    """Stochastic dual coordinate ascent: no rate, and each step the best for its row.

    With a number a_i for each row and output, ``W = sum_i s_i a_i x_i / (lambda S)``, and
    each step maximises the dual over the a_i of one row::

        a_i <- argmax_a  -s_i l*(y_i, -a) - q_i / 2 (a - a_i)^2 - s_i z_i (a - a_i)
        W   <- W + s_i (change of a_i) x_i / (lambda S)

    With l* the conjugate of the loss, z_i the score and ``q_i = s_i^2 ||x_i||^2 /
    (lambda S)``. For the squared loss the step is ``(y_i - z_i - a_i) / (1 + q_i / s_i)``,
    for the logistic loss a few steps of Newton's method. An intercept has no penalty; it
    is drawn to its value an epoch before, which takes it to its exact optimum.

    It is for penalised squared and logistic losses, and quick where the mean of q_i times
    the loss's curvature is below about 10: words, short rows, large ``alpha``, small
    ``C``. Columns are centred, unless ``preconditioner=None``; those of sparse data where
    most entries are far from 0. The scale of the columns counts in ||x_i||. A run does not
    stop by "no_improvement" while its dual rises. The a_i take 8 bytes a row and output,
    and stay in the model, to go on with.

    References
    ----------
    S. Shalev-Shwartz and T. Zhang, "Stochastic dual coordinate ascent methods for
    regularized loss minimization", 2013. H.-F. Yu, F.-L. Huang and C.-J. Lin, "Dual
    coordinate descent methods for logistic regression and maximum entropy models", 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sgd_estimators import SGDRidge
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = SGDRidge(optimizer=SDCA(), random_state=0).fit(X, y)
    >>> model.stop_reason_
    'certified'
    """

    _exact = True

    def start(self, n_params: int) -> steps.Step:
        """Begin a run: the step has nothing to do, and no gradient is asked for."""
        return steps.Step()

    def estimate(self, f: Objective) -> Objective:
        """Return f with the variables of its dual: see `Optimizer.estimate`."""
        return Dual(f)

    def _check_task(self, f: Objective, plan: Any) -> None:
        name = f"optimizer={self!r}"
        if isinstance(f.loss, Softmax):
            raise ValueError(
                f"{name} is for squared losses and two classes, y has {f.n_outputs}; use "
                '"svrg" or "saga", or scikit-learn\'s OneVsRestClassifier'
            )
        if not np.all(f.alpha > 0):
            raise ValueError(
                f"{name} needs a penalty: alpha > 0, or a finite C; use another optimizer"
            )
        for setting, value, own in (
            ("learning_rate", plan.learning_rate, None),
            ("schedule", plan.schedule, "auto"),
            ("batch_size", plan.batch_size, "auto"),
            ("average", plan.asked_average, None),
            ("preconditioner", plan.hessian and "hessian", False),
        ):
            if value is not own and not (isinstance(value, str) and value == own):
                raise ValueError(
                    f"{setting}={value!r} cannot be honoured: {name} makes exact steps on "
                    "single rows; leave its default, or choose another optimizer"
                )
