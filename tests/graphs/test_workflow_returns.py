"""Test that a workflow's conditions read what a task returned, in each form that LangGraph takes,
and that a task leads nowhere unknown."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Literal, NotRequired

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Overwrite, Send
from pydantic import BaseModel

from quintet.graphs import Task, create_workflow
from quintet.runs import start
from quintet.state import DesignError, OrchestrationState
from tests.graphs.desks import HASTY, WAYS, run


def gives(name: str) -> Any:
    return lambda state: {"results": {name: {"ok": True}}}


def extended(old: list[int], new: list[int]) -> list[int]:
    old.extend(new)
    return old


class Adds:
    def __call__(self, old: int, new: int) -> int:
        return old + new


class Till(OrchestrationState):
    plain: Annotated[int, operator.add]
    bound: Annotated[int, partial(lambda old, new, fee: old + new, fee=0)]
    called: Annotated[int, Adds()]
    maybe: NotRequired[Annotated[int, operator.add]]
    rows: Annotated[list[int], extended]
    pair: tuple[int, int]
    record: Any


def split(node: Any, when: Any, **keys: Any) -> dict[str, Task]:
    """Give a workflow that asks a condition after a node, which comes after another one."""
    return {
        "first": Task(run=lambda state: {**keys, "results": {"first": 1}}),
        "next": Task(run=node, after="first"),
        "yes": Task(run=gives("yes"), after="next", when=when),
        "no": Task(run=gives("no"), after="next", when="else"),
    }


@pytest.mark.parametrize("key", ["plain", "bound", "called", "maybe"])
@pytest.mark.parametrize("way", WAYS)
async def test_a_condition_sees_a_key_as_any_reducer_will_merge_it(key, way):
    tasks = split(lambda state: {key: 60}, {key: {">": 100}}, **{key: 60})
    assert "yes" in (await run(create_workflow(tasks, state=Till), way, message="m")).results


@pytest.mark.parametrize(("total", "taken"), [(200, "yes"), (5, "no")])
async def test_a_condition_sees_a_key_that_was_overwritten(total, taken):
    tasks = split(lambda state: {"plain": Overwrite(total)}, {"plain": {">": 100}}, plain=60)
    assert taken in (await run(create_workflow(tasks, state=Till), message="m")).results


async def test_a_reducer_that_changes_a_list_in_place_adds_once():
    tasks = split(lambda state: {"rows": [2]}, lambda state: len(state["rows"]) == 2, rows=[1])
    ended = await run(create_workflow(tasks, state=Till), message="m")
    assert ("yes" in ended.results, ended.values["rows"]) == (True, [1, 2])


class AsModel(BaseModel):
    results: dict[str, Any]
    message: str | None = None


@dataclass
class AsRecord:
    results: dict[str, Any]


NEXT = {"next": {"ok": True}}


@pytest.mark.parametrize(
    "returned",
    [
        [Command(update={"results": NEXT})],
        [{"results": NEXT}],
        Command(update=[("results", NEXT)]),
        Command(update=AsModel(results=NEXT)),
        AsModel(results=NEXT),
        AsRecord(results=NEXT),
    ],
    ids=["commands", "dicts", "pairs", "command-of-model", "model", "dataclass"],
)
@pytest.mark.parametrize("way", WAYS)
async def test_a_condition_sees_an_update_of_any_form_and_nothing_of_it_is_lost(returned, way):
    tasks = split(lambda state: returned, {"results.next.ok": True})
    ended = await run(create_workflow(tasks), way, message="m")
    assert set(ended.results) == {"first", "next", "yes"}
    assert ended.values["message"] == "m"


async def test_a_path_reads_tuples_and_names_with_dots():
    pair = split(lambda state: {"pair": (1, 2)}, {"pair.1": 2})
    assert "yes" in (await run(create_workflow(pair, state=Till), message="m")).results
    dotted = {
        "v1.2": Task(run=gives("v1.2")),
        "yes": Task(run=gives("yes"), after="v1.2", when={"results.v1.2.ok": True}),
        "no": Task(run=gives("no"), after="v1.2", when="else"),
    }
    assert "yes" in (await run(create_workflow(dotted), message="m")).results


async def test_a_path_into_what_is_no_plain_data_is_not_simply_false():
    tasks = split(lambda state: {"record": AsRecord(results={})}, {"record.results": {}})
    ended = await run(create_workflow(tasks, state=Till), message="m")
    assert ended.status == "escalated"
    assert "which is no plain data; give a function of the state" in ended.outcome.reason


def to_a_typo(state: Any) -> Any:
    return Command(goto="shipp", update={"results": {"pay": 1}})


def sent_to_a_typo(state: Any) -> Any:
    return Command(goto=[Send("shipp", {})])


def to_the_end(state: Any) -> Any:
    return Command(goto="__end__", update={"results": {"pay": 1}})


def forgetful(state: Any) -> Command[Literal["ship", "finish"]]:
    return {"results": {"pay": 1}}  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("pay", "why"),
    [
        (to_a_typo, "goes to 'shipp', which it does not declare"),
        (sent_to_a_typo, "goes to 'shipp', which it does not declare"),
        (to_the_end, "by which the run would end without an outcome"),
        (forgetful, "declares that it goes to ship or finish"),
    ],
)
@pytest.mark.parametrize("way", WAYS)
async def test_a_task_that_leads_nowhere_is_not_done(pay, why, way):
    tasks = {
        "other": Task(run=gives("other")),
        "pay": Task(run=pay),
        "ship": Task(run=gives("ship"), after=() if pay is forgetful else "pay"),
    }
    ended = await run(create_workflow(tasks, recover=HASTY), way, message="m")
    assert (ended.status, "ship" in ended.results) == ("escalated", False)
    assert why in ended.outcome.reason


@pytest.mark.parametrize("to", ["shipp", "undo", "__end__"])
async def test_a_graph_within_that_leads_to_no_task_is_not_done(to):
    inner = StateGraph(OrchestrationState)
    inner.add_node("hop", lambda state: Command(graph=Command.PARENT, goto=to))
    inner.add_edge(START, "hop")
    tasks = {"other": Task(run=gives("other")), "pay": Task(run=inner)}
    ended = await run(create_workflow(tasks, recover=HASTY), message="m")
    assert ended.status == "escalated"
    assert f"goes to {to!r}, which the workflow does not have" in ended.outcome.reason


async def test_a_task_leads_to_the_graph_around_its_workflow():
    def leave(state: Any) -> Any:
        return Command(graph=Command.PARENT, goto="after", update={"results": {"leave": 1}})

    inner = create_workflow(
        {"leave": Task(run=leave), "rest": Task(run=gives("rest"), after="leave")}
    )
    outer = StateGraph(OrchestrationState).add_node("in", inner.compile(), destinations=("after",))
    outer.add_node("after", gives("after")).add_edge(START, "in")
    assert set(outer.compile().invoke({"message": "m"})["results"]) == {"leave", "after"}


def to_both(state: Any) -> Command[Literal["left", "right"]]:
    return Command(goto=["left", "right"])


async def test_a_join_may_wait_for_all_that_one_function_leads_to():
    tasks = {
        "split": Task(run=to_both),
        "left": Task(run=gives("left")),
        "right": Task(run=gives("right")),
        "both": Task(run=gives("both"), after=("left", "right")),
    }
    assert "both" in (await run(create_workflow(tasks), message="m")).results


def again(state: Any) -> Command[Literal["again"]]:
    return Command(goto="again", update={"results": {"again": 1}})


@pytest.mark.parametrize("way", WAYS)
async def test_a_function_that_leads_to_itself_is_held_to_its_rounds(way):
    tasks = {"again": Task(run=again, after="start", rounds=3)}
    ended = await run(create_workflow(tasks), way, message="m")
    assert ended.status == "exhausted"
    assert "again has run 3 times" in ended.outcome.reason


def to_two(state: Any) -> Command[Literal["two"]]:
    return Command(goto=[Send("two", {"message": "m"})])


def to_one(state: Any) -> Command[Literal["one"]]:
    return Command(goto=[Send("one", {"message": "m"})])


@pytest.mark.parametrize("way", WAYS)
async def test_a_loop_by_send_does_not_evade_its_rounds(way):
    tasks = {"one": Task(run=to_two, after="start", rounds=3), "two": Task(run=to_one)}
    ended = await run(create_workflow(tasks, recover=HASTY), way, message="m")
    assert ended.status == "escalated"
    assert "one was sent a state without 'kept'" in ended.outcome.reason


@dataclass
class NoHash:
    seen: list[str] = field(default_factory=list)

    def __call__(self, state: Any, config: Any) -> dict[str, Any]:
        self.seen.append(config["configurable"]["thread_id"])
        return {"results": {"a": 1}}


def test_a_callable_without_a_hash_is_a_task():
    node = NoHash()
    app = create_workflow({"a": Task(run=node)}, recover=HASTY).compile()
    ended = start(app, {"message": "m"}, thread="t")
    assert (ended.status, node.seen) == ("done", ["t"])


@pytest.mark.parametrize(
    "parts",
    [
        {"after": 5},
        {"after": {"a": None, 5: None}},
        {"after": True},
        {"retry_policy": 3},
        {"retry_policy": "3"},
        {"retry_policy": [3]},
        {"on_failure": ["a"]},
        {"otherwise": None, "rounds": 2},
    ],
    ids=str,
)
def test_a_part_of_the_wrong_kind_is_named(parts):
    with pytest.raises(DesignError, match=next(iter(parts))):
        Task(run=gives("a"), **parts)
