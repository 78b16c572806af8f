r"""
Every schedule of the rate, as a picture
========================================

:math:`\alpha_t = \alpha_0 \cdot \text{schedule}(t)`: a schedule is a function of t that
returns factors of the first rate, for one t or for an array of them. ``Plateau`` is one of
t and of the losses so far: here they stall at epoch 10, and the rate is halved after five
more epochs, and again after each five.
"""

import matplotlib.pyplot as plt

from sgd_estimators import schedules
from sgd_estimators.display import ScheduleDisplay

SHOWN = [
    schedules.Constant(),
    schedules.Linear(horizon=800),
    schedules.InverseTime(decay=0.01),
    schedules.InverseTime(decay=0.0001, cumulative=True),
    schedules.Exponential(decay=0.005),
    schedules.InverseScaling(power=0.5),
    schedules.Bottou(learning_rate=0.5, penalty=0.02),
    schedules.Step(every=250),
    schedules.Polynomial(horizon=800),
    schedules.Cosine(horizon=250, restart_growth=2),
    schedules.OneCycle(),
    schedules.WarmUp("cosine", length=100),
    schedules.Function(lambda t: 1 - t % 200 / 200),
]

figure, axes = plt.subplots(4, 4, figsize=(12, 9), layout="constrained")
for ax, schedule in zip(axes.flat, SHOWN, strict=False):
    ScheduleDisplay.from_schedule(schedule, ax=ax)
    ax.set(title=type(schedule).__name__, ylim=(0, 1.05), xlabel="t", ylabel="factor")
axes.flat[3].set_title("InverseTime, cumulative")

ax = axes.flat[len(SHOWN)]
losses = [max(1.0, 3 - 0.2 * epoch) for epoch in range(40)]
plateau, history = schedules.Plateau(patience=5), {"loss": losses}
ScheduleDisplay.from_schedule(plateau, n=40, history=history, ax=ax)
ax.set(title="Plateau", ylim=(0, 1.05), ylabel="factor")
for ax in axes.flat[len(SHOWN) + 1 :]:
    ax.set_axis_off()
assert list(plateau([15, 16, 21], history)) == [1.0, 0.5, 0.25]
plt.show()
