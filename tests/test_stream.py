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
    # Of the rows so far, these of weight 1 are the lighter ones, where they are new.
    for total, part, share in (
        (350, np.s_[100:250], 250 / 350),
        (350, np.s_[100:250], 1.0),
        (400, np.s_[250:300], 300 / 400),
    ):
        model.partial_fit(X[part], Y[part])
        loss = share * 0.5 * np.mean((Y[part] - model.predict(X[part])) ** 2)
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
        new = Seen(
            len(part), weight[part.start : part.stop].sum(), rows.moments(part, weight)
        )
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


def test_weights_of_single_rows_are_relative_to_those_so_far():
    rng = np.random.default_rng(0)
    data, target = rng.normal(size=(50, 3)), rng.normal(size=50)
    weight = rng.choice([0.1, 0.5, 2.0, 10.0], 50)
    given = {"learning_rate": 0.02, "schedule": "constant", "preconditioner": None}
    model, w = SGDRidge(3.0, fit_intercept=False, **given), np.zeros(3)
    for i in range(50):
        model.partial_fit(data[i : i + 1], target[i : i + 1], weight[i : i + 1])
        so_far = weight[: i + 1]
        g = weight[i] / so_far.mean() * (data[i] @ w - target[i]) * data[i]
        w -= 0.02 * (g + 3.0 / so_far.sum() * w)
    np.testing.assert_allclose(model.coef_, w, rtol=1e-10)


@pytest.mark.parametrize("given", [{}, {"optimizer": "adam"}, {"momentum": 0.9}], ids=str)
@pytest.mark.parametrize("size", [1, 10])
def test_a_weighted_stream_is_that_of_repeated_rows(size, given):
    order = np.argsort(X[:, 2] > X[:, 2].mean(), kind="stable")
    target = np.where(X[:, 2] > X[:, 2].mean(), Y, 400 - Y)  # two halves that disagree
    weight = np.where(X[:, 2] > X[:, 2].mean(), 1.9, 0.1)
    scores = []
    for weights in (None, weight):
        model = SGDLinearRegressor(random_state=0, average=True, **given)
        for seed in range(5):
            mixed = np.random.default_rng(seed).permutation(order)
            for begin in range(0, 442, size):
                part = mixed[begin : begin + size]
                own = None if weights is None else weights[part]
                model.partial_fit(X[part], target[part], own)
        scores.append(model.score(X, target, weight))
    best = SGDLinearRegressor().fit(X, target, weight).score(X, target, weight)
    assert scores[1] > scores[0] + 0.1 * (best - scores[0])
    assert scores[1] > 0.7 * best


BREAST, LABEL = load_breast_cancer(return_X_y=True)


@pytest.mark.parametrize("weighted", [False, True])
def test_balanced_calls_on_the_same_rows_are_an_epoch_of_fit(weighted):
    weight = np.random.default_rng(0).choice([0.0, 0.5, 2.0], 569) if weighted else None
    given = {"optimizer": "sgd", "tol": 0.0, "n_iter_no_change": 99, "random_state": 0}
    whole = SGDLogistic(class_weight="balanced", max_iter=6, **given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole.fit(BREAST, LABEL, weight)
    part = SGDLogistic(class_weight="balanced", **given)
    for _ in range(6):
        part.partial_fit(BREAST, LABEL, [0, 1], weight)
        part = pickle.loads(pickle.dumps(part))
    np.testing.assert_array_equal(part.coef_, whole.coef_)


@pytest.mark.parametrize("size", [1, 10])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 0.5, 1: 5.0}], ids=str)
def test_a_stream_of_a_rare_class_has_the_weights_of_fit(size, class_weight):
    rng = np.random.default_rng(0)
    label = (rng.random(3000) < 0.05).astype(int)
    data = label[:, None] + rng.normal(size=(3000, 1))
    whole = SGDLogistic(class_weight=class_weight).fit(data, label)
    model = SGDLogistic(class_weight=class_weight, average=True, random_state=0)
    stream(model, np.arange(3000), size, 1, data, label, classes=[0, 1])
    # log 19 = 2.9 lies between balanced classes and others
    np.testing.assert_allclose(model.intercept_, whole.intercept_, atol=0.5)


def test_a_balanced_stream_counts_the_classes_of_new_rows_once():
    model = SGDLogistic(class_weight="balanced", random_state=0)
    for part in (np.s_[:100], np.s_[:100], np.s_[100:300]):
        model.partial_fit(BREAST[part], LABEL[part], classes=[0, 1])
    np.testing.assert_array_equal(model._run.seen.classes, np.bincount(LABEL[:300]))
    assert model._run.seen.n_rows == 300
