"""Arrays that need no change: they skip scikit-learn's checks, and nothing else differs."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.utils.validation import validate_data

from sgd_estimators import SGDLogistic, SGDRidge, optimality_gap
from sgd_estimators._plain import accepted

rng = np.random.default_rng(0)
X, y = rng.normal(size=(30, 3)), rng.normal(size=30)


@pytest.mark.parametrize("x_type", [np.float64, np.float32])
@pytest.mark.parametrize("y_type", [np.float64, np.float32, np.int64, np.uint8, bool])
@pytest.mark.parametrize("shape", [(30,), (30, 1), (30, 2)])
def test_what_is_accepted_comes_out_of_validation_as_it_was(x_type, y_type, shape):
    data = X.astype(x_type), (rng.normal(size=shape) > 0).astype(y_type)
    assert accepted(SGDRidge(), *data, reset=True)
    types = [np.float64, np.float32]
    after = validate_data(SGDRidge(), *data, dtype=types, multi_output=True)
    for given, seen in zip(data, after, strict=True):
        assert seen is given or np.shares_memory(seen, given)
        assert seen.dtype == given.dtype


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (X.tolist(), y),
        (X, y.tolist()),
        (X.astype(np.float16), y),
        (X.astype(">f8"), y),
        (X.astype(int), y),
        (X.astype(object), y),
        (X[:, 0], y),
        (X[:0], y[:0]),
        (X[:, :0], y),
        (X, y[:-1]),
        (X, y.astype(object)),
        (X, y.astype(str)),
        (X, y * 1j),
        (X, np.where(y > 1, np.nan, y)),
        (X, np.where(y > 1, np.inf, y)),
        (X, y[0]),
        (X, np.ones((30, 2, 2))),
        (np.ma.masked_array(X), y),
    ],
)
def test_all_else_is_left_to_scikit_learn(X, y):
    model = SGDRidge()
    assert not accepted(model, X, y, reset=True)
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize("order", ["strided", "read-only"])
def test_views_go_through(order):
    data = np.column_stack([X, X]), np.repeat(y > 0, 2)
    seen = (data[0][:, ::2], data[1][::2]) if order == "strided" else (X, y > 0)
    if order == "read-only":
        seen = tuple(np.array(part) for part in seen)
        for part in seen:
            part.flags.writeable = False
    copies = [np.array(part, order="C") for part in seen]
    assert accepted(SGDLogistic(), *seen, reset=True)
    one, other = (SGDLogistic(random_state=0).fit(*of) for of in (seen, copies))
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-12)


def test_a_model_that_never_saw_x_has_any_number_of_features():
    model = Ridge()
    model.coef_, model.intercept_ = np.zeros(3), 0.0
    assert np.isfinite(optimality_gap(model, X, y).gap)


def test_names_and_the_number_of_features_are_those_of_this_fit():
    model = SGDRidge().fit(pd.DataFrame(X, columns=list("abc")), y)
    assert not accepted(model, X, y, reset=False)  # of which scikit-learn warns
    model.fit(X[:, :2], y)
    assert model.n_features_in_ == 2
    assert not hasattr(model, "feature_names_in_")
    assert accepted(model, X[:, :2], y, reset=False)
    assert not accepted(model, X, y, reset=False)


def test_a_column_of_classes_still_warns():
    with pytest.warns(UserWarning, match="column-vector"):
        SGDLogistic().fit(X, (y > 0)[:, None])
