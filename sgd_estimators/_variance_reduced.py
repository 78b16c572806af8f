"""SVRG and SAGA: plain steps along gradients whose noise vanishes."""

from numbers import Integral
from typing import Any

from ._kernels import steps
from ._kernels.objective import Objective
from ._kernels.variance import Corrected
from ._optimizer import Optimizer


class SAGA(Optimizer):
    """Gradients corrected by those that each row gave last.

    ::

        g_B <- grad f_B(x) - grad l_B(past) + grad l(past),   x <- x - alpha g_B

    With grad l the gradient of the mean loss, over all rows or over the batch, and past
    the x at which each row was visited last. For a linear model that is one number a row
    and output, its slope ``s_i l'(y_i, z_i)``. On average g_B is the gradient of f, and
    its noise vanishes as x and past come together: a constant rate converges linearly.

    A run begins with a pass that takes all slopes. ``learning_rate="auto"`` is
    ``1 / (2 L)``, L the expected smoothness of the mini-batches; ``schedule="auto"``
    raises it while the loss falls fast, and never goes below that number for the L at
    the present x, which is found anew at the epochs 1, 2, 4, 8, ...

    References
    ----------
    A. Defazio, F. Bach and S. Lacoste-Julien, "SAGA: a fast incremental gradient method
    with support for non-strongly convex composite objectives", 2014. N. Gazagnadou,
    R. Gower and J. Salmon, "Optimal mini-batch and step sizes for SAGA", 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sgd_estimators import SGDRidge
    >>> X, y = load_diabetes(return_X_y=True, scaled=False)
    >>> model = SGDRidge(optimizer=SAGA(), random_state=0).fit(X, y)
    >>> model.stop_reason_
    'certified'
    """

    def start(self, n_params: int) -> steps.Step:
        """Begin a run: see `Optimizer.start`."""
        return steps.SGDStep(n_params)

    def estimate(self, f: Objective) -> Objective:
        """Return f with gradients that remember the rows: see `Optimizer.estimate`."""
        return Corrected(f, True, 0)

    def auto_rate(self, smoothness: Any) -> float:
        """Return the rate, 1 / (2 L): see `Optimizer.auto_rate`."""
        total = smoothness.mean + smoothness.longest  # what rows leave behind is old
        return float(0.5 / total) if total > 0 else 1.0


class SVRG(SAGA):
    """Gradients corrected by those at a snapshot of x.

    The rule, the rate and the schedule are those of `SAGA`, with one past for all rows:
    the x at which the last snapshot was made. A snapshot costs a pass.

    Parameters
    ----------
    every : int, default=1
        Epochs from one snapshot to the next.

    References
    ----------
    R. Johnson and T. Zhang, "Accelerating stochastic gradient descent using predictive
    variance reduction", 2013.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sgd_estimators import SGDRidge
    >>> X, y = load_diabetes(return_X_y=True, scaled=False)
    >>> model = SGDRidge(optimizer=SVRG(every=2), random_state=0).fit(X, y)
    >>> model.stop_reason_
    'certified'
    """

    def __init__(self, every: int = 1) -> None:
        self.every = every

    def start(self, n_params: int) -> steps.Step:
        """Begin a run: see `Optimizer.start`."""
        every: Any = self.every
        whole = isinstance(every, Integral) and not isinstance(every, bool)
        if not (whole and every >= 1):
            raise ValueError(f"every must be an integer >= 1, got {every!r}")
        return super().start(n_params)

    def estimate(self, f: Objective) -> Objective:
        """Return f with gradients that remember the snapshot: see `Optimizer.estimate`."""
        return Corrected(f, False, self.every)
