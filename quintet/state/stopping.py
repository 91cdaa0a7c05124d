"""Stop graphs, tenants, threads and effects for all who share a journal, until they are released.

Each that is ever stopped has a stream in the journal; its last entry decides. The streams belong to
no thread, so that deleting a thread does not release what it ran.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from quintet.errors import Stopped
from quintet.state.journal.entry import Entry, Journal

Scope = Literal["effect", "thread", "graph", "tenant"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

START = "stop "


def stream_of(scope: Scope, name: str) -> str:
    """Name the stream of a thing that may be stopped."""
    return f"{START}{scope} {name}"


def thing_of(entry: Entry) -> tuple[Scope, str]:
    """Give the scope and the name that an entry is about."""
    scope, _, name = entry.subject.removeprefix(START).partition(" ")
    return scope, entry.value.get("name", name)  # type: ignore[return-value]


def refuse_stopped(journal: Journal, what: str, things: Mapping[Scope, str]) -> None:
    """Refuse what is about to begin where one of the things that it is part of is stopped.

    Args:
        journal: the journal, which is asked once.
        what: what would begin, in words.
        things: the names of what it is part of, by scope; empty ones are left out.

    Raises:
        Stopped: it names the thing, who stopped it, when and why.
    """
    streams = {stream_of(scope, name): (scope, name) for scope, name in things.items() if name}
    tenant = journal.room.tenant
    if tenant is not None:  # the checkpointer's own, beside the one that a configuration may name
        streams[stream_of("tenant", tenant)] = ("tenant", tenant)
    found = [*journal.heads("", streams).items()]
    if tenant is not None:
        # Who has no tenant stops effects, graphs and tenants of all. A thread is each one's own.
        shared = [stream for stream, (scope, _) in streams.items() if scope != "thread"]
        found += journal.stops(shared).items()
    for stream, entry in found:
        if entry.kind == "stopped":
            scope, name = streams[stream]
            raise Stopped(
                f"{what} is not begun: {entry.value.get('by')} has stopped {scope} {name!r} "
                f"({entry.value.get('why')}); quintet.runs.release(..., {scope}={name!r}) lets it "
                "go on"
            )
