"""
Text: many columns, few of them in a row
========================================

Documents made like those of 20 newsgroups: words by Zipf's law, some of them of one
topic. With ``SGD_ESTIMATORS_FETCH=1`` in the environment it takes the real ones. A
mini-batch on CSR costs what its non-zeros cost, whatever the number of columns.
"""

import os
import time

import matplotlib.pyplot as plt
import numpy as np
import scipy.sparse as sp
from sklearn.datasets import fetch_20newsgroups_vectorized
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import normalize

from sgd_estimators import SGDLogistic


def made(n=4000, n_words=30_000, length=80):
    """Return word counts in rows of length 1, and the topic: one of two."""
    rng = np.random.default_rng(0)
    topic = rng.integers(2, size=n)
    rank = np.arange(n_words)
    # a third of the words are twice as frequent in one topic
    shares = [np.where(rank % 6 == k, 2, 1) / (rank + 10) for k in range(2)]
    shares = [share / share.sum() for share in shares]
    words = np.array([rng.choice(n_words, length, p=shares[k]) for k in topic], np.int32)
    places = np.repeat(np.arange(n, dtype=np.int32), length), np.ravel(words)
    counts = sp.coo_array((np.ones(n * length), places), (n, n_words))
    return normalize(counts.tocsr()), topic


if os.environ.get("SGD_ESTIMATORS_FETCH"):
    X, y = fetch_20newsgroups_vectorized(return_X_y=True)
    y = y % 2
else:
    X, y = made()
C, n = 10.0, X.shape[0] // 2  # half to learn from, half to be asked
models = {
    "default": SGDLogistic(C),
    "SDCA": SGDLogistic(C, optimizer="sdca", random_state=0),
    "SGD": SGDLogistic(C, optimizer="sgd", tol=1e-3, random_state=0),
    "SGDClassifier": SGDClassifier(loss="log_loss", alpha=1 / (C * n), random_state=0),
}
print(f"{X.shape[0]} documents, {X.shape[1]} words, {X.nnz / X.shape[0]:.0f} in a document")
accuracy = {}
for name, model in models.items():
    begun = time.perf_counter()
    model.fit(X[:n], y[:n])
    took = time.perf_counter() - begun
    accuracy[name] = model.score(X[n:], y[n:])
    print(f"{name:<14} {took:5.2f} s, accuracy on new documents {accuracy[name]:.3f}")

# %%
# All have one optimum. The first two prove that they are there.
assert models["default"].converged_
assert models["SDCA"].converged_
assert max(accuracy.values()) - min(accuracy.values()) < 0.01
assert accuracy["default"] > 0.9

figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
w = models["default"].coef_[0]
for k, name in enumerate(("liked in topic 0", "liked in topic 1", "in neither")):
    words = np.flatnonzero(np.minimum(np.arange(w.size) % 6, 2) == k)
    ax.semilogx(1 + words, w[words], ".", ms=3, alpha=0.5, label=name)
ax.legend(markerscale=4)
ax.set(xlabel="word, by its frequency", ylabel="coefficient")
plt.show()
