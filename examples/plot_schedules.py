"""Every schedule of the rate, as a picture: alpha_t = alpha_0 * schedule(t)."""

from pathlib import Path

from matplotlib.figure import Figure

from sgd_estimators import schedules
from sgd_estimators.display import ScheduleDisplay

PICTURE = Path(__file__).with_name("plot_schedules.png")
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


def main():
    """Draw each schedule over 1000 updates, and Plateau on losses that stall."""
    figure = Figure(figsize=(12, 9), layout="constrained")
    all_axes = figure.subplots(4, 4).flat
    for axes, schedule in zip(all_axes, SHOWN, strict=False):
        ScheduleDisplay.from_schedule(schedule, ax=axes)
        axes.set(title=type(schedule).__name__, ylim=(0, 1.05))

    axes = all_axes[len(SHOWN)]
    losses = [max(1.0, 3 - 0.2 * epoch) for epoch in range(40)]
    ScheduleDisplay.from_schedule(
        schedules.Plateau(patience=5), n=40, history={"loss": losses}, ax=axes
    )
    axes.set(title="Plateau, the loss stalls at 10", ylim=(0, 1.05))
    for axes in all_axes[len(SHOWN) + 1 :]:
        axes.set_axis_off()
    figure.savefig(PICTURE, dpi=100)
    print(f"{len(SHOWN) + 1} schedules are drawn in {PICTURE.name}.")


if __name__ == "__main__":
    main()
