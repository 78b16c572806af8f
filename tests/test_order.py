"""The order of an epoch: each row once, at random, in runs, evenly over the file."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse, stats

from sgd_estimators import objective
from sgd_estimators._auto import run_length
from sgd_estimators._kernels.order import Order

each_split = pytest.mark.parametrize("n_segments", [1, 32])
each_run = pytest.mark.parametrize("run_length", [1, 2, 4, 16, 256])


def deal(order, size):
    """Return the batches that are left of the epoch."""
    taken = []
    while len(batch := order.take(size)):
        taken.append(batch)
    return taken


def epoch(order, size, seed=0, number=0):
    """Return the batches of a shuffled epoch."""
    order.shuffle(seed, number, size)
    return deal(order, size)


def bounds(n, n_segments):
    """Return where the segments of the file begin and end."""
    return np.linspace(0, n, min(n, n_segments) + 1).astype(int)


@each_split
@each_run
def test_every_row_once(n_segments, run_length):
    for n in [*range(1, 201), 1000, 4095, 4096, 4097, 10007]:
        order = Order(n, None, n_segments, run_length)
        for size in (1 + n % 7, 64, n, n + 1):
            taken = epoch(order, size)
            assert [len(batch) for batch in taken[:-1]] == [size] * (len(taken) - 1)
            assert 1 <= len(taken[-1]) <= size
            assert_array_equal(np.sort(np.concatenate(taken)), np.arange(n))
            assert len(order.take(size)) == 0


@each_split
@each_run
@pytest.mark.parametrize("n", [1, 33, 700, 5000])
def test_active_rows(n, n_segments, run_length):
    active = np.flatnonzero(np.random.default_rng(0).random(2 * n) < 0.5)
    active.flags.writeable = False
    n = len(active)
    some = epoch(Order(n, active, n_segments, run_length), 64)
    everyone = epoch(Order(n, None, n_segments, run_length), 64)
    assert_array_equal(np.concatenate(some), active[np.concatenate(everyone)])


@pytest.mark.parametrize("size", [1, 7, 64, 5000])
@pytest.mark.parametrize("n", [1, 10, 5000])
def test_unshuffled_is_the_order_of_the_file(n, size):
    assert_array_equal(np.concatenate(deal(Order(n), size)), np.arange(n))
    active = np.arange(n)[::-1].copy()
    assert_array_equal(np.concatenate(deal(Order(n, active), size)), active)


@each_split
@each_run
@pytest.mark.parametrize("size", [1, 32, 100, 999])
def test_belongs_to_seed_and_epoch(n_segments, run_length, size):
    def rows(order, seed, number):
        return np.concatenate(epoch(order, size, seed, number))

    order = Order(6000, None, n_segments, run_length)
    fresh = Order(6000, None, n_segments, run_length)
    first = rows(fresh, 3, 1)
    assert np.any(rows(order, 3, 2) != first)
    assert np.any(rows(order, 4, 1) != first)
    epoch(order, 4500)
    order.shuffle(3, 0, 64)
    order.take(1000)  # whatever came before
    assert_array_equal(rows(order, 3, 1), first)
    order.restart(size)
    assert_array_equal(np.concatenate(deal(order, size)), first)


@each_run
@pytest.mark.parametrize("each", [1, 2, 3, 8, 50])
def test_a_batch_takes_its_rows_evenly(run_length, each):
    n = 32 * 600  # the same number in each segment
    taken = epoch(Order(n, None, 32, run_length), 32 * each)
    for batch in taken:
        counts = np.bincount(batch // 600, minlength=32)
        assert_array_equal(counts, len(batch) // 32)


@pytest.mark.parametrize("size", [33, 100, 1000])
def test_other_batches_are_nearly_even(size):
    n = 20011
    *taken, _, _ = epoch(Order(n, None, 32, 4), size)  # the last take what is left
    for batch in taken:
        counts = np.histogram(batch, bounds(n, 32))[0]
        assert counts.max() - counts.min() <= size // 32


@each_split
@each_run
@pytest.mark.parametrize("n", [5, 100, 20011])
@pytest.mark.parametrize("size", [1, 100])
def test_runs_are_neighbours(n, n_segments, run_length, size):
    rows = np.concatenate(epoch(Order(n, None, n_segments, run_length), size))
    edges = bounds(n, n_segments)
    for begin, end in pairwise(edges):
        own = rows[(begin <= rows) & (rows < end)]
        step = np.diff(own) % (end - begin)  # the end is the beginning's neighbour
        inside = np.arange(1, len(own)) % run_length > 0
        assert_array_equal(step[inside], 1)


def p_value(seen, n):
    """Return the chi-square test's, of each of n outcomes being as likely."""
    return stats.chisquare(np.bincount(seen, minlength=n)).pvalue


