"""Nodes under a gate, a recovery policy and an outcome, in a graph of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.errors import DesignError
from quintet.graphs.wiring import Wiring, add_workers, check_names, effects_of
from quintet.nodes.act import Act, Undo
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.finish import Finish, StateCriterion
from quintet.nodes.recover import Recovery


def govern(
    graph: StateGraph[Any],
    nodes: Mapping[str, Any],
    *,
    then: str = "finish",
    gate: ApprovalGate | None = None,
    recover: Recovery | None = None,
    success: tuple[StateCriterion, ...] = (),
) -> StateGraph[Any]:
    """Add nodes to a graph of yours, with all that they need around them.

    graph = StateGraph(State)
    graph.add_node("look_up", look_up)
    govern(graph, {"billing": billing}, then="notify", gate=ApprovalGate(when=over(100)))
    graph.add_node("notify", notify)
    graph.add_edge("look_up", "billing")
    graph.add_edge("notify", "finish")

    Each node gets the policy's retries and error handler, and goes to `then` by itself: first
    through the gate and the node that acts, where it has proposed something. Added too, unless the
    graph has them: `finish`, which writes the outcome, `person`, who takes over, and `undo`, where
    the policy goes there. Edges into the nodes and from `then` on are yours.

    Args:
        graph: an uncompiled graph, whose state inherits `OrchestrationState`.
        nodes: by name: a `Worker`, a `Router`, a `Planner`, or a node of yours.
        then: the node to go to when the work is done; `finish`, or one of yours.
        gate: the approval gate in front of their effects. It is added as `approve`; what it lets
            through runs in `act`; of a further gate with its name behind them (`approve_refunds`).
        recover: what to do about failures; by default retry, then a person.
        success: criteria on the final state that `done` needs, where `finish` is added.

    Returns:
        The graph.

    Raises:
        DesignError: a name that is taken, a state without the keys that the nodes write, or parts
            that do not fit together.
    """
    _check(graph, nodes, success)
    effects = effects_of(nodes)
    number = _behind(graph, gate)
    wiring = Wiring(
        gate=gate,
        recover=recover or Recovery(),
        success=success,
        effects=effects,
        then=then,
        asks_at=f"approve{number}",
        acts_at=f"act{number}",
    )
    _check_undo(graph, wiring)
    add_workers(graph, nodes, wiring, wiring.tail(graph))
    return graph


def _check(graph: Any, nodes: Mapping[str, Any], success: tuple[StateCriterion, ...]) -> None:
    if isinstance(graph, CompiledStateGraph):
        raise DesignError("govern: this graph is compiled already; give the StateGraph itself")
    if not isinstance(graph, StateGraph):
        raise DesignError(f"govern({type(graph).__name__}): give a StateGraph")
    if not isinstance(nodes, Mapping) or not nodes:
        raise DesignError('govern: give nodes by name, as {"billing": billing}')
    for name in nodes:
        if name in graph.nodes:
            raise DesignError(f"govern: the graph has a node {name!r} already; give another name")
    if success and "finish" in graph.nodes:
        raise DesignError(
            "govern(success=...): the graph has a 'finish' already, which judges by its own "
            "criteria; give them there"
        )
    check_names(nodes, graph.state_schema)
    writing = [*nodes.values(), ApprovalGate, Act, Recovery, Finish]
    written = {key for node in writing for key in getattr(node, "writes", ())}
    if missing := sorted(written - set(graph.channels)):
        raise DesignError(
            f"govern: the state {graph.state_schema.__name__} has no {', '.join(missing)}, and "
            "what the nodes write there would be lost; inherit OrchestrationState"
        )


def _behind(graph: StateGraph[Any], gate: ApprovalGate | None) -> str:
    """Give what stands behind the names of the gate's nodes; empty where they are free.

    Raises:
        DesignError: the graph has a gate of the same name already.
    """
    if gate is None or ("approve" not in graph.nodes and "act" not in graph.nodes):
        return ""
    behind = f"_{gate.name}"
    for node in graph.nodes.values():
        other = node.runnable
        if isinstance(other, ApprovalGate) and other.name == gate.name:
            raise DesignError(
                f"govern: the graph has a gate {gate.name!r} already, and a yes is for one "
                "gate; give this one a name of its own, as in ApprovalGate(name='refunds'), or "
                "give both nodes to one govern"
            )
    return behind


def _check_undo(graph: StateGraph[Any], wiring: Wiring) -> None:
    undo = graph.nodes["undo"].runnable if "undo" in graph.nodes else None
    if "undo" not in wiring.recover.destinations or not isinstance(undo, Undo):
        return
    names = {effect.name for effect in undo.effects}
    if left := [effect.name for effect in wiring.effects if effect.name not in names]:
        raise DesignError(
            f"govern: the graph's 'undo' does not know {', '.join(left)}; give all nodes with "
            "effects to one govern, or add Undo(effects=...) with all of them first"
        )
