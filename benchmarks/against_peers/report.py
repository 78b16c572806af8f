"""The page and the picture: ratios first, then every time, then every failure."""

import os
import platform
from math import exp, inf, log, sqrt

import numpy as np
from peers import OURS
from scipy.stats import t as student
from timing import ACCURACIES

KNOBS = ("max_iter", "tol")  # what a ladder of fits turns
PAGE, PICTURE = "against_peers.rst", "against_peers.svg"

HEAD = """\
Time to accuracy, against the peers
===================================

All methods minimise the same objective,

.. math::

   f(W, b) = \\frac1n \\sum_i \\ell(y_i, W x_i + b)
   + \\frac{{\\alpha}}{{2n}} \\lVert W \\rVert^2,

and are judged by :math:`(f - f^*) / (f_0 - f^*)`: f is computed in float64 from the
coefficients on the user's data, f\\* by an independent Newton method with a Fenchel gap
below :math:`10^{{-10}} (f_0 - f^*)`, and f₀ is f at the best constant. Every method stands
at its best point: the quickest fit, over its tolerances or iterations, its rates and, where
float32 does not get there, float64, that is accurate enough. "sgd_estimators, certified" is
ours stopped by ``tol`` alone, when its bound says that it is so near; its time is what a
user waits who knows nothing of f\\*. A fit of a peer may take {limits}.
Times are of ``fit`` on the array that a user holds. Where a peer can only
penalise the intercept (liblinear, snapml), its best intercept is given to it for nothing.

The ratio is a peer's time over ours: fits in turn, the geometric mean over the pairs, its
95 % interval by Student's t. Of the quickest peers, the one with the least ratio is shown.

{environment}. ``make bench`` measures it again.

.. container:: sideways

   .. image:: {picture}
      :alt: The ratios of this page's first tables, with their intervals

{summary}
"""


def environment(versions):
    """Return the machine and the versions in a line."""
    cores = os.environ.get("OMP_NUM_THREADS")
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    python = platform.python_version()
    return f"{platform.machine()}, {cores} cores, Python {python}; {packages}"


def ratio(pairs):
    """Return the geometric mean of theirs / ours, and its 95 % interval."""
    logs = [log(theirs / ours) for ours, theirs in pairs]
    middle = np.mean(logs)
    if len(logs) < 2:
        return exp(middle), 0.0, inf
    half = student.ppf(0.975, len(logs) - 1) * np.std(logs, ddof=1) / sqrt(len(logs))
    return exp(middle), exp(middle - half), exp(middle + half)


def closest(result, accuracy):
    """Return (ratio, low, high, peer, our seconds, its) of the least ratio, if any."""
    found = []
    for one in result["pairs"][f"{accuracy:g}"]:
        ours, theirs = np.median(one["pairs"], axis=0)
        found.append((*ratio(one["pairs"]), one["rival"], ours, theirs))
    return min(found, default=None)


def least_seconds(fits, accuracy):
    """Return the time at the best point; infinity where there is none."""
    return min((fit["seconds"] for fit in fits if fit["excess"] <= accuracy), default=inf)


def shortcoming(fits, budget):
    """Return why a method did not get to the last accuracy; None where it did."""
    if least_seconds(fits, ACCURACIES[-1]) < inf:
        return None
    errors = list(dict.fromkeys(fit["error"] for fit in fits if fit["error"]))
    got = min((fit["excess"] for fit in fits), default=inf)
    said = []
    if np.isfinite(got):
        longest = max(fit["seconds"] for fit in fits if np.isfinite(fit["seconds"]))
        why = "out of time" if longest > budget else "no better with three times more work"
        said.append(
            f"got to {got:.1e}, longest fit {longest:.3g} s"
            + ("" if errors else f", {why}")
        )
    elif not errors:
        said.append("diverged")
    return "; ".join(said + errors)


def in_short(fits):
    """Return the three times of a method, for the terminal."""
    fits = [vars(fit) for fit in fits]
    text = "".join(f"{least_seconds(fits, accuracy):>10.3g}" for accuracy in ACCURACIES)
    return f"{text}  {shortcoming(fits, inf) or ''}"


