"""
A pipeline, searched over learning rate and momentum
====================================================

A grid over ``learning_rate`` and ``momentum`` is like any other of scikit-learn; an
optimizer object takes ``optimizer__...``, and a schedule object ``schedule__...``, as well.
A rate too large to converge warns, returns its best iterate, and is scored like the rest.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sgd_estimators import SGDLogistic
from sgd_estimators.display import SearchDisplay

X, y = load_breast_cancer(return_X_y=True)
model = make_pipeline(StandardScaler(), SGDLogistic(tol=1e-3, max_iter=30, random_state=0))
grid = {
    "sgdlogistic__learning_rate": [0.001, 0.01, 0.1, 1.0],
    "sgdlogistic__momentum": [0.0, 0.5, 0.9],
}
search = GridSearchCV(model, grid, scoring="neg_log_loss", cv=5)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)  # 30 epochs are few
    search.fit(X, y)
print(f"best: {search.best_params_}, log-loss {-search.best_score_:.4f}")

# %%
# Momentum is worth a larger rate: along a diagonal of the map,
# :math:`\alpha / (1 - \beta)` and with it the loss are much the same.

loss = -search.cv_results_["mean_test_score"].reshape(4, 3)  # by rate, then momentum
assert abs(loss[0, 2] - loss[1, 0]) < 0.01  # 0.001 with 0.9 is 0.01 without
assert abs(loss[1, 2] - loss[2, 0]) < 0.01

figure, ax = plt.subplots(figsize=(5, 4.5), layout="constrained")
SearchDisplay.from_search(search, negate_score=True, score_name="log-loss, 5 folds", ax=ax)
plt.show()
