"""Time to accuracy against the peers, on one objective, each method at its best point.

    python benchmarks/against_peers [--data DIR] [--quick] [--only SET ...] ...

DIR is a folder of .npz files (see problems.py); without it, scikit-learn's own small sets.

Every problem's result is kept in build/, so that a run that was stopped goes on (--again
measures anew), and the page and its picture are written to docs/ after each one.
"""

import argparse
import json
import os
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, str(CORES))

import peers
import report
import timing
from problems import ALPHAS, OWN, own, problems, task

ROOT = Path(__file__).parents[2]
LEAST_BUDGET = 0.5  # seconds for a fit of a peer, however quick ours is


def measure(problem, args, before):
    """Return what is known of a problem after all fits: a dict for JSON.

    Peers' fits that are known from before stay; the pairs with them are timed anew.
    """
    optimum = args.build / "optima" / f"{problem.key}.json"
    worker = timing.Worker(problem, args.data, optimum)
    names = [p.name for p in peers.peers_of(task(problem.load(args.data)[1]), args.peers)]
    fits, budget = {}, args.budget
    for name in names:
        if name in before and not name.startswith(timing.OURS):
            fits[name] = [timing.Fit(**fit) for fit in before[name]]
            continue
        fits[name] = timing.sweep(worker, name, budget)
        if name == names[0] and (ours := timing.best(fits[name], timing.ACCURACIES[-1])):
            budget = min(budget, max(LEAST_BUDGET, args.times * ours.seconds))
        print(f"  {name:<32} {report.in_short(fits[name])}", flush=True)
    pairs = timing.compare(worker, fits, names, args.rivals, args.pairs, 4 * budget)
    worker.stop()
    return {
        "problem": str(problem),
        "optimum": json.loads(optimum.read_text()),
        "fits": {name: [asdict(fit) for fit in of] for name, of in fits.items()},
        "pairs": {f"{accuracy:g}": of for accuracy, of in pairs.items()},
        "budget": budget,
    }


def arguments():
    """Return the command line's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of .npz files")
    parser.add_argument("--only", nargs="*", help="data sets, by the names of their files")
    parser.add_argument(
        "--without", nargs="*", default=[], help='problems, as "news20, *, softmax, *"'
    )
    parser.add_argument("--peers", nargs="*", help="peers, by how their names begin")
    parser.add_argument("--budget", type=float, default=30.0, help="seconds for one fit")
    parser.add_argument("--times", type=float, default=20.0, help="at most so often ours")
    parser.add_argument("--pairs", type=int, default=11, help="interleaved pairs, at most")
    parser.add_argument("--rivals", type=int, default=2, help="quickest peers to pair with")
    parser.add_argument("--quick", action="store_true", help="a trial: short fits")
    parser.add_argument("--again", action="store_true", help="measure what is known, too")
    parser.add_argument("--ours", action="store_true", help="measure ours, and pairs, anew")
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    args = parser.parse_args()
    if args.quick:
        args.budget, args.pairs = min(args.budget, 2.0), min(args.pairs, 5)
    args.build = ROOT / "build" / "against_peers"
    if args.data is None:
        args.data, args.only = own(args.build / "data"), args.only or OWN
    args.results = args.build / ("quick" if args.quick else "results")
    return args


def main():
    """Measure every problem that is not known yet, and report."""
    args = arguments()
    args.results.mkdir(parents=True, exist_ok=True)
    versions, results = peers.versions(), []
    limits = (
        f"{args.times:g} times as long as ours, {LEAST_BUDGET:g} s at least and "
        f"{args.budget:g} s at most"
    )
    print(report.environment(versions))
    for problem in problems(args.data, args.only, ALPHAS[:1] if args.quick else ALPHAS):
        if any(fnmatch(str(problem), pattern) for pattern in args.without):
            continue
        path = args.results / f"{problem.key}.json"
        print(problem, flush=True)
        known = path.exists() and not args.again
        if args.ours or not known:
            before = json.loads(path.read_text())["fits"] if known else {}
            path.write_text(json.dumps(measure(problem, args, before)))
        results.append(json.loads(path.read_text()))
        report.write(results, versions, limits, args.out)
    print(report.summary(results))


if __name__ == "__main__":
    main()
