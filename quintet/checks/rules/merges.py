"""Find merges of results that no node gives, or that come too late, and joins of no branch."""

from __future__ import annotations

from collections.abc import Iterator

from quintet.checks.finding import Finding, correction, names
from quintet.checks.graph.fields import source_fields
from quintet.checks.graph.results import Results, results
from quintet.checks.graph.tree import Spot, Tree
from quintet.nodes import Join, Merge


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
