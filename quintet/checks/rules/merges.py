"""Find merges of results that never come, or too late, joins of no branch, and idle races."""

from __future__ import annotations

from collections.abc import Iterator

from quintet.checks.finding import Finding, correction, names
from quintet.checks.graph.fields import source_fields
from quintet.checks.graph.part import Part
from quintet.checks.graph.results import Results, results
from quintet.checks.graph.tree import Spot, Tree
from quintet.nodes import FanOut, Join, Merge
from quintet.nodes.branch import Branch


def unknown_sources(tree: Tree) -> Iterator[Finding]:
    """Find sources that never give a merge a result: a person is asked, or it does without."""
    available = results(tree)
    for spot, merge in tree.of(Merge):
        for source in merge.of:
            verdict = available.before(source, spot)
            if verdict == "never":
                yield _unknown(available, spot, merge, source)
            elif verdict == "late":
                late = names(*(giver.at for giver in available.givers[source]))
                yield Finding(
                    code="unknown-source",
                    node=spot.at,
                    fault=f"{spot.name!r} merges the result {source!r}, which only {late} gives, "
                    f"and no way leads from there to the merge: {_without(merge, source)}.",
                    remedy=f"Lead {late} to {spot.name!r}, or drop {source!r} from of=.",
                )
        yield from _unknown_fields(tree, spot, merge)


def unknown_branches(tree: Tree) -> Iterator[Finding]:
    """Find joins of branches that there are not: one of which nothing is heard counts as done."""
    for spot, join in tree.of(Join):
        for branch in join.of:
            if branch not in spot.shape.parts:
                remedy = correction(branch, spot.shape.parts, "Name a node")
                yield Finding(
                    code="unknown-source",
                    node=spot.at,
                    fault=f"{spot.name!r} joins the branch {branch!r}, and no node has that name: "
                    "it counts as one that has ended well.",
                    remedy=f"{remedy} in of=.",
                )


def uncut_branches(tree: Tree) -> Iterator[Finding]:
    """Find joins that the first results decide, and branches that neither tell nor hear of it."""
    for spot, join in tree.of(Join):
        if not join.results:
            continue
        parts = spot.shape.parts
        branches = join.of or [name for name in parts if spot.name in spot.shape.exits(name)]
        uncut = [
            name
            for name in branches
            if name in parts and name != spot.name and not _takes_part(parts[name], spot, join)
        ]
        if uncut:
            yield Finding(
                code="idle-join",
                node=spot.at,
                fault=f"{spot.name!r} is decided by {join.need!r}, but {names(*uncut)} "
                f"{'is' if len(uncut) == 1 else 'are'} not told: nobody is cut off, the join waits "
                "for all, and all results count.",
                remedy=f"Use create_parallel(..., join={join.need!r}), which gives each branch its "
                "part, or need='all'.",
            )


def _takes_part(part: Part, spot: Spot, join: Join) -> bool:
    branch = getattr(part.runnable, "branch", None)
    if not isinstance(branch, Branch):  # these lead to the join, and are no branches of it
        return part.spec.is_error_handler or isinstance(part.runnable, FanOut)
    return (branch.join, branch.need) == (spot.name, join.results)


def _without(merge: Merge, source: str) -> str:
    """Say what a merge does about a source that has given no result."""
    if merge.requires is None or source in merge.requires:
        return "in every run a person is asked about that conflict"
    return "it goes on without it"


def _unknown(available: Results, spot: Spot, merge: Merge, source: str) -> Finding:
    remedy = correction(source, available.givers, "Name a worker or a step id")
    is_node = source in spot.shape.parts
    problem = "gives no result under its name" if is_node else "is no worker and no step of a plan"
    return Finding(
        code="unknown-source",
        node=spot.at,
        fault=f"{spot.name!r} merges the result {source!r}, and {source!r} {problem}: "
        f"{_without(merge, source)}.",
        remedy=f"{remedy} in of=.",
    )


def _unknown_fields(tree: Tree, spot: Spot, merge: Merge) -> Iterator[Finding]:
    """Find fields of a merge that no type of its sources has: they are never merged."""
    known = source_fields(tree, merge)
    if known is None:
        return
    for field in sorted(set(merge.fields) - known):
        remedy = correction(field, known, "Name a field that they give")
        yield Finding(
            code="unknown-source",
            node=spot.at,
            fault=f"{spot.name!r} merges the field {field!r}, which no source gives "
            f"({names(*known)}).",
            remedy=f"{remedy} in fields=.",
        )
