"""Those who watch a fit: scikit-learn's callbacks, the user's callables, a progress bar."""

import sys
from collections.abc import Callable
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from ._kernels.objective import Objective
from ._params import as_callbacks, is_default
from ._resume import setup
from ._state import Plan, Record, Run

try:
    from sklearn.callback import CallbackSupportMixin as Mixin
    from sklearn.callback import with_callbacks
except ImportError:  # scikit-learn < 1.9
    Mixin, with_callbacks = object, lambda method: method

Array = NDArray[np.float64]
Method = TypeVar("Method", bound=Callable[..., Any])

Watched: Any = Mixin  # the base of what can be watched


def watched(fit: Method) -> Method:
    """Return fit, after which the callbacks are torn down whatever happens."""
    managed: Method = with_callbacks(fit)
    return managed


class Audience:
    """Tells of each epoch of a fit, with the model as if the fit had ended there.

    Parameters
    ----------
    model : LinearSGD
    show : Progress or None
        What `verbose` asks for.
    tasks : Tasks or None
        The fit, in the eyes of scikit-learn's callbacks.
    """

    def __init__(self, model: Any, show: Any, tasks: "Tasks | None" = None) -> None:
        self.model, self.show, self.tasks = model, show, tasks
        self.callbacks = as_callbacks(model.callbacks)
        self.records: list[Record] = []
        self.run: Run | None = None
        self.first = 0  # epochs of the run before this call

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.show:
            self.show.close()

    def see(self, f: Objective, run: Run | None = None, plan: Plan | None = None) -> None:
        """Take a seat: this is what is minimised, by this run or by "auto"."""
        self.f, self.run = f, run
        self.first = run.epoch if run else 0
        if plan:
            plan.callback, plan.begin = self.told, self.begin

    @property
    def there(self) -> bool:
        """Whether anybody is."""
        return bool(self.show or self.callbacks or self.tasks)

    @property
    def begin(self) -> Any:
        """What to call before an epoch."""
        return self.tasks and self.tasks.begin

    @property
    def told(self) -> Any:
        """What to call after one: as in `Plan`."""
        return self._tell if self.there else None

    def _tell(self, W: Array, epoch: int, record: Record) -> bool:
        self.records.append(record)
        if self.show:
            self.show(epoch, epoch - self.first, record)
        if not (self.callbacks or self.tasks):
            return False
        self._set(W, epoch)
        wishes = [bool(callback(self.model, record)) for callback in self.callbacks]
        if self.tasks:
            wishes.append(self.tasks.end())
        return any(wishes)

    def _set(self, W: Array, epoch: int) -> None:
        """Set what predicting, plotting and going on need."""
        model, run = self.model, self.run
        model._split(self.f, W)
        model.n_iter_ = epoch - self.first
        if run is None:
            fields = self.records[0]
            model.history_ = {k: np.array([r[k] for r in self.records]) for k in fields}
        else:
            model._run, model._run_setup = run, setup(model)
            model.t_ = run.t
            model.history_ = {name: np.array(v) for name, v in run.history.items()}


class Tasks:
    """A fit as a task of scikit-learn's callbacks, with a subtask for each epoch."""

    def __init__(self, model: Any, X: Any, y: Any, weight: Any) -> None:
        self.model = model
        self.given = X, y, weight
        self.rows: Any = None
        self.taken: tuple[Any, Any, Any] | None = None
        self.epoch: Any = None
        self.fit = model._init_callback_context(max_subtasks=most(model))
        self.fit.call_on_fit_task_begin(estimator=model, **self._data())

    def only(self, rows: Any) -> None:
        """Train on some of the rows."""
        self.rows = rows

    def begin(self) -> None:
        """Begin an epoch, unless one is begun."""
        if self.epoch is None:
            self.epoch = self.fit.subcontext(task_name="epoch")
            self.epoch.call_on_fit_task_begin(estimator=self.model, **self._data())

    def end(self) -> bool:
        """End an epoch, and return whether a callback asks to stop."""
        self.begin()
        task, self.epoch = self.epoch, None
        return bool(self._end(task))

    def close(self) -> None:
        """End the fit."""
        self._end(self.fit)

    def _end(self, task: Any) -> Any:
        return task.call_on_fit_task_end(
            estimator=self.model, **self._data(), reconstruction_attributes={}
        )

    def _data(self) -> dict[str, Any]:
        """Return the training data, to be taken out when a callback asks for it."""
        weighted = self.given[2] is not None
        return {
            "X": lambda: self._take()[0],
            "y": lambda: self._take()[1],
            "metadata": (lambda: {"sample_weight": self._take()[2]}) if weighted else None,
        }

    def _take(self) -> tuple[Any, Any, Any]:
        if self.rows is None:
            return self.given
        if self.taken is None:
            X, y, weight = (
                None if data is None else _safe_indexing(data, self.rows)
                for data in self.given
            )
            self.taken = X, y, weight
        return self.taken


def most(model: Any) -> int | None:
    """Return how many epochs a fit may take; nobody knows of "auto"."""
    return None if is_default(model) else model.max_iter


def tasks(model: Any, X: Any, y: Any, weight: Any) -> Tasks | None:
    """Return the tasks that the callbacks set by `set_callbacks` are to see, if any."""
    if not hasattr(model, "_init_callback_context"):
        return None
    if not getattr(model, "_skl_callbacks", None):
        if hasattr(model, "_parent_callback_ctx"):
            model._init_callback_context(max_subtasks=0)  # a place in the tree of a search
        return None
    return Tasks(model, X, y, weight)


def watching(model: Any, seats: Tasks | None = None) -> Audience:
    """Return the audience of a fit."""
    show = None
    if model.verbose:
        show = Progress(type(model).__name__, int(model.verbose), most(model))
    return Audience(model, show, seats)


class Progress:
    """A bar in a terminal or a notebook; in a log, a line now and then.

    Parameters
    ----------
    name : str
    verbose : int
        1: a bar, or every tenth line; 10: every line. From 2 on, always lines.
    total : int or None
        Epochs at most, where that is known.
    """

    def __init__(self, name: str, verbose: int, total: int | None) -> None:
        self.period = max(1, 10 // verbose)
        self.bar = _bar(name, total) if verbose == 1 else None

    def __call__(self, epoch: int, done: int, record: Record) -> None:
        """Show an epoch."""
        told = {k: f"{v:.6g}" for k, v in record.items() if v == v}
        if self.bar is not None:
            del told["seconds"]
            self.bar.set_postfix(told, refresh=False)
            self.bar.update(done - self.bar.n)
        elif epoch % self.period == 0:
            print(f"epoch {epoch}: " + ", ".join(f"{k} {v}" for k, v in told.items()))

    def close(self) -> None:
        """Leave the bar as it is."""
        if self.bar is not None:
            self.bar.close()


def _bar(name: str, total: int | None) -> Any:
    """Return a bar, or None where there is no place for one, or no tqdm."""
    if not (sys.stderr.isatty() or "ipykernel" in sys.modules):
        return None
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm(total=total, desc=name, unit="epoch")
