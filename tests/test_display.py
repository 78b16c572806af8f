"""The displays, by what they draw."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge
from sgd_estimators.display import ScheduleDisplay, SearchDisplay, TrainingCurveDisplay
from sgd_estimators.optimizers import SGD, Adam
from sgd_estimators.schedules import SCHEDULES

pyplot = pytest.importorskip("matplotlib.pyplot")
X, Y = load_diabetes(return_X_y=True, scaled=False)
SHORT = {"max_iter": 20, "random_state": 0}


def fit(Model, *data, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return Model(**SHORT, **given).fit(*data)


RIDGE = fit(SGDRidge, X, Y, optimizer="adam")
STOPPED = fit(SGDRidge, X, Y, early_stopping=True)


@pytest.fixture(autouse=True)
def _close():
    yield
    pyplot.close("all")


# Training curves


@pytest.mark.parametrize("y", ["objective", "gap", "score", "loss", "rate"])
@pytest.mark.parametrize("x", ["epochs", "updates", "seconds"])
def test_a_curve_is_the_history(x, y):
    display = TrainingCurveDisplay.from_estimator(STOPPED, x=x, y=y)
    (line,) = display.lines_
    want = STOPPED.history_[y]
    if y in ("objective", "gap"):  # the epochs in which f was evaluated
        want = want[np.isfinite(want)]
    np.testing.assert_array_equal(line.get_ydata(), want)
    ends = {
        "epochs": STOPPED.n_iter_,
        "updates": STOPPED.t_,
        "seconds": STOPPED.history_["seconds"].sum(),
    }
    assert line.get_xdata()[-1] == pytest.approx(ends[x])
    assert np.all(np.diff(line.get_xdata()) > 0)
    assert display.ax_.get_yscale() == ("log" if y in ("gap", "rate") else "linear")
    assert ("(s)" in display.ax_.get_xlabel()) == (x == "seconds")
    assert display.ax_.get_ylabel()
    assert display.figure_ is display.ax_.figure


def test_a_curve_has_the_epochs_where_f_was_evaluated():
    many = np.tile(X, (800, 1))  # more than 2 MiB: evaluated at 1, 2, 4, 8, ...
    model = fit(SGDRidge, many, np.tile(Y, 800), optimizer="sgd", learning_rate=1e-3)
    seen = np.isfinite(model.history_["objective"])
    assert not seen.all()
    (line,) = TrainingCurveDisplay.from_estimator(model).lines_
    np.testing.assert_array_equal(line.get_xdata(), np.flatnonzero(seen) + 1)
    np.testing.assert_array_equal(line.get_ydata(), model.history_["objective"][seen])


def test_a_curve_of_one_point_can_be_seen():
    model = SGDRidge(random_state=0).fit(X, Y)  # "auto": one epoch
    (line,) = TrainingCurveDisplay.from_estimator(model).lines_
    assert np.isfinite(line.get_ydata()).sum() == 1
    assert line.get_marker() == "."


def test_runs_share_an_axis_and_are_told_apart():
    names = [f"run {k}" for k in range(7)]
    axes = pyplot.figure().subplots()
    display = TrainingCurveDisplay.from_estimators(dict.fromkeys(names, RIDGE), ax=axes)
    assert display.ax_ is axes
    assert len({line.get_color() for line in display.lines_}) == 7
    assert len({line.get_linestyle() for line in display.lines_}) == 4
    assert [text.get_text() for text in axes.get_legend().get_texts()] == names
    more = TrainingCurveDisplay.from_estimator(STOPPED, name="more", ax=axes, lw=3)
    assert len(axes.lines) == 8
    assert more.lines_[0].get_linewidth() == 3
    assert display.plot().ax_ is not axes  # and again, elsewhere


def test_what_cannot_be_drawn_is_an_error():
    with pytest.raises(NotFittedError):
        TrainingCurveDisplay.from_estimator(SGDRidge())
    for given in ({"x": "hours"}, {"y": "seconds"}):
        with pytest.raises(ValueError, match=str(*given.values())):
            TrainingCurveDisplay.from_estimator(RIDGE, **given)
    with pytest.raises(ValueError, match=r"no score.*X_val"):
        TrainingCurveDisplay.from_estimator(RIDGE, y="score")
    wide = np.random.default_rng(0).normal(size=(20, 600))
    unbounded = SGDLinearRegressor(random_state=0).partial_fit(wide, wide[:, 0])
    unbounded.partial_fit(-wide, wide[:, 1])  # there is no bound of a stream
    assert not np.isfinite(unbounded.history_["gap"]).any()
    with pytest.raises(ValueError, match=r"no gap.*certificate_"):
        TrainingCurveDisplay.from_estimator(unbounded, y="gap")
    with pytest.raises(TypeError, match=r"estimators must be a mapping.*SGDRidge"):
        TrainingCurveDisplay.from_estimators([RIDGE])
    with pytest.raises(ValueError, match=r"estimators must hold one"):
        TrainingCurveDisplay.from_estimators({})


# Schedules


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_drawn(name):
    schedule = SCHEDULES[name]()
    if name == "bottou":
        schedule = schedule.bind(0.1, 0.1)
    history = {"loss": [4.0, 3.0, 3.0, 3.0, 2.0, 2.0, 2.0, 2.0]}
    display = ScheduleDisplay.from_schedule(schedule, n=9, history=history)
    np.testing.assert_array_equal(display.line_.get_xdata(), np.arange(9))
    np.testing.assert_array_equal(
        display.line_.get_ydata(), schedule(np.arange(9), history)
    )
    assert display.ax_.get_xlabel() == ("epochs" if schedule.per == "epoch" else "updates")
    assert display.ax_.get_ylabel() == "rate / initial rate"
    again = ScheduleDisplay.from_schedule(schedule, n=9, history=history, ax=display.ax_)
    assert again.ax_ is display.ax_
    assert again.line_.get_color() != display.line_.get_color()


def test_a_function_and_a_rate():
    display = ScheduleDisplay.from_schedule(
        lambda t: 1 / (1 + t), n=5, learning_rate=0.2, name="mine"
    )
    np.testing.assert_allclose(display.line_.get_ydata(), 0.2 / (1 + np.arange(5)))
    assert display.ax_.get_ylabel() == "rate"
    assert display.line_.get_label() == "mine"


# Searches

RATES, MOMENTA = [0.2, 0.01, 0.05], [0.0, 0.5]


def search(grid, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GridSearchCV(SGDRidge(**SHORT), grid, cv=3, **given).fit(X, Y)


def test_a_search_is_a_map_of_its_scores():
    found = search({"learning_rate": RATES, "momentum": MOMENTA})
    display = SearchDisplay.from_search(found)
    assert display.rows == sorted(RATES)
    assert display.columns == MOMENTA
    results = found.cv_results_
    for rate, beta, score in zip(
        results["param_learning_rate"],
        results["param_momentum"],
        results["mean_test_score"],
        strict=True,
    ):
        i, j = display.rows.index(rate), display.columns.index(beta)
        assert display.im_.get_array()[i, j] == score
        assert display.text_[i, j].get_text() == f"{score:.3g}"
        best = {"learning_rate": rate, "momentum": beta} == found.best_params_
        assert (display.text_[i, j].get_bbox_patch() is not None) == best
    assert display.ax_.get_xlabel() == "momentum"
    assert display.ax_.get_ylabel() == "learning_rate"
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == ["0", "0.5"]
    assert display.colorbar_.ax.get_ylabel() == "mean test score"


def test_losses_are_shown_with_their_sign():
    grid = {"learning_rate": RATES, "momentum": MOMENTA}
    found = search(grid, scoring="neg_mean_squared_error")
    display = SearchDisplay.from_search(found, negate_score=True, score_name="MSE")
    assert np.all(display.scores > 0)
    i, j = np.unravel_index(display.scores.argmin(), display.scores.shape)
    assert display.text_[i, j].get_bbox_patch() is not None
    assert -found.best_score_ == display.scores[i, j]
    assert display.colorbar_.ax.get_ylabel() == "MSE"


def test_the_best_over_the_other_parameters():
    optimizers = [SGD(), Adam()]
    grid = {"learning_rate": RATES, "optimizer": optimizers, "alpha": [0.1, 1e4]}
    found = search(grid)
    with pytest.raises(ValueError, match="two of"):
        SearchDisplay.from_search(found)
    display = SearchDisplay.from_search(found, params=("optimizer", "learning_rate"))
    assert list(map(repr, display.rows)) == list(map(repr, optimizers))
    assert np.nanmax(display.scores) == found.best_score_
    scores = found.cv_results_["mean_test_score"]
    assert np.isin(display.scores, scores).all()


def test_candidates_that_were_not_tried_are_left_blank():
    grid = {"C": [0.01, 1.0, 100.0], "tol": [1e-1, 1e-2, 1e-3]}
    found = RandomizedSearchCV(SGDLogistic(random_state=0), grid, n_iter=4, random_state=0)
    data = load_breast_cancer(return_X_y=True)
    display = SearchDisplay.from_search(found.fit(*data), values_format=".2f")
    assert np.isfinite(display.scores).sum() == 4
    assert sum(text is not None for text in display.text_.flat) == 4


def test_matplotlib_is_imported_for_a_picture_only():
    code = (
        "import sys, sgd_estimators.schedules, sgd_estimators.display;"
        "sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_matplotlib_an_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        ScheduleDisplay.from_schedule("cosine")
