"""Nothing goes wrong without a word: divergence, stopping, bad data, bad parameters."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from rules import RATED
from sgd_estimators import (
    DivergenceWarning,
    SGDLinearRegressor,
    SGDLogistic,
    SGDRidge,
    minimize,
    objective,
)
from sgd_estimators.optimizers import Optimizer

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4))
Y = X @ [3.0, -2.0, 1.0, 0.5] + 10 + rng.normal(size=200)
LABEL = (Y > 10).astype(int)
MODELS = ((SGDLinearRegressor, Y), (SGDRidge, Y), (SGDLogistic, LABEL))


def f_of(model, X, y):
    """Return the documented objective of a fitted regressor."""
    lam = getattr(model, "alpha", 0.0) / len(y)
    squares = np.mean((y - X @ model.coef_ - model.intercept_) ** 2)
    return 0.5 * squares + 0.5 * lam * model.coef_ @ model.coef_


def caught_from(call, *args, **kwargs):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*args, **kwargs)
    return caught


# Divergence


@pytest.mark.parametrize("rate", [50.0, 1e6, 1e300])
@pytest.mark.parametrize("setting", [{}, {"momentum": 0.9}, {"schedule": "constant"}])
@pytest.mark.parametrize(("Model", "y"), MODELS[:2])
def test_divergence_at_a_users_rate_is_told(Model, y, setting, rate):
    model = Model(learning_rate=rate, max_iter=50, random_state=0, **setting)
    with pytest.warns(DivergenceWarning, match="learning_rate") as caught:
        model.fit(X, y)
    assert len(caught) == 1
    assert caught[0].filename == __file__  # the user's line, not ours
    assert model.stop_reason_ == "diverged"
    assert not model.converged_
    assert model.learning_rate_ == rate
    assert np.all(np.isfinite(model.coef_))
    assert np.isfinite(model.intercept_)
    f0 = 0.5 * np.var(y)
    np.testing.assert_allclose(model.objective_, f_of(model, X, y), rtol=1e-12)
    assert model.objective_ <= f0 * (1 + 1e-12)  # of the best evaluated iterate
    assert np.all(np.isfinite(model.predict(X)))


def test_divergence_of_a_users_own_optimizer_is_told():
    class Poison(Optimizer):
        def start(self, n_params):
            def step(x, g, rate):
                x[0] = np.nan

            return step

    model = SGDLogistic(optimizer=Poison(), learning_rate=0.1)
    with pytest.warns(DivergenceWarning):
        model.fit(X, LABEL)
    assert np.all(np.isfinite(model.coef_))
    # With an automatic rate there is nothing left to cut in the end: it must end, too.
    with pytest.warns(ConvergenceWarning):
        model.set_params(learning_rate="auto", max_iter=100).fit(X, LABEL)
    assert np.all(np.isfinite(model.coef_))


@pytest.mark.parametrize("optimizer", RATED)
@pytest.mark.parametrize("scale", [1e-150, 1e-8, 1e8, 1e150])
def test_the_automatic_rate_survives_any_scale(optimizer, scale):
    model = SGDLinearRegressor(optimizer=optimizer, max_iter=30, random_state=0)
    caught = caught_from(model.fit, X * scale + 5 * scale, Y)
    assert {w.category for w in caught} <= {ConvergenceWarning}
    assert np.all(np.isfinite(model.coef_))
    assert np.mean((model.predict(X * scale + 5 * scale) - Y) ** 2) < 0.1 * np.var(Y)


def test_the_automatic_rate_recovers_from_rows_of_another_size():
    wild = X.copy()
    wild[::50] *= 1e4  # a batch with one of these is far steeper than the mean
    model = SGDLinearRegressor(optimizer="sgd", max_iter=200, random_state=0)
    caught = caught_from(model.fit, wild, Y)
    assert {w.category for w in caught} <= {ConvergenceWarning}
    assert np.all(np.isfinite(model.coef_))
    assert model.objective_ <= 0.5 * np.var(Y) * (1 + 1e-12)


# The end of a run


@pytest.mark.parametrize("momentum", [None, 0.5])
def test_max_iter_tells_slow_from_noisy(momentum):
    slow = SGDRidge(learning_rate=1e-6, max_iter=5, momentum=momentum, random_state=0)
    with pytest.warns(ConvergenceWarning, match="(?i)slow.*max_iter") as caught:
        slow.fit(X, Y)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    noisy = SGDRidge(
        learning_rate=0.05,
        batch_size=1,
        schedule="constant",
        momentum=momentum,
        n_iter_no_change=1000,
        max_iter=50,
        random_state=0,
    )
    with pytest.warns(ConvergenceWarning, match="noise floor"):
        noisy.fit(X, Y)
    for model in (slow, noisy):
        assert model.stop_reason_ == "max_iter"
        assert not model.converged_


QUIET = {
    "certified": {"batch_size": "full", "momentum": 0.5},
    "no_improvement": {"tol": 1e-15, "schedule": "constant", "learning_rate": 0.1},
    "early_stopping": {"early_stopping": True, "tol": 0.0},
    "callback": {"optimizer": "sgd", "callbacks": lambda model, record: True},
}


@pytest.mark.parametrize("reason", QUIET)
def test_ends_that_are_no_failure_do_not_warn(reason):
    model = SGDRidge(random_state=0, **QUIET[reason]).fit(X, Y)  # a warning would raise
    assert model.stop_reason_ == reason
    assert model.converged_ == (reason == "certified")


@pytest.mark.parametrize("stop_at", [1, 3])
@pytest.mark.parametrize(("Model", "y"), MODELS)
def test_an_interrupt_leaves_a_model(Model, y, stop_at):
    seen = []

    def interrupt(model, record):
        seen.append(record)
        if len(seen) == stop_at:
            raise KeyboardInterrupt

    model = Model(optimizer="adam", callbacks=[interrupt], random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.stop_reason_ == "interrupted"
    assert not model.converged_
    assert model.n_iter_ == stop_at
    assert np.all(np.isfinite(model.coef_))
    assert model.score(X, y) > 0
    model.set_params(callbacks=None, warm_start=True).fit(X, y)  # and it can go on
    assert model.t_ > stop_at


def test_an_interrupt_in_a_users_step_leaves_a_model():
    class Tired(Optimizer):
        def start(self, n_params):
            left = iter(range(30))

            def step(x, g, rate):
                if next(left, None) is None:
                    raise KeyboardInterrupt
                x -= rate * g

            return step

    model = SGDRidge(optimizer=Tired(), batch_size=20, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    assert model.stop_reason_ == "interrupted"
    assert np.isfinite(model.objective_)


# Bad data: (what, X, y, sample_weight, words of the message)

NAN, INF = X.copy(), X.copy()
NAN[3, 1], INF[3, 1] = np.nan, np.inf
SPARSE_NAN = sp.csr_array(NAN)
ONES = np.ones(200)
BAD_DATA = {
    "nan": (NAN, Y, None, "X.*NaN"),
    "inf": (INF, Y, None, "X.*inf"),
    "nan in csr": (SPARSE_NAN, Y, None, "NaN"),
    "one row of X is too many": (X[:-1], Y, None, "199.*200"),
    "vector": (Y, Y, None, "2D.*1D"),
    "cube": (X[None], Y, None, "dim|3"),
    "no rows": (X[:0], Y[:0], None, "0 sample"),
    "no columns": (X[:, :0], Y, None, "0 feature"),
    "text": (np.full((200, 4), "a"), Y, None, "X must hold numbers.*'a'"),
    "complex": (X + 1j, Y, None, "omplex"),
    "nan in y": (X, np.where(Y > 12, np.nan, Y), None, "y.*NaN"),
    "inf in y": (X, np.where(Y > 12, np.inf, Y), None, "y.*inf"),
    "no y": (X, None, None, "y"),
    "sparse y": (X, sp.csr_array(Y[:, None]), None, "y .*sparse.*toarray"),
    "nan weight": (X, Y, np.where(Y > 12, np.nan, 1), "sample_weight.*NaN"),
    "inf weight": (X, Y, np.where(Y > 12, np.inf, 1), "sample_weight.*inf"),
    "negative weight": (X, Y, np.where(Y > 12, -1.0, 1), "sample_weight.*-1"),
    "zero weights": (X, Y, 0 * ONES, "sample_weight.*zero"),
    "short weights": (X, Y, ONES[:9], "sample_weight.*200.*9"),
    "matrix of weights": (X, Y, np.ones((200, 2)), "sample_weight"),
    "text weights": (X, Y, np.full(200, "a"), "sample_weight must hold numbers.*'a'"),
    "huge weights": (X, Y, 1e306 * ONES, "sample_weight must sum.*inf"),
    "tiny weights": (X, Y, 5e-324 * ONES, "sample_weight must sum.*-32"),
    "text targets": (X, np.full(200, "a"), None, "y must hold numbers.*'a'"),
    "targets of all kinds": (X, np.array(["a", 1] * 100, object), None, "y must hold"),
}


@pytest.mark.parametrize("what", BAD_DATA)
@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_bad_data_is_an_error(what, how):
    data, target, weight, words = BAD_DATA[what]
    if (how, what) == ("partial_fit", "zero weights"):
        pytest.skip("a part of a stream may weigh nothing")
    with pytest.raises((ValueError, TypeError), match=f"(?s){words}"):
        getattr(SGDRidge(), how)(data, target, sample_weight=weight)


BAD_PLACES = {
    "a column too many": ([0, 1, 2], [0, 4], "X.indices.*4"),
    "a column before the first": ([0, 1, 2], [-1, 0], "X.indices.*-1"),
    "a row that ends before it begins": ([0, 2, 1], [0, 1], "X.indptr"),
}


@pytest.mark.parametrize("what", BAD_PLACES)
@pytest.mark.parametrize("how", ["fit", "predict", "X_val"])
@pytest.mark.parametrize("Model", [SGDRidge, SGDLogistic])
def test_places_that_are_none_of_a_matrix_are_an_error(Model, how, what):
    ends, columns, words = BAD_PLACES[what]
    matrix = sp.csr_matrix((2, 4))
    matrix.data, matrix.has_sorted_indices = np.ones(2), True
    matrix.indices, matrix.indptr = np.array(columns, "i4"), np.array(ends, "i4")
    matrix.has_canonical_format = True
    model = Model()
    if how == "fit":
        with pytest.raises(ValueError, match=words):
            model.fit(matrix, [0, 1])
    elif how == "predict":
        with pytest.raises(ValueError, match=words):
            model.fit(X, LABEL).predict(matrix)
    else:
        with pytest.raises(ValueError, match=words.replace("X.", "X_val.")):
            model.fit(X, LABEL, X_val=matrix, y_val=[0, 1])


def test_text_is_nothing_to_predict_from():
    with pytest.raises(ValueError, match=r"^X must hold numbers.*'a'"):
        SGDRidge().fit(X, Y).predict(np.full((3, 4), "a"))


BAD_LABELS = {
    "one class": (np.ones(200), None, "class"),
    "real": (Y, None, "continuous|Unknown label"),
    "two columns": (np.column_stack([LABEL, LABEL]), None, "y|shape|1d|multilabel"),
    "nan": (np.where(LABEL == 1, np.nan, 0.0), None, "NaN"),
}


@pytest.mark.parametrize("class_weight", [{0: 1e307, 1: 1e307}, {0: 0, 1: 5e-324}])
def test_class_weights_that_have_no_sum_are_an_error(class_weight):
    with pytest.raises(ValueError, match=r"times class_weight must sum"):
        SGDLogistic(class_weight=class_weight).fit(X, LABEL)


@pytest.mark.parametrize("what", BAD_LABELS)
def test_bad_labels_are_an_error(what):
    target, weight, words = BAD_LABELS[what]
    with pytest.raises(ValueError, match=words):
        SGDLogistic().fit(X, target, weight)


VALIDATION = {
    "no y_val": ({"X_val": X}, "y_val"),
    "no X_val": ({"y_val": Y}, "X_val"),
    "weights alone": ({"sample_weight_val": ONES}, "X_val"),
    "rows": ({"X_val": X, "y_val": Y[:7]}, "y_val.*200.*7"),
    "features": ({"X_val": X[:, :2], "y_val": Y}, "X_val.*4 features.*2"),
    "nan": ({"X_val": NAN, "y_val": Y}, "X_val.*NaN"),
    "nan in y": ({"X_val": X, "y_val": np.full(200, np.nan)}, "y_val.*NaN"),
    "text": ({"X_val": np.full((9, 4), "a"), "y_val": Y[:9]}, "X_val must hold numbers"),
    "text in y": ({"X_val": X, "y_val": np.full(200, "a")}, "y_val must hold numbers"),
    "targets": ({"X_val": X, "y_val": np.column_stack([Y, Y])}, "y_val.*1 targets.*2"),
    "no rows": ({"X_val": X[:0], "y_val": Y[:0]}, "X_val.*0, 4"),
    "weights": (
        {"X_val": X, "y_val": Y, "sample_weight_val": -ONES},
        "sample_weight_val.*-1",
    ),
    "no weight": ({"X_val": X, "y_val": Y, "sample_weight_val": 0 * ONES}, "t_val.*zero"),
}


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("what", VALIDATION)
def test_bad_validation_data_is_an_error(what, early_stopping):
    given, words = VALIDATION[what]
    model = SGDRidge(early_stopping=early_stopping, max_iter=5)
    with pytest.raises((ValueError, TypeError), match=f"(?s){words}"):
        model.fit(X, Y, **given)


MIXED = np.array(["a", 1] * 100, object)
LABELS_TOLD = {
    "a class that y has not": (LABEL + 1, "y_val.*classes.*2"),
    "text": (np.full(200, "a"), "y_val.*classes.*'a'"),
    "several types": (MIXED, "y_val.*classes.*type"),
    "two columns": (np.column_stack([LABEL, LABEL]), "y_val.*1 targets.*2"),
}


@pytest.mark.parametrize("what", LABELS_TOLD)
def test_labels_of_a_validation_set_are_those_of_y(what):
    labels, words = LABELS_TOLD[what]
    with pytest.raises((ValueError, TypeError), match=f"(?s){words}"):
        SGDLogistic(max_iter=5).fit(X, LABEL, X_val=X, y_val=labels)


def test_a_strange_label_of_no_weight_does_not_count():
    given = {"X_val": X, "y_val": np.append(LABEL[:-1], 7)}
    weight = np.append(ONES[:-1], 0.0)
    model = SGDLogistic().fit(X, LABEL, **given, sample_weight_val=weight)
    assert model.history_["score"][-1] == model.score(X[:-1], LABEL[:-1])


BAD_CLASSES = {
    "one": ([0], "classes.*2 labels"),
    "none": ([], "classes.*2 labels"),
    "nan": ([0, 1, np.nan], "classes.*NaN"),
    "a number": (2, "classes.*list"),
    "a matrix": ([[0, 1]], "classes.*list"),
    "several types": (np.array([0, "a"], object), "classes.*order"),
}


@pytest.mark.parametrize("what", BAD_CLASSES)
def test_bad_classes_of_a_stream_are_an_error(what):
    classes, words = BAD_CLASSES[what]
    model = SGDLogistic()
    with pytest.raises((ValueError, TypeError), match=words):
        model.partial_fit(X, LABEL, classes=classes)
    assert not hasattr(model, "classes_")


# Where and what is told


def test_a_warning_points_at_the_users_line():
    calls = {
        "fit": lambda: SGDRidge(learning_rate=1e6, random_state=0).fit(X, Y),
        "partial_fit": lambda: SGDRidge(learning_rate=1e6).partial_fit(X, Y),
        "classes": lambda: SGDLogistic(learning_rate=1e300, random_state=0).partial_fit(
            X, LABEL, classes=[0, 1]
        ),
        "max_iter": lambda: SGDRidge(max_iter=1, learning_rate=1e-6).fit(X, Y),
        "minimize": lambda: minimize(objective(X, Y), learning_rate=1e6),
        "average": lambda: SGDRidge(average=500, max_iter=3, random_state=0).fit(X, Y),
    }
    for name, call in calls.items():
        caught = caught_from(call)
        assert caught or name == "classes", name
        assert {warning.filename for warning in caught} <= {__file__}, name


def test_an_average_that_never_begins_is_told():
    given = {"max_iter": 3, "tol": 0.0, "random_state": 0}
    caught = caught_from(SGDRidge(average=500, **given).fit, X, Y)
    assert any("average has averaged nothing" in str(w.message) for w in caught)
    for quiet in (
        {"average": 3},
        {"average": 500, "warm_start": True},
        {"average": "tail"},
    ):
        caught = caught_from(SGDRidge(**quiet, **given).fit, X, Y)
        assert {w.category for w in caught} == {ConvergenceWarning}


@pytest.mark.parametrize("y", [1 / 3, 0.0, 1e8 / 3, -7.1])
@pytest.mark.parametrize("Model", [SGDLinearRegressor, SGDRidge])
def test_a_constant_target_is_certified(Model, y):
    model = Model(random_state=0).fit(X, np.full(200, y))
    assert model.converged_
    np.testing.assert_allclose(model.predict(X), y, rtol=1e-12)
    both = Model(batch_size="full", momentum=0.5, random_state=0)
    both.fit(X, np.column_stack([Y, np.full(200, y)]))
    assert both.converged_
