"""Weights of classes: keys that a split lacks, and classes whose rows all weigh zero."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TimeSeriesSplit, cross_val_score

from newton import newton
from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge, optimality_gap

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 3)) + np.array([0.0, 2.0, 0.0])
LATENT = X[:, 0] + 0.7 * rng.normal(size=200)
TWO = (LATENT > 0).astype(int)
THREE = np.digitize(LATENT, [-0.5, 0.5])
FOUR = np.digitize(LATENT, [-0.7, 0.0, 0.7])

# Ways to a model, and how far above the infimum it may be, of what f can fall.
WAYS = {
    "auto": ({}, 1e-6),
    "full": ({"batch_size": "full", "momentum": 0.5}, 1e-6),
    "sgd": ({"optimizer": "sgd"}, 1e-2),
    "adam": ({"optimizer": "adam"}, 1e-2),
    "adagrad": ({"optimizer": "adagrad"}, 1e-2),
    "lion": ({"optimizer": "lion"}, 1e-2),
    "saga": ({"optimizer": "saga"}, 1e-6),
    "svrg": ({"optimizer": "svrg"}, 1e-6),
    "plain": ({"preconditioner": None}, 1e-2),
    "hessian": ({"preconditioner": "hessian"}, 1e-2),
}
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# Keys that are no class


@pytest.mark.parametrize(
    ("y", "class_weight", "known"),
    [
        (TWO, {0: 1, 1: 3, 2: 5}, {1: 3}),
        (TWO, {2: 5}, None),
        (TWO, {1: 3, -1: 2, 2.5: 7}, {1: 3}),
        (TWO.astype(bool), {True: 3, 2: 5}, {True: 3}),
        (np.array(["no", "yes"])[TWO], {"yes": 3, "maybe": 2}, {"yes": 3}),
        (np.array(["no", "yes"], object)[TWO], {"yes": 3, "maybe": 2}, {"yes": 3}),
    ],
)
def test_a_key_that_this_y_has_not_is_left_out(y, class_weight, known):
    model = SGDLogistic(class_weight=class_weight).fit(X, y)  # a warning is an error
    same = SGDLogistic(class_weight=known).fit(X, y)
    np.testing.assert_array_equal(model.coef_, same.coef_)
    assert model.objective_ == same.objective_


def test_a_class_that_comes_late_takes_no_split_from_a_search():
    late = np.where(np.arange(200) < 150, TWO, THREE)
    model = SGDLogistic(class_weight={0: 1.0, 1: 1.0, 2: 5.0})
    scores = cross_val_score(model, X, late, cv=TimeSeriesSplit(4), error_score="raise")
    peer = LogisticRegression(class_weight=model.class_weight, tol=1e-10)
    np.testing.assert_allclose(
        scores, cross_val_score(peer, X, late, cv=TimeSeriesSplit(4)), atol=1 / 40
    )


@pytest.mark.parametrize(
    ("y", "class_weight", "key"),
    [
        (TWO, {"1": 3.0, 0: 1.0}, "'1'"),
        (np.array(["no", "yes"])[TWO], {1: 3.0}, "1"),
        (TWO.astype(float), {"yes": 3.0}, "'yes'"),
    ],
)
def test_text_among_numbers_and_numbers_among_text_are_told(y, class_weight, key):
    with pytest.warns(UserWarning, match=rf"class_weight has keys .*\[{key}\]") as caught:
        model = SGDLogistic(class_weight=class_weight).fit(X, y)
    assert [w.filename for w in caught] == [__file__]
    np.testing.assert_array_equal(model.coef_, SGDLogistic().fit(X, y).coef_)


def test_a_stream_tells_a_key_that_is_none_of_its_classes():
    model = SGDLogistic(class_weight={1: 3.0, 2: 5.0}, random_state=0)
    with pytest.warns(UserWarning, match=r"class_weight has keys .*\[2\]"):
        model.partial_fit(X, TWO, classes=[0, 1])
    same = SGDLogistic(class_weight={1: 3.0}, random_state=0)
    same.partial_fit(X, TWO, classes=[0, 1])
    np.testing.assert_array_equal(model.coef_, same.coef_)
    later = SGDLogistic(class_weight={2: 5.0}, random_state=0)
    later.partial_fit(X, TWO, classes=[0, 1, 2])  # it may yet come: no warning


# Classes whose rows all weigh zero


def infimum(y, lost, C):
    """Return f's infimum: that of the other classes, as the lost one's b goes to -inf.

    Softmax of two classes is a logistic function of twice the penalty's room.
    """
    there = y != lost
    several = len(np.unique(y[there])) > 2
    return newton(X[there], y[there], 1 / ((1 if several else 2) * C * there.sum()))


@quiet
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("y", "lost"), [(THREE, 1), (THREE, 0), (FOUR, 2)])
def test_a_class_without_weight_keeps_its_place(y, lost, way):
    given, far = WAYS[way]
    best = infimum(y, lost, 0.5)
    weight = np.where(y == lost, 0.0, 1.0)
    model = SGDLogistic(0.5, random_state=0, **given).fit(X, y, weight)
    K = len(np.unique(y))
    np.testing.assert_array_equal(model.classes_, np.arange(K))
    assert model.coef_.shape == (K, 3)
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.intercept_).all()
    share = model.predict_proba(X)
    assert share.shape == (200, K)
    assert share[:, lost].max() < 1e-12
    assert lost not in model.predict(X)
    above = model.objective_ - best.best
    assert -1e-13 < above <= far * (best.start - best.best)
    assert above <= model.gap_ + 1e-13
    if far <= 1e-6:
        assert model.converged_
        assert model.certificate_ in ("fenchel", "subset")
    by_class = SGDLogistic(0.5, class_weight={lost: 0}, random_state=0, **given)
    np.testing.assert_array_equal(by_class.fit(X, y).coef_, model.coef_)


@pytest.mark.parametrize(("y", "lost"), [(THREE, 1), (FOUR, 0)])
@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array], ids=["dense", "csr"])
def test_the_other_probabilities_are_the_drop_ins(y, lost, storage):
    weight = np.where(y == lost, 0.0, 1.0 + X[:, 2] ** 2)
    model = SGDLogistic().fit(storage(X), y, weight)
    peer = LogisticRegression(solver="newton-cg", tol=1e-10, max_iter=1000)
    peer.fit(X, y, weight)
    np.testing.assert_array_equal(model.classes_, peer.classes_)
    np.testing.assert_allclose(
        model.predict_proba(storage(X)), peer.predict_proba(X), rtol=0, atol=1e-5
    )
    bound = optimality_gap(peer, X, y, sample_weight=weight)
    assert bound.certificate == "fenchel"
    assert bound.objective - model.objective_ <= bound.gap + 1e-13


@pytest.mark.parametrize("shape", ["wide", "wide csr"])
def test_a_class_without_weight_where_no_hessian_is_held(shape):
    more = np.random.default_rng(1).normal(size=(200, 400))
    data = np.hstack([X, more * (rng.random(more.shape) < 0.1)])
    data = sp.csr_array(data) if shape == "wide csr" else data
    there = THREE != 1
    model = SGDLogistic().fit(data, THREE, there.astype(float))
    assert model.converged_
    two = SGDLogistic(2.0).fit(data[there], THREE[there])
    np.testing.assert_allclose(model.objective_, two.objective_, rtol=1e-4)


@pytest.mark.parametrize(
    "way", [{}, {"optimizer": "sgd"}, {"optimizer": "adam"}, {"optimizer": "sdca"}], ids=str
)
@pytest.mark.parametrize("one", [0, 1])
@pytest.mark.parametrize("data", [X, sp.csr_array(X)], ids=["dense", "csr"])
def test_one_class_with_weight_is_predicted(data, one, way):
    model = SGDLogistic(random_state=0, **way).fit(data, TWO, TWO == one)
    assert model.converged_
    assert model.objective_ < 1e-13  # the infimum is 0, of an intercept without bound
    assert model.objective_ <= model.gap_ + 1e-15
    np.testing.assert_array_equal(model.classes_, [0, 1])
    assert np.isfinite(model.intercept_).all()
    assert np.all(model.predict(data) == one)
    assert model.predict_proba(data).shape == (200, 2)


def test_one_of_three_classes_with_weight_is_predicted():
    model = SGDLogistic().fit(X, THREE, THREE == 1)
    assert model.converged_
    assert np.all(model.predict(X) == 1)
    assert model.predict_proba(X).shape == (200, 3)


def test_balanced_classes_leave_out_one_without_weight():
    weight = np.where(THREE == 1, 0.0, 1.0)
    model = SGDLogistic(class_weight="balanced").fit(X, THREE, weight)
    assert model.converged_
    counts = np.bincount(THREE, weight)
    own = weight * counts.sum() / (2 * np.maximum(counts, 1))[THREE]
    same = SGDLogistic().fit(X, THREE, own)
    np.testing.assert_allclose(model.coef_, same.coef_, rtol=1e-6, atol=1e-12)


@quiet
@pytest.mark.parametrize("optimizer", ["auto", "sgd", "saga"])
def test_without_an_intercept_such_a_class_has_an_optimum(optimizer):
    weight = np.where(THREE == 1, 0.0, 1.0)
    model = SGDLogistic(optimizer=optimizer, fit_intercept=False, random_state=0)
    model.fit(X, THREE, weight)
    peer = LogisticRegression(
        fit_intercept=False, solver="newton-cg", tol=1e-10, max_iter=1000
    ).fit(X, THREE, weight)
    best = optimality_gap(peer, X, THREE, sample_weight=weight).objective
    assert best - 1e-12 <= model.objective_ <= best + 1e-2 * (np.log(3) - best)


def test_an_unpenalised_fit_with_such_a_class_stays_finite():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = SGDLogistic(np.inf).fit(X, THREE, THREE != 1)
    best = newton(X[THREE != 1], THREE[THREE != 1], 0.0)
    assert np.isfinite(model.coef_).all()
    assert best.best - 1e-12 <= model.objective_
    assert best.excess(model.objective_) <= 1e-6
    assert model.objective_ - best.best <= model.gap_


@quiet
@pytest.mark.parametrize("given", [{}, {"optimizer": "saga"}], ids=str)
def test_a_warm_start_takes_a_class_out_and_back(given):
    model = SGDLogistic(warm_start=True, random_state=0, **given)
    whole = SGDLogistic().fit(X, THREE)
    weight = (THREE != 1).astype(float)
    for _ in range(2):
        model.fit(X, THREE, weight)
        np.testing.assert_array_equal(model.classes_, [0, 1, 2])
        best = infimum(THREE, 1, 1.0)
        assert -1e-13 < model.objective_ - best.best <= 0.01 * (best.start - best.best)
        model.fit(X, THREE)
        assert model.objective_ - whole.objective_ <= 1e-5


@quiet
def test_early_stopping_and_validation_know_such_a_class():
    weight = (THREE != 1).astype(float)
    held = SGDLogistic(early_stopping=True, random_state=0)
    held.fit(X, THREE, weight)
    assert held.predict_proba(X).shape == (200, 3)
    beside = SGDLogistic(random_state=0).fit(X, THREE, weight, X_val=X, y_val=THREE)
    np.testing.assert_allclose(beside.history_["score"][-1], beside.score(X, THREE))


@quiet
def test_a_stream_without_weight_of_a_class_learns_it_later():
    model = SGDLogistic(random_state=0)
    weight = (THREE != 1).astype(float)
    for part in (np.s_[:50], np.s_[50:100]):
        model.partial_fit(X[part], THREE[part], [0, 1, 2], weight[part])
    assert np.isfinite(model.intercept_).all()
    for _ in range(20):
        model.partial_fit(X, THREE)
    assert model.score(X, THREE) > SGDLogistic().fit(X, THREE).score(X, THREE) - 0.1


# Rows that all weigh zero


@pytest.mark.parametrize("Model", [SGDLinearRegressor, SGDRidge, SGDLogistic])
@pytest.mark.parametrize("weight", [0, np.zeros(50)], ids=["number", "array"])
def test_a_part_of_a_stream_without_weight_changes_nothing(Model, weight):
    y = TWO if Model is SGDLogistic else LATENT
    first = {"classes": [0, 1]} if Model is SGDLogistic else {}
    parts = [np.s_[:50], np.s_[50:100], np.s_[100:]]
    model, same = Model(random_state=0), Model(random_state=0)
    model.partial_fit(X[:50], y[:50], sample_weight=weight, **first)
    with pytest.raises(NotFittedError):
        model.predict(X)
    for part in parts:  # the classes are known already
        model.partial_fit(X[part], y[part])
        same.partial_fit(X[part], y[part], **first)
        before = vars(model).copy()
        assert model.partial_fit(X[:50], y[:50], sample_weight=weight) is model
        assert vars(model) == before or all(vars(model)[k] is before[k] for k in before)
    np.testing.assert_array_equal(model.coef_, same.coef_)
    assert model.t_ == same.t_
    with pytest.raises(ValueError, match="Every sample_weight is zero"):
        clone(model).fit(X[:50], y[:50], sample_weight=weight)
    with pytest.raises(ValueError, match="NaN"):  # what is bad is told all the same
        model.partial_fit(np.full((50, 3), np.nan), y[:50], sample_weight=weight)


def test_a_part_whose_only_class_weighs_nothing_changes_nothing():
    model = SGDLogistic(class_weight={1: 0}, random_state=0)
    model.partial_fit(X[TWO == 1], TWO[TWO == 1], classes=[0, 1])
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.partial_fit(X, TWO)
    before = model.coef_.copy()
    model.partial_fit(X[TWO == 1], TWO[TWO == 1])
    np.testing.assert_array_equal(model.coef_, before)
    with pytest.raises(ValueError, match="sample_weight times class_weight is zero"):
        clone(model).fit(X, TWO, TWO == 1)
