"""The estimators as their drop-ins: shapes, data formats, weights, probabilities."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from newton import least_squares, newton
from rules import RATED
from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge

rng = np.random.default_rng(0)
X = rng.normal(size=(240, 5)) * [1, 3, 0.5, 1, 2] + [0, 2, 0, -1, 0]
X[rng.random(X.shape) < 0.5] = 0
Y = X @ [1.0, -2, 0.5, 0, 3] + 4 + rng.normal(size=240)
YY = np.column_stack([Y, X[:, 0] - Y, rng.normal(size=240)])
THREE = np.array(["ash", "elm", "oak"])[np.digitize(Y, [0.0, 6.0])]
TWO = np.where(Y > 3, "yes", "no")

# Gradient descent on all rows, to 1e-12 of f0 - f*: solutions can be compared.
EXACT = {
    "batch_size": "full",
    "momentum": 0.9,
    "tol": 1e-12,
    "max_iter": 20_000,
    "n_iter_no_change": 1000,
    "schedule": "constant",
    "random_state": 0,
}
CLOSE = {"rtol": 0, "atol": 2e-5}  # sqrt(1e-12) over the least curvature
DROP_INS = {
    "linear": (SGDLinearRegressor, {}, LinearRegression(), Y),
    "linear, one column": (SGDLinearRegressor, {}, LinearRegression(), Y[:, None]),
    "linear, targets": (SGDLinearRegressor, {}, LinearRegression(), YY),
    "ridge": (SGDRidge, {"alpha": 5.0}, Ridge(5.0), Y),
    "ridge, targets": (SGDRidge, {"alpha": 5.0}, Ridge(5.0), YY),
    "ridge, alphas": (SGDRidge, {"alpha": [0, 1, 50]}, Ridge(np.array([0, 1, 50])), YY),
    "logistic": (SGDLogistic, {"C": 0.5}, LogisticRegression(C=0.5), TWO),
    "softmax": (SGDLogistic, {"C": 0.5}, LogisticRegression(C=0.5), THREE),
    "C=inf": (SGDLogistic, {"C": np.inf}, LogisticRegression(C=np.inf), TWO),
}


def exact(Model, **given):
    return Model(**{**EXACT, **given})


def solve(model, *data, **given):
    """Fit; a run that ends by max_iter at 1e-12 is no failure of these tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(*data, **given)


def peer_of(peer):
    tight = {"tol": 1e-10, "max_iter": 10_000}
    peer = clone(peer)
    return peer.set_params(**tight) if isinstance(peer, LogisticRegression) else peer


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("case", DROP_INS)
def test_shapes_and_solutions_are_the_drop_ins(case, fit_intercept):
    Model, given, peer, y = DROP_INS[case]
    model = solve(exact(Model, fit_intercept=fit_intercept, **given), X, y)
    if case == "C=inf":  # LogisticRegression before 1.8 asks for penalty=None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer = peer_of(peer).set_params(fit_intercept=fit_intercept).fit(X, y)
    else:
        peer = peer_of(peer).set_params(fit_intercept=fit_intercept).fit(X, y)
    assert model.coef_.shape == peer.coef_.shape
    assert model.coef_.dtype == np.float64
    assert np.shape(model.intercept_) == np.shape(peer.intercept_) or not fit_intercept
    np.testing.assert_allclose(model.coef_, peer.coef_, **CLOSE)
    if case != "softmax":  # a constant added to all intercepts changes nothing
        np.testing.assert_allclose(
            model.intercept_,
            np.broadcast_to(peer.intercept_, np.shape(model.intercept_)),
            **CLOSE,
        )
    assert model.predict(X).shape == peer.predict(X).shape
    if isinstance(peer, LogisticRegression):
        np.testing.assert_array_equal(model.classes_, peer.classes_)
        for method in ("predict_proba", "predict_log_proba"):
            with np.errstate(divide="ignore"):  # the peer takes log(0) in the tails
                ours, theirs = getattr(model, method)(X), getattr(peer, method)(X)
            same = np.isfinite(theirs)
            np.testing.assert_allclose(ours[same], theirs[same], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-14)
        assert model.decision_function(X).shape == peer.decision_function(X).shape
    np.testing.assert_allclose(model.score(X, y), peer.score(X, y), atol=1e-6)


