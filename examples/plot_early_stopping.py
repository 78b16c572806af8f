"""
Early stopping: the epochs as a penalty
=======================================

With hardly more rows than columns, the optimum of the training rows is not that of new
ones. A run that starts at zero comes by better models on its way there.
``early_stopping=True`` keeps the best, by rows of its own or by yours; in a pipeline
these go through the steps before, too.
"""

import matplotlib.pyplot as plt
import numpy as np
import sklearn
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sgd_estimators import SGDLinearRegressor
from sgd_estimators.display import TrainingCurveDisplay

rng = np.random.default_rng(0)
X = rng.standard_normal((2200, 150))
y = X @ rng.standard_normal(150) + 8 * rng.standard_normal(2200)
train, validation, new = np.s_[:160], np.s_[160:400], np.s_[400:]

model = SGDLinearRegressor(optimizer="sgd", early_stopping=True, random_state=0)
model.set_params(learning_rate=0.001, schedule="constant", n_iter_no_change=10)
with sklearn.config_context(enable_metadata_routing=True):
    model.set_fit_request(X_val=True, y_val=True)
    early = make_pipeline(StandardScaler(), model, transform_input=["X_val"])
    early.fit(X[train], y[train], X_val=X[validation], y_val=y[validation])

# %%
# The last epochs no longer raise the score of the validation rows: the model is that of the
# best epoch, and far better on new rows than the optimum.

optimum = make_pipeline(StandardScaler(), SGDLinearRegressor()).fit(X[train], y[train])
scores = {"early": early.score(X[new], y[new]), "optimum": optimum.score(X[new], y[new])}
history = early[-1].history_["score"]
print(f"best epoch {1 + np.argmax(history)} of {len(history)}")
print(f"R² on new rows: {scores['early']:.2f}, of the optimum {scores['optimum']:.2f}")
assert early[-1].stop_reason_ == "early_stopping"
assert len(history) == 1 + np.argmax(history) + 10
assert scores["optimum"] < 0 < 0.3 < scores["early"]

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
TrainingCurveDisplay.from_estimator(early[-1], y="score", ax=ax)
ax.axvline(1 + np.argmax(history), ls="--", color="grey")
ax.set(ylabel="R² of the validation rows")
plt.show()
