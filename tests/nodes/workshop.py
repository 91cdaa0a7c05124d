"""Build the parts of the tests of nodes: a state, a graph in one line, a run on a thread."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, NotRequired

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.nodes import Recovery, Undo, hand_over
from quintet.state import Contract, OrchestrationState
from quintet.state.failure import FAILURE_CLASSES

App = CompiledStateGraph[Any, Any, Any, Any]

THREAD: Any = {"configurable": {"thread_id": "a"}}


class S(OrchestrationState, total=False):
    order: NotRequired[int]
    amount: NotRequired[float]
    log: Annotated[list[str], operator.add]


def bare(**more: Any) -> Contract:
    """Make a contract that asks for nothing, but for what is given."""
    return Contract(**{"goal": "do it", "needs": (), **more})


def app_of(
    nodes: Mapping[str, Any],
    *edges: tuple[str, str],
    recover: Recovery | None = None,
    defer: tuple[str, ...] = (),
    timeout: float | None = None,
    saver: Any = None,
) -> App:
    """Compile a graph that starts at its first node; failures go to `recover`, if it is given.

    A target that is not among the nodes becomes one that logs its name; `person` hands over.
    """
    graph = StateGraph(S)
    recover = recover and at_once(recover)
    targets = [end for node in nodes.values() for end in getattr(node, "destinations", ())]
    targets += [end for edge in edges for end in edge] + list(
        recover.destinations if recover else ()
    )
    fillers = {name: hand_over if name == "person" else logs(name) for name in targets}
    for name, node in {**fillers, **nodes}.items():
        if name == END:
            continue
        # LangGraph takes a bad answer for a failure of the node that asks, and lets it be treated.
        treated = not getattr(node, "asks", False) and node is not hand_over
        treated = treated and not isinstance(node, Undo)
        policy: dict[str, Any] = (
            {"retry_policy": recover.retry_policy, "error_handler": recover}
            if treated and recover
            else {}
        )
        if timeout is not None and name == next(iter(nodes)):
            policy["timeout"] = timeout
        ends = getattr(node, "destinations", None) or None
        graph.add_node(name, node, destinations=ends, defer=name in defer, **policy)
    graph.add_edge(START, next(iter(nodes)))
    for start, end in edges:
        graph.add_edge(start, end)
    return graph.compile(checkpointer=InMemorySaver() if saver is None else saver)


def at_once(policy: Recovery) -> Recovery:
    """Return the same policy, whose retries do not wait."""
    chains: dict[str, Any] = {
        kind: tuple(replace(each, wait=0.0) for each in policy.chain(kind)[:-1])
        for kind in FAILURE_CLASSES
    }
    return replace(policy, **chains)


def logs(name: str) -> Any:
    """Make a node that writes its name into the log."""

    def node(state: S) -> Any:
        return {"log": [name]}

    return node


def decided(state: Mapping[str, Any], *kinds: str) -> list[str]:
    """Return the choices of the decisions of these kinds, in order."""
    return [each["choice"] for each in state.get("decisions") or () if each["kind"] in kinds]


def statuses(state: Mapping[str, Any]) -> dict[str, str]:
    """Return the status of each action."""
    return {key: item["status"] for key, item in (state.get("actions") or {}).items()}
