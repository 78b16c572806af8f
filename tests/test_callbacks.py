"""Those who watch a fit: scikit-learn's callbacks, ours, and the progress bar."""

import io
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge
from sgd_estimators.callbacks import Checkpoint, EarlyStopping
from sgd_estimators.optimizers import OPTIMIZERS, Optimizer

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4))
Y = X @ [1.0, -2.0, 0.5, 0.0] + rng.normal(size=200)
C = (Y > 0).astype(int)
MODELS = [(SGDLinearRegressor, Y), (SGDRidge, Y), (SGDLogistic, C)]
PLAIN = {"optimizer": "adam", "tol": 0, "n_iter_no_change": 10**6, "random_state": 0}

needs_callbacks = pytest.mark.skipif(
    not hasattr(SGDRidge, "set_callbacks"), reason="scikit-learn < 1.9"
)
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Listener:
    """A callback of scikit-learn's protocol that writes down what it hears."""

    def __init__(self, stop_at=None):
        self.heard, self.fitted, self.stop_at = [], [], stop_at

    def setup(self, estimator, context):
        self.heard.append("setup")

    def teardown(self, estimator, context):
        self.heard.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.heard.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        self.heard.append(("end", context.task_name, context.task_id))
        self.fitted.append((fitted_estimator, X, y, metadata))
        return context.task_name == "epoch" and context.task_id + 1 == self.stop_at


# scikit-learn's callbacks


@needs_callbacks
@quiet
@pytest.mark.parametrize("settings", [{**PLAIN, "max_iter": 4}, {}], ids=["adam", "auto"])
@pytest.mark.parametrize(("Model", "y"), MODELS)
def test_a_fit_is_a_task_with_a_subtask_an_epoch(Model, y, settings):
    listener = Listener()
    model = Model(**settings).set_callbacks(listener).fit(X, y)
    n = len(model.history_["loss"])
    epochs = [(what, "epoch", k) for k in range(n) for what in ("begin", "end")]
    fit = [("begin", "fit", 0), *epochs, ("end", "fit", 0)]
    assert listener.heard == ["setup", *fit, "teardown"]
    assert not [name for name in vars(model) if "ctx" in name]


@needs_callbacks
@quiet
def test_each_epoch_hands_on_a_model_of_its_own():
    listener, seen = Listener(), []

    def look(model, record):
        seen.append((model.coef_.copy(), record["score"]))

    w = np.linspace(0.5, 2, 200)
    model = SGDRidge(max_iter=5, callbacks=look, **PLAIN).set_callbacks(listener)
    model.fit(X, Y, sample_weight=w, X_val=X[:50], y_val=Y[:50])
    assert len(seen) == 5
    for k, (coef, score) in enumerate(seen):
        fitted, X_, y_, metadata = listener.fitted[k]
        np.testing.assert_array_equal(fitted.coef_, coef)
        assert fitted.history_["score"][-1] == score == fitted.score(X[:50], Y[:50])
        assert len(fitted.history_["score"]) == k + 1
        assert X_ is X
        assert y_ is Y
        assert metadata["sample_weight"] is w


@needs_callbacks
@pytest.mark.parametrize("settings", [{**PLAIN, "max_iter": 99}, {"tol": 1e-9}])
def test_a_request_to_stop_is_honoured(settings):
    Z = rng.normal(size=(20000, 30))  # more than the passes that "auto" is to stop after
    c = Z[:, 0] + rng.normal(size=20000) > 0
    model = SGDLogistic(**settings).set_callbacks(Listener(stop_at=2)).fit(Z, c)
    assert model.stop_reason_ == "callback"
    assert model.n_iter_ == 2


@needs_callbacks
def test_rows_held_out_are_not_training_data():
    listener = Listener()
    SGDLogistic(early_stopping=True, random_state=0).set_callbacks(listener).fit(X, C)
    _, X_, y_, _ = listener.fitted[0]
    assert X_.shape == (180, 4)
    assert y_.shape == (180,)


