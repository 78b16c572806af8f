"""Optimizers that divide by the size of the gradients so far: a rate for each parameter."""

import math
from typing import Any

from ._kernels import steps
from ._optimizer import Optimizer, check_flag, check_fractions, check_positive


class AdaGrad(Optimizer):
    """A rate for each parameter, which falls with its gradients so far.

    ::

        s <- s + g^2
        x <- x - alpha g / (sqrt(s) + eps)

    Parameters
    ----------
    eps : float, default=1e-10
        Above 0. It is absolute: keep it well below the size of the gradients.

    References
    ----------
    J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning
    and stochastic optimization", JMLR 12, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([3.0, -4.0])
    >>> step = AdaGrad().start(n_params=2)
    >>> for _ in range(100):
    ...     step(x, 2 * x, 2.0)  # for f(x) = x1^2 + x2^2
    >>> np.allclose(x, 0, atol=1e-8)
    True
    """

    _sign_share = 6.0
    _patience = math.inf
    _single = True

    def __init__(self, eps: float = 1e-10) -> None:
        self.eps = eps

    def start(self, n_params: int) -> steps.Step:
        """Begin a run: see `Optimizer.start`."""
        check_positive(eps=self.eps)
        return steps.AdaGradStep(n_params, self.eps)


class RMSProp(Optimizer):
    """Gradients divided by the root of their running mean square.

    ::

        s <- rho s + (1 - rho) g^2
        v <- momentum v - alpha g / (sqrt(s) + eps)
        x <- x + v

    Parameters
    ----------
    rho : float, default=0.9
        The factor of the running mean, in [0, 1).
    momentum : float, default=0.0
        In [0, 1).
    centered : bool, default=False
        Put s - m^2 in the place of s, with m <- rho m + (1 - rho) g: gradients are
        divided by their standard deviation. Where they hardly vary, as on full
        batches, that is nearly 0 and the moves are huge.
    eps : float, default=1e-8
        Above 0. It is absolute: keep it well below the size of the gradients.

    References
    ----------
    T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", Coursera, 2012. A. Graves,
    "Generating sequences with recurrent neural networks", 2013, for the centred form.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([3.0, -4.0])
    >>> step = RMSProp().start(n_params=2)
    >>> for t in range(500):
    ...     step(x, 2 * x, 0.1 * 0.98**t)  # for f(x) = x1^2 + x2^2
    >>> np.allclose(x, 0, atol=1e-4)
    True
    """

    _sign_share = 0.3
    _single = True

    def __init__(
        self,
        rho: float = 0.9,
        momentum: float = 0.0,
        centered: bool = False,
        eps: float = 1e-8,
    ) -> None:
        self.rho = rho
        self.momentum = momentum
        self.centered = centered
        self.eps = eps

    def start(self, n_params: int) -> steps.Step:
        """Begin a run: see `Optimizer.start`."""
        check_fractions(rho=self.rho, momentum=self.momentum)
        check_flag("centered", self.centered)
        check_positive(eps=self.eps)
        return steps.RMSPropStep(n_params, self.rho, self.momentum, self.centered, self.eps)


class AdaDelta(Optimizer):
    """Gradients put into the parameters' own unit, that of the moves so far.

    ::

        s <- rho s + (1 - rho) g^2
        d <- sqrt(u + eps) / sqrt(s + eps) g
        u <- rho u + (1 - rho) d^2
        x <- x - alpha d

    The paper's rule is that of alpha = 1.

    Parameters
    ----------
    rho : float, default=0.95
        The factor of the running means, in [0, 1).
    eps : float, default=1e-6
        Above 0. The first moves are of size sqrt(eps), and grow slowly.

    References
    ----------
    M. D. Zeiler, "ADADELTA: an adaptive learning rate method", 2012.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([3.0, -4.0])
    >>> step = AdaDelta().start(n_params=2)
    >>> for _ in range(2000):
    ...     step(x, 2 * x, 1.0)  # for f(x) = x1^2 + x2^2
    >>> np.allclose(x, 0, atol=1e-8)
    True
    """

    _sign_share = 0.3
    _single = True

    def __init__(self, rho: float = 0.95, eps: float = 1e-6) -> None:
        self.rho = rho
        self.eps = eps

    def start(self, n_params: int) -> steps.Step:
        """Begin a run: see `Optimizer.start`."""
        check_fractions(rho=self.rho)
        check_positive(eps=self.eps)
        return steps.AdaDeltaStep(n_params, self.rho, self.eps)

    def auto_rate(self, smoothness: Any) -> float:
        """Return the rate: see `Optimizer.auto_rate`.

        The first moves are rate * sqrt(eps / (1 - rho)) whatever the gradient's scale.
        """
        return float(super().auto_rate(smoothness) * ((1 - self.rho) / self.eps) ** 0.5)
