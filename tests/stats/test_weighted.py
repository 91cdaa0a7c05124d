"""Test that a measure of counts is the measure of the cases, each as often as it was drawn."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet import stats
from quintet.evals.metrics.cost import _percentile
from quintet.stats.bootstrap import bootstrap_ratio, bootstrap_weighed
from quintet.stats.weighted import (
    weighed_aurc,
    weighed_auroc,
    weighed_ece,
    weighed_macro_f1,
    weighed_percentile,
    weighed_ratio,
)

drawn = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.1, 1 / 15, 0.3, 0.5, 0.55, 0.9, 1.0]),
        st.booleans(),
        st.sampled_from("abc"),
        st.sampled_from("abcd"),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=14,
).filter(lambda cases: any(count for *_, count in cases))


@given(cases=drawn)
def test_counts_give_what_the_cases_drawn_give(cases):
    scores, flags, truths, guesses, counts = map(list, zip(*cases, strict=True))
    number = np.array(counts)
    every = [case for case in cases for _ in range(case[4])]
    own, right, true, guess, _ = map(list, zip(*every, strict=True))
    assert weighed_aurc(scores, flags)(number) == pytest.approx(stats.aurc(own, right))
    assert weighed_ece(scores, flags, bins=15)(number) == pytest.approx(stats.ece(own, right))
    assert weighed_macro_f1(truths, guesses)(number) == pytest.approx(stats.macro_f1(true, guess))
    area = weighed_auroc(scores, flags)(number)
    if len(set(right)) == 2:
        assert area == pytest.approx(stats.auroc(own, right))
    else:
        assert isnan(area)
    for at in (50, 95):
        expected = _percentile([(value,) for value in own], at)
        assert weighed_percentile(scores, at=at)(number) == pytest.approx(expected)
    assert weighed_ratio(scores, [1.0] * len(scores))(number) == pytest.approx(np.mean(own))


def test_a_draw_without_a_whole_has_no_ratio():
    assert isnan(weighed_ratio([1.0, 2.0], [0.0, 1.0])(np.array([1, 0])))


def test_the_interval_of_counts_is_that_of_values():
    values = [(place % 40, float(place % 7), 1.0) for place in range(400)]
    expected = bootstrap_ratio(values, method="percentile", rounds=4000)
    ratio = weighed_ratio([part for _, part, _ in values], [1.0] * 400)
    (found, wide), error = bootstrap_weighed(
        [cluster for cluster, *_ in values], ratio, rounds=4000, confidences=(0.95, 0.99)
    )
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.03)
    assert wide.low < found.low < found.high < wide.high
    assert found.width == pytest.approx(2 * 2.02 * error, rel=0.1)


def test_one_cluster_tells_nothing():
    (interval,), error = bootstrap_weighed(["a", "a"], lambda counts: float(counts.sum()))
    assert interval.width == error == float("inf")
