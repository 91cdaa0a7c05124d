"""Work out the shape of a graph: its nodes, and where each may lead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from langgraph.channels import BaseChannel, LastValue
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.checks.graph.branch import Branch, begun, path_body
from quintet.checks.graph.crew import crews
from quintet.checks.graph.part import Part, Spec
from quintet.checks.source.literals import Values, union
from quintet.checks.source.moves import Moves, command_moves, makes_sends, merged
from quintet.checks.source.updates import Written, may_command, written
from quintet.nodes import FanOut, Manager, Planner, Recovery, Worker
from quintet.nodes.flow.task import FlowTask

AnyGraph = StateGraph[Any, Any, Any, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Shape:
    """Read a graph; `within` names the nodes that lead into it where it is a subgraph."""

    builder: AnyGraph
    within: tuple[str, ...] = ()

    def at(self, name: str) -> str:
        """Return the name of a node as findings give it: `"outer/inner"` in a subgraph."""
        return "/".join((*self.within, name))

    @cached_property
    def parts(self) -> dict[str, Part]:
        """Map names to nodes, those included that LangGraph makes for default error handlers."""
        specs = _with_defaults(self.builder)
        return {name: Part(name=name, spec=specs[name]) for name in sorted(specs)}

    @cached_property
    def inner(self) -> dict[str, Shape]:
        """Map the nodes that are subgraphs to the shapes of these."""
        return {
            name: Shape(builder=part.graph.builder, within=(*self.within, name))
            for name, part in self.parts.items()
            if part.graph is not None
        }

    @cached_property
    def run_within(self) -> dict[str, Shape]:
        """Map the nodes to the graphs that they run: subgraphs, and those of a workflow's tasks."""
        tasks = {
            name: Shape(builder=part.action.inner.builder, within=(*self.within, name))
            for name, part in self.parts.items()
            if isinstance(part.action, FlowTask)
            and isinstance(part.action.inner, CompiledStateGraph)
        }
        return tasks | self.inner

    def walk(self) -> Iterator[Shape]:
        """List this graph and every subgraph in it."""
        yield self
        for shape in self.inner.values():
            yield from shape.walk()

    @cached_property
    def channels(self) -> dict[str, BaseChannel[Any, Any, Any]]:
        """Map the keys of the state to their channels."""
        return dict(self.builder.channels)

    @cached_property
    def keys(self) -> frozenset[str]:
        """List the keys that a node may write: channels, and values that LangGraph manages."""
        return frozenset(self.builder.channels) | frozenset(self.builder.managed)

    @property
    def is_plain(self) -> bool:
        """Tell whether the whole state is one value without keys."""
        return "__root__" in self.channels

    def holds_one(self, key: str) -> bool:
        """Tell whether a key takes only one value in a step."""
        channel = self.channels.get(key)
        # LangGraph's EphemeralValue, where it refuses a second value, says so by `guard`.
        return isinstance(channel, LastValue) or getattr(channel, "guard", False) is True

    @cached_property
    def edges(self) -> dict[str, frozenset[str]]:
        """Map each node to the targets of its plain edges."""
        targets_by_source: defaultdict[str, set[str]] = defaultdict(set)
        for source, target in self.builder.edges:
            targets_by_source[source].add(label(target))
        return {source: frozenset(targets) for source, targets in targets_by_source.items()}

    @cached_property
    def joins(self) -> tuple[tuple[frozenset[str], str], ...]:
        """List the edges that wait for several nodes, as pairs of these nodes and the target."""
        return tuple((frozenset(starts), end) for starts, end in sorted(self.builder.waiting_edges))

    def edge_targets(self, name: str) -> frozenset[str]:
        """List the targets of a node by plain and by waiting edges."""
        waiting = frozenset(end for starts, end in self.joins if name in starts)
        return self.edges.get(name, frozenset()) | waiting

    @cached_property
    def branches(self) -> dict[str, tuple[Branch, ...]]:
        """Map each node to its conditional edges."""
        return {
            label(source): tuple(
                Branch(
                    source=label(source),
                    ends=spec.ends,
                    body=path_body(spec.path),
                    begun=begun(spec.path),
                )
                for _, spec in sorted(named.items())
            )
            for source, named in self.builder.branches.items()
            # The mapping is a defaultdict: looking a node up leaves an empty entry.
            if named
        }

    @cached_property
    def _moves(self) -> dict[str, Moves]:
        return {name: self._commands(part) for name, part in self.parts.items()}

    def moves(self, name: str) -> Moves:
        """Read where a node may go by `Command`, from its hints, its object and its source."""
        return self._moves.get(name, Moves())

    @cached_property
    def crews(self) -> dict[str, frozenset[str]]:
        """Map each planner to the nodes that may hold one of its steps."""
        return crews(self.parts)

    def _planners(self, part: Part) -> frozenset[str]:
        """List the planners that a node itself returns to, with a step of theirs."""
        if isinstance(part.action, Recovery):
            others = self.parts.values()
            sources = {node.name for node in others if node.spec.error_handler_node == part.name}
        elif isinstance(part.action, Worker) and part.action.then:
            sources = {part.name}
        else:
            return frozenset()
        return frozenset(planner for planner, crew in self.crews.items() if sources & crew)

    def _commands(self, part: Part) -> Moves:
        declared = part.hints | (part.targets or frozenset()) | self._planners(part)
        moves = command_moves((*part.bodies, *part.aside))
        if (shape := self.inner.get(part.name)) is not None:
            upward = merged(shape.moves(name) for name in shape.parts).parent
            moves = Moves(to=upward)
        # Declared targets are believed: the source is then not suspected of leading elsewhere.
        closed = bool(declared) or part.targets is not None
        open_ended = part.is_opaque or any(may_command(body) for body in part.bodies)
        targets = Values(known=declared, complete=closed or not open_ended)
        to = union([targets, replace(moves.to, complete=closed or moves.to.complete)])
        return replace(moves, to=to, named=self._named(part, declared, moves))

    def _named(self, part: Part, declared: frozenset[str], moves: Moves) -> Values:
        """List the targets that a node goes to by name, and not by `Send`."""
        if isinstance(part.action, Manager):
            return Values(known=declared - frozenset(part.action.assignees))
        if isinstance(part.action, Planner):
            return Values(known=frozenset({part.action.then, part.action.otherwise}))
        if isinstance(part.action, FanOut) and part.action.each is not None:
            return Values(known=declared - frozenset(part.action.to))
        if part.is_ours:
            return Values(known=declared)
        if any(makes_sends(body) for body in part.bodies):
            return moves.named
        return union([Values(known=declared), moves.named])

    def exits(self, name: str) -> frozenset[str]:
        """List every node that a node may lead to, except by waiting edges and error handlers."""
        branched = [branch.moves.to.texts for branch in self.branches.get(name, ())]
        return self.edges.get(name, frozenset()).union(*branched, self.moves(name).to.texts)

    def follows(self, name: str, *, failing: bool = False) -> frozenset[str]:
        """List every node that may run because of a node; its error handler where it may fail."""
        part = self.parts.get(name)
        handler = part.spec.error_handler_node if part is not None and failing else None
        failed = frozenset({handler}) if handler else frozenset()
        return self.exits(name) | self.edge_targets(name) | failed

    def is_open(self, name: str) -> bool:
        """Tell whether a node may lead to nodes that cannot be listed."""
        branched = all(branch.moves.to.complete for branch in self.branches.get(name, ()))
        return not (branched and self.moves(name).to.complete)

    def is_end(self, name: str) -> bool:
        """Tell whether a run can end after a node."""
        targets = self.edge_targets(name) | self.exits(name)
        # LangGraph ends a way at a node that leads nowhere.
        return END in targets or not (targets or self.is_open(name))

    @cached_property
    def _written(self) -> dict[str, Written]:
        return {name: self._writes(part) for name, part in self.parts.items()}

    def written(self, name: str) -> Written:
        """Read the keys that a node writes, from its object or its source."""
        return self._written.get(name, Written())

    def _writes(self, part: Part) -> Written:
        if (shape := self.inner.get(part.name)) is not None:
            # A subgraph gives back only the keys that the graph around it has, too.
            return Written(keys=frozenset(shape.output_keys & self.keys))
        if part.writes is not None:
            return Written(keys=part.writes)
        if part.is_opaque or not part.bodies:
            return Written(complete=False)
        update = written(part.bodies)
        return update if part.is_given_state else replace(update, whole=frozenset())

    def sees(self, name: str) -> frozenset[str]:
        """List the keys of the state that a node is given."""
        schema = self.parts[name].spec.input_schema
        return frozenset(self.builder.schemas.get(schema, self.keys))

    @cached_property
    def input_keys(self) -> frozenset[str]:
        """List the keys that the graph takes from its input."""
        return frozenset(self.builder.schemas.get(self.builder.input_schema, ()))

    @property
    def returns(self) -> bool:
        """Tell whether a subgraph can end by itself, and not only by a `Command` to its parent."""
        return any(
            self.is_end(name) and not self.moves(name).parent.texts
            for name in self.reached()
            if name in self.parts
        )

    @cached_property
    def output_keys(self) -> frozenset[str]:
        """List the keys of its output that the graph sets: taken from its input, or written."""
        output = frozenset(self.builder.schemas.get(self.builder.output_schema, ()))
        inside = [self.written(name) for name in self.parts]
        if not all(update.complete for update in inside):
            return output
        return output & self.input_keys.union(*(update.keys for update in inside))

    def reached(
        self,
        starts: frozenset[str] = frozenset({START}),
        *,
        closed: frozenset[str] = frozenset(),
    ) -> dict[str, str | None]:
        """Find the nodes that a run may come to.

        Args:
            starts: the nodes at which it begins.
            closed: nodes past which it does not go, except to their error handlers.

        Returns:
            Each node with the node before it on a shortest way; None for a start.
        """
        previous: dict[str, str | None] = dict.fromkeys(sorted(starts))
        waiting = list(previous)
        while waiting:
            name = waiting.pop(0)
            for target in sorted(self._reached_from(name, closed, frozenset(previous))):
                if target in self.parts and target not in previous:
                    previous[target] = name
                    waiting.append(target)
        return previous

    def _reached_from(
        self, name: str, closed: frozenset[str], seen: frozenset[str]
    ) -> frozenset[str]:
        part = self.parts.get(name)
        handler = part.spec.error_handler_node if part is not None else None
        failed = frozenset({handler}) if handler else frozenset()
        if name in closed:
            return failed
        reached_open = seen - closed
        # A waiting edge leads on when all its nodes have run.
        joined = frozenset(end for starts, end in self.joins if name in starts <= reached_open)
        return self.exits(name) | joined | failed


