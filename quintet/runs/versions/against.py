"""Say what a changed graph would do to the runs that a database holds, without moving them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from langgraph.checkpoint.base import CheckpointTuple
from langgraph.graph import StateGraph

from quintet.errors import GraphChanged, RunError
from quintet.nodes.core.call import drive
from quintet.runs.thread import App
from quintet.runs.versions.choose import Versions, choose, difference_of
from quintet.runs.versions.fingerprint import digest_of, fingerprint
from quintet.runs.versions.held import is_open
from quintet.runs.versions.known import graph_by, known_graph
from quintet.state.checkpointer import threads
from quintet.state.savers.saver import Saver

Verdict = Literal["breaks", "migrates", "compatible", "pinned", "same", "unknown"]

UNNAMED = "LangGraph"
"""The name of a graph that was compiled without one."""


@dataclass(frozen=True, kw_only=True)
class Impact:
    """Say what a changed graph means for one run.

    Args:
        thread: the run's thread.
        status: `waiting` or `unfinished`.
        verdict: `breaks`, `migrates`, `compatible`, `pinned`, `same`, or `unknown` where nobody
            wrote down with which graph the run was begun, and its nodes are all there.
        reasons: a line for each difference that matters.
    """

    thread: str
    status: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()


def impacts(graph: Any, saver: Saver) -> tuple[list[Impact], int]:
    """Judge the open runs of a database by a graph that shall go on with them.

    Args:
        graph: a StateGraph, a compiled graph, or versions from `pinned`.
        saver: the database's checkpointer.

    Returns:
        The runs of this graph, and the number of open runs that are of others.
    """
    versions = _on(graph, saver)
    found: list[Impact] = []
    others = 0
    for thread in threads(saver):
        stored = saver.get_tuple({"configurable": {"thread_id": thread, "checkpoint_ns": ""}})
        if stored is None or not is_open(stored):
            continue
        if _is_of(versions, saver, stored):
            found.append(_impact(versions, saver, stored, thread))
        else:
            others += 1
    return found, others


def _on(graph: Any, saver: Saver) -> Versions:
    """Compile a graph, or versions of one, on a database."""
    given = graph.apps if isinstance(graph, Versions) else (graph,)
    apps: list[App] = []
    for each in given:
        builder = each if isinstance(each, StateGraph) else each.builder
        name = None if isinstance(each, StateGraph) else each.name
        apps.append(builder.compile(checkpointer=saver, name=name))
    migrations = graph.migrations if isinstance(graph, Versions) else ()
    return Versions(apps=tuple(apps), migrations=migrations)


def _is_of(versions: Versions, saver: Saver, stored: CheckpointTuple) -> bool:
    """Say whether a run is of this graph: by its name where it has one, else by its nodes."""
    known = drive(known_graph(saver, stored))
    name = versions.newest.name
    if UNNAMED not in (known.name or UNNAMED, name):
        return known.name == name
    old = drive(graph_by(saver.journal, known.graph)) if known.graph else None
    seen = stored.checkpoint["versions_seen"]
    nodes = {node for node in seen if not node.startswith("__")} if old is None else old["nodes"]
    # An old name that a migration gives up is this graph's as well.
    own = {name for migration in versions.migrations for name in migration.rename}
    return not nodes or any(
        set(nodes) & (own | fingerprint(app)["nodes"].keys()) for app in versions.apps
    )


def _impact(versions: Versions, saver: Saver, stored: CheckpointTuple, thread: str) -> Impact:
    writes = stored.pending_writes or ()
    asks = any(channel == "__interrupt__" and value for _, channel, value in writes)
    status = "waiting" if asks else "unfinished"
    known = drive(known_graph(saver, stored)).graph
    about: dict[str, Any] = {"thread": thread, "status": status}
    try:
        chosen = drive(choose(versions, stored.config))
    except GraphChanged as problem:
        verdict: Verdict = "migrates" if problem.migrates else "breaks"
        return Impact(**about, verdict=verdict, reasons=problem.differences)
    except RunError as problem:
        return Impact(**about, verdict="breaks", reasons=(str(problem),))
    if not known:
        return Impact(**about, verdict="unknown")
    digest = digest_of(chosen.app)
    if digest == known:
        same = chosen.app is versions.newest
        return Impact(**about, verdict="same" if same else "pinned")
    reasons = drive(difference_of(chosen.app, saver, stored, known))
    return Impact(**about, verdict="compatible", reasons=tuple(map(str, reasons)))
