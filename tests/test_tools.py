"""scikit-learn's tools around an estimator: ours gives what its drop-in gives."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import (
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import RFE, SelectFromModel, SequentialFeatureSelector
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import HalvingGridSearchCV, cross_val_predict, learning_curve
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import scale

from sgd_estimators import SGDLogistic, SGDRidge

X, Y = load_diabetes(return_X_y=True)
X = scale(X)
W, CLASS = load_wine(return_X_y=True)
W = scale(W)
NAMES = np.array(["ash", "elm", "oak"])[CLASS]
TEXTS = [" ".join("abcdefgh"[k] for k in row) for row in np.digitize(W, [-1, 0, 1])]

REGRESSION = {
    "cross_val_predict": lambda m: cross_val_predict(m, X, Y),
    "stacking": lambda m: StackingRegressor([("m", m)], m).fit(X, Y).predict(X),
    "bagging": lambda m: BaggingRegressor(m, random_state=0).fit(X, Y).predict(X),
    "targets": lambda m: MultiOutputRegressor(m).fit(X, np.c_[Y, -Y]).predict(X),
    "log": lambda m: (
        TransformedTargetRegressor(m, func=np.log, inverse_func=np.exp).fit(X, Y).predict(X)
    ),
    "rfe": lambda m: RFE(m).fit(X, Y).ranking_,
    "select": lambda m: SelectFromModel(m).fit(X, Y).get_support(),
    "one by one": lambda m: (
        SequentialFeatureSelector(m, n_features_to_select=3).fit(X, Y).get_support()
    ),
    "permutations": lambda m: (
        permutation_importance(m.fit(X, Y), X, Y, random_state=0).importances
    ),
    "learning curve": lambda m: learning_curve(m, X, Y)[2],
    "halving": lambda m: (
        HalvingGridSearchCV(m, {"alpha": [1, 30, 1000]}, random_state=0)
        .fit(X, Y)
        .cv_results_["mean_test_score"]
    ),
}
CLASSES = {
    "cross_val_predict": lambda m: cross_val_predict(m, W, NAMES, method="predict_proba"),
    "stacking": lambda m: StackingClassifier([("m", m)], m).fit(W, NAMES).predict_proba(W),
    "voting": lambda m: (
        VotingClassifier([("m", m)], voting="soft").fit(W, NAMES).predict_proba(W)
    ),
    "calibration": lambda m: CalibratedClassifierCV(m).fit(W, NAMES).predict_proba(W),
    "one against the rest": lambda m: (
        OneVsRestClassifier(m).fit(W, NAMES).decision_function(W)
    ),
    "one against one": lambda m: OneVsOneClassifier(m).fit(W, NAMES).predict(W),
    "chain": lambda m: (
        ClassifierChain(m).fit(W, np.c_[CLASS > 0, CLASS > 1]).predict_proba(W)
    ),
    "texts": lambda m: (
        make_pipeline(
            make_union(
                TfidfVectorizer(token_pattern=r"\w"), CountVectorizer(token_pattern=r"\w")
            ),
            m,
        )
        .fit(TEXTS, NAMES)
        .predict_proba(TEXTS)
    ),
}


def assert_same(ours, theirs):
    if np.asarray(theirs).dtype.kind == "f":
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
    else:
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("tool", REGRESSION)
def test_tools_of_regression(tool):
    use = REGRESSION[tool]
    assert_same(use(SGDRidge(10.0, tol=1e-10)), use(Ridge(10.0)))


@pytest.mark.parametrize("tool", CLASSES)
def test_tools_of_classification(tool):
    use = CLASSES[tool]
    theirs = LogisticRegression(C=0.1, tol=1e-8, max_iter=1000)
    assert_same(use(SGDLogistic(0.1, tol=1e-10)), use(theirs))
