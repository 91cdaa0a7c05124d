"""Find two parts that use one name or one key of the state, and replace each other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from quintet.checks.finding import Finding, names
from quintet.checks.graph.fields import source_fields
from quintet.checks.graph.sameness import differences, same
from quintet.checks.graph.shape import Shape
from quintet.checks.graph.tree import Spot, Tree
from quintet.checks.rules.parallel import fans
from quintet.nodes import Act, ApprovalGate, Effect, Manager, Merge, Planner, Worker


def shared_merges(tree: Tree) -> Iterator[Finding]:
    """Find merges that write the same field: the later one wins without a decision."""
    for (spot, first), (other, second) in combinations(tree.of(Merge), 2):
        if not (write_one_key(tree, spot, other, "merged") and _may_meet(tree, spot, other)):
            continue
        ours, theirs = _fields(tree, first), _fields(tree, second)
        common = None if ours is None or theirs is None else ours & theirs
        if common is None or common:
            written = f"the field {names(*common)}" if common else "what they merge"
            yield Finding(
                code="shared-name",
                node=other.at,
                fault=f"{names(spot.at, other.at)} may run in one run, and both write {written} to "
                "'merged': the later one replaces what the first has merged.",
                remedy="Give each fields=... of its own, or merge all sources in one Merge.",
                level="error" if common else "warning",
            )


def _fields(tree: Tree, merge: Merge) -> frozenset[str] | None:
    """List the fields that a merge writes; None where they are not known."""
    return frozenset(merge.fields) if merge.fields else source_fields(tree, merge)


def shared_gates(tree: Tree) -> Iterator[Finding]:
    """Find gates with one name and other settings: an approval of one counts for the other."""
    for (spot, first), (other, second) in combinations(tree.of(ApprovalGate), 2):
        unlike = differences(first, second)
        if first.name == second.name and unlike:
            yield Finding(
                code="shared-name",
                node=other.at,
                fault=f"{names(spot.at, other.at)} are two gates of the name {first.name!r} that "
                f"differ in {names(*unlike)}: an approval of one is taken for the other's.",
                remedy="Give each ApprovalGate(name=...) of its own.",
            )


def shared_effects(tree: Tree) -> Iterator[Finding]:
    """Find different effects of one name: an Act runs its own, whichever was proposed."""
    seen: dict[str, tuple[Spot, Effect]] = {}
    reported: set[str] = set()
    for spot in tree.spots:
        node = spot.action
        for effect in node.effects if isinstance(node, Worker | Act) else ():
            first_spot, first = seen.setdefault(effect.name, (spot, effect))
            if effect.name in reported or same(first, effect):
                continue
            reported.add(effect.name)
            yield Finding(
                code="shared-name",
                node=spot.at,
                fault=f"{names(first_spot.at, spot.at)} have different effects of the name "
                f"{effect.name!r}: what one proposes, the other's function would do.",
                remedy="Declare the effect once and give it to both, or rename one function.",
            )


def shadowed_results(tree: Tree) -> Iterator[Finding]:
    """Find workers named like a key of the state that a contract needs: it may get either."""
    workers = tree.of(Worker)
    for spot, _ in workers:
        asking = [
            other.name
            for other, worker in workers
            if other.shape is spot.shape
            and worker.read is None
            and other.name in tree.entries(spot.shape).named
            and spot.name in (*worker.contract.required, *worker.contract.optional)
            and spot.name in other.shape.sees(other.name)
        ]
        if asking:
            yield Finding(
                code="shared-name",
                node=spot.at,
                fault=f"{spot.name!r} is a worker and a key of the state, and the contract of "
                f"{names(*asking)} needs {spot.name!r}: it gets the worker's result once there is "
                "one, and the state's value before that.",
                remedy="Rename the node or the key.",
                level="warning",
            )


def nested_results(tree: Tree) -> Iterator[Finding]:
    """Find a worker named like one in a subgraph: the later result stands in the other's place."""
    for (spot, _), (other, _) in combinations(tree.of(Worker), 2):
        outer, inner = sorted((spot, other), key=lambda one: len(one.shape.within))
        within = outer.shape.within
        if (
            outer.name == inner.name
            and within != inner.shape.within
            and inner.shape.within[: len(within)] == within
            and write_one_key(tree, outer, inner, "results")
            and not any(_names_steps(spot.shape) for spot in (outer, inner))
            and _may_meet(tree, outer, inner)
        ):
            yield Finding(
                code="shared-name",
                node=inner.at,
                fault=f"{names(outer.at, inner.at)} may run in one run, and both have their "
                f"result under {outer.name!r}: the later one hides the other.",
                remedy="Rename one, or give the subgraph as the agent of a Worker.",
                level="warning",
            )


def _names_steps(shape: Shape) -> bool:
    """Tell whether a graph's workers have their results under the names of a plan's steps."""
    return any(isinstance(part.action, Planner | Manager) for part in shape.parts.values())


def write_one_key(tree: Tree, first: Spot, other: Spot, key: str) -> bool:
    """Tell whether two nodes write the same key, though perhaps in different subgraphs."""
    outer = tree.common_graph(first, other)
    return all(_hands_on(tree, spot, outer.within, key) for spot in (first, other))


def _hands_on(tree: Tree, spot: Spot, within: tuple[str, ...], key: str) -> bool:
    shape = spot.shape
    # A subgraph writes a key to the graph around it only if its output has the key.
    while shape.within != within:
        if key not in shape.builder.schemas.get(shape.builder.output_schema, ()):
            return False
        shape = tree.shapes[shape.within[:-1]]
    return key in shape.channels


def _may_meet(tree: Tree, spot: Spot, other: Spot) -> bool:
    """Tell whether two nodes may run in one run: one after the other, or at once."""
    if other in tree.after(spot).spots or spot in tree.after(other).spots:
        return True
    return at_once(tree, spot, other)


def at_once(tree: Tree, spot: Spot, other: Spot) -> bool:
    """Tell whether two nodes are on two ways that a run takes at once."""
    shape = tree.common_graph(spot, other)
    node, other_node = tree.outer_node(spot, shape), tree.outer_node(other, shape)
    for fan in (candidate for candidate in fans(shape) if candidate.certain):
        reached = {name: _reached(shape, name) for name in fan.targets}
        # One target that alone leads to both nodes runs them one after the other.
        first = {name for name, nodes in reached.items() if node in nodes}
        second = {name for name, nodes in reached.items() if other_node in nodes}
        if first and second and len(first | second) > 1:
            return True
    return False


def _reached(shape: Shape, name: str) -> frozenset[str]:
    return frozenset(shape.reached(frozenset({name})))
