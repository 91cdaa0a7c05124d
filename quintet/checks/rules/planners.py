"""Planners whose steps do not come back to them, or go to nobody."""

from __future__ import annotations

from collections.abc import Iterator

from langgraph.graph import END

from quintet.checks.finding import Finding, names
from quintet.checks.graph.tree import Spot, Tree
from quintet.checks.source.plans import steps_of
from quintet.nodes import Planner


def plans(tree: Tree) -> Iterator[Finding]:
    """Look at each planner: when it looks again, who takes its steps, whether they come back."""
    for spot, planner in tree.of(Planner):
        if not spot.part.spec.defer:
            yield Finding(
                code="hasty-planner",
                node=spot.at,
                fault=f"{spot.name!r} is a Planner without defer=True: it looks again as soon as "
                "one step is back, and takes those under way for missing.",
                remedy=f"Use add_node({spot.name!r}, ..., defer=True).",
            )
        yield from _strangers(spot, planner)
        yield from _lost(tree, spot)


def _strangers(spot: Spot, planner: Planner) -> Iterator[Finding]:
    """Find steps for somebody who is no assignee: the plan is refused when it is made."""
    taken = {name for step in steps_of(planner).steps for name in step.assignee.texts}
    for name in sorted(taken - set(planner.assignees)):
        yield Finding(
            code="unknown-assignee",
            node=spot.at,
            fault=f"A step of {spot.name!r} is for {name!r}, which is not among its assignees "
            f"({names(*planner.assignees)}): the plan is refused.",
            remedy=f"Add {name!r} to assignees=, or give the step to one of them.",
        )


def _lost(tree: Tree, spot: Spot) -> Iterator[Finding]:
    """Find who takes a step and does not lead back, by an edge or by the step itself."""
    shape = spot.shape
    for name in sorted(shape.crews[spot.name]):
        after = tree.into(shape, name)
        if spot not in after.spots and not after.open:
            ends = sorted("END" if each == END else each for each in shape.follows(name))
            where = f"goes to {names(*ends)}" if ends else "ends there"
            yield Finding(
                code="lost-step",
                node=shape.at(name),
                fault=f"{name!r} takes steps of {spot.name!r} and has no way back to it: after "
                f"its step the run {where}, and the rest of the plan is never done.",
                remedy=f"Add add_edge({name!r}, {spot.name!r}), or give Worker(then=...).",
            )
        elif leaving := _leaving(tree, spot, name):
            yield Finding(
                code="lost-step",
                node=shape.at(name),
                fault=f"{name!r} takes steps of {spot.name!r}, and its edge to {names(*leaving)} "
                "is followed after each step as well: the run ends before the plan does.",
                remedy="Remove that edge; give Planner(then=...) what comes after the plan.",
            )


def _leaving(tree: Tree, spot: Spot, name: str) -> list[str]:
    """Tell where a plain edge leads beside the one to the planner, never to come back."""
    shape = spot.shape
    edges = shape.edges.get(name, frozenset())
    if spot.name not in edges:
        return []
    others = sorted(edges - {spot.name, END})
    trails = {each: tree.into(shape, each) for each in others}
    return [each for each in others if spot not in trails[each].spots and not trails[each].open]
