"""The automatic schedule, stalled epochs and epochs in one call, against NumPy."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from oracle import draw
from sgd_estimators import SGDLogistic, SGDRidge
from sgd_estimators._kernels.epoch import run_epoch, run_epochs
from sgd_estimators._kernels.order import Order
from sgd_estimators._kernels.progress import BoldDriver, Progress
from sgd_estimators._kernels.steps import AdamStep, SGDStep
from sgd_estimators.optimizers import SGD, Adam
from sgd_estimators.schedules import (
    Constant,
    Cosine,
    Exponential,
    Linear,
    OneCycle,
    Plateau,
    WarmUp,
)

rng = np.random.default_rng(0)


def factors(start, losses, ceiling, noisy):
    """Return the factors of the automatic schedule, from all losses so far."""
    found, before = [1.0], start
    for k, loss in enumerate(losses):
        fallen = max(start - min(before, loss), 0.0)
        last, highest = found[-1], max(found)
        returns = np.count_nonzero(np.array(found[1:]) > 10 * np.array(found[:-1]))
        top = highest * 0.9**returns
        if before - loss <= 1e-4 * fallen + 1e-14 * abs(before):
            factor = last / 2
        elif last == highest:
            factor = last * (2 if not noisy or before - loss > fallen / 3 else 1.2)
        else:
            factor = min(1.2 * last, top)
        found.append(min(factor if factor >= 0.01 * highest else top, ceiling))
        before = losses[k]
    return found


@pytest.mark.parametrize("noisy", [True, False])
@pytest.mark.parametrize("ceiling", [np.inf, 1.0])
def test_the_automatic_schedule_is_its_formula(ceiling, noisy):
    for kind in range(4):
        losses = 1 + 0.8 ** np.arange(60) * (kind != 3)
        losses = losses + [0, 1e-5, 1e-2, 1e-3][kind] * rng.normal(size=60)
        driver, got = BoldDriver(3.0, ceiling, noisy), [1.0]
        for k, loss in enumerate(losses):
            driver.see(loss)
            got.append(driver.factor)
            assert driver.restarts == (got[-1] > 10 * got[-2])
            if k == 20:
                driver = pickle.loads(pickle.dumps(copy.copy(driver)))
        np.testing.assert_allclose(got, factors(3.0, losses, ceiling, noisy), rtol=1e-12)


def test_epochs_without_a_gain_are_counted():
    progress = Progress(2.0, 0.1)
    progress.limit = 5.0
    for loss, stalled in ((1.0, 0), (0.95, 1), (0.89, 2), (0.7, 0), (3.0, 1)):
        assert not progress.ends(loss)
        assert progress.stalled == stalled
    for loss in (5.1, np.nan, np.inf):
        assert progress.ends(loss)


@pytest.mark.parametrize("Step", [SGDStep, AdamStep])
@pytest.mark.parametrize("shuffled", [True, False])
def test_epochs_of_one_call_are_those_of_many(Step, shuffled):
    p = draw("logistic", n=330)
    f = p.kernel()
    rates = 0.05 / np.arange(1.0, 5)[:, None] * np.ones(-(-f.n_active // 8))
    order, twin = (Order(f.n_active, p.active, 32, 2) for _ in range(2))
    W, want, losses = p.W.copy(), p.W.copy(), np.zeros(4)
    args = (Progress(1.0, 0.0), 7, 3) if shuffled else (Progress(1.0, 0.0),)
    assert run_epochs(f, Step(f.n_params), W, order, 8, rates.copy(), losses, *args) == 4
    step = Step(f.n_params)
    for k in range(4):
        twin.shuffle(7, 3 + k, 8) if shuffled else twin.restart(8)
        assert losses[k] == run_epoch(f, step, want, twin, 8, rates[k].copy())
    assert_array_equal(W, want)


def test_a_call_ends_at_a_loss_out_of_its_range():
    p = draw("squared", n=330)
    f = p.kernel()
    progress, losses = Progress(1.0, 0.0), np.full(6, np.nan)
    progress.limit = 1e6
    rates = np.full((6, f.n_active), 3.0)
    made = run_epochs(
        f,
        SGDStep(f.n_params),
        p.W.copy(),
        Order(f.n_active, p.active),
        1,
        rates,
        losses,
        progress,
    )
    assert made < 6
    assert np.isnan(losses[made:]).all()
    assert not losses[made - 1] <= 1e6


def test_where_a_schedule_settles():
    assert Constant().settled == 0
    assert Linear(horizon=30).settled == OneCycle(horizon=30).settled == 30
    assert Cosine(horizon=20).settled == 20
    assert Cosine(horizon=20, restart_growth=2).settled == np.inf
    assert Exponential().settled == np.inf
    assert WarmUp(Linear(horizon=30), length=5).settled == 35
    assert Plateau(patience=4, cooldown=2).period == 6
    for schedule in (Linear(horizon=7), Cosine(horizon=7), OneCycle(horizon=7)):
        ends = schedule(np.array([schedule.settled, 1e3, 1e6]))
        assert np.ptp(ends) == 0


X = rng.normal(size=(3000, 12)) @ rng.normal(size=(12, 12))
SCORE = X @ rng.normal(size=12) + 15 * rng.normal(size=3000)
TASKS = {"ridge": (SGDRidge(), SCORE), "logistic": (SGDLogistic(), (SCORE > 0).astype(int))}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("optimizer", [SGD(momentum=0.9, nesterov=True), Adam()], ids=str)
@pytest.mark.parametrize("Schedule", [Cosine, Linear, OneCycle])
def test_a_schedule_runs_its_course(Schedule, optimizer, task):
    model, y = TASKS[task]
    best = model.set_params(optimizer="auto", schedule="auto").fit(X, y).objective_
    given = {"schedule": Schedule(horizon=40, per="epoch"), "max_iter": 60}
    model.set_params(optimizer=optimizer, random_state=0, **given)
    ends = []
    for patience in (5, 10**6):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.set_params(n_iter_no_change=patience).fit(X, y)
        assert model.n_iter_ >= 40 or model.converged_
        ends.append(model.objective_ - best)
    assert ends[0] < 3 * ends[1] + 1e-12 * best
    model.set_params(n_iter_no_change=5, max_iter=1000, schedule="auto")


def test_a_falling_rate_without_a_horizon_may_end_a_run():
    model = SGDRidge(optimizer="sgd", schedule=lambda t: 1 / (1 + t / 500), tol=1e-2)
    model.set_params(random_state=0).fit(X, SCORE)
    assert model.stop_reason_ in ("no_improvement", "certified")
    assert model.n_iter_ < 500


@pytest.mark.parametrize("data", [X, sp.csr_array(X)], ids=["array", "csr"])
@pytest.mark.parametrize("preconditioner", ["diagonal", "hessian"])
def test_a_run_that_diverges_goes_on_from_its_lowest_loss(data, preconditioner):
    class TooLong(SGD):
        """A rate that holds at first and is too long from the fourth epoch on."""

        steps = 0

        def start(self, n_params):
            step = super().start(n_params)

            def move(x, g, rate):
                self.steps += 1
                step(x, g, rate * (1e6 if 141 < self.steps < 145 else 1))

            return move

    model = SGDRidge(optimizer=TooLong(), batch_size=64, max_iter=8, random_state=0)
    model.set_params(preconditioner=preconditioner)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        loss = model.fit(data, SCORE).history_["loss"]
    assert model._run.cuts == 1
    assert loss[3] > 10 * loss[0]  # 47 batches an epoch
    assert loss[4] < 1.1 * loss[2] < 0.7 * 0.5 * np.var(SCORE)  # not from the start again


@pytest.mark.parametrize("preconditioner", ["diagonal", None])
@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_squares_beyond_the_floats_are_a_clear_error(kind, preconditioner):
    model = SGDRidge(optimizer="sgd", preconditioner=preconditioner)
    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match=r"X must have columns.*e\+"),
    ):
        model.fit(kind(X * 1e200), SCORE)
    assert not hasattr(model, "coef_")
