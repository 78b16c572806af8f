"""What the order of the rows costs in accuracy: f - f* against an independent shuffle.

The package reads runs of neighbouring rows from 32 places of the file at once, as long
as the noise of the gradient allows. Here SGD at a constant rate runs in that order and
in an independent shuffle, on files whose neighbours are more or less alike, and the
ratio of the mean f - f* over epochs 3 to 10 is printed with its standard error.

    python benchmarks/order.py [--seeds 100] [--files random nycflights ...]
"""

import argparse
import os
from collections import Counter
from functools import partial
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np

from sgd_estimators import _auto
from sgd_estimators._kernels.losses import Squared
from sgd_estimators._kernels.objective import Objective
from sgd_estimators._kernels.order import Order
from sgd_estimators._rows import as_rows
from sgd_estimators._run import Epochs
from sgd_estimators._smoothness import smoothness
from sgd_estimators._state import Plan, Run
from sgd_estimators.optimizers import SGD
from sgd_estimators.schedules import Constant

DATA = Path(__file__).parents[2] / "shared" / "data"
EPOCHS = range(3, 11)
BOUND = 1.2
SETTINGS = [(32, 0.0), (256, 0.0), (32, 0.9), (256, 0.9)]  # batch size, momentum


def independent(rng, by=None):
    """Return 100,000 x 10 rows that know nothing of each other, perhaps sorted."""
    X = rng.standard_normal((100_000, 10))
    y = X @ rng.standard_normal(10) + rng.standard_normal(len(X))
    if by is None:
        return X, y
    order = np.argsort(y if by == "y" else X[:, 0])
    return X[order], y[order]


def grouped(rng, size, everywhere=False):
    """Return the same with effects on y, or on all columns, shared by neighbours."""
    X, y = independent(rng)
    of = np.arange(len(X)) // size
    if everywhere:
        X += rng.standard_normal((of[-1] + 1, X.shape[1]))[of]
    return X, y + rng.standard_normal(of[-1] + 1)[of]


def nycflights(rng):
    """Return arrival delays in the order of their dates (None: no such file)."""
    folder = Path(os.environ.get("SGD_ESTIMATORS_DATA", DATA))
    if not (folder / "nycflights.npz").exists():
        return None
    with np.load(folder / "nycflights.npz") as stored:
        return stored["X"], stored["y"]


FILES = {
    "random": independent,
    "sorted by y": partial(independent, by="y"),
    "sorted by x": partial(independent, by="x"),
    "y, groups of 100": partial(grouped, size=100),
    "y, groups of 5000": partial(grouped, size=5000),
    "X and y, groups of 100": partial(grouped, size=100, everywhere=True),
    "X and y, groups of 5000": partial(grouped, size=5000, everywhere=True),
    "nycflights": nycflights,
}


class Problem:
    """Least squares in the diagonal metric, with its solution and its Hessian."""

    def __init__(self, X, y):
        X, y = np.ascontiguousarray(X), np.ascontiguousarray(y, np.float64)[:, None]
        self.f = Objective(as_rows(X, True), Squared(), y, [0.0])
        self.f.set_metric(*_auto.metric(self.f))
        assert not _auto.fits_cache(self.f), "every order is an independent shuffle"
        seen = (X - np.asarray(self.f.rows.mean)) / np.asarray(self.f.rows.scale)
        A = np.column_stack([seen, np.ones(len(X))])
        self.hessian = A.T @ A / len(A)
        self.best = np.linalg.lstsq(self.hessian, A.T @ y[:, 0] / len(A))[0]

    def excess(self, W):
        """Return f - f*, without the rounding of a difference."""
        away = W[0] - self.best
        return 0.5 * away @ self.hessian @ away

    def run(self, batch, momentum, rate, seed, plain):
        """Return the mean excess over EPOCHS, and the last length of the runs."""
        f, optimizer = self.f, SGD(momentum=momentum)
        run = Run(_auto.start(f), (None, None), seed, batch)
        epochs = Epochs(f, run, Plan(optimizer, learning_rate=rate, schedule=Constant()))
        if plain:
            run.run_length, epochs.order = 1, Order(f.n_active, None, 1, 1)
        total = 0.0
        for epoch in range(1, EPOCHS[-1] + 1):
            epochs.advance()
            total += self.excess(run.W) * (epoch in EPOCHS)
        return total / len(EPOCHS), run.run_length


def compare(problem, batch, momentum, share, seeds):
    """Return the ratio of the mean excesses, its error, the excess left and the runs."""
    auto = SGD(momentum=momentum).auto_rate(smoothness(problem.f, batch, 0))
    run = partial(problem.run, batch, momentum, share * auto)
    ours, lengths = np.transpose([run(seed, plain=False) for seed in range(seeds)])
    plain = [run(seed, plain=True)[0] for seed in range(seeds)]
    a, b = np.mean(ours), np.mean(plain)
    # The two runs of a seed share nothing: their errors add up.
    error = a / b * np.hypot(np.std(ours) / a, np.std(plain) / b) / np.sqrt(seeds - 1)
    runs = " ".join(f"{length:g}:{k}" for length, k in sorted(Counter(lengths).items()))
    fall = b / problem.excess(_auto.start(problem.f))
    return a / b, error, fall, runs


def main():
    """Print a line for each file, batch size and momentum."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--files", nargs="*", default=list(FILES), choices=list(FILES))
    parser.add_argument("--rate", type=float, default=0.5, help="share of the auto rate")
    args = parser.parse_args()
    print(f"{args.seeds} seeds, {args.rate:g} x the automatic rate, bound {BOUND}")
    print(
        f"{'file':<24} {'batch':>5} {'beta':>4} {'ratio':>6} {'s.e.':>5} {'met':>4} "
        f"{'(f-f*)/(f0-f*)':>14}  length of the runs: seeds"
    )
    for name in args.files:
        if (data := FILES[name](np.random.default_rng(0))) is None:
            continue
        problem = Problem(*data)
        for batch, momentum in SETTINGS:
            setting = batch, momentum, args.rate, args.seeds
            ratio, error, fall, runs = compare(problem, *setting)
            print(
                f"{name:<24} {batch:>5} {momentum:>4} {ratio:>6.3f} {error:>5.3f} "
                f"{'yes' if ratio <= BOUND else 'NO':>4} {fall:>14.1e}  {runs}",
                flush=True,
            )


if __name__ == "__main__":
    main()
