"""Begin a run on a thread whose effects are dry, or refuse to mix dry and real ones."""

from __future__ import annotations

from langgraph.types import StateSnapshot

from quintet.errors import DesignError, RunError
from quintet.nodes.core.call import Call, Logic
from quintet.runs.thread import App
from quintet.state.journal.entry import Entry
from quintet.state.journal.mode import MODE, Mode, read_mode, set_mode
from quintet.state.savers.saver import Saver


def check_mode(app: App, thread: str, snapshot: StateSnapshot, dry_run: bool) -> Logic[None]:
    """Make a thread's effects dry for good where that is asked for, and refuse a mixture.

    Raises:
        DesignError: nothing would keep that its effects are dry.
        RunError: its effects are real, and dry ones are asked for, or the other way round.
    """
    saver = app.checkpointer
    if not isinstance(saver, Saver):
        if dry_run:
            raise without_journal("dry_run=True")
        return
    entries = yield from _read(saver, thread)
    if read_mode(entries).dry:
        if not dry_run:
            raise RunError(
                f"thread {thread!r} is a dry run, and stays one: its effects would not happen; "
                "start(..., dry_run=True) goes on with it, or start on another thread"
            )
        return
    if not dry_run:
        return
    if why := (yield from _why_real(saver, thread, snapshot, entries)):
        raise RunError(f"thread {thread!r} {why}: start a dry run on a thread of its own")
    if not (yield Call(set_mode, (saver.journal, thread, Mode(dry=True)), blocks=True)):
        raise RunError(f"thread {thread!r} was begun by another meanwhile; try another thread")


def _why_real(
    saver: Saver, thread: str, snapshot: StateSnapshot, entries: tuple[Entry, ...]
) -> Logic[str]:
    """Say why a thread's effects are real already; empty where none has happened."""
    if entries:
        return f"is a real fork of {entries[-1].value.get('from')!r}"
    if snapshot.tasks:
        return "has a real run that is not finished"
    happened = yield Call(saver.journal.entries, (thread, "effect "), blocks=True)
    return "has real effects" if happened else ""


def without_journal(what: str) -> DesignError:
    """Give the error of what needs a saver with a journal."""
    return DesignError(
        f"{what} is kept in the journal, which this graph's checkpointer has not: "
        'compile(checkpointer=checkpointer("sqlite:///runs.db")), of quintet.state'
    )


def _read(saver: Saver, thread: str) -> Logic[tuple[Entry, ...]]:
    entries: tuple[Entry, ...] = yield Call(saver.journal.read, (thread, MODE), blocks=True)
    return entries
