"""Add nodes under a gate, a recovery policy and an outcome to a graph of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.errors import DesignError
from quintet.graphs.refusals import check_names
from quintet.graphs.wiring import Wiring, add_workers, refuse_missing_keys
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
    """Add nodes to a graph of yours, with recovery, approval and an outcome around them.

    graph = StateGraph(State)
    graph.add_node("look_up", look_up)
    govern(graph, {"billing": billing}, then="notify", gate=ApprovalGate(when=over(100)))
    graph.add_node("notify", notify)
    graph.add_edge("look_up", "billing")
    graph.add_edge("notify", "finish")

    Each node gets the policy's retries and error handler, and an edge to `then`; if it proposed
    actions, they go through the gate and the node that acts first. Unless the graph has them, these
    nodes are added: `finish`, which writes the outcome; `person`, which hands over to a person; and
    `undo`, if the policy goes there. You add the edges into the nodes, and those from `then` on.

    Args:
        graph: an uncompiled graph, whose state inherits `OrchestrationState`.
        nodes: by name: a `Worker`, a `Router`, a `Planner`, or a node of yours.
        then: the node to go to when the work is done; `finish`, or one of yours.
        gate: the approval gate in front of their effects. It is added as `approve`, and the node
            that runs approved actions as `act`; the nodes of a further gate have its name at the
            end (`approve_refunds`).
        recover: the policy for failures; by default retry, then a person.
        success: criteria on the final state that `done` needs, where `finish` is added.

    Returns:
        The graph.

    Raises:
        DesignError: a name that is taken, a state without the keys that the nodes write, or parts
            that do not fit together.
    """
    _check(graph, nodes, success)
    suffix = _suffix(graph, gate)
    wiring = replace(
        Wiring.around(nodes, gate, recover, success),
        then=then,
        gate_node=f"approve{suffix}",
        act_node=f"act{suffix}",
    )
    _check_undo(graph, wiring)
    add_workers(graph, nodes, wiring, wiring.add_ends(graph))
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
    # All that may be added, since the state must have the keys of each.
    refuse_missing_keys(graph, [*nodes.values(), ApprovalGate, Act, Recovery, Finish])


def _suffix(graph: StateGraph[Any], gate: ApprovalGate | None) -> str:
    """Give the suffix of the names of the gate's nodes; empty where the plain names are free.

    Raises:
        DesignError: the graph has a gate of the same name already.
    """
    if gate is None or ("approve" not in graph.nodes and "act" not in graph.nodes):
        return ""
    for node in graph.nodes.values():
        other = node.runnable
        if isinstance(other, ApprovalGate) and other.name == gate.name:
            raise DesignError(
                f"govern: the graph has a gate {gate.name!r} already, and a yes is for one "
                "gate; give this one a name of its own, as in ApprovalGate(name='refunds'), or "
                "give both nodes to one govern"
            )
    return f"_{gate.name}"


def _check_undo(graph: StateGraph[Any], wiring: Wiring) -> None:
    """Refuse an `undo` of the graph's own that lacks effects of the new nodes."""
    undo = graph.nodes["undo"].runnable if "undo" in graph.nodes else None
    if "undo" not in wiring.recover.destinations or not isinstance(undo, Undo):
        return
    names = {effect.name for effect in undo.effects}
    if left := [effect.name for effect in wiring.effects if effect.name not in names]:
        raise DesignError(
            f"govern: the graph's 'undo' does not know {', '.join(left)}; give all nodes with "
            "effects to one govern, or add Undo(effects=...) with all of them first"
        )
