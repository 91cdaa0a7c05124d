"""Carry a run over to another graph by a migration, or say why no migration can."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import START

from quintet.nodes.core.call import Logic
from quintet.runs.thread import App
from quintet.runs.versions.fingerprint import inner_graphs
from quintet.runs.versions.held import Held
from quintet.runs.versions.judge import Difference
from quintet.runs.versions.known import FLAG
from quintet.runs.versions.migration import names_in
from quintet.runs.versions.rewrite import Rewriting
from quintet.state.record import canonical

Names = Mapping[str, str]


def impossible(
    new: Mapping[str, Any], names: Names, held: Held, values: Mapping[str, Any] | None
) -> list[Difference]:
    """List what a migration leaves of a run that its new graph could not go on with.

    Args:
        new: the fingerprint of the new graph.
        names: the new names of nodes by the old.
        held: the things that the run holds.
        values: the state's new values; None where the migration changes none.
    """
    problems = [
        *_nodes(new, names, held, ""),
        *_notes(held.stored.checkpoint["channel_values"], names),
    ]
    if values is None:
        return problems
    fields = new["fields"]
    problems += [
        Difference(at=f"field {key}", reason="the migration gives it, and it does not exist")
        for key in values
        if key not in fields
    ]
    return problems + [
        Difference(at=f"field {key}", reason="the migration does not give it, and it must be there")
        for key, about in fields.items()
        if about.get("required") and key not in values
    ]


def _nodes(new: Mapping[str, Any], names: Names, held: Held, path: str) -> Iterator[Difference]:
    for old, name in names.items():
        if "/" not in old and name not in new["nodes"]:
            reason = f"it is renamed to {name}, which this graph does not have"
            yield Difference(at=f"{path}{old}", reason=reason)
    for node in held.pending:
        # Nested graphs are migrated first, and a crash may have come after that.
        if names.get(node, node) not in (*new["nodes"], START) and node not in names:
            reason = "the run goes on at it, and no migration renames it"
            yield Difference(at=f"{path}{node}", reason=reason)
    for node in sorted(names.keys() & {node for node, _ in held.inner}):
        reason = "a nested graph is under way in it: it must keep its name"
        yield Difference(at=f"{path}{node}", reason=reason)
    for node in sorted(names.keys() & held.following):
        reason = "stored results are on a way that is known by it: it must keep its name"
        yield Difference(at=f"{path}{node}", reason=reason)
    for node, inner in held.inner:
        graph = new["inner"].get(node)
        if graph is not None:
            yield from _nodes(graph, names_in(names, node), inner, f"{path}{node}/")


def _notes(channels: Mapping[str, Any], names: Names) -> Iterator[Difference]:
    """Find renamed nodes in a run's plan and in its nodes' notes, by which these know others."""
    kept = channels.get("kept")
    notes: list[Any] = [channels.get("plan")]
    # A route that was taken only counts handoffs; nothing is found by its name again.
    notes += [{at: n} for at, n in kept.items() if at[:6] != "taken "] if kept else ()
    words = set(re.findall(r"[^\s\"/:|]+", canonical([note for note in notes if note])))
    for node in sorted(names.keys() & words):
        reason = "notes of the run know it by its name, which it must keep"
        yield Difference(at=node, reason=reason)


def rename_inside(
    saver: BaseCheckpointSaver[Any], app: App, held: Held, names: Names, digest: str
) -> Logic[bool]:
    """Rename nodes in the nested graphs of a run, each in its own newest checkpoint.

    Args:
        saver: the checkpointer that keeps them.
        app: the new graph around them.
        held: the things that the run holds.
        names: the new names of nodes by the old.
        digest: the digest of the outermost new graph.

    Returns:
        True where there were any to rename.
    """
    renamed = False
    graphs = dict(inner_graphs(app))
    for node, inner in held.inner:
        within = names_in(names, node)
        if not within or node not in graphs:
            continue
        yield from rename_inside(saver, graphs[node], inner, within, digest)
        own = {old: new for old, new in within.items() if "/" not in old}
        # Where a crash came after it, it is renamed already: two names may have been exchanged.
        if own and (inner.stored.metadata or {}).get(FLAG) != digest:
            rewriting = Rewriting(app=graphs[node], names=own)
            yield from rewriting.put(saver, inner.stored, digest)
        renamed = True
    return renamed
