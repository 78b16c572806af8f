"""What the quick start compares: the models of one problem, by one objective f."""

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import logsumexp
from scipy.stats import entropy
from sklearn.base import clone, is_classifier

from sgd_estimators import SGDLinearRegressor


@dataclass
class Problem:
    """Data, and who minimises the same f of it: ours, an exact solver, their SGD."""

    name: str
    X: np.ndarray
    y: np.ndarray
    ours: Any
    exact: Any
    sgd: Any = None

    @property
    def title(self):
        """Model and data."""
        return f"{type(self.ours).__name__}, {self.name}"

    def f(self, model):
        """Return f at a fitted model, of any kind."""
        X, y = self.X, self.y
        if is_classifier(model):
            z = model.decision_function(X)
            z = np.column_stack([np.zeros(len(z)), z]) if z.ndim == 1 else z
            loss = np.mean(logsumexp(z, axis=1) - z[np.arange(len(y)), y])
        else:
            loss = np.mean((y - model.predict(X)) ** 2) / 2
        penalty = 0 if isinstance(self.ours, SGDLinearRegressor) else 1 / len(y)
        return loss + penalty / 2 * np.sum(model.coef_**2)

    @cached_property
    def ends(self):
        """f0 and f*."""
        y = self.y
        f_0 = entropy(np.bincount(y)) if is_classifier(self.ours) else np.var(y) / 2
        return f_0, self.f(clone(self.exact).fit(self.X, y))

    def excess(self, model):
        """Return how much of what there was to gain a model leaves."""
        f_0, f_star = self.ends
        return (self.f(model) - f_star) / (f_0 - f_star)

    def fit(self, model):
        """Return the seconds of a fit, the best of three."""
        times = []
        for _ in range(3):
            begun = time.perf_counter()
            model.fit(self.X, self.y)
            times.append(time.perf_counter() - begun)
        return min(times)

    def measure(self, model):
        """Fit a model; return what the tables say of it."""
        seconds, (f_0, f_star) = self.fit(model), self.ends
        return {
            "score": f"{model.score(self.X, self.y):.4f}",
            "f": f"{self.f(model):.5g}",
            "excess": small(self.excess(model)),
            "bound": small(getattr(model, "gap_", np.nan) / (f_0 - f_star)),
            "seconds": f"{seconds:.4f}",
        }

    def course(self, name, model):
        """Return the epochs, seconds and excess of a model's curve, which begins at f0."""
        if name == "exact":
            epochs, seconds, excess = np.nan, self.fit(model), self.excess(model)
        elif name == "their SGD":  # each point is a fit of its own
            epochs = np.unique(np.geomspace(1, model.max_iter, 8).astype(int))
            fits = [clone(model).set_params(max_iter=k) for k in epochs]
            seconds = [self.fit(fitted) for fitted in fits]
            excess = [self.excess(fitted) for fitted in fits]
        else:
            excess = []

            def note(model, record):
                excess.append(self.excess(model))

            clone(model).set_params(callbacks=note).fit(self.X, self.y)
            fits = [clone(model).fit(self.X, self.y) for _ in range(3)]
            own = np.min([fitted.history_["seconds"] for fitted in fits], axis=0)
            epochs = np.arange(1, len(own) + 1)
            # What is not the epochs' own, such as checks and bounds, is put before them.
            seconds = max(self.fit(model) - own.sum(), 0) + np.cumsum(own)
        return np.r_[0, epochs], np.r_[0, seconds], np.r_[1, excess]


def small(value):
    """Return an excess or a bound as text."""
    return "" if np.isnan(value) else f"{value:.1e}" if value > 1e-15 else "<1e-15"