@needs_callbacks
def test_an_error_tears_the_callbacks_down():
    listener = Listener()
    with pytest.raises(ValueError, match="NaN"):
        SGDRidge().set_callbacks(listener).fit(np.full((3, 2), np.nan), np.ones(3))
    assert listener.heard[-1] == "teardown"


@needs_callbacks
@quiet
@pytest.mark.parametrize("settings", [{**PLAIN, "max_iter": 3}, {}], ids=["adam", "auto"])
def test_a_scoring_monitor_sees_each_epoch(settings):
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="r2")
    model = SGDRidge(**settings).set_callbacks(monitor).fit(X, Y)
    scores = [row["r2"] for row in monitor.get_logs().data]
    assert len(scores) == len(model.history_["loss"]) + 1  # and the fit itself
    assert scores[0] == model.score(X, Y)  # of the whole fit


@needs_callbacks
@quiet
def test_a_scoring_monitor_inside_a_search_of_a_pipeline():
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    inner = SGDLogistic(max_iter=3, **PLAIN).set_callbacks(monitor)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), inner), {"sgdlogistic__C": [0.1, 1.0]}, cv=2
    ).fit(X, C)
    rows = monitor.get_logs(select="all")
    assert sum(len(log.data) for log in rows) == 5 * 4  # fits, each of 3 epochs
    assert search.best_score_ > 0.8


