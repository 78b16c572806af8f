"""What whole calls of plain SGD cost: the ratio of a peer's seconds to ours.

The two are called in turn, on one pinned thread and without the garbage collector, and
the median of the pairs' ratios is printed: below 1 the peer is quicker. The seconds are
the processor's, so that what else runs on the machine counts little. Ours and the peer
have the same epochs, rate and penalty; "auto" leaves the rate and its schedule to the
defaults of each. An early end of ours, which makes its ratio larger, is noted.

fits         dense fits beside SGDRegressor and SGDClassifier
partial_fit  a stream of chunks, each of new rows, beside their `partial_fit`
search       GridSearchCV over nine settings of a pipeline
sparse       fits on stored texts
torch        dense fits beside torch.optim, in the same batches

    python benchmarks/fit.py [--only SECTION ...] [--quick] [--seconds S]
"""

import argparse
import gc
import os
import time
import warnings
from functools import partial
from itertools import product

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import scipy.sparse as sp
from excess import load
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sgd_estimators import SGDLogistic, SGDRidge

SHAPES = [
    (300, 10, np.float64),
    (1_000, 20, np.float64),
    (5_000, 30, np.float64),
    (20_000, 50, np.float64),
    (100_000, 20, np.float64),
    (300_000, 100, np.float32),
]
EPOCHS = [1, 5, 20]
CONSTANT = {"learning_rate": 1e-3, "schedule": "constant"}
RULES = {
    "momentum": {"optimizer": "sgd", "momentum": 0.9, **CONSTANT},
    "adam": {"optimizer": "adam", **CONSTANT},
    "auto": {"optimizer": "sgd"},
}
SPARSE_RULES = {
    "sgd": {"optimizer": "sgd"},
    "momentum": {"optimizer": "sgd", "momentum": 0.9},
    "adagrad": {"optimizer": "adagrad"},
}
CHUNKS = [  # rows, columns, share of entries that are not zero
    (1, 100, 1),
    (100, 100, 1),
    (1_000, 100, 1),
    (10_000, 100, 1),
    (100, 20_000, 0.005),
    (1_000, 20_000, 0.005),
    (100, 1_000_000, 0.0001),
]
SEARCHES = [(500, 10), (5_000, 30), (20_000, 50), (100_000, 20)]
TORCH_SHAPES = [(1_000, 20), (20_000, 50), (100_000, 20)]
KINDS = ("ridge", "logistic")


def draw(n, d, share=1, dtype=np.float64, seed=1):
    """Return standard normal X, dense or CSR, and y of each kind: linear plus noise."""
    rng = np.random.default_rng(seed)
    if share == 1:
        X = rng.standard_normal((n, d), dtype)
    else:
        count = int(share * d)
        indices = rng.integers(d, size=n * count, dtype=np.int32)
        indptr = np.arange(0, n * count + 1, count, dtype=np.int32)
        X = sp.csr_matrix((rng.standard_normal(n * count), indices, indptr), (n, d))
        X.sum_duplicates()
    y = X @ np.random.default_rng(0).standard_normal(d) + rng.standard_normal(n)
    return X, {"ridge": y, "logistic": (y > 0).astype(int)}


def ours(kind, epochs, rule):
    """Return our model."""
    model = SGDRidge if kind == "ridge" else SGDLogistic
    return model(max_iter=epochs, random_state=0, **rule)


def peer(kind, n, epochs, rule):
    """Return scikit-learn's model of the same penalty, which makes all the epochs."""
    rates = {"learning_rate": "constant", "eta0": 1e-3} if "learning_rate" in rule else {}
    options = {"alpha": 1 / n, "tol": None, "max_iter": epochs, "random_state": 0, **rates}
    if kind == "ridge":
        return SGDRegressor(**options)
    return SGDClassifier(loss="log_loss", **options)


def seconds(call):
    """Return how long a call takes."""
    begun = time.process_time()
    call()
    return time.process_time() - begun


def pairs(a, b, budget, most=301):
    """Return the times of a and b, called in turn for about `budget` seconds.

    The first pair warms up, and counts only where it took all of the time.
    """
    first = seconds(a), seconds(b)
    count = int(min(budget / sum(first), most))
    if count < 1:
        return np.array([first])
    turns = [(a, b) if k % 2 else (b, a) for k in range(max(count, 3))]
    both = [[seconds(call) for call in turn] for turn in turns]
    return np.array([pair if k % 2 else pair[::-1] for k, pair in enumerate(both)])


