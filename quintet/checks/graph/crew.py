"""List the nodes that may hold a planner's step, its crew.

A crew is the planner's assignees, and the nodes that take over a step by handoff or fallback.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from quintet.checks.graph.part import Part
from quintet.nodes import Manager, Planner, Recovery, Remedy, Worker

Parts = Mapping[str, Part]


def crews(parts: Parts) -> dict[str, frozenset[str]]:
    """Map each planner to the nodes that may hold one of its steps."""
    return {
        name: _crew(parts, frozenset(part.action.assignees))
        for name, part in parts.items()
        if isinstance(part.action, Planner | Manager)
    }


def fallbacks(recovery: object) -> frozenset[str]:
    """List the nodes that a recovery may give the work of a failed node to."""
    known = fields(recovery) if isinstance(recovery, Recovery) else ()
    settings = (getattr(recovery, setting.name) for setting in known)
    chains = (setting if isinstance(setting, tuple) else (setting,) for setting in settings)
    remedies = (remedy for chain in chains for remedy in chain if isinstance(remedy, Remedy))
    return frozenset(remedy.to for remedy in remedies if remedy.kind == "fallback")


def _crew(parts: Parts, assignees: frozenset[str]) -> frozenset[str]:
    crew: set[str] = set()
    waiting = list(assignees)
    while waiting:
        name = waiting.pop()
        if name in parts and name not in crew:
            crew.add(name)
            waiting.extend(_passed_on_to(parts, parts[name]))
    return frozenset(crew)


def _passed_on_to(parts: Parts, part: Part) -> Iterator[str]:
    """List the nodes that a node passes its step on to, by handoff or by fallback."""
    if isinstance(part.action, Worker):
        yield from part.action.handoffs
    handler = parts.get(part.spec.error_handler_node or "")
    if handler is not None:
        yield from fallbacks(handler.action)
