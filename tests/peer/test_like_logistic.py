"""What scikit-learn's tests of LogisticRegression ask, asked of SGDLogistic."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_iris, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_sample_weight

from sgd_estimators import SGDLogistic

IRIS, TARGET = load_iris(return_X_y=True)
X, Y = make_classification(
    n_samples=150, n_features=8, n_informative=5, n_classes=3, random_state=0
)


def ours(**given):
    return SGDLogistic(**{"tol": 1e-10, "random_state": 0} | given)


def theirs(**given):
    return LogisticRegression(tol=1e-10, max_iter=10_000, **given)


@pytest.mark.parametrize("labels", [[0, 1], [-1, 1], ["no", "yes"], [False, True]])
def test_two_classes_of_any_kind(labels):
    a = np.array([[-1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    y = np.array([labels[0], labels[1], labels[1]])
    for data in (a, sp.csr_array(a)):
        model = SGDLogistic(C=100).fit(data, y)
        np.testing.assert_array_equal(model.predict(data), y)
        assert list(model.classes_) == labels
        assert model.coef_.shape == (1, 2)
        p = model.predict_proba(data)
        np.testing.assert_array_equal(model.classes_[p.argmax(axis=1)], y)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_optimum_is_that_of_lbfgs(classes, C, fit_intercept):
    y = np.minimum(Y, classes - 1)
    model = ours(C=C, fit_intercept=fit_intercept).fit(X, y)
    peer = theirs(C=C, fit_intercept=fit_intercept).fit(X, y)
    np.testing.assert_allclose(model.coef_, peer.coef_, atol=1e-3)
    np.testing.assert_allclose(model.predict_proba(X), peer.predict_proba(X), atol=1e-3)


def test_names_of_classes_sort_as_numpy_sorts_them():
    names = np.array(["setosa", "versicolor", "virginica"])[TARGET]
    model = SGDLogistic().fit(IRIS, names)
    assert list(model.classes_) == ["setosa", "versicolor", "virginica"]
    numbers = SGDLogistic().fit(IRIS, TARGET)
    np.testing.assert_array_equal(model.coef_, numbers.coef_)
    assert model.score(IRIS, names) > 0.95


def test_softmax_is_one_model_of_all_classes():
    model = ours().fit(IRIS, TARGET)
    np.testing.assert_allclose(model.coef_.sum(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(model.intercept_.sum(), 0, atol=1e-6)
    Z = model.decision_function(IRIS)
    p = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(IRIS), p)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 5.0, 2: 0.5}])
def test_class_weights_are_sample_weights(class_weight):
    by_class = ours(class_weight=class_weight).fit(X, Y)
    each = compute_sample_weight(class_weight, Y)
    by_row = ours().fit(X, Y, sample_weight=each)
    np.testing.assert_allclose(by_class.coef_, by_row.coef_, rtol=1e-6)
    both = ours(class_weight=class_weight).fit(X, Y, sample_weight=np.full(150, 2.0))
    twice = ours().fit(X, Y, sample_weight=2 * each)
    np.testing.assert_allclose(both.coef_, twice.coef_, rtol=1e-6)


def test_weights_are_repetition_and_are_left_alone():
    weight = np.random.default_rng(0).integers(0, 3, 150).astype(float)
    before = weight.copy()
    model = ours().fit(X, Y, sample_weight=weight)
    np.testing.assert_array_equal(weight, before)
    rows = np.repeat(np.arange(150), weight.astype(int))
    again = ours().fit(X[rows], Y[rows])
    np.testing.assert_allclose(model.coef_, again.coef_, atol=1e-6)


@pytest.mark.parametrize("wide", [np.int32, np.int64])
def test_indices_of_64_bits(wide):
    data = sp.csr_array(X)
    data.indices, data.indptr = data.indices.astype(wide), data.indptr.astype(wide)
    model = SGDLogistic().fit(data, Y)
    np.testing.assert_allclose(model.coef_, SGDLogistic().fit(X, Y).coef_, atol=1e-4)


def test_without_a_penalty_there_is_no_warning():
    model = ours(C=np.inf).fit(X, (Y == 0).astype(int))
    peer = theirs(C=np.inf).fit(X, (Y == 0).astype(int))
    # Some columns depend on others: the coefficients are not unique.
    np.testing.assert_allclose(model.predict_proba(X), peer.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_warm_start_at_the_optimum_has_nothing_to_do(fit_intercept):
    model = SGDLogistic(warm_start=True, fit_intercept=fit_intercept).fit(X, Y)
    before = model.coef_.copy()
    model.fit(X, Y)
    assert model.n_iter_ <= 2
    np.testing.assert_allclose(model.coef_, before, atol=1e-3)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("C", 0.0),
        ("C", -1.0),
        ("C", "a"),
        ("tol", -1.0),
        ("max_iter", 0),
        ("max_iter", "a"),
    ],
)
def test_bad_parameters_are_errors_that_name_them(parameter, value):
    with pytest.raises((ValueError, TypeError), match=parameter):
        SGDLogistic(**{parameter: value}).fit(X, Y)


def test_the_scale_of_large_values_does_not_matter():
    big = X * [1e10, 1, 1e-10, 1, 1e5, 1, 1, 1e-5]
    model = SGDLogistic(C=np.inf).fit(big, (Y == 0).astype(int))
    plain = SGDLogistic(C=np.inf).fit(X, (Y == 0).astype(int))
    np.testing.assert_allclose(model.predict_proba(big), plain.predict_proba(X), atol=1e-3)
