"""Follow the ways through a graph that a fingerprint describes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from langgraph.graph import END, START


@dataclass(frozen=True, kw_only=True)
class Ways:
    """Follow the ways of a graph.

    Args:
        sure: the nodes that always follow a node, by its name.
        may: those that may follow it, by a conditional edge, a `Command` or an error handler.
        blind: the nodes that do not say where they lead.
        joins: the edges that wait for several nodes: those, and where they lead.
    """

    sure: Mapping[str, frozenset[str]]
    may: Mapping[str, frozenset[str]]
    blind: frozenset[str]
    joins: tuple[tuple[frozenset[str], str], ...]
    nodes: frozenset[str] = field(repr=False)

    @classmethod
    def of(cls, graph: Mapping[str, Any]) -> Ways:
        """Read the ways from a fingerprint."""
        sure: dict[str, set[str]] = {}
        may: dict[str, set[str]] = {}
        blind = {source for source, ends in graph["branches"].items() if None in ends}
        for start, end in graph["edges"]:
            sure.setdefault(start, set()).add(end)
        for source, branches in graph["branches"].items():
            may.setdefault(source, set()).update(*(ends for ends in branches if ends))
        for name, node in graph["nodes"].items():
            targets = {*node.get("ends", ()), *([node["handler"]] if "handler" in node else ())}
            may.setdefault(name, set()).update(targets)
            # A node without a way on may be the last, or may lead on by a `Command` without a hint.
            blind |= {name} if node.get("blind") else set()
        joins = tuple((frozenset(starts), end) for starts, end in graph["joins"])
        return cls(
            sure={name: frozenset(ends) for name, ends in sure.items()},
            may={name: frozenset(ends) for name, ends in may.items()},
            blind=frozenset(blind),
            joins=joins,
            nodes=frozenset(graph["nodes"]),
        )

    def ahead(
        self,
        starts: Collection[str],
        *,
        without: Collection[str] = (),
        declared: bool = False,
        sure: bool = False,
    ) -> frozenset[str]:
        """Give the nodes that a run may come to from these, which are among them.

        Args:
            starts: where it goes on.
            without: nodes that it does not pass.
            declared: whether to follow only ways that are declared.
            sure: whether to follow only those that are always taken.
        """
        seen = set(starts) - set(without)
        waiting = list(seen)
        while waiting:
            name = waiting.pop()
            after = self.sure.get(name, frozenset()) if sure else self._after(name, declared)
            for target in after - seen - {END, *without}:
                seen.add(target)
                waiting.append(target)
        return frozenset(seen)

    def out(self, name: str) -> tuple[frozenset[str], frozenset[str], frozenset[Any]]:
        """Give all that is declared of a node's ways on, to be compared."""
        joined = frozenset(join for join in self.joins if name in join[0])
        none: frozenset[str] = frozenset()
        return self.sure.get(name, none), self.may.get(name, none), joined

    def _after(self, name: str, declared: bool) -> frozenset[str]:
        # Not all that an edge waits for need lie ahead: some of it may have run already.
        joined = frozenset(end for starts, end in self.joins if name in starts)
        anywhere = frozenset() if declared or name not in self.blind else self.nodes
        none: frozenset[str] = frozenset()
        return self.sure.get(name, none) | self.may.get(name, none) | joined | anywhere

    def leads_only_through(self, node: str, to: str) -> bool:
        """Say whether every declared way from START to a node passes another one."""
        if node == to:
            return False
        if any(node in starts and end == to for starts, end in self.joins):
            return True
        if to not in self.ahead((START,), declared=True):
            # Nothing declared leads there; where the other may lead there, nobody can say.
            return to in self.ahead((node,))
        return to not in self.ahead((START,), without=(node,), declared=True)
