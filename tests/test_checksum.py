"""The checksum of an array, and the digest of a stream's part: what they tell apart."""

import itertools

import numpy as np
import pytest
import scipy.sparse as sp

from sgd_estimators._kernels.checksum import checksum
from sgd_estimators._stream import digest

rng = np.random.default_rng(0)
DTYPES = [np.float32, np.float64, np.int32, np.int64]
SIZES = [1, 3, 31, 32, 33, 257, 1000]


def all_differ(arrays):
    return len({checksum(array) for array in arrays}) == len(arrays)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
def test_one_bit_anywhere(dtype, n):
    x = rng.integers(-99, 99, n).astype(dtype)
    changed = [x]
    for at, bit in itertools.product({0, n // 2, n - 1}, range(8 * x.itemsize)):
        other = x.copy()
        other.view(np.uint8)[at * x.itemsize + bit // 8] ^= 1 << bit % 8
        changed.append(other)
    assert all_differ(changed)
    assert checksum(x) == checksum(x.copy())


@pytest.mark.parametrize("dtype", DTYPES)
def test_entries_that_change_places(dtype):
    x = np.zeros(600, dtype)
    single = []
    for at in range(600):
        other = x.copy()
        other[at] = 1
        single.append(other)
    assert all_differ(single)
    assert all_differ([rng.permutation(np.arange(600).astype(dtype)) for _ in range(50)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("apart", [1, 2, 32, 4096, 2**17, 2**20, 2**21 - 1])
def test_round_numbers_that_are_exchanged(dtype, apart):
    x = np.zeros(2**21, dtype)
    x[0] = 1
    other = np.roll(x, apart)
    both = np.array([1, 1, 0], dtype)
    assert all_differ([x, other, both])


def test_permuted_rows():
    X = rng.normal(size=(100, 7))
    assert all_differ([X, X[::-1].copy(), X[:, ::-1].copy(), X[rng.permutation(100)]])


def test_type_and_shape():
    x = np.zeros(24)
    assert all_differ(
        [
            x,
            x[:23],
            x[:0],
            x.reshape(4, 6),
            x.reshape(6, 4),
            x.reshape(24, 1),
            np.zeros(48, np.float32),
            np.zeros(24, np.int64),
            np.zeros((0, 24)),
        ]
    )


def test_arrays_after_one_another():
    x, y = np.arange(5.0), np.arange(3.0)
    assert checksum(y, checksum(x)) != checksum(x, checksum(y))
    assert checksum(y, checksum(x)) != checksum(np.concatenate([x, y]))


def test_what_is_read_only_or_not_c_ordered():
    X = rng.normal(size=(5, 3))
    seen = checksum(X)
    X.flags.writeable = False
    assert checksum(X) == seen
    with pytest.raises(ValueError, match="contiguous"):
        checksum(np.asfortranarray(X))


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array], ids=["dense", "csr"])
def test_digests(kind):
    X = rng.normal(size=(50, 4)) * (rng.random((50, 4)) < 0.5)
    y, weight = rng.normal(size=50), np.ones(50)
    own = digest(kind(X), y, None)
    assert own == digest(kind(X.copy()), y.copy(), None)
    moved, scaled = np.ascontiguousarray(X[:, [1, 0, 2, 3]]), X.copy()
    scaled[:, 2] *= 1 + 2**-52
    others = [
        digest(kind(moved), y, None),
        digest(kind(scaled), y, None),
        digest(kind(X.astype(np.float32)), y, None),
        digest(kind(X[:49]), y[:49], None),
        digest(kind(X), y[::-1].copy(), None),
        digest(kind(X), y, weight),
        digest(kind(X), y, 2 * weight),
    ]
    assert len({own, *others}) == 8
