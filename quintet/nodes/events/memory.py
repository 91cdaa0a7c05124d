"""Remember, over the runs of a thread, which handler has handled which event, and what waits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.task import Task
from quintet.state.journal.entry import Entry

RUNS_REMEMBERED = 1000
"""The runs of a thread whose events are known again: the last ones that had any."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """Hold the events that earlier runs have handled.

    Args:
        by_handler: by handler, the identities of its events.
        contents: by identity, a digest of the event that came from outside under it.
    """

    by_handler: dict[str, set[str]] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Read and write what a dispatcher remembers, in the journal beside the checkpoints.

    One entry a run holds all that it has handled, written when nothing is left to do. A run that
    never comes so far has handled nothing: its sender sends again.

    Args:
        task: the dispatcher's task.
        run: the id of the run.
    """

    task: Task
    run: str

    @cached_property
    def attempt(self) -> Attempt:
        """Give an attempt that is opened for its journal alone."""
        return Attempt(task=self.task)

    def read(self) -> Logic[Known]:
        """Give the identities that each handler has handled in earlier runs of the thread."""
        attempt, known = self.attempt, Known()
        if not attempt.place.shared:
            return known
        journal, thread = attempt.place.journal, attempt.place.thread
        arguments = (thread, self._subject, RUNS_REMEMBERED)
        entries: tuple[Entry, ...] = yield Call(journal.tail, arguments, blocks=True)
        for entry in entries:
            # What this very run has written is no reason to leave its events out: it goes on from
            # an older checkpoint, where they are still to be handled.
            if self.run and entry.value["run"] == self.run:
                continue
            for name, identities in entry.value["handled"].items():
                known.by_handler.setdefault(name, set()).update(identities)
            known.contents.update(entry.value.get("contents", {}))
        return known

    def write(self, handled: Mapping[str, list[str]], contents: Mapping[str, str]) -> Logic[None]:
        """Write down what this run has handled; nothing in a dry run, which does nothing."""
        named = {name: ids for name, ids in handled.items() if ids}
        ours = {one for ids in named.values() for one in ids}
        told = {one: content for one, content in contents.items() if one in ours and content}
        value = {"run": self.run, "handled": named, "contents": told}
        if named:
            yield from self._append(self._subject, "handled", value)

    def read_waits(self, slots: Collection[str]) -> Logic[dict[str, Any]]:
        """Give what waits at these places since earlier runs."""
        if not slots or not self.attempt.place.shared:
            return {}
        attempt = self.attempt
        subjects = {self._place_of(slot): slot for slot in slots}
        arguments = (attempt.place.thread, tuple(subjects))
        heads: dict[str, Entry] = yield Call(attempt.place.journal.heads, arguments, blocks=True)
        return {subjects[subject]: dict(entry.value) for subject, entry in heads.items()}

    def write_wait(self, slot: str, waiting: Mapping[str, Any]) -> Logic[None]:
        """Write down what waits at a place from now on."""
        yield from self._append(self._place_of(slot), "waits", waiting)

    @property
    def _subject(self) -> str:
        return f"events {self.task.path}"

    def _place_of(self, slot: str) -> str:
        return f"waits {self.task.path} {slot}"

    def _append(self, subject: str, kind: str, value: Mapping[str, Any]) -> Logic[None]:
        attempt = self.attempt
        if not attempt.place.shared or (yield from attempt.find_mode()).dry:
            return
        arguments = (attempt.place.thread, subject, kind, value)
        yield Call(attempt.place.journal.append, arguments, blocks=True)
