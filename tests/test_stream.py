"""Rows in parts: `partial_fit` on a stream of raw features."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes

from sgd_estimators import DivergenceWarning, SGDLinearRegressor, SGDLogistic, SGDRidge
from sgd_estimators._rows import as_rows
from sgd_estimators._stream import Seen

X, Y = load_diabetes(return_X_y=True, scaled=False)
ONES = np.column_stack([X, np.ones(len(Y))])


def squares(prediction):
    return 0.5 * np.mean((Y - prediction) ** 2)


def excess(model):
    """Return (f - f*) / (f0 - f*)."""
    best = squares(ONES @ np.linalg.lstsq(ONES, Y, rcond=None)[0])
    return (squares(model.predict(X)) - best) / (squares(Y.mean()) - best)


def stream(model, order, size, passes, data=X, target=Y, **first):
    for _ in range(passes):
        for begin in range(0, len(order), size):
            part = order[begin : begin + size]
            model.partial_fit(data[part], target[part], **first)
            first = {}
    return model


@pytest.mark.parametrize("size", [1, 10, 60])
@pytest.mark.parametrize(
    "given", [{}, {"momentum": 0.9}, {"average": True}, {"optimizer": "adam"}], ids=str
)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_stream_of_raw_features_is_learnt(size, given, seed):
    order = np.random.default_rng(seed).permutation(len(Y))
    model = SGDLinearRegressor(random_state=0, **given)
    assert excess(stream(model, order, size, 5)) < 0.1


@pytest.mark.parametrize("size", [1, 10])
def test_columns_that_are_constant_at_first_are_learnt(size):
    order = np.argsort(X[:, 1], kind="stable")  # the sex: one half after the other
    order = np.concatenate([order[:30], np.random.default_rng(0).permutation(order[30:])])
    assert np.ptp(X[order[:30], 1]) == 0
    assert excess(stream(SGDRidge(1e-3, random_state=0), order, size, 5)) < 0.1


@pytest.mark.parametrize("data", [X, sp.csr_array(X)], ids=["dense", "csr"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_stream_lowers_the_loss_in_any_metric(data, fit_intercept):
    model = SGDRidge(fit_intercept=fit_intercept, random_state=0)
    stream(model, np.random.default_rng(0).permutation(len(Y)), 10, 3, data)
    # Columns that are not centred are far from orthogonal: they are learnt slowly.
    assert model.score(data, Y) > (0.4 if data is X and fit_intercept else 0.15)


def test_a_stream_of_classes_is_learnt():
    data, label = load_breast_cancer(return_X_y=True)
    for size in (1, 10):
        model = SGDLogistic(random_state=0)
        stream(
            model,
            np.random.default_rng(0).permutation(569),
            size,
            2,
            data,
            label,
            classes=[0, 1],
        )
        assert model.score(data, label) > 0.9


@pytest.mark.parametrize("Model", [SGDLinearRegressor, SGDRidge])
def test_the_same_rows_again_are_an_epoch_of_fit(Model):
    given = {"optimizer": "sgd", "tol": 0.0, "n_iter_no_change": 99, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = Model(max_iter=6, **given).fit(X, Y)
    part = Model(**given)
    for _ in range(6):
        part = pickle.loads(pickle.dumps(part.partial_fit(X, Y)))
    assert part.coef_.tobytes() == whole.coef_.tobytes()
    assert part.objective_ == whole.objective_


@pytest.mark.parametrize("given", [{}, {"optimizer": "adam"}, {"average": True}], ids=str)
def test_a_stream_goes_on_after_a_pickle(given):
    one, order = SGDRidge(random_state=0, **given), np.arange(len(Y))
    stream(one, order[:200], 7, 1)
    other = pickle.loads(pickle.dumps(one))
    for model in (one, other):
        stream(model, order[200:], 7, 1)
    assert one.coef_.tobytes() == other.coef_.tobytes()


@pytest.mark.parametrize("preconditioner", ["diagonal", None])
def test_the_penalty_is_shared_by_all_rows_seen(preconditioner):
    model = SGDRidge(500.0, preconditioner=preconditioner, random_state=0)
    model.partial_fit(X[:100], Y[:100], np.full(100, 2.0))
    for total, part in (
        (350, np.s_[100:250]),
        (350, np.s_[100:250]),
        (400, np.s_[250:300]),
    ):
        model.partial_fit(X[part], Y[part])
        loss = 0.5 * np.mean((Y[part] - model.predict(X[part])) ** 2)
        penalty = 0.5 * 500 / total * model.coef_ @ model.coef_
        np.testing.assert_allclose(model.objective_, loss + penalty, rtol=1e-10)
        if part.start != 100:
            assert (model.certificate_, model.gap_) == ("none", np.inf)
            assert not model.converged_


def test_moments_of_parts_are_those_of_the_whole():
    rng = np.random.default_rng(0)
    data, weight = 1e6 + rng.normal(size=(90, 4)), rng.random(90) + 0.1
    rows = as_rows(data, True)
    known = None
    for part in (range(1), range(1, 40), range(40, 90)):
        new = Seen(weight[part.start : part.stop].sum(), rows.moments(part, weight))
        known = new if known is None else known.merged(new)
    mean = np.average(data, axis=0, weights=weight)
    np.testing.assert_allclose(known.moments[0], mean, rtol=1e-14)
    square = np.average((data - mean) ** 2, axis=0, weights=weight)
    np.testing.assert_allclose(known.moments[1], square, rtol=1e-8)
    np.testing.assert_allclose(known.total, weight.sum())


def test_a_stream_that_diverges_says_so_and_one_that_learns_does_not():
    model = SGDLinearRegressor(learning_rate=10.0, random_state=0)
    with pytest.warns(DivergenceWarning):
        stream(model, np.arange(len(Y)), 10, 1)
    assert np.all(np.isfinite(model.coef_))
    quiet = SGDLinearRegressor(learning_rate=0.01, random_state=0)
    stream(
        clone(quiet), np.random.default_rng(0).permutation(len(Y)), 1, 2
    )  # a warning would raise
