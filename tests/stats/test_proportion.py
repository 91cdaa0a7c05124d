from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from quintet.state import DesignError
from quintet.stats import proportion, wilson
from quintet.stats.interval import Interval
from quintet.stats.proportion import effective, exact

counts = st.integers(0, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
some = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
confidences = st.floats(0.5, 0.999)
clusters = st.lists(
    st.integers(1, 8).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    min_size=1,
    max_size=30,
).map(lambda sizes: [(place, hits, n) for place, (hits, n) in enumerate(sizes)])


@settings(deadline=None)
@given(some, confidences)
def test_wilson_and_exact_are_those_of_statsmodels(count, confidence):
    hits, n = count
    for ours, name in ((wilson, "wilson"), (exact, "beta")):
        interval = ours(hits, n, confidence=confidence)
        low, high = proportion_confint(hits, n, alpha=1 - confidence, method=name)
        assert interval.low == pytest.approx(low, abs=1e-9)
        assert interval.high == pytest.approx(high, abs=1e-9)


@pytest.mark.parametrize(("n", "ends"), [(400, (0.924, 0.967)), (1000, (0.935, 0.962))])
def test_wilson_gives_the_published_ends_at_95_percent_seen(n, ends):
    interval = wilson(0.95 * n, n)
    assert (interval.low, interval.high) == pytest.approx(ends, abs=0.0006)


@settings(deadline=None)
@given(counts, confidences, st.sampled_from([wilson, exact]))
def test_an_interval_holds_the_estimate_and_stays_on_the_scale(count, confidence, made):
    hits, n = count
    interval = made(hits, n, confidence=confidence)
    assert 0 <= interval.low <= interval.high <= 1
    assert n == 0 or hits / n in Interval(
        low=interval.low - 1e-12, high=interval.high + 1e-12, confidence=confidence
    )


@settings(deadline=None)
@given(some, st.sampled_from([wilson, exact]))
def test_failures_mirror_successes(count, made):
    hits, n = count
    one, other = made(hits, n), made(n - hits, n)
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-9)


@settings(deadline=None)
@given(some, st.integers(2, 10), st.sampled_from([wilson, exact]))
def test_more_of_the_same_narrows(count, times, made):
    hits, n = count
    assert made(hits * times, n * times).width < made(hits, n).width


@settings(deadline=None)
@given(some, st.floats(0.5, 0.98), st.sampled_from([wilson, exact]))
def test_more_confidence_widens(count, confidence, made):
    wider, narrower = (made(*count, confidence=c) for c in (confidence + 0.01, confidence))
    assert wider.low <= narrower.low
    assert narrower.high <= wider.high
    assert wider.width > narrower.width


@settings(deadline=None)
@given(some, st.sampled_from([wilson, exact]))
def test_a_bound_on_one_side_is_an_end_at_twice_the_miss(count, made):
    lower, upper = made(*count, sided="lower"), made(*count, sided="upper")
    both = made(*count, confidence=0.9)
    assert (lower.low, upper.high) == pytest.approx((both.low, both.high), abs=1e-12)
    assert (lower.high, upper.low) == (1, 0)


@settings(deadline=None)
@given(some, st.sampled_from([wilson, exact]))
def test_nothing_collapses_at_the_ends(count, made):
    _, n = count
    assert made(0, n).low == 0 < made(0, n).high < 1
    assert 0 < made(n, n).low < 1 == made(n, n).high


def test_nothing_seen_says_nothing():
    for made in (wilson, exact):
        assert made(0, 0) == Interval(low=0.0, high=1.0, confidence=0.95)
    assert proportion([]) == proportion([("a", 0, 0)]) == Interval(low=0, high=1, confidence=0.95)


def test_what_makes_no_sense_is_refused():
    for wrong in (
        lambda: wilson(3, 2),
        lambda: wilson(-1, 2),
        lambda: wilson(float("nan"), 2),
        lambda: wilson("1", 2),
        lambda: wilson(1, 2, confidence=95),
        lambda: wilson(1, 2, confidence=0.4, sided="lower"),
        lambda: exact(1, 2, sided="left"),
        lambda: proportion([("a", 2, 1)]),
        lambda: proportion([("a", 1, 1)], method="wald"),
        lambda: Interval(low=1, high=0, confidence=0.95),
        lambda: Interval(low=float("nan"), high=0, confidence=0.95),
    ):
        with pytest.raises(DesignError, match="="):
            wrong()


def test_an_interval_reads_as_its_ends():
    interval = wilson(93, 100)
    assert str(interval) == "[0.86, 0.97]"
    assert 0.9 in interval
    assert 0.5 not in interval
    assert interval.width == interval.high - interval.low


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=60), st.sampled_from(["two", "lower"]))
def test_clusters_of_one_are_a_plain_count(hits, sided):
    parts = [(place, hit, 1) for place, hit in enumerate(hits)]
    plain = wilson(sum(hits), len(hits), sided=sided)
    ours = proportion(parts, sided=sided)
    assert (ours.low, ours.high) == pytest.approx((plain.low, plain.high), abs=1e-9)


