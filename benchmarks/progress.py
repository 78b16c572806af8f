"""How near the optimum each optimizer comes in so many epochs, all else "auto".

Printed is rho = (f - f*) / (f0 - f*), with f0 at zero coefficients and the best constant:
the geometric mean over the seeds of whole fits of 1, 5 and 30 epochs, none of which ends
early. A table of columns with heavy tails, made from a seed, follows: 50 epochs there.

    python benchmarks/progress.py [--quick] [--save FILE] [--against FILE]
"""

import argparse
import json
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
from excess import ENDLESS, Problem, load, mean

from sgd_estimators.optimizers import OPTIMIZERS

EPOCHS = [1, 5, 30]
STORED = {
    "concrete": "ridge",
    "california": "ridge",
    "nycflights": "ridge",
    "bank": "logistic",
    "covertype": "logistic",
    "a9a": "logistic",
}
HEAVY = {"heavy tails, ridge": "ridge", "heavy tails, logistic": "logistic"}
HEAVY_EPOCHS = [50]
LARGE = 50_000  # rows from which a quick run has few seeds


def heavy_tails(kind, n=6_000, d=30):
    """Return columns that are ratios of lognormals or powers of Cauchy variables.

    The answer is linear in them, but for what is beyond 10 times the median size.
    """
    rng = np.random.default_rng(0)
    X = np.empty((n, d))
    for j in range(d):
        if j % 2:
            C = rng.standard_cauchy(n)
            X[:, j] = np.sign(C) * np.abs(C) ** rng.uniform(0.5, 1.5)
        else:
            X[:, j] = np.exp(rng.uniform(0.5, 2) * np.subtract(*rng.normal(size=(2, n))))
    X *= 10.0 ** rng.uniform(-2, 2, d)
    seen = np.clip(X / np.median(np.abs(X), axis=0), -10, 10)
    z = seen @ rng.standard_normal(d) / d**0.5
    y = z + rng.standard_normal(n)
    return X, y if kind == "ridge" else (y > np.median(y)).astype(int)


def rhos(problem, rule, epochs, seeds):
    """Return rho of each seed, and the reasons of those that ended early."""
    options = {"optimizer": rule, "max_iter": epochs, **ENDLESS}
    models = [problem.model(random_state=seed, **options) for seed in range(seeds)]
    found = [problem.rho(model.fit(problem.X, problem.y)) for model in models]
    return found, {model.stop_reason_ for model in models} - {"max_iter"}


def run(name, problem, rules, all_epochs, seeds):
    """Print a line for each optimizer, and return its rhos by the name of the run."""
    found = {}
    print(f"\n{name}: {problem.X.shape[0]} x {problem.X.shape[1]}, {seeds} seeds")
    print(f"{'':<20}" + "".join(f"{k:>8} ep." for k in all_epochs))
    for rule in rules:
        line = ""
        try:
            for k in all_epochs:
                values, ended = rhos(problem, rule, k, seeds)
                found[f"{name}|{rule}|{k}"] = values
                line += f"{mean(values):>12.2e}" + "".join(f" ({why})" for why in ended)
        except ValueError as error:  # of SDCA, which has no softmax
            line = f"skipped: {error}"
        print(f"  {rule:<18}{line}", flush=True)
    return found


def against(found, saved):
    """Print the ratios to a saved run: all, and by rule, data set and epochs."""
    ratios = {}
    for key in found.keys() & saved.keys():
        seeds = min(len(found[key]), len(saved[key]))
        ratios[key] = mean(found[key][:seeds]) / mean(saved[key][:seeds])
    print("\nrho over that of the saved run")
    for name in dict.fromkeys(key.split("|")[0] for key in found):
        print(name)
        for rule in OPTIMIZERS:
            row = [(k, ratios.get(f"{name}|{rule}|{k}")) for k in EPOCHS + HEAVY_EPOCHS]
            shown = "".join(f"{r:>9.3f} ({k} ep.)" for k, r in row if r is not None)
            if shown:
                print(f"  {rule:<18}{shown}")
    groups = defaultdict(list)
    for key, ratio in ratios.items():
        name, rule, k = key.split("|")
        for group in (name, rule, f"{k} epochs", "all"):
            groups[group].append(ratio)
    names = dict.fromkeys(key.split("|")[0] for key in found)
    order = [*names, *OPTIMIZERS, *(f"{k} epochs" for k in EPOCHS + HEAVY_EPOCHS), "all"]
    print("\ngeometric means of these ratios, the least and the largest")
    for group in order:
        if values := groups.get(group):
            least, most = min(values), max(values)
            print(f"  {group:<24}{mean(values):>8.3f} {least:>8.3f} {most:>8.3f}")


def main():
    """Print a table for each data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [*STORED, *HEAVY]
    parser.add_argument("--data", nargs="*", default=names, choices=names)
    rules = list(OPTIMIZERS)
    parser.add_argument("--optimizers", nargs="*", default=rules, choices=rules)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument(
        "--quick", action="store_true", help="three seeds where there are many rows"
    )
    parser.add_argument("--save", type=Path, help="write the rhos to this JSON file")
    parser.add_argument("--against", type=Path, help="print ratios to those of this file")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # no run has converged
    found = {}
    for name in args.data:
        if name in HEAVY:
            X, y = heavy_tails(HEAVY[name])
        else:
            try:
                X, y = load(name)
            except FileNotFoundError as error:
                print(f"skipped: {error}")
                continue
        problem = Problem(X, y, {**STORED, **HEAVY}[name])
        seeds = min(args.seeds, 3) if args.quick and len(y) > LARGE else args.seeds
        epochs = HEAVY_EPOCHS if name in HEAVY else EPOCHS
        found |= run(name, problem, args.optimizers, epochs, seeds)
        if args.save:
            args.save.write_text(json.dumps(found))
    if args.against:
        against(found, json.loads(args.against.read_text()))


if __name__ == "__main__":
    main()
