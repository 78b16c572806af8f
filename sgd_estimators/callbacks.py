"""Ready callbacks: what may end a run early, and what outlives a crash."""

import copy
import os
import pickle
import tempfile
from typing import Any

from sklearn.base import BaseEstimator

from ._params import choice, integer, real

FIELDS = ("loss", "objective", "gap", "score")
OF_A_FIT = (
    "_skl_callbacks",
    "_skl_callbacks_to_teardown",
    "_callback_fit_ctx",
    "_parent_callback_ctx",
)

__all__ = ["Checkpoint", "EarlyStopping"]


class EarlyStopping(BaseEstimator):
    """Stop when a field of ``history_`` no longer gets better.

    It keeps nothing in itself: it looks at the whole ``history_`` each time, so that one
    object may serve many fits, and a run that goes on from a checkpoint stops where it
    would have stopped.

    Parameters
    ----------
    monitor : {"loss", "objective", "gap", "score"}, default="loss"
        "score", the validation score, is to rise, the others to fall. Epochs without
        the value (NaN) do not count.
    patience : int, default=5
        Values in a row that may bring no gain.
    min_delta : float, default=0.0
        What a gain must exceed.

    Raises
    ------
    ValueError, TypeError
        Out of ``fit``, before any work: for another field, a parameter out of range, or
        "score" where nothing is scored.

    See Also
    --------
    SGDRidge : Its ``early_stopping=True`` also restores the coefficients of the best score.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sgd_estimators import SGDRidge
    >>> from sgd_estimators.callbacks import EarlyStopping
    >>> X, y = load_diabetes(return_X_y=True)
    >>> stop = EarlyStopping("loss", patience=2, min_delta=1.0)
    >>> model = SGDRidge(optimizer="adam", tol=0, callbacks=stop, random_state=0).fit(X, y)
    >>> model.stop_reason_
    'callback'
    """

    def __init__(
        self, monitor: str = "loss", *, patience: int = 5, min_delta: float = 0.0
    ) -> None:
        self.monitor = monitor
        self.patience = patience
        self.min_delta = min_delta

    def _check(self, *, scored: bool) -> None:
        """Check the parameters, for a fit with a validation score or without."""
        choice("monitor", self.monitor, f"one of {FIELDS}", self.monitor in FIELDS)
        integer("patience", self.patience, 1)
        real("min_delta", self.min_delta, 0, open_=False)
        if self.monitor == "score" and not scored:
            raise ValueError(
                'monitor="score" has no score to look at: give fit X_val and y_val, or set '
                "early_stopping=True"
            )

    def __call__(self, model: Any, record: dict[str, float]) -> bool:
        """Return whether the run is to stop."""
        sign = -1.0 if self.monitor == "score" else 1.0
        best, without = float("inf"), 0
        for value in sign * model.history_[self.monitor]:
            if value < best - self.min_delta:
                best, without = value, 0
            elif value == value:
                without += 1
        return without >= self.patience


class Checkpoint(BaseEstimator):
    """Write the model to a file every so many epochs, so that a crash costs no more.

    The file is a pickle of a model that is ready to go on: ``warm_start=True``, and
    ``max_iter`` the epochs that are left. ``pickle.load(file).fit(X, y)`` then ends at the
    bits of the run that was not killed. With ``optimizer="auto"`` there is no state but
    the coefficients: going on begins there, and ends at the same optimum to ``tol``.
    From the last epoch of a run that had ended, going on makes one more at least.

    A file is complete or not there: it is written beside the old one, brought to the disk,
    and put in its place in one step.

    Parameters
    ----------
    path : str or path-like
        The file.
    every : int, default=1
        Epochs between two checkpoints, by the epochs of the call of ``fit``.

    Raises
    ------
    ValueError, TypeError
        Out of ``fit``, before any work: if `every` is no integer >= 1.
    OSError
        Out of ``fit``: before any work where the folder is missing, and where the file
        cannot be written; the one before stays.

    Notes
    -----
    All that the model holds is pickled, its other callbacks too. Load only files that
    you trust, as of any pickle.

    Examples
    --------
    >>> import pickle, tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_diabetes
    >>> from sgd_estimators import SGDRidge
    >>> from sgd_estimators.callbacks import Checkpoint
    >>> X, y = load_diabetes(return_X_y=True)
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name, "ridge.pickle")
    >>> model = SGDRidge(optimizer="adam", max_iter=25, tol=0, random_state=0)
    >>> model = model.set_params(callbacks=Checkpoint(path, every=10), n_iter_no_change=99)
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # 25 epochs are few
    ...     model = model.fit(X, y)
    ...     last = pickle.loads(path.read_bytes())
    ...     left = last.max_iter
    ...     same = (last.fit(X, y).coef_ == model.coef_).all()
    >>> left, bool(same)
    (5, True)
    >>> folder.cleanup()
    """

    def __init__(self, path: Any, *, every: int = 1) -> None:
        self.path = path
        self.every = every

    def _check(self, *, scored: bool) -> None:
        """Check the parameters before a fit."""
        integer("every", self.every, 1)
        folder = os.path.dirname(os.path.abspath(os.fspath(self.path)))
        if not os.path.isdir(folder):
            raise FileNotFoundError(
                f"path must be in a folder that exists, got {os.fspath(self.path)!r}"
            )

    def __call__(self, model: Any, record: dict[str, float]) -> None:
        """Write the model, if it is time."""
        left = model.max_iter - model.n_iter_
        if model.n_iter_ % self.every or left < 1:  # no epoch would be left to go on with
            return
        saved = copy.copy(model)
        for name in OF_A_FIT:
            vars(saved).pop(name, None)
        saved.warm_start, saved.max_iter = True, left
        write(self.path, pickle.dumps(saved))


def write(path: Any, data: bytes) -> None:
    """Put data in the place of a file, at once."""
    path = os.fspath(path)
    folder, name = os.path.split(os.path.abspath(path))
    handle, beside = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
