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

# %%
# To read the weights off, we hand the rule at step i a gradient of its own direction, the
# unit vector :math:`e_i`. Entry i of where it ends is then the weight of gradient i.
T, ALPHA = 30, 0.1
given = {"learning_rate": ALPHA, "max_iter": T, "tol": 0.0}
_, ax = plt.subplots(layout="constrained")
age = T - np.arange(T)  # t + 1 - i
for beta, dashes in ((0.0, ":"), (0.5, "--"), (0.9, "-")):
    units = iter(np.eye(T + 1))
    grad = {"grad": lambda x, units=units: next(units)}
    end = minimize(lambda x: 0.0, np.zeros(T + 1), momentum=beta, **grad, **given)
    found = end.trajectory[-1][:T] / -ALPHA
    assert np.allclose(found, (1 - beta**age) / (1 - beta), rtol=1e-12)
    ax.plot(found, dashes, marker=".", label=f"λ = {beta}")
ax.set(xlabel="gradient i", ylabel="weight / α", title=f"momentum, after {T} steps")
ax.legend()
print("The weights of momentum are those of the formula.")

# %%
# AdaGrad on a quadratic with curvatures 1 and 100: :math:`\Gamma_i` is
# :math:`-\alpha\,\mathrm{diag}(1/\sqrt{\sum_{j \le i} g_j^2})`. Adam divides by a running
# mean instead, and has a mean of the gradients in their place.
h = np.array([1.0, 100.0])
given = {"x0": [1.0, 1.0], "learning_rate": ALPHA, "max_iter": 60, "tol": 0.0}
runs = {
    rule: minimize(lambda x: (0.5 * x @ (h * x), h * x), optimizer=rule, **given).trajectory
    for rule in ("adagrad", "adam")
}
g = h * runs["adagrad"][:-1]
gamma = ALPHA / np.sqrt(np.cumsum(g**2, axis=0))
assert np.allclose(runs["adagrad"][1:], 1 - np.cumsum(gamma * g, axis=0), atol=1e-9)

g, t = h * runs["adam"][:-1], np.arange(60)
ages = np.maximum(t[:, None] - t, 0)  # of gradient i at step t
mean = 0.1 * np.tril(0.9**ages) @ g / (1 - 0.9 ** (t + 1))[:, None]
square = 0.001 * np.tril(0.999**ages) @ g**2 / (1 - 0.999 ** (t + 1))[:, None]
rate = ALPHA / (np.sqrt(square) + 1e-8)
assert np.allclose(runs["adam"][1:], 1 - np.cumsum(rate * mean, axis=0), atol=1e-9)
print("AdaGrad and Adam are their diagonal matrices.")

_, ax = plt.subplots(layout="constrained")
for name, values, dashes in (("AdaGrad", gamma, "-"), ("Adam", rate, "--")):
    labels = [f"{name}, curvature {curvature:.0f}" for curvature in h]
    ax.set_prop_cycle(None)
    ax.semilogy(values, dashes, label=labels)
ax.set(xlabel="step", ylabel="−Γ, entry of its diagonal")
ax.legend()
plt.show()
