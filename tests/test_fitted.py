"""A fitted model made smaller: without its run, with sparse coefficients."""

import pickle
from email.message import Message
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from rules import RATED
from sgd_estimators import (
    SGDLinearRegressor,
    SGDLogistic,
    SGDRidge,
    _fitted,
    optimality_gap,
)
from sgd_estimators.display import TrainingCurveDisplay

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"  # runs are cut short
)

X, DIGIT = load_digits(return_X_y=True)  # some columns are 0 throughout
Y = X @ np.cos(np.arange(64)) + DIGIT
MODELS = {
    "least squares": (SGDLinearRegressor(), Y),
    "ridge": (SGDRidge(), Y),
    "two targets": (SGDRidge(), np.column_stack([Y, DIGIT])),
    "one column": (SGDRidge(fit_intercept=False), Y[:, None]),
    "logistic": (SGDLogistic(0.01), DIGIT > 4),
    "softmax": (SGDLogistic(0.01), np.array(list("abcdefghij"))[DIGIT]),
}
SETTINGS = {
    "auto": {"tol": 1e-3},
    "adam": {"optimizer": "adam"},
    "svrg": {"optimizer": "svrg"},
    "hessian": {"preconditioner": "hessian", "average": True},
    "rate object": {"learning_rate": "dog"},
}


def fitted(kind, setting="auto", **given):
    model, target = MODELS[kind]
    given = {"max_iter": 5, "random_state": 0} | SETTINGS[setting] | given
    return clone(model).set_params(**given).fit(X, target), target


def outputs(model, data=X):
    names = ("predict", "decision_function", "predict_proba")
    return [getattr(model, name)(data) for name in names if hasattr(model, name)]


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_compact_model_predicts_the_same_and_is_smaller(kind, setting):
    model, target = fitted(kind, setting)
    before, size = outputs(model), len(pickle.dumps(model))
    kept = {k: v for k, v in vars(model).items() if k not in ("_run", "_run_setup")}
    kept.pop("history_")
    assert model.compact() is model
    assert len(pickle.dumps(model)) < size
    assert vars(model) == kept
    for ours, theirs in zip(outputs(model), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert model.compact().to_sklearn().score(X, target) == pytest.approx(
        model.score(X, target)
    )


def test_what_a_run_holds_is_dropped():
    # Slopes of 1797 rows and 10 classes, and vectors of 650 parameters.
    model, _ = fitted("softmax", "svrg")
    assert len(pickle.dumps(model)) > 8 * 10 * 1797
    assert len(pickle.dumps(model.compact())) < 8 * 2 * 650


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
@pytest.mark.parametrize("kind", MODELS)
def test_a_compact_model_goes_on_as_one_with_these_coefficients(kind, how):
    model, target = fitted(kind, "adam", warm_start=True)
    fresh = clone(model)
    for name in ("coef_", "intercept_", "classes_"):
        if hasattr(model, name):
            setattr(fresh, name, getattr(model, name))
    for either in (model.compact(), fresh):
        for _ in range(2):
            getattr(either, how)(X, target)
    assert model.t_ == fresh.t_
    np.testing.assert_array_equal(model.coef_, fresh.coef_)
    np.testing.assert_array_equal(model.history_["loss"], fresh.history_["loss"])


def test_the_curve_of_a_compact_model_is_an_error_that_says_why():
    pytest.importorskip("matplotlib")
    model, _ = fitted("ridge")
    with pytest.raises(NotFittedError, match=r"SGDRidge has no history_.*compact\(\)"):
        TrainingCurveDisplay.from_estimator(model.compact())


@pytest.mark.parametrize("kind", MODELS)
def test_sparse_coefficients_predict_the_same(kind):
    model, target = fitted(kind)
    dense, before = model.coef_.copy(), [outputs(model, d) for d in (X, sp.csr_array(X))]
    size = len(pickle.dumps(model.compact()))
    assert model.sparsify() is model.sparsify()
    assert sp.issparse(model.coef_)
    assert model.coef_.shape == (dense.size // 64, 64)
    for data, expected in zip((X, sp.csr_array(X)), before, strict=True):
        for ours, theirs in zip(outputs(model, data), expected, strict=True):
            assert ours.shape == theirs.shape
            if theirs.dtype.kind == "f":
                np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
            else:
                np.testing.assert_array_equal(ours, theirs)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert isinstance(model.to_sklearn().coef_, np.ndarray)
    gap = optimality_gap(model, X, target).objective
    np.testing.assert_array_equal(model.densify().coef_, dense)
    assert gap == optimality_gap(model, X, target).objective
    assert len(pickle.dumps(model)) == size


@pytest.mark.parametrize("kind", MODELS)
def test_sparse_coefficients_are_gone_on_from(kind):
    one, target = fitted(kind, warm_start=True)
    other = pickle.loads(pickle.dumps(one)).sparsify()
    for model in (one, other):
        model.fit(X, target)
    assert type(other.coef_) is np.ndarray
    np.testing.assert_array_equal(one.coef_, other.coef_)


@pytest.mark.parametrize("optimizer", RATED)
def test_the_intercepts_of_softmax_sum_to_0(optimizer):
    model, target = fitted("softmax", "auto", optimizer=optimizer, warm_start=True)
    for _ in range(2):
        assert abs(model.intercept_.sum()) < 1e-12 * np.abs(model.intercept_).max()
        f = np.mean(-model.predict_log_proba(X)[np.arange(1797), DIGIT])
        f += 0.5 / (0.01 * 1797) * np.sum(model.coef_**2)
        assert model.objective_ == pytest.approx(f, rel=1e-10)
        model.fit(X, target)


@pytest.mark.parametrize("model", [SGDLinearRegressor(), SGDRidge(), SGDLogistic()])
def test_the_html_of_a_model_links_to_its_page(model, monkeypatch):
    monkeypatch.setattr(_fitted, "documentation", lambda: "https://manual.example")
    page = f"https://manual.example/generated/sgd_estimators.{type(model).__name__}.html"
    assert page in model._repr_html_()
    monkeypatch.setattr(_fitted, "documentation", lambda: "")
    assert "href=" not in model._repr_html_()


@pytest.mark.parametrize("entries", [None, ["Source, https://a.example"]])
@pytest.mark.parametrize("label", ["Documentation", "documentation"])
def test_the_address_of_the_manual_is_that_of_the_metadata(entries, label, monkeypatch):
    told = Message()
    for entry in entries or []:
        told["Project-URL"] = entry
    monkeypatch.setattr(_fitted, "metadata", lambda name: told)
    assert _fitted.documentation.__wrapped__() == ""
    told["Project-URL"] = f"{label}, https://manual.example/"
    assert _fitted.documentation.__wrapped__() == "https://manual.example"


def test_a_checkout_without_metadata_has_html_without_links(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(_fitted, "metadata", missing)
    monkeypatch.setattr(_fitted, "documentation", _fitted.documentation.__wrapped__)
    html = SGDRidge()._repr_html_()
    assert "SGDRidge" in html
    assert "href=" not in html


@pytest.mark.parametrize("name", ["compact", "sparsify", "densify"])
def test_an_unfitted_model_has_nothing_to_drop(name):
    with pytest.raises(NotFittedError):
        getattr(SGDRidge(), name)()
