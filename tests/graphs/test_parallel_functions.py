"""Test a user's own functions as branches: their results, and where they may go."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command
from pydantic import BaseModel
from typing_extensions import TypedDict

from quintet.checks import check
from quintet.errors import DesignError
from quintet.graphs import create_parallel
from quintet.nodes import (
    FanOut,
    Finish,
    Join,
    Merge,
    Recovery,
    Worker,
    escalate,
    fallback,
    numbered,
    precedence,
)
from quintet.runs import Run, start
from quintet.state import Contract, OrchestrationState, checkpointer

SPARE = Recovery(invalid=fallback("c"), unknown=fallback("c"), otherwise=escalate())


def says(value: Any, wait: float = 0.0) -> Worker:
    def agent(request: Any) -> dict[str, Any]:
        time.sleep(wait)
        return {"value": value}

    return Worker(agent=agent, contract=Contract(goal="Look", needs=("message",)))


def fails(state: OrchestrationState) -> dict[str, Any]:
    raise ValueError("no")


def begun(graph: StateGraph[Any], saver: Any = None) -> Run:
    app = graph.compile(checkpointer=saver or checkpointer("memory://"))
    return start(app, {"message": "hi"}, thread="t")


# Results


@pytest.mark.parametrize("by_command", [False, True])
def test_a_functions_result_takes_the_name_of_its_item(by_command: bool):
    def work(state: OrchestrationState) -> Any:
        update = {"results": {"w": {"n": state["step"]["inputs"]["item"]}}}
        return Command(update=update) if by_command else update

    graph = create_parallel({"w": work}, fan_out=FanOut(each=lambda state: [1, 1, 2]))
    run = begun(graph)
    assert numbered(run.values, "w") == [{"n": 1}, {"n": 1}, {"n": 2}]
    assert sorted(run.results) == ["w#1", "w#2", "w#3"]


def test_a_function_may_name_its_items_result_itself():
    def work(state: OrchestrationState) -> dict[str, Any]:
        return {"results": {state["step"]["id"]: {"w": 1}}}

    run = begun(create_parallel({"w": work}, fan_out=FanOut(each=lambda state: [1, 2])))
    assert numbered(run.values, "w") == [{"w": 1}, {"w": 1}]


def test_a_fallbacks_result_takes_the_name_of_the_branch():
    def c(state: OrchestrationState) -> dict[str, Any]:
        return {"results": {"c": {"value": "spare"}}}

    merge = Merge(of=("a", "b"), resolve=precedence("b"))
    run = begun(create_parallel({"a": says(1), "b": fails, "c": c}, merge=merge, recover=SPARE))
    assert (run.status, run.values["merged"]) == ("done", {"value": "spare"})


@pytest.mark.parametrize("nothing", [None, {}, Command()])
def test_a_function_without_a_result_is_none_of_those_that_decide(nothing: Any):
    def quick(state: OrchestrationState) -> Any:
        return nothing

    recover = Recovery(invalid=escalate(), otherwise=escalate())
    workers = {"a": says(1), "b": quick, "c": says(3, 0.1)}
    run = begun(create_parallel(workers, join=2, recover=recover))
    assert (run.status, sorted(run.results)) == ("done", ["a", "c"])
    run = begun(create_parallel({"a": says(1), "b": quick}, join=2, recover=recover))
    assert run.outcome is not None
    assert "b gave no result" in run.outcome.reason


@pytest.mark.parametrize("saver", [None, InMemorySaver])
def test_a_fallback_is_in_the_race_of_its_branch_whoever_keeps_the_run(saver: Any):
    workers = {"a": fails, "b": says(2, 0.1), "c": says(3)}
    graph = create_parallel(workers, join="first", recover=SPARE)
    app = graph.compile(checkpointer=saver and saver())
    assert start(app, {"message": "hi"}, thread="t").results == {"b": {"value": 2}}


class Message(BaseModel):
    message: str


@dataclass
class Asked:
    message: str


class Told(TypedDict):
    message: str


@pytest.mark.parametrize("takes", [Message, Asked, Told, OrchestrationState])
@pytest.mark.parametrize("options", [{}, {"join": 2}, {"fan_out": FanOut(width=1)}])
def test_a_function_is_given_the_state_as_it_is_annotated(takes: Any, options: Any):
    def b(state: Any) -> dict[str, Any]:
        shown = state if isinstance(state, dict) else vars(state)
        assert isinstance(state, dict) or type(state) is takes
        return {"results": {"b": {"value": shown["message"]}}}

    b.__annotations__["state"] = takes
    run = begun(create_parallel({"a": says(1), "b": b}, **options))
    assert (run.status, run.results["b"]) == ("done", {"value": "hi"})


# Ways


def test_a_branch_that_goes_past_its_join_is_refused():
    def past(state: OrchestrationState) -> Command[Literal["tell"]]:
        return Command(goto="tell")

    then = {"tell": says(3)}
    to_tell = Worker(agent=print, contract=Contract(goal="Look", needs=()), then="tell")
    for branch in (past, to_tell):
        with pytest.raises(DesignError, match="'b' passes its work on to tell"):
            create_parallel({"a": says(1), "b": branch}, then=then)


def test_a_branch_may_say_that_it_goes_to_the_join_or_to_a_person():
    def goes(state: OrchestrationState) -> Command[Literal["join", "person"]]:
        return Command(goto="join", update={"results": {"b": {"value": 2}}})

    run = begun(create_parallel({"a": says(1), "b": goes}))
    assert (run.status, sorted(run.results)) == ("done", ["a", "b"])


# Names


def test_a_merge_asks_for_a_source_that_is_no_branch():
    graph = create_parallel({"a": says(1), "b": says(2)}, merge=Merge(of=("a", "bb")))
    assert [finding.code for finding in check(graph)] == ["unknown-source"]
    [question] = begun(graph).waiting
    assert question.packet["missing"] == ["bb"]


def test_a_later_merge_does_not_ask_for_the_branches_that_lost():
    workers = {"a": says(1), "b": says(2, 0.1)}
    run = begun(create_parallel(workers, join="first", then={"merges": Merge(of=("a", "b"))}))
    assert (run.status, run.values["merged"]) == ("done", {"value": 1})


def test_a_join_of_a_branch_that_there_is_not_is_found():
    graph: StateGraph[Any] = StateGraph(OrchestrationState)
    join = Join(of=("a", "bb"))
    graph.add_node("a", says(1))
    graph.add_node("b", says(2))
    graph.add_node("join", join, destinations=join.destinations, defer=True)
    for end in ("finish", "person"):
        graph.add_node(end, Finish())
        graph.add_edge(end, END)
    for name in "ab":
        graph.add_edge(START, name)
        graph.add_edge(name, "join")
    [finding] = [each for each in check(graph) if each.node == "join"]
    assert (finding.code, "'bb'" in finding.fault) == ("unknown-source", True)
    assert finding.remedy == "Write 'b' in of=."


@pytest.mark.parametrize("chosen", [True, {"a": False, "b": True}, 3])
def test_a_choice_that_is_no_list_of_names_is_refused_by_name(chosen: Any):
    def choose(state: Any) -> Any:
        return chosen

    run = begun(create_parallel({"a": says(1), "b": says(2)}, fan_out=FanOut(choose=choose)))
    assert run.outcome is not None
    assert "give a list of branches' names (a, b)" in run.outcome.reason
