"""Keep a background task in the journal: what it was told, and how each of its turns ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from quintet.errors import NoSuchRun, RunError
from quintet.nodes.core.node import one_line
from quintet.runs.stop import stop
from quintet.state.budget import Budget
from quintet.state.journal.entry import Entry, Journal
from quintet.state.record import plain


@dataclass(frozen=True, kw_only=True)
class TaskRecord:
    """A background task, as the journal has it.

    Attributes:
        id: its id among those of its owner.
        of: the owner, a thread.
        entries: the stream: `started`, `message`, `ended` and `cancelled`.
    """

    id: str
    of: str
    entries: Sequence[Entry]

    @property
    def thread(self) -> str:
        """Give the thread on which it runs."""
        return f"{self.of}/{self.id}"

    @property
    def worker(self) -> str:
        """Name the worker that has it."""
        return str(self.entries[0].value["worker"])

    @property
    def started_by(self) -> tuple[str, str]:
        """Give the path of the node that started it, and its run; empty outside an attempt."""
        by = self.entries[0].value.get("by") or {}
        return str(by.get("path", "")), str(by.get("run", ""))

    @property
    def limit(self) -> Budget:
        """Give what it may spend."""
        return Budget(**self.entries[0].value["limit"])

    @property
    def inputs(self) -> tuple[str, ...]:
        """Give what it was told: its goal, then each follow-up."""
        told = [e.value["text"] for e in self.entries if e.kind in ("started", "message")]
        return tuple(told)

    @property
    def turns(self) -> list[Mapping[str, Any]]:
        """Give how each turn that is over ended."""
        return [entry.value for entry in self.entries if entry.kind == "ended"]

    @property
    def turn(self) -> int:
        """Give the number of the turn that comes next or is under way."""
        return len(self.turns)

    @property
    def cancelled(self) -> bool:
        """Say whether it was cancelled."""
        return any(turn["status"] == "cancelled" for turn in self.turns)

    @property
    def idle(self) -> bool:
        """Say whether nothing is left to do."""
        return self.cancelled or self.turn >= len(self.inputs)

    @property
    def pending(self) -> tuple[str, ...]:
        """Give what it was told and has not ended a turn with."""
        return self.inputs[self.turn :]

    def view(self, status: str, question: Any = None) -> dict[str, Any]:
        """Give it as plain data; see `TaskControl`."""
        if self.idle:
            status = "cancelled" if self.cancelled else str(self.turns[-1]["status"])
        return {
            "id": self.id,
            "worker": self.worker,
            "thread": self.thread,
            "status": status,
            "question": question,
            "turns": [dict(turn) for turn in self.turns],
        }


class TaskBook:
    """Write and read the records of background tasks.

    Args:
        journal: the journal of their checkpointer.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def begin(self, id: str, of: str, value: Mapping[str, Any]) -> TaskRecord:
        """Record a new task; the same one that there is already stays as it is.

        Raises:
            RunError: the id is of another worker's task, or of one with another goal.
        """
        self._journal.append(of, _subject(id), "started", plain(value), position=0)
        record = self.read(id, of)
        if record.worker != value["worker"]:
            raise RunError(
                f"task {id!r} of {of!r} is the worker {record.worker!r}'s, not "
                f"{value['worker']!r}'s; give the new one another id"
            )
        if record.inputs[0] != value["text"]:
            raise RunError(
                f"task {id!r} of {of!r} was started for {record.inputs[0]!r:.60}, and not for "
                f"{value['text']!r:.60}; give the new one another id, or message the old one"
            )
        return record

    def read(self, id: str, of: str) -> TaskRecord:
        """Read a task.

        Raises:
            NoSuchRun: there is none of this id.
        """
        entries = self._journal.read(of, _subject(id))
        if not entries:
            raise NoSuchRun(f"{of!r} has no background task {id!r}; start_task begins one")
        return TaskRecord(id=id, of=of, entries=entries)

    def under_way(self, thread: str) -> Iterator[TaskRecord]:
        """Yield the tasks of a thread that have work left, and those of these tasks' threads."""
        for subject in dict.fromkeys(
            e.subject for e in self._journal.entries(thread, _subject(""))
        ):
            record = self.read(subject.removeprefix(_subject("")), thread)
            if not record.idle:
                yield record
                yield from self.under_way(record.thread)

    def tell(self, record: TaskRecord, text: str, key: str) -> TaskRecord:
        """Queue a follow-up, once for its key."""
        while True:
            keys = [e.value.get("key") for e in record.entries if e.kind == "message"]
            if (key in keys) if key else (text in record.pending):
                return record
            value = {"text": text, "key": key}
            at = len(record.entries)
            self._journal.append(record.of, _subject(record.id), "message", value, position=at)
            record = self.read(record.id, record.of)

    def end(
        self,
        record: TaskRecord,
        turn: int,
        *,
        status: str,
        reason: str,
        **more: Any,
    ) -> TaskRecord:
        """Record the end of a turn, with its `answer`, `spent` and `actions`; the first counts."""
        reason = one_line(reason, 300) or status
        value = {"answer": None, "spent": {}, "actions": {}, **plain(more)}
        value |= {"turn": turn, "status": status, "reason": reason}
        while record.turn <= turn and not record.cancelled:
            at = len(record.entries)
            self._journal.append(record.of, _subject(record.id), "ended", value, position=at)
            record = self.read(record.id, record.of)
        return record


def cancel_tasks(saver: BaseCheckpointSaver[Any], thread: str, *, by: str, why: str) -> None:
    """Cancel what a thread has under way in the background, and what these tasks have themselves.

    No effect of theirs begins any more; their questions leave the inbox. A saver without a journal
    has no tasks.
    """
    journal = getattr(saver, "journal", None)
    if not isinstance(journal, Journal):
        return
    book = TaskBook(journal)
    for record in book.under_way(thread):
        stop(saver, thread=record.thread, by=by, why=why)
        journal.close(record.thread)
        reason = f"cancelled by {by}: {why}"
        book.end(record, record.turn, status="cancelled", reason=reason)


def _subject(id: str) -> str:
    return f"task {id}"
