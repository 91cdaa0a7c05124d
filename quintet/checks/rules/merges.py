"""Merges of results that nobody gives, or that come too late."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from quintet.checks.finding import Finding, names
from quintet.checks.graph.fields import fields_of
from quintet.checks.graph.results import Results, results
from quintet.checks.graph.tree import Spot, Tree
from quintet.nodes import Merge, Worker


def unknown_sources(tree: Tree) -> Iterator[Finding]:
    """Find sources that never give a merge anything: a person is asked, or it does without."""
    given = results(tree)
    for spot, merge in tree.of(Merge):
        for source in merge.of:
            verdict = given.before(source, spot)
            if verdict == "never":
                yield _unknown(given, spot, merge, source)
            elif verdict == "late":
                late = names(*(each.at for each in given.givers[source]))
                yield Finding(
                    code="unknown-source",
                    node=spot.at,
                    fault=f"{spot.name!r} merges the result {source!r}, which only {late} gives, "
                    f"and no way leads from there to the merge: {_without(merge, source)}.",
                    remedy=f"Lead {late} to {spot.name!r}, or drop {source!r} from of=.",
                )
        yield from _unknown_fields(tree, spot, merge)


def _without(merge: Merge, source: str) -> str:
    """Say what a merge does where a source has given nothing."""
    if merge.requires is None or source in merge.requires:
        return "in every run a person is asked about that conflict"
    return "it goes on without it"


def _unknown(given: Results, spot: Spot, merge: Merge, source: str) -> Finding:
    close = get_close_matches(source, sorted(given.givers), n=1)
    is_node = source in spot.shape.parts
    what = "gives no result under its name" if is_node else "is no worker and no step of a plan"
    return Finding(
        code="unknown-source",
        node=spot.at,
        fault=f"{spot.name!r} merges the result {source!r}, and {source!r} {what}: "
        f"{_without(merge, source)}.",
        remedy=f"{f'Write {close[0]!r}' if close else 'Name a worker or a step id'} in of=.",
    )


def _unknown_fields(tree: Tree, spot: Spot, merge: Merge) -> Iterator[Finding]:
    """Find fields that no source's type has: they are never merged."""
    types = [w.contract.gives for s, w in tree.of(Worker) if s.name in merge.of]
    known = [fields_of(each) for each in types]
    if len(known) < len(merge.of) or None in known:
        return
    every = frozenset(name for few in known for name in few or ())
    for field in sorted(set(merge.fields) - every):
        close = get_close_matches(field, sorted(every), n=1)
        yield Finding(
            code="unknown-source",
            node=spot.at,
            fault=f"{spot.name!r} merges the field {field!r}, which no source gives "
            f"({names(*every)}).",
            remedy=f"{f'Write {close[0]!r}' if close else 'Name a field that they give'} in "
            "fields=.",
        )
