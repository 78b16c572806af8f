"""The default solver on data made to break it: the optimum, or a warning that says why."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from newton import least_squares, log_loss_objective, newton, squared_objective
from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge, _gram, _judge, _wide
from sgd_estimators._kernels.losses import Logistic, Softmax, Squared
from sgd_estimators._kernels.objective import Objective
from sgd_estimators._newton import GAIN, Samples, at, damped, remembered
from sgd_estimators._rows import as_rows
from sgd_estimators._sample import Sample
from sgd_estimators._subset import SubsetBound

rng = np.random.default_rng(0)
N = 600
BASE = rng.normal(size=(N, 5))
LATENT = BASE @ [1.0, -2, 0.5, 0, 1] + rng.logistic(size=N)


def one_hot(levels):
    return np.eye(levels.max() + 1)[levels]


HARD = {
    "duplicate": np.column_stack([BASE, BASE[:, :2]]),
    "constant and zero": np.column_stack([BASE, np.full(N, 7.0), np.zeros(N)]),
    "scales": BASE * [1e-12, 1e-6, 1.0, 1e6, 1e12],
    "nearly collinear": np.column_stack([BASE, BASE[:, 0] + 1e-7 * rng.normal(size=N)]),
    "years": BASE + 1e6,
    "heavy tails": rng.standard_t(3, size=(N, 5)),
    "rare levels": np.column_stack([BASE, one_hot((rng.random(N) ** 6 * 40).astype(int))]),
    "sorted": BASE[np.argsort(LATENT)],
    "wide": rng.normal(size=(40, 90)),
}


def targets(X):
    return LATENT[: len(X)]


@pytest.mark.parametrize("case", HARD)
def test_ridge_on_hard_data(case):
    X = HARD[case]
    y = targets(X)
    model = SGDRidge(alpha=1.0, random_state=0).fit(X, y)
    optimum = least_squares(X, y, 1 / len(y))
    value = squared_objective(X, y, model.coef_, model.intercept_, penalty=1 / len(y))
    assert model.converged_
    assert optimum.excess(value) <= 1e-10


@pytest.mark.parametrize("case", [case for case in HARD if case != "wide"])
def test_least_squares_on_hard_data(case):
    X = HARD[case]
    y = targets(X)
    model = SGDLinearRegressor(random_state=0).fit(X, y)
    # The reference has equilibrated columns: its rank cut-off drops none that counts.
    unit = X - X.mean(axis=0)
    scale = np.sqrt(np.mean(unit * unit, axis=0))
    unit /= np.where(scale > 0, scale, 1.0)
    best = np.mean((LinearRegression().fit(unit, y).predict(unit) - y) ** 2)
    assert np.mean((model.predict(X) - y) ** 2) <= best * (1 + 1e-9)
    assert model.converged_


def test_least_squares_has_the_least_norm_where_it_is_not_unique():
    for case in ("duplicate", "wide"):
        X = HARD[case]
        ours = SGDLinearRegressor(random_state=0).fit(X, targets(X))
        theirs = LinearRegression().fit(X, targets(X))
        np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-7, atol=1e-9)


def test_least_squares_without_an_intercept_stays_about_zero():
    X = np.column_stack([BASE, BASE[:, :2]]) + 2  # seen twice, as columns are equal
    ours = SGDLinearRegressor(fit_intercept=False, random_state=0).fit(X, LATENT + 5)
    theirs = LinearRegression(fit_intercept=False).fit(X, LATENT + 5)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-7, atol=1e-9)
    loss = np.mean((ours.predict(X) - LATENT - 5) ** 2) / 2
    np.testing.assert_allclose(ours.objective_, loss)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("case", HARD)
def test_logistic_on_hard_data(case, n_classes, sparse):
    X = HARD[case]
    y = np.digitize(targets(X), [0.0] if n_classes == 2 else [-1.0, 1.0])
    if case == "sorted":
        y = np.sort(y)
    data = sp.csr_array(X) if sparse else X
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = SGDLogistic(random_state=0).fit(data, y)
    value = log_loss_objective(X, y, model.coef_, model.intercept_, penalty=1 / len(y))
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(value)
    assert model.converged_ != bool(caught)
    assert {w.category for w in caught} <= {ConvergenceWarning}


def test_separable_classes_without_a_penalty():
    X = np.column_stack([np.arange(40.0), rng.normal(size=40)])
    y = np.arange(40) >= 20
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = SGDLogistic(C=np.inf, random_state=0).fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert model.score(X, y) == 1
    assert model.converged_ != bool(caught)


def test_one_positive_in_many():
    X = rng.normal(size=(100_000, 3))
    y = np.zeros(len(X), int)
    y[np.argmax(X[:, 0])] = 1
    model = SGDLogistic(random_state=0).fit(X, y)
    optimum = newton(X, y, 1 / len(y))
    value = log_loss_objective(X, y, model.coef_, model.intercept_, penalty=1 / len(y))
    assert model.converged_
    assert optimum.excess(value) <= model.tol


def test_weights_spread_over_eight_decades():
    weight = 10.0 ** rng.uniform(-4, 4, N)
    for Model, y in ((SGDRidge, LATENT), (SGDLogistic, LATENT > 0)):
        model = Model(random_state=0).fit(BASE, y, sample_weight=weight)
        assert model.converged_
        again = Model(random_state=0, tol=1e-10).fit(BASE, y, sample_weight=weight)
        assert model.objective_ <= again.objective_ + model.gap_ + 1e-12
        assert model.gap_ >= model.objective_ - again.objective_ - 1e-12


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(3, 200),
    d=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
    spread=st.integers(0, 8),
    classes=st.integers(2, 4),
    C=st.sampled_from([1e-3, 1.0, 1e3]),
)
@example(n=3, d=4, seed=8, spread=5, classes=3, C=1e3)  # norms beyond the range of floats
def test_the_gap_is_never_below_the_distance(n, d, seed, spread, classes, C):
    rng = np.random.default_rng(seed)
    X = rng.standard_t(3, size=(n, d)) * 10.0 ** rng.uniform(-spread, spread, d)
    X += rng.normal(size=d)
    y = rng.integers(0, classes, n)
    y[:classes] = np.arange(classes)[: len(y)]
    if len(np.unique(y)) < 2:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        rough = SGDLogistic(C=C, tol=1e-2, random_state=0).fit(X, y)
        fine = SGDLogistic(C=C, tol=1e-9, random_state=0).fit(X, y)
    assert rough.gap_ >= rough.objective_ - fine.objective_ - 1e-9


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_warm_start_with_all_scores_too_high_is_certified_truly(fit_intercept):
    X, y = load_wine(return_X_y=True)
    model = SGDLogistic(1e3, fit_intercept=fit_intercept, warm_start=True, random_state=0)
    model.fit(X, y)
    assert model.converged_
    best = model.objective_ - model.gap_
    for size in (1e-4, 1e-2, 1.0):
        model.coef_ = model.coef_ + size / (1 + X.std(axis=0))  # the same for all classes
        model.set_params(max_iter=1, tol=0.1).fit(X, y)
        assert model.gap_ >= model.objective_ - best - 1e-6


@pytest.mark.parametrize("Model", [SGDRidge, SGDLogistic])
def test_the_number_of_threads_changes_no_bit(Model):
    y = LATENT if Model is SGDRidge else LATENT > 0
    fits = [Model(n_jobs=k, random_state=0).fit(BASE, y) for k in (1, 2)]
    assert fits[0].coef_.tobytes() == fits[1].coef_.tobytes()


def test_rows_that_hardly_bend_are_no_walls(monkeypatch):
    # Newton's steps must be short here: alone, they take some thousand passes.
    made = []
    product = _wide.Bend.__call__
    monkeypatch.setattr(
        _wide.Bend, "__call__", lambda self, V: made.append(1) or product(self, V)
    )
    rng = np.random.default_rng(2)
    X = 100 * rng.gamma(0.1, size=(1500, 120)) * (rng.random((1500, 120)) < 0.5)
    truth = rng.normal(size=(8, 120)) / X.std(axis=0)
    y = np.argmax(X @ truth.T + rng.gumbel(size=(1500, 8)), axis=1)
    model = SGDLogistic(C=100, tol=1e-4, random_state=0).fit(X, y)
    assert model.converged_
    assert model.n_iter_ + len(made) < 500


def test_a_hessian_of_all_classes_ends_what_the_shared_one_does_not():
    # Smooth curves whose ends are rarely above 0: without it, 1000 passes end uncertified.
    rng = np.random.default_rng(1)
    t, y = np.linspace(-1, 1, 120), rng.integers(8, size=8000)
    height = 0.6 * rng.normal(size=(8, 4))[y] + 0.4 * rng.normal(size=(8000, 4))
    bumps = np.exp(-((t - np.array([[-0.6], [-0.2], [0.2], [0.6]])) ** 2) / 0.05)
    X = height @ bumps + 0.1 * rng.normal(size=(8000, 120)) - 1.5 * np.abs(t) ** 3
    model = SGDLogistic(tol=1e-6, random_state=0).fit(255 * np.maximum(X, 0.0), y)
    assert model.converged_
    assert model.n_iter_ < 500


@pytest.mark.parametrize("fit_intercept", [False, True])
def test_the_hessian_of_all_classes(fit_intercept):
    n, d, K = 40, 3, 4
    rng = np.random.default_rng(0)
    s = rng.uniform(0.5, 2, n) / n
    rows = as_rows(rng.normal(size=(n, d)), fit_intercept)
    y = rng.integers(K, size=(n, 1)).astype(float)
    f = Objective(rows, Softmax(K), y, np.full(K, 0.3))
    sample = Sample(f, np.arange(n), s, s)
    p, A = softmax(rng.normal(size=(n, K)), axis=1), sample.A
    H = sum(
        s[i] * np.kron(np.diag(p[i]) - np.outer(p[i], p[i]), np.outer(A[i], A[i]))
        for i in range(n)
    ) + np.diag(f.penalty.ravel())
    V = rng.normal(size=(K, A.shape[1]))
    V -= V.mean(axis=0)  # where alone the classes are told apart
    G = (H @ V.ravel()).reshape(V.shape)
    np.testing.assert_allclose(sample.inverse(sample.bend(p))(G), V, atol=1e-10)
    mean = np.tile(np.bincount(y[:, 0].astype(int), s) / s.sum(), (n, 1))
    np.testing.assert_allclose(sample.bend_at_start, sample.bend(mean, s), atol=1e-13)


@pytest.mark.parametrize("loss", [Logistic(), Softmax(3)])
def test_a_damped_step_keeps_what_it_promises(loss):
    n, d, K = 300, 4, getattr(loss, "n_classes", 1)
    rng = np.random.default_rng(0)
    rows, s = as_rows(rng.standard_t(3, size=(n, d)), True), np.full(n, 1 / n)
    y = rng.integers(max(2, K), size=(n, 1)).astype(float)
    sample = Sample(Objective(rows, loss, y, np.full(K, 1e-3)), np.arange(n), s, s)
    F = sample.value_and_gradient

    def kept(point, solve):
        step = solve(point.G)
        return (point.value - F(point.W - step)[0]) / (0.5 * np.sum(step * point.G))

    near = at(F, np.zeros((K, d + 1)))
    solve, damping = damped(sample, F, near, 0.0)
    assert damping == 0
    np.testing.assert_array_equal(solve(near.G), sample.hessian(near.W)(near.G))
    far = at(F, rng.normal(scale=20, size=(K, d + 1)))  # most rows are sure of themselves
    assert kept(far, sample.hessian(far.W)) < 0
    solve, damping = damped(sample, F, far, 0.0)
    assert damping > 0
    assert kept(far, solve) >= GAIN


def test_a_point_that_is_asked_for_again_is_computed_once():
    asked = []

    def F(W):
        asked.append(W)
        return len(asked), W + 1

    G, W = remembered(F), np.zeros((1, 2))
    for at_once in (W, W.copy()):
        value, gradient = G(at_once)
        assert value == 1
        np.testing.assert_array_equal(gradient, W + 1)
    assert G(W + 1)[0] == 2
    assert G(W)[0] == 3


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("loss", [Squared(), Logistic(), Softmax(3)])
def test_a_sample_of_thin_rows_is_that_of_the_same_array(loss, fit_intercept):
    n, d = 60, 9
    rng = np.random.default_rng(0)
    X = sp.csr_array(sp.random_array((n, d), density=0.1, rng=rng, format="csr") * 5)
    y = rng.integers(2, size=(n, 1)).astype(float)
    rows, s = rng.permutation(n)[:40], rng.random(40) * (rng.random(40) < 0.8)
    mean, scale = rng.normal(size=d) * fit_intercept, rng.uniform(0.5, 2, d)
    both = []
    for data in (X, X.toarray()):
        outputs = getattr(loss, "n_classes", 1)
        f = Objective(as_rows(data, fit_intercept), loss, y, np.full(outputs, 0.3))
        f.set_metric(mean, scale)
        whole = Sample(f, rows, s, s)
        first = whole.first(3, 20)
        whole.value_and_gradient(np.zeros(f.penalty.shape))
        both.append((whole, first, whole.first(3, 20)))
    W = rng.normal(size=(outputs, d + fit_intercept))
    for thin, full in zip(*both, strict=True):
        assert thin.stored is not None
        assert full.stored is None
        np.testing.assert_allclose(thin.A, full.A, atol=1e-12)
        np.testing.assert_allclose(thin.scores(W), full.scores(W), atol=1e-12)
        (value, G), (same, H) = thin.value_and_gradient(W), full.value_and_gradient(W)
        np.testing.assert_allclose(value, same)
        np.testing.assert_allclose(G, H, atol=1e-12)
        np.testing.assert_allclose(thin.hessian(W)(G), full.hessian(W)(G), atol=1e-9)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_hessian_of_all_classes_from_all_rows(weighted, sparse, monkeypatch):
    monkeypatch.setattr(_gram, "ROWS", 7)
    n, d, K = 40, 3, 4
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n, d)), rng.integers(K, size=(n, 1)).astype(float)
    weight = rng.uniform(0.5, 2, n) if weighted else None
    active = np.arange(2, n, 2)
    rows = as_rows(sp.csr_array(X) if sparse else X, True)
    f = Objective(rows, Softmax(K), y, np.full(K, 0.3), weight, active)
    W, V = rng.normal(size=(2, K, d + 1))
    V -= V.mean(axis=0)
    G = [f.value_and_gradient(W + step * V)[1] for step in (1e-4, -1e-4)]
    found = _gram.all_blocks(f, W)((G[0] - G[1]) / 2e-4)
    np.testing.assert_allclose(found, V, rtol=1e-4, atol=1e-4)


def test_a_hessian_that_turns_is_made_anew(load_real):
    X, y = load_real("covertype")  # 24 passes with that of the mini-batch's optimum
    models = [SGDLogistic(C=100, tol=1e-8, random_state=seed) for seed in range(3)]
    passes = [model.fit(X, y == 0).n_iter_ for model in models]
    assert all(model.converged_ for model in models)
    assert np.mean(passes) <= 17


@pytest.mark.parametrize("kind", [sp.csr_array, sp.csr_matrix])
def test_rows_with_a_rare_zero_are_met(kind):
    n, d = 20_000, 60
    rng = np.random.default_rng(0)
    X = (rng.random((n, d)) < 0.3) * rng.normal(size=(n, d))
    X[:, 0] = 1.0
    X[[7, 5000, 19_000], 0] = 0.0  # all that tells the column from a constant
    y = X[:, 1] + rng.normal(size=n) > 0
    rows = as_rows(kind(X), True)
    f = Objective(rows, Logistic(), y[:, None].astype(float), np.full(1, 1 / n))
    samples = Samples(f, 0)
    assert samples.sizes[-1] < n
    assert {7, 5000, 19_000} <= set(samples.rare)
    model = SGDLogistic(random_state=0).fit(kind(X), y)
    assert model.converged_


def test_a_mini_batch_with_rare_levels_is_learned_from(load_real):
    # Where most rows are sure of themselves, steps that are not damped get nowhere.
    X, y = load_real("covertype")  # 70 passes without
    X = StandardScaler().fit_transform(X)
    models = [SGDLogistic(C=100, tol=1e-2, random_state=seed).fit(X, y) for seed in (0, 1)]
    assert all(model.converged_ for model in models)
    assert np.mean([model.n_iter_ for model in models]) <= 55


def test_a_hessian_that_sees_the_point_far_away_is_not_believed_at_once(load_real):
    X, y = load_real("a9a")  # 23 passes where it is: some with a rate of 0.001
    X = StandardScaler(with_mean=False).fit_transform(X)
    model = SGDLogistic(tol=0.1, random_state=0).fit(X, y)
    assert model.converged_
    assert model.n_iter_ <= 15


def test_newtons_method_ends_where_the_gradient_is_zero():
    rows, y = as_rows(np.zeros((6, 2)), False), np.tile([[0.0], [1.0], [2.0]], (2, 1))
    f = Objective(rows, Softmax(3), y, np.full(3, 0.1))
    points = _wide.newton(f, np.zeros((3, 2)), lambda W: lambda G: G, None, lambda W: None)
    assert len(list(points)) == 1


def test_a_bound_that_failed_rests_as_many_passes_as_it_took(monkeypatch):
    tries = []
    monkeypatch.setattr(SubsetBound, "gap", lambda self, *args: tries.append(1) or np.inf)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, 200))
    y = X[:, :3].sum(axis=1) + rng.logistic(size=6000) > 0
    with pytest.warns(ConvergenceWarning):
        model = SGDLogistic(C=np.inf, tol=1e-2, max_iter=40, random_state=0).fit(X, y)
    cost = 2 * 200 / 9 * 1000 / 6000  # of a try in passes, at least
    assert 1 <= len(tries) <= 2 + model.n_iter_ / cost


def test_a_bound_that_rests_is_tried_before_the_end(monkeypatch):
    gap, tries = SubsetBound.gap, []

    def late(self, *args):  # the first try fails, and the bound rests for all passes
        tries.append(1)
        return np.inf if len(tries) == 1 else gap(self, *args)

    monkeypatch.setattr(SubsetBound, "gap", late)
    monkeypatch.setattr(_judge, "TRY", 1e6)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60_000, 20))
    y = X[:, :3].sum(axis=1) + rng.logistic(size=60_000) > 0
    model = SGDLogistic(C=np.inf, tol=1e-2, random_state=0).fit(X, y)
    assert model.converged_
    assert len(tries) == 2
