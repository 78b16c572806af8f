"""What an epoch of SGD costs: its time over that of one ``X @ w`` of NumPy.

Squared loss, momentum 0.9, diagonal metric, one thread, and the package's own order of
the rows, drawing it included. The two are timed in turn, so that both see the same
machine: the median of the pairs' ratios is printed, and their least and largest.

    python benchmarks/epoch.py [--quick] [--grouped] [--sklearn]
"""

import argparse
import os
import time

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from sklearn.linear_model import SGDRegressor

from sgd_estimators import _auto
from sgd_estimators._kernels.epoch import run_epoch
from sgd_estimators._kernels.losses import Squared
from sgd_estimators._kernels.objective import Objective
from sgd_estimators._rows import as_rows
from sgd_estimators._smoothness import smoothness
from sgd_estimators.optimizers import SGD

SHAPES = [(1_000_000, 100), (2_000_000, 20), (100_000, 1_000)]
BATCHES = [1, 32, 64, 256]
GROUP = 100  # neighbouring rows that share an effect


def bound(batch, d, dtype, grouped):
    """Return the ratio that an epoch may take at most; None where none is set."""
    if batch == 1:
        return 4.0 if d >= 100 and not grouped else None
    if grouped:
        return 4.0
    return 2.5 if d < 100 and dtype == np.float32 else 1.6


def draw(n, d, dtype, grouped):
    """Return X and y, filled a part at a time: no second array of the size of X."""
    rng = np.random.default_rng(0)
    X, w = np.empty((n, d), dtype), rng.standard_normal(d) / d**0.5
    for begin in range(0, n, 10_000):
        part = X[begin : begin + 10_000]
        part[...] = rng.standard_normal(part.shape, np.float32)
    y = X @ w + rng.standard_normal(n)
    if grouped:
        y += rng.standard_normal(-(-n // GROUP))[np.arange(n) // GROUP]
    return X, y


def seconds(call):
    """Return how long a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def epochs(X, y, batch):
    """Return a call that makes the next epoch, and the length of the order's runs."""
    f = Objective(as_rows(X, True), Squared(), y[:, None], [0.0])
    f.set_metric(*_auto.metric(f))
    W, optimizer = _auto.start(f), SGD(momentum=0.9)
    length = _auto.run_length(f, W, _auto.LONGEST_RUN, 0)
    order = _auto.order(f, True, length)
    step = optimizer.start(f.n_params)
    rate = 0.1 * optimizer.auto_rate(smoothness(f, batch, 0))
    rates = np.full(-(-f.n_active // batch), rate)
    numbers = iter(range(1_000_000))

    def epoch():
        order.shuffle(0, next(numbers), batch)
        assert np.isfinite(run_epoch(f, step, W, order, batch, rates))

    return epoch, length


def table_row(label, length, product, call, limit, pairs):
    """Time the pairs and print a line."""
    call()  # warm up
    both = np.array([(seconds(product), seconds(call)) for _ in range(pairs)])
    ratios = both[:, 1] / both[:, 0]
    middle = float(np.median(ratios))
    met = "" if limit is None else "yes" if middle <= limit else "NO"
    print(
        f"{label} {length:>4} {1e3 * np.median(both[:, 0]):>8.1f} {middle:>7.2f} "
        f"{ratios.min():>6.2f}-{ratios.max():<6.2f} {limit or '':>5} {met}",
        flush=True,
    )


def main():
    """Print a line for each type, shape and batch size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a tenth of the rows, which caches may hold: no measure of the bounds",
    )
    parser.add_argument("--grouped", action="store_true", help="neighbours are alike")
    parser.add_argument("--sklearn", action="store_true", help="time SGDRegressor too")
    parser.add_argument("--pairs", type=int, default=7)
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(
        f"{'type':<8} {'n':>9} {'d':>5} {'batch':>7} {'runs':>4} {'X@w, ms':>8} "
        f"{'ratio':>7} {'least-largest':<13} {'bound':>5} met"
    )
    for dtype in (np.float64, np.float32):
        for n, d in SHAPES:
            n //= 10 if args.quick else 1
            X, y = draw(n, d, dtype, args.grouped)
            w = np.ones(d, dtype)
            X @ w
            label = f"{np.dtype(dtype).name:<8} {n:>9} {d:>5}"

            def product(X=X, w=w):
                return X @ w

            for batch in BATCHES:
                call, length = epochs(X, y, batch)
                limit = bound(batch, d, dtype, args.grouped)
                table_row(f"{label} {batch:>7}", length, product, call, limit, args.pairs)
            if args.sklearn:
                peer = SGDRegressor(learning_rate="constant", eta0=1e-6, alpha=0.0)

                def peer_epoch(peer=peer, X=X, y=y):
                    peer.partial_fit(X, y)

                table_row(f"{label} sklearn", "", product, peer_epoch, None, 3)
            del X


if __name__ == "__main__":
    main()
