"""Find the journal of a run from any of its nodes, by what a saver has read and written.

LangGraph tells a node the ids of its thread and checkpoint, and not which saver keeps them. So each
saver of ours notes the checkpoints that it has read and written. Where a checkpoint is not written
before its nodes run (`durability="async"` or `"exit"`), a context variable that was set when the
run was loaded says which saver that was; LangGraph runs nodes in copies of that context.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from weakref import WeakSet

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config

from quintet.state.journal.entry import Journal
from quintet.state.journal.sqlite import MemoryJournal

THREADS_KNOWN = 4096
CHECKPOINTS_KNOWN = 8


class Known:
    """Note the checkpoints that a saver has read or written last, for each of its threads.

    Args:
        journal: the journal of the saver's database.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._last: OrderedDict[str, deque[str]] = OrderedDict()
        self._lock = threading.Lock()
        _all.add(self)

    def note(self, thread: str, checkpoint: str) -> None:
        """Note that a checkpoint was read or is written."""
        with self._lock:
            ids = self._last.setdefault(thread, deque(maxlen=CHECKPOINTS_KNOWN))
            self._last.move_to_end(thread)
            ids.append(checkpoint)
            if len(self._last) > THREADS_KNOWN:
                self._last.popitem(last=False)

    def close(self) -> None:
        """Be found no more: the saver is closed."""
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
    """

    journal: Journal
    thread: str
    shared: bool = True

    @property
    def scope(self) -> str:
        """Give the thread's id with its tenant, which a receiver of effects tells apart."""
        return self.journal.room.inside(self.thread)


@dataclass(frozen=True, eq=False)
class _Loaded:
    """The place of the run that was loaded in this context, with the threads nested in it."""

    place: Place
    known: Known
    threads: frozenset[str]
    fresh: list[bool] = field(default_factory=lambda: [True])


_loaded: ContextVar[_Loaded | None] = ContextVar("quintet_loaded", default=None)


def note_loading(known: Known, config: RunnableConfig) -> None:
    """Note that a saver is about to load a run in this context."""
    thread = str(config["configurable"].get("thread_id", ""))
    outer = _loaded.get()
    if outer is not None and _thread_around() in outer.threads:
        # A graph that is called in a node of another: its effects are the outer run's.
        _loaded.set(replace(outer, threads=outer.threads | {thread}, fresh=[True]))
    else:
        _loaded.set(_Loaded(Place(known.journal, thread), known, frozenset({thread})))


def note_loaded() -> None:
    """Note that a graph's channels are loaded: by another saver, where none of ours has read."""
    loaded = _loaded.get()
    if loaded is None:
        return
    if loaded.fresh[0]:
        loaded.fresh[0] = False
    elif _thread_around() is None:
        _loaded.set(None)


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
    if loaded is not None and thread in loaded.threads and loaded.place.thread != thread:
        return loaded.place
    if loaded is not None and checkpoint and loaded.known.has(thread, checkpoint):
        return loaded.place
    for known in [*_all] if checkpoint else ():
        if known.has(thread, checkpoint):
            return Place(known.journal, thread)
    if thread and loaded is not None and thread in loaded.threads:
        return loaded.place
    return Place(_this_process(), superstep, shared=False)


_in_process: list[Journal] = []
_lock = threading.Lock()


def _this_process() -> Journal:
    """Give the journal of this process, for runs whose checkpoints no saver of ours keeps."""
    with _lock:
        if not _in_process:
            _in_process.append(MemoryJournal())
        return _in_process[0]
