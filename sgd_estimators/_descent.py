"""The loop on a function of n parameters: every point is looked at, and kept."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from sklearn.utils import check_array

from ._estimate import Estimate
from ._kernels.function import Function
from ._kernels.order import Order
from ._kernels.progress import Progress
from ._loop import Loop, turn
from ._newton import Point, at
from ._rates import start_rate
from ._state import Plan, Run
from ._stationary import DIFFERENCES, hessian, kind_of

Array = NDArray[np.float64]

MESSAGES = {
    "stationary": "",
    "max_iter": "max_iter ended the run before the gradient vanished.",
    "not_finite": "f or its gradient is not finite at the next point: the learning rate "
    "is too large, or f has no minimum. x is the best point.",
    "stuck": "A step no longer changes x, before the gradient vanished to tol: that is the "
    "limit of floating-point numbers, or -g leads nowhere down.",
    "callback": "The callback ended the run.",
}
KINDS = {
    "minimum": "A minimum: the gradient vanishes, all eigenvalues of the Hessian are > 0.",
    "maximum": "A maximum: the gradient vanishes, all eigenvalues of the Hessian are < 0.",
    "saddle": "A saddle: the gradient vanishes, the Hessian has eigenvalues of both signs.",
    "degenerate": "A stationary point: the Hessian has eigenvalues 0, and does not tell "
    "which kind.",
    "unknown": "A stationary point, of a kind that was not looked for.",
}


class Calls:
    """The user's f and grad: counted, checked, and not called twice at one point.

    Parameters
    ----------
    f : callable
        Returns the value, or the value and the gradient.
    grad : callable or None
        None: by differences of f, if f does not return it.
    """

    def __init__(self, f: Callable[..., Any], grad: Callable[..., Any] | None) -> None:
        self.f, self.grad = f, grad
        self.nfev = self.njev = 0
        self.paired = False  # whether f returns its gradient, too
        self.at: Array | None = None
        self.known: dict[str, Any] = {}

    def _move(self, x: Array) -> None:
        if self.at is None or not np.array_equal(self.at, x):
            self.at, self.known = x.copy(), {}

    def value(self, x: Array) -> float:
        """Return f(x)."""
        self._move(x)
        if "value" not in self.known:
            found = self.f(x.copy())
            self.nfev += 1
            self.paired = isinstance(found, tuple) and len(found) == 2
            if self.paired:
                found, g = found
                self.njev += 1
                self.known["gradient"] = self._vector("f's gradient", g, x)
            self.known["value"] = self._number(found)
        return float(self.known["value"])

    def both(self, x: Array) -> tuple[float, Array]:
        """Return f(x) and its gradient, which is not to be changed."""
        value = self.value(x)
        if "gradient" not in self.known:
            if self.grad is not None:
                self.njev += 1
                g = self._vector("grad", self.grad(x.copy()), x)
            else:
                step = np.sqrt(np.finfo(float).eps) * np.maximum(1.0, np.abs(x))
                g = optimize.approx_fprime(x, self._counted, step)
            self.known["gradient"] = g
        return value, self.known["gradient"]

    def _counted(self, x: Array) -> float:
        self.nfev += 1
        return self._number(self.f(x.copy()))

    @staticmethod
    def _number(found: Any) -> float:
        try:
            return np.asarray(found, np.float64).item()
        except (TypeError, ValueError) as error:
            raise TypeError(
                "f must return a number, or a tuple of a number and the gradient, got "
                f"{found!r}"
            ) from error

    @staticmethod
    def _vector(name: str, found: Any, x: Array) -> Array:
        try:
            g = np.array(found, np.float64).reshape(-1)  # a copy: theirs may be reused
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{name} must be an array of {x.size} numbers, got {found!r}"
            ) from error
        if g.shape != x.shape:
            raise ValueError(f"{name} must have x's {x.size} entries, got {g.size}")
        return g


def beginning(calls: Calls, x0: Any) -> Array:
    """Return x0 as an array, after the first call of f, grad there."""
    try:
        given = np.atleast_1d(np.asarray(x0, np.float64))
    except (TypeError, ValueError) as error:
        raise ValueError(f"x0 must be an array of numbers, got {x0!r}") from error
    x: Array = check_array(given, ensure_2d=False, dtype=np.float64, input_name="x0")
    if x.ndim != 1:
        raise ValueError(f"x0 must have one dimension, got the shape {x.shape}")
    value = calls.value(x)
    if not np.isfinite(value):
        raise ValueError(f"f must be finite at x0, got {value}")
    g = calls.both(x)[1]
    if calls.paired and calls.grad is not None:
        raise ValueError("grad must be None where f returns its gradient, too")
    if not np.isfinite(g).all():
        raise ValueError(f"the gradient of f must be finite at x0, got {g}")
    return x


class Descent(Loop):
    """One run on a function: where it went, and when to stop."""

    f: Function

    def __init__(self, calls: Calls, x: Array, plan: Plan) -> None:
        f = Function(calls, x.size)
        run = Run(x[None].copy(), (np.asarray(f.rows.mean), np.asarray(f.rows.scale)), 0, 1)
        super().__init__(f, run, plan)
        self.calls = calls
        if plan.rated:
            run.rule = start_rate(plan.learning_rate)
        else:
            run.rate = run.first_rate = plan.learning_rate
        if self.plan.schedule != "auto":
            self.schedule = self.schedule.bind(run.first_rate, 0.0)
        self.estimate = Estimate(f, run, plan)
        run.step = self._new_step()
        self.order, self.progress = Order(1), Progress(0.0, 0.0)
        self.trajectory = [x.copy()]
        self.point = self.best = at(f.value_and_gradient, x)
        self.begun = self.point.value
        self.limit = plan.tol * max(1.0, float(np.linalg.norm(self.point.G)))

    def advance(self, most: int = 1) -> None:
        """Make a step; raise what f raised."""
        super().advance(1)
        if self.f.error is not None:
            raise self.f.error

    def verdict(self) -> str | None:
        """Look at the new point, and keep it."""
        run, plan, before = self.run, self.plan, self.trajectory[-1]
        iterate, point = run.W.ravel().copy(), self.solution.ravel().copy()
        # The iterate is the last one: the next step asks for its gradient again.
        places = [iterate] if np.array_equal(point, iterate) else [point, iterate]
        if not np.isfinite(places).all():
            return "not_finite"
        seen = [at(self.f.value_and_gradient, x) for x in places]
        if not all(np.isfinite(p.value) and np.isfinite(p.G).all() for p in seen):
            return "not_finite"
        self.trajectory.append(iterate)
        self.point = seen[0]
        run.history["objective"][-1] = self.point.value
        if self.point.value <= self.best.value:
            self.best = self.point
        record = {name: values[-1] for name, values in run.history.items()}
        stop = plan.callback and plan.callback(point.copy(), run.epoch, record)
        if self.stationary:
            return "stationary"
        if np.array_equal(iterate, before) and (run.rule is not None or run.rate > 0):
            return "stuck"
        return "callback" if stop else None

    @property
    def stationary(self) -> bool:
        """Whether the gradient vanishes."""
        return bool(np.linalg.norm(self.point.G) <= self.limit)

    def result(self, reason: str, hess: Callable[..., Any] | None) -> Any:
        """Return what `minimize` does."""
        end: Point = self.point if reason == "stationary" else self.best
        message, eigenvalues, kind = MESSAGES[reason], None, None
        n_steps = len(self.trajectory) - 1
        if reason == "stationary":
            kind = "unknown"
            if hess is not None or end.W.size <= DIFFERENCES:
                H, zero = hessian(self.calls, end.W, hess)
                kind, eigenvalues = kind_of(H, zero)
            message = KINDS[kind]
        elif reason in ("max_iter", "not_finite") and self.point.value > self.begun:
            message += " f has risen: take a smaller learning_rate."
        return optimize.OptimizeResult(
            x=end.W,
            fun=end.value,
            jac=end.G.copy(),
            nit=n_steps,
            nfev=self.calls.nfev,
            njev=self.calls.njev,
            success=reason == "stationary" and kind not in ("saddle", "maximum"),
            status=list(MESSAGES).index(reason),
            message=message,
            stop_reason=reason,
            kind=kind,
            eigenvalues=eigenvalues,
            trajectory=np.array(self.trajectory),
            rates=np.array(self.run.history["rate"][:n_steps]),
        )


def descend(
    calls: Calls, x: Array, plan: Plan, max_iter: int, hess: Callable[..., Any] | None
) -> Any:
    """Return the result of a run from x."""
    descent = Descent(calls, x, plan)
    reason = "stationary"
    if not descent.stationary:
        with np.errstate(all="ignore"):  # what is not finite ends the run, and says so
            reason, _ = turn(descent, max_iter)
    if reason == "interrupted":
        raise KeyboardInterrupt
    return descent.result(reason, hess)
