"""Find the journal of a run from any of its nodes, by what a saver has read and written.

LangGraph tells a node the ids of its thread and checkpoint, and not which saver keeps them. So each
saver of ours notes the checkpoints that it has read and written. Where a checkpoint is not written
before its nodes run (`durability="async"` or `"exit"`), a context variable that was set when the
run was loaded says which saver that was; LangGraph runs nodes in copies of that context. A server
that takes each event of a run in a task of its own loses that variable, and writes behind the
nodes: there, the saver that is writing for the thread at this moment is the run's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from weakref import WeakSet

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.config import get_config

from quintet.state.journal.entry import Journal
from quintet.state.journal.sqlite import BoundedJournal

log = logging.getLogger("quintet")

THREADS_KNOWN = 4096
CHECKPOINTS_KNOWN = 8
JUST_NOW = 2.0
"""Seconds after which a write says nothing about what runs now."""


class Known:
    """Note the checkpoints that a saver has read or written last, for each of its threads.

    Args:
        journal: the journal of the saver's database.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._last: OrderedDict[str, deque[str]] = OrderedDict()
        self._lock = threading.Lock()
        self._writing: dict[str, int] = {}
        self._wrote: OrderedDict[str, float] = OrderedDict()
        self.closed = False
        _all.add(self)

    def note(self, thread: str, checkpoint: str) -> None:
        """Note that a checkpoint was read or is written."""
        with self._lock:
            ids = self._last.get(thread)
            if ids is not None:
                self._last.move_to_end(thread)
            else:
                ids = self._last[thread] = deque(maxlen=CHECKPOINTS_KNOWN)
                if len(self._last) > THREADS_KNOWN:
                    self._last.popitem(last=False)
            ids.append(checkpoint)

    @contextmanager
    def writing(self, thread: str, checkpoint: str) -> Iterator[None]:
        """Note a checkpoint before a write of it that others do not wait for, and the write."""
        self.note(thread, checkpoint)
        with self._lock:
            self._writing[thread] = self._writing.get(thread, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                self._writing[thread] -= 1
                if not self._writing[thread]:
                    del self._writing[thread]
                self._wrote[thread] = time.monotonic()
                self._wrote.move_to_end(thread)
                if len(self._wrote) > THREADS_KNOWN:
                    self._wrote.popitem(last=False)

    def is_writing(self, thread: str) -> bool:
        """Say whether a thread's checkpoints are being written, or were just now."""
        with self._lock:
            just_now = time.monotonic() - self._wrote.get(thread, -JUST_NOW) < JUST_NOW
            return thread in self._writing or just_now

    def close(self) -> None:
        """Be found no more: the saver is closed."""
        self.closed = True
        _all.discard(self)

    def has(self, thread: str, checkpoint: str) -> bool:
        """Say whether a checkpoint is among the last that were read or written."""
        with self._lock:
            return checkpoint in self._last.get(thread, ())


_all: WeakSet[Known] = WeakSet()


@dataclass(frozen=True, eq=False)
class Place:
    """A journal, and the thread in it that effects are claimed for.

    Attributes:
        journal: the journal.
        thread: the thread's id; where only this process is known, the superstep's.
        shared: whether a saver of ours keeps it, and so all that have this database see it.
        origin: the thread whose claims it shares, where it is a real fork; else empty.
    """

    journal: Journal
    thread: str
    shared: bool = True
    origin: str = ""

    @property
    def scope(self) -> str:
        """Give the thread in whose name effects are claimed."""
        return self.origin or self.thread

    @property
    def for_receivers(self) -> str:
        """Give that thread with its tenant, which receivers of effects must tell apart."""
        return self.journal.room.inside(self.scope)


@dataclass(frozen=True, eq=False)
class _Loaded:
    """The place of the run that was loaded in this context, with the threads nested in it."""

    place: Place
    known: Known
    threads: frozenset[str]
    fresh: list[bool] = field(default_factory=lambda: [True])
    asks: list[bool] = field(default_factory=lambda: [False])


_loaded: ContextVar[_Loaded | None] = ContextVar("quintet_loaded", default=None)


def note_loading(known: Known, config: RunnableConfig) -> None:
    """Note that a saver is about to load a run in this context."""
    thread = str(config["configurable"].get("thread_id", ""))
    outer = _loaded.get()
    if outer is not None and _thread_around() in outer.threads:
        # A graph that is called in a node of another: its effects are the outer run's.
        _loaded.set(replace(outer, threads=outer.threads | {thread}, fresh=[True], asks=[False]))
    else:
        _loaded.set(_Loaded(Place(known.journal, thread), known, frozenset({thread})))


def note_asking(stored: CheckpointTuple | None) -> None:
    """Note, by the checkpoint that was read, whether the run waits for a person."""
    loaded = _loaded.get()
    if loaded is None or stored is None:
        return
    writes = stored.pending_writes or ()
    ended = {task for task, channel, _ in writes if not channel.startswith("__")}
    loaded.asks[0] = any(
        channel == "__interrupt__" and task not in ended for task, channel, _ in writes
    )


def note_loaded() -> bool:
    """Note that a graph's channels are loaded: by another saver, where none of ours has read.

    Returns:
        True where the run waits for a person, or only another saver could tell.
    """
    loaded = _loaded.get()
    if loaded is None:
        return True
    if loaded.fresh[0]:
        loaded.fresh[0] = False
        return loaded.asks[0]
    if _thread_around() is None:
        _loaded.set(None)
    return True


def _thread_around() -> str | None:
    """Give the thread of the node in which this is called; None outside of any node."""
    try:
        configurable = get_config().get("configurable", {})
    except RuntimeError:
        return None
    # A config without a namespace is of a graph that has not begun to run.
    return str(configurable.get("thread_id", "")) if configurable.get("checkpoint_ns") else None


def find_place(thread: str, checkpoint: str, superstep: str) -> Place:
    """Find the journal of the run that a node is part of.

    Args:
        thread: the node's thread.
        checkpoint: the id of the checkpoint that the outermost graph goes on from.
        superstep: the name of the superstep, for a run that only this process knows.
    """
    loaded = _loaded.get()
    if loaded is None and not _all:  # no saver of ours is open in this process
        return Place(_this_process(), superstep, shared=False)
    if loaded is not None and (loaded.known.closed or thread not in loaded.threads):
        loaded = None  # of a run that was loaded in this context before
    if loaded is not None and loaded.place.thread != thread:
        return loaded.place
    if loaded is not None and checkpoint and loaded.known.has(thread, checkpoint):
        return loaded.place
    for known in [*_all] if checkpoint else ():
        if known.has(thread, checkpoint):
            return Place(known.journal, thread)
    if thread and loaded is not None:
        return loaded.place
    if thread and checkpoint and loaded is None:
        behind = [known for known in [*_all] if known.is_writing(thread)]
        if len(behind) == 1:
            return Place(behind[0].journal, thread)
    return Place(_this_process(), superstep, shared=False)


def warn_of_memory() -> None:
    """Say once in a process that claims are in its memory only."""
    if not _warned:
        _warned.append(True)
        log.warning(
            "this run's checkpoints are kept by a saver that is not Quintet's, so its claims on "
            "effects are in this process's memory only: after a crash, or in another process, an "
            "effect may happen twice; compile(checkpointer=checkpointer(url)), of quintet.state, "
            "keeps them in the database"
        )


_warned: list[bool] = []
_in_process: list[Journal] = []
_lock = threading.Lock()


def _this_process() -> Journal:
    """Give the journal of this process, for runs whose checkpoints no saver of ours keeps."""
    if _in_process:
        return _in_process[0]
    with _lock:
        if not _in_process:
            _in_process.append(BoundedJournal())
        return _in_process[0]
