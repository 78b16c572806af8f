"""The scikit-learn face that the estimators share: validate, build f, run, split W."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted, validate_data

from . import _least_squares
from ._audience import (
    Audience,
    Watched,
    tasks,
    watched,
    watching,
)
from ._estimate import check
from ._exceptions import warn
from ._fitted import Fitted
from ._judge import Watch
from ._kernels.losses import Loss, Softmax
from ._kernels.objective import Objective
from ._kernels.rows import Rows
from ._params import (
    as_callbacks,
    canonical,
    check_places,
    check_shared,
    check_total,
    check_weight,
    is_default,
    n_threads,
    numbers_in,
    resolve_optimizer,
    resolve_schedule,
)
from ._resume import begun, continued, present, resumed, setup
from ._rows import as_rows
from ._run import go_on
from ._solver import solve
from ._state import Outcome, Plan
from ._stream import Seen, digest, seen
from ._validation import Validation, given, hold_out
from .schedules import get_rate

Array = NDArray[np.float64]


class LinearSGD(Fitted, Watched):
    """Base of the estimators; see `SGDLinearRegressor` for the parameters."""

    _squared = False  # the loss

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

    def _encode(self, y: Any, weight: Array | None, *, reset: bool) -> Array:
        """Return y as the (n, n_targets) array that the loss takes."""
        raise NotImplementedError

    def _loss(self) -> Loss:
        """Return the loss, once y is known."""
        raise NotImplementedError

    def _penalty(self, total_weight: float, n_outputs: int) -> Array:
        """Return lambda of each output."""
        raise NotImplementedError

    def _class_weight(
        self, y: Array, weight: Array | None, counts: Array | None = None
    ) -> Array | None:
        """Return the weights with those of the classes in them."""
        return weight

    def _counts(self, y: Array, weight: Array | None) -> Array | None:
        """Return the weight of each class, where those of the classes depend on it."""
        return None

    def _check(self, *, validated: bool = False) -> None:
        """Check the parameters before any work."""
        check_shared(self)
        if self.scoring is not None and not (self.early_stopping or validated):
            raise ValueError(
                f"scoring={self.scoring!r} has nothing to score: set early_stopping=True, "
                "or give fit X_val and y_val"
            )
        for callback in as_callbacks(self.callbacks):
            if ready := getattr(callback, "_check", None):
                ready(scored=self.early_stopping or validated)
        if not is_default(self):
            resolve_optimizer(self, streaming=False).start(1)
            resolve_schedule(self.schedule)

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
        self._check(validated=X_val is not None)
        seats = tasks(self, X, y, sample_weight)
        with watching(self, seats) as audience, self._or_as_before():
            again = self.warm_start and hasattr(self, "n_iter_")
            resume = again and hasattr(self, "_run")
            seed = cache(lambda: self._run.seed if resume else self._seed())
            X, y, weight = self._validate(
                X, y, sample_weight, reset=not again, seen=is_default(self)
            )
            weight, active = self._weighted(y, weight)
            validation = given(self, y, X_val, y_val, sample_weight_val)
            if validation is None and self.early_stopping:
                active, validation = self._split_off(X, y, weight, active, seed())
                if seats:
                    seats.only(active)
            f = self._objective(X, y, weight, active)
            score = None if validation is None else validation.scorer(self, f)
            if is_default(self):
                start = present(self, f) if self.warm_start else None
                audience.see(f)
                watch = Watch(audience.told, score, audience.begin)
                outcome = solve(f, start, float(self.tol), self.max_iter, seed, watch)
                self._finish(f, outcome)
            else:
                self._go_on(f, audience, resume, seed(), score)
        if seats:
            seats.close()
        return self

    def _go_on(
        self, f: Objective, audience: Audience, resume: bool, seed: int, score: Any
    ) -> None:
        plan = self._plan(f, audience)
        known = seen(f, self.preconditioner)
        if resume:
            run = resumed(self, f, known)
        else:
            run = begun(self, f, known, seed, warm=self.warm_start)
        run.seen, run.digest = known, b""
        plan.score = score
        audience.see(f, run)
        outcome = go_on(f, run, plan, self.max_iter)
        first = plan.average if isinstance(plan.average, int | np.integer) else 0
        late = run.epoch < first and not outcome.converged
        if late and not self.warm_start:  # which may yet come to it
            warn(
                f"average={self.average} has averaged nothing: the run ended after "
                f"{run.epoch} epochs; raise max_iter, or use an earlier epoch"
            )
        self._finish(f, outcome)

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """Make one epoch over these rows."""
        self._check()
        if self.preconditioner == "hessian":
            raise ValueError(
                'preconditioner="hessian" learns a matrix from rows of the whole data, '
                "which partial_fit does not have; use fit"
            )
        if resolve_optimizer(self, streaming=True)._exact:
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
            X, y, weight = self._validate(X, y, sample_weight, reset=not fitted)
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
                run = begun(self, f, known, self._seed(), warm=True)
                run.seen = known
            else:
                f = self._objective(X, y, weight, active, before, fresh)
                run = continued(self, f, fresh)
            assert run.seen is not None
            run.digest, run.seen.classes = mark, counts
            audience.see(f, run)
            plan = self._plan(f, audience, streaming=True, fresh=not first and fresh)
            return self._finish(f, go_on(f, run, plan, 1))

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

    def _validate(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, seen: bool = False
    ) -> tuple[Any, Array, Array | None]:
        """Return X, the encoded y and the user's weights.

        Where least squares take a single look at X, it is to be `seen` as it is.
        """
        if sp.issparse(y):
            raise TypeError("y must be an array, got a sparse matrix; use y.toarray()")
        with numbers_in("X"):
            X, y = validate_data(
                self,
                X,
                y,
                reset=reset,
                accept_sparse="csr",
                dtype=[np.float64, np.float32],
                ensure_all_finite=False,  # which reads X on one thread
                multi_output=True,
            )
        weight = check_weight(sample_weight, X.shape[0])
        one_look = seen and weight is None and self._squared and _least_squares.sees(X)
        X = X if one_look else canonical(X, n_threads(self.n_jobs))
        y = self._encode(y, weight, reset=reset)
        return X, y, weight

    def _weighted(
        self, y: Array, weight: Array | None, counts: Array | None = None
    ) -> tuple[Array | None, Any]:
        """Return the weights, those of the classes in them, and the rows that count."""
        own, weight = weight, self._class_weight(y, weight, counts)
        if weight is not None and weight is not own:
            check_total(weight, "sample_weight times class_weight")
        if weight is None or weight.all():
            return weight, None
        return weight, np.flatnonzero(weight)

    def _objective(
        self,
        X: Any,
        y: Array,
        weight: Any,
        active: Any,
        before: Seen | None = None,
        fresh: bool = True,
    ) -> Objective:
        """Return f in the plain metric; the penalty is over the rows seen before, too."""
        rows = as_rows(X, self.fit_intercept)
        loss = self._loss()
        n_outputs = loss.n_classes if isinstance(loss, Softmax) else y.shape[1]
        total = len(active) if active is not None else X.shape[0]
        if weight is not None:
            total = weight.sum() if active is None else weight[active].sum()
        if before is not None:
            total = before.total + total if fresh else before.total
        alpha = self._penalty(float(total), n_outputs)
        f = Objective(rows, loss, y, alpha, weight, active)
        f.n_jobs = n_threads(self.n_jobs)
        return f

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _plan(
        self,
        f: Objective,
        audience: Audience,
        *,
        streaming: bool = False,
        fresh: bool = False,
    ) -> Plan:
        plan = Plan(
            optimizer=resolve_optimizer(self, streaming=streaming),
            learning_rate=get_rate(self.learning_rate),
            schedule=resolve_schedule(self.schedule),
            batch_size=self.batch_size,
            average=(1 if self.average is True else self.average) or None,
            hessian=self.preconditioner == "hessian",
            shuffle=bool(self.shuffle),
            tol=float(self.tol),
            n_iter_no_change=self.n_iter_no_change,
            early_stopping=bool(self.early_stopping),
            callback=audience.told,
            begin=audience.begin,
            streaming=streaming,
            fresh=fresh,
        )
        check(f, plan)
        return plan

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

    # Validation scores

    def _split_off(
        self, X: Any, y: Array, weight: Any, active: Any, seed: int
    ) -> tuple[Any, Validation]:
        """Return the training rows and the validation set of those held out."""
        labels = None
        if hasattr(self, "classes_"):
            labels = y[:, 0] if active is None else y[active, 0]
        n = X.shape[0] if active is None else len(active)
        train, held = hold_out(n, active, self.validation_fraction, seed, labels)
        own = None if weight is None else weight[held]
        return train, Validation(X, held, self._decode(y[held]), own)

    def _decode(self, y: Array) -> Any:
        """Return targets as the user gave them."""
        return y if y.shape[1] > 1 else y[:, 0]

    # Prediction

    def _decision(self, X: Any) -> Array:
        """Return X W' + b of shape (n_samples, n_outputs)."""
        check_is_fitted(self)
        with numbers_in("X"):
            X = validate_data(
                self, X, reset=False, accept_sparse="csr", dtype=[np.float64, np.float32]
            )
        if sp.issparse(X):
            check_places(X)
        if sp.issparse(self.coef_):
            scores = safe_sparse_dot(X, self.coef_.T, dense_output=True)
            return np.asarray(scores + self.intercept_)
        coef = np.atleast_2d(self.coef_)
        return Rows(X, False).scores(coef, self.intercept_, range(X.shape[0]))

    def __sklearn_tags__(self) -> Any:
        """Return the tags: sparse input is welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
