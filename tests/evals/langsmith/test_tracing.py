from __future__ import annotations

import socket

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langsmith import trace
from langsmith.run_helpers import get_current_run_tree, tracing_context

from quintet.evals import Trajectory
from quintet.evals.langsmith import OfflineClient, annotate, traced
from quintet.nodes import Router, by_rules
from quintet.runs import Run, start
from quintet.state import OrchestrationState
from quintet.state.decision import Decision

BY_RULES = {"billing": r"bill"}


class S(OrchestrationState, total=False):
    message: str


@pytest.fixture(scope="module")
def app():
    graph = StateGraph(S)
    graph.add_node("router", Router(choose=by_rules(BY_RULES), to=("billing",), otherwise="person"))
    graph.add_node("billing", lambda state: {})
    graph.add_node("person", lambda state: {})
    graph.add_edge(START, "router")
    return graph.compile(checkpointer=InMemorySaver())


@pytest.fixture
def tree():
    """Open a trace that goes nowhere."""
    with (
        tracing_context(enabled="local", client=OfflineClient()),
        trace("test", client=OfflineClient()) as open_now,
    ):
        yield open_now


def test_a_run_leaves_its_decisions_on_the_trace_that_is_open(app, tree):
    run = start(app, {"message": "my bill"}, thread="a")
    assert annotate(run)
    assert tree.metadata["quintet_route"] == "billing"
    assert tree.metadata["quintet_tier"]
    assert tree.metadata["quintet_outcome"] == run.status
    assert tree.metadata["quintet_escalated"] is False
    assert any(line.startswith("route at router") for line in tree.metadata["quintet_decisions"])
    assert {"route:billing", f"outcome:{run.status}"} <= set(tree.tags)
    assert "escalated" not in tree.tags


def test_an_escalation_is_a_tag(app, tree):
    annotate(start(app, {"message": "hello"}, thread="b"))
    assert "escalated" in tree.tags
    assert tree.metadata["quintet_escalated"] is True


def test_a_trajectory_is_as_good_as_a_run(tree):
    decision = Decision(kind="route", node="router", choice="billing", reason="said so")
    annotate(
        Trajectory(route="billing", tier="rules", confidence=0.0, decisions=(decision,)), tree=tree
    )
    assert tree.metadata["quintet_confidence"] == 0.0
    assert {"tier:rules", "route:billing", "outcome:done"} <= set(tree.tags)


def test_without_a_trace_nothing_happens(app):
    assert annotate(start(app, {"message": "my bill"}, thread="c")) is False


def test_a_traced_function_returns_what_it_returned(app):
    seen = []

    @traced
    def handle(message: str) -> Run:
        """Take a message."""
        seen.append(get_current_run_tree())
        return start(app, {"message": message}, thread="d")

    with tracing_context(enabled="local", client=OfflineClient()):
        run = handle("my bill")
    assert isinstance(run, Run)
    assert handle.__doc__ == "Take a message."
    assert seen[0].name == "handle"
    assert "route:billing" in seen[0].tags
    assert seen[0].outputs == {"status": run.status, "thread": "d", "path": list(run.path)}


async def test_an_async_function_is_traced_too(app):
    seen = []

    @traced(name="desk")
    async def handle(message: str) -> Run:
        seen.append(get_current_run_tree())
        return start(app, {"message": message}, thread="e")

    with tracing_context(enabled="local", client=OfflineClient()):
        await handle("my bill")
    assert seen[0].name == "desk"
    assert "route:billing" in seen[0].tags


def test_what_is_no_run_is_passed_on(tree):
    assert traced(lambda: 7)() == 7


def test_a_traced_function_opens_no_socket_unless_traces_are_asked_for(app, monkeypatch):
    def refuse(*given, **named):
        raise AssertionError("a socket")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    handle = traced(lambda message: start(app, {"message": message}, thread="f"))
    assert isinstance(handle("my bill"), Run)
