"""Build small parts for the tests of the rules about Quintet's own nodes."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.graph import END, StateGraph

from quintet.checks import Finding, check
from quintet.nodes import Effect, Finish, Worker, effect, hand_over
from quintet.state import Contract, OrchestrationState, checkpointer

THREAD: Any = {"configurable": {"thread_id": "1"}}


def pay(order: int, amount: float) -> str:
    """Pay money."""
    return f"paid {amount}"


def mail(order: int) -> str:
    """Send a letter."""
    return f"mailed {order}"


PAY = effect(pay, key="pay:{order}:{amount}")
MAIL = effect(mail, key="mail:{order}")


def contract(*needs: str, **more: Any) -> Contract:
    return Contract(**{"goal": "work", "needs": needs, **more})


def answer(request: Any) -> dict[str, Any]:
    return {"text": "done"}


def worker(*needs: str, effects: tuple[Effect, ...] = (), agent: Any = answer, **more: Any) -> Any:
    return Worker(agent=agent, contract=contract(*needs, tools=effects), **more)


def pays(request: Any, tools: Any) -> dict[str, Any]:
    return {"said": tools["pay"](order=1, amount=9999.0)}


def ended(state: Any) -> dict[str, Any]:
    return {"outcome": {"status": "done", "reason": "the end of the test"}}


ENDS = {"finish": Finish(), "person": hand_over}


def graph_of(nodes: dict[str, Any], *edges: Any, state: Any = OrchestrationState) -> Any:
    """Build a graph of nodes, each alone or with its options; `finish` and `person` where named."""
    graph = StateGraph(state)
    named = {target for _, target in edges}
    for name, given in nodes.items():
        node, options = given if isinstance(given, tuple) else (given, {})
        graph.add_node(name, node, **options)
        for each in (node, options.get("error_handler")):
            named |= set(getattr(each, "destinations", ()))
    for source, target in edges:
        graph.add_edge(source, target)
    for name in sorted(named & set(ENDS) - set(nodes)):
        graph.add_node(name, ENDS[name]).add_edge(name, END)
    return graph


def run(graph: Any, **state: Any) -> Any:
    """Run a graph with LangGraph alone."""
    return graph.compile(checkpointer("memory://")).invoke({"message": "m", **state}, THREAD)


def codes(graph: Any) -> list[tuple[str, str]]:
    return [(finding.code, finding.node) for finding in check(graph)]


def only(graph: Any) -> Finding:
    found = check(graph)
    assert len(found) == 1, [str(finding) for finding in found]
    return found[0]


def numbered(*things: Any) -> list[Any]:
    """Number parameters whose names do not matter, such as lambdas."""
    return [pytest.param(thing, id=str(number)) for number, thing in enumerate(things)]