def test_log_probabilities_are_exact_in_the_tails():
    model = solve(exact(SGDLogistic, C=1e6), X, TWO)
    log_p = model.predict_log_proba(1e4 * X)
    assert np.all(np.isfinite(log_p))
    assert log_p.min() < -800  # exp of it is 0


# One model from every way to store the same data

F32 = X.astype(np.float32)
WIDE = sp.csr_array(F32.astype(float))
WIDE.indices, WIDE.indptr = WIDE.indices.astype(np.int64), WIDE.indptr.astype(np.int64)
SHUFFLED = sp.csr_array(F32.astype(float))
for a, b in zip(SHUFFLED.indptr[:-1], SHUFFLED.indptr[1:], strict=True):
    SHUFFLED.indices[a:b] = SHUFFLED.indices[a:b][::-1].copy()
    SHUFFLED.data[a:b] = SHUFFLED.data[a:b][::-1].copy()
SHUFFLED.has_sorted_indices = SHUFFLED.has_canonical_format = False
READ_ONLY = F32.astype(float)
READ_ONLY.flags.writeable = False
DOUBLED = np.repeat(F32.astype(float), 2, axis=0)
STORED = {
    "float32": F32,
    "float64": F32.astype(float),
    "F order": np.asfortranarray(F32, dtype=float),
    "F order float32": np.asfortranarray(F32),
    "a view": DOUBLED[::2],
    "read-only": READ_ONLY,
    "big-endian": F32.astype(">f8"),
    "list": F32.astype(float).tolist(),
    "frame": pd.DataFrame(F32.astype(float)),
    "csr": sp.csr_array(F32.astype(float)),
    "csr matrix float32": sp.csr_matrix(F32),
    "csc": sp.csc_array(F32.astype(float)),
    "coo": sp.coo_array(F32.astype(float)),
    "lil": sp.lil_array(F32.astype(float)),
    "int64 indices": WIDE,
    "unsorted": SHUFFLED,
}


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize(("Model", "y"), [(SGDRidge, YY), (SGDLogistic, THREE)])
def test_every_storage_ends_at_the_same_model(Model, y, stored):
    kept = STORED[stored]
    before = kept.copy() if hasattr(kept, "copy") else None
    want = solve(exact(Model), F32.astype(float), y)
    got = solve(exact(Model), kept, y)
    np.testing.assert_allclose(got.coef_, want.coef_, **CLOSE)
    np.testing.assert_allclose(got.predict_proba(kept), want.predict_proba(X), **CLOSE) if (
        Model is SGDLogistic
    ) else np.testing.assert_allclose(got.predict(kept), want.predict(F32), atol=1e-4)
    if sp.issparse(before):  # the user's matrix is left as it was
        assert (kept != before).nnz == 0
        if kept.format == "csr":
            np.testing.assert_array_equal(kept.indices, before.indices)


