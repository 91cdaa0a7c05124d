from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.evals import ToolCall
from quintet.evals.metrics import (
    calls_any_order,
    calls_edit_distance,
    calls_exact,
    calls_in_order,
    excess_steps,
    path_any_order,
    path_edit_distance,
    path_exact,
    path_excess_steps,
    path_in_order,
)
from tests.evals.metrics.runs import calls, case, point, run, value

CALLS = (calls_exact, calls_in_order, calls_any_order, calls_edit_distance)
PATH = (path_exact, path_in_order, path_any_order, path_edit_distance)


def scores(metrics, expected: str, real: str) -> list[float]:
    labels = case(calls=list(expected), path=list(expected))
    made = run(calls=calls(real), path=tuple(real))
    return [value(metric, [(labels, made)]) for metric in metrics]


@pytest.mark.parametrize("metrics", [CALLS, PATH], ids=["calls", "path"])
@pytest.mark.parametrize(
    ("real", "expected", "exact", "in_order", "any_order", "distance"),
    [
        ("ab", "ab", 1, 1, 1, 0),
        ("ba", "ab", 0, 1 / 2, 1, 1),
        ("a", "ab", 0, 2 / 3, 2 / 3, 1 / 2),
        ("abc", "ab", 0, 4 / 5, 4 / 5, 1 / 3),
        ("aab", "ab", 0, 4 / 5, 4 / 5, 1 / 3),
        ("", "ab", 0, 0, 0, 1),
        ("ab", "", 0, 0, 0, 1),
        ("", "", 1, 1, 1, 0),
        ("bcda", "abcd", 0, 3 / 4, 1, 1 / 2),
    ],
)
def test_the_truth_table(metrics, real, expected, exact, in_order, any_order, distance):
    found = scores(metrics, expected, real)
    assert found == pytest.approx([exact, in_order, any_order, distance])


@pytest.mark.parametrize(
    ("real", "strict", "unordered", "subset", "superset"),
    [
        ("ab", 1, 1, 1, 1),
        ("ba", 0, 1, 1, 1),
        ("a", 0, 0, 1, 0),
        ("abc", 0, 0, 0, 1),
        ("aab", 0, 0, 0, 1),
    ],
)
def test_the_four_matches_of_agentevals_are_seen_in_ours(real, strict, unordered, subset, superset):
    exact, _, any_order, _ = scores(CALLS, "ab", real)
    matched = any_order * (len(real) + 2) / 2
    assert (exact == 1) == strict
    assert (any_order == 1) == unordered
    assert (matched == pytest.approx(len(real))) == subset
    assert (matched == pytest.approx(2)) == superset


def test_arguments_count_as_far_as_the_label_gives_them():
    label = case(calls=[{"name": "refund", "arguments": {"order": 7}}])
    right = run(calls=(ToolCall(name="refund", arguments={"order": 7, "why": "late"}),))
    wrong = run(calls=(ToolCall(name="refund", arguments={"order": 8}),))
    assert [point(metric, label, right)[0] for metric in CALLS] == [1, 1, 1, 0]
    assert [point(metric, label, wrong)[0] for metric in CALLS] == [0, 0, 0, 1]


def test_a_label_without_arguments_does_not_take_the_call_that_another_needs():
    label = case(calls=["look", {"name": "look", "arguments": {"order": 7}}])
    made = run(calls=(ToolCall(name="look", arguments={"order": 7}), ToolCall(name="look")))
    assert point(calls_any_order, label, made) == (1.0, 1.0)


@pytest.mark.parametrize("status", ["failed", "refused"])
def test_calls_that_came_to_nothing_do_not_count(status):
    label = case(calls=["a"])
    made = run(calls=(ToolCall(name="b", status=status), ToolCall(name="a", status="proposed")))
    assert [point(metric, label, made)[0] for metric in CALLS] == [1, 1, 1, 0]


@pytest.mark.parametrize("expected", [[], ["a"], ["a", "b"]])
def test_a_call_of_unknown_end_is_neither_the_expected_one_nor_none_at_all(expected):
    label = case(calls=expected)
    made = run(calls=(*calls("".join(expected[1:])), ToolCall(name="a", status="unknown")))
    exact, *partly, distance = [point(metric, label, made)[0] for metric in CALLS]
    assert exact == 0
    assert max(partly) < 1
    assert distance > 0


@pytest.mark.parametrize("metric", [*CALLS, *PATH, excess_steps, path_excess_steps])
def test_a_match_says_nothing_without_a_label(metric):
    assert point(metric, case(), run(calls=calls("ab"), path=("a", "b"))) is None


def test_excess_steps_are_those_beyond_the_expected_number():
    label = case(calls=["a", "b"], path=["a", "b"])
    made = run(calls=calls("acdb"), path=("a",))
    assert point(excess_steps, label, made) == (2.0, 2.0)
    assert point(path_excess_steps, label, made) == (0.0, 2.0)


def test_a_match_is_the_mean_over_runs_and_not_over_steps():
    label = case(calls=list("abcdefgh"))
    pairs = [(label, run(calls=calls("abcdefgh"))), (case(calls=["x"]), run(calls=calls("y")))]
    assert value(calls_in_order, pairs) == 0.5


WORDS = st.text("abc", max_size=6)


@given(WORDS, WORDS)
def test_exact_is_in_order_is_any_order_and_only_that_needs_no_edit(one, other):
    exact, in_order, any_order, distance = scores(CALLS, one, other)
    assert 0 <= in_order <= any_order <= 1
    assert 0 <= distance <= 1
    assert (exact == 1) == (distance == 0) == (in_order == 1)
    assert exact in (0, 1)
    assert (any_order == 1) == (sorted(one) == sorted(other))


@given(WORDS, WORDS)
def test_a_match_is_the_same_from_both_sides(one, other):
    assert scores(CALLS, one, other) == scores(CALLS, other, one)


@given(WORDS, WORDS)
def test_calls_without_arguments_match_as_a_path_does(one, other):
    assert scores(CALLS, one, other) == scores(PATH, one, other)


@given(WORDS, st.randoms(use_true_random=False))
def test_any_order_does_not_look_at_the_order(word, random):
    shuffled = "".join(random.sample(word, len(word)))
    assert value(calls_any_order, [(case(calls=list(word)), run(calls=calls(shuffled)))]) == 1


@given(WORDS, WORDS, WORDS)
def test_edits_obey_the_triangle(one, two, three):
    def edits(a: str, b: str) -> float:
        return scores(CALLS, a, b)[3] * max(len(a), len(b))

    assert edits(one, three) <= edits(one, two) + edits(two, three) + 1e-9