class Section:
    """A table of ratios, and its summary."""

    def __init__(self, name):
        self.name, self.ratios, self.bounds = name, [], []
        print(
            f"\n{name}\n{'':<44} {'ours, ms':>9} {'peer, ms':>9} {'ratio':>6} "
            f"{'pairs':>5} {'bound':>5} met"
        )

    def row(self, label, both, bound=1.0, note=""):
        """Print a line: `bound` is the share of the peer's time that ours may take."""
        ratio = float(np.median(both[:, 1] / both[:, 0]))
        mine, theirs = 1e3 * np.median(both, axis=0)
        met = "yes" if ratio * bound >= 1 else "NO"
        print(
            f"{label:<44} {mine:>9.3f} {theirs:>9.3f} {ratio:>6.2f} {len(both):>5} "
            f"{bound:>5} {met:<3} {note}",
            flush=True,
        )
        self.ratios.append(ratio)
        self.bounds.append(bound)
        gc.collect()

    def summary(self):
        """Print how many ratios fall short, the least, and their geometric mean."""
        ratios, n = np.array(self.ratios), len(self.ratios)
        if not n:
            return  # no data, or no peer
        missed = int(np.sum(ratios * self.bounds < 1))
        print(
            f"{self.name}: slower than the peer {np.sum(ratios < 1)} of {n}, over the "
            f"bound {missed}, worst {ratios.min():.2f}, "
            f"geometric mean {np.exp(np.log(ratios).mean()):.2f}"
        )


def compare_fits(section, label, model, rival, X, y, budget):
    """Time `fit` of the two and print a line; a note tells of a run that ended early."""
    both = pairs(partial(model.fit, X, y), partial(rival.fit, X, y), budget)
    early = model.n_iter_ != model.max_iter
    note = f"{model.n_iter_} epochs, {model.stop_reason_}" if early else ""
    section.row(label, both, note=note)


def fits(section, args):
    """Time dense fits."""
    for n, d, dtype in SHAPES[: 4 if args.quick else None]:
        X, targets = draw(n, d, dtype=dtype)
        for kind, name, k in product(KINDS, RULES, EPOCHS):
            two = ours(kind, k, RULES[name]), peer(kind, n, k, RULES[name])
            label = f"{n} x {d}, {kind}, {name}, {k}"
            compare_fits(section, label, *two, X, targets[kind], args.seconds)


def partial_fits(section, args):
    """Time calls on new rows; the first of a model, which starts it, is left out."""
    for n, d, share in CHUNKS[: -1 if args.quick else None]:
        for kind in KINDS:
            models = [SGDRidge(random_state=0), SGDRegressor(random_state=0)]
            options = {}
            if kind == "logistic":
                peer_model = SGDClassifier("log_loss", random_state=0)
                models = [SGDLogistic(random_state=0), peer_model]
                options = {"classes": [0, 1]}
            times, end = [], time.process_time() + 2 * args.seconds
            while len(times) < 10 or (len(times) < 1_000 and time.process_time() < end):
                X, targets = draw(n, d, share, seed=len(times))
                y, taken = targets[kind], [0.0, 0.0]
                for i in (0, 1) if len(times) % 2 else (1, 0):
                    taken[i] = seconds(partial(models[i].partial_fit, X, y, **options))
                times.append(taken)
            stored = "dense" if share == 1 else "CSR"
            label = f"{stored} {n} x {d}, {kind}"
            section.row(label, np.array(times[1:]), 1.2 if n == 1 else 1.0)


def grid(kind, model, n):
    """Return a search over nine settings, three folds each."""
    step = type(model).__name__.lower()
    if hasattr(model, "eta0"):
        settings = {"eta0": [1e-4, 1e-3, 1e-2], "alpha": [0.1 / n, 1 / n, 10 / n]}
    else:
        settings = {"learning_rate": [1e-4, 1e-3, 1e-2], "momentum": [0.0, 0.5, 0.9]}
    settings = {f"{step}__{name}": values for name, values in settings.items()}
    return GridSearchCV(make_pipeline(StandardScaler(), model), settings, cv=3)


