"""What a run writes down, tells and obeys: history, callbacks, early stopping."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import make_scorer, median_absolute_error, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge
from sgd_estimators.optimizers import SGD

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"  # runs of a given length
)

rng = np.random.default_rng(0)
X = rng.normal(size=(400, 20))
Y = X[:, :3] @ [2.0, -1, 1] + 3 * rng.normal(size=400)
LABEL = np.digitize(Y, [-2, 2])
LARGE = rng.normal(size=(40_000, 20))  # beyond the cache: evaluated now and then
LARGE_Y = LARGE[:, 0] + rng.normal(size=40_000)
MODELS = ((SGDLinearRegressor, Y), (SGDRidge, Y), (SGDLogistic, LABEL))
NESTEROV = SGD(momentum=0.9, nesterov=True)
FIXED = {"optimizer": NESTEROV, "tol": 0.0, "n_iter_no_change": 1000, "random_state": 0}


@pytest.mark.parametrize(("Model", "y"), MODELS)
def test_history_has_a_row_an_epoch(Model, y):
    model = Model(max_iter=12, **FIXED).fit(X, y)
    fields = {"loss", "rate", "seconds", "objective", "gap", "score"}
    assert set(model.history_) >= fields
    assert {len(values) for values in model.history_.values()} == {12}
    assert model.n_iter_ == 12
    for name in ("loss", "rate", "seconds"):
        assert np.all(np.isfinite(model.history_[name])), name
        assert np.all(model.history_[name] >= 0), name
    assert np.all(np.isnan(model.history_["score"]))
    # f is evaluated in the eighth epoch and in the last, and the best is returned.
    objective, gap = model.history_["objective"], model.history_["gap"]
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(objective)), [7, 11])
    np.testing.assert_allclose(model.objective_, np.nanmin(objective), rtol=1e-13)
    best = Model(random_state=0).fit(X, y).objective_
    assert gap[11] >= objective[11] - best
    assert np.isnan(gap[:7]).all()


@pytest.mark.parametrize(("X", "y"), [(X, Y), (LARGE, LARGE_Y)], ids=["small", "large"])
def test_evaluations_cost_a_share_of_the_epochs(X, y):
    model = SGDRidge(max_iter=75, schedule="constant", **FIXED).fit(X, y)
    evaluated = 1 + np.flatnonzero(np.isfinite(model.history_["objective"]))
    assert evaluated.tolist() == [8, 16, 24, 32, 40, 50, 62, 75]
    again = SGDRidge(max_iter=75, schedule="constant", **FIXED).fit(X, y)
    np.testing.assert_array_equal(model.history_["objective"], again.history_["objective"])


def test_the_running_loss_is_the_mean_of_the_batches_objectives():
    model = SGDRidge(3.0, batch_size="full", schedule="constant", **FIXED)
    # The full batch's value before the step: f of the epoch before.
    loss = model.set_params(max_iter=5).fit(X, Y).history_["loss"]
    objective = [
        model.set_params(max_iter=k).fit(X, Y).history_["objective"][-1]
        for k in range(1, 5)
    ]
    np.testing.assert_allclose(loss[0], 0.5 * np.var(Y), rtol=1e-12)
    np.testing.assert_allclose(loss[1:], objective, rtol=1e-12)


@pytest.mark.parametrize(("Model", "y"), MODELS)
def test_callbacks_see_the_model_and_the_record(Model, y):
    seen = []

    def look(model, record):
        seen.append((model.coef_.copy(), dict(record), model.predict(X).shape))

    def stop(model, record):
        return len(seen) == 4

    model = Model(callbacks=[look, stop], **FIXED).fit(X, y)
    assert model.stop_reason_ == "callback"
    assert model.n_iter_ == len(seen) == 4
    for k, (_, record, shape) in enumerate(seen):
        assert shape[0] == len(y)
        for name, value in record.items():
            if k < 3 or name in ("loss", "rate", "seconds"):  # f is evaluated at the end
                np.testing.assert_array_equal(value, model.history_[name][k])
    quiet = Model(max_iter=4, **FIXED).fit(X, y)
    assert quiet.coef_.tobytes() == model.coef_.tobytes()  # looking changes nothing


def test_an_error_in_a_callback_is_the_users():
    def broken(model, record):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        SGDRidge(callbacks=broken).fit(X, Y)


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (1, 2), (10, 20)])
def test_verbose_prints_a_line_now_and_then(verbose, lines, capsys):
    SGDRidge(verbose=verbose, max_iter=20, **FIXED).fit(X, Y)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == lines
    assert "nan" not in out
    if lines:
        assert "epoch 10" in out
        assert "loss" in out


# Early stopping


@pytest.mark.parametrize("data", [X, sp.csr_array(X)], ids=["dense", "csr"])
@pytest.mark.parametrize(("Model", "y"), MODELS)
def test_early_stopping_restores_the_best_weights(Model, y, data):
    scores = []

    def look(model, record):
        scores.append((record["score"], model.score(data, y), model.coef_.copy()))

    model = Model(
        early_stopping=True, n_iter_no_change=4, random_state=0, tol=0, callbacks=look
    ).fit(data, y)
    assert model.stop_reason_ == "early_stopping"
    assert not model.converged_
    held = model.history_["score"]
    assert np.all(np.isfinite(held))
    best = int(np.argmax(held))
    assert len(held) == best + 1 + 4  # the epochs without a gain
    np.testing.assert_array_equal(model.coef_, scores[best][2])


@pytest.mark.parametrize("stops", [True, False])
@pytest.mark.parametrize(("Model", "y"), MODELS)
def test_a_validation_set_is_scored_and_stops_only_if_asked(Model, y, stops):
    rest, held = np.s_[:300], np.s_[300:]
    model = Model(early_stopping=stops, max_iter=40, n_iter_no_change=3, random_state=0)
    model.set_params(tol=0)
    kept = []
    model.set_params(callbacks=lambda m, r: kept.append(m.coef_.copy()))
    model.fit(X[rest], y[rest], X_val=X[held], y_val=y[held])
    score = model.history_["score"]
    assert np.all(np.isfinite(score))
    if stops:
        assert model.stop_reason_ == "early_stopping"
        assert len(score) == np.argmax(score) + 1 + 3
        np.testing.assert_allclose(model.score(X[held], y[held]), score.max(), rtol=1e-12)
        return
    assert model.stop_reason_ != "early_stopping"
    without = Model(max_iter=40, n_iter_no_change=3, tol=0, random_state=0)
    without.fit(X[rest], y[rest])
    assert without.coef_.tobytes() == model.coef_.tobytes()  # it is only written down


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("patience", [1, 4])
@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_early_stopping_is_that_of_a_loop_in_numpy(average, patience, rate):
    rest, held, alpha = np.s_[:300], np.s_[300:], 30.0
    w, iterates, scores, left = np.zeros(20), [], [], patience
    while left:
        w = w - rate * (X[rest].T @ (X[rest] @ w - Y[rest]) / 300 + alpha / 300 * w)
        iterates.append(w)
        reported = np.mean(iterates, axis=0) if average else w
        scores.append((r2_score(Y[held], X[held] @ reported), reported))
        best = max(scores, key=lambda pair: pair[0])
        left = left - 1 if scores[-1] is not best else patience
    model = SGDRidge(alpha, early_stopping=True, n_iter_no_change=patience, tol=0)
    model.set_params(batch_size="full", learning_rate=rate, schedule="constant")
    model.set_params(preconditioner=None, average=average, fit_intercept=False)
    model.fit(X[rest], Y[rest], X_val=X[held], y_val=Y[held])
    assert model.stop_reason_ == "early_stopping"
    want = [score for score, _ in scores]
    np.testing.assert_allclose(model.history_["score"], want, rtol=1e-9)
    np.testing.assert_allclose(model.coef_, best[1], rtol=1e-9)


def test_validation_weights_and_scoring_are_used():
    weight = np.where(np.arange(100) < 50, 1.0, 0.0)
    given = {"early_stopping": True, "max_iter": 5, **FIXED}
    data = X[:300], Y[:300]
    held, target = X[300:], Y[300:]
    one = SGDRidge(**given).fit(*data, X_val=held, y_val=target, sample_weight_val=weight)
    other = SGDRidge(**given).fit(*data, X_val=held[:50], y_val=target[:50])
    np.testing.assert_allclose(one.history_["score"], other.history_["score"], rtol=1e-10)
    mine = make_scorer(median_absolute_error, greater_is_better=False)
    for scoring in (
        "neg_median_absolute_error",
        mine,
        lambda m, X, y: -np.median(np.abs(m.predict(X) - y)),
    ):
        model = SGDRidge(scoring=scoring, **given)
        model.fit(*data, X_val=held, y_val=target)
        want = -median_absolute_error(target, model.predict(held))
        np.testing.assert_allclose(model.history_["score"].max(), want, rtol=1e-10)


def test_a_probability_scorer_works():
    model = SGDLogistic(
        scoring="neg_log_loss", early_stopping=True, max_iter=30, random_state=0
    ).fit(X, LABEL)
    assert np.all(model.history_["score"] < 0)


def test_a_validation_set_is_routed_through_a_pipeline():
    rest, held = np.s_[:300], np.s_[300:]
    weight = 1.0 + np.arange(100) % 5
    with sklearn.config_context(enable_metadata_routing=True):
        model = SGDRidge(early_stopping=True, max_iter=20, random_state=0)
        model.set_fit_request(
            X_val=True, y_val=True, sample_weight=True, sample_weight_val=True
        )
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, model, transform_input=["X_val"])
        pipeline.fit(
            50 + 9 * X[rest],
            Y[rest],
            sample_weight=np.ones(300),
            X_val=50 + 9 * X[held],
            y_val=Y[held],
            sample_weight_val=weight,
        )
    score = pipeline[-1].history_["score"]
    got = r2_score(Y[held], pipeline.predict(50 + 9 * X[held]), sample_weight=weight)
    np.testing.assert_allclose(got, score.max(), rtol=1e-10)


@pytest.mark.parametrize("fraction", [0.1, 0.3])
def test_rows_are_held_out_by_class_and_not_trained_on(fraction):
    label = np.repeat(["often", "rare", "single"], [369, 30, 1])
    seen = {}

    def score(model, X, y):
        seen["rows"], seen["y"] = X, y
        return model.score(X, y)

    settings = {"early_stopping": True, "max_iter": 5, **FIXED, "scoring": score}
    model = SGDLogistic(validation_fraction=fraction, **settings).fit(X, label)
    names, counts = np.unique(seen["y"], return_counts=True)
    assert list(names) == ["often", "rare"]  # the single one is for training
    np.testing.assert_allclose(counts, [369 * fraction, 30 * fraction], atol=1)
    held = np.array([np.flatnonzero((X == row).all(axis=1))[0] for row in seen["rows"]])
    np.testing.assert_array_equal(seen["y"], label[held])
    rest = np.setdiff1d(np.arange(400), held)
    again = SGDLogistic(**settings)
    again.fit(X[rest], label[rest], X_val=X[held], y_val=label[held])
    np.testing.assert_allclose(model.coef_, again.coef_, rtol=1e-9)
    np.testing.assert_array_equal(model.history_["score"], again.history_["score"])


# Averaging


@pytest.mark.parametrize("average", [True, 5, "tail"])
@pytest.mark.parametrize(("Model", "y"), MODELS)
def test_averaging_lowers_the_noise(Model, y, average):
    noisy = {
        "learning_rate": 0.02,
        "batch_size": 1,
        "schedule": "constant",
        "max_iter": 32,
        **FIXED,
        "optimizer": "sgd",
    }
    best = Model(random_state=0).fit(X, y).objective_
    last = Model(**noisy).fit(X, y)
    averaged = Model(average=average, **noisy).fit(X, y)
    assert averaged.objective_ - best < 0.5 * (
        np.nanmean(last.history_["objective"][8:]) - best
    )


def test_averaging_is_the_mean_of_the_iterates():
    def iterates(**setting):
        kept = []
        given = {"batch_size": "full", "schedule": "constant", "max_iter": 9, **FIXED}
        model = SGDRidge(callbacks=lambda m, r: kept.append(m.coef_.copy()), **given)
        model.set_params(**setting).fit(X, Y)
        return kept

    plain = iterates()
    for average, first in ((True, 0), (4, 3)):
        want = np.mean(plain[first:], axis=0)
        np.testing.assert_allclose(iterates(average=average)[-1], want, rtol=1e-10)


def test_max_iter_counts_the_epochs_of_this_call():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = SGDRidge(max_iter=1, batch_size=50, **FIXED).fit(X, Y)
    assert [w.category for w in caught] == [ConvergenceWarning]
    assert (model.n_iter_, model.t_) == (1, 8)
    model.partial_fit(X[:30], Y[:30])
    assert (model.n_iter_, model.t_) == (1, 9)


# Scorers


@pytest.mark.parametrize("data", [X, sp.csr_array(X)], ids=["dense", "csr"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("split", ["given", "held out"])
def test_a_callable_scorer_gets_rows_and_the_weights_that_it_takes(data, weighted, split):
    seen = []

    def plain(model, X, y):
        seen.append((X.shape, len(y), None))
        half = len(y) // 2  # a scorer may look at a part of the rows
        return -np.median(np.abs(model.predict(X[:half]) - y[:half]))

    def weighing(model, X, y, sample_weight=None):
        seen.append((X.shape, len(y), sample_weight))
        return model.score(X, y, sample_weight)

    weight = 1.0 + np.arange(400) % 3
    rest, held = np.s_[:320], np.s_[320:]
    given = {"early_stopping": True, "validation_fraction": 0.2, "max_iter": 3, **FIXED}
    for scoring in (plain, weighing, make_scorer(median_absolute_error)):
        seen.clear()
        model = SGDRidge(scoring=scoring, **given)
        if split == "given":
            more = {"X_val": data[held], "y_val": Y[held]}
            if weighted and scoring is not plain:
                more["sample_weight_val"] = weight[held]
            model.fit(data[rest], Y[rest], **more)
        else:
            model.fit(data, Y, weight if weighted else None)
        assert np.all(np.isfinite(model.history_["score"]))
        for shape, n, got in seen:
            assert (shape, n) == ((80, 20), 80)
            assert (got is not None) == (weighted and scoring is weighing)
    with pytest.raises(ValueError, match=r"sample_weight_val.*scoring"):
        SGDRidge(scoring=plain, **given).fit(
            data[rest],
            Y[rest],
            X_val=data[held],
            y_val=Y[held],
            sample_weight_val=weight[held],
        )


def test_scoring_without_anything_to_score_is_an_error():
    for scoring in ("r2", make_scorer(median_absolute_error)):
        with pytest.raises(ValueError, match=r"scoring.*early_stopping=True.*X_val"):
            SGDRidge(scoring=scoring).fit(X, Y)
        with pytest.raises(ValueError, match=r"scoring.*X_val"):
            SGDRidge(scoring=scoring).partial_fit(X, Y)
        SGDRidge(scoring=scoring, **FIXED).set_params(max_iter=2).fit(
            X, Y, X_val=X, y_val=Y
        )
