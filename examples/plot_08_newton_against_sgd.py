r"""
Logistic regression: no closed form, and Newton against SGD
===========================================================

At the optimum :math:`\nabla f(w) = \frac1n X^\top (p(w) - y) + \lambda w = 0`, but the
probabilities :math:`p(w) = 1 / (1 + e^{-Xw})` hold w inside an exponential: no algebra
frees it. For least squares p is :math:`Xw`, and it is one linear system. Newton's method
solves such a system again and again, each with new weights :math:`p (1 - p)`.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale

from sgd_estimators import SGDLogistic, objective

X, y = load_breast_cancer(return_X_y=True)
X, n = scale(X), len(y)
f = objective(X, y, "logistic", penalty=1 / n, fit_intercept=False)

# %%
# Newton: each step costs a pass for the gradient and n d² for the Hessian.

w, newton = np.zeros(30), []
for _ in range(10):
    value, gradient = f.value_and_gradient(w[None])
    newton.append(value)
    p = expit(X @ w)
    hessian = (X.T * (p * (1 - p))) @ X / n + np.eye(30) / n
    w = w - np.linalg.solve(hessian, gradient[0])

# %%
# SGD: an epoch costs a pass, in which it makes many small steps. It begins at the same w.

path = [np.zeros((1, 30))]
sgd = SGDLogistic(optimizer="sgd", fit_intercept=False, tol=1e-9, random_state=0)
sgd.set_params(callbacks=lambda model, _: path.append(model.coef_)).fit(X, y)
best = min(newton)
excess = (np.array(newton) - best) / (newton[0] - best)
noisy = (np.array([f.value_and_gradient(w)[0] for w in path]) - best) / (newton[0] - best)

# %%
# SGD is far ahead after one pass. Near the optimum Newton's digits double at each step,
# as the error is squared, and SGD waits for its noise to go.

print(f"after one pass: SGD {noisy[1]:.3f}, Newton {excess[1]:.3f} of the way still to go")
assert noisy[1] < excess[1] / 3
reached = np.argmax(excess < 1e-10)
print(f"Newton is within 1e-10 in {reached} steps, SGD {noisy.min():.0e} in {sgd.n_iter_}")
assert 0 < reached <= 9
assert excess[reached] < 100 * excess[reached - 1] ** 2

figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
ax.semilogy(np.maximum(excess, 1e-16), "o-", label="Newton's method")
ax.semilogy(np.minimum.accumulate(noisy[:40]), ".--", label="SGD, best so far")
ax.set(xlabel="passes over the data", ylabel="$(f - f^*) / (f_0 - f^*)$", ylim=(1e-14, 2))
ax.legend()
plt.show()