def searches(section, args):
    """Time searches of 20 epochs."""
    for n, d in SEARCHES[: 2 if args.quick else None]:
        X, targets = draw(n, d)
        for kind in KINDS:
            a = grid(kind, ours(kind, 20, RULES["momentum"]), n)
            b = grid(kind, peer(kind, n, 20, RULES["momentum"]), n)
            two = (partial(search.fit, X, targets[kind]) for search in (a, b))
            both = pairs(*two, args.seconds)
            best = a.best_estimator_[-1]
            note = "" if best.n_iter_ == 20 else f"the best: {best.n_iter_} epochs"
            section.row(f"{n} x {d}, {kind}", both, note=note)


def sparse_fits(section, args):
    """Time fits on stored texts."""
    sets = {"clothing": "ridge", "news20": "logistic", "news20, two classes": "logistic"}
    for name, kind in sets.items():
        try:
            X, y = load(name.split(",")[0])
        except FileNotFoundError as error:
            print(f"skipped: {error}")
            continue
        y = y % 2 if name.endswith("two classes") else y
        for rule, k in product(SPARSE_RULES, EPOCHS[: 2 if args.quick else None]):
            options = SPARSE_RULES[rule]
            two = ours(kind, k, options), peer(kind, len(y), k, options)
            compare_fits(section, f"{name}, {rule}, {k}", *two, X, y, args.seconds)


class Torch:
    """A linear model in PyTorch, by the loop that one writes there."""

    def __init__(self, kind, name, epochs, batch):
        self.kind, self.name, self.epochs, self.batch = kind, name, epochs, batch

    def fit(self, X, y):
        """Make the epochs from zero."""
        import torch

        torch.set_num_threads(1)
        torch.manual_seed(0)
        X, y = torch.as_tensor(X), torch.as_tensor(y, dtype=torch.float64)
        model = torch.nn.Linear(X.shape[1], 1, dtype=torch.float64)
        torch.nn.init.zeros_(model.weight)
        groups = [
            {"params": model.weight, "weight_decay": 1 / len(y)},
            {"params": model.bias},
        ]
        if self.name == "momentum":
            optimizer = torch.optim.SGD(groups, lr=1e-3, momentum=0.9)
        else:
            optimizer = torch.optim.Adam(groups, lr=1e-3)
        losses = {"ridge": torch.nn.MSELoss, "logistic": torch.nn.BCEWithLogitsLoss}
        loss = losses[self.kind]()
        for _ in range(self.epochs):
            for rows in torch.randperm(len(y)).split(self.batch):
                optimizer.zero_grad()
                loss(model(X[rows])[:, 0], y[rows]).backward()
                optimizer.step()
        return self


def torch_fits(section, args):
    """Time the same epochs and batches as in PyTorch."""
    try:
        import torch  # noqa: F401
    except ImportError:
        print("skipped: PyTorch is not installed")
        return
    X, targets = draw(64, 10)
    for kind, name in product(KINDS, ("momentum", "adam")):
        Torch(kind, name, 1, 32).fit(X, targets[kind])  # loads what is loaded once
    for n, d in TORCH_SHAPES[: 2 if args.quick else None]:
        X, targets = draw(n, d)
        for kind, name, batch in product(KINDS, ("momentum", "adam"), (32, 256)):
            model = ours(kind, 5, {**RULES[name], "batch_size": batch})
            rival = Torch(kind, name, 5, batch)
            label = f"{n} x {d}, {kind}, {name}, batches of {batch}"
            compare_fits(section, label, model, rival, X, targets[kind], args.seconds)


SECTIONS = {
    "fits": fits,
    "partial_fit": partial_fits,
    "search": searches,
    "sparse": sparse_fits,
    "torch": torch_fits,
}


def main():
    """Print a table and a summary for each section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=list(SECTIONS), choices=SECTIONS)
    parser.add_argument("--quick", action="store_true", help="without the largest data")
    parser.add_argument("--seconds", type=float, default=1.0, help="for a line, or so")
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    gc.disable()  # a table collects after each of its lines
    warnings.simplefilter("ignore")  # that a model has not converged is no news here
    tables = []
    for name in args.only:
        tables.append(Section(name))
        SECTIONS[name](tables[-1], args)
    print()
    for section in tables:
        section.summary()


if __name__ == "__main__":
    main()
