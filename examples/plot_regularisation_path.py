r"""
A regularisation path by warm starts
====================================

The optimum of each C is the start of the next: ``warm_start=True`` goes on from ``coef_``.
Every point of the path is certified, :math:`f - f^* \le \text{gap}`, so that none has
stopped on the way from its neighbour's optimum to its own.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer

from sgd_estimators import SGDLogistic

# %%
# Coefficients are in the units of the raw columns; times the columns' deviations they can
# be compared.

X, y = load_breast_cancer(return_X_y=True)
model = SGDLogistic(warm_start=True, random_state=0)
C = np.logspace(-6, 6, 49)
path, gaps = [], []
for model.C in C:
    model.fit(X, y)
    assert model.converged_
    path.append(model.coef_[0] * X.std(axis=0))
    gaps.append(model.gap_ / model.objective_)
print(f"{len(C)} optima, none further from its own than {max(gaps):.0e} of f")

# %%
# The length of w grows with C. It has to: of two optima, the one that is penalised less
# cannot be the shorter in the penalty's own norm.

lengths = [np.linalg.norm(w / X.std(axis=0)) for w in path]
assert np.all(np.diff(lengths) > 0)

figure, (upper, lower) = plt.subplots(
    2, 1, sharex=True, height_ratios=[3, 1], figsize=(6.5, 6), layout="constrained"
)
upper.semilogx(C, path, lw=1)
upper.set(ylabel="coefficient × deviation of the column", yscale="symlog")
upper.set_title("Breast cancer: 30 coefficients of the log-odds")
lower.loglog(C, np.maximum(gaps, 1e-17), ".-", color="black")
lower.axhline(1e-6, ls="--", lw=1, color="grey")
lower.annotate("tol", (C[0], 1e-6), (0, -11), textcoords="offset points", color="grey")
lower.set(xlabel="C: less penalty to the right", ylabel="certified gap / f")
plt.show()
