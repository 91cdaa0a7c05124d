"""Describe a conditional edge and where it may lead."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property

from quintet.checks.graph.part import declared, unwrapped
from quintet.checks.source.body import Body, body_of
from quintet.checks.source.literals import ANYTHING, Values
from quintet.checks.source.moves import Moves, path_moves


@dataclass(frozen=True, kw_only=True, eq=False)
class Branch:
    """Tell where a conditional edge of the node `source` may lead.

    `ends` is its map of targets and `body` its path function, None where there is none or it
    cannot be read. `begun` holds the nodes that an edge made by `begin` starts, all at once.
    """

    source: str
    ends: Mapping[Hashable, str] | None
    body: Body | None
    begun: frozenset[str] = frozenset()

    @cached_property
    def moves(self) -> Moves:
        """List the targets that the edge may lead to."""
        if self.begun:
            begun_nodes = Values(known=self.begun)
            return Moves(to=begun_nodes, named=begun_nodes, together=frozenset({self.begun}))
        if self.body is not None:
            return path_moves(self.body, self.ends)
        known = frozenset((self.ends or {}).values())
        return Moves(to=Values(known=known, complete=self.ends is not None), named=ANYTHING)


def begun(path: object) -> frozenset[str]:
    """List the nodes that an edge of `begin` starts; none for any other edge."""
    to = declared(path, "to")
    if declared(path, "name") != "begin" or not isinstance(to, tuple):
        return frozenset()
    return frozenset(node for node in to if isinstance(node, str))


def path_body(path: object) -> Body | None:
    """Return the path function of a conditional edge, if it can be read."""
    plain = unwrapped(path)
    function = getattr(plain, "func", None) or getattr(plain, "afunc", None)
    return body_of(function) if function is not None else None
