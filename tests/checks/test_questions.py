"""Test error handlers on nodes that ask a person."""

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
from quintet.runs import start
from quintet.state import DesignError, OrchestrationState, checkpointer
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


BAD: Any = Command(resume={"answer": "maybe", "by": "maria"})


def waiting(graph: Any) -> Any:
    app = graph.compile(checkpointer("memory://"))
    app.invoke({"message": "m"}, THREAD)
    return app


def rescue(state: Any, error: NodeError) -> Command[Any]:
    return Command(goto="finish")


def test_a_handler_of_ones_own_takes_the_refusal_of_a_bad_answer_for_a_failure_and_is_named():
    open_still = waiting(desk())
    with pytest.raises(ValidationError):
        open_still.invoke(BAD, THREAD)
    assert open_still.get_state(THREAD).next == ("approve",)
    graph = desk(error_handler=rescue)
    closed = waiting(graph)
    assert closed.invoke(BAD, THREAD)["outcome"]["status"] == "escalated"
    assert closed.get_state(THREAD).next == ()
    with pytest.raises(DesignError, match="gate 'approve' has an error handler"):
        start(graph.compile(checkpointer=checkpointer("memory://")), {"message": "m"})
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("handled-question", "approve", "error")
    assert "error_handler=" in finding.remedy
    assert check(desk()) == ()


def test_a_recovery_on_a_gate_asks_again_without_an_error_which_is_a_warning():
    again = waiting(desk(**HANDLED))
    assert "__interrupt__" in again.invoke(BAD, THREAD)
    assert again.get_state(THREAD).next == ("approve",)
    finding = only(desk(**HANDLED))
    assert (finding.code, finding.node, finding.level) == ("handled-question", "approve", "warning")
    assert "to ask again" in finding.fault


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


def leaves(state: Any, error: NodeError) -> Command[Any]:
    return Command(goto="end")


def alone(node: Any, handler: Any) -> Any:
    nodes = {"ask": (node, {"error_handler": handler}), "end": ended}
    graph = graph_of(nodes, (START, "ask"), ("ask", END), ("end", END))
    return graph


@pytest.mark.parametrize("node", [asks, asks_with_schema, by_helper])
def test_a_recovery_on_a_function_that_asks_is_right(node):
    graph = graph_of({"ask": (node, HANDLED)}, (START, "ask"), ("ask", END))
    assert check(graph) == ()


def test_a_handler_of_ones_own_minds_where_answers_are_checked():
    assert codes(alone(asks_with_schema, leaves)) == [("handled-question", "ask")]
    assert codes(alone(by_helper, leaves)) == [("handled-question", "ask")]
    assert check(alone(asks, leaves)) == ()


def test_a_graph_that_asks_inside_begins_anew_after_a_bad_answer():
    ran = []

    def before(state: Any) -> dict[str, Any]:
        ran.append(1)
        return {"message": "x"}

    inner = (
        StateGraph(OrchestrationState).add_node("before", before).add_node("ask", asks_with_schema)
    )
    inner = inner.add_edge(START, "before").add_edge("before", "ask").compile()
    graph = graph_of({"desk": (inner, HANDLED)}, (START, "desk"), ("desk", END))
    waiting(graph).invoke(BAD, THREAD)
    assert len(ran) == 2
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("handled-question", "desk", "warning")
    assert "starts the graph inside anew" in finding.fault


def test_a_gate_of_ours_in_a_graph_inside_asks_again_by_itself():
    inner = create_single_agent(worker(effects=(PAY,), agent=pays), gate=ApprovalGate())
    for handler in (Recovery(), leaves):
        nodes = {"desk": (inner.compile(), {"error_handler": handler}), "end": ended}
        found = check(graph_of(nodes, (START, "desk"), ("desk", "end"), ("end", END)))
        assert "handled-question" not in {finding.code for finding in found}


def test_a_handler_on_a_node_that_asks_nobody_is_right():
    graph = graph_of({"a": (worker(), HANDLED)}, (START, "a"), ("a", "finish"))
    assert check(graph) == ()
    gated = create_single_agent(worker(effects=(PAY,), agent=pays), gate=ApprovalGate())
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
