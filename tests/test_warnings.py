"""What a run that did not end well says: the reason, a remedy that fits, and once."""

import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from sgd_estimators import DivergenceWarning, SGDLogistic, SGDRidge
from sgd_estimators.schedules import Cosine, Exponential, Linear

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4)) + np.array([0, 5, 0, 0])
Y = X @ [1.0, -1, 2, 0] + rng.normal(size=200)
LABEL = (Y > np.median(Y)).astype(int)

SLOW = {"learning_rate": 1e-6, "max_iter": 8}
LONG = {"n_iter_no_change": 1000, "max_iter": 50, "batch_size": 1}
NOISY = {"learning_rate": 0.05, **LONG}
LOW = {"learning_rate": 1e-3, "max_iter": 40, "n_iter_no_change": 1000, "tol": 1e-14}

# Settings, what is said of them, and what is not.
TOLD = {
    "slow": (SLOW, "slowly.*tol.*learning_rate='auto'", "noise|optimizer='auto'"),
    "slow, momentum": ({**SLOW, "momentum": 0.9}, "slowly", "momentum|noise"),
    "slow, named": ({**SLOW, "optimizer": "adam"}, "slowly.*optimizer='auto'", "noise"),
    "slow, full": ({**SLOW, "batch_size": "full"}, "slowly", "noise|batch_size"),
    "full, as a number": ({**SLOW, "batch_size": 200}, "slowly", "noise|batch_size"),
    "slow, automatic": (
        {"optimizer": "adam", "max_iter": 2},
        "slowly.*optimizer='auto'",
        "learning_rate='auto'|schedule",
    ),
    "noisy": (
        {**NOISY, "schedule": "constant"},
        "noise floor.*schedule='auto'.*smaller learning_rate.*batch_size",
        "slowly|optimizer='auto'",
    ),
    "noisy, full": (
        {**NOISY, "schedule": "constant", "batch_size": "full", "tol": 1e-30},
        "slowly",
        "noise|batch_size",
    ),
    "corrected": ({**SLOW, "optimizer": "saga"}, "slowly.*optimizer='auto'", "noise"),
    "noisy, rated": (
        {**LONG, "learning_rate": "dog"},
        "noise floor.*a schedule that decays",
        "schedule='auto'|smaller learning_rate|learning_rate='auto'",
    ),
    "a horizon that is over": (
        {**LOW, "schedule": Linear(horizon=100, end=0.5)},
        "schedule has let the rate fall.*schedule='auto'",
        "noise|slowly",
    ),
    "far below the first": (
        {**LOW, "schedule": Exponential(0.2, per="epoch")},
        "schedule has let the rate fall",
        "noise|slowly",
    ),
    "all of it in an epoch": (
        {**LOW, "schedule": Cosine(horizon=5), "batch_size": 1},
        "schedule has let the rate fall",
        "noise|slowly",
    ),
    "a horizon that is not over": (
        {**LOW, "schedule": Linear(horizon=1e6)},
        "slowly",
        "noise|has let",
    ),
    "exact": (
        {"optimizer": "sdca", "max_iter": 2, "tol": 1e-12},
        "max_iter, tol or the penalty.*optimizer='auto'",
        "noise|rate;|schedule",
    ),
}


def caught_from(model, y=Y):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    return caught


@pytest.mark.parametrize("what", TOLD)
def test_the_remedy_fits_the_run(what):
    given, said, unsaid = TOLD[what]
    model = SGDRidge(random_state=0, **given)
    (told,) = caught_from(model)
    assert model.stop_reason_ == "max_iter"
    text = str(told.message)
    assert text.startswith("Stopped by max_iter before tol was certified")
    assert re.search(said, text)
    assert not re.search(unsaid, text)
    for name in ("gap_", "objective_", "n_iter_", "learning_rate_"):
        assert name in text
    assert not re.search(r"\d", text)


def test_the_remedy_of_a_divergence_fits_the_run():
    high = {"max_iter": 20, "random_state": 0}
    (number,) = caught_from(SGDRidge(learning_rate=1e6, **high))
    assert re.search("smaller learning_rate, or learning_rate='auto'", str(number.message))
    rated = {"learning_rate": lambda f, batch, x, g, loss: 1e3, **high}
    (rate,) = caught_from(SGDRidge(**rated))
    assert "a schedule that decays, or learning_rate='auto'" in str(rate.message)
    (more,) = caught_from(SGDRidge(schedule="inversetime", **rated))
    assert "decays faster" in str(more.message)
    for told in (number, rate, more):
        assert told.category is DivergenceWarning
        assert not re.search(r"\d", str(told.message))


def test_the_certified_solver_says_the_same_of_other_numbers():
    wide = rng.normal(size=(60, 300))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for C in (1e2, 1e3, 1e4):
            SGDLogistic(C, max_iter=1, tol=1e-9).fit(wide, LABEL[:60])
    (text,) = {str(w.message) for w in caught}
    assert len(caught) == 3
    assert re.search("^Stopped by max_iter before tol was certified.*gap_", text)
    assert not re.search(r"\d", text)


GRID = {"learning_rate": [1e-6, 1e-5, 1e-4, 1e6], "momentum": [0.0, 0.5, 0.9]}


def test_a_search_says_each_reason_once():
    model = SGDRidge(max_iter=6, batch_size=8, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        search = GridSearchCV(model, GRID, cv=3).fit(X, Y)  # 37 fits
    assert len(search.cv_results_["params"]) == 12
    told = [w for w in caught if issubclass(w.category, ConvergenceWarning)]
    kinds = sorted(w.category.__name__ for w in told)
    assert kinds == ["ConvergenceWarning", "DivergenceWarning"]
    assert {w.filename for w in told} == {__file__}  # the user's line
    with warnings.catch_warnings(record=True) as always:
        warnings.simplefilter("always")
        GridSearchCV(model, GRID, cv=3).fit(X, Y)
    assert len(always) == 37
    search = GridSearchCV(model, GRID, error_score="raise")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning):
            search.fit(X, Y)


def test_a_script_says_each_reason_once(tmp_path):
    script = tmp_path / "search.py"
    script.write_text(
        "import numpy as np\n"
        "from sklearn.model_selection import GridSearchCV\n"
        "from sgd_estimators import SGDRidge\n"
        "X = np.random.default_rng(0).normal(size=(90, 3))\n"
        f"grid = {GRID!r}\n"
        "for _ in range(2):\n"
        "    GridSearchCV(SGDRidge(max_iter=6, batch_size=8), grid, cv=3).fit(X, X[:, 0])\n"
        "GridSearchCV(SGDRidge(max_iter=6, batch_size=8), grid, cv=3).fit(X, X[:, 0])\n"
    )
    run = [sys.executable, "-W", "default", str(script)]
    said = subprocess.run(run, capture_output=True, text=True, check=True).stderr
    for line in (7, 8):
        for kind in ("ConvergenceWarning", "DivergenceWarning"):
            assert said.count(f"search.py:{line}: {kind}") == 1