@pytest.mark.parametrize("batch_size", [1, 7, "full"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adagrad", "lion"])
@pytest.mark.parametrize(("Model", "y"), [(SGDRidge, YY), (SGDLogistic, THREE)])
def test_sparse_iterates_are_the_dense_ones(Model, y, optimizer, batch_size):
    model = Model(
        optimizer=optimizer,
        preconditioner=None,
        learning_rate=1e-3,
        batch_size=batch_size,
        # The intercept starts at its optimum: the sign of its gradient is rounding.
        fit_intercept=optimizer != "lion",
        max_iter=4,
        random_state=0,
    )
    dense = solve(clone(model), X, y)
    for index in (np.int32, np.int64):
        data = sp.csr_array(X)
        data.indices, data.indptr = data.indices.astype(index), data.indptr.astype(index)
        sparse = solve(clone(model), data, y)
        np.testing.assert_allclose(sparse.coef_, dense.coef_, rtol=0, atol=1e-10)
        np.testing.assert_allclose(
            sparse.history_["loss"], dense.history_["loss"], rtol=1e-10
        )


# Weights

COUNT = rng.integers(0, 4, len(Y))


@pytest.mark.parametrize(
    ("Model", "y"), [(SGDLinearRegressor, Y), (SGDRidge, YY), (SGDLogistic, THREE)]
)
@pytest.mark.parametrize("sparse", [False, True])
def test_weights_mean_repetition(Model, y, sparse):
    data = sp.csr_array(X) if sparse else X
    weighted = solve(exact(Model), data, y, COUNT)
    repeated = solve(exact(Model), np.repeat(X, COUNT, axis=0), np.repeat(y, COUNT, axis=0))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, **CLOSE)
    np.testing.assert_allclose(weighted.objective_, repeated.objective_, rtol=1e-9)


@pytest.mark.parametrize("optimizer", RATED)
@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize(("Model", "y"), [(SGDRidge, Y), (SGDLogistic, THREE)])
def test_a_run_on_weighted_rows_is_that_on_repeated_ones(Model, y, optimizer, early):
    # Weights 0, 0.5 and 2 are 0, 1 and 4 rows, with twice the penalty; full batches, whose
    # gradients do not depend on an order. Without an intercept, as its first gradient is 0
    # but for rounding, of which rules like Adam take the sign.
    weight = rng.choice([0.0, 0.5, 2.0], len(y))
    times = (2 * weight).astype(int)
    given = {"optimizer": optimizer, "batch_size": "full", "tol": 1e-3, "max_iter": 40}
    given |= {"early_stopping": early, "n_iter_no_change": 3, "random_state": 0}
    given |= {"fit_intercept": False, "learning_rate": 0.01, "schedule": "constant"}
    penalty = {"alpha": 3.0} if Model is SGDRidge else {"C": 0.5}
    twice = {"alpha": 6.0} if Model is SGDRidge else {"C": 0.25}
    held = {"X_val": X[:50], "y_val": y[:50]}
    weights = {"sample_weight_val": np.full(50, 2.0)}
    one = solve(Model(**given, **penalty), X, y, weight, **held, **weights)
    other = Model(**given, **twice)
    solve(other, np.repeat(X, times, axis=0), np.repeat(y, times), **held)
    assert (one.n_iter_, one.stop_reason_) == (other.n_iter_, other.stop_reason_)
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-6, atol=1e-9)
    for series in ("objective", "gap"):
        np.testing.assert_allclose(
            one.history_[series], other.history_[series], rtol=1e-5, atol=1e-12
        )
    # Of an accuracy, a row whose scores tie may fall on either side, by rounding.
    tie = 1 / 50 if Model is SGDLogistic else 0.0
    np.testing.assert_allclose(
        one.history_["score"], other.history_["score"], rtol=1e-5, atol=tie + 1e-12
    )


@pytest.mark.parametrize(("Model", "y"), [(SGDRidge, YY), (SGDLogistic, THREE)])
@pytest.mark.parametrize("given", [{}, {"optimizer": "adam", "batch_size": 7}], ids=str)
def test_a_row_of_weight_zero_is_not_there(Model, y, given):
    weight = (COUNT > 0).astype(float)
    wild = np.where(weight[:, None] > 0, X, 1e9)  # whatever it holds
    model = Model(random_state=0, max_iter=20, **given)
    with_it = solve(clone(model), wild, y, weight)
    without = solve(clone(model), X[weight > 0], y[weight > 0])
    np.testing.assert_allclose(with_it.coef_, without.coef_, rtol=1e-10)
    assert with_it.t_ == without.t_


@pytest.mark.parametrize(("scale", "alpha"), [(1e-6, 1e-6), (1e6, 1e6)])
def test_the_scale_of_the_weights_is_the_penaltys(scale, alpha):
    one = solve(exact(SGDRidge, alpha=3.0), X, Y)
    other = solve(exact(SGDRidge, alpha=3.0 * alpha), X, Y, np.full(len(Y), scale))
    np.testing.assert_allclose(other.coef_, one.coef_, **CLOSE)


@pytest.mark.parametrize(
    "class_weight", [{"no": 1, "yes": 2}, {"yes": np.int8(2)}], ids=str
)
@pytest.mark.parametrize("optimizer", ["auto", "adam"])
def test_class_weights_may_be_integers(optimizer, class_weight):
    settings = {"optimizer": optimizer, "tol": 1e-3, "random_state": 0}
    model = SGDLogistic(class_weight=class_weight, **settings).fit(X, TWO)
    same = SGDLogistic(class_weight={"yes": 2.0}, **settings).fit(X, TWO)
    np.testing.assert_array_equal(model.coef_, same.coef_)


