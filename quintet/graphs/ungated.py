"""Refuse a gate past which a graph as a node would do what the gate is to ask about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from quintet.errors import DesignError
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.effect import Effect
from quintet.nodes.work import Worker


def refuse_ungated(workers: Mapping[str, Any], gate: ApprovalGate | None) -> None:
    """Refuse graphs as nodes that have effects and no gate of their own, where a gate is given.

    A graph asks by its own gate: what its workers propose is done within it.

    Raises:
        DesignError: it names the graph, its worker and the effect.
    """
    if gate is None:
        return
    for graph, node in workers.items():
        for name, effect in _ungated(getattr(node, "inner", node)):
            raise DesignError(
                f"{graph!r} is a graph whose {name!r} does {effect.name!r} past this graph's gate: "
                "a graph asks by its own gate alone. Give that graph gate=... too; one with "
                "when=... asks about some actions, and lets the others pass"
            )


def _ungated(node: Any) -> Iterator[tuple[str, Effect]]:
    """List the effects of a graph and of those within where no gate stands, by their workers."""
    if not isinstance(node, CompiledStateGraph):
        return
    specs = node.builder.nodes
    parts = {name: getattr(spec.runnable, "inner", spec.runnable) for name, spec in specs.items()}
    if any(isinstance(part, ApprovalGate) for part in parts.values()):
        return
    for name, part in parts.items():
        if isinstance(part, Worker) and part.gate is None:
            yield from ((name, effect) for effect in part.effects)
        yield from _ungated(part)
