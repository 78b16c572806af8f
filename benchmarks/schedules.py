"""Whether the default patience ends a run too early under a schedule.

Every optimizer runs under each schedule, whose horizon is `max_iter` epochs, once with
the default `n_iter_no_change` and once without an end. Printed is rho = (f - f*) / (f0 -
f*) of both, f0 at zero coefficients and the best constant; a default run that is not
certified and ends at more than 3 times the rho of the endless one is marked and counted.

    python benchmarks/schedules.py [--data NAME ...] [--optimizers NAME ...]
"""

import argparse
import warnings
from collections import Counter

import numpy as np
from excess import Problem, load

from sgd_estimators.optimizers import OPTIMIZERS
from sgd_estimators.schedules import (
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    Linear,
    OneCycle,
)

DATA = ["concrete", "california", "bank"]
EPOCHS = 50
SCHEDULES = {
    "constant": Constant(),
    "cosine": Cosine(horizon=EPOCHS, per="epoch"),
    "linear": Linear(horizon=EPOCHS, per="epoch"),
    "one-cycle": OneCycle(horizon=EPOCHS, per="epoch"),
    "inverse time": InverseTime(decay=0.1, per="epoch"),
    "exponential": Exponential(decay=0.1, per="epoch"),
}
LIMIT = 3.0  # times the rho of the endless run


def target(y, kind):
    """Return y for this kind: over the median or not, or the classes as numbers."""
    if kind == "ridge":
        return y.astype(np.float64)
    return y if y.dtype.kind == "i" else (y > np.median(y)).astype(int)


def compare(problem, optimizer, schedule):
    """Return both runs, the default patience first."""
    options = {"optimizer": optimizer, "schedule": schedule, "max_iter": EPOCHS}
    runs = [problem.model(**options), problem.model(**options, n_iter_no_change=10**6)]
    return [model.fit(problem.X, problem.y) for model in runs]


def main():
    """Print a line for each run, and how many end too early."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="*", default=DATA, choices=DATA)
    names = list(OPTIMIZERS)
    parser.add_argument("--optimizers", nargs="*", default=names, choices=names)
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # that a model has not converged is no news here
    early, total = Counter(), 0
    for name in args.data:
        for kind in ("ridge", "logistic"):
            try:
                X, y = load(name)
            except FileNotFoundError as error:
                print(f"skipped: {error}")
                continue
            problem = Problem(X, target(y, kind), kind)
            print(f"\n{name}, {kind}: {X.shape[0]} x {X.shape[1]}")
            print(
                f"  {'optimizer':<18} {'schedule':<12} {'default':>8} {'endless':>8} "
                f"{'ratio':>8} epochs, reason of each"
            )
            for optimizer in args.optimizers:
                for label, schedule in SCHEDULES.items():
                    shown = f"  {optimizer:<18} {label:<12}"
                    try:
                        runs = compare(problem, optimizer, schedule)
                    except ValueError as error:  # of SDCA, which has no rate
                        print(f"  {optimizer:<18} skipped: {error}")
                        break
                    a, b = (problem.rho(model) for model in runs)
                    bad = a > LIMIT * b and runs[0].stop_reason_ != "certified"
                    ends = "; ".join(f"{m.n_iter_}, {m.stop_reason_}" for m in runs)
                    print(
                        f"{shown} {a:>8.1e} {b:>8.1e} {a / b:>8.2f} {ends}"
                        f"{'  EARLY' if bad else ''}",
                        flush=True,
                    )
                    total += 1
                    if bad:
                        early.update([optimizer, label, name, kind, "all"])
    print(f"\nended at more than {LIMIT:g} times the rho of the endless run, uncertified")
    for group in [*args.optimizers, *SCHEDULES, *args.data, "ridge", "logistic"]:
        print(f"  {group:<18} {early[group]:>4}")
    print(f"  {'all':<18} {early['all']:>4} of {total}")


if __name__ == "__main__":
    main()
