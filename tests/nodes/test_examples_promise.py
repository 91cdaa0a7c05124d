from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.nodes.choosers.promise import Held, Promise, promised, shares
from quintet.stats import wilson

SURE = st.floats(0, 1)
HELD = st.lists(
    st.builds(Held, sure=SURE, right=st.booleans(), weight=st.floats(0.1, 10)), max_size=60
)
SHARE = st.floats(0.01, 1)


def accepted(held: list[Held], promise: Promise) -> list[Held]:
    return [one for one in held if one.sure >= promise.threshold]


@given(HELD, SHARE)
def test_a_kept_promise_holds_on_what_the_threshold_accepts(
    held: list[Held], at_least: float
) -> None:
    promise = promised(held, at_least, 0.1)
    taken = accepted(held, promise)
    weight = sum(one.weight for one in taken)
    if promise.kept:
        right = sum(one.weight for one in taken if one.right)
        assert right / weight >= at_least
        assert promise.accuracy == pytest.approx(right / weight)
    else:
        assert promise.threshold == at_least
    assert promise.n == len(taken)
    assert 0 <= promise.low <= promise.accuracy + 1e-9
    assert promise.accuracy <= promise.high + 1e-9


@given(HELD, SHARE, SHARE)
def test_a_higher_promise_never_has_a_lower_threshold_while_both_are_kept(
    held: list[Held], one: float, two: float
) -> None:
    low, high = (promised(held, at_least, 0.1) for at_least in sorted((one, two)))
    if low.kept and high.kept:
        assert low.threshold <= high.threshold


@given(HELD)
def test_without_a_promise_all_is_accepted(held: list[Held]) -> None:
    for at_least in (None, 0.0):
        promise = promised(held, at_least, 0.1)
        assert (promise.threshold, promise.n) == (0.0, len(held))


@given(HELD)
def test_certainty_is_never_promised(held: list[Held]) -> None:
    assert not promised(held, 1.0, 0.1).kept


def test_a_good_share_of_few_is_not_enough() -> None:
    few = [Held(sure=0.9, right=True)] * 5
    assert not promised(few, 0.95, 0.0).kept
    assert promised(few * 20, 0.95, 0.0).kept


def test_a_few_heavy_errors_tell_less_than_many_light_ones() -> None:
    right = [Held(sure=0.9, right=True)] * 1950
    light = promised([*right, *[Held(sure=0.9, right=False)] * 50], 0.97, 0.0)
    heavy = promised([*right, *[Held(sure=0.9, right=False, weight=25)] * 2], 0.97, 0.0)
    assert light.kept
    assert not heavy.kept
    interval = wilson(0.975 * 2000, 2000)
    assert (interval.low, interval.high) == pytest.approx((light.low, light.high))


@given(HELD)
def test_the_interval_of_light_choices_is_that_of_their_number(held: list[Held]) -> None:
    promise = promised([replace(one, weight=1.0) for one in held], None, 0.0)
    interval = wilson(promise.accuracy * len(held), len(held))
    assert (promise.low, promise.high) == pytest.approx((interval.low, interval.high), abs=1e-12)


@given(st.lists(st.booleans(), max_size=30), st.floats(0, 0.9))
def test_what_belongs_to_nobody_has_the_share_that_is_asked(
    nobody: list[bool], outside: float
) -> None:
    weights = shares(nobody, outside)
    theirs = sum(weight for weight, one in zip(weights, nobody, strict=True) if one)
    if 0 < sum(nobody) < len(nobody):
        assert theirs == pytest.approx(outside * sum(weights))
    else:
        assert weights == [1.0] * len(nobody)


def test_the_interval_is_wilsons() -> None:
    held = [Held(sure=0.9, right=place < 90) for place in range(100)]
    promise = promised(held, None, 0.0)
    assert (round(promise.low, 4), round(promise.high, 4)) == (0.8256, 0.9448)
    nothing = promised([], None, 0.0)
    assert (nothing.low, nothing.high) == (0.0, 1.0)


def test_a_promise_is_judged_by_a_bound_that_holds_nine_times_in_ten() -> None:
    low = wilson(0.975 * 2000, 2000, confidence=0.8).low
    held = [Held(sure=0.9, right=place < 1950) for place in range(2000)]
    assert promised(held, low - 1e-6, 0.0).kept
    assert not promised(held, low + 1e-6, 0.0).kept
