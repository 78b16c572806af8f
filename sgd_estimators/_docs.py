"""The text that the docstrings of the three estimators share."""

from textwrap import dedent, indent
from typing import TypeVar

T = TypeVar("T", bound=type)

PARAMETERS = """
optimizer : str, Optimizer or subclass of Optimizer, default="auto"
    How a gradient becomes a move: "sgd", "adam", ... or an object of
    `sgd_estimators.optimizers`, or your own. "auto" is the certified solver while
    `learning_rate`, `momentum`, `schedule`, `batch_size`, `preconditioner`, `average`
    and `early_stopping` have their defaults: Newton steps on growing mini-batches, then
    passes preconditioned by the last one's Hessian; least squares of few columns by one
    pass for the normal equations; dual ascent and conjugate gradients where a Hessian
    would be too large. Otherwise, and in `partial_fit`, ``SGD(momentum)``.
learning_rate : float, str or rate object, default="auto"
    The rate alpha_0 of the first step, > 0. "auto" comes from the smoothness of f: see
    `Optimizer.auto_rate`. With "polyakstep", "linesearch", "dog", an object of
    `sgd_estimators.schedules` or your own, each step finds its rate from its mini-batch.
momentum : float, default=None
    In [0, 1): takes the place of the optimizer's own. An error with an optimizer that
    has none.
schedule : str, Schedule or callable, default="auto"
    How the rate goes on, ``alpha_t = alpha_0 schedule(t)``: "constant", "cosine", ... or
    an object of `sgd_estimators.schedules`, or any function of the update t. "auto"
    raises the rate while the loss falls (not above a rate that you set), cuts it past
    the noise floor, and begins again; with a rate object it is "constant".
batch_size : int, "full" or "auto", default="auto"
    Rows a step. "auto" is all of at most 64 rows, and 4 to 512 of more; with
    ``preconditioner="hessian"``, as many as there are columns at least.
preconditioner : "diagonal", "hessian", None or "auto", default="auto"
    The metric of the step: "diagonal", which is "auto", sees columns centred and scaled,
    without a copy and without a change of f; "hessian" also takes correlations out, by
    the inverse of a mini-batch's Hessian, for columns that are collinear and not too
    many; None is the textbook's plain metric.
max_iter : int, default=1000
    Epochs of one call of `fit`; of the certified solver, passes, or the steps of Newton's
    method where conjugate gradients compute them in several.
tol : float, default=1e-6
    The certified accuracy: ``gap_ <= tol (f_0 - f*)`` ends the run, f_0 being f at w = 0
    and the best constant.
average : bool, int or "tail", default=False
    Report the mean of the iterates: from the first epoch (True), from an epoch >= 2, or
    of at least the last half ("tail"). A wrapper around any optimizer.
early_stopping : bool, default=False
    Stop when the validation score has not risen for `n_iter_no_change` epochs, and keep
    the coefficients of the best.
validation_fraction : float, default=0.1
    The part of the rows held out with `early_stopping`, in (0, 1), unless `fit` is given
    ``X_val, y_val``.
n_iter_no_change : int, default=5
    Epochs without a gain of ``tol (f_0 - f)`` that end the run where f is evaluated next;
    with the automatic schedule, turns of 16. Not before a schedule's horizon.
scoring : str or callable, default=None
    The validation score, as in scikit-learn; None is the model's own `score`. A callable
    ``scorer(model, X, y)`` gets the rows themselves, for which those held out are copied,
    and ``sample_weight`` too where there are weights and it takes them. An error where
    there is nothing to score.
fit_intercept : bool, default=True
    Whether there is a b; it is never penalised.
shuffle : bool, default=True
    Visit the rows in a new random order every epoch.
warm_start : bool, default=False
    Go on where the last `fit` stopped, as if it had not.
random_state : int, RandomState instance or None, default=None
    The seed of the order and of the rows held out, drawn once a run.
n_jobs : int, default=None
    Threads of full evaluations of f; None: all that the process may use (affinity,
    ``OMP_NUM_THREADS``, one in a joblib worker), -1: all, -2: all but one, ... The
    result does not depend on it.
verbose : int, default=0
    1 shows a progress bar in a terminal or a notebook, with tqdm, and elsewhere a line
    every 10 epochs; 10 prints a line every epoch.
callbacks : callable or list of callables, default=None
    Each is called as ``callback(model, record)`` after each epoch, with ``coef_`` set and
    the epoch's row of ``history_``; True stops the run.
"""

ATTRIBUTES = """
Attributes
----------
coef_, intercept_ : ndarray or float
    In the units of the data, shaped as those of the scikit-learn model named above.
classes_ : ndarray of shape (n_classes,)
    Of the classifier.
n_features_in_, feature_names_in_
    As in scikit-learn.
n_iter_, t_ : int
    Epochs of the last call, updates of the whole run.
objective_ : float
    f at the model.
gap_, certificate_ : float, str
    ``f - f* <= gap_``, and which bound says so: "least squares", "subset",
    "fenchel", "value" (no loss is negative) or "none", where ``gap_`` is infinite.
converged_ : bool
    Whether `tol` is certified.
stop_reason_ : str
    "certified", "no_improvement", "early_stopping", "callback", "interrupted",
    "max_iter" or "diverged".
learning_rate_, optimizer_
    What "auto" stood for; "newton" is the certified solver. With a rate object, the last
    rate.
history_ : dict of ndarray
    A value for each epoch of "loss" (the mean of the batches' f_B), "rate", "seconds",
    "objective", "gap" (both NaN where f was not evaluated) and "score". f is evaluated
    after epochs 8, 16, ..., later after a quarter of those so far, and the last one.

Warns
-----
ConvergenceWarning
    When `max_iter` ends the run before `tol` is certified.
DivergenceWarning
    When a rate that you set makes the run diverge; the best iterate is returned.
UserWarning
    When the run ends before the epoch that `average` names, or has lost the state of a
    step or a rate object; and for a key of `class_weight` that no class can be.
"""


def shared(cls: T) -> T:
    """Put the shared parameters and attributes in the place of {shared}."""
    text = PARAMETERS + ATTRIBUTES
    assert cls.__doc__ is not None
    head = cls.__doc__.split("{shared}")[0]
    if "Parameters\n" not in head:
        text = "\nParameters\n----------" + text
    cls.__doc__ = cls.__doc__.replace("    {shared}\n", indent(dedent(text[1:]), "    "))
    return cls
