"""
Closed form against SGD, on real data
=====================================

What does the long way cost, where a short one exists? Least squares on four data sets by
``LinearRegression``, by our default solver, and by plain SGD after 1, 10 and 100 epochs,
whose time includes a score after each.
"""

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression

from sgd_estimators import SGDLinearRegressor

DATA = {
    "diabetes": load_diabetes(return_X_y=True, scaled=False),
    "wine": load_wine(return_X_y=True),
    "breast cancer": load_breast_cancer(return_X_y=True),
    "digits": load_digits(return_X_y=True),
}


def seconds(model, X, y):
    """Fit, and return the time."""
    begun = time.perf_counter()
    model.fit(X, y)
    return time.perf_counter() - begun


figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
print(
    "set               rows x columns    ms: exact, ours, SGD      R² of 1, 10, 100 epochs"
)
for (name, (X, y)), dashes in zip(DATA.items(), ("-", "--", "-.", ":"), strict=True):
    exact, ours = LinearRegression(), SGDLinearRegressor()
    sgd = SGDLinearRegressor(optimizer="sgd", max_iter=100, tol=1e-9, random_state=0)
    scores = []
    sgd.callbacks = lambda model, record: scores.append(model.score(X, y))  # noqa: B023
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 100 epochs are few
        times = [1e3 * seconds(model, X, y) for model in (exact, ours, sgd)]
    best = exact.score(X, y)
    some = " ".join(f"{scores[min(k, len(scores)) - 1]:.3f}" for k in (1, 10, 100))
    table = "".join(f"{t:10.1f}" for t in times)
    print(f"{name:<15} {X.shape[0]:>6} x {X.shape[1]:<6} {table}   {some} of {best:.3f}")

    # Ours is the closed form. Nor is SGD, on raw columns, far from it at its best.
    assert np.allclose(ours.predict(X), exact.predict(X), atol=1e-8 * np.ptp(y))
    assert max(scores) > 0.97 * best
    short = np.maximum(best - np.maximum.accumulate(scores), 1e-12)
    ax.loglog(1 + np.arange(len(scores)), short, dashes, label=name)
ax.set(xlabel="epochs of plain SGD", ylabel="R² of the closed form minus SGD's")
ax.legend()
plt.show()
