from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from quintet.evals import Case, Metric, Trajectory
from quintet.evals.figures import figures_of
from quintet.evals.row import Row
from quintet.stats import wilson


def row(case: Case, repeat: int = 0, **scores) -> Row:
    return Row(case=case, trajectory=Trajectory(), repeat=repeat, scores=scores)


def cases(number: int, group: str = "") -> list[Case]:
    return [Case(input=str(each), group=group) for each in range(number)]


def metric(**options) -> Metric:
    return Metric(name="m", score=lambda case, run: None, **options)


def test_a_share_of_cases_has_wilsons_interval():
    rows = [row(case, m=(float(place < 7), 1.0)) for place, case in enumerate(cases(10))]
    found = figures_of(rows, [metric()])["m"]
    exact = wilson(7, 10)
    assert (found.value, found.low, found.high) == (0.7, exact.low, exact.high)
    assert (found.cases, found.rows) == (10, 10)


def test_repeats_of_one_case_tell_less_than_as_many_cases():
    many = [row(case, m=(float(place < 50), 1.0)) for place, case in enumerate(cases(100))]
    few = [
        row(case, repeat, m=(float(place < 5), 1.0))
        for place, case in enumerate(cases(10))
        for repeat in range(10)
    ]
    wide, narrow = figures_of(few, [metric()])["m"], figures_of(many, [metric()])["m"]
    assert wide.value == narrow.value == 0.5
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert (wide.cases, wide.rows) == (10, 100)


def test_cases_of_one_group_are_drawn_together():
    rows = [row(case, m=(1.0, 1.0)) for case in cases(50, group="variants")]
    assert figures_of(rows, [metric()])["m"].cases == 1


def test_a_ratio_sums_parts_and_wholes_first():
    rows = [
        row(case, m=point) for case, point in zip(cases(3), [(3, 4), (0, 0), (1, 2)], strict=True)
    ]
    assert figures_of(rows, [metric()])["m"].value == 4 / 6


def test_a_metric_with_nothing_to_say_has_no_figure():
    assert figures_of([row(case) for case in cases(3)], [metric()]) == {}
    none = figures_of([row(case, m=(0.0, 0.0)) for case in cases(3)], [metric()])["m"]
    assert none.value is None


def test_a_measure_over_all_rows_gets_their_tuples_and_an_interval():
    spread = metric(over=lambda points: max(p[0] for p in points) - min(p[0] for p in points))
    rows = [row(case, m=(float(place),)) for place, case in enumerate(cases(20))]
    found = figures_of(rows, [spread])["m"]
    assert found.value == 19
    assert found.low is not None
    assert found.low <= 19


def test_a_measure_that_is_undefined_has_no_figure_and_stops_nothing():
    undefined = metric(over=lambda points: None)
    rows = [row(case, m=(1,)) for case in cases(3)]
    assert figures_of(rows, [undefined])["m"].value is None


def test_an_error_without_a_worst_value_is_counted():
    broken = Row(case=Case(input="x"), trajectory=Trajectory(), errors={"m": "ValueError: no"})
    found = figures_of([broken], [metric(unit="seconds")])["m"]
    assert (found.value, found.errors) == (None, 1)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.booleans(), min_size=1, max_size=60), st.randoms())
def test_the_order_of_the_rows_changes_nothing(hits, dice):
    rows = [row(Case(input=str(n)), m=(float(hit), 1.0)) for n, hit in enumerate(hits)]
    shuffled = list(rows)
    dice.shuffle(shuffled)
    assert figures_of(rows, [metric()])["m"] == figures_of(shuffled, [metric()])["m"]


def test_numbers_that_are_all_alike_have_no_interval_rather_than_one_of_no_width():
    rows = [row(case, m=(2.0, 1.0)) for case in cases(20)]
    found = figures_of(rows, [metric(unit="calls")])["m"]
    assert (found.value, found.low, found.high) == (2.0, None, None)
    assert found.note == "all cases alike: no interval can be drawn"
