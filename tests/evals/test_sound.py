"""Test that one value which cannot be kept makes one wrong row, and loses no other."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.evals import Case, Gate, Suite, ToolCall, Trajectory, evaluate, load_report
from quintet.evals.running.sound import sound

CASES = [Case(id=name, input=f"text {name}", route="x", never="wipe") for name in "abcde"]
CASE = CASES[0]


class Letter:
    """An answer that JSON has no form for."""


class Rude:
    """A value whose own methods raise."""

    def __repr__(self) -> str:
        raise ZeroDivisionError


def knotted() -> list[Any]:
    knot: list[Any] = []
    knot.append(knot)
    return knot


ODD = {
    "confidence": [1.0000001, -0.1, nan, inf, "high", 10**400],
    "answer": [Letter(), nan, {"at": Rude()}, 10**5000, knotted()],
    "spent": [{"money": nan}, {"tokens": 10**400}, {"money": -1.0}, {"money": "much"}, 7],
    "seconds": [nan, -1.0, "long"],
    "calls": [(ToolCall(name="look", arguments={"at": Letter()}),), ("look",), 3],
    "route": [None, 7],
    "path": ["abc", (1, 2)],
    "decisions": [("chosen",)],
    "state": [[1, 2], 5],
}


@pytest.mark.parametrize(
    ("field", "odd"),
    [
        pytest.param(field, odd, id=f"{field}-{number}")
        for field, values in ODD.items()
        for number, odd in enumerate(values)
    ],
)
def test_one_odd_value_is_one_wrong_row_that_names_the_field(tmp_path, field, odd):
    path = tmp_path / "rows.jsonl"

    def desk(case: Case) -> Trajectory:
        return Trajectory(**{"route": "x", **({field: odd} if case.id == "c" else {})})

    report = evaluate(Suite(cases=CASES, target=desk), into=path)
    again = load_report(path)
    assert len(report.rows) == len(again.rows) == 5
    (wrong,) = report.wrong
    assert wrong.case.id == "c"
    assert field in wrong.trajectory.error
    assert again.wrong[0].trajectory.error == wrong.trajectory.error


def test_an_odd_argument_hides_no_forbidden_call():
    def desk(case: Case) -> Trajectory:
        return Trajectory(route="x", calls=(ToolCall(name="wipe", arguments={"at": Letter()}),))

    gates = [Gate(metric="forbidden_actions", none=True)]
    report = evaluate(Suite(cases=CASES[:1], target=desk, gates=gates))
    assert not report.passed
    assert report["forbidden_actions"].value == 1


def test_lists_and_other_numbers_are_read_as_what_they_are_meant_for():
    given = Trajectory(route="x", path=["a", "b"], spent={"tokens": True})  # type: ignore[arg-type]
    kept = sound(CASE, given)
    assert kept.error == ""
    assert kept.path == ("a", "b")
    assert kept.spent == {"tokens": 1.0}


def test_a_state_without_labels_is_not_looked_at():
    assert sound(CASE, Trajectory(route="x", state={"any": Letter()})).error == ""


def test_a_case_that_cannot_be_kept_is_named():
    from quintet.state import DesignError

    suite = Suite(cases=[Case(id="c-7", input="x", answer=Letter())], target=lambda case: None)
    with pytest.raises(DesignError, match="c-7"):
        evaluate(suite)


json_like = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(answer=json_like, confidence=st.none() | st.floats(0, 1), path=st.lists(st.text()))
def test_a_sound_trajectory_stays_as_it_is(answer, confidence, path):
    run = Trajectory(route="x", answer=answer, confidence=confidence, path=tuple(path))
    assert sound(CASE, run) == run
