"""Stop graphs, tenants, threads and effects at once, for all processes of a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver

from quintet.errors import DesignError, RunError
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.guards import whose
from quintet.runs.thread import App, thread_of
from quintet.state.checkpointer import checkpointer
from quintet.state.journal.entry import Journal
from quintet.state.stopping import SCOPES, START, Scope, refuse_stopped, stream_of, thing_of

Where = str | BaseCheckpointSaver[Any]
"""A checkpointer, or its URL."""


@dataclass(frozen=True, kw_only=True)
class Stop:
    """A graph, tenant, thread or effect that is stopped.

    Attributes:
        scope: which of these it is.
        name: its name.
        by: who stopped it.
        why: the reason that was given.
        at: since when, in seconds since the epoch.
    """

    scope: Scope
    name: str
    by: str
    why: str
    at: float


def stop(  # noqa: PLR0913 - one of four is named
    where: Where,
    *,
    by: str,
    why: str,
    effect: str | None = None,
    graph: str | None = None,
    tenant: str | None = None,
    thread: str | None = None,
) -> None:
    """Stop an effect, a graph, a tenant or a thread: nothing of it begins from now on.

    `start`, `resume` and `answer` are refused, and so is each effect right before it is claimed, in
    runs under way in other processes too. An effect that has begun goes on to its end, undoing is
    still allowed, and agents that are at work go on, without effects. Questions stay open.

    A name is taken as it is, since a journal does not know all graphs and effects that there are:
    a misspelt one stops nothing. `stops` lists what is stopped.

    Args:
        where: the checkpointer of the runs, or its URL. One without a tenant stops effects, graphs
            and tenants for all tenants of the database; a tenant's own, for that tenant.
        by: who stops it.
        why: the reason, which the refusals quote.
        effect: the name of an effect's function.
        graph: the name of a graph, as given to `compile(name=...)`; known where a run is moved by
            `quintet.runs` or by a LangGraph server.
        tenant: a tenant, as `checkpointer(url, tenant=...)` or else
            `config={"configurable": {"tenant": ...}}` names it.
        thread: a thread's id.

    Raises:
        DesignError: not exactly one thing is named, nobody or no reason is, or the checkpointer is
            not one of `quintet.state.checkpointer`, which alone keeps a journal.
    """
    scope, name = _thing(effect=effect, graph=graph, tenant=tenant, thread=thread)
    _check_said("stop", by=by, why=why)
    with _journal(where) as journal:
        value = {"name": name, "by": by, "why": why}
        journal.append("", stream_of(scope, name), "stopped", value)


def release(  # noqa: PLR0913 - one of four is named
    where: Where,
    *,
    by: str,
    why: str = "",
    effect: str | None = None,
    graph: str | None = None,
    tenant: str | None = None,
    thread: str | None = None,
) -> None:
    """Let go on what was stopped; its waiting runs are then resumed or answered as ever.

    Raises:
        RunError: it is not stopped.
        DesignError: as `stop`.
    """
    scope, name = _thing(effect=effect, graph=graph, tenant=tenant, thread=thread)
    _check_said("release", by=by)
    stream = stream_of(scope, name)
    with _journal(where) as journal:
        while True:
            head = journal.heads("", (stream,)).get(stream)
            if head is None or head.kind != "stopped":
                raise RunError(f"{scope} {name!r} is not stopped; stops(...) lists what is")
            value = {"name": name, "by": by, "why": why}
            # Another may have stopped it anew meanwhile, for a reason that nobody here has seen.
            if journal.append("", stream, "released", value, position=head.position + 1):
                return


def stops(where: Where) -> tuple[Stop, ...]:
    """List what is stopped now."""
    with _journal(where) as journal:
        last = {entry.subject: entry for entry in journal.entries("", START)}
    return tuple(
        Stop(scope=scope, name=name, by=entry.value["by"], why=entry.value["why"], at=entry.at)
        for entry in last.values()
        if entry.kind == "stopped"
        for scope, name in [thing_of(entry)]
    )


def check_not_stopped(app: App, config: RunnableConfig) -> Logic[None]:
    """Refuse to move a run of a graph, tenant or thread that is stopped.

    Raises:
        Stopped: it says who stopped it, and why.
    """
    journal = getattr(app.checkpointer, "journal", None)
    if isinstance(journal, Journal):
        thread = thread_of(config)
        things = whose(config) | {"thread": thread, "graph": app.get_name()}
        yield Call(refuse_stopped, (journal, f"run {thread!r}", things), blocks=True)


def _thing(**named: str | None) -> tuple[Scope, str]:
    given = [(scope, name) for scope in SCOPES if (name := named[scope]) is not None]
    if len(given) != 1 or not isinstance(given[0][1], str) or not given[0][1].strip():
        raise DesignError(f"name exactly one of {', '.join(SCOPES)}, as in effect='refund'")
    return given[0]


def _check_said(call: str, **words: str) -> None:
    for name, text in words.items():
        if not isinstance(text, str) or not text.strip():
            raise DesignError(f"{call}({name}={text!r}): it stays on record; give a text")


@contextmanager
def _journal(where: Where) -> Iterator[Journal]:
    if isinstance(where, str):
        with checkpointer(where) as saver:
            yield saver.journal
        return
    journal = getattr(where, "journal", None)
    if not isinstance(journal, Journal):
        raise DesignError(
            f"{type(where).__name__} keeps no journal, so nothing would hear of it; give a "
            "checkpointer from quintet.state.checkpointer, or its URL"
        )
    yield journal
