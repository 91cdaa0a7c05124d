"""Follow a request from worker to worker, and find out when it goes in circles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from quintet.nodes.core.actions import of_this_run
from quintet.nodes.core.handed import Handed, beside
from quintet.nodes.core.kept import keep, kept
from quintet.state.record import digest

LENGTH = 32
"""The last handoffs that are known; a longer circle ends at the limit on handoffs."""


@dataclass(frozen=True, kw_only=True)
class Trail:
    """Hold the way of one request in a run.

    Args:
        at: the name of the request: its graph, and a plan's step where it is one.
        nodes: the workers that had it, in order.
        seen: for each handoff a digest of who handed over to whom, and what was known then.
    """

    at: str
    nodes: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()

    @classmethod
    def of(cls, slot: str, state: Mapping[str, Any]) -> Trail:
        """Read the way of a worker's request from a state."""
        at = beside(slot, "")
        note = kept(state, "trail").get(at) or {}
        return cls(at=at, nodes=tuple(note.get("nodes", ())), seen=tuple(note.get("seen", ())))

    def passed(self, node: str, to: str, handed: Handed, state: Mapping[str, Any]) -> Trail:
        """Give the way with one more handoff."""
        actions = {at: item["status"] for at, item in of_this_run(state).items()}
        known = [node, to, handed.payload, handed.reason, state.get("results") or {}, actions]
        before = self.nodes if self.nodes[-1:] == (node,) else (*self.nodes, node)
        return replace(
            self,
            nodes=(*before, to)[-LENGTH:],
            seen=(*self.seen, digest(known))[-LENGTH:],
        )

    @property
    def circle(self) -> str:
        """Name the circle that the last handoff closes with nothing new, or give ''."""
        if self.seen[-1] not in self.seen[:-1]:
            return ""
        ways = list(pairwise(self.nodes))
        first = len(ways) - 1 - next(n for n, way in enumerate(ways[-2::-1], 1) if way == ways[-1])
        return " -> ".join(self.nodes[first:-1])

    def __str__(self) -> str:
        return " -> ".join(self.nodes)

    def update(self) -> dict[str, Any]:
        """Give the note, as an update of `kept`."""
        return keep("trail", self.at, {"nodes": list(self.nodes), "seen": list(self.seen)})
