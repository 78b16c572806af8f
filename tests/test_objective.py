"""f and its gradient against NumPy, for every loss and every way to store the data."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logsumexp, softmax

from oracle import LOSSES, ROUNDING, STORAGES, assert_equal, draw
from sgd_estimators._kernels.losses import Logistic, Softmax, Squared
from sgd_estimators._kernels.objective import Objective
from sgd_estimators._rows import as_rows

each_loss = pytest.mark.parametrize("loss", LOSSES)
each_storage = pytest.mark.parametrize("storage", STORAGES)
each_intercept = pytest.mark.parametrize("fit_intercept", [True, False])
deterministic = settings(derandomize=True, deadline=None, database=None, max_examples=100)


@each_loss
@each_storage
@each_intercept
def test_equals_the_formula(loss, storage, fit_intercept):
    p = draw(loss, fit_intercept=fit_intercept)
    f = p.kernel(storage)
    for W in (p.W, 0 * p.W, p.W):  # where W is 0, no score is computed
        assert_equal(f.value_and_gradient(W), p.value_and_gradient(W))
    for batch in (p.active[:1], p.active[5:16], p.active[::-2]):
        want = p.value_and_gradient(p.W, batch)
        assert_equal(f.value_and_gradient(p.W, batch), want)


@deterministic
@given(
    st.sampled_from(list(LOSSES)),
    st.integers(1, 60),
    st.integers(0, 130),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.integers(0, 2**32),
)
def test_every_storage_equals_the_formula(loss, n, d, options, seed):
    p = draw(loss, n, d, *options, seed)
    want = p.value_and_gradient(p.W)
    for storage in STORAGES:
        assert_equal(p.kernel(storage).value_and_gradient(p.W), want)


@each_storage
def test_every_width(storage):
    for d in range(131):
        p = draw("squared x 3", n=8 + d % 9, d=d)
        want = p.value_and_gradient(p.W)
        assert_equal(p.kernel(storage).value_and_gradient(p.W), want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_outputs", [1, 2, 3, 4, 5, 8, 10, 17])
@pytest.mark.parametrize("d", [1, 7, 8, 9, 16, 31, 48, 54, 63, 100, 785])
def test_several_outputs(dtype, n_outputs, d):
    rng = np.random.default_rng(0)
    for n in (1, 3, 8, 100, 1000):
        X = rng.standard_normal((n, d)).astype(dtype)
        y = rng.standard_normal((n, n_outputs))
        W = rng.standard_normal((n_outputs, d + 1))
        f = Objective(as_rows(X, True), Squared(), y, np.zeros(n_outputs))
        seen = np.hstack([X.astype(np.float64), np.ones((n, 1))])
        assert_equal([f.scores(W)], [seen @ W.T])
        for batch in (None, rng.permutation(n)[: n // 2 + 1]):
            rows = np.arange(n) if batch is None else batch
            R = seen[rows] @ W.T - y[rows]
            want = 0.5 * np.sum(R * R) / len(R), R.T @ seen[rows] / len(R)
            assert_equal(f.value_and_gradient(W, batch), want)


@each_storage
@pytest.mark.parametrize(("n", "d"), [(9001, 3), (9001, 0), (40, 3001)])
def test_more_rows_than_fit_in_a_buffer(storage, n, d):
    p = draw("softmax x 4", n=n, d=d)
    f = p.kernel(storage)
    assert_equal(f.value_and_gradient(p.W), p.value_and_gradient(p.W))


@each_storage
def test_no_entry_but_zero(storage):
    p = replace(draw("logistic"), X=np.zeros((43, 7)))
    f = p.kernel(storage)
    assert_equal(f.value_and_gradient(p.W), p.value_and_gradient(p.W))


@each_loss
def test_gradient_is_the_slope_of_the_value(loss):
    p = draw(loss)
    f = p.kernel()
    gradient = f.value_and_gradient(p.W)[1]
    slope = np.empty_like(p.W)
    step = 1e-5  # h^2 and eps/h are both below 1e-9
    for at in np.ndindex(p.W.shape):
        h = np.zeros_like(p.W)
        h[at] = step
        higher, lower = (f.value_and_gradient(W)[0] for W in (p.W + h, p.W - h))
        slope[at] = (higher - lower) / (2 * step)
    assert_allclose(gradient, slope, rtol=0, atol=1e-8)


@each_loss
@pytest.mark.parametrize("score", [-1e3, -40.0, 0.0, 40.0, 1e3])
def test_no_overflow_at_large_scores(loss, score):
    p = draw(loss, d=0, weighted=False)
    W = np.zeros_like(p.W)
    W[-1] = score
    assert_equal(p.kernel().value_and_gradient(W), p.value_and_gradient(W))


@pytest.mark.parametrize("storage", ["dense f64", "csr f64 i32"])
def test_a_large_mean_costs_its_digits_only(storage):
    p = draw("squared")
    p.X[:, 0] += 1e6
    p.mean[0] = 1e6
    f = p.kernel(storage)
    # The centre is taken off a sum: 1e6 times the rounding of numbers of order 10.
    assert_equal(f.value_and_gradient(p.W), p.value_and_gradient(p.W), 1e-8)


def frozen(X):
    for part in (X.data, X.indices, X.indptr) if hasattr(X, "indptr") else (X,):
        part.flags.writeable = False
    return X


@each_storage
def test_arrays_may_be_read_only(storage):
    p = draw("logistic")
    want = p.kernel(storage).value_and_gradient(p.W)
    parts = (p.X, p.y, p.W, p.weight, p.active, p.mean, p.scale)
    X, y, W, weight, active, mean, scale = (frozen(part.copy()) for part in parts)
    rows = as_rows(frozen(STORAGES[storage](X.copy())), True)
    f = Objective(rows, LOSSES["logistic"][0], y, p.alpha, weight, active)
    f.set_metric(mean, scale)
    assert_equal(f.value_and_gradient(W), want, 0)
    assert_equal(f.value_and_gradient(W, active), want, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_map(tmp_path, dtype):
    p = draw("squared", weighted=False, subset=False)
    np.save(tmp_path / "X.npy", p.X.astype(dtype))
    rows = as_rows(np.load(tmp_path / "X.npy", mmap_mode="r"), True)
    f = Objective(rows, LOSSES["squared"][0], p.y, p.alpha)
    f.set_metric(p.mean, p.scale)
    assert isinstance(rows.X, np.memmap)  # not copied
    assert_equal(f.value_and_gradient(p.W), p.value_and_gradient(p.W))


@each_loss
@each_storage
def test_weights_are_repetitions(loss, storage):
    p = draw(loss, subset=False)
    times = np.random.default_rng(1).integers(1, 5, len(p.X))
    again = np.repeat(np.arange(len(p.X)), times)
    weighed = replace(p, weight=times.astype(np.float64))
    repeated = replace(p, X=p.X[again], y=p.y[again], weight=None)
    assert_equal(
        weighed.kernel(storage).value_and_gradient(p.W),
        repeated.kernel(storage).value_and_gradient(p.W),
    )


@each_loss
@each_storage
def test_active_rows_are_the_sub_matrix(loss, storage):
    p = draw(loss)
    keep = p.active
    part = replace(p, X=p.X[keep], y=p.y[keep], weight=p.weight[keep], active=None)
    f, g = p.kernel(storage), part.kernel(storage)
    assert_equal(f.value_and_gradient(p.W), g.value_and_gradient(p.W))
    assert (f.n_active, f.n_params) == (g.n_active, g.n_params)
    assert_allclose(f.total_weight, g.total_weight, rtol=ROUNDING)
    assert_array_equal(f.indices, keep)
    assert_array_equal(g.indices, np.arange(len(keep)))


@each_loss
@each_storage
@pytest.mark.parametrize("size", [1, 4, 10])
def test_batches_average_to_the_whole(loss, storage, size):
    p = draw(loss)
    f = p.kernel(storage)
    order = np.random.default_rng(1).permutation(p.active)
    batches = np.split(order, range(size, len(order), size))
    parts = [f.value_and_gradient(p.W, batch) for batch in batches]
    shares = [len(batch) / len(order) for batch in batches]
    mean = [
        sum(s * part for s, part in zip(shares, kind, strict=True))
        for kind in zip(*parts, strict=True)
    ]
    assert_equal(mean, f.value_and_gradient(p.W))


@each_loss
@each_storage
@each_intercept
def test_the_metric_changes_no_value(loss, storage, fit_intercept):
    p = draw(loss, fit_intercept=fit_intercept)
    mean = p.mean * fit_intercept  # only an intercept can take a centre up
    f = p.kernel(storage)
    f.set_metric(mean, p.scale)
    coef, intercept = f.rows.to_user(p.W)
    assert_allclose(f.rows.from_user(coef, intercept), p.W, rtol=0, atol=ROUNDING)
    seen = replace(p, mean=mean).seen()
    scores = p.X @ coef.T + intercept
    assert_allclose(scores, seen @ p.W.T, rtol=0, atol=ROUNDING)

    value, gradient = f.value_and_gradient(p.W)
    f.set_metric(np.zeros_like(mean), np.ones_like(mean))
    plain = f.rows.from_user(coef, intercept)
    plain_value, plain_gradient = f.value_and_gradient(plain)
    assert_allclose(value, plain_value, rtol=ROUNDING)
    slope = plain_gradient[:, : p.X.shape[1]]
    if fit_intercept:
        slope = slope - plain_gradient[:, -1:] * mean
        assert_allclose(gradient[:, -1], plain_gradient[:, -1], rtol=0, atol=ROUNDING)
    assert_allclose(gradient[:, : slope.shape[1]], slope / p.scale, rtol=0, atol=1e-11)


@each_loss
def test_value_is_losses_and_penalty(loss):
    p = draw(loss)
    f = p.kernel()
    value = f.value_and_gradient(p.W)[0]
    penalty = np.zeros_like(p.W)
    penalty[:, :-1] = p.alpha[:, None] / p.scale**2
    assert_allclose(f.penalty, penalty, rtol=ROUNDING)
    assert_allclose(f.losses.sum() + 0.5 * np.sum(penalty * p.W**2), value, rtol=1e-12)
    if loss == "squared x 3":
        for k, own in enumerate(f.losses):
            y, W = p.y[:, k : k + 1].copy(), p.W[k : k + 1]
            alone = replace(p, loss="squared", y=y, alpha=np.zeros(1))
            assert_allclose(own, alone.value_and_gradient(W)[0], rtol=ROUNDING)


@each_loss
@pytest.mark.parametrize("weighted", [True, False])
def test_best_intercept(loss, weighted):
    p = draw(loss, d=0, weighted=weighted, subset=False)
    f = p.kernel()
    W = f.loss.intercept(p.y, p.weight)[:, None]
    assert_allclose(f.value_and_gradient(W)[1], 0, rtol=0, atol=ROUNDING)


@each_loss
def test_curvature_bounds_the_change_of_slope(loss):
    p = draw(loss, n=1, d=0, weighted=False)
    f = p.kernel()
    rng = np.random.default_rng(1)
    ratios = []
    for size in np.geomspace(1e-3, 10, 200):
        z = rng.standard_normal(p.W.shape) * size
        h = rng.standard_normal(p.W.shape) * size
        change = f.value_and_gradient(z + h)[1] - f.value_and_gradient(z)[1]
        ratios.append(np.linalg.norm(change) / np.linalg.norm(h))
    assert 0.4 * f.loss.curvature < max(ratios) <= f.loss.curvature * (1 + 1e-9)


@each_loss
def test_losses_pickle(loss):
    p = draw(loss)
    f = p.kernel()
    twin = pickle.loads(pickle.dumps(f.loss))
    g = Objective(f.rows, twin, p.y, p.alpha, p.weight, p.active)
    assert_equal(g.value_and_gradient(p.W), f.value_and_gradient(p.W), 0)


# What a pass with NumPy is made for: (n, d) in one block and in several.
SHAPES = pytest.mark.parametrize(("n", "d"), [(43, 7), (500, 600), (12, 0)])
ROWS = {
    "all": lambda n: range(n),
    "some": lambda n: np.flatnonzero(np.arange(n) % 3),
    "neighbours": lambda n: np.arange(2, n - 2),
    "in any order": lambda n: np.array([0, n - 1, 2]),
    "one": lambda n: np.array([n - 1]),
}


@SHAPES
@each_storage
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("which", ROWS)
def test_moments_norm_and_gram(n, d, storage, weighted, which):
    p = draw("squared", n, d, weighted=weighted)
    rows = as_rows(STORAGES[storage](p.X), True)
    index = ROWS[which](n)
    X = p.X[index]
    s = np.ones(len(X)) if p.weight is None else p.weight[index]
    centre = np.average(X, 0, s)
    mean, square = rows.moments(index, p.weight)
    assert_allclose(mean, centre, rtol=0, atol=ROUNDING)
    assert_allclose(square, np.average((X - centre) ** 2, 0, s), rtol=0, atol=ROUNDING)

    rows.set_metric(centre, p.scale)
    seen = np.hstack([(X - centre) / p.scale, np.ones((len(X), 1))])
    found = np.concatenate([part for _, part in rows.norms(index, p.scale**-2.0)])
    assert_allclose(found, np.sum(seen[:, :d] ** 2, axis=1), ROUNDING, 1e-20)
    want = (seen.T * s) @ seen
    assert_allclose(rows.gram(index, p.weight), want, rtol=0, atol=ROUNDING * len(X))


@each_storage
def test_gram_without_intercept(storage):
    p = draw("squared", fit_intercept=False)
    rows = as_rows(STORAGES[storage](p.X), False)
    assert_allclose(rows.gram(range(43), None), p.X.T @ p.X, rtol=0, atol=1e-11)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [True, False])
def test_moments_of_a_column_far_from_zero(dtype, weighted, sparse):
    p = draw("squared", n=5000, d=4, weighted=weighted)
    X = p.X.astype(dtype)
    X[:, 1] += 1e6
    X[5:, 3] += 1e6  # the first rows are far from the mean
    X = np.ascontiguousarray(X[::-1])
    rows = as_rows(sp.csr_array(X) if sparse else X, True)
    mean, square = rows.moments(range(5000), p.weight)
    X = X.astype(np.longdouble)
    want = np.average(X, 0, p.weight)
    assert_allclose(mean, want, rtol=1e-14, atol=1e-15)
    want = np.average((X - want) ** 2, 0, p.weight)
    assert_allclose(square, want, rtol=1e-13)


@each_storage
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e6 / 3, 1e-300, 1e12 / 7])
def test_moments_of_a_constant_column(storage, weighted, value):
    p = draw("squared", n=999, d=2, weighted=weighted)
    p.X[:, 0] = value
    X = STORAGES[storage](p.X)
    mean, square = as_rows(X, True).moments(range(999), p.weight)
    value = float(X[[0]].toarray()[0, 0] if sp.issparse(X) else X[0, 0])
    rounding = 4 * np.finfo(np.float64).eps * abs(value)
    assert abs(mean[0] - value) <= rounding
    assert square[0] <= rounding**2


@each_storage
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 20, 42])  # 0 is among those that the mean starts from
def test_moments_of_what_is_not_finite_are_not(storage, bad, row):
    p = draw("squared")
    p.X[row, 3] = bad
    _, square = as_rows(STORAGES[storage](p.X), True).moments(range(43), None)
    assert_array_equal(np.isfinite(square), np.arange(7) != 3)
    some = np.flatnonzero(np.arange(43) != row)
    mean, square = as_rows(STORAGES[storage](p.X), True).moments(some, None)
    assert np.isfinite(mean).all()
    assert np.isfinite(square).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("which", ["all", "some", "neighbours"])
def test_moments_of_many_rows_by_threads(dtype, weighted, which):
    p = draw("squared", n=100_003, d=11, weighted=weighted)  # several blocks
    X, index = np.ascontiguousarray(1e3 + p.X, dtype), ROWS[which](100_003)
    rows = as_rows(X, True)
    mean, square = rows.moments(index, p.weight, 1)
    s = None if p.weight is None else p.weight[index]
    want = np.average(X[index].astype(np.longdouble), 0, s)
    assert_allclose(mean, want, rtol=1e-14)
    want = np.average((X[index].astype(np.longdouble) - want) ** 2, 0, s)
    assert_allclose(square, want, rtol=1e-13)
    for n_jobs in (2, 5):
        assert_array_equal(rows.moments(index, p.weight, n_jobs), (mean, square))


@pytest.mark.parametrize("far", [1e-9, 1.0, 40.0, 600.0, 1e5])
def test_losses_are_exact_near_and_far(far):
    z = far * np.array([-1.0, 1.0, -0.3, 0.7, 0.0] * 60)  # more than are taken at a time
    y = np.tile([0.0, 1.0, 1.0], 100)
    s = np.linspace(0.5, 2, 300)
    Z = z[:, None].copy()
    value = Logistic().slopes(y[:, None], s, Z)
    assert_allclose(value, s @ (np.logaddexp(0, z) - y * z), rtol=1e-14)
    assert_allclose(Z[:, 0], s * (expit(z) - y), rtol=1e-14, atol=1e-300)

    Z = np.column_stack([z, -z, 0.5 * z, z - 1])
    label = np.arange(300.0) % 4
    want = s[:, None] * (softmax(Z, axis=1) - (label[:, None] == range(4)))
    value = s @ (logsumexp(Z, axis=1) - Z[np.arange(300), label.astype(int)])
    assert_allclose(Softmax(4).slopes(label[:, None], s, Z), value, rtol=1e-14)
    assert_allclose(Z, want, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_losses_of_scores_that_are_not_finite_are_not(bad):
    for loss, width in ((Logistic(), 1), (Softmax(3), 3), (Squared(), 1)):
        Z = np.zeros((9, width))
        Z[4, 0] = bad
        assert not np.isfinite(loss.slopes(np.zeros((9, 1)), np.ones(9), Z))


@pytest.mark.parametrize("loss", ["logistic", "softmax x 4"])
def test_the_best_constant_of_classes_of_little_weight(loss):
    p = draw(loss)
    p.y[:4, 0] = np.arange(4) if loss.startswith("softmax") else [0, 1, 0, 1]
    p.weight[p.y[:, 0] == 1] *= 1e-7
    p.active = None
    f = p.kernel()
    W = np.zeros_like(p.W)
    W[:, -1] = f.loss.intercept(f.y, f.weight)
    assert np.abs(f.value_and_gradient(W)[1][:, -1]).max() <= ROUNDING


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("active", [None, np.arange(1, 5000, 3)])
def test_passes_in_turn_begin_at_the_first_row(active, sparse):
    made = np.random.default_rng(0)
    data, y = made.normal(size=(5000, 3)), made.normal(size=(5000, 1))
    data = sp.csr_array(data) if sparse else data
    W = made.normal(size=(1, 4))

    def new():
        return Objective(as_rows(data, True), Squared(), y, [0.1], None, active)

    f = new()
    value, G = new().value_and_gradient(W)
    for _ in range(3):
        found, H = f.value_and_gradient(W)
        np.testing.assert_array_equal(H, G)
        assert found == value
        f.value_and_gradient(W, np.arange(7))
        np.testing.assert_array_equal(f.scores(W), new().scores(W))
        f.take_order()  # by a pass that was cut short, which does not give it back
