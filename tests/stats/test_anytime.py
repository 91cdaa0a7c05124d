"""Test bounds that hold at any time: by simulation, by their laws, and beside a fixed sample's."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quintet.errors import DesignError
from quintet.stats import wilson
from quintet.stats.anytime import Anytime

STREAMS = 300


def streamed(values, **options):
    bound = Anytime(**options)
    for value in values:
        bound.add(value)
    return bound


def drawn(seed, mean, count):
    rng = random.Random(seed)
    return [float(rng.random() < mean) for _ in range(count)]


@pytest.mark.parametrize("mean", [0.05, 0.5, 0.9])
def test_a_mean_is_ruled_out_at_any_time_no_more_often_than_promised(mean):
    # With a limit at the true mean, each side may be wrong in 1 of 20 streams.
    ends = [streamed(drawn(seed, mean, 250), limit=mean) for seed in range(STREAMS)]
    for wrong in (sum(end.exceeds for end in ends), sum(end.falls_short for end in ends)):
        assert wilson(wrong, STREAMS).low <= 0.05


@pytest.mark.parametrize("mean", [0.05, 0.5, 0.9])
def test_looking_again_and_again_at_a_fixed_samples_bound_breaks_its_promise(mean):
    # The reason for all this: Wilson's bound, looked at after each value, is wrong far more often.
    wrong = 0
    for seed in range(STREAMS):
        hits, ever = 0.0, False
        for n, value in enumerate(drawn(seed, mean, 250), start=1):
            hits += value
            ever = ever or wilson(hits, n, sided="upper").high < mean
        wrong += ever
    assert wilson(wrong, STREAMS).low > 0.05


def test_values_that_depend_on_those_before_are_bounded_too():
    def dependent(seed):
        rng, values = random.Random(seed), []
        for _ in range(250):  # after a hit the values are certain, after a miss a coin's
            values.append(0.5 if values and values[-1] == 1 else float(rng.random() < 0.5))
        return values

    ends = [streamed(dependent(seed), limit=0.5) for seed in range(STREAMS)]
    assert wilson(sum(end.falls_short for end in ends), STREAMS).low <= 0.05


@pytest.mark.parametrize(
    ("mean", "limit", "within"), [(0.7, 0.9, 150), (0.95, 0.8, 200), (0.2, 0.05, 150)]
)
def test_a_limit_that_is_not_kept_is_found_before_long(mean, limit, within):
    ends = [streamed(drawn(seed, mean, within), limit=limit) for seed in range(50)]
    found = sum(end.falls_short if mean < limit else end.exceeds for end in ends)
    assert found >= 45


def test_bounds_close_in_on_the_mean():
    end = streamed(drawn(1, 0.8, 4000))
    assert end.low < end.mean < end.high
    assert end.high - end.low < 0.06


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0, 1))
def test_bounds_never_widen_and_agree_with_the_limit(values, limit):
    bound, low, high = Anytime(limit=limit), 0.0, 1.0
    for value in values:
        bound.add(value)
        assert 0 <= low <= bound.low
        assert bound.high <= high <= 1
        low, high = bound.low, bound.high
        assert not bound.exceeds or bound.low >= limit - 0.002
        assert not bound.falls_short or bound.high <= limit + 0.002
    assert bound.count == len(values)
    assert bound.mean == pytest.approx(sum(values) / len(values))


def test_one_miss_rules_out_that_there_is_none():
    assert streamed([1, 1, 0], limit=1).falls_short
    assert streamed([0, 0.1], limit=0).exceeds
    assert not streamed([1, 1, 1], limit=1).falls_short


def test_nothing_is_known_before_the_first_value():
    assert (Anytime().low, Anytime().high, Anytime(limit=0.5).exceeds) == (0, 1, False)


def test_values_and_settings_that_cannot_be_are_refused():
    with pytest.raises(DesignError, match="give a number from 0 to 1"):
        Anytime().add(1.5)
    with pytest.raises(DesignError, match="give a number from 0 to 1"):
        Anytime().add(float("nan"))
    with pytest.raises(DesignError, match="confidence=1"):
        Anytime(confidence=1)
    with pytest.raises(DesignError, match="limit=2"):
        Anytime(limit=2)
