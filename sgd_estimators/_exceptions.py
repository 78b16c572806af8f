"""What a run that did not end well has to say, and how this package warns."""

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning

# Frames that are not the user's: ours, and those of scikit-learn's callbacks around fit.
PASSED = tuple(
    str(folder / "_")[:-1]
    for folder in (Path(__file__).parent, Path(sklearn.__file__).parent / "callback")
)


class DivergenceWarning(ConvergenceWarning):
    """A run left every reasonable value; its best iterate was returned."""


class NoWeight(ValueError):
    """All rows weigh zero: nothing to fit, and nothing to do in a part of a stream."""


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called into this package."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PASSED):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def warn_of_end(reason: str, run: Any, plan: Any) -> None:
    """Say what a user must know about a run that did not end well."""
    exact = plan.optimizer._exact  # which has no rate
    if reason == "diverged" and exact:
        warn(
            f"The numbers of {plan.optimizer!r} left their range, and the best iterate was "
            "returned. Use optimizer='auto', or scale the columns about their means.",
            DivergenceWarning,
        )
    elif reason == "diverged":
        given = plan.learning_rate if plan.rated else f"{run.rate:g}"
        better = "a schedule that decays" if plan.rated else "a smaller learning_rate"
        warn(
            f"The run diverged at learning_rate={given} and returned its best "
            f"iterate. Use {better}, or learning_rate='auto'.",
            DivergenceWarning,
        )
    elif reason == "max_iter" and not plan.streaming:
        losses = np.array(run.losses[-10:])
        noisy = len(losses) > 5 and (
            losses[:-5].mean() - losses[-5:].mean()
            < 1e-2 * (run.floor - losses[-5:].mean())
        )
        cause = (
            "raise max_iter, tol or the penalty, or use optimizer='auto'"
            if exact
            else "tol is below the noise floor of this rate: use schedule='auto' or a "
            "decaying schedule, a smaller learning_rate, or a larger batch_size"
            if noisy
            else "the run is still falling, slowly: raise max_iter, or tol, or use "
            "learning_rate='auto' and momentum=0.9"
        )
        warn(
            f"Stopped by max_iter, after {run.epoch} epochs, before "
            f"tol={plan.tol:g} was certified; {cause}.",
            ConvergenceWarning,
        )


def warn_of_stream(plan: Any) -> None:
    """Say that a constant would have been better on the rows of a stream so far."""
    ours = plan.learning_rate is None
    done = "it begins again with a smaller rate" if ours else "use a smaller learning_rate"
    warn(
        "The model of this stream predicts new rows worse than the best constant does; "
        f"{done}. Rows in a random order, larger parts, or average=True help, too.",
        ConvergenceWarning,
    )
