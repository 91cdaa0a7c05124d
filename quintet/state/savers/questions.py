"""List the questions that a saver's runs wait for, from the writes that LangGraph gives it.

A question is listed before its write is stored, and taken off after its run has moved on. A crash
in between leaves a question on the list that is not open any more, and never one off it that is.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.types import Interrupt

from quintet.errors import DesignError
from quintet.state.journal.entry import Journal
from quintet.state.record import plain

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
                known = {
                    "task": task,
                    "node": path.rpartition(", ")[2] if "pull" in path else "",
                    "checkpoint": str(config["configurable"].get("checkpoint_id", "")),
                }
                self._list(thread, value if isinstance(value, list | tuple) else (value,), known)

    def _list(self, thread: str, questions: Sequence[Any], known: Mapping[str, str]) -> None:
        with self._lock:
            self._asking.add(thread)
            for question in questions:
                if isinstance(question, Interrupt):
                    asked = {**known, "packet": _packet(question.value)}
                    self._journal.open(thread, question.id, asked)

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


def _root_thread(config: RunnableConfig) -> str | None:
    """Give the thread of an outermost graph; None for a nested one, whose questions it has too."""
    ids: Mapping[str, Any] = config["configurable"]
    return None if ids.get("checkpoint_ns") else str(ids["thread_id"])


def _packet(value: Any) -> Any:
    try:
        return plain(value)
    except DesignError:  # an own interrupt of the user's, whose value the checkpoint keeps whole
        return f"{value!r:.2000}"