@pytest.mark.parametrize("weight", [None, 1.0 + COUNT], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("y", "class_weight"),
    [
        (THREE, "balanced"),
        (TWO, "balanced"),
        (THREE, {"ash": 5.0, "oak": 0.5}),
        (TWO, {"no": 3.0}),
    ],
)
def test_class_weight_is_the_drop_ins(y, class_weight, weight):
    model = solve(exact(SGDLogistic, class_weight=class_weight), X, y, weight)
    if class_weight == "balanced":  # older peers leave sample_weight out of the counts
        labels, places = np.unique(y, return_inverse=True)
        sums = np.bincount(places, weight)
        class_weight = dict(zip(labels, sums.sum() / (len(sums) * sums), strict=True))
    peer = peer_of(LogisticRegression(class_weight=class_weight)).fit(X, y, weight)
    np.testing.assert_allclose(model.coef_, peer.coef_, rtol=0, atol=1e-4)


def test_raw_data_gives_the_drop_ins_predictions():
    data, y = load_diabetes(return_X_y=True, scaled=False)
    optimum = least_squares(data, y)
    model = SGDLinearRegressor(random_state=0).fit(data, y)
    want = data @ optimum.coef[0] + optimum.intercept[0]
    # (f - f*) / (f0 - f*) <= 1e-3 of the explained variance
    assert np.mean((model.predict(data) - want) ** 2) <= 1e-3 * np.var(want)
    for load in (load_breast_cancer, load_wine):
        data, y = load(return_X_y=True)
        peer = newton(data, y, 1 / len(y))
        model = solve(SGDLogistic(random_state=0), data, y)
        score = data @ peer.coef.T + peer.intercept
        best = score[:, 0] > 0 if score.shape[1] == 1 else score.argmax(axis=1)
        assert model.score(data, y) >= np.mean(best == y) - 0.02


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_feature_names_are_kept_and_checked(library):
    frames = pytest.importorskip(library)
    frame = frames.DataFrame(dict(zip("abcde", X.T, strict=True)))
    if not hasattr(Ridge().fit(frame, Y), "feature_names_in_"):
        pytest.skip("this scikit-learn does not see the names of this frame")
    model = solve(SGDRidge(max_iter=2), frame, Y)
    np.testing.assert_array_equal(model.feature_names_in_, list("abcde"))
    assert model.n_features_in_ == 5
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[list("bacde")])
    with pytest.warns(UserWarning, match="feature names"):
        model.predict(X)


def test_one_column_and_one_row_and_constant_columns():
    model = SGDLinearRegressor(random_state=0).fit(np.ones((5, 1)), [3.0] * 5)
    assert model.predict([[1.0]]) == pytest.approx([3.0])
    assert not model.coef_.any()
    model = SGDRidge(random_state=0).fit([[2.0, 5.0]], [7.0])
    assert model.predict([[2.0, 5.0]]) == pytest.approx([7.0])
    constant = np.hstack([X, np.full((240, 1), 1e6)])
    model = solve(exact(SGDRidge), constant, Y)
    want = solve(exact(SGDRidge), X, Y)
    np.testing.assert_allclose(model.coef_[:-1], want.coef_, **CLOSE)
    assert abs(model.coef_[-1]) < 1e-9


@pytest.mark.parametrize("container", ["default", "pandas", "polars"])
@pytest.mark.parametrize(("Model", "y"), [(SGDRidge, Y), (SGDLogistic, THREE)])
def test_the_container_of_a_pipeline_changes_nothing(Model, y, container):
    if container != "default":
        pytest.importorskip(container)
    plain = make_pipeline(StandardScaler(), Model(random_state=0)).fit(X, y)
    pipeline = make_pipeline(StandardScaler(), Model(random_state=0))
    pipeline.set_output(transform=container).fit(X, y)
    np.testing.assert_allclose(pipeline[-1].coef_, plain[-1].coef_, rtol=1e-10)
    assert type(pipeline.predict(X)) is np.ndarray
    if Model is SGDRidge:  # the columns of a frame lie otherwise in memory
        np.testing.assert_allclose(pipeline.predict(X), plain.predict(X), rtol=1e-10)
    else:
        np.testing.assert_array_equal(pipeline.predict(X), plain.predict(X))
