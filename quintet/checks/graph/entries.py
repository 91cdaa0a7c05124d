"""How control comes to a node: by name, by `Send`, or with a planner's step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from langgraph.graph import START

from quintet.checks.graph.crew import fallbacks
from quintet.checks.graph.shape import Shape
from quintet.checks.source.body import Body
from quintet.checks.source.literals import Values
from quintet.checks.source.sends import Sent, sent
from quintet.nodes import Worker


@dataclass(frozen=True, kw_only=True, eq=False)
class Entries:
    """The ways in which control comes to the nodes of one graph."""

    shape: Shape

    @cached_property
    def sends(self) -> tuple[tuple[str, Sent], ...]:
        """Every `Send` that a node or a path function makes, with the node that it comes from."""
        return tuple(
            (source, each)
            for source in (START, *self.shape.parts)
            for body in _bodies(self.shape, source)
            for each in sent(body)
        )

    @cached_property
    def named(self) -> frozenset[str]:
        """The nodes that control comes to by name for certain, and without a planner's step."""
        held = frozenset(name for crew in self.shape.crews.values() for name in crew)
        sources = (START, *self.shape.parts)
        found: frozenset[str] = frozenset()
        while True:
            carried = held - found
            more = frozenset(name for each in sources for name in _on(self.shape, each, carried))
            if more <= found:
                return found
            found |= more

    @cached_property
    def is_open(self) -> bool:
        """Whether control may come to any node by name: somebody's targets cannot be listed."""
        upward = any(self.shape.moves(name).to.texts for name in self.shape.inner)
        sources = (START, *self.shape.parts)
        said = [each for source in sources for each in _named(self.shape, source)]
        return upward or not all(each.complete for each in said)


def _named(shape: Shape, source: str) -> Iterator[Values]:
    yield shape.moves(source).named
    yield from (branch.moves.named for branch in shape.branches.get(source, ()))


def _on(shape: Shape, source: str, carried: frozenset[str]) -> frozenset[str]:
    """Tell where a node leads by name; where it works on a step, what it hands on is sent."""
    edges = shape.static(source)
    said = frozenset(text for each in _named(shape, source) for text in each.texts)
    works_on = {source} | {
        name for name, part in shape.parts.items() if part.spec.error_handler_node == source
    }
    if not works_on & carried or (works_on - {source}) - carried:
        return edges | said
    return edges | (said - _handed_on(shape, source) - frozenset(shape.crews))


def _handed_on(shape: Shape, name: str) -> frozenset[str]:
    thing = shape.parts[name].action
    return frozenset(thing.handoffs) if isinstance(thing, Worker) else fallbacks(thing)


def _bodies(shape: Shape, source: str) -> Iterator[Body]:
    part = shape.parts.get(source)
    if part is not None:
        yield from (*part.bodies, *part.aside)
    for branch in shape.branches.get(source, ()):
        if branch.body is not None:
            yield branch.body
