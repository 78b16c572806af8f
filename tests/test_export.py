"""Fitted models elsewhere: scikit-learn's twins, ONNX, skops."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge

REGRESSION = load_diabetes(return_X_y=True)
TARGETS = REGRESSION[0], np.column_stack([REGRESSION[1], -REGRESSION[1]])
BINARY = load_breast_cancer(return_X_y=True)
WINE = load_wine(return_X_y=True)
NAMED = WINE[0], np.array(["ash", "elm", "oak"])[WINE[1]]
CASES = {
    "linear": (SGDLinearRegressor(), REGRESSION, LinearRegression),
    "no intercept": (SGDLinearRegressor(fit_intercept=False), TARGETS, LinearRegression),
    "ridge": (SGDRidge(2.0), REGRESSION, Ridge),
    "one column": (SGDRidge(2.0), (TARGETS[0], TARGETS[1][:, :1]), Ridge),
    "alphas": (SGDRidge([0.1, 10.0]), TARGETS, Ridge),
    "two classes": (SGDLogistic(0.1, class_weight="balanced"), BINARY, LogisticRegression),
    "three classes": (SGDLogistic(0.1), NAMED, LogisticRegression),
    "no penalty": (SGDLogistic(np.inf, tol=1e-2), BINARY, LogisticRegression),
}


def fitted(model, data, **given):
    return clone(model).set_params(random_state=0, **given).fit(*data)


@pytest.mark.parametrize("case", CASES)
def test_the_twin_predicts_the_same(case):
    model, (X, y), kind = CASES[case]
    model = fitted(model, (X, y))
    twin = model.to_sklearn()
    assert type(twin) is kind
    assert twin.n_features_in_ == X.shape[1]
    for data in (X, sp.csr_array(X)):
        for method in ("predict", "decision_function", "predict_proba"):
            assert hasattr(model, method) == hasattr(twin, method)
            if hasattr(twin, method):
                ours, theirs = getattr(model, method)(data), getattr(twin, method)(data)
                assert ours.shape == theirs.shape
                if ours.dtype.kind == "f":
                    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)
                else:
                    np.testing.assert_array_equal(ours, theirs)
    assert model.score(X, y) == pytest.approx(twin.score(X, y), rel=1e-12)
    assert twin._repr_html_()
    before = model.coef_.copy()
    twin.coef_ += 1
    np.testing.assert_array_equal(model.coef_, before)


@pytest.mark.parametrize("case", ["linear", "no intercept", "ridge", "alphas"])
def test_the_twin_fitted_again_is_at_the_same_optimum(case):
    model, data, _ = CASES[case]
    model = fitted(model, data)
    again = clone(model.to_sklearn()).fit(*data)
    np.testing.assert_allclose(model.predict(data[0]), again.predict(data[0]), rtol=1e-6)


def test_the_twin_knows_the_feature_names():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    twin = fitted(SGDRidge(), (X, y)).to_sklearn()
    np.testing.assert_array_equal(twin.feature_names_in_, X.columns)
    assert np.all(np.isfinite(twin.predict(X)))  # a warning of names would raise


def test_an_unfitted_model_has_no_twin():
    with pytest.raises(NotFittedError):
        SGDRidge().to_sklearn()


# ONNX returns one target as a column.
@pytest.mark.parametrize("case", CASES)
def test_the_twin_goes_to_onnx(case):
    reason = "needs the extra export"
    skl2onnx = pytest.importorskip("skl2onnx", reason=reason)
    runtime = pytest.importorskip("onnxruntime", reason=reason)
    model, (X, y), kind = CASES[case]
    pipeline = make_pipeline(StandardScaler(), clone(model)).fit(X, y)
    twin = make_pipeline(pipeline[0], pipeline[-1].to_sklearn())
    classifies = kind is LogisticRegression
    options = {"zipmap": False} if classifies else None
    onnx = skl2onnx.to_onnx(twin, X[:1], options=options)
    session = runtime.InferenceSession(
        onnx.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    got = session.run(None, {session.get_inputs()[0].name: X})
    if classifies:
        np.testing.assert_array_equal(got[0], pipeline.predict(X))
        np.testing.assert_allclose(got[1], pipeline.predict_proba(X), atol=1e-6)
    else:
        want = pipeline.predict(X)
        np.testing.assert_allclose(got[0].reshape(want.shape), want, rtol=1e-6)


ROOM = "sgd_estimators."
RUN = {ROOM + "_state.Run", ROOM + "_stream.Seen"}
TRUSTED = {
    "default": ({}, set()),
    "adam": (
        {"optimizer": "adam"},
        RUN | {ROOM + "optimizers.Adam", ROOM + "_kernels.steps.AdamStep"},
    ),
    "dog": (
        {"learning_rate": "dog"},
        RUN
        | {
            ROOM + "optimizers.SGD",
            ROOM + "_kernels.steps.SGDStep",
            ROOM + "_kernels.rates.DoGRate",
        },
    ),
    "averaged": (
        {"momentum": 0.5, "schedule": "cosine", "average": True},
        RUN
        | {
            ROOM + "optimizers.SGD",
            ROOM + "_kernels.steps.SGDStep",
            ROOM + "_kernels.steps.AveragedStep",
        },
    ),
}


@pytest.mark.parametrize("case", TRUSTED)
@pytest.mark.parametrize("name", ["ridge", "three classes"])
def test_skops_needs_few_trusted_types(name, case):
    sio = pytest.importorskip("skops.io", reason="needs the extra export")
    given, types = TRUSTED[case]
    model, data, _ = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = fitted(model, data, max_iter=20, **given)
        stored = sio.dumps(model)
        own = f"{type(model).__module__}.{type(model).__name__}"
        assert set(sio.get_untrusted_types(data=stored)) == types | {own}
        loaded = sio.loads(stored, trusted=[own, *types])
        np.testing.assert_array_equal(loaded.predict(data[0]), model.predict(data[0]))
        for other in (model, loaded):  # and it goes on as the model itself does
            other.set_params(warm_start=True, max_iter=10).fit(*data)
    np.testing.assert_array_equal(loaded.coef_, model.coef_)


def test_skops_trusts_the_twin():
    sio = pytest.importorskip("skops.io", reason="needs the extra export")
    twin = fitted(SGDLogistic(0.1), WINE).to_sklearn()
    stored = sio.dumps(twin)
    assert sio.get_untrusted_types(data=stored) == []
    np.testing.assert_array_equal(sio.loads(stored).predict(WINE[0]), twin.predict(WINE[0]))
