"""Classes and their numbers are those of numpy.unique, for every type of label."""

import numpy as np
import pytest

from sgd_estimators import SGDLogistic
from sgd_estimators._labels import distinct, numbers

rng = np.random.default_rng(0)
LABELS = {
    "int64": rng.integers(-3, 9, 50),
    "int8, from end to end": np.array([-128, 127, 0, 127, -128], np.int8),
    "uint8": rng.integers(250, 256, 50).astype(np.uint8),
    "uint64, beyond int64": np.array([2**64 - 1, 2**64 - 3, 2**64 - 1], np.uint64),
    "far apart": np.array([0, 10**12, 5, 5]),
    "bool": np.array([True, False, True]),
    "float": np.array([2.0, -1.0, 2.0]),
    "str": np.array(["b", "a", "b"]),
    "object": np.array(["b", "a", "b"], object),
}


@pytest.mark.parametrize("kind", LABELS)
def test_they_are_those_of_unique(kind):
    y = LABELS[kind]
    classes, place = np.unique(y, return_inverse=True)
    found = distinct(y)
    assert found.dtype == classes.dtype
    np.testing.assert_array_equal(found, classes)
    np.testing.assert_array_equal(numbers(classes, y), place)
    np.testing.assert_array_equal(numbers(classes[1:], y), place - 1)  # -1: unknown


@pytest.mark.parametrize("kind", LABELS)
def test_a_model_predicts_labels_of_the_type_it_got(kind):
    y = LABELS[kind]
    X = np.unique(y, return_inverse=True)[1].reshape(-1, 1) * 1.0
    model = SGDLogistic(C=1e3, random_state=0).fit(X, y)
    assert model.predict(X).dtype == y.dtype
    assert model.score(X, y) > 0.5
