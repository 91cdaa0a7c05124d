"""Who may hold a planner's step: its assignees, and those who take a step over from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from quintet.checks.graph.part import Part
from quintet.nodes import Planner, Recovery, Remedy, Worker

Parts = Mapping[str, Part]


def crews(parts: Parts) -> dict[str, frozenset[str]]:
    """List, for each planner, the nodes that may hold one of its steps."""
    return {
        name: _crew(parts, frozenset(part.action.assignees))
        for name, part in parts.items()
        if isinstance(part.action, Planner)
    }


def fallbacks(recovery: object) -> frozenset[str]:
    """List the nodes that a recovery may give the same work to."""
    known = fields(recovery) if isinstance(recovery, Recovery) else ()
    settings = (getattr(recovery, each.name) for each in known)
    chains = (each if isinstance(each, tuple) else (each,) for each in settings)
    remedies = (each for chain in chains for each in chain if isinstance(each, Remedy))
    return frozenset(each.to for each in remedies if each.kind == "fallback")


def _crew(parts: Parts, assignees: frozenset[str]) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(assignees)
    while waiting:
        name = waiting.pop()
        if name in parts and name not in found:
            found.add(name)
            waiting.extend(_passed_on_to(parts, parts[name]))
    return frozenset(found)


def _passed_on_to(parts: Parts, part: Part) -> Iterator[str]:
    """Return the nodes that a step is passed on to, by handoff or by fallback."""
    if isinstance(part.action, Worker):
        yield from part.action.handoffs
    handler = parts.get(part.spec.error_handler_node or "")
    if handler is not None:
        yield from fallbacks(handler.action)
