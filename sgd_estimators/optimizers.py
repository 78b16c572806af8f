"""Optimizers: how a gradient becomes a move.

An `Optimizer` is a recipe. It holds hyperparameters only, no fit ever changes it, and
``start(n_params)`` begins a run: it returns a step, which owns the state of the run and
moves x in place by ``step(x, g, rate)``. The rate comes from outside, so that any
optimizer goes with any schedule.

In the formulas g is the gradient at x, alpha the rate of this step, and t = 1 at the
first step. All vectors of state start at 0; products, quotients and roots of vectors
are taken entry by entry.
"""

from typing import Any

from ._adaptive import AdaDelta, AdaGrad, RMSProp
from ._dual import SDCA
from ._kernels import steps
from ._optimizer import Optimizer, check_flag, check_fractions, check_positive
from ._parameter_free import NormalizedAdaptive, ScheduleFree
from ._variance_reduced import SAGA, SVRG

__all__ = [
    "OPTIMIZERS",
    "SAGA",
    "SDCA",
    "SGD",
    "SVRG",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "Lion",
    "NAdam",
    "NormalizedAdaptive",
    "Optimizer",
    "RMSProp",
    "ScheduleFree",
    "get_optimizer",
]


class SGD(Optimizer):
    """Gradient descent, with momentum if wanted.

    ::

        v <- momentum v - alpha g
        x <- x + v                        x <- x + momentum v - alpha g  (nesterov)

    Parameters
    ----------
    momentum : float, default=0.0
        In [0, 1). Without momentum the rule is x <- x - alpha g; with it, a gradient
        that stays the same ends up moving x by alpha g / (1 - momentum) a step.
    nesterov : bool, default=False
        Nesterov's look-ahead, which needs a momentum.

    References
    ----------
    B. T. Polyak, "Some methods of speeding up the convergence of iteration methods",
    1964. I. Sutskever, J. Martens, G. Dahl and G. Hinton, "On the importance of
    initialization and momentum in deep learning", 2013, for Nesterov's form.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([3.0, -4.0])
    >>> step = SGD(momentum=0.5).start(n_params=2)
    >>> for _ in range(100):
    ...     step(x, 2 * x, 0.1)  # for f(x) = x1^2 + x2^2
    >>> np.allclose(x, 0, atol=1e-8)
    True
    """

    def __init__(self, momentum: float = 0.0, nesterov: bool = False) -> None:
        self.momentum = momentum
        self.nesterov = nesterov

    def start(self, n_params: int) -> steps.Step:
        """Begin a run: see `Optimizer.start`."""
        check_fractions(momentum=self.momentum)
        check_flag("nesterov", self.nesterov)
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov=True needs momentum in (0, 1), got momentum=0")
        return steps.SGDStep(n_params, self.momentum, self.nesterov)


class Adam(Optimizer):
    """A running mean of g over the root of one of g^2, both freed of their start at 0.

    ::

        m <- beta1 m + (1 - beta1) g
        s <- beta2 s + (1 - beta2) g^2
        x <- x - alpha m / (1 - beta1^t) / (sqrt(s / (1 - beta2^t)) + eps)

    Parameters
    ----------
    beta1 : float, default=0.9
        The factor of the mean of g, in [0, 1).
    beta2 : float, default=0.999
        The factor of the mean of g^2, in [0, 1).
    eps : float, default=1e-8
        Above 0. It is absolute: keep it well below the size of the gradients.
    amsgrad : bool, default=False
        Put the largest s so far in the place of s.

    References
    ----------
    D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", 2015.
    S. J. Reddi, S. Kale and S. Kumar, "On the convergence of Adam and beyond", 2018,
    for AMSGrad.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([3.0, -4.0])
    >>> step = Adam().start(n_params=2)
    >>> for _ in range(500):
    ...     step(x, 2 * x, 0.1)  # for f(x) = x1^2 + x2^2
    >>> np.allclose(x, 0, atol=1e-4)
    True
    """

    _sign_share = 0.2
    _patience = 10.0

    def __init__(
        self,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        amsgrad: bool = False,
    ) -> None:
        self.beta1 = beta1
        self.beta2 = beta2
        self.eps = eps
        self.amsgrad = amsgrad

    def start(self, n_params: int) -> steps.Step:
        """Begin a run: see `Optimizer.start`."""
        check_fractions(beta1=self.beta1, beta2=self.beta2)
        check_positive(eps=self.eps)
        check_flag("amsgrad", self.amsgrad)
        return steps.AdamStep(n_params, self.beta1, self.beta2, self.eps, self.amsgrad)


