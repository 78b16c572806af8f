"""The tables of the migration page: no parameter is missing, and each one is true."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn import linear_model
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import scale

from sgd_estimators import SGDLogistic, SGDRidge, schedules
from sgd_estimators.penalties import convert

PAGE = Path(__file__).parents[1] / "docs" / "migration.rst"
SECTIONS = {
    "SGDRegressor and SGDClassifier": ("SGDRegressor", "SGDClassifier"),
    "Ridge and LinearRegression": ("Ridge", "LinearRegression"),
    "LogisticRegression": ("LogisticRegression",),
}
GONE = {"multi_class"}  # of older releases only


def rows(title):
    """Return the cells of the table under a heading: {names of theirs: text of ours}."""
    if not PAGE.is_file():
        pytest.skip("the pages of the manual are not here")
    text = PAGE.read_text().split(f"\n{title}\n{'-' * len(title)}\n")[1]
    table = re.split(r"\n\S", text.split("   * - theirs")[1])[0]
    cells = [row.partition("\n     - ") for row in table.split("\n   * - ")[1:]]
    return {tuple(re.findall(r"``(\w+)``", left)): right for left, _, right in cells}


def parameters(name):
    """Return the parameters of a class of scikit-learn, of its fit and partial_fit."""
    cls = getattr(linear_model, name)
    told = [cls, cls.fit, *([cls.partial_fit] if hasattr(cls, "partial_fit") else [])]
    return {p for one in told for p in inspect.signature(one).parameters} - {"self"}


@pytest.mark.parametrize("title", SECTIONS)
def test_every_parameter_has_its_row(title):
    told = {name for names in rows(title) for name in names}
    known = set().union(*map(parameters, SECTIONS[title]))
    assert known - told == set()
    assert told - known <= GONE | {"penalty"}  # which their next release drops


@pytest.mark.parametrize("title", SECTIONS)
def test_what_is_ours_exists(title):
    ours = SGDLogistic().get_params().keys() | SGDRidge().get_params().keys()
    for names, text in rows(title).items():
        named = re.match(r"``(\w+)``", text)
        assert named is None or named[1] in ours, names
        for name, value in re.findall(r"``(\w+)=(?:\"(\w+)\")?[^`]*``", text):
            assert name in ours or name in names, names
            if name == "schedule" and value:
                assert value in schedules.SCHEDULES


X, Y = load_diabetes(return_X_y=True)
X = scale(X)
BREAST = load_breast_cancer(return_X_y=True)
BREAST = scale(BREAST[0]), BREAST[1]
STEPS = {"optimizer": "sgd", "batch_size": 1, "preconditioner": None, "shuffle": False}
RATES = {
    "constant": ({"learning_rate": "constant"}, "constant"),
    "invscaling": ({"power_t": 0.3}, schedules.InverseScaling(0.3)),
    "averaged": ({"power_t": 0.25, "average": True}, schedules.InverseScaling(0.25)),
}


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_steps_of_sgd_regressor(rate, fit_intercept):
    given, schedule = RATES[rate]
    own = {"fit_intercept": fit_intercept, "average": given.get("average", False)}
    theirs = linear_model.SGDRegressor(alpha=0.01, eta0=0.002, shuffle=False, **given | own)
    alpha = convert(0.01, "SGDRegressor.alpha", "Ridge.alpha", n_samples=len(Y))
    ours = SGDRidge(alpha, learning_rate=0.002, schedule=schedule, **STEPS, **own)
    ours.coef_, ours.intercept_ = np.linspace(-5, 5, 10), 100.0 * fit_intercept
    start = {"coef_init": ours.coef_.copy(), "intercept_init": ours.intercept_}
    theirs.set_params(max_iter=20, tol=None).fit(X, Y, **start)
    for _ in range(20):
        ours.partial_fit(X, Y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-9)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_[0], rtol=1e-9)


@pytest.mark.parametrize("alpha", [1e-3, 1e-2])
@pytest.mark.parametrize("class_weight", [None, {0: 2.0, 1: 0.5}])
def test_the_steps_of_sgd_classifier(alpha, class_weight):
    data, label = BREAST
    theirs = linear_model.SGDClassifier(
        loss="log_loss", alpha=alpha, shuffle=False, class_weight=class_weight
    )
    total = len(label) if class_weight is None else sum(map(class_weight.get, label))
    sizes = {"n_samples": len(label), "total_weight": total}
    C = convert(alpha, "SGDClassifier.alpha", "LogisticRegression.C", **sizes)
    ours = SGDLogistic(C, class_weight=class_weight, **STEPS)
    # Their gradient of a row is the loss's times its weight, ours that over S / n.
    rate = alpha**-0.25
    schedule = schedules.Bottou(learning_rate=rate, penalty=alpha)
    ours.set_params(learning_rate=rate * total / len(label), schedule=schedule)
    ours.coef_, ours.intercept_ = np.zeros((1, 30)), np.zeros(1)
    for _ in range(20):
        theirs.partial_fit(data, label, classes=[0, 1])
        ours.partial_fit(data, label, classes=[0, 1])
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-8)


def test_one_against_the_rest_is_theirs():
    label = np.digitize(Y, [100, 200])
    ours = OneVsRestClassifier(SGDLogistic(0.1, tol=1e-10)).fit(X, label)
    exact = linear_model.LogisticRegression(C=0.1, tol=1e-10, solver="newton-cg")
    theirs = OneVsRestClassifier(exact).fit(X, label)
    for one, other in zip(ours.estimators_, theirs.estimators_, strict=True):
        np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-3, atol=1e-4)
