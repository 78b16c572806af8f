r"""
Unrolled
========

Every rule, written out from the start, is a sum of the gradients met, with weights:

.. math::  x^{(t+1)} = x^{(0)} + \sum_{i \le t} \Gamma_i \nabla f(x^{(i)}) .

For momentum, :math:`\Gamma_i = -\alpha\,(1 - \lambda^{t+1-i})/(1 - \lambda)`; AdaGrad and
Adam make it a diagonal matrix: a rate for each parameter.
"""

import matplotlib.pyplot as plt
import numpy as np

from sgd_estimators import minimize

T, ALPHA = 60, 0.1
given = {"learning_rate": ALPHA, "max_iter": T, "tol": 0.0}

# %%
# To read the weights off, we hand the rule at step i a gradient of its own direction, the
# unit vector :math:`e_i`. Entry i of where it ends is then the weight of gradient i.
_, ax = plt.subplots(layout="constrained")
age = T - np.arange(T)  # t + 1 - i
for beta, dashes in ((0.0, ":"), (0.5, "--"), (0.9, "-")):
    e = iter(np.eye(T + 1))
    end = minimize(lambda x, e=e: (0.0, next(e)), np.zeros(T + 1), momentum=beta, **given)
    found = end.trajectory[-1][:T] / -ALPHA
    assert np.allclose(found, (1 - beta**age) / (1 - beta), rtol=1e-12)
    ax.plot(found, dashes, marker=".", label=f"λ = {beta}")
ax.set(xlabel="gradient i", ylabel="weight / α", title=f"momentum, after {T} steps")
ax.legend()

# %%
# AdaGrad on a quadratic with curvatures 1 and 100: :math:`\Gamma_i` is
# :math:`-\alpha\,\mathrm{diag}(1/\sqrt{\sum_{j \le i} g_j^2})`. Adam divides by the
# root of a running mean of squares, and takes a running mean of the gradients.
h, t = np.array([1.0, 100.0]), np.arange(T)
adagrad, adam = (
    minimize(lambda x: (0, h * x), [1, 1], optimizer=rule, **given).trajectory
    for rule in ("adagrad", "adam")
)
g = h * adagrad[:-1]
gamma = ALPHA / np.sqrt(np.cumsum(g**2, axis=0))
assert np.allclose(adagrad[1:], 1 - np.cumsum(gamma * g, axis=0), atol=1e-9)

g, age = h * adam[:-1], t[:, None] - t  # of gradient i at step t
mean = 0.1 * np.tril(0.9**age) @ g / (1 - 0.9 ** (t + 1))[:, None]
square = 0.001 * np.tril(0.999**age) @ g**2 / (1 - 0.999 ** (t + 1))[:, None]
rate = ALPHA / (np.sqrt(square) + 1e-8)
assert np.allclose(adam[1:], 1 - np.cumsum(rate * mean, axis=0), atol=1e-9)
print("Momentum, AdaGrad and Adam are the sums of the formulas.")

_, ax = plt.subplots(layout="constrained")
ax.semilogy(gamma, label=["AdaGrad, curvature 1", "AdaGrad, curvature 100"])
ax.semilogy(rate, "--", label=["Adam, curvature 1", "Adam, curvature 100"])
ax.set(xlabel="step", ylabel="−Γ, entry of its diagonal")
ax.legend()
plt.show()
