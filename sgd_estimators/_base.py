"""The scikit-learn face that the estimators share: its parameters, the runs, split W."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from ._audience import (
    Audience,
    Watched,
    tasks,
    watched,
    watching,
)
from ._estimate import check
from ._exceptions import warn
from ._judge import Watch
from ._kernels.objective import Objective
from ._params import (
    as_callbacks,
    check_shared,
    is_default,
    resolve_optimizer,
    resolve_schedule,
)
from ._problem import Problem
from ._resume import begun, continued, present, resumed, setup
from ._run import go_on
from ._solver import solve
from ._state import Outcome, Plan
from ._stream import digest, seen
from ._validation import given
from .schedules import get_rate

Array = NDArray[np.float64]


class LinearSGD(Problem, Watched):
    """Base of the estimators; see `SGDLinearRegressor` for the parameters."""

    def __init__(
        self,
        *,
        optimizer: Any = "auto",
        learning_rate: Any = "auto",
        momentum: float | None = None,
        schedule: Any = "auto",
        batch_size: int | str = "auto",
        preconditioner: str | None = "auto",
        max_iter: int = 1000,
        tol: float = 1e-6,
        average: bool | int | str = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        scoring: Any = None,
        fit_intercept: bool = True,
        shuffle: bool = True,
        warm_start: bool = False,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        callbacks: Any = None,
    ) -> None:
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.schedule = schedule
        self.batch_size = batch_size
        self.preconditioner = preconditioner
        self.max_iter = max_iter
        self.tol = tol
        self.average = average
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.scoring = scoring
        self.fit_intercept = fit_intercept
        self.shuffle = shuffle
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.callbacks = callbacks

    def _check(self, *, validated: bool = False, streaming: bool = False) -> Plan | None:
        """Check the parameters before any work; return what a run is told, if there is one.

        There is none where the way to the optimum is left to us.
        """
        check_shared(self)
        if self.scoring is not None and not (self.early_stopping or validated):
            raise ValueError(
                f"scoring={self.scoring!r} has nothing to score: set early_stopping=True, "
                "or give fit X_val and y_val"
            )
        for callback in as_callbacks(self.callbacks):
            if ready := getattr(callback, "_check", None):
                ready(scored=self.early_stopping or validated)
        if is_default(self) and not streaming:
            return None
        plan = Plan(
            optimizer=resolve_optimizer(self),
            learning_rate=get_rate(self.learning_rate),
            schedule=resolve_schedule(self.schedule),
            batch_size=self.batch_size,
            average=(1 if self.average is True else self.average) or None,
            hessian=self.preconditioner == "hessian",
            shuffle=bool(self.shuffle),
            tol=float(self.tol),
            n_iter_no_change=self.n_iter_no_change,
            early_stopping=bool(self.early_stopping),
            streaming=streaming,
        )
        plan.optimizer.start(1)
        return plan

    def set_params(self, **params: Any) -> Self:
        """Set parameters, ``optimizer__beta1`` and its like among them.

        Parameters
        ----------
        **params
            Names and values.

        Returns
        -------
        self
            Itself.

        Raises
        ------
        ValueError
            For a name that this model does not have.
        """
        for name in params:
            head, _, tail = name.partition("__")
            held = params.get(head, getattr(self, head, None))
            if tail and not hasattr(held, "set_params"):
                raise ValueError(
                    f"{name} needs an object in {head}, got {head}={held!r}; give it, say, "
                    "optimizer=Adam() instead of a name"
                )
        super().set_params(**params)
        return self

    # Fitting

    @watched
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            C-ordered float32 and float64 arrays, memory maps and CSR are not copied.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            A weight w >= 0 counts a row w times; 0 leaves it out.
        X_val, y_val, sample_weight_val : as above, default=None
            A validation set: its score is written to ``history_`` every epoch, and
            ends the run where ``early_stopping=True``.

        Returns
        -------
        self
            Fitted.

        Raises
        ------
        ValueError, TypeError
            For bad data or parameters, before any work.
        """
        plan = self._check(validated=X_val is not None)
        seats = tasks(self, X, y, sample_weight)
        with watching(self, seats) as audience, self._or_as_before():
            again = self.warm_start and hasattr(self, "n_iter_")
            resume = again and hasattr(self, "_run")
            seed = cache(lambda: self._run.seed if resume else self._seed())
            X, y, weight = self._validate(
                X,
                y,
                sample_weight,
                reset=not again,
                seen=plan is None,
                measured=plan is not None and self._measures_all,
            )
            weight, active = self._weighted(y, weight)
            validation = given(self, y, X_val, y_val, sample_weight_val)
            if validation is None and self.early_stopping:
                active, validation = self._split_off(X, y, weight, active, seed())
                if seats:
                    seats.only(active)
            f = self._objective(X, y, weight, active)
            score = None if validation is None else validation.scorer(self, f)
            if plan is None:
                start = present(self, f) if self.warm_start else None
                audience.see(f)
                watch = Watch(audience.told, score, audience.begin)
                outcome = solve(f, start, float(self.tol), self.max_iter, seed, watch)
                self._finish(f, outcome)
            else:
                plan.score = score
                self._go_on(f, plan, audience, resume, seed())
        if seats:
            seats.close()
        return self

    def _go_on(
        self, f: Objective, plan: Plan, audience: Audience, resume: bool, seed: int
    ) -> None:
        check(f, plan)
        known = seen(f, self.preconditioner)
        if resume:
            run = resumed(self, f, plan, known)
        else:
            run = begun(self, f, plan, known, seed, warm=self.warm_start)
        run.seen, run.digest = known, b""
        audience.see(f, run, plan)
        outcome = go_on(f, run, plan, self.max_iter)
        first = plan.average if isinstance(plan.average, int | np.integer) else 0
        late = run.epoch < first and not outcome.converged
        if late and not self.warm_start:  # which may yet come to it
            warn(
                "average has averaged nothing: the run ended before the epoch that it "
                "names; raise max_iter, or use an earlier epoch"
            )
        self._finish(f, outcome)

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """Make one epoch over these rows."""
        plan = self._check(streaming=True)
        assert plan is not None
        if plan.hessian:
            raise ValueError(
                'preconditioner="hessian" learns a matrix from rows of the whole data, '
                "which partial_fit does not have; use fit"
            )
        if plan.optimizer._exact:
            raise ValueError(
                f"optimizer={self.optimizer!r} keeps a number for each row of the whole "
                "data, which partial_fit does not have; use fit"
            )
        if self.early_stopping:
            raise ValueError(
                "early_stopping=True needs a validation set, which partial_fit does not "
                "have; use fit"
            )
        with watching(self) as audience, self._or_as_before():
            first = not hasattr(self, "_run")
            fitted = hasattr(self, "n_iter_")
            X, y, weight = self._validate(
                X, y, sample_weight, reset=not fitted, measured=self._measures_all
            )
            mark = digest(X, y, weight)
            fresh = first or mark != self._run.digest
            before = None if first else self._run.seen
            counts = self._counts(y, weight)
            if not (counts is None or before is None or before.classes is None):
                counts = before.classes + (counts if fresh else 0)
            weight, active = self._weighted(y, weight, counts)
            if first:
                f = self._objective(X, y, weight, active)
                known = seen(f, self.preconditioner)
                check(f, plan)
                run = begun(self, f, plan, known, self._seed(), warm=True)
                run.seen = known
            else:
                f = self._objective(X, y, weight, active, before, fresh)
                check(f, plan)
                run = continued(self, f, plan, fresh)
            assert run.seen is not None
            run.digest, run.seen.classes = mark, counts
            plan.fresh = not first and fresh
            audience.see(f, run, plan)
            return self._finish(f, go_on(f, run, plan, 1))

    @property
    def _measures_all(self) -> bool:
        """Whether a run takes the moments of all rows that have no weight."""
        weighted = getattr(self, "class_weight", None) is not None
        return not (weighted or self.early_stopping or self.preconditioner is None)

    @contextmanager
    def _or_as_before(self) -> Iterator[None]:
        """Leave the model as it was when an error comes: of the data or of the user's."""
        before = vars(self).copy()
        try:
            yield
        except BaseException:
            self.__dict__ = before
            raise
        if self.stop_reason_ == "interrupted":
            raise KeyboardInterrupt  # with the best iterate's attributes set

    def _seed(self) -> int:
        seed = self.random_state
        if isinstance(seed, Integral):
            return int(seed)
        return int(check_random_state(seed).randint(2**31 - 1))

    def _finish(self, f: Objective, outcome: Outcome) -> Self:
        """Turn an outcome into fitted attributes."""
        if outcome.run is not None:
            self._run, self._run_setup = outcome.run, setup(self)
        elif hasattr(self, "_run"):
            del self._run, self._run_setup
        self._split(f, outcome.W)
        self.n_iter_, self.t_ = max(1, outcome.n_iter), outcome.t
        self.objective_, self.gap_ = outcome.objective, outcome.gap
        self.certificate_, self.converged_ = outcome.certificate, outcome.converged
        self.stop_reason_, self.history_ = outcome.stop_reason, outcome.history
        self.learning_rate_ = outcome.rate
        self.optimizer_ = outcome.optimizer
        return self

    def _split(self, f: Objective, W: Array) -> None:
        """Set coef_ and intercept_ in the units of the data."""
        self.coef_, self.intercept_ = f.rows.to_user(W)
