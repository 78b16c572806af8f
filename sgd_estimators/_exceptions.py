"""What a run that did not end well has to say, and how this package warns."""

import re
import sys
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning

from ._optimizer import Optimizer

# Folders whose frames are not the user's: scikit-learn's and joblib's are around a search.
PASSED = tuple(
    str(Path(file).parent / "_")[:-1]
    for file in (__file__, sklearn.__file__, joblib.__file__)
)
DECAYED = 0.1  # of the first rate: a schedule that has done its part
NUMBERS = "The numbers are in gap_, objective_, n_iter_ and learning_rate_."

_told: set[tuple[str, type[Warning], str, int]] = set()


class DivergenceWarning(ConvergenceWarning):
    """A run left every reasonable value; its best iterate was returned."""


class NoWeight(ValueError):
    """All rows weigh zero: nothing to fit, and nothing to do in a part of a stream."""


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the user's line, once a line where the filters say so.

    A search restores the filters before each of its fits, and Python then forgets what it
    has shown.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PASSED):
        frame, level = frame.f_back, level + 1
    place = message, category, frame.f_code.co_filename, frame.f_lineno
    module = frame.f_globals.get("__name__", "")
    if _action(message, category, module, frame.f_lineno) == "default":
        if place in _told:
            return
        _told.add(place)
    warnings.warn(message, category, stacklevel=level)


def _action(message: str, category: type[Warning], module: str, line: int) -> str:
    """Return what the filters do with a warning."""
    for action, text, kind, where, number in warnings.filters:
        if (
            issubclass(category, kind)
            and (text is None or re.match(text, message))
            and (where is None or re.match(where, module))
            and number in (0, line)
        ):
            return str(action)
    return "default"


def warn_of_end(reason: str, run: Any, plan: Any) -> None:
    """Say what a user must know about a run that did not end well.

    The same reason has the same words, without numbers, so that a search says them once.
    """
    if reason == "diverged":
        warn(
            "The run diverged, and its best iterate was returned. "
            f"{_against_divergence(plan)}. {NUMBERS}",
            DivergenceWarning,
        )
    elif reason == "max_iter" and not plan.streaming:
        warn(
            "Stopped by max_iter before tol was certified: "
            f"{_against_max_iter(run, plan)}. {NUMBERS}",
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


def _against_divergence(plan: Any) -> str:
    """Return what to do about a divergence."""
    if plan.optimizer._exact:
        return "Use optimizer='auto', or scale the columns about their means"
    if plan.rated:
        decay = "decays" if _automatic(plan.schedule) else "decays faster"
        return f"Use a schedule that {decay}, or learning_rate='auto'"
    if plan.learning_rate is None:
        return f"No automatic rate was small enough: use {_certified(plan)}"
    return "Use a smaller learning_rate, or learning_rate='auto'"


def _against_max_iter(run: Any, plan: Any) -> str:
    """Return why `max_iter` came first, and what to do about it."""
    ours, solver = _automatic(plan.schedule), _certified(plan)
    if plan.optimizer._exact:
        return f"raise max_iter, tol or the penalty, or use {solver}"
    if not ours and _decayed(run, plan):
        other = "" if plan.rated else ", or schedule='auto'"
        return (
            "the schedule has let the rate fall before the run was there: use one that "
            f"falls later or less{other}, or {solver}"
        )
    if _noisy(run, plan):
        cause = "tol is below the noise floor of this rate: use "
        ways = {
            "schedule='auto'": not (ours or plan.rated),
            "a schedule that decays": not ours or plan.rated,
            "a larger max_iter": ours and not plan.rated,
            "a smaller learning_rate": isinstance(plan.learning_rate, float),
            "a larger batch_size": True,
        }
    else:
        cause = "the run is still falling, slowly: raise max_iter or tol, or use "
        ways = {"learning_rate='auto'": plan.learning_rate is not None}
    fit = [way for way, helps in ways.items() if helps]
    return cause + ", ".join([*fit, f"or {solver}" if fit else solver])


def _certified(plan: Any) -> str:
    """Return the way to the certified solver, for whom this run's optimizer is not it."""
    if type(plan.optimizer).__name__ == "SGD":  # which "auto" may stand for
        return "the defaults of all settings of the run, whose solver certifies"
    return "optimizer='auto' with the defaults beside it, whose solver certifies"


def _automatic(schedule: Any) -> bool:
    return isinstance(schedule, str) and schedule == "auto"


def _decayed(run: Any, plan: Any) -> bool:
    """Return whether a schedule is at its end, or far below its first factor."""
    t = run.epoch if plan.schedule.per == "epoch" else run.t
    if 0 < plan.schedule.settled <= t:
        return True
    rates = run.history["rate"]
    return len(rates) > 0 and rates[-1] < DECAYED * max(rates)


def _noisy(run: Any, plan: Any) -> bool:
    """Return whether noise keeps the loss from falling.

    A full batch has none, and that of corrected gradients vanishes.
    """
    full = isinstance(plan.batch_size, str) and plan.batch_size == "full"
    vanishes = type(plan.optimizer).estimate is not Optimizer.estimate
    if full or run.t == run.epoch or vanishes:
        return False
    losses = np.array(run.losses[-10:])
    return len(losses) > 5 and bool(
        losses[:-5].mean() - losses[-5:].mean() < 1e-2 * (run.floor - losses[-5:].mean())
    )
