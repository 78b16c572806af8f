"""However X is stored and whatever is set: the same model, and one that tells the truth."""

import pickle
import tempfile
import warnings

import numpy as np
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from newton import log_loss_objective, squared_objective
from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge
from sgd_estimators.optimizers import OPTIMIZERS
from sgd_estimators.schedules import SCHEDULES


def strided(X):
    wide = np.full((2 * X.shape[0], 3 * X.shape[1]), np.nan, X.dtype)
    wide[::2, ::3] = X
    return wide[::2, ::3]


def backwards(X):
    return X[::-1].copy()[::-1]


def mapped(X):
    with tempfile.NamedTemporaryFile() as file:
        X.tofile(file.name)
        return np.memmap(file.name, X.dtype, "r", shape=X.shape)


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def swapped(X):
    return X.astype(X.dtype.newbyteorder())


def wide_indices(X):
    X = sp.csr_array(X)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def mixed_indices(X):
    X = sp.csr_array(X)
    X.indptr = X.indptr.astype(np.int64)
    return X


def in_disorder(X):
    """Return CSR whose rows run backwards, each entry in two halves."""
    csr = sp.csr_array(X)
    row = np.repeat(np.arange(len(X)), np.diff(csr.indptr))
    turn = np.lexsort((-csr.indices, row))
    data, indices = np.repeat(csr.data[turn] / 2, 2), np.repeat(csr.indices[turn], 2)
    return sp.csr_array((data, indices, 2 * csr.indptr), shape=csr.shape)


def read_only_csr(X):
    X = sp.csr_array(X)
    for part in (X.data, X.indices, X.indptr):
        part.flags.writeable = False
    return X


DENSE = (
    np.asfortranarray,
    strided,
    backwards,
    mapped,
    read_only,
    swapped,
    np.ndarray.tolist,
)
SPARSE = (
    wide_indices,
    mixed_indices,
    in_disorder,
    read_only_csr,
    sp.csc_array,
    sp.coo_array,
    sp.csr_matrix,
)
MODELS = (SGDLinearRegressor, SGDRidge, SGDLogistic)
problems = {
    "Model": st.sampled_from(MODELS),
    "n": st.integers(3, 70),
    "d": st.integers(1, 20),
    "outputs": st.integers(1, 5),
    "dtype": st.sampled_from([np.float32, np.float64]),
    "density": st.sampled_from([0.1, 0.5, 1.0]),
    "seed": st.integers(0, 2**32 - 1),
}


def problem(Model, n, d, outputs, dtype, density, seed):
    rng = np.random.default_rng(seed)
    X = (rng.normal(size=(n, d)) * (rng.random((n, d)) < density)).astype(dtype)
    if Model is SGDLogistic:
        return X, np.arange(n) % min(n, outputs + 1), rng
    return X, rng.normal(size=n if outputs == 1 else (n, outputs)), rng


def fit(model, X, y, weight=None):
    """Fit; a combination that cannot be honoured gives the words of the error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return model.fit(X, y, sample_weight=weight)
        except ValueError as error:
            return str(error)


def parts(X):
    """Return copies of the arrays that hold X."""
    if not sp.issparse(X):
        return [np.array(X)]
    names = ("data", "row", "col") if X.format == "coo" else ("data", "indices", "indptr")
    return [getattr(X, name).copy() for name in names]


def bits(model):
    return model.coef_.tobytes(), np.asarray(model.intercept_).tobytes()


@settings(max_examples=80, deadline=None)
@given(
    **problems,
    way=st.sampled_from(DENSE + SPARSE),
    optimizer=st.sampled_from(["auto", "sgd", "adam", "saga"]),
)
def test_the_way_that_x_is_stored_changes_no_bit(way, optimizer, **sizes):
    X, y, _ = problem(**sizes)
    stored = way(X)
    plain = X
    if way is np.ndarray.tolist:  # lists hold float64
        plain = X.astype(float)
    elif way in SPARSE:
        plain = sp.csr_array(X)
    before = parts(stored)
    given = {"optimizer": optimizer, "max_iter": 3, "random_state": 0}
    model = fit(sizes["Model"](**given), stored, y)
    assert bits(model) == bits(fit(sizes["Model"](**given), plain, y))
    for part, was in zip(parts(stored), before, strict=True):
        np.testing.assert_array_equal(part, was)  # X is as it was
    np.testing.assert_allclose(
        model.predict(stored), model.predict(plain), rtol=1e-5, atol=1e-6
    )


@settings(max_examples=150, deadline=None)
@given(
    **problems,
    as_csr=st.booleans(),
    weighted=st.sampled_from([None, "positive", "some zero"]),
    optimizer=st.sampled_from(["auto", *OPTIMIZERS]),
    schedule=st.sampled_from(["auto", *SCHEDULES]),
    learning_rate=st.sampled_from(["auto", 1e-3, 1.0, 1e6]),
    momentum=st.sampled_from([None, 0.9]),
    batch_size=st.sampled_from(["auto", "full", 1, 3, 16]),
    preconditioner=st.sampled_from([None, "diagonal", "hessian", "auto"]),
    average=st.sampled_from([False, True, 2, "tail"]),
    fit_intercept=st.booleans(),
    shuffle=st.booleans(),
    n_jobs=st.sampled_from([1, 2]),
)
def test_any_parameters_end_at_a_model_that_tells_the_truth(
    as_csr,
    weighted,
    optimizer,
    schedule,
    learning_rate,
    momentum,
    batch_size,
    preconditioner,
    average,
    fit_intercept,
    shuffle,
    n_jobs,
    **sizes,
):
    X, y, rng = problem(**sizes)
    weight = None
    if weighted:
        weight = rng.uniform(0.1, 3, len(y))
        if weighted == "some zero" and not isinstance(y[0], np.integer):
            weight[1:] *= rng.random(len(y) - 1) < 0.7
    data = sp.csr_array(X) if as_csr else X
    given = {
        "optimizer": optimizer,
        "schedule": schedule,
        "learning_rate": learning_rate,
        "momentum": momentum,
        "batch_size": batch_size,
        "preconditioner": preconditioner,
        "average": average,
        "fit_intercept": fit_intercept,
        "shuffle": shuffle,
        "n_jobs": n_jobs,
        "max_iter": 3,
        "random_state": 0,
    }
    model = fit(sizes["Model"](**given), data, y, weight)
    if isinstance(model, str):
        names = [*given, "alpha", "penalty", "optimizer"]
        assert any(name in model for name in names), model
        return
    s = np.ones(len(y)) if weight is None else weight
    assert np.all(np.isfinite(model.coef_))
    assert 1 <= model.n_iter_ <= 3
    assert model.gap_ >= 0
    assert fit_intercept or not np.any(model.intercept_)
    f, penalty = squared_objective, getattr(model, "alpha", 0.0) / s.sum()
    if isinstance(model, SGDLogistic):
        f, penalty = log_loss_objective, 1 / (model.C * s.sum())
    value = f(X, y, model.coef_, model.intercept_, penalty, weight)
    np.testing.assert_allclose(model.objective_, value, rtol=1e-6, atol=1e-9)
    again = fit(sizes["Model"](**given | {"n_jobs": 3 - n_jobs}), data, y, weight)
    assert bits(again) == bits(model)  # whatever the number of threads
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(model)).predict(data), model.predict(data)
    )
