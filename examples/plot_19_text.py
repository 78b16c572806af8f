"""
Text: many columns, few of them in a row
========================================

A mini-batch on CSR costs what its non-zeros cost, whatever the number of columns. The
documents are made here, with words by Zipf's law; real ones, for those online, are
``fetch_20newsgroups_vectorized`` of scikit-learn.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import normalize

from sgd_estimators import SGDLogistic

# %%
# The word of rank r has a frequency of about :math:`1/(r + 10)`. One word in six is twice
# as frequent in documents of topic 0, and one in six in those of topic 1.
rng = np.random.default_rng(0)
documents, length, rank = 4000, 80, np.arange(30_000)
y = rng.integers(2, size=documents)
words = np.empty((documents, length), np.int32)
for topic in (0, 1):
    p = np.where(rank % 6 == topic, 2, 1) / (rank + 10)
    words[y == topic] = rng.choice(rank, (np.sum(y == topic), length), p=p / p.sum())
row = np.repeat(np.arange(documents, dtype=np.int32), length)
counts = sp.coo_array((np.ones(row.size), (row, words.ravel())), (documents, rank.size))
X = normalize(counts.tocsr())

# %%
# All have one optimum; the first two prove that they are there.
C, n = 10.0, documents // 2  # half to learn from, half to be asked
models = {
    "default": SGDLogistic(C),
    "SDCA": SGDLogistic(C, optimizer="sdca", random_state=0),
    "SGD": SGDLogistic(C, optimizer="sgd", tol=1e-2, random_state=0),
    "SGDClassifier": SGDClassifier(loss="log_loss", alpha=1 / (C * n), random_state=0),
}
scores = []
for name, model in models.items():
    begun = time.perf_counter()
    model.fit(X[:n], y[:n])
    seconds = time.perf_counter() - begun
    scores.append(model.score(X[n:], y[n:]))
    print(f"{name:<14} {seconds:5.2f} s, accuracy on new documents {scores[-1]:.3f}")
assert all(models[name].converged_ for name in ("default", "SDCA"))
assert min(scores) > max(0.89, max(scores) - 0.01)

_, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
w = models["default"].coef_[0]
for k, name in enumerate(("of topic 0", "of topic 1", "of neither")):
    own = np.minimum(rank % 6, 2) == k
    ax.semilogx(1 + rank[own], w[own], ".", ms=3, alpha=0.5, label=f"words {name}")
ax.legend(markerscale=4)
ax.set(xlabel="word, by its frequency", ylabel="coefficient")
plt.show()
