"""A user's optimizer, schedules and rate, in a module that worker processes can import."""

import os
import signal

import numpy as np
from sklearn.base import BaseEstimator

from sgd_estimators.optimizers import OPTIMIZERS, Optimizer
from sgd_estimators.schedules import Schedule

RATED = [name for name in OPTIMIZERS if name != "sdca"]  # which steps along gradients


class SignDescent(Optimizer):
    """A user's optimizer with an argument of its own."""

    def __init__(self, shrink=1.0):
        self.shrink = shrink

    def start(self, n_params):
        return SignStep(self.shrink)


class SignStep:
    def __init__(self, shrink):
        self.shrink = shrink
        self.t = 0

    def __call__(self, x, g, rate):
        self.t += 1
        x -= rate / self.t**self.shrink * np.sign(g)


class Sawtooth(Schedule):
    """A user's schedule."""

    def __init__(self, teeth=10):
        self.teeth = teeth

    def _formula(self, t):
        return 1 - (t % self.teeth) / self.teeth


def halving(t):
    return 0.5 ** (t / 500)


class Normalized(BaseEstimator):
    """A user's: steps of a length that falls; it counts them in itself."""

    def __init__(self, length=0.5):
        self.length = length

    def __call__(self, f, batch, x, g, loss):
        self.t = getattr(self, "t", 0) + 1
        return self.length / self.t / np.linalg.norm(g)


class Killer:
    """A user's callback that kills its process after some epochs."""

    def __init__(self, epochs):
        self.left = epochs

    def __call__(self, model, record):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
