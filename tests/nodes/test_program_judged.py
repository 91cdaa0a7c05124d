"""Test that whatever a program comes to is judged, and that who judges may ask a person."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.types import Command, interrupt

from quintet.graphs import create_planner
from quintet.nodes import Planner, Vocabulary
from quintet.state import DesignError, Plan, Step, checkpointer, unmet
from tests.nodes.test_program import carried_out, worker
from tests.state.test_steps import do, of

WORK = {"w": worker(lambda request: 1)}
SUM = Vocabulary(reducers={"sum": sum})


@pytest.mark.parametrize(
    ("part", "name", "value", "remedy"),
    [
        (Planner, "check", "is good", "give a function"),
        (Planner, "read", "message", "give a function"),
        (Planner, "vocabulary", {"sum": sum}, "give a Vocabulary"),
        (Planner, "sign_off", "maria", "give a SignOff"),
        (Vocabulary, "conditions", [bool], "give a dict of functions by name"),
        (Vocabulary, "reducers", None, "give a dict of functions by name"),
    ],
)
def test_a_part_of_the_wrong_kind_is_refused_when_it_is_given(part, name, value, remedy):
    more: dict[str, Any] = {"make": list, "assignees": ("w",)} if part is Planner else {}
    with pytest.raises(DesignError, match=rf"{part.__name__}\({name}=.*{remedy}"):
        part(**more, **{name: value})


@pytest.mark.parametrize(
    "step",
    [
        of("reduce", over="items", inputs={"items": [1, 2]}, reducer="sum"),
        of("reduce", over="items", inputs={"items": [1]}, most=2, assignee="w"),
        of("each", over="items", inputs={"items": [1]}, most=1, body=(do("p"),)),
    ],
)
def test_the_check_judges_a_step_that_no_assignee_has_answered(step):
    def check(step: Step, result: Any) -> Any:
        return step.id != "x" or unmet(f"{result} is wrong")

    run = carried_out(step, workers=WORK, vocabulary=SUM, check=check)
    assert run.status == "escalated"
    assert "is wrong" in run.outcome.reason


@pytest.mark.parametrize("items", [(1, 2), {1, 2}])
def test_an_input_that_becomes_a_list_once_it_is_kept_is_one_at_once(items):
    step = of("reduce", over="items", inputs={"items": items}, reducer="sum")
    assert carried_out(step, workers=WORK, vocabulary=SUM).results["x"] == 3


def test_a_reducer_whose_result_cannot_be_kept_is_told_by_name():
    words = Vocabulary(reducers={"any": lambda items: object()})
    step = of("reduce", over="items", inputs={"items": [1]}, reducer="any")
    run = carried_out(step, workers=WORK, vocabulary=words)
    assert "step x: any: builtins.object is not plain data" in run.outcome.reason


def test_a_condition_and_a_reducer_may_ask_a_person():
    asked = {"enough": lambda result: interrupt("enough?") == "yes"}
    words = Vocabulary(conditions=asked, reducers={"say": lambda items: interrupt("say")})
    steps = (
        of("until", condition="enough", most=3, assignee="w"),
        Step(id="y", goal="g", kind="reduce", over="items", inputs={"items": [1]}, reducer="say"),
    )
    planner = Planner(make=Plan(goal="g", steps=steps), assignees=("w",), vocabulary=words)
    thread: Any = {"configurable": {"thread_id": "t"}}
    with checkpointer("memory://") as saver:
        app = create_planner(planner, WORK).compile(checkpointer=saver)
        app.invoke({"message": "g"}, thread)
        for answer in ("12", "no", "yes"):
            end = app.invoke(Command(resume=answer), thread)
    assert end["outcome"]["status"] == "done"
    assert (end["results"]["y"], "x[1]" in end["results"]) == ("12", True)