def summary(results):
    """Return the geometric means, and what does not count in them."""
    lines = []
    for accuracy in ACCURACIES:
        found = [closest(result, accuracy) for result in results]
        ratios = [row[0] for row in found if row]
        behind = sum(row[2] < 1 for row in found if row)
        late = sum(least_seconds(r["fits"][OURS], accuracy) == inf for r in results)
        bounds = [b for b in (in_vain(result, accuracy) for result in results) if b > 0]
        alone = len(results) - len(ratios) - late
        mean = f"{exp(np.mean(np.log(ratios))):.2f}" if ratios else "none"
        line = f"* To {accuracy:g}: geometric mean {mean} over {len(ratios)} problems; "
        line += f"the interval is below 1 in {behind or 'none'}."
        if alone:
            line += f" In {alone} no peer got there or was paired"
            if bounds:
                least = exp(np.mean(np.log(ratios + bounds)))
                line += f": with their longest fits in its place, at least {least:.2f}"
            line += "."
        if late:
            line += f" In {late} ours did not get there."
        lines.append(line)
    return "\n".join(lines)


def table(title, header, rows):
    """Return a list-table with a title."""
    lines = [title, "-" * len(title), "", ".. list-table::", "   :header-rows: 1", ""]
    for row in (header, *rows):
        for k, cell in enumerate(row):
            lines.append(f"   {'* -' if k == 0 else '  -'} {cell}")
    return "\n".join(lines) + "\n"


def plain(text):
    """Return text that reStructuredText leaves as it is."""
    return "".join(f"\\{letter}" if letter in "*_`|\\" else letter for letter in str(text))


def seconds(value):
    """Return a time for a table."""
    return f"{value:.3g}" if value < inf else "–"


def ratio_table(results, accuracy):
    """Return the ratios at an accuracy, least first."""
    rows = []
    for result in results:
        row = closest(result, accuracy)
        if row is None:
            ours = least_seconds(result["fits"][OURS], accuracy)
            rows.append((inf, [result["problem"], seconds(ours), "–", "–", "–", "–"]))
            continue
        value, low, high, peer, ours, theirs = row
        numbers = [f"{value:.2f}", f"{low:.2f} to {high:.2f}"]
        rows.append(
            (value, [result["problem"], seconds(ours), peer, seconds(theirs), *numbers])
        )
    header = ["problem", "ours, s", "peer", "its, s", "ratio", "95 % interval"]
    rows.sort(key=lambda row: row[0])
    return table(f"To {accuracy:g}", header, [row for _, row in rows])


def problem_table(result):
    """Return the times of all methods on a problem, and what stopped the others."""
    header = ["method", *(f"to {accuracy:g}, s" for accuracy in ACCURACIES), "failure"]
    rows = []
    for name, fits in result["fits"].items():
        times = [seconds(least_seconds(fits, accuracy)) for accuracy in ACCURACIES]
        rows.append([name, *times, plain(shortcoming(fits, result["budget"]) or "")])
    return table(result["problem"], header, rows)


def in_vain(result, accuracy):
    """Return how many times longer than ours no peer got there: a bound, 0 if one did.

    A ladder of fits that ends before it is accurate takes longer than its longest.
    """
    longest = {}
    for name, fits in result["fits"].items():
        if name.startswith(OURS):
            continue
        if least_seconds(fits, accuracy) < inf:
            return 0.0
        for fit in fits:
            rest = {k: v for k, v in fit["setting"].items() if k not in KNOBS}
            ladder = name, *sorted(rest.items())
            if fit["error"] is None:
                longest[ladder] = max(longest.get(ladder, 0.0), fit["seconds"])
    ours = least_seconds(result["fits"][OURS], accuracy)
    return min(longest.values(), default=0.0) / ours


def picture(results, path):
    """Draw the ratios with their intervals, a panel for each accuracy."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    size = (12, 1.5 + 0.24 * len(results))
    figure, panels = pyplot.subplots(1, 3, sharey=True, figsize=size, layout="constrained")
    for panel, accuracy in zip(panels, ACCURACIES, strict=True):
        for k, result in enumerate(results):
            if row := closest(result, accuracy):
                value, low, high = row[:3]
                colour = "C3" if high < 1 else "C0"
                panel.plot([max(low, 1e-3), min(high, 1e5)], [k, k], color=colour)
                panel.plot(value, k, "o", color=colour, markersize=4)
        panel.axvline(1, color="black", linewidth=0.8)
        panel.set(xscale="log", title=f"to {accuracy:g}", xlabel="best peer's time / ours")
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(results)), [result["problem"] for result in results])
    panels[0].invert_yaxis()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def write(results, versions, limits, folder):
    """Write the page and its picture."""
    folder.mkdir(parents=True, exist_ok=True)
    picture(results, folder / PICTURE)
    head = HEAD.format(
        environment=plain(environment(versions)),
        limits=limits,
        picture=PICTURE,
        summary=summary(results),
    )
    tables = [ratio_table(results, accuracy) for accuracy in ACCURACIES]
    tables += [problem_table(result) for result in results]
    (folder / PAGE).write_text("\n".join([head, *tables]))
