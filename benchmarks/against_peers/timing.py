"""Fits, timed in a process of their own: one that hangs is listed, not fatal."""

import multiprocessing
import os
import resource
import time
import warnings
from dataclasses import dataclass, field

import numpy as np
from optimum import optimum
from peers import OURS, peers_of
from problems import best_intercept, objective, task

ACCURACIES = [1e-2, 1e-4, 1e-6]
START_UP = 60  # seconds a process may take to read the data and to import a peer
REST = 0.1  # seconds in which threads of the fit before, which wait busily, fall asleep
WARM_UP = 1_000  # rows of the first fit, which compiles and loads what a peer needs


@dataclass
class Fit:
    """One timed fit, or the error that it ended with."""

    peer: str
    setting: dict = field(default_factory=dict)
    seconds: float = np.inf
    excess: float = np.inf  # (f - f*) / (f0 - f*)
    error: str | None = None


class Judge:
    """The arrays of a problem, and what a model on them is worth."""

    def __init__(self, problem, folder, cache):
        self.alpha = problem.alpha
        self.X, self.y = problem.load(folder)
        self.known = optimum(self.X, self.y, self.alpha, cache)

    def peers(self, names=None):
        """Return the peers for this task."""
        return peers_of(task(self.y), names)

    def peer(self, name):
        """Return the peer of this name."""
        return next(peer for peer in self.peers() if peer.name == name)

    def fit(self, peer, setting):
        """Return the seconds of `fit`, a change of type included, and the model."""
        knobs = {knob: value for knob, value in setting.items() if knob != "float64"}
        model = peer.make(self.alpha, len(self.y), **knobs)
        time.sleep(REST)
        begun = time.perf_counter()
        X = self.X.astype(np.float64) if "float64" in setting else self.X
        model.fit(X, self.y)
        return time.perf_counter() - begun, model

    def excess(self, peer, model):
        """Return (f - f*) / (f0 - f*), by the one function that judges all."""
        coef, intercept = np.atleast_2d(model.coef_), np.ravel(model.intercept_)
        if coef.shape[1] != self.X.shape[1]:
            coef = coef.T  # cyanure's, of several classes
        if not (np.isfinite(coef).all() and np.isfinite(intercept).all()):
            return np.inf
        if peer.penalises_b:
            intercept = best_intercept(self.X, self.y, coef)
        value = objective(self.X, self.y, coef, intercept, self.alpha)
        return (value - self.known["best"]) / (self.known["start"] - self.known["best"])

    def warm_up(self, peer, setting):
        """Fit a few rows, with some of each class."""
        some = np.random.default_rng(0).permutation(len(self.y))[:WARM_UP]
        if task(self.y) != "ridge":
            first = [np.flatnonzero(self.y == k)[:2] for k in range(self.y.max() + 1)]
            some = np.unique(np.concatenate([some, *first]))
        peer.make(self.alpha, len(some), **setting).fit(self.X[some], self.y[some])

    def sweep(self, name, budget):
        """Yield a Fit for each setting that is worth trying, cheapest first in a ladder."""
        peer = self.peer(name)
        if reason := peer.missing():
            yield Fit(name, error=reason)
            return
        types = [{}] if self.X.dtype == np.float64 else [{}, {"float64": True}]
        enough, end = budget, time.perf_counter() + 4 * budget
        for of_type in types:
            for ladder in peer.ladders:
                for fit in self._climb(peer, ladder, of_type, enough):
                    yield fit
                    if fit.excess <= ACCURACIES[-1]:
                        enough = min(enough, fit.seconds)
                    if time.perf_counter() > end:
                        return
            if enough < budget:
                return  # the user's own type of numbers does

    def _climb(self, peer, ladder, of_type, enough):
        """Yield fits until one is accurate, too long, fails, or three cost in vain."""
        best, longest, idle = np.inf, 0.0, 0
        try:
            self.warm_up(peer, ladder[0])
        except Exception:
            pass  # what is wrong shows in the fit that is timed
        for setting in (rung | of_type for rung in ladder):
            try:
                seconds, model = self.fit(peer, setting)
                excess = float(self.excess(peer, model))
            except Exception as error:
                text = f"{type(error).__name__}: {error}".splitlines()[0]
                yield Fit(peer.name, setting, error=text[:160])
                return
            yield Fit(peer.name, setting, seconds, excess)
            in_vain = excess >= 0.9 * best and seconds > 1.5 * longest
            idle = 0 if excess < 0.9 * best else idle + in_vain
            best, longest = min(best, excess), max(longest, seconds)
            if excess <= ACCURACIES[-1] or seconds > enough or idle == 3:
                return

    def pairs(self, ours, rival, count, seconds):
        """Yield the times of ours and the rival, in turn, as long as the seconds last."""
        both = [(self.peer(fit.peer), fit.setting) for fit in (ours, rival)]
        for call in both:
            self.fit(*call)
        end = time.perf_counter() + seconds
        for k in range(count):
            turn = {i: self.fit(*both[i])[0] for i in ((0, 1) if k % 2 else (1, 0))}
            yield turn[0], turn[1]
            if k >= 2 and time.perf_counter() > end:
                return