def label(target: object) -> str:
    """Return the name of a target; an object that is no name in angle brackets."""
    if isinstance(target, str):
        return target
    return f"<{type(target).__name__} {getattr(target, '__name__', '')}>"


def way(previous: Mapping[str, str | None], name: str) -> str:
    """Spell out the way to a node that `Shape.reached` found: `START -> a -> b`."""
    steps = [name]
    while (before := previous.get(steps[-1])) is not None:
        steps.append(before)
    return " -> ".join("START" if step == START else step for step in reversed(steps))


def _with_defaults(builder: AnyGraph) -> Mapping[str, Spec]:
    """Return the nodes as `compile` will complete them from `set_node_defaults`.

    The defaults have no public name before that, so a copy without edges is compiled.
    """
    if builder.compiled:
        return builder.nodes
    probe = copy(builder)
    # Without its hinted targets, a node cannot be refused for a target that does not exist.
    probe.nodes = {name: replace(spec, ends=()) for name, spec in builder.nodes.items()}
    probe.edges = {(START, name) for name in list(builder.nodes)[:1]}
    probe.branches = defaultdict(dict)
    probe.waiting_edges = set()
    with suppress(Exception):  # what compile refuses, it refuses by itself
        StateGraph.compile(probe)
    for name, spec in builder.nodes.items():
        probe.nodes[name] = replace(probe.nodes[name], ends=spec.ends)
    return probe.nodes
