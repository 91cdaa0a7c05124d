"""Error handlers on nodes that ask a person."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel, ValidationError

from quintet.checks import check
from quintet.graphs import create_single_agent
from quintet.nodes import Act, ApprovalGate, Merge, Recovery, hand_over, proposed
from quintet.state import OrchestrationState, checkpointer
from tests.checks.parts import PAY, THREAD, codes, ended, graph_of, only, pays, worker

HANDLED = {"error_handler": Recovery()}
ACT = Act(effects=(PAY,), then="finish")


def propose(state: Any) -> dict[str, Any]:
    return proposed(PAY.action(order=1, amount=5.0))


def desk(**options: Any) -> Any:
    nodes = {
        "propose": propose,
        "approve": (ApprovalGate(rejected="finish"), options),
        "act": ACT,
    }
    return graph_of(nodes, (START, "propose"), ("propose", "approve"))


def test_a_handler_takes_the_refusal_of_a_bad_answer_for_a_failure():
    bad = Command(resume={"answer": "maybe", "by": "maria"})
    open_still = desk().compile(checkpointer("memory://"))
    open_still.invoke({"message": "m"}, THREAD)
    with pytest.raises(ValidationError):
        open_still.invoke(bad, THREAD)
    assert open_still.get_state(THREAD).next == ("approve",)
    closed = desk(**HANDLED).compile(checkpointer("memory://"))
    closed.invoke({"message": "m"}, THREAD)
    assert closed.invoke(bad, THREAD)["outcome"]["status"] == "escalated"
    assert closed.get_state(THREAD).next == ()


def test_a_handler_on_a_gate_is_named():
    finding = only(desk(**HANDLED))
    assert (finding.code, finding.node, finding.level) == ("handled-question", "approve", "error")
    assert "error_handler=" in finding.remedy
    assert check(desk()) == ()


def test_a_handler_for_all_nodes_is_one_for_the_gate():
    graph = desk().set_node_defaults(error_handler=Recovery())
    graph.add_node("person", hand_over).add_edge("person", END)
    assert codes(graph) == [("handled-question", "approve")]


def test_a_handler_on_a_merge_is_named():
    nodes = {"a": worker(), "b": worker(), "m": (Merge(of=("a", "b"), then="finish"), HANDLED)}
    graph = graph_of(nodes, (START, "a"), (START, "b"))
    assert codes(graph.add_edge(["a", "b"], "m")) == [("handled-question", "m")]


def asks(state: Any) -> dict[str, Any]:
    return {"outcome": {"status": "done", "reason": interrupt("sure?")}}


class Yes(BaseModel):
    yes: bool


def asks_with_schema(state: Any) -> dict[str, Any]:
    answer = interrupt("sure?", response_schema=Yes)
    return {"outcome": {"status": "done", "reason": str(answer)}}


def by_helper(state: Any) -> dict[str, Any]:
    return asks_with_schema(state)


def rescue(state: Any, error: NodeError) -> Command[Any]:
    return Command(goto="end")


def alone(node: Any, handler: Any) -> Any:
    nodes = {"ask": (node, {"error_handler": handler}), "end": ended}
    graph = graph_of(nodes, (START, "ask"), ("ask", END), ("end", END))
    return graph


@pytest.mark.parametrize("node", [asks, asks_with_schema, by_helper])
def test_a_recovery_on_a_function_that_asks_is_named(node):
    graph = graph_of({"ask": (node, HANDLED)}, (START, "ask"), ("ask", END))
    assert codes(graph) == [("handled-question", "ask")]


def test_a_handler_of_ones_own_minds_where_answers_are_checked():
    assert codes(alone(asks_with_schema, rescue)) == [("handled-question", "ask")]
    assert codes(alone(by_helper, rescue)) == [("handled-question", "ask")]
    assert check(alone(asks, rescue)) == ()


def test_a_graph_that_asks_inside_is_a_node_that_asks():
    inner = StateGraph(OrchestrationState).add_node("ask", asks).add_edge(START, "ask").compile()
    graph = graph_of({"desk": (inner, HANDLED)}, (START, "desk"), ("desk", END))
    assert codes(graph) == [("handled-question", "desk")]


def test_a_handler_on_a_node_that_asks_nobody_is_right():
    graph = graph_of({"a": (worker(), HANDLED)}, (START, "a"), ("a", "finish"))
    assert check(graph) == ()
    gated = create_single_agent(worker(effects=(PAY,), agent=pays), approve=ApprovalGate())
    assert check(gated) == ()


def test_a_handler_that_hands_over_ends_the_run():
    def gives_up(state: Any, error: NodeError) -> dict[str, Any]:
        return hand_over(state)

    graph = graph_of({"a": (worker(), {"error_handler": gives_up})}, (START, "a"), ("a", "finish"))
    assert check(graph) == ()


def test_a_handler_that_only_proposes_leads_nowhere():
    def proposes(state: Any, error: NodeError) -> dict[str, Any]:
        return proposed(PAY.action(order=1, amount=5.0))

    nodes = {"a": (worker(), {"error_handler": proposes})}
    graph = graph_of(nodes, (START, "a"), ("a", "finish"))
    assert ("handler-without-command", "a") in codes(graph)


def test_a_handler_may_ask():
    def ask_back(state: Any, error: NodeError) -> Command[Any]:
        interrupt("what now?")
        return Command(goto="end")

    assert check(alone(ended, ask_back)) == ()
