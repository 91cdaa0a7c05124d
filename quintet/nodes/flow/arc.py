"""Lead from task to task: which arcs are followed, and what has arrived at a task.

Each task keeps one note: how often it has run, how often it has sent control to each task, and what
it had been sent when it last ran. From these, a join tells what has come, and a loop its rounds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from quintet.nodes.core.kept import keep
from quintet.nodes.core.task import Task
from quintet.nodes.flow.comparison import Condition, holds

START = "start"
"""The name of the beginning, among what a task comes after."""


@dataclass(frozen=True, kw_only=True)
class Arc:
    """A way from one task to another.

    Args:
        to: the task that it leads to.
        when: its condition; None where it is always followed.
        otherwise: whether it is followed where no other condition of its source holds.
    """

    to: str
    when: Condition | None = None
    otherwise: bool = False


def followed(arcs: Iterable[Arc], state: Mapping[str, Any]) -> list[str]:
    """Name the tasks to go to: all whose condition holds, else those that are for the rest."""
    always, held, rest = [], [], []
    for arc in arcs:
        if arc.otherwise:
            rest.append(arc.to)
        elif arc.when is None:
            always.append(arc.to)
        elif holds(arc.when, state):
            held.append(arc.to)
    return list(dict.fromkeys([*always, *(held or rest)]))


@dataclass(frozen=True, kw_only=True)
class Note:
    """Hold what a task has noted of itself.

    Args:
        runs: how often it has run.
        sent: how often it has led to each task.
        forced: how often it has led there by a failure, or past a bound: joins do not hold it up.
        seen: by source, what the task had been sent when it last ran.
        lap: the rounds of its loop when it last ran.
        proposed: the effects and keys of actions that it waits for before it goes on.
    """

    runs: int = 0
    sent: Mapping[str, int] = field(default_factory=dict)
    forced: Mapping[str, int] = field(default_factory=dict)
    seen: Mapping[str, int] = field(default_factory=dict)
    lap: int = 0
    proposed: tuple[str, ...] = ()

    @classmethod
    def read(cls, data: Mapping[str, Any] | None) -> Self:
        """Read a note from the state."""
        if not data:
            return cls()
        return cls(**{**data, "proposed": tuple(data.get("proposed", ()))})

    def as_data(self) -> dict[str, Any]:
        """Give it as plain data, without what is empty."""
        data = {
            "runs": self.runs,
            "sent": dict(self.sent),
            "forced": dict(self.forced),
            "seen": dict(self.seen),
            "lap": self.lap,
            "proposed": list(self.proposed),
        }
        return {name: value for name, value in data.items() if value}


def more(counts: Mapping[str, int], names: Iterable[str]) -> dict[str, int]:
    """Count one more for each name."""
    return {**counts, **{name: counts.get(name, 0) + 1 for name in names}}


@dataclass(frozen=True, kw_only=True)
class Notes:
    """The notes of one workflow's tasks, in the state that a node was given."""

    graph: str
    kept: Mapping[str, Any]

    @classmethod
    def of(cls, task: Task, state: Mapping[str, Any]) -> Self:
        """Read the notes of the graph that a node is in."""
        return cls(graph=task.path[: -len(task.node)], kept=state.get("kept") or {})

    def of_task(self, name: str) -> Note:
        """Give the note of one task."""
        return Note.read(self.kept.get(f"flow {self.graph}{name}"))

    def as_update(self, name: str, note: Note) -> dict[str, Any]:
        """Give a task's note as an update of `kept`."""
        return keep("flow", f"{self.graph}{name}", note.as_data())

    def sent_to(self, name: str, sources: Collection[str]) -> tuple[dict[str, int], dict[str, int]]:
        """Give how often each source has led to a task, and how often of these by force."""
        sent, forced = {}, {}
        for source in sources:
            if source == START:
                sent[START] = 1
                continue
            note: Mapping[str, Any] = self.kept.get(f"flow {self.graph}{source}") or {}
            if count := note.get("sent", {}).get(name, 0):
                sent[source] = count
            if count := note.get("forced", {}).get(name, 0):
                forced[source] = count
        return sent, forced

    def lap(self, loop: Iterable[str]) -> int:
        """Count the rounds of a loop, by the runs of its bounded tasks."""
        return sum(self.of_task(name).runs for name in loop)
