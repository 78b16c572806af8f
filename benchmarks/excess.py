"""The stored data sets, and how far from the optimum of a problem a model is."""

import os
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from scipy.special import log_softmax

from sgd_estimators import SGDLogistic, SGDRidge

FOLDER = Path(
    os.environ.get("SGD_ESTIMATORS_DATA", Path(__file__).parents[2] / "shared" / "data")
)
FLOOR = 1e-9  # f* is not known to more than this share of f0 - f*
ENDLESS = {"tol": 0.0, "n_iter_no_change": 10**6}  # no run ends before `max_iter`


def load(name):
    """Return raw X, an array or a CSR matrix, and y."""
    with np.load(FOLDER / f"{name}.npz") as stored:
        if "X" in stored:
            return stored["X"], stored["y"]
        parts = stored["data"], stored["indices"], stored["indptr"]
        X = sp.csr_matrix(parts, shape=tuple(stored["shape"].tolist()))
        return X, stored["y"]


class Problem:
    """Least squares (kind "ridge") or log-loss ("logistic"), of the default penalty."""

    def __init__(self, X, y, kind):
        self.X, self.y, self.kind = X, y, kind
        self.double = X.astype(np.float64)  # f is found in float64, whatever X is
        if kind == "ridge":
            self.f0 = 0.5 * np.var(y)
        else:
            shares = np.bincount(y) / len(y)
            self.f0 = -np.sum(shares * np.log(shares))
        solver = self.model(tol=1e-10).fit(X, y)
        self.best = self.objective(solver)
        if not solver.converged_:
            share = solver.gap_ / (self.f0 - self.best)
            print(f"f* is known to {share:.0e} of f0 - f* only")

    def model(self, **options):
        """Return an estimator for this kind of problem."""
        model = SGDRidge if self.kind == "ridge" else SGDLogistic
        return model(**{"random_state": 0, **options})

    def objective(self, model):
        """Return f."""
        coef = np.atleast_2d(model.coef_).astype(np.float64)
        z = self.double @ coef.T + model.intercept_
        if self.kind == "ridge":
            losses = 0.5 * (z[:, 0] - self.y) ** 2
        elif len(coef) == 1:
            losses = np.logaddexp(0, np.where(self.y == 1, -1, 1) * z[:, 0])
        else:
            losses = -log_softmax(z, axis=1)[np.arange(len(z)), self.y]
        return np.mean(losses) + 0.5 * np.sum(coef**2) / len(z)

    def rho(self, model):
        """Return (f - f*) / (f0 - f*), at least FLOOR."""
        return max((self.objective(model) - self.best) / (self.f0 - self.best), FLOOR)


def mean(values):
    """Return the geometric mean."""
    return float(np.exp(np.mean(np.log(list(values)))))
