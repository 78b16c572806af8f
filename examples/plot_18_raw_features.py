"""
Raw features, where SGD usually diverges
========================================

Columns in their own units differ by factors of thousands. A rate that suits one is far
too large for another, so that plain SGD needs a scaler before it. Ours takes its steps in
centred and scaled columns without touching the data or the model: the penalty stays in
your units.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDRegressor
from sklearn.preprocessing import scale

from sgd_estimators import SGDLinearRegressor

X, y = load_diabetes(return_X_y=True, scaled=False)
for name, model in (
    ("scikit-learn", SGDRegressor(random_state=0)),
    ("ours", SGDLinearRegressor()),
):
    print(f"{name:<12} R² on raw columns: {model.fit(X, y).score(X, y):.3g}")
    assert (model.score(X, y) > 0.5) == (name == "ours")

# %%
# One column in another unit, the others standardised: body mass in kg/m², in g/m², in t/m².

standard, units = scale(X), 10.0 ** np.arange(-4, 5)
theirs, ours, plain = [], [], []
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    for unit in units:
        data = standard * np.where(np.arange(10) == 2, unit, 1.0)
        model = SGDRegressor(random_state=0).fit(data, y)
        theirs.append(model.score(data, y))
        model = SGDLinearRegressor(optimizer="sgd", max_iter=100, random_state=0)
        ours.append(model.fit(data, y).score(data, y))
        plain.append(model.set_params(preconditioner=None).fit(data, y).score(data, y))
assert np.ptp(ours) < 1e-3  # the unit does not matter
assert min(theirs) < -1e6
assert min(plain) > 0  # the plain metric is slow, but the automatic rate does not diverge

figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
ax.semilogx(units, ours, "o-", label="ours: SGD")
ax.semilogx(units, plain, "s--", label="ours: SGD, plain metric")
ax.semilogx(units, np.maximum(theirs, -0.5), "^-.", label="SGDRegressor")
ax.annotate("far below", (units[-1], -0.5), (-60, 8), textcoords="offset points")
ax.set(xlabel="size of one column, the others have 1", ylabel="R²", ylim=(-0.55, 0.6))
ax.legend(loc="lower left")
plt.show()
