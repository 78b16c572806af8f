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


def weights(beta):
    """Return the weight of each of T gradients after T steps, over -alpha."""
    units = iter(np.eye(T + 1))
    given = {"learning_rate": ALPHA, "momentum": beta, "max_iter": T, "tol": 0.0}
    end = minimize(lambda x: 0.0, np.zeros(T + 1), grad=lambda x: next(units), **given)
    return end.trajectory[-1][:T] / -ALPHA


_, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
age = T - np.arange(T)  # t + 1 - i
for beta, dashes in ((0.0, ":"), (0.5, "--"), (0.9, "-")):
    found, formula = weights(beta), (1 - beta**age) / (1 - beta)
    print(f"lambda {beta}: off by {np.max(np.abs(found - formula)):.1e} at most")
    assert np.allclose(found, formula, rtol=1e-12)
    left.plot(found, dashes, marker=".", label=f"λ = {beta}")
left.set(xlabel="gradient i", ylabel="weight / α", title=f"momentum, after {T} steps")
left.legend()

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
np.testing.assert_allclose(runs["adagrad"][1:], 1 - np.cumsum(gamma * g, axis=0), atol=1e-9)

g, t = h * runs["adam"][:-1], np.arange(60)
ages = t[:, None] - t  # of gradient i at step t
mean = np.where(ages >= 0, 0.1 * 0.9 ** np.maximum(ages, 0), 0) @ g
square = np.where(ages >= 0, 0.001 * 0.999 ** np.maximum(ages, 0), 0) @ g**2
rate = ALPHA / (np.sqrt(square / (1 - 0.999 ** (t + 1))[:, None]) + 1e-8)
moves = rate * mean / (1 - 0.9 ** (t + 1))[:, None]
np.testing.assert_allclose(runs["adam"][1:], 1 - np.cumsum(moves, axis=0), atol=1e-9)
print("AdaGrad and Adam are their diagonal matrices.")

for name, values, dashes in (("AdaGrad", gamma, "-"), ("Adam", rate, "--")):
    for j, colour in enumerate(("C0", "C1")):
        label = f"{name}, curvature {h[j]:.0f}"
        right.plot(values[:, j], dashes, color=colour, label=label)
right.set(xlabel="step", ylabel="−Γ, entry of its diagonal", yscale="log")
right.legend()
plt.show()