# One segment and several; runs that divide the segment and that do not.
@pytest.mark.parametrize(
    ("n", "n_segments", "run_length"),
    [(30, 1, 1), (30, 1, 4), (30, 1, 16), (30, 1, 256), (96, 32, 1), (96, 32, 2)],
)
@pytest.mark.parametrize("place", [0, 1, -1])
def test_every_row_is_as_likely_at_a_place(n, n_segments, run_length, place):
    order = Order(n, None, n_segments, run_length)
    seen = []
    for number in range(1500):
        order.shuffle(0, number, n)
        seen.append(order.take(n)[place])
    assert p_value(seen, n) > 1e-3  # the seed is fixed


def test_plain_shuffle_draws_pairs_uniformly():
    order = Order(5, None, 1, 1)
    seen = []
    for number in range(2000):
        order.shuffle(0, number, 5)
        first, second = order.take(2)
        seen.append(4 * first + second - (second > first))
    assert p_value(seen, 20) > 1e-3


def test_runs_are_as_long_as_the_noise_allows_and_not_sought_at_any_price():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40_000, 30))
    noise = rng.normal(size=40_000)
    W = np.zeros((1, 31))
    assert run_length(objective(X, noise), W, 256, 0) >= 32
    alike = np.repeat(X[::200], 200, axis=0), np.repeat(noise[::200], 200)
    assert run_length(objective(*alike), W, 256, 0) <= 4
    wide = sparse.random_array((40_000, 50_000), density=4e-4, rng=rng, format="csr")
    # Gradients there would cost hundreds of passes.
    assert run_length(objective(wide, noise), np.zeros((1, 50_001)), 256, 0) == 1


class SplitMix:
    """The generator and its bounded integers, in Python's exact arithmetic."""

    def __init__(self, seed, number):
        self.state = self.mixed(self.mixed(seed + 0x9E3779B97F4A7C15) + number)

    @staticmethod
    def mixed(z):
        z %= 2**64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    def draw(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        return self.mixed(self.state)

    def below(self, bound):
        if bound >= 2**32:
            while (drawn := self.draw()) >= 2**64 // bound * bound:
                pass
            return drawn % bound
        while (product := (self.draw() >> 32) * bound) % 2**32 < 2**32 % bound:
            pass
        return product >> 32

    def permutation(self, n):
        places = []
        for i in range(n):
            j = self.below(i + 1)
            places.append(i)
            places[i], places[j] = places[j], i
        return places


@pytest.mark.parametrize(("seed", "number"), [(0, 0), (2**31 - 1, 7), (5, 2**63)])
def test_the_same_on_every_platform(seed, number):
    n, random = 1000, SplitMix(seed, number)
    assert random.permutation(1) == [0]  # of the segments
    shift, runs = random.below(n), np.array(random.permutation(n))
    order = Order(n, None, 1, 1)
    order.shuffle(seed, number, 1)
    assert_array_equal(order.take(n), (runs + shift) % n)


@pytest.mark.parametrize("n", [2**32, 3 * 2**61 + 1, 2**63 - 1])
def test_rows_beyond_32_bits(n):
    order = Order(n, None, 1, n)
    for number in range(20):
        random = SplitMix(1, number)
        random.permutation(1)
        order.shuffle(1, number, 1)
        assert order.take(1) == [random.below(n)]


def test_epochs_have_nothing_to_do_with_each_other():
    n, order = 2000, Order(2000, None, 1, 1)
    places = np.empty((50, n))
    for number in range(50):
        order.shuffle(number // 25, number % 25, n)
        places[number, order.take(n)] = np.arange(n)
    correlations = np.corrcoef(places)[np.triu_indices(50, 1)]
    assert abs(correlations).max() < 5 / np.sqrt(n)
    assert 0.9 < correlations.std() * np.sqrt(n) < 1.1
