"""A run that goes on at a node which the graph has no more is refused by the node's name."""

from __future__ import annotations

import operator
from typing import Annotated, Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from typing_extensions import TypedDict

from quintet.errors import GraphChanged, RunError
from quintet.graphs import create_single_agent
from quintet.nodes import ApprovalGate, Worker, effect
from quintet.runs import alook, approve, aresume, look, resume, start
from quintet.state import Contract, checkpointer

PAID: list[float] = []


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


def fails(state: State) -> State:
    raise ConnectionError("down")


def asks(state: State) -> State:
    return {"log": [interrupt("which?")]}


def first(state: State) -> State:
    return {"log": ["first"]}


def second(state: State) -> State:
    return {"log": ["second"]}


def in_line(name: str, node: Any) -> StateGraph[State]:
    graph = StateGraph(State).add_node("first", first).add_node(name, node)
    return graph.add_edge(START, "first").add_edge("first", name).add_edge(name, END)


def by_command(name: str, node: Any) -> StateGraph[State]:
    graph = StateGraph(State).add_node("first", lambda state: Command(goto=name))
    return graph.add_node(name, node).add_edge(START, "first")


def by_send(name: str, node: Any) -> StateGraph[State]:
    graph = StateGraph(State).add_node("first", first).add_node(name, node)
    graph.add_conditional_edges("first", lambda state: [Send(name, {})], [name])
    return graph.add_edge(START, "first")


def joined(name: str, node: Any) -> StateGraph[State]:
    graph = StateGraph(State).add_node("first", first).add_node("second", second)
    graph.add_node(name, node).add_edge(START, "first").add_edge(START, "second")
    return graph.add_edge(["first", "second"], name)


def beside(name: str, node: Any) -> StateGraph[State]:
    graph = StateGraph(State).add_node("first", node).add_node(name, node)
    return graph.add_edge(START, "first").add_edge(START, name)


SHAPES = [in_line, by_command, by_send, joined, beside]


@pytest.mark.parametrize("node", [fails, asks])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_pending_node_that_was_renamed_is_named(shape, node):
    saver = InMemorySaver()
    old = shape("work", node).compile(saver)
    if node is fails:
        with pytest.raises(ConnectionError):
            start(old, {}, thread="t")
    else:
        assert start(old, {}, thread="t").status == "waiting"
    assert look(old, thread="t").status == ("waiting" if node is asks else "unfinished")
    new = shape("works", second).compile(saver)
    named = r"'t' goes on at work, which this graph does not have \(first, .*works\)"
    with pytest.raises(RunError, match=named):
        look(new, thread="t")
    # Beside a node that is still there, the question or the failure of that node is told first.
    refused = RunError if shape is beside else None
    with pytest.raises(RunError, match=None if refused else named):
        resume(new, thread="t")
    with pytest.raises(RunError, match=None if refused else named):
        start(new, {}, thread="t")
    assert "second" in start(new, {}, thread="t", withdraw=True).values["log"]


async def test_an_async_graph_is_refused_too():
    saver = InMemorySaver()
    with pytest.raises(ConnectionError):
        start(in_line("work", fails).compile(saver), {}, thread="t")
    new = in_line("works", second).compile(saver)
    with pytest.raises(RunError, match="goes on at work"):
        await alook(new, thread="t")
    with pytest.raises(RunError, match="goes on at work"):
        await aresume(new, thread="t")


def pay(amount: float) -> str:
    PAID.append(amount)
    return "paid"


def desk(gate: ApprovalGate | None) -> StateGraph[Any]:
    tool = effect(pay, key="pay:{amount}")
    worker = Worker(
        agent=lambda request, tools: str(tools["pay"](amount=5.0)),
        contract=Contract(goal="Pay", needs=("message",), tools=(tool,)),
    )
    return create_single_agent(worker, gate=gate)


def test_a_question_at_a_gate_that_was_taken_away_is_not_answered_in_silence(tmp_path):
    PAID.clear()
    saver = checkpointer(f"sqlite:///{tmp_path / 'runs.db'}")
    asked = start(desk(ApprovalGate()).compile(saver), {"message": "m"}, thread="t")
    bare = desk(None).compile(saver)
    for move in (look, resume):
        with pytest.raises(GraphChanged, match="approve: the run waits for an answer at it"):
            move(bare, thread="t")
    with pytest.raises(RunError, match="goes on at approve"):
        start(bare, {"message": "another"}, thread="t")
    assert PAID == []
    assert asked.answer(approve(by="maria")).status == "done"
    assert PAID == [5.0]
    assert look(bare, thread="t").status == "done"
    assert start(bare, {"message": "more"}, thread="t").finished


def test_an_answer_for_a_node_that_was_taken_away_names_it():
    saver = InMemorySaver()
    asked = start(in_line("work", asks).compile(saver), {}, thread="t")
    moved = type(asked)(**{**vars(asked), "app": in_line("works", asks).compile(saver)})
    with pytest.raises(RunError, match="goes on at work, "):
        moved.answer("yes")
