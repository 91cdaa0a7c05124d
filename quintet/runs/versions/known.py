"""Write down with which graph a run is moved, and read it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple

from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.standing import RUNNER
from quintet.runs.thread import App, thread_of
from quintet.runs.versions.fingerprint import digest_of, fingerprint
from quintet.state.journal.entry import Entry, Journal
from quintet.state.savers.saver import Saver

SUBJECT = "run"

FLAG = "quintet_graph"
"""The key in a checkpoint's metadata of the graph for which the checkpoint was rewritten."""

_kept: WeakKeyDictionary[Journal, set[str]] = WeakKeyDictionary()


def note_move(
    app: App, config: RunnableConfig, move: str, *, run: str = "", after: str = ""
) -> Logic[None]:
    """Write down that a run is moved now, and with which graph.

    Args:
        app: the graph.
        config: the run's configuration.
        move: `start`, `resume` or `answer`.
        run: the run's id, where it has one.
        after: the id of the checkpoint that it goes on from; empty on a new thread.
    """
    saver = app.checkpointer
    if not isinstance(saver, Saver):
        return  # others keep no journal; such a run is judged by its checkpoint alone
    yield from keep_graph(saver.journal, app)
    about = {"graph": digest_of(app), "name": app.name, "run": run, "runner": RUNNER}
    value = {**about, "move": move, "after": after}
    yield Call(saver.journal.append, (thread_of(config), SUBJECT, "moved", value), blocks=True)


def note_migrating(
    journal: Journal, stored: CheckpointTuple, old: str, new: str, *, inside: bool = False
) -> Logic[None]:
    """Write down that a checkpoint is about to be rewritten for another graph.

    Args:
        journal: the journal of its database.
        stored: the checkpoint.
        old: the digest of the graph that it is of.
        new: the digest of the graph that it shall be of.
        inside: whether nodes of nested graphs are renamed, in checkpoints of their own.
    """
    ids = stored.config["configurable"]
    value = {"from": old, "to": new, "at": ids["checkpoint_id"], "inside": inside}
    yield Call(journal.append, (str(ids["thread_id"]), SUBJECT, "migrating", value), blocks=True)


def note_copy(journal: Journal, thread: str, to: str, until: float) -> None:
    """Write down for a copied thread which graph had moved the old one at that time."""
    moved = [e for e in journal.read(thread, SUBJECT) if e.kind == "moved" and e.at <= until]
    if moved:
        journal.append(to, SUBJECT, "moved", {**moved[-1].value, "move": "fork", "after": ""})


def keep_graph(journal: Journal, app: App) -> Logic[None]:
    """Keep a graph's fingerprint in the journal, once."""
    digest = digest_of(app)
    kept = _kept.setdefault(journal, set())
    if digest not in kept:
        about = ("", f"graph {digest}", "kept", fingerprint(app))
        yield Call(journal.append, about, options={"position": 0}, blocks=True)
        kept.add(digest)


def graph_by(journal: Journal, digest: str) -> Logic[Mapping[str, Any] | None]:
    """Give the fingerprint of a digest; None where the journal does not have it."""
    entries: tuple[Entry, ...] = yield Call(journal.read, ("", f"graph {digest}"), blocks=True)
    return entries[0].value if entries else None


@dataclass(frozen=True, kw_only=True)
class Known:
    """Name the graph that moved a run last, as it was written down.

    Args:
        graph: its digest; empty where nobody wrote it down.
        half: the digest of another graph, to which the run's nested graphs were being migrated
            when the process ended; empty where none was.
        name: the graph's name.
    """

    graph: str = ""
    half: str = ""
    name: str = ""


def known_graph(saver: Saver, stored: CheckpointTuple) -> Logic[Known]:
    """Give the graph that moved a run last."""
    ids = stored.config["configurable"]
    thread = str(ids["thread_id"])
    heads: dict[str, Entry] = yield Call(saver.journal.heads, (thread, (SUBJECT,)), blocks=True)
    last = heads.get(SUBJECT)
    flag = (stored.metadata or {}).get(FLAG)
    if flag or last is None:
        return Known(graph=str(flag or ""), name=str(last.value.get("name", "")) if last else "")
    digest = yield from _graph_of(saver, stored, last)
    if digest:
        return Known(graph=digest, name=str(last.value.get("name", "")))
    half = last.kind == "migrating" and last.value["inside"] and last.value["at"]
    to = str(last.value["to"]) if half == ids["checkpoint_id"] else ""
    # A crash came between the entry and the checkpoint that it tells of: earlier ones count.
    entries: tuple[Entry, ...] = yield Call(saver.journal.read, (thread, SUBJECT), blocks=True)
    for entry in reversed(entries[:-1]):
        digest = yield from _graph_of(saver, stored, entry)
        if digest:
            return Known(graph=digest, half=to, name=str(entry.value.get("name", "")))
    return Known()


def _graph_of(saver: Saver, stored: CheckpointTuple, entry: Entry) -> Logic[str]:
    """Give the graph that an entry tells of; empty where the entry came to nothing."""
    value, ids = entry.value, stored.config["configurable"]
    if entry.kind == "moved":
        begun = value["move"] != "start" or value["after"] != ids["checkpoint_id"]
        return str(value["graph"]) if begun else ""
    if entry.kind != "migrating":
        return ""
    config: RunnableConfig = {"configurable": {**ids, "checkpoint_id": value["at"]}}
    rewritten: CheckpointTuple | None = yield Call(
        saver.get_tuple, (config,), awaitable=saver.aget_tuple
    )
    applied = rewritten is not None and (rewritten.metadata or {}).get(FLAG) == value["to"]
    return str(value["to"]) if applied else ""
