"""Tell the ways in which a node is started: by name, by `Send`, or with a planner's step.

By name means by an edge, a path function or a `Command`: the node is given the state itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from langgraph.graph import START

from quintet.checks.graph.crew import fallbacks
from quintet.checks.graph.shape import Shape
from quintet.checks.source.body import Body
from quintet.checks.source.literals import Values
from quintet.checks.source.sends import Sent, sends_of
from quintet.nodes import Worker


@dataclass(frozen=True, kw_only=True, eq=False)
class Entries:
    """Read how the nodes of one graph are started."""

    shape: Shape

    @cached_property
    def sends(self) -> tuple[tuple[str, Sent], ...]:
        """List every `Send` of the graph, each with the node or START that makes it."""
        return tuple(
            (source, send)
            for source in (START, *self.shape.parts)
            for body in _bodies(self.shape, source)
            for send in sends_of(body)
        )

    @cached_property
    def named(self) -> frozenset[str]:
        """List the nodes that are certain to be started by name, and without a planner's step."""
        # A node in a crew may be started by name as well, and what it leads to then is too: the
        # list grows until nothing is added.
        holders = frozenset(name for crew in self.shape.crews.values() for name in crew)
        sources = (START, *self.shape.parts)
        reached: frozenset[str] = frozenset()
        while True:
            carried = holders - reached
            further = frozenset(
                name for node in sources for name in _next_by_name(self.shape, node, carried)
            )
            if further <= reached:
                return reached
            reached |= further

    @cached_property
    def is_open(self) -> bool:
        """Tell whether any node may be started by name, as some targets cannot be listed."""
        # `Command(graph=Command.PARENT)` in a subgraph leads to a node of this graph.
        upward = any(self.shape.moves(name).to.texts for name in self.shape.inner)
        sources = (START, *self.shape.parts)
        targets = [target for source in sources for target in _by_name(self.shape, source)]
        return upward or not all(target.complete for target in targets)


def _by_name(shape: Shape, source: str) -> Iterator[Values]:
    yield shape.moves(source).named
    yield from (branch.moves.named for branch in shape.branches.get(source, ()))


def _next_by_name(shape: Shape, source: str, carried: frozenset[str]) -> frozenset[str]:
    """List the nodes that a node leads to by name.

    A node in `carried` only works on steps, so it passes its step to its takers by `Send`.
    """
    edges = shape.edge_targets(source)
    targets = frozenset(text for values in _by_name(shape, source) for text in values.texts)
    if source == START or not shape.crews or _tasks_of(shape, source) - carried:
        return edges | targets
    return edges | (targets - _takers(shape, source) - frozenset(shape.crews))


def _tasks_of(shape: Shape, source: str) -> frozenset[str]:
    """List the nodes whose work a node passes on: itself, or those that it handles errors of.

    An error handler counts for workers and for functions of the user's own. A policy that all
    nodes share is not meant for nodes that only decide, such as a Router or the Planner itself.
    """
    part = shape.parts[source]
    if not part.spec.is_error_handler:
        return frozenset({source})
    return frozenset(
        name
        for name, other in shape.parts.items()
        if other.spec.error_handler_node == source
        and (isinstance(other.action, Worker) or not other.is_ours)
    )


def _takers(shape: Shape, name: str) -> frozenset[str]:
    """List the nodes that a node hands its work to, by handoff or by fallback."""
    action = shape.parts[name].action
    return frozenset(action.handoffs) if isinstance(action, Worker) else fallbacks(action)


def _bodies(shape: Shape, source: str) -> Iterator[Body]:
    part = shape.parts.get(source)
    if part is not None:
        yield from (*part.bodies, *part.aside)
    for branch in shape.branches.get(source, ()):
        if branch.body is not None:
            yield branch.body
