"""Carry a run over to another graph by a migration, or say why no migration can."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import START
from langgraph.types import StateSnapshot

from quintet.nodes.core.call import Logic
from quintet.runs.tasks import tasks_of
from quintet.runs.thread import App, snapshot_of
from quintet.runs.versions.fingerprint import fingerprint, inner_graphs
from quintet.runs.versions.held import Held
from quintet.runs.versions.judge import Difference
from quintet.runs.versions.known import FLAG
from quintet.runs.versions.migration import names_in
from quintet.runs.versions.rewrite import RESERVED, Rewriting
from quintet.state.channels import OfRun
from quintet.state.record import canonical

Names = Mapping[str, str]


def impossible(
    app: App, names: Names, held: Held, values: Mapping[str, Any] | None
) -> list[Difference]:
    """List what a migration leaves of a run that its new graph could not go on with.

    Args:
        app: the new graph.
        names: the new names of nodes by the old.
        held: the things that the run holds.
        values: the state's new values; None where the migration changes none.
    """
    new = fingerprint(app)
    problems = [
        *_nodes(new, names, held, ""),
        *_notes(held.stored.checkpoint["channel_values"], names),
    ]
    if values is None:
        return problems
    fields = new["fields"]
    problems += _records(app, held, values)
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


def _records(app: App, held: Held, values: Mapping[str, Any]) -> Iterator[Difference]:
    """Find our records that a migration drops, or that it gives as what they are not.

    An action that nobody finds any more is never done, and the run ends well all the same.
    """
    for key, channel in app.channels.items():
        if not isinstance(channel, OfRun) or key in RESERVED:
            continue
        if key in held.keys and values.get(key) is None:
            reason = "the migration drops it, and the run goes by it: return {**values, ...}"
            yield Difference(at=f"field {key}", reason=reason)
        kind, called = channel.kind() or (object, "anything")
        if not isinstance(values.get(key), NoneType | kind):
            reason = f"the migration gives {values[key]!r:.60}, and it holds {called}"
            yield Difference(at=f"field {key}", reason=reason)


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
    yield from _known_by_name(names, held, path)
    yield from _merged(names, held, path)
    for node, inner in held.inner:
        graph = new["inner"].get(node)
        if graph is not None:
            yield from _nodes(graph, names_in(names, node), inner, f"{path}{node}/")


def _known_by_name(names: Names, held: Held, path: str) -> Iterator[Difference]:
    """Find renamed nodes that what is stored of a superstep under way is known by."""
    reasons = {
        "a nested graph is under way in it": {node for node, _ in held.inner},
        "stored results are on a way that is known by it": held.following,
        # Of the outermost graph, `results_left` can tell which.
        "stored results may be its": {*held.pending} if path and held.results else (),
    }
    for reason, nodes in reasons.items():
        for node in sorted(names.keys() & set(nodes)):
            yield Difference(at=f"{path}{node}", reason=f"{reason}: it must keep its name")


def _merged(names: Names, held: Held, path: str) -> Iterator[Difference]:
    """Find renamed nodes that would become one with another, which the run knows apart."""
    known = {*held.ran, *held.pending}
    for node in sorted(known & names.keys()):
        for other in sorted(known - {node}):
            if names.get(other, other) == names[node]:
                reason = f"it and {other} would both be {names[node]}; the run knows them apart"
                yield Difference(at=f"{path}{node}", reason=reason)


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


def results_left(
    app: App, config: RunnableConfig, names: Names, held: Held
) -> Logic[list[Difference]]:
    """List renamed nodes that have stored results: under a new name they would run once more.

    Args:
        app: the new graph.
        config: the run's configuration.
        names: the new names of nodes by the old.
        held: the things that the run holds.
    """
    renamed = sorted(names.keys() & set(held.pending))
    if not renamed or not held.results:
        return []
    # The writes of a task name no node; but nodes that keep their names have the same tasks.
    snapshot: StateSnapshot = yield snapshot_of(app, config)
    ids = {task.id for task in snapshot.tasks}
    if all(task.id in ids for task in tasks_of(held.stored.pending_writes or ()) if task.output):
        return []
    reason = "results of the superstep under way are stored and known by it: it must keep its name"
    return [Difference(at=", ".join(renamed), reason=reason)]


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
