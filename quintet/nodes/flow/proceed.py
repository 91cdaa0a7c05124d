"""Go on from tasks whose proposed actions a person has answered."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from langgraph.types import Command

from quintet.nodes.core.actions import as_it_stands, todo
from quintet.nodes.core.call import Logic
from quintet.nodes.core.node import Node, one_line
from quintet.nodes.core.task import current_task
from quintet.nodes.flow.arc import Note, Notes, more
from quintet.nodes.flow.task import FlowTask
from quintet.state.decision import Decision
from quintet.state.record import plain
from quintet.state.verdict import unmet

log = logging.getLogger("quintet")


@dataclass(frozen=True, kw_only=True)
class Proceed(Node):
    """Follow the arcs of each task whose actions are done; end where one was refused.

    Args:
        tasks: the workflow's tasks.
        rejected: the node to go to where a person said no.
    """

    tasks: tuple[FlowTask, ...]
    rejected: str = "finish"

    writes = frozenset({"kept", "decisions", "run"})

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name all nodes that the tasks may lead to."""
        ways = [arc.to for task in self.tasks for arc in task.arcs]
        return tuple(dict.fromkeys((*ways, self.rejected, "finish", "person")))

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[str]]:
        """Lead on from every task that waited for its actions, and waits no more."""
        yield from ()
        notes = Notes.of(current_task("proceed"), state)
        update: dict[str, Any] = {"kept": {}, "decisions": []}
        goto: list[str] = []
        for task in self.tasks:
            note = notes.of_task(task.name)
            actions = [_action(state, at) for at in note.proposed]
            if not actions or todo(action for action in actions if action):
                continue
            to, records = self._on(task, actions, state)
            forced = note.forced if to != [self.rejected] else more(note.forced, to)
            note = replace(note, proposed=(), sent=more(note.sent, to), forced=forced)
            update["kept"] |= notes.as_update(task.name, note)
            update["decisions"] += records
            goto += to
        return Command(goto=list(dict.fromkeys(goto)) or ["finish"], update=update)

    def _on(
        self, task: FlowTask, actions: list[Mapping[str, Any]], state: Mapping[str, Any]
    ) -> tuple[list[str], list[dict[str, Any]]]:
        if any(action.get("status") == "rejected" for action in actions):
            return [self.rejected], []
        if any(action.get("status") not in ("done", "dry") for action in actions):
            return ["finish"], []
        try:
            return task.following(state), []
        except Exception as problem:
            log.warning("%s: a condition could not be told", task.name, exc_info=problem)
            why = one_line(f"a condition could not be told: {type(problem).__name__}: {problem}")
            record = Decision(kind="escalation", node=task.name, choice="person", reason=why)
            return ["person"], [plain(record)]


def _action(state: Mapping[str, Any], at: str) -> Mapping[str, Any]:
    """Give an action by its effect and key; in a note of an older version, by its place alone."""
    name, _, key = at.partition(":")
    found = as_it_stands(state, name, key) or (state.get("actions") or {}).get(at)
    return found or {}


@dataclass(frozen=True, kw_only=True)
class Complete:
    """Judge, as a criterion on the final state, that no join still waits. Made for `finish`."""

    joins: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]
    """Each task that waits for several, these, and all that may lead to it."""

    __name__ = "complete"

    def __call__(self, state: Mapping[str, Any]) -> Any:
        """Say which task has had some of what it waits for, and not the rest."""
        notes = Notes.of(current_task("finish"), state)
        stuck = []
        for name, every, sources in self.joins:
            note: Note = notes.of_task(name)
            sent, _ = notes.sent_to(name, sources)
            fresh = {at for at, count in sent.items() if count > note.seen.get(at, 0)}
            missing = [source for source in every if source not in fresh]
            if missing and len(missing) < len(every):
                stuck.append(_stuck(name, note, missing, [at for at in every if at in fresh]))
        return not stuck or unmet("; ".join(stuck))


def _stuck(name: str, note: Note, missing: list[str], came: list[str]) -> str:
    """Say why a join still waits: something has not come, or came after a failure had run it."""
    lacks = f"{', '.join(missing)}, which has not come"
    forced = [at.removeprefix("! ") for at in note.seen if at.startswith("! ")]
    if not forced:
        return f"{name} waits for {lacks}"
    return (
        f"{name} ran because {', '.join(forced)} had failed or was past its bound; "
        f"{', '.join(came)} came later, and {name} has not run with it: it waits for {lacks} since"
    )
