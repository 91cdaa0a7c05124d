"""Run one task of a workflow, and lead on from it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from langchain_core.runnables import Runnable
from langgraph.errors import GraphBubbleUp, is_invalid_resume
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from quintet.errors import ContractBroken
from quintet.nodes.core.actions import todo
from quintet.nodes.core.call import Logic
from quintet.nodes.core.function import targets_of
from quintet.nodes.core.node import Node, failure_of, one_line
from quintet.nodes.core.returned import (
    leaves,
    names_in,
    parts_of,
    refuse_astray,
    refuse_dropped,
    writes_of,
)
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.flow.arc import Arc, Note, Notes, followed, more
from quintet.nodes.flow.comparison import Condition, holds
from quintet.nodes.flow.inner import channels_of, run_inner, updated
from quintet.state.decision import Decision
from quintet.state.fragments import OrchestrationState
from quintet.state.record import plain
from quintet.state.verdict import name_of

log = logging.getLogger("quintet")

ON = "__on__"
"""The target by which an inner node of ours says that the workflow's own arcs lead on."""


@dataclass(frozen=True, kw_only=True)
class FlowTask(Node):
    """Run a task of a workflow when what it waits for has come, and follow its arcs.

    Args:
        name: its name.
        inner: the user's node.
        arcs: where it leads when it is done; the end of the workflow where there are none.
        sources: the tasks that may lead here.
        every: the tasks that must all have come; empty where any one will do.
        when: the condition that is asked once all of them have come.
        unless: where given, it runs if none of these holds.
        once: whether only the first that comes counts, until its loop comes round again.
        loop: the bounded tasks of the loop that it is in.
        rounds: how often it may run.
        otherwise: the node to go to in place of a further round.
        seconds: how long it may take.
        gate: the node that asks about proposed actions; empty without one.
        failed: the node to go to where a task that asks a person fails, which has no handler.
        targets: all nodes that it may lead to.
        schema: the workflow's state.
        known: the nodes to which a graph within may lead by a `Command` of its own.
    """

    name: str
    inner: Any
    arcs: tuple[Arc, ...] = ()
    sources: tuple[str, ...] = ()
    every: tuple[str, ...] = ()
    when: Condition | None = None
    unless: tuple[Condition, ...] = ()
    once: bool = False
    loop: tuple[str, ...] = ()
    rounds: int | None = None
    otherwise: str = "person"
    seconds: float | None = None
    gate: str = ""
    failed: str = "person"
    targets: tuple[str, ...] = ()
    schema: type[Any] = OrchestrationState
    known: tuple[str, ...] = ()

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name all nodes that it may lead to."""
        return self.targets

    @property
    def writes(self) -> frozenset[str] | None:  # type: ignore[override]
        """Name the keys that the inner node declares to write, with ours; None if it does not."""
        own: frozenset[str] | None = getattr(self.inner, "writes", None)
        return None if own is None else own | {"kept", "decisions", "failures", "run"}

    @property
    def asks(self) -> bool:  # type: ignore[override]
        """Say whether the inner node may stop for a person."""
        return bool(getattr(self.inner, "asks", False))

    @property
    def effects(self) -> tuple[Any, ...]:  # type: ignore[override]
        """Give the inner node's effects."""
        return tuple(getattr(self.inner, "effects", ()))

    @property
    def agent(self) -> Any:
        """Give the inner graph, if it is one, as a worker has its agent."""
        graph = isinstance(self.inner, CompiledStateGraph)
        return self.inner if graph else getattr(self.inner, "agent", None)

    def logic(self, state: Mapping[str, Any]) -> Logic[Any]:
        """Run the task if it is its turn, and go on. A run that has ended badly does no more."""
        if not _is_done(state.get("outcome")):
            return Command(goto="finish")
        task = current_task(self.name)
        notes = self._notes(task, state)
        note, sent, forced = self._arrived(notes)
        if not forced:
            try:
                if (why := self._not_yet(notes, note, sent, state)) is not None:
                    if why == "waits":
                        return Command(goto="finish")
                    seen = replace(note, seen=sent)
                    return Command(goto="finish", update={"kept": notes.as_update(self.name, seen)})
            except Exception as problem:  # noqa: BLE001 - a person gets it
                return self._undecided(task, notes, replace(note, seen=sent), {}, problem)
        if self.rounds is not None and note.runs >= self.rounds:
            return self._used_up(task, notes, replace(note, seen=sent))
        try:
            result = yield from run_inner(self.inner, state, self.seconds)
            self._check(result)
        except Exception as problem:
            if not self.asks or isinstance(problem, GraphBubbleUp) or is_invalid_resume(problem):
                raise
            return self._failed(task, notes, replace(note, seen=sent), problem)
        update, goto = parts_of(result)
        paused = isinstance(self.inner, Node) and self.name in names_in(goto)
        if paused or leaves(result):  # it comes back to go on, or leads to a graph around this one
            return result
        done = replace(note, runs=note.runs + 1, seen=sent, lap=notes.lap(self.loop))
        return self._on(task, notes, done, state, (update, goto))

    def _check(self, result: Any) -> None:
        """Refuse what would be lost, or would lead astray. A node of ours is held to its own."""
        if isinstance(self.inner, Node):
            return
        if isinstance(self.inner, Runnable):
            ways = names_in(parts_of(result)[1])
            if strange := [way for way in ways if way not in self.known and not leaves(result)]:
                raise ContractBroken(
                    f"{name_of(self.inner)} goes to {strange[0]!r}, which the workflow does not "
                    f"have ({', '.join(self.known)})"
                )
            return
        refuse_dropped(self.inner, channels_of(cast(Any, self.schema)), result)
        if not self.arcs or parts_of(result)[1]:
            refuse_astray(self.inner, targets_of(self.inner), result)

    def _notes(self, task: Task, state: Mapping[str, Any]) -> Notes:
        """Read the notes of its graph, by which its rounds are counted."""
        if self.rounds is not None and "kept" not in state:
            raise ContractBroken(
                f"{self.name} was sent a state without 'kept', by which its rounds are counted; "
                f"send Send({self.name!r}, {{**state, ...}})"
            )
        return Notes.of(task, state)

    def _arrived(self, notes: Notes) -> tuple[Note, dict[str, int], bool]:
        """Give its note, what it has been sent, and whether a failure has led here since."""
        if not self.sources:
            return notes.of_task(self.name), {}, False
        note = notes.of_task(self.name)
        sent, forced = notes.sent_to(self.name, self.sources)
        by_force = {f"! {source}": count for source, count in forced.items()}
        fresh = any(count > note.seen.get(at, 0) for at, count in by_force.items())
        return note, {**sent, **by_force}, fresh

    def _not_yet(
        self, notes: Notes, note: Note, sent: Mapping[str, int], state: Mapping[str, Any]
    ) -> str | None:
        """Say why it does not run now: it waits, or is not its turn; None where it runs."""
        fresh = {at for at, count in sent.items() if count > note.seen.get(at, 0)}
        if not fresh:  # led here by other means, such as a pause
            return None
        if self.every:
            if not fresh.issuperset(self.every):
                return "waits"
            if self.when is not None and not holds(self.when, state):
                return "passed over"
            return "passed over" if any(holds(one, state) for one in self.unless) else None
        late = self.once and note.runs > 0 and note.lap == notes.lap(self.loop)
        return "late" if late else None

    def _used_up(self, task: Task, notes: Notes, note: Note) -> Command[str]:
        """Go elsewhere in place of one round more."""
        decision = Decision(
            kind="escalation",
            node=task.node,
            choice=self.otherwise,
            reason=f"{task.node} has run {note.runs} times, and may not more often",
            who="budget",
        )
        note = replace(
            note,
            sent=more(note.sent, [self.otherwise]),
            forced=more(note.forced, [self.otherwise]),
        )
        update = {"decisions": [plain(decision)], "kept": notes.as_update(self.name, note)}
        return Command(goto=self.otherwise, update=update)

    def _on(
        self,
        task: Task,
        notes: Notes,
        note: Note,
        state: Mapping[str, Any],
        done: tuple[Any, list[Any]],
    ) -> Any:
        """Give the update, and the way on."""
        update, goto = done
        explicit = [to for to in goto if to != ON]
        if explicit:
            note = replace(note, sent=more(note.sent, names_in(explicit)))
            return self._command(notes, note, update, explicit)
        own = dict(writes_of(update))
        if self.gate and todo((own.get("actions") or {}).values()):
            # By effect and key: two tasks' actions of one key have other places in the state.
            places = (f"{item['name']}:{item['key']}" for item in own["actions"].values())
            note = replace(note, proposed=tuple(places))
            return self._command(notes, note, update, [self.gate])
        if self.agent is self.inner and not _is_done(own.get("outcome")):
            return self._command(notes, note, update, ["finish"])
        try:
            to = self.following(updated(self.schema, state, update) if self.asked else state)
        except Exception as problem:  # noqa: BLE001 - a person gets it
            return self._undecided(task, notes, note, update, problem)
        return self._command(notes, replace(note, sent=more(note.sent, to)), update, to)

    @property
    def asked(self) -> bool:
        """Say whether a condition decides where it leads."""
        return any(arc.when is not None for arc in self.arcs)

    def following(self, state: Mapping[str, Any]) -> list[str]:
        """Name the tasks that follow it, by the state."""
        return followed(self.arcs, state) if self.arcs else ["finish"]

    def _undecided(
        self, task: Task, notes: Notes, note: Note, update: Any, problem: Exception
    ) -> Any:
        """Hand over to a person where a condition cannot be told: the work is not done again."""
        log.warning("%s: a condition could not be told", task.node, exc_info=problem)
        why = one_line(f"a condition could not be told: {type(problem).__name__}: {problem}", 300)
        decision = plain(Decision(kind="escalation", node=task.node, choice="person", reason=why))
        if isinstance(update, Mapping | None):
            told = [*((update or {}).get("decisions") or ()), decision]
            update = {**(update or {}), "decisions": told}
        else:
            update = [*writes_of(update), ("decisions", [decision])]
        return self._command(notes, note, update, ["person"])

    def _failed(self, task: Task, notes: Notes, note: Note, problem: Exception) -> Any:
        """Record a failure that no handler may take, since LangGraph's refusals are errors too."""
        failure = failure_of(problem, task)
        decision = Decision(
            kind="escalation", node=task.node, choice=self.failed, reason=str(failure)[:300]
        )
        note = replace(
            note, sent=more(note.sent, [self.failed]), forced=more(note.forced, [self.failed])
        )
        remedy = "escalate" if self.failed == "person" else f"fallback:{self.failed}"
        update = {
            "failures": [plain(failure) | {"remedy": remedy}],
            "decisions": [plain(decision)],
        }
        return self._command(notes, note, update, [self.failed])

    def _command(self, notes: Notes, note: Note, update: Any, goto: list[Any]) -> Any:
        noted = notes.as_update(self.name, note)
        if update is None:
            update = {}
        if isinstance(update, Mapping):
            whole = {**update, "kept": {**(update.get("kept") or {}), **noted}}
            return Command(goto=goto, update=whole)
        return Command(goto=goto, update=[*writes_of(update), ("kept", noted)])


def _is_done(outcome: Any) -> bool:
    return not isinstance(outcome, Mapping) or outcome.get("status") in (None, "done")
