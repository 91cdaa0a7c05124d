"""Find the nodes that run in the same step, and the mistakes that this leads to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

from langgraph.graph import END, START

from quintet.checks.finding import Finding, Level, names, source_name
from quintet.checks.graph.results import gets_items
from quintet.checks.graph.shape import Shape
from quintet.state.channels import Shared


@dataclass(frozen=True, kw_only=True)
class Fan:
    """Nodes that one node starts in one step; not `certain` where a list is made at run time."""

    source: str
    targets: frozenset[str]
    certain: bool = True


def fans(shape: Shape) -> Iterator[Fan]:
    """List every way in which several nodes are started at once."""
    for source in (START, *shape.parts):
        for targets, certain in _groups(shape, source):
            nodes = frozenset(target for target in targets if target in shape.parts)
            if len(nodes) > 1:
                yield Fan(source=source, targets=nodes, certain=certain)


def _groups(shape: Shape, source: str) -> Iterator[tuple[frozenset[str], bool]]:
    """List the sets of targets that a node may start at once, and whether that is certain."""
    edges = shape.edges.get(source, frozenset())
    yield edges, True
    branches = shape.branches.get(source, ())
    for moves in (*(branch.moves for branch in branches), shape.moves(source)):
        yield from ((edges | group, True) for group in moves.together)
        yield from ((edges | group, False) for group in moves.gathered)
    branched = [branch.moves.to.texts for branch in branches]
    yield from ((edges | {target}, True) for targets in branched for target in targets)
    # Each of several conditional edges is followed: any two of their targets may meet.
    for pair in combinations(branched, 2):
        yield from ((edges | {*targets}, False) for targets in product(*pair))


def parallel_writers(shape: Shape) -> Iterator[Finding]:
    """Find nodes that write one key in one step: LangGraph names the key, but not the nodes."""
    if shape.is_plain:
        return
    clashes: dict[tuple[str, frozenset[str]], Fan] = {}
    # Fans that are certain come first, so that theirs is the finding that is kept for a clash.
    for fan in sorted(fans(shape), key=lambda fan: (not fan.certain, fan.source)):
        for step in _supersteps(shape, fan):
            for key, writers in _common_keys(shape, step).items():
                clashes.setdefault((key, writers), fan)
    for (key, writers), fan in clashes.items():
        # Fewer nodes that clash over the same key are part of a larger clash.
        if not any(key == other and writers < larger for other, larger in clashes):
            yield _clash(shape, key, writers, fan)
    for name in sorted(_sent_often(shape)):
        for key in sorted(_writes_one(shape, name)):
            yield _self_clash(shape, name, key)


def _clash(shape: Shape, key: str, writers: frozenset[str], fan: Fan) -> Finding:
    return Finding(
        code="parallel-writers",
        node=shape.at(min(writers)),
        fault=f"{names(*writers)} {'run' if fan.certain else 'may run'} in the same step after "
        f"{source_name(fan.source)} and all write {key!r}, which takes one value a step.",
        remedy=_reduce(key),
        level="error" if fan.certain else "warning",
    )


def _self_clash(shape: Shape, name: str, key: str) -> Finding:
    return Finding(
        code="parallel-writers",
        node=shape.at(name),
        fault=f"{name!r} is started several times in one step by Send, and each writes {key!r}, "
        "which takes one value a step.",
        remedy=_reduce(key),
    )


def _reduce(key: str) -> str:
    return f"Give the key a reducer, {key}: Annotated[..., reducer], or let one node write it."


def _supersteps(shape: Shape, fan: Fan) -> Iterator[frozenset[str]]:
    """List the sets of nodes that run together after a fan, along edges that are always taken."""
    step = frozenset(name for name in fan.targets if _runs_at_once(shape, name))
    # In a cycle a set comes again: then all have been seen.
    seen, earlier = {fan.source}, set[frozenset[str]]()
    while step and step not in earlier:
        yield step
        earlier.add(step)
        seen |= step
        after = {target for name in step for target in shape.edges.get(name, ())}
        after |= {end for starts, end in shape.joins if starts <= seen and starts & step}
        step = frozenset(name for name in after if _runs_at_once(shape, name))


def _runs_at_once(shape: Shape, name: str) -> bool:
    # A deferred node waits until no other node is left to run.
    return name in shape.parts and not shape.parts[name].spec.defer


def _common_keys(shape: Shape, step: frozenset[str]) -> dict[str, frozenset[str]]:
    """Map the keys that several nodes of a step write to these nodes."""
    writers: dict[str, set[str]] = {}
    for name in step:
        for key in _writes_one(shape, name):
            writers.setdefault(key, set()).add(name)
    return {key: frozenset(nodes) for key, nodes in writers.items() if len(nodes) > 1}


def _writes_one(shape: Shape, name: str) -> frozenset[str]:
    """List the keys that a node writes and that take one value a step."""
    keys = frozenset(key for key in shape.written(name).keys if shape.holds_one(key))
    if name not in shape.inner:
        return keys
    # A graph hands back what it was given, and there the same value twice is one.
    return frozenset(key for key in keys if not isinstance(shape.channels.get(key), Shared))


def _sent_often(shape: Shape) -> frozenset[str]:
    """List the nodes that get more than one `Send` from the same source, such as items."""
    items = {name for name in shape.parts if gets_items(shape, name)}
    moves = [branch.moves for branches in shape.branches.values() for branch in branches]
    moves += map(shape.moves, shape.parts)
    return frozenset(name for move in moves for name in move.repeated) | items


def unequal_joins(shape: Shape) -> Iterator[Finding]:
    """Find joins after branches of unequal length: they run once for each, unless deferred."""
    joins: dict[str, Finding] = {}
    for fan in fans(shape):
        candidates = {
            name: lengths
            for name in _meetings(shape)
            if (lengths := _unequal(shape, fan, name)) is not None
        }
        for name in _first_meetings(shape, fan, candidates):
            finding = _twice(shape, fan, name, candidates[name])
            if name not in joins or finding.level == "error":
                joins[name] = finding
    yield from joins.values()


def _meetings(shape: Shape) -> list[str]:
    """List the nodes that at least two nodes lead to."""
    counted = Counter(target for name in (START, *shape.parts) for target in shape.exits(name))
    return [name for name in shape.parts if counted[name] > 1]


def _twice(shape: Shape, fan: Fan, name: str, lengths: tuple[int, int]) -> Finding:
    certain = fan.certain and _unequal(shape, fan, name, certain=True) is not None
    level: Level = "error" if certain else "warning"
    return Finding(
        code="unequal-join",
        node=shape.at(name),
        fault=f"{name!r} is reached from {source_name(fan.source)} in {lengths[0]} and in "
        f"{lengths[1]} steps: it {'runs' if certain else 'may run'} twice.",
        remedy=f"Use add_node({name!r}, ..., defer=True), or one edge that waits for all: "
        f"add_edge([...], {name!r}).",
        level=level,
    )


def _unequal(shape: Shape, fan: Fan, name: str, *, certain: bool = False) -> tuple[int, int] | None:
    """Return two different numbers of steps from a fan to a node, if there are two."""
    # A deferred node waits for all branches; a way back to the source of the fan is no join.
    if shape.parts[name].spec.defer or name == fan.source:
        return None
    ways = [_lengths(shape, fan, start, name, certain=certain) for start in sorted(fan.targets)]
    for first, second in combinations(ways, 2):
        for pair in product(sorted(first), sorted(second)):
            if pair[0] != pair[1]:
                return min(pair), max(pair)
    return None


def _lengths(shape: Shape, fan: Fan, start: str, end: str, *, certain: bool) -> set[int]:
    """List the numbers of steps from a fan to a node by way of one of its targets."""
    lengths: set[int] = set()
    step = {start}
    # A longer way than there are nodes only goes round a cycle.
    for length in range(1, len(shape.parts) + 1):
        if end in step:
            lengths.add(length)
        step = {
            target
            for name in step - {end, fan.source}
            if _runs_at_once(shape, name)
            for target in (shape.edges.get(name, ()) if certain else shape.exits(name))
            if target != END
        }
    return lengths


def _first_meetings(
    shape: Shape, fan: Fan, candidates: dict[str, tuple[int, int]]
) -> Iterator[str]:
    """List the joins where the branches first meet; later joins only repeat them."""
    meetings: set[str] = set()
    for name in sorted(candidates, key=lambda name: (candidates[name], name)):
        if name in shape.reached(fan.targets, closed=frozenset(meetings)):
            meetings.add(name)
            yield name
