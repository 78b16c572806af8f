"""The problems: every data set of a folder, in each form, for each task and penalty.

A file NAME.npz has y and either X or the data, indices, indptr and shape of a CSR matrix;
y is float for regression, else 0..K-1. All methods minimise the same function of (W, b):

    f = 1/n sum_i loss(y_i, W x_i + b) + alpha / (2n) |W|^2

The loss is half the square for ridge, the log-loss for two classes, softmax for more.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from scipy.optimize import brentq
from scipy.special import expit, logsumexp
from sklearn import datasets
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import StandardScaler

ALPHAS = [1.0, 0.01]
MIN_ROWS = 10_000  # below, a fit is over before a clock can tell methods apart
CHUNK = 10_000
OWN = ["diabetes", "breast_cancer", "digits"]  # scikit-learn's


@dataclass(frozen=True)
class Problem:
    """One objective: alpha is Ridge's, 1/C of LogisticRegression."""

    data: str
    form: str  # raw, standardised or tf-idf
    target: str  # ridge, logistic, softmax or "one against the rest"
    alpha: float

    def __str__(self):
        """Return the name that the tables show."""
        return f"{self.data}, {self.form}, {self.target}, α = {self.alpha:g}"

    @property
    def key(self):
        """Return a name for files."""
        return "-".join(str(part) for part in asdict(self).values()).replace(" ", "_")

    def load(self, folder):
        """Return X and y as a user holds them: of the file's type, at least float32."""
        X, y = load(folder, self.data)
        X = np.asarray(X, np.result_type(X, np.float32)) if not sp.issparse(X) else X
        if self.form == "standardised":
            X = StandardScaler(with_mean=not sp.issparse(X)).fit_transform(X)
        elif self.form == "tf-idf":
            X = TfidfTransformer().fit_transform(X)
        if self.target == "one against the rest":
            y = (y == 0).astype(np.int64)
        return X, y


def load(folder, name):
    """Return X, an array or a CSR matrix, and y."""
    with np.load(Path(folder) / f"{name}.npz", allow_pickle=False) as stored:
        if "X" in stored:
            return stored["X"], stored["y"]
        parts = (stored[part] for part in ("data", "indices", "indptr"))
        return sp.csr_matrix(tuple(parts), shape=tuple(stored["shape"])), stored["y"]


def own(folder):
    """Return the folder, with scikit-learn's own data sets in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in OWN:
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        np.savez(folder / f"{name}.npz", X=X, y=y)
    return folder


def problems(folder, only=None, alphas=ALPHAS):
    """Yield the problems of a folder; those of small data only where asked for."""
    for path in sorted(Path(folder).glob("*.npz")):
        if only and path.stem not in only:
            continue
        X, y = load(folder, path.stem)
        if not only and len(y) < MIN_ROWS:
            print(f"{path.stem}: left out, fewer than {MIN_ROWS:,} rows")
            continue
        counts = sp.issparse(X) and X.max() > 1 and np.array_equal(X.data, X.data.round())
        forms = ["raw", "standardised", *(["tf-idf"] if counts else [])]
        targets = [task(y)]
        if targets == ["softmax"]:
            targets.append("one against the rest")
        for form in forms:
            for target in targets:
                for alpha in alphas:
                    yield Problem(path.stem, form, target, alpha)


def task(y):
    """Return ridge, logistic or softmax."""
    if np.issubdtype(y.dtype, np.floating):
        return "ridge"
    return "logistic" if y.max() == 1 else "softmax"


def losses(Z, y):
    """Return the loss of each row: Z has a column, or one for each class."""
    if task(y) == "ridge":
        return 0.5 * (Z[:, 0] - y) ** 2
    if task(y) == "logistic":
        return np.logaddexp(0, np.where(y == 1, -1, 1) * Z[:, 0])
    return logsumexp(Z, axis=1) - Z[np.arange(len(y)), y]


def scores(X, coef):
    """Return X W' in float64, a part at a time: no second array of the size of X."""
    parts = (X[begin : begin + CHUNK] for begin in range(0, X.shape[0], CHUNK))
    return np.vstack([part.astype(np.float64) @ coef.T for part in parts])


def objective(X, y, coef, intercept, alpha):
    """Return f in float64, whatever the types of X and of the model."""
    coef, intercept = np.atleast_2d(coef).astype(float), np.ravel(intercept).astype(float)
    with np.errstate(over="ignore", invalid="ignore"):  # of a model that has diverged
        penalty = 0.5 * alpha / len(y) * np.sum(coef**2)
        return np.mean(losses(scores(X, coef) + intercept, y)) + penalty


def best_intercept(X, y, coef):
    """Return the b that minimises f at this w of one row: for peers that penalise b."""
    z = scores(X, np.atleast_2d(coef).astype(float))[:, 0]
    if task(y) == "ridge":
        return np.mean(y - z)
    far = np.abs(z).max() + 50
    return brentq(lambda b: np.mean(expit(z + b) - y), -far, far)


def constant(y):
    """Return the best b at W = 0, where f is f₀."""
    if task(y) == "ridge":
        return np.array([y.mean()])
    share = np.bincount(y) / len(y)
    return np.log(share[1:] / share[0]) if len(share) == 2 else np.log(share)
