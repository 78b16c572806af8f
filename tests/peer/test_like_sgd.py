"""What scikit-learn's tests of SGDClassifier and SGDRegressor ask, asked of ours."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale

from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 4))
Y = X @ [1.0, -2.0, 0.0, 3.0] + 2 + 0.3 * rng.normal(size=120)
LABEL = np.digitize(Y, [0.0, 3.0])
ONES = np.ones(120)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def plain(Model, **given):
    """Return a model of plain SGD."""
    given = {"optimizer": "sgd", "max_iter": 5, "random_state": 0} | given
    return Model(**given)


@pytest.mark.parametrize("as_csr", [False, True])
@pytest.mark.parametrize(
    ("Model", "y"), [(SGDRidge, Y), (SGDLinearRegressor, Y), (SGDLogistic, LABEL)]
)
class TestAll:
    def data(self, as_csr):
        return sp.csr_array(X) if as_csr else X

    def test_a_clone_ends_at_the_same_bits(self, Model, y, as_csr):
        model = plain(Model).fit(self.data(as_csr), y)
        again = clone(model).fit(self.data(as_csr), y)
        assert model.coef_.tobytes() == again.coef_.tobytes()

    def test_fitting_again_forgets_the_first_fit(self, Model, y, as_csr):
        once = plain(Model).fit(self.data(as_csr), y)
        twice = plain(Model).fit(self.data(as_csr)[::-1], y).fit(self.data(as_csr), y)
        assert once.coef_.tobytes() == twice.coef_.tobytes()

    def test_a_warm_start_goes_on(self, Model, y, as_csr):
        cold = plain(Model, max_iter=6).fit(self.data(as_csr), y)
        warm = plain(Model, max_iter=3, warm_start=True)
        warm.fit(self.data(as_csr), y)
        assert warm.t_ == cold.t_ / 2
        warm.fit(self.data(as_csr), y)
        assert warm.coef_.tobytes() == cold.coef_.tobytes()
        assert warm.t_ == cold.t_

    def test_fit_then_partial_fit_counts_on(self, Model, y, as_csr):
        model = plain(Model, max_iter=2).fit(self.data(as_csr), y)
        t, before = model.t_, model.coef_.copy()
        model.partial_fit(self.data(as_csr), y)
        assert model.t_ > t
        assert np.any(model.coef_ != before)

    def test_partial_fit_wants_the_same_columns(self, Model, y, as_csr):
        given = {"classes": [0, 1, 2]} if Model is SGDLogistic else {}
        model = plain(Model).partial_fit(self.data(as_csr), y, **given)
        with pytest.raises(ValueError, match="features"):
            model.partial_fit(self.data(as_csr)[:, 1:], y)

    def test_epochs_of_partial_fit_are_those_of_fit(self, Model, y, as_csr):
        given = {"preconditioner": None, "learning_rate": 0.01, "schedule": "constant"}
        whole = plain(Model, tol=0.0, n_iter_no_change=99, **given)
        whole.fit(self.data(as_csr), y)
        parts = plain(Model, **given)
        classes = {"classes": [0, 1, 2]} if Model is SGDLogistic else {}
        for _ in range(5):
            parts.partial_fit(self.data(as_csr), y, **classes)
        np.testing.assert_allclose(parts.coef_, whole.coef_, rtol=1e-10)

    def test_huge_values_do_not_overflow(self, Model, y, as_csr):
        data = self.data(as_csr) * 1e150
        with np.errstate(over="raise", invalid="raise"):
            model = plain(Model).fit(data, y)
        assert np.all(np.isfinite(model.coef_))

    def test_a_large_gradient_is_survived(self, Model, y, as_csr):
        data = self.data(as_csr).copy()
        data = data * np.where(np.arange(120) % 40, 1.0, 1e5)[:, None]
        model = plain(Model, max_iter=20).fit(sp.csr_array(data) if as_csr else data, y)
        assert np.all(np.isfinite(model.coef_))

    def test_dtypes_agree(self, Model, y, as_csr):
        data = self.data(as_csr).astype(np.float32)
        single = plain(Model, max_iter=20).fit(data, y)
        double = plain(Model, max_iter=20).fit(data.astype(float), y)
        np.testing.assert_allclose(single.coef_, double.coef_, rtol=1e-6)
        assert single.predict(data).dtype == double.predict(data.astype(float)).dtype

    def test_early_stopping_holds_rows_out_and_scores_them(self, Model, y, as_csr):
        given = {"early_stopping": True, "max_iter": 50, "validation_fraction": 0.25}
        model = plain(Model, **given).fit(self.data(as_csr), y)
        scores = model.history_["score"]
        assert np.nanmax(scores) > 0.5
        assert model.n_iter_ <= 50
        few = plain(Model, **given | {"n_iter_no_change": 1}).fit(self.data(as_csr), y)
        assert few.n_iter_ <= model.n_iter_

    def test_too_few_rows_to_hold_out(self, Model, y, as_csr):
        model = plain(Model, early_stopping=True, validation_fraction=1e-4)
        rows = [0, int(np.argmax(y != y[0]))]
        with pytest.raises(ValueError, match=r"validation|early_stopping|rows|class"):
            model.fit(self.data(as_csr)[rows], np.asarray(y)[rows])

    def test_the_mean_is_reported_from_its_epoch_on(self, Model, y, as_csr):
        given = {"learning_rate": 1e-3, "schedule": "constant", "tol": 0.0}
        late = plain(Model, average=4, max_iter=3, warm_start=True, **given)
        never = plain(Model, max_iter=3, warm_start=True, **given)
        for model in (late, never):
            model.fit(self.data(as_csr), y)
        np.testing.assert_array_equal(late.coef_, never.coef_)
        for model in (late, never):
            model.fit(self.data(as_csr), y)
        assert np.any(late.coef_ != never.coef_)

    def test_weights_times_a_number_change_only_the_penalty(self, Model, y, as_csr):
        # A penalty is against the sum of the weights: times as large, it is the same.
        one, ten = Model(), Model()
        if Model is SGDRidge:
            ten.set_params(alpha=10 * one.alpha)
        elif Model is SGDLogistic:
            ten.set_params(C=one.C / 10)
        one.fit(self.data(as_csr), y, ONES)
        ten.fit(self.data(as_csr), y, 10 * ONES)
        np.testing.assert_allclose(one.coef_, ten.coef_, rtol=1e-10)

    def test_verbose_prints(self, Model, y, as_csr, capsys):
        plain(Model, verbose=10).fit(self.data(as_csr), y)
        assert "loss" in capsys.readouterr().out

    def test_a_larger_penalty_gives_smaller_coefficients(self, Model, y, as_csr):
        name = "C" if Model is SGDLogistic else "alpha"
        if Model is SGDLinearRegressor:  # has none, and says so
            with pytest.raises(ValueError, match="alpha"):
                Model().set_params(alpha=1.0)
            return
        values = (1e2, 1e-8) if name == "C" else (1e-2, 1e10)
        small, large = (plain(Model, **{name: v}).fit(self.data(as_csr), y) for v in values)
        assert np.abs(large.coef_).max() < 1e-3 < np.abs(small.coef_).max()


def test_a_line_is_found():
    x = np.linspace(-5, 5, 100)
    for noise in (0.0, 1.0):
        y = 0.5 * x + noise * rng.normal(size=100)
        model = SGDLinearRegressor(optimizer="sgd", max_iter=50, random_state=0)
        assert model.fit(scale(x[:, None]), scale(y)).score(scale(x[:, None]), scale(y)) > (
            0.99 if noise == 0 else 0.5
        )


def test_partial_fit_asks_for_the_classes_once():
    model = SGDLogistic(optimizer="sgd")
    with pytest.raises(ValueError, match="classes"):
        model.partial_fit(X, LABEL)
    model.partial_fit(X, LABEL, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="classes"):
        model.partial_fit(X, LABEL, classes=[0, 1])
    model.partial_fit(X[LABEL == 1], LABEL[LABEL == 1])  # one class of them will do


def test_class_weights_move_the_boundary():
    y = (LABEL == 2).astype(int)
    plain_model = SGDLogistic().fit(X, y)
    heavy = SGDLogistic(class_weight={1: 1000.0}).fit(X, y)
    assert heavy.predict(X).sum() > plain_model.predict(X).sum()
    equal = SGDLogistic(class_weight={0: 0.5, 1: 0.5}, C=2.0).fit(X, y)
    np.testing.assert_allclose(equal.coef_, plain_model.coef_, rtol=1e-3)
    other = SGDLogistic(class_weight={7: 2.0}).fit(X, y)  # a class that this y has not
    np.testing.assert_array_equal(other.coef_, plain_model.coef_)


def test_probabilities_are_those_of_the_scores():
    y = (LABEL == 2).astype(int)
    for target in (y, LABEL):
        model = SGDLogistic().fit(X, target)
        p = model.predict_proba(X)
        np.testing.assert_allclose(p.sum(axis=1), 1)
        np.testing.assert_array_equal(model.classes_[p.argmax(axis=1)], model.predict(X))
        np.testing.assert_allclose(np.log(p), model.predict_log_proba(X))


def test_threads_and_processes_change_nothing():
    grid = {"C": [0.1, 1.0]}
    model = SGDLogistic(optimizer="sgd", early_stopping=True, max_iter=5, random_state=0)
    found = [GridSearchCV(model, grid, cv=3, n_jobs=k).fit(X, LABEL) for k in (1, 2)]
    np.testing.assert_array_equal(*(f.cv_results_["mean_test_score"] for f in found))


def test_max_iter_is_told():
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        plain(SGDLogistic, max_iter=1).fit(X, LABEL)
