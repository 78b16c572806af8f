"""A bound on f(W) - f* from the curvature of a mini-batch's rows alone.

Each loss lies above its tangent; on the rows of the mini-batch it also bends: the
logistic and the softmax loss l of the scores z obey, with rho(u) the range of u,

    l(z + u) >= l(z) + l'(z) u + u' l''(z) u / (2 + rho(u)),

as l'' falls at most like exp(-rho) (Bach 2010). With any numbers rho_i, and

    M = 1/S sum s_i l''(z_i) x_i x_i' / (1 + rho_i / 2) + penalty

over these rows, f(W + V) - f(W) >= G . V + ||V||_M^2 / 2 wherever rho(V x_i) <= rho_i. Its
least value is -a^2 / 2, a = ||G|| in the norm of M^-1, and beyond ||V||_M = 2 a it is above
0, where f, being convex, has no minimum either. So the bound is a^2 / 2 if rho_i is at
least the range of V x_i in that ball.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._kernels.losses import Squared
from ._sample import Sample

Array = NDArray[np.float64]

ROOM = 2.0  # rho is more than the last range: M will be less, and the ball larger
GROWTH = 4  # of the largest range: from a try to the next, beyond which none will do


class SubsetBound:
    """The bound by the rows of a mini-batch.

    Parameters
    ----------
    sample : Sample
    """

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        #: What the rows count in f, of what they count in the mini-batch.
        met = sample.s > 0
        self.part = float(np.median(sample.share[met] / sample.s[met]))

    def gap(self, W: Array, G: Array, wanted: float, rounding: Array) -> float:
        """Return the bound at W, where the gradient of f is G up to its rounding.

        It is infinite where it is more than `wanted`, W too far from the optimum, or the
        gradient in directions that the rows do not resolve.
        """
        sample = self.sample
        p = sample.means(sample.scores(W))
        bends = not isinstance(sample.f.loss, Squared)
        reach, most = np.zeros(len(p)), np.inf
        while True:
            M: Any = sample.inverse(sample.bend(p, sample.share / (1 + 0.5 * reach)))
            bound = 0.5 * float(np.sum(G * M(G)))
            bound = (math.sqrt(max(bound, 0.0)) + math.sqrt(0.5 * M.reach(rounding))) ** 2
            if M.hides(G, rounding) or (bends and not bound <= wanted):
                return np.inf
            if not bends:
                return bound
            # The range of two scores or more is at most sqrt(2) times their norm.
            sides = 1 if len(G) == 1 else 2
            norms = M.norms(sample.A, sample.f.n_jobs)
            if norms.min() < 0:  # the inverse has lost its digits
                return np.inf
            found = np.sqrt(8 * bound * sides * norms)
            if np.all(found <= reach):
                return bound
            if found.max() > most:
                return np.inf
            most = GROWTH * found.max()
            reach = np.maximum(reach, ROOM * found)
