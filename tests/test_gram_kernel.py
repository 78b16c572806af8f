"""The kernel of the Gram matrices, and fits that look at X in the user's own order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sgd_estimators import SGDLinearRegressor, SGDRidge, _gram
from sgd_estimators._kernels.gram import forms, gram, lay_out, see
from sgd_estimators._kernels.losses import Logistic
from sgd_estimators._kernels.objective import Objective
from sgd_estimators._rows import as_rows

rng = np.random.default_rng(0)


@settings(deadline=None)
@given(
    n=st.integers(0, 300),
    d=st.integers(0, 50),
    dtype=st.sampled_from([np.float32, np.float64]),
    order=st.sampled_from(["C", "F", "every other", "backwards"]),
    bad=st.sampled_from([None, np.nan, np.inf, -np.inf]),
)
def test_the_copy_by_rows_is_the_array_and_its_sum(n, d, dtype, order, bad):
    X = rng.normal(size=(2 * n, 2 * d)).astype(dtype)
    if order == "every other":
        X = X[::2, ::2]
    else:
        X = np.array(X[:n, :d], order="F" if order == "backwards" else order)
        X = X[::-1, ::-1] if order == "backwards" else X
    if bad is not None and X.size:
        X[rng.integers(n), rng.integers(d)] = bad
    copy = np.full((n, d), 7, dtype)
    total = lay_out(X, copy)
    assert_array_equal(copy, X)
    if bad is None or not X.size:
        assert_allclose(total, X.sum(dtype=float), atol=1e-9)
    else:
        assert not np.isfinite(total)


@settings(deadline=None)
@given(
    n=st.integers(0, 90),
    d=st.integers(0, 40),
    targets=st.integers(0, 3),
    dtype=st.sampled_from([np.float32, np.float64]),
    order=st.sampled_from(["C", "F", "every other"]),
    constant=st.booleans(),
    weighted=st.booleans(),
    listed=st.booleans(),
)
def test_the_products_are_numpys(n, d, targets, dtype, order, constant, weighted, listed):
    X = rng.normal(size=(2 * n, 2 * d)).astype(dtype)
    X = X[::2, ::2] if order == "every other" else np.array(X[:n, :d], order=order)
    centre, factor = rng.normal(size=d), rng.uniform(0.5, 2, d)
    Y, origin = rng.normal(size=(n, targets)), rng.normal(size=targets)
    weight = rng.random(n)
    rows = rng.permutation(n)[: n // 2].astype(np.intp) if listed else range(n // 3, n)
    H = gram(
        X,
        rows,
        weight if weighted else None,
        Y if targets else None,
        origin if targets else None,
        centre,
        factor,
        constant,
    )
    seen = (X.astype(np.float64) - centre) * factor
    V = np.hstack([seen, np.ones((n, int(constant))), Y - origin])[rows]
    s = weight[rows] if weighted else np.ones(len(rows))
    assert_allclose(H, V.T @ (s[:, None] * V), rtol=1e-12, atol=1e-11)
    assert_array_equal(H, H.T)
    out = np.full((len(rows), d + 1), 7.0)
    see(X, np.array(rows, np.intp), centre, factor, out)
    assert_allclose(out, np.column_stack([seen[rows], np.full(len(rows), 7.0)]))


@settings(deadline=None)
@given(n=st.integers(0, 150), d=st.integers(0, 40))
def test_the_quadratic_forms_are_numpys(n, d):
    A, B = rng.normal(size=(n, d)), rng.normal(size=(d, d))
    B += B.T
    assert_allclose(forms(A, B), np.sum((A @ B) * A, axis=1), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("Model", [SGDLinearRegressor, SGDRidge])
def test_the_order_of_the_array_changes_no_bit(Model, dtype):
    X = (rng.normal(size=(300, 7)) * 10.0 ** np.arange(7)).astype(dtype)
    y = X.sum(axis=1) + rng.normal(size=300)
    C, F = (Model().fit(np.array(X, order=order), y) for order in "CF")
    assert_array_equal(C.coef_, F.coef_)
    assert C.intercept_ == F.intercept_
    table = np.zeros(300, [("x", dtype, 7), ("tag", "u1")])  # strides of no whole number
    table["x"] = X
    assert_array_equal(Model().fit(table["x"], y).coef_, C.coef_)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("order", "CF")
def test_what_is_not_finite_is_named(order, weighted, value):
    X = np.array(rng.normal(size=(300, 7)), order=order)
    X[200, 3] = value
    weight = np.where(np.arange(300) == 200, 0.0, 1.0) if weighted else None
    model = SGDRidge()
    with pytest.raises(ValueError, match="Input X contains"):
        model.fit(X, np.ones(300), weight)
    assert not hasattr(model, "coef_")


def test_squares_beyond_float64_are_named():
    X = rng.normal(size=(30, 2)) * 1e200
    with pytest.raises(ValueError, match="squares are beyond float64"):
        SGDRidge().fit(X, X[:, 0])


@pytest.mark.parametrize("weighted", [False, True])
def test_wide_products_by_blas_are_those_of_the_kernel(weighted, monkeypatch):
    monkeypatch.setattr(_gram, "FEW", 7)
    rng = np.random.default_rng(0)
    n, d = 60, 5
    rows = as_rows(rng.normal(size=(n, d)).astype(np.float32), True)
    f = Objective(rows, Logistic(), np.zeros((n, 1)), np.ones(1), None, np.arange(3, n, 2))
    f.set_metric(rng.normal(size=d), rng.uniform(0.5, 2, d))
    weight = rng.random(n) if weighted else None
    found = [_gram.gram(f, weight)]
    monkeypatch.setattr(_gram, "WIDE", 1)
    found.append(_gram.gram(f, weight))
    assert_allclose(*found, rtol=1e-12, atol=1e-12)