class NAdam(Optimizer):
    """Adam with Nesterov's look-ahead.

    ::

        m <- beta1 m + (1 - beta1) g
        s <- beta2 s + (1 - beta2) g^2
        n <- beta1 m / (1 - beta1^(t + 1)) + (1 - beta1) g / (1 - beta1^t)
        x <- x - alpha n / (sqrt(s / (1 - beta2^t)) + eps)

    This is the paper's form for a constant beta1; some libraries let beta1 grow.

    Parameters
    ----------
    beta1 : float, default=0.9
        The factor of the mean of g, in [0, 1).
    beta2 : float, default=0.999
        The factor of the mean of g^2, in [0, 1).
    eps : float, default=1e-8
        Above 0. It is absolute: keep it well below the size of the gradients.

    References
    ----------
    T. Dozat, "Incorporating Nesterov momentum into Adam", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([3.0, -4.0])
    >>> step = NAdam().start(n_params=2)
    >>> for _ in range(500):
    ...     step(x, 2 * x, 0.1)  # for f(x) = x1^2 + x2^2
    >>> np.allclose(x, 0, atol=1e-4)
    True
    """

    _sign_share = 0.2
    _patience = 10.0

    def __init__(self, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> None:
        self.beta1 = beta1
        self.beta2 = beta2
        self.eps = eps

    def start(self, n_params: int) -> steps.Step:
        """Begin a run: see `Optimizer.start`."""
        check_fractions(beta1=self.beta1, beta2=self.beta2)
        check_positive(eps=self.eps)
        return steps.NAdamStep(n_params, self.beta1, self.beta2, self.eps)


class Lion(Optimizer):
    """Moves of one size, in the direction of the sign of a running mean.

    ::

        x <- x - alpha sign(beta1 m + (1 - beta1) g)
        m <- beta2 m + (1 - beta2) g

    Every parameter moves by alpha, so that x settles only where the rate falls to 0.

    Parameters
    ----------
    beta1 : float, default=0.9
        In [0, 1): the weight of m against g in the move.
    beta2 : float, default=0.99
        The factor of the running mean, in [0, 1).

    References
    ----------
    X. Chen et al., "Symbolic discovery of optimization algorithms", 2023.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([3.0, -4.0])
    >>> step = Lion().start(n_params=2)
    >>> for t in range(500):
    ...     step(x, 2 * x, 0.2 * 0.98**t)  # for f(x) = x1^2 + x2^2
    >>> np.allclose(x, 0, atol=1e-4)
    True
    """

    _sign_share = 0.05
    _patience = 10.0

    def __init__(self, beta1: float = 0.9, beta2: float = 0.99) -> None:
        self.beta1 = beta1
        self.beta2 = beta2

    def start(self, n_params: int) -> steps.Step:
        """Begin a run: see `Optimizer.start`."""
        check_fractions(beta1=self.beta1, beta2=self.beta2)
        return steps.LionStep(n_params, self.beta1, self.beta2)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    cls.__name__.lower(): cls
    for cls in (
        *(SGD, AdaGrad, RMSProp, AdaDelta, Adam, NAdam, Lion),
        *(ScheduleFree, NormalizedAdaptive, SVRG, SAGA, SDCA),
    )
}


def get_optimizer(spec: str | Optimizer | type[Optimizer]) -> Optimizer:
    """Return the optimizer that ``spec`` stands for.

    Parameters
    ----------
    spec : str, Optimizer or subclass of Optimizer
        A name in `OPTIMIZERS` and a class mean that class with its defaults; an
        optimizer is returned as it is.

    Returns
    -------
    Optimizer
        The recipe.

    Raises
    ------
    ValueError
        If ``spec`` is a string but no optimizer's name.
    TypeError
        If ``spec`` is none of the three.

    Examples
    --------
    >>> get_optimizer("sgd")
    SGD()
    >>> get_optimizer(Adam(beta1=0.8))
    Adam(beta1=0.8)
    """
    given: Any = spec
    if isinstance(given, str) and given in OPTIMIZERS:
        given = OPTIMIZERS[given]
    if isinstance(given, type) and issubclass(given, Optimizer):
        return given()
    if isinstance(given, Optimizer):
        return given
    error = ValueError if isinstance(given, str) else TypeError
    raise error(
        f"optimizer must be an Optimizer, a subclass of it, or one of "
        f"{', '.join(OPTIMIZERS)}; got {given!r}"
    )