def serve(link, problem, folder, cache):
    """Answer in a process of its own: a generator of Judge, item by item."""
    warnings.simplefilter("ignore")  # that a method has not converged is what is measured
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    resource.setrlimit(resource.RLIMIT_DATA, (int(0.8 * memory),) * 2)
    judge = Judge(problem, folder, cache)
    link.send(None)
    while True:
        what, *arguments = link.recv()
        for item in getattr(judge, what)(*arguments):
            link.send(item)
        link.send(None)


class Worker:
    """A process that holds a problem; it is started again after it had to be killed."""

    def __init__(self, *arguments):
        self.arguments, self.process = arguments, None

    def ask(self, what, *arguments, patience):
        """Yield the answers; TimeoutError or EOFError where the process gave none."""
        if self.process is None:
            self._start()
        self.link.send((what, *arguments))
        wait = patience + START_UP
        try:
            while (item := self._receive(wait)) is not None:
                yield item
        except (TimeoutError, EOFError):
            self.stop()
            raise

    def _start(self):
        context = multiprocessing.get_context("spawn")
        self.link, theirs = context.Pipe()
        self.process = context.Process(
            target=serve, args=(theirs, *self.arguments), daemon=True
        )
        self.process.start()
        theirs.close()
        self._receive(None)

    def _receive(self, wait):
        if not self.link.poll(wait):
            raise TimeoutError(f"killed: no answer within {wait:.0f} s")
        return self.link.recv()

    def stop(self):
        """Kill the process."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None


def sweep(worker, name, budget):
    """Return the fits of a peer, the last one a failure where its process died."""
    fits = []
    try:
        for fit in worker.ask("sweep", name, budget, patience=budget):
            fits.append(fit)
    except TimeoutError as error:
        fits.append(Fit(name, error=str(error)))
    except EOFError:
        fits.append(Fit(name, error="its process died, perhaps of want of memory"))
    return fits


def best(fits, accuracy):
    """Return the quickest fit that is so accurate; None where there is none."""
    return min(
        (fit for fit in fits if fit.excess <= accuracy),
        key=lambda fit: fit.seconds,
        default=None,
    )


def compare(worker, fits, names, rivals, count, seconds):
    """Return, for each accuracy, the pairs of ours and of its quickest rivals."""
    done, found = {}, {}
    for accuracy in ACCURACIES:
        ours = best(fits[OURS], accuracy)
        others = [best(fits[name], accuracy) for name in names if not name.startswith(OURS)]
        others = sorted(filter(None, others), key=lambda fit: fit.seconds)[:rivals]
        found[accuracy] = []
        for rival in others if ours else []:
            key = f"{ours.setting} {rival.peer} {rival.setting}"
            if key not in done:
                longest = max(ours.seconds, rival.seconds) * 4 + seconds
                try:
                    asked = worker.ask(
                        "pairs", ours, rival, count, seconds, patience=longest
                    )
                    done[key] = list(asked)
                except (TimeoutError, EOFError):
                    done[key] = []
            if done[key]:
                found[accuracy].append({"rival": rival.peer, "pairs": done[key]})
    return found