@needs_callbacks
@quiet
def test_a_progress_bar_over_a_search():
    from sklearn.callback import ProgressBar

    pipeline = make_pipeline(StandardScaler(), SGDRidge(max_iter=3, **PLAIN))
    grid = {"sgdridge__alpha": [0.1, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=2).set_callbacks(ProgressBar())
    assert search.fit(X, Y).best_score_ > 0.5


# Every epoch is told, once

ENDS = {
    "certified": {"tol": 1e-2},
    "max_iter": {"tol": 0, "max_iter": 4, "n_iter_no_change": 99},
    "early_stopping": {"early_stopping": True, "n_iter_no_change": 1, "tol": 0},
    "no_improvement": {"tol": 1e-15, "n_iter_no_change": 1},
    "diverged": {"learning_rate": 1e6, "tol": 0},
}


def told(model, y):
    """Fit; return the records that a callback was given, and what a `Listener` heard."""
    records, listener = [], Listener()
    model.set_params(callbacks=lambda model, record: records.append(record))
    if hasattr(model, "set_callbacks"):  # scikit-learn 1.9
        model.set_callbacks(listener)
    model.fit(X, y)
    return records, listener.heard


def assert_told_once(model, records, heard):
    assert len(records) == model.n_iter_
    for name in ("loss", "rate", "score"):
        got = [record[name] for record in records]
        np.testing.assert_array_equal(got, model.history_[name])
    epochs = [("end", "epoch", k) for k in range(model.n_iter_)]
    ends = [entry for entry in heard if entry[:2] == ("end", "epoch")]
    assert ends == (epochs if heard else [])


@quiet
@pytest.mark.parametrize(
    ("optimizer", "end"),
    [
        (optimizer, end)
        for optimizer in ("auto", *OPTIMIZERS)
        for end in ENDS
        if (optimizer, end) != ("sdca", "diverged")  # which has no rate
    ],
)
@pytest.mark.parametrize(("Model", "y"), MODELS[1:])
def test_every_epoch_is_told_once_however_the_run_ends(Model, y, optimizer, end):
    model = Model(optimizer=optimizer, random_state=0, **ENDS[end])
    assert_told_once(model, *told(model, y))
    assert optimizer != "sgd" or model.stop_reason_ == end


@quiet
def test_an_epoch_that_is_mended_is_told_once():
    class Stumbling(Optimizer):
        def start(self, n_params):
            return step

    def step(x, g, rate):
        x -= next(poison, rate) * g

    poison = iter([np.nan, 0.1, np.nan])
    model = SGDRidge(optimizer=Stumbling(), batch_size="full", max_iter=9, tol=0)
    records, heard = told(model, Y)
    assert_told_once(model, records, heard)
    assert model.n_iter_ == 9
    assert model._run.cuts == 2
    assert np.all(np.isfinite(model.coef_))


# verbose


class Terminal(io.StringIO):
    def isatty(self):
        return True


@quiet
@pytest.mark.parametrize("settings", [{**PLAIN, "max_iter": 12}, {}], ids=["adam", "auto"])
def test_verbose_shows_a_bar_in_a_terminal(settings, monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    model = SGDRidge(verbose=1, **settings).fit(X, Y)
    assert "SGDRidge" in terminal.getvalue()
    assert f"{model.n_iter_}" in terminal.getvalue().splitlines()[-1]
    assert "loss=" in terminal.getvalue()
    assert not capsys.readouterr().out


@quiet
@pytest.mark.parametrize("where", ["a log", "no tqdm", "verbose=10"])
def test_verbose_shows_lines_elsewhere(where, monkeypatch, capsys):
    if where != "a log":
        monkeypatch.setattr(sys, "stderr", Terminal())
    if where == "no tqdm":
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    verbose = 10 if where == "verbose=10" else 1
    SGDRidge(verbose=verbose, max_iter=20, **PLAIN).fit(X, Y)
    assert len(capsys.readouterr().out.splitlines()) == (20 if verbose == 10 else 2)


# EarlyStopping


@quiet
@pytest.mark.parametrize("monitor", ["loss", "objective", "gap", "score"])
@pytest.mark.parametrize("min_delta", [0.0, 1e-3])
def test_early_stopping_by_brute_force(monitor, min_delta):
    stop = EarlyStopping(monitor, patience=3, min_delta=min_delta)
    settings = {**PLAIN, "max_iter": 300}
    free = SGDRidge(**settings).fit(X, Y, X_val=X, y_val=Y + 1)
    held = SGDRidge(callbacks=stop, **settings).fit(X, Y, X_val=X, y_val=Y + 1)
    values = free.history_[monitor] * (-1 if monitor == "score" else 1)
    best, waited = np.inf, 0
    for k in np.flatnonzero(np.isfinite(values)):  # where f was evaluated
        waited += 1
        if values[k] < best - min_delta:
            best, waited = values[k], 0
        if waited >= 3:
            break
    assert held.n_iter_ == k + 1 < 300
    assert held.stop_reason_ == "callback"


BAD_STOPS = [
    {"monitor": "R2"},
    {"monitor": "score"},  # of which there is none
    {"patience": 0},
    {"patience": 2.5},
    {"patience": "5"},
    {"min_delta": -1.0},
    {"min_delta": np.nan},
    {"min_delta": None},
]


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
@pytest.mark.parametrize("bad", BAD_STOPS, ids=str)
def test_early_stopping_checks_what_it_got_before_any_work(bad, how):
    told = []
    model = SGDRidge(callbacks=[lambda *epoch: told.append(epoch), EarlyStopping(**bad)])
    with pytest.raises((ValueError, TypeError), match=f"^{next(iter(bad))}"):
        getattr(model, how)(X, Y)
    assert told == []


# Checkpoint

RUN = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from rules import Killer
from test_callbacks import CASES, X
from sgd_estimators.callbacks import Checkpoint

if {torn}:  # killed as the second file is written, before it takes its place
    replace = os.replace
    def torn(*names):
        if Path({path!r}).exists():
            os.kill(os.getpid(), signal.SIGKILL)
        replace(*names)
    os.replace = torn

Model, y, settings = CASES[{case!r}]
checkpoint = Checkpoint({path!r}, every=3)
Model(callbacks=[checkpoint, Killer({at})], **settings).fit(X, y)
"""

FULL = {"max_iter": 20, "tol": 0, "n_iter_no_change": 10**6, "random_state": None}
CASES = {
    "momentum": (SGDRidge, Y, FULL | {"momentum": 0.9, "random_state": 3}),
    "adam": (SGDLogistic, C, FULL | {"optimizer": "adam", "random_state": 4}),
    "average": (SGDLinearRegressor, Y, FULL | {"average": 5, "random_state": 5}),
    "saga": (SGDRidge, Y, FULL | {"optimizer": "saga", "random_state": 6}),
    "stops": (SGDLogistic, C, {"early_stopping": True, "random_state": 7}),
}


@quiet
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
@pytest.mark.parametrize(
    ("case", "at", "torn"),
    [
        (case, at, torn)
        for case in CASES
        for at, torn in ((4, False), (9, False), (14, True))
        if case != "stops" or at < 5  # before it ends by itself
    ],
)
def test_a_killed_run_goes_on_to_the_same_bits(case, at, torn, tmp_path):
    path = tmp_path / "model.pickle"
    tests = str(Path(__file__).parent)
    script = RUN.format(tests=tests, path=str(path), case=case, at=at, torn=torn)
    killed = subprocess.run([sys.executable, "-c", script], check=False)
    assert killed.returncode == -signal.SIGKILL
    Model, y, settings = CASES[case]
    whole = Model(**settings).fit(X, y)
    last = pickle.loads(path.read_bytes())
    assert last.n_iter_ == 3 * (1 if torn else at // 3)
    assert np.all(np.isfinite(last.predict(X)))  # a model by itself, too
    last.set_params(callbacks=None).fit(X, y)
    np.testing.assert_array_equal(last.coef_, whole.coef_)
    np.testing.assert_array_equal(last.intercept_, whole.intercept_)
    for name in ("loss", "rate", "score"):
        np.testing.assert_array_equal(last.history_[name], whole.history_[name])
    assert last.stop_reason_ == whole.stop_reason_
    assert last.t_ == whole.t_


@quiet
def test_a_run_goes_on_twice_and_stops_where_it_would_have_stopped(tmp_path):
    path = tmp_path / "model.pickle"
    stop = EarlyStopping("loss", patience=8, min_delta=1e-4)
    settings = {**PLAIN, "max_iter": 300}
    whole = SGDRidge(callbacks=stop, **settings).fit(X, Y)
    assert whole.n_iter_ > 10
    assert whole.n_iter_ % 4  # it ends between two checkpoints
    watch = [stop, Checkpoint(path, every=4)]
    SGDRidge(callbacks=watch, **settings).set_params(max_iter=10).fit(X, Y)
    for _ in range(2):
        last = pickle.loads(path.read_bytes()).set_params(max_iter=292 - 8)
        last.fit(X, Y)
    assert last.stop_reason_ == whole.stop_reason_ == "callback"
    np.testing.assert_array_equal(last.coef_, whole.coef_)


def test_auto_goes_on_from_its_coefficients(tmp_path):
    path = tmp_path / "model.pickle"
    whole = SGDLogistic(tol=1e-10, callbacks=Checkpoint(path), random_state=0).fit(X, C)
    last = pickle.loads(path.read_bytes())
    assert last.coef_.shape == whole.coef_.shape
    last.fit(X, C)
    assert last.converged_
    np.testing.assert_allclose(last.coef_, whole.coef_, rtol=1e-4)


@quiet
def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "model.pickle"
    path.write_bytes(b"before")

    def full(*args):
        raise OSError("no space")

    monkeypatch.setattr("os.fsync", full)
    model = SGDRidge(max_iter=3, callbacks=Checkpoint(path), **PLAIN)
    with pytest.raises(OSError, match="no space"):
        model.fit(X, Y)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("every", [0, 1.5, "10", None])
def test_checkpoint_checks_what_it_got(every, tmp_path):
    model = SGDRidge(callbacks=Checkpoint(tmp_path / "x", every=every))
    with pytest.raises((ValueError, TypeError), match=r"^every must be an integer >= 1"):
        model.fit(X, Y)


def test_checkpoint_asks_for_its_folder_before_any_work(tmp_path):
    told = []
    watch = [lambda *epoch: told.append(epoch), Checkpoint(tmp_path / "no" / "x", every=50)]
    with pytest.raises(FileNotFoundError, match=r"path.*exists.*no.x"):
        SGDRidge(callbacks=watch).fit(X, Y)
    assert told == []
