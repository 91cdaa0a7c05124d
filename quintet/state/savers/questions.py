"""List the questions that a saver's runs wait for, from the writes that LangGraph gives it.

A question is listed before its write is stored, and taken off after its run has moved on. A crash
in between leaves a question on the list that is not open any more, and never one off it that is.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.types import Interrupt

from quintet.errors import CheckpointerError, DesignError
from quintet.state.clock import now
from quintet.state.journal.entry import Journal, stored, write
from quintet.state.record import plain

log = logging.getLogger("quintet")
INTERRUPT = "__interrupt__"


class Questions:
    """Keep a journal's list of open questions; LangGraph's calls of its saver are told to it.

    Args:
        journal: where the list is.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._asking: set[str] = set()

    def note_read(self, stored: CheckpointTuple) -> None:
        """Note, by what was read, whether a thread may have open questions."""
        thread = _root_thread(stored.config)
        writes = stored.pending_writes or ()
        if thread is not None and any(channel == INTERRUPT for _, channel, _ in writes):
            with self._lock:
                self._asking.add(thread)

    def note_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task: str,
        path: str,
    ) -> None:
        """List the questions among a task's writes."""
        for channel, value in writes:
            if channel == INTERRUPT and (thread := _root_thread(config)) is not None:
                checkpoint = str(config["configurable"].get("checkpoint_id", ""))
                with self._lock:
                    self._asking.add(thread)
                    for name, asked in questions_in(value, task, path, checkpoint):
                        self._journal.open(thread, name, asked)

    def note_moved(self, config: RunnableConfig, checkpoint: str) -> None:
        """Take a thread's questions off the list: it has a new checkpoint.

        Those that were asked on that checkpoint stay: under `durability="async"` it may be written
        after them.
        """
        if not self._asking:
            return
        thread = _root_thread(config)
        with self._lock:
            if thread is None or thread not in self._asking:
                return
            later = [
                item.name
                for item in self._journal.opened(thread)
                if item.value.get("checkpoint", "") >= checkpoint
            ]
            if not later:
                self._asking.discard(thread)
            self._journal.close(thread, keep=later)


EARLIER: Final = (
    "SELECT w.thread_id, w.checkpoint_id, w.task_id, w.task_path, w.type, w.{} FROM {} AS w "
    "WHERE w.channel = '__interrupt__' AND w.checkpoint_ns = '' AND w.checkpoint_id = ("
    "SELECT max(c.checkpoint_id) FROM checkpoints AS c "
    "WHERE c.thread_id = w.thread_id AND c.checkpoint_ns = '')"
)
"""The questions at the newest checkpoint of each thread, as LangGraph's own savers keep them."""


def earlier_questions(
    rows: Iterable[Sequence[Any]], serde: SerializerProtocol
) -> Iterator[tuple[str, str, str, float]]:
    """Give, as rows of a list that is being made, the questions of which no list was kept so far.

    LangGraph's own savers keep none. One whose packet cannot be read is named in the log.
    """
    for thread, checkpoint, task, path, kind, data in rows:
        try:
            value = serde.loads_typed((kind, bytes(data)))
        except CheckpointerError as problem:
            log.warning(
                "thread %r waits for an answer, and is not listed as waiting: %s", thread, problem
            )
            continue
        for name, asked in questions_in(value, task, path, checkpoint):
            yield thread, stored(name), write(asked), now()


def questions_in(
    value: Any, task: str, path: str, checkpoint: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the questions in a task's write, by their ids, as they are listed."""
    node = path.rpartition(", ")[2] if "pull" in path else ""
    for question in value if isinstance(value, list | tuple) else (value,):
        if isinstance(question, Interrupt):
            known = {"task": task, "node": node, "checkpoint": checkpoint}
            yield question.id, {**known, "packet": _packet(question.value)}


def _root_thread(config: RunnableConfig) -> str | None:
    """Give the thread of an outermost graph; None for a nested one, whose questions it has too."""
    ids: Mapping[str, Any] = config["configurable"]
    return None if ids.get("checkpoint_ns") else str(ids["thread_id"])


def _packet(value: Any) -> Any:
    try:
        return plain(value)
    except DesignError:  # an own interrupt of the user's, whose value the checkpoint keeps whole
        return f"{value!r:.2000}"
