"""Where a run begins: at the best constant, at present coefficients, where one ended."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _auto
from ._kernels.objective import Objective
from ._params import fingerprint
from ._state import Plan, Run
from ._stream import Seen, seen

Array = NDArray[np.float64]


def begun(
    model: Any, f: Objective, plan: Plan, known: Seen, seed: int, *, warm: bool
) -> Run:
    """Return a new run, with f in its metric; from the present coefficients, if warm."""
    _set_metric(f, known)
    start = present(model, f) if warm else None
    W = _auto.start(f) if start is None else f.rows.from_user(*start)
    metric = np.asarray(f.rows.mean), np.asarray(f.rows.scale)
    return Run(W, metric, seed, batch_size(f, plan))


def present(model: Any, f: Objective) -> tuple[Array, Array] | None:
    """Return the present coefficients and intercepts, if any."""
    if not hasattr(model, "coef_"):
        return None
    coef = np.atleast_2d(model._dense())
    if coef.shape[1] != f.rows.n_features or len(coef) != f.n_outputs:
        raise ValueError(
            f"warm_start goes on from coef_ of shape {coef.shape}, but the data asks "
            f"for {(f.n_outputs, f.rows.n_features)}"
        )
    return coef, np.broadcast_to(model.intercept_, len(coef))


def resumed(model: Any, f: Objective, plan: Plan, known: Seen) -> Run:
    """Return the run to go on with, moved to the metric of this data."""
    _set_metric(f, known)
    run = _copied(model, f)
    run.move(f)
    size = batch_size(f, plan)
    if setup(model) != model._run_setup:
        run.restart(size)
    run.batch_size = size
    run.recognise(f)
    return run


def continued(model: Any, f: Objective, plan: Plan, fresh: bool) -> Run:
    """Return the run of a stream, with f in its metric."""
    run = _copied(model, f)
    size = batch_size(f, plan)
    if changed := setup(model) != model._run_setup:
        run.restart(size)
    run.batch_size = size
    assert run.seen is not None
    if fresh:
        part = seen(f, model.preconditioner)
        run.seen = run.seen.merged(part)
        # S is what as many rows of the stream weigh: the weights are relative to it.
        f.total_weight *= (run.seen.total / run.seen.n_rows) / (part.total / part.n_rows)
    elif changed:
        run.seen = replace(run.seen, moments=seen(f, model.preconditioner).moments)
    if changed:
        _set_metric(f, run.seen)
        run.move(f)
    if fresh:
        _set_metric(f, run.seen)
        run.meet(f)
    else:
        f.set_metric(*run.metric)
    return run


def _copied(model: Any, f: Objective) -> Run:
    """Return a run to go on with: what the model holds must survive an error."""
    run: Run = model._run
    shape = f.n_outputs, f.rows.n_features + f.rows.fit_intercept
    if run.W.shape != shape:
        raise ValueError(
            f"warm_start goes on with {run.W.shape} parameters, but the data and "
            f"fit_intercept ask for {shape}"
        )
    return run.copy()


def setup(model: Any) -> Any:
    """Return the parameters that a step's state belongs to."""
    names = ("optimizer", "momentum", "learning_rate", "schedule", "batch_size")
    values = [getattr(model, k) for k in (*names, "preconditioner", "average", "shuffle")]
    return fingerprint(values)


def _set_metric(f: Objective, known: Seen) -> None:
    """See f in the metric of the preconditioner."""
    if known.moments is not None:
        f.set_metric(*_auto.metric(f, known.moments))


def batch_size(f: Objective, plan: Plan) -> int:
    """Return the rows of a step."""
    if plan.batch_size == "auto":
        return _auto.batch_size(f, plan.hessian, plan.optimizer._exact)
    return (
        f.n_active if plan.batch_size == "full" else min(int(plan.batch_size), f.n_active)
    )
