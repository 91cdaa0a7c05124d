from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.evals.figure import Figure
from quintet.evals.reports.charts import Scale, around, bar, risk_coverage_chart
from quintet.stats import risk_coverage
from quintet.stats.selective import RiskPoint

numbers = st.floats(min_value=0, max_value=1e9, allow_nan=False)


@given(st.lists(numbers, min_size=1, max_size=5))
def test_the_ends_of_a_scale_lie_around_all_values(values):
    low, high = around(values, share=False)
    assert low < high
    assert low <= min(values)
    assert high >= max(values) * (1 - 1e-9)


@given(st.lists(st.floats(min_value=0, max_value=1), min_size=1, max_size=5))
def test_the_ends_of_a_scale_of_shares_are_shares(values):
    low, high = around(values, share=True)
    assert 0 <= low < high <= 1
    assert low <= min(values) + 1e-9
    assert high >= max(values) - 1e-9


@given(st.floats(min_value=-5, max_value=5))
def test_no_value_leaves_the_picture(value):
    assert 6 <= Scale(low=0, high=1, start=6, end=194)(value) <= 194


def test_a_bar_says_its_figure_its_bound_and_its_limit():
    figure = Figure(metric="m", value=0.5, low=0.4, high=0.6)
    root = ET.fromstring(bar(figure, limit=0.45, bound=0.42))
    assert root.find("title").text == "m 0.500 [0.400, 0.600], bound 0.420, limit 0.450"
    assert root.find("circle").get("cx") == "100.0"


@pytest.mark.parametrize("value", [None, float("nan")])
def test_no_value_no_bar(value):
    assert bar(Figure(metric="m", value=value)) == ""


@given(
    st.lists(st.tuples(st.floats(min_value=0, max_value=1), st.booleans()), min_size=1, max_size=60)
)
def test_any_curve_can_be_drawn_inside_its_frame(pairs):
    points = risk_coverage(*map(list, zip(*pairs, strict=True)))
    root = ET.fromstring(risk_coverage_chart(points, (0.5, 0.2)))
    for line in root.iter("polyline"):
        for place in line.get("points").split():
            x, y = map(float, place.split(","))
            assert 56 <= x <= 620
            assert 16 <= y <= 270


def test_a_long_curve_is_thinned():
    points = [
        RiskPoint(threshold=1 - n / 5000, coverage=n / 5000, risk=0.1) for n in range(1, 5001)
    ]
    curve = max(re.findall(r'points="([^"]*)"', risk_coverage_chart(points, None)), key=len)
    assert len(curve.split()) <= 400


def test_a_tie_is_never_drawn_below_the_best_order():
    points = risk_coverage([0.5, 0.4, 0.4, 0.4], [True, True, False, False])
    picture = ET.fromstring(risk_coverage_chart(points, None))
    best, own = (
        {float(x): float(y) for x, y in (at.split(",") for at in line.get("points").split())}
        for line in picture.iter("polyline")
    )
    height = sorted(best.items())
    for x, y in own.items():  # upwards on the screen is less
        beside = [b for a, b in height if a >= x - 0.1][:1]
        assert y <= beside[0] + 8
