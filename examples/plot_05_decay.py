r"""
Decay of the learning rate
==========================

A large rate moves fast and cannot settle; a small one settles and moves slowly. Schedules
begin with the one and end with the other: :math:`\alpha_t = \alpha_0\,\sigma(t)`.
"""

import matplotlib.pyplot as plt
import numpy as np

from sgd_estimators import minimize
from sgd_estimators.display import ScheduleDisplay
from sgd_estimators.schedules import Constant, Exponential, InverseTime, Linear

N, START = 400, 0.5  # updates, and the rate of the first

# %%
# Each schedule with its formula. The last one is the lecture's :math:`k (1 - i/n)`.
t = np.arange(N)
rules = {
    "constant": (Constant(), np.ones(N)),
    "linear, to 1 % at t = 200": (Linear(200, end=0.01), 1 - 0.99 * np.minimum(t / 200, 1)),
    "inverse, 1 / (1 + 0.05 t)": (InverseTime(0.05), 1 / (1 + 0.05 * t)),
    "exponential, exp(−0.02 t)": (Exponential(0.02), np.exp(-0.02 * t)),
    "k (1 − i / n)": (lambda i: 1 - i / N, 1 - t / N),
}
_, ax = plt.subplots(layout="constrained")
for name, (schedule, formula) in rules.items():
    given = {"n": N, "learning_rate": START, "name": name, "ax": ax}
    display = ScheduleDisplay.from_schedule(schedule, **given)
    np.testing.assert_allclose(display.rates, START * formula, rtol=1e-12)

# %%
# What they do to a gradient with noise, f(x) = ½‖x‖² in 50 dimensions: the constant rate
# stays in a cloud around the minimum, whose height is proportional to the rate.
lines = ax.lines
_, ax = plt.subplots(layout="constrained")
given = {"learning_rate": START, "max_iter": N, "tol": 0.0}
ends = {}
for (name, (schedule, _)), line in zip(rules.items(), lines, strict=True):
    rng = np.random.default_rng(0)
    end = minimize(
        lambda x: 0.5 * x @ x,
        np.full(50, 3.0),
        grad=lambda x, rng=rng: x + rng.normal(size=x.size),
        schedule=schedule,
        **given,
    )
    values = 0.5 * np.sum(end.trajectory**2, axis=1)
    ax.semilogy(values, color=line.get_color(), ls=line.get_linestyle(), label=name)
    ends[name] = values[-50:].mean()
    print(f"{name:<26} f = {ends[name]:.3f} at the end")
ax.set(xlabel="updates", ylabel="f")
ax.legend()

cloud = 50 / 2 * START / (2 - START)  # the stationary mean of f at a constant rate
assert abs(ends["constant"] / cloud - 1) < 0.15
assert all(value < cloud / 5 for name, value in ends.items() if name != "constant")
plt.show()