@settings(deadline=None)
@given(clusters, st.randoms())
def test_the_order_of_clusters_does_not_matter(parts, random):
    # Each case on its own, in any order, is its cluster's sum.
    single = [(name, float(place < hits), 1) for name, hits, n in parts for place in range(n)]
    random.shuffle(single)
    one, other = proportion(parts), proportion(single)
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=1e-9)


@settings(deadline=None)
@given(clusters)
def test_clusters_count_between_their_number_and_their_trials(parts):
    trials = sum(n for _, _, n in parts)
    least = trials**2 / sum(n**2 for _, _, n in parts)
    assert least - 1e-9 <= effective(parts) <= trials
    assert sum(hits for _, hits, _ in parts) / trials in proportion(parts)


@pytest.mark.parametrize("hits", [0, 5])
def test_at_the_border_repeats_count_about_once_a_task(hits):
    parts = [(task, hits, 5) for task in range(40)]
    assert effective(parts) == pytest.approx(40)
    assert 0 < proportion(parts).width < 0.1
    assert proportion(parts).width == pytest.approx(wilson(8 * hits, 40).width)


def test_repeats_that_are_all_alike_tell_nothing_new():
    parts = [(task, 5 * (task % 3 > 0), 5) for task in range(60)]
    assert effective(parts) == pytest.approx(60, rel=0.02)


def test_clusters_without_trials_say_nothing():
    parts = [(task, 1, 2) for task in range(9)]
    assert proportion([*parts, ("none", 0, 0)]) == proportion(parts)


@pytest.mark.parametrize(("tasks", "repeats"), [(30, 3), (100, 5), (20, 10), (500, 4)])
@pytest.mark.parametrize("method", ["wilson", "exact"])
def test_a_failure_never_makes_a_gate_easier(tasks, repeats, method):
    bounds = [
        proportion(
            [(task, repeats - (task < failed), repeats) for task in range(tasks)],
            sided="lower",
            method=method,
        ).low
        for failed in range(min(tasks // 2, 20))
    ]
    assert max(bounds) == bounds[0]
    if method == "wilson":
        assert bounds == sorted(bounds, reverse=True)


def test_wilson_covers_what_it_says():
    from math import comb

    def coverage(n: int, rate: float) -> float:
        return sum(
            comb(n, hits) * rate**hits * (1 - rate) ** (n - hits)
            for hits in range(n + 1)
            if rate in wilson(hits, n)
        )

    for n in (10, 50, 200):
        rates = [(place + 0.5) / 100 for place in range(100)]
        covered = [coverage(n, rate) for rate in rates]
        assert 0.94 <= sum(covered) / len(covered) <= 0.96
        assert min(covered[5:95]) >= 0.89


def test_the_exact_bound_never_covers_less_than_it_says():
    from math import comb

    for n in (10, 59, 200):
        lows = [exact(hits, n, sided="lower").low for hits in range(n + 1)]
        for rate in (0.05, 0.3, 0.8, 0.95, 0.99):
            covered = sum(
                comb(n, hits) * rate**hits * (1 - rate) ** (n - hits)
                for hits in range(n + 1)
                if lows[hits] <= rate
            )
            assert covered >= 0.95 - 1e-9


def clustered(random: Random, tasks: int, rate: float, alike: float) -> list[tuple[int, int, int]]:
    """Draw tasks of 1 to 5 runs, whose successes are correlated within the task by `alike`."""
    parts = []
    for task in range(tasks):
        runs = random.choice((1, 3, 5))
        spread = (1 - alike) / alike
        own = random.betavariate(rate * spread, (1 - rate) * spread)
        parts.append((task, sum(random.random() < own for _ in range(runs)), runs))
    return parts


@pytest.mark.parametrize("alike", [0.01, 0.3, 0.8])
@pytest.mark.parametrize("rate", [0.6, 0.9])
def test_clusters_are_covered_where_a_plain_count_is_not(alike, rate):
    random = Random(f"{alike} {rate}")
    rounds, ours, plain = 200, 0, 0
    for _ in range(rounds):
        parts = clustered(random, 60, rate, alike)
        ours += rate in proportion(parts)
        plain += rate in wilson(sum(hits for _, hits, _ in parts), sum(n for _, _, n in parts))
    # Three standard errors of a simulated 0.95 are 0.046.
    assert ours / rounds >= 0.95 - 0.046
    if alike == 0.8:
        assert plain / rounds < 0.85


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [10, 40])
@pytest.mark.parametrize("rate", [0.5, 0.95])
@pytest.mark.parametrize("alike", [0.01, 0.3, 0.8])
def test_clusters_are_covered_at_any_size(tasks, rate, alike):
    random = Random(f"{tasks} {rate} {alike}")
    rounds = 400
    covered = sum(rate in proportion(clustered(random, tasks, rate, alike)) for _ in range(rounds))
    assert covered / rounds >= 0.95 - 0.033
