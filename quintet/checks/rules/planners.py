"""Find planners whose steps do not come back, go to nobody, or clash with those of another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from langgraph.graph import END

from quintet.checks.finding import Finding, names, target_names
from quintet.checks.graph.tree import Spot, Tree
from quintet.checks.rules.namesakes import at_once, write_one_key
from quintet.checks.source.plans import steps_of
from quintet.nodes import Finish, Manager, Planner, Worker
from quintet.state import Plan


def plans(tree: Tree) -> Iterator[Finding]:
    """Look at each planner: whether it is deferred, who takes its steps, whether they come back."""
    for spot, planner in _planners(tree):
        if not spot.part.spec.defer:
            yield Finding(
                code="hasty-planner",
                node=spot.at,
                fault=f"{spot.name!r} is a {type(planner).__name__} without defer=True: it looks "
                "again as soon as one step is back, and takes those under way for missing.",
                remedy=f"Use add_node({spot.name!r}, ..., defer=True).",
            )
        yield from _strangers(spot, planner)
        yield from _refused(spot, planner)
        yield from _lost_steps(tree, spot)


def _planners(tree: Tree) -> list[tuple[Spot, Planner | Manager]]:
    return [*tree.of(Planner), *tree.of(Manager)]


def _strangers(spot: Spot, planner: Planner | Manager) -> Iterator[Finding]:
    """Find steps for a node that is not an assignee: the plan is refused when it is made."""
    assigned = {name for step in steps_of(planner).steps for name in step.assignee.texts}
    for name in sorted(assigned - set(planner.assignees)):
        yield Finding(
            code="unknown-assignee",
            node=spot.at,
            fault=f"A step of {spot.name!r} is for {name!r}, which is not among its assignees "
            f"({names(*planner.assignees)}): the plan is refused.",
            remedy=f"Add {name!r} to assignees=, or give the step to one of them.",
        )


def _refused(spot: Spot, planner: Planner | Manager) -> Iterator[Finding]:
    """Find a template that no run can follow, whatever is in its state.

    Strangers and unmet needs are told for themselves, and `allow` is not called.
    """
    if not isinstance(planner, Planner) or not isinstance(planner.make, Plan):
        return
    plan = planner.make
    needs = [worker.contract.required for worker in planner.crew.workers.values()]
    assigned = {name for step in steps_of(planner).steps for name in step.assignee.texts}
    takers = tuple(dict.fromkeys((*planner.assignees, *sorted(assigned))))
    given = dict.fromkeys((name for needed in needs for name in needed), True)
    making = replace(planner, assignees=takers, allow=None).making
    budget = plan.budget.within(planner.budget)
    for complaint in making.complaints(plan.goal, plan.steps, budget, given, None):
        yield Finding(
            code="refused-plan",
            node=spot.at,
            fault=f"The plan of {spot.name!r} is refused in every run: {complaint}.",
            remedy="Change the plan, or what the Planner is given with it.",
        )


def _lost_steps(tree: Tree, spot: Spot) -> Iterator[Finding]:
    """Find nodes that take a step and do not lead back, by an edge or with the step itself."""
    shape = spot.shape
    for name in sorted(shape.crews[spot.name]):
        after = tree.into(shape, name)
        if spot not in after.spots and not after.open:
            ends = target_names(shape.follows(name))
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
    """List the plain edges beside the one to the planner that never lead back to it."""
    shape = spot.shape
    edges = shape.edges.get(name, frozenset())
    if spot.name not in edges:
        return []
    # END beside the edge back starts no node, so that it does no harm.
    trails = {name: tree.into(shape, name) for name in sorted(edges - {spot.name, END})}
    return [name for name, trail in trails.items() if spot not in trail.spots and not trail.open]


def shared_plans(tree: Tree) -> Iterator[Finding]:
    """Find planners that meet in a run and clash, by the ids of their steps or by their crew."""
    for (spot, first), (other, second) in combinations(_planners(tree), 2):
        inside = _inside(tree, spot, other) or _inside(tree, other, spot)
        met = inside or _follows(tree, spot, first, other) or _follows(tree, other, second, spot)
        same_key = write_one_key(tree, spot, other, "results")
        if not same_key or not (met or at_once(tree, spot, other)):
            continue
        ours, theirs = steps_of(first).ids, steps_of(second).ids
        common = ours.texts & theirs.texts
        certain = [*_mixed(spot, other), *_without_result(tree, spot, other)]
        yield from certain
        if common or not (certain or inside or (ours.complete and theirs.complete)):
            yield _same_ids(spot, other, common)


def _inside(tree: Tree, spot: Spot, other: Spot) -> bool:
    """Tell whether another planner runs in a step of this one."""
    shape = spot.shape
    within = (*shape.within, tree.outer_node(other, shape))
    return other.shape.within[: len(within)] == within and within[-1] in shape.crews[spot.name]


def _follows(tree: Tree, spot: Spot, planner: Planner | Manager, other: Spot) -> bool:
    """Tell whether another planner runs after the plan of this one."""
    ends = (planner.then, planner.otherwise)
    return any(other in tree.into(spot.shape, name).spots for name in ends)


def _same_ids(spot: Spot, other: Spot, common: frozenset[str]) -> Finding:
    who = names(spot.at, other.at)
    reason = "a model or a function names their steps"
    if common:
        reason = f"both have a step {names(*common)}"
    return Finding(
        code="shared-plan",
        node=other.at,
        fault=f"{who} are Planners that may run in one run, and {reason}: a step by the id of "
        "another's is refused, or judged by the other's result.",
        remedy="Give the steps of each planner ids of their own, or keep one Planner.",
        level="error" if common else "warning",
    )


def _mixed(spot: Spot, other: Spot) -> Iterator[Finding]:
    """Find nodes that take steps of both planners, but go back to one of them by a plain edge."""
    if spot.shape is not other.shape:
        return
    shape, planners = spot.shape, {spot.name, other.name}
    for name in sorted(shape.crews[spot.name] & shape.crews[other.name]):
        if back := shape.edge_targets(name) & planners:
            yield Finding(
                code="shared-plan",
                node=shape.at(name),
                fault=f"{name!r} takes steps of {names(*planners)}, and its edge to "
                f"{names(*back)} is followed after each: a planner waits for ever for its step, or "
                "looks before it has come back.",
                remedy="Give Worker(then=...) in place of the edge, which goes back to whoever "
                "sent the step, or give each planner assignees of its own.",
            )


def _without_result(tree: Tree, first: Spot, other: Spot) -> Iterator[Finding]:
    """Find a plan inside a step of another plan that gives no result for that step."""
    for spot, inner in ((first, other), (other, first)):
        place = tree.outer_node(inner, spot.shape)
        within = (*spot.shape.within, place)
        inside = [node for node in tree.spots if node.shape.within[: len(within)] == within]
        if _inside(tree, spot, inner) and not any(_answers(tree, node) for node in inside):
            yield Finding(
                code="shared-plan",
                node=inner.at,
                fault=f"{inner.at!r} plans within a step of {spot.at!r}, and its steps give "
                "results under their own ids: the step itself has none, and is planned again.",
                remedy=f"Lead its plan to a Worker or a Finish inside {place!r}: by these a graph "
                "answers its step.",
            )


def _answers(tree: Tree, spot: Spot) -> bool:
    """Tell whether a node may give a result for the step that its graph was sent."""
    if isinstance(spot.action, Finish):
        return True
    if isinstance(spot.action, Worker):
        return spot.name in tree.entries(spot.shape).named
    return not spot.part.is_ours
