"""Follow runs through a graph and its subgraphs: find the nodes that may run after a node."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeVar

from langgraph.graph import END, START

from quintet.checks.graph.entries import Entries
from quintet.checks.graph.part import Part
from quintet.checks.graph.shape import Shape
from quintet.nodes.flow.task import FlowTask

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A node, and the graph or subgraph that it stands in."""

    shape: Shape
    name: str

    @property
    def part(self) -> Part:
        """Return the node as `Part`."""
        return self.shape.parts[self.name]

    @property
    def action(self) -> object:
        """Return the function, object or Runnable that was given to `add_node`."""
        return self.part.action

    @property
    def node(self) -> object:
        """Return the object that does the work: that of the user, within a workflow's task."""
        return self.action.inner if isinstance(self.action, FlowTask) else self.action

    @property
    def at(self) -> str:
        """Return the name of the node as findings give it."""
        return self.shape.at(self.name)


@dataclass(frozen=True, kw_only=True)
class Trail:
    """The nodes that may run after a node.

    `open` where there may be others, which cannot be listed; `ends` where the run may end.
    """

    spots: frozenset[Spot]
    open: bool
    ends: bool


@dataclass(frozen=True, kw_only=True)
class Walk:
    """Follow runs on their way.

    No run is followed past a node in `closed`; later nodes may lead to their error handlers if
    `failing` is set.
    """

    closed: frozenset[Spot] = frozenset()
    failing: bool = False

    def along(self, shape: Shape, start: str) -> Trail:
        """Follow every way on from a node inside its graph, and into the subgraphs on the way."""
        spots: set[Spot] = set()
        is_open = ends = False
        # The start is not seen yet: a cycle may lead back to it.
        seen, waiting = set[str](), [start]
        while waiting:
            name = waiting.pop()
            # The start is taken to succeed: its own error handler does not come after it.
            targets = shape.follows(name, failing=self.failing and name != start)
            is_open |= shape.is_open(name) or not targets <= {*shape.parts, END}
            ends |= name != START and (shape.is_end(name) or bool(shape.moves(name).parent.texts))
            for target in (targets & set(shape.parts)) - seen:
                seen.add(target)
                into = self.into(shape, target)
                spots |= into.spots
                is_open |= into.open
                if into.ends:
                    waiting.append(target)
        # Where targets are unknown, END may be among them.
        return Trail(spots=frozenset(spots), open=is_open, ends=ends or is_open)

    def into(self, shape: Shape, name: str) -> Trail:
        """Find the nodes that run inside a node, and tell whether the run goes on from there."""
        if name in shape.inner:
            return self.along(shape.inner[name], START)
        spot = Spot(shape=shape, name=name)
        return Trail(spots=frozenset({spot}), open=False, ends=spot not in self.closed)


@dataclass(frozen=True, kw_only=True, eq=False)
class Tree:
    """Follow runs through a graph with all its subgraphs."""

    root: Shape
    _trails: dict[Spot, Trail] = field(default_factory=dict)

    @cached_property
    def shapes(self) -> dict[tuple[str, ...], Shape]:
        """Map the names of the nodes that lead into a graph or subgraph to its shape."""
        return {shape.within: shape for shape in self.root.walk()}

    @cached_property
    def _entries(self) -> dict[tuple[str, ...], Entries]:
        return {within: Entries(shape=shape) for within, shape in self.shapes.items()}

    def entries(self, shape: Shape) -> Entries:
        """Tell how the nodes of a graph of this tree are started."""
        return self._entries[shape.within]

    @cached_property
    def spots(self) -> tuple[Spot, ...]:
        """List every node that is not a subgraph."""
        return tuple(
            Spot(shape=shape, name=name)
            for shape in self.shapes.values()
            for name in shape.parts
            if name not in shape.inner
        )

    def of(self, kind: type[T]) -> list[tuple[Spot, T]]:
        """List the nodes whose object is of a class, each with the object."""
        return [(spot, node) for spot in self.spots if isinstance(node := spot.node, kind)]

    def after(self, spot: Spot) -> Trail:
        """Find the nodes that may run after a node succeeds, even if later nodes fail."""
        if spot not in self._trails:
            walk = Walk(failing=True)
            self._trails[spot] = self._climb(spot.shape, walk.along(spot.shape, spot.name), walk)
        return self._trails[spot]

    def ahead(self, spot: Spot, closed: Iterable[Spot] = ()) -> Trail:
        """Find the nodes that run after a node while none fails; stop at the `closed` ones."""
        walk = Walk(closed=frozenset(closed))
        return self._climb(spot.shape, walk.along(spot.shape, spot.name), walk)

    def into(self, shape: Shape, name: str) -> Trail:
        """Find the nodes that run when a node is started, itself included, while none fails."""
        walk = Walk()
        if name == END:
            return self._climb(shape, _END, walk)
        if name not in shape.parts:
            return Trail(spots=frozenset(), open=True, ends=True)
        trail = _both(walk.into(shape, name), walk.along(shape, name))
        return self._climb(shape, trail, walk)

    def runs_before(self, first: Spot, second: Spot) -> bool:
        """Tell whether a node may run before another; where that cannot be read, it may."""
        trail = self.after(first)
        return trail.open or second in trail.spots

    def outer_node(self, spot: Spot, shape: Shape) -> str:
        """Return the node of an outer graph that holds a node, or that is this node."""
        inside = spot.shape.within[len(shape.within) :]
        return inside[0] if inside else spot.name

    def common_graph(self, first: Spot, second: Spot) -> Shape:
        """Return the innermost graph that holds both nodes."""
        within: tuple[str, ...] = ()
        for step, other in zip(first.shape.within, second.shape.within, strict=False):
            if step != other:
                break
            within = (*within, step)
        return self.shapes[within]

    def _climb(self, shape: Shape, trail: Trail, walk: Walk) -> Trail:
        """Follow a run out of a subgraph into the graphs around it, as far as each ends."""
        within = shape.within
        while within and trail.ends:
            trail = _both(trail, walk.along(self.shapes[within[:-1]], within[-1]))
            within = within[:-1]
        return trail


_END: Final = Trail(spots=frozenset(), open=False, ends=True)


def _both(first: Trail, then: Trail) -> Trail:
    """Join two trails, of which the second goes on from the first."""
    return Trail(spots=first.spots | then.spots, open=first.open or then.open, ends=then.ends)
