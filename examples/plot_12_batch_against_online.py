r"""
Batch against on-line training
==============================

A batch of all rows has the exact gradient and takes one step an epoch. Batches of one row
have a poor one and take n. Wilson and Martinez (2003, "The general inefficiency of batch
training") found that the many poor steps win by far, as the rate need not shrink with the
number of steps.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from sgd_estimators import SGDLogistic, objective

X, y = load_digits(return_X_y=True)
X, y = X / 16, y % 2  # odd or even
f = objective(X, y, "logistic", penalty=1 / len(y))
goal = 0.95 * SGDLogistic().fit(X, y).objective_ + 0.05 * np.log(2)
sizes, rates = [1, 8, 64, 512, "full"], 4.0 ** np.arange(-4, 2)


def reached(model, record):
    """Return whether f is within 5 % of the optimum, which ends the run."""
    return f.value_and_gradient(np.c_[model.coef_, model.intercept_])[0] <= goal


def to_the_goal(batch_size, rate):
    """Return epochs and seconds to within 5 % of the optimum."""
    given = {"batch_size": batch_size, "learning_rate": rate, "max_iter": 300}
    model = SGDLogistic(schedule="constant", preconditioner=None, random_state=0, **given)
    model.set_params(tol=0, n_iter_no_change=300, callbacks=reached).fit(X, y)
    took = model.history_["seconds"].sum()  # without the time of `reached`
    return (model.n_iter_, took) if model.stop_reason_ == "callback" else (np.inf, took)


with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)  # rates too small, or too large
    tried = [[to_the_goal(size, rate) for rate in rates] for size in sizes]
epochs, seconds = np.array([min(runs) for runs in tried]).T
for size, e, s in zip(sizes, epochs, seconds, strict=True):
    print(f"batches of {size:>4}: {e:4.0f} epochs, {1e3 * s:6.1f} ms, at the best rate")

# %%
# On-line training needs less than a tenth of the epochs. A step has a cost of its own, so
# that in time its lead is smaller.
assert 10 * epochs[0] <= epochs[-1] < np.inf
assert np.all(np.diff(epochs) > 0)

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
rows = [len(y) if size == "full" else size for size in sizes]
axes[0].loglog(rows, epochs, "o-")
axes[0].set(xlabel="rows of a batch", ylabel="epochs to within 5 %")
axes[1].loglog(rows, 1e3 * seconds, "o-")
axes[1].set(xlabel="rows of a batch", ylabel="milliseconds to within 5 %")
plt.show()
