"""Show what waits for people over all threads and graphs, and take their answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from quintet.errors import AnswerRefused, DesignError, NoSuchRun, RunError, Stopped, ThreadHeld
from quintet.nodes.asking import NOBODY
from quintet.nodes.core.call import Call, Logic, adrive, drive
from quintet.nodes.core.node import log
from quintet.runs.run import Run
from quintet.runs.start import look_logic
from quintet.runs.stored import open_questions
from quintet.runs.thread import App, check_open
from quintet.runs.versions.choose import Versions, versions_of
from quintet.state.clock import now
from quintet.state.decision import Decision
from quintet.state.journal.entry import Journal
from quintet.state.savers.saver import Saver


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question in the inbox.

    Attributes:
        thread: the thread of the run that asks.
        id: the question's id; an answer is bound to it.
        node: the node that asks; empty where the checkpointer does not tell.
        packet: what the person decides on.
        since: since when it has been open, in seconds since the epoch.
    """

    thread: str
    id: str
    node: str
    packet: Any
    since: float

    @property
    def gate(self) -> str:
        """Name the gate that asks; empty for other questions."""
        return str(self._part("gate"))

    @property
    def expires(self) -> float | None:
        """Give until when it may be answered with yes; None for no limit."""
        moment = self._part("expires")
        return float(moment) if moment else None

    @property
    def until(self) -> float | None:
        """Give when a timer ends, in seconds since the epoch; None for a question to a person."""
        return float(self._part("until")) if self._part("timer") else None

    @property
    def ends_itself(self) -> bool:
        """Say whether its time is over, and it is a timer or its gate says what becomes of it."""
        if self.until is not None:
            return self.until <= now()
        over = self.expires is not None and self.expires < now()
        return over and self._part("if_expired") == "reject"

    def may_be_answered_by(self, name: str) -> bool:
        """Say whether somebody, or a role, is among those whom the packet names."""
        if self.until is not None and not self._part("signal"):
            return False  # only its time ends it
        named = self._part("approvers") or ()
        return not named or name in named

    def _part(self, name: str) -> Any:
        return self.packet.get(name) or "" if isinstance(self.packet, Mapping) else ""


class Desk:
    """Hold the questions that wait for people, of all threads of one or several graphs.

    Args:
        apps: a compiled graph, or several by their names; each with a checkpointer. Versions of
            one, from `pinned`, stand for a graph.

    Raises:
        DesignError: one is not compiled, or has no checkpointer.
    """

    def __init__(self, apps: App | Versions | Mapping[str, App | Versions]) -> None:
        if isinstance(apps, list | tuple):
            raise DesignError("Desk([...]): give several graphs by name, as {'support': app}")
        given = apps if isinstance(apps, Mapping) else {"": apps}
        self._named = {name: versions_of(app) for name, app in given.items()}
        for name, app in ((name, versions.newest) for name, versions in self._named.items()):
            if not isinstance(app.checkpointer, BaseCheckpointSaver):
                raise DesignError(
                    f"Desk: graph {name or app.name!r} has no checkpointer, so nothing waits there"
                )

    def waiting(
        self, *, thread: str | None = None, gate: str | None = None, approver: str | None = None
    ) -> tuple[Question, ...]:
        """Give the open questions, the oldest first.

        Args:
            thread: only those of this thread.
            gate: only those of this gate.
            approver: only those that this person, or this role, may answer by their packets.
        """
        return drive(self._waiting(thread, gate, approver))

    async def awaiting(
        self, *, thread: str | None = None, gate: str | None = None, approver: str | None = None
    ) -> tuple[Question, ...]:
        """Give the open questions of async graphs, as `waiting`."""
        return await adrive(self._waiting(thread, gate, approver))

    def answer(self, question: Question | str, answer: Any, **options: Any) -> Run:
        """Answer a question, and run its run on.

        Args:
            question: the question, or the id of its thread where that asks one. Where a person has
                decided on another action of that run before, only the question itself is taken:
                a second click must be no yes to what comes next.
            answer: as for `Run.answer`.
            options: passed to LangGraph's `invoke`.

        Returns:
            The run as it stands afterwards.

        Raises:
            NoSuchRun: no graph of this desk has the thread's run.
            AnswerRefused, RunError, ThreadHeld: as for `Run.answer`.
        """
        return drive(self._answer(question, answer, options))

    async def aanswer(self, question: Question | str, answer: Any, **options: Any) -> Run:
        """Answer a question of an async graph, as `answer`."""
        return await adrive(self._answer(question, answer, options))

    def sweep(self) -> tuple[Run, ...]:
        """Move on what its time moves on: ended timers, and questions that nobody answered in time.

        A question ends as its gate declares (`if_expired`).

        Returns:
            The runs that were moved on. A question that somebody answers at this moment, or that
            another sweep has answered, is passed over, and so is one of a run that is stopped. The
            log names a run that cannot be moved so, such as one whose graph has a context.

        Raises:
            Exception: what a run has raised when it went on; the others were swept before.
        """
        return drive(self._sweep())

    async def asweep(self) -> tuple[Run, ...]:
        """Move on what its time moves on, on async graphs; as `sweep`."""
        return await adrive(self._sweep())

    def _waiting(
        self, thread: str | None, gate: str | None, approver: str | None
    ) -> Logic[tuple[Question, ...]]:
        found: list[Question] = []
        newest = [versions.newest for versions in self._named.values()]
        savers = {id(app.checkpointer): app.checkpointer for app in newest}
        for saver in savers.values():
            check_open(saver)
            found += yield Call(questions_in, (saver, thread), blocks=True)
        return tuple(
            question
            for question in sorted(found, key=lambda each: (each.since, each.thread, each.id))
            if gate in (None, question.gate)
            and (approver is None or question.may_be_answered_by(approver))
        )

    def _answer(
        self, question: Question | str, answer: Any, options: Mapping[str, Any]
    ) -> Logic[Run]:
        if not isinstance(question, Question | str):
            raise AnswerRefused(
                f"{question!r:.60} is no question: give one of waiting(), or a thread's id"
            )
        thread = question if isinstance(question, str) else question.thread
        versions = yield from self._versions_of(thread)
        run = yield from look_logic(versions, thread)
        if isinstance(question, str):
            _refuse_the_next(run)
        to = None if isinstance(question, str) else question.id
        return (yield from run.answer_logic(answer, to, dict(options)))

    def _versions_of(self, thread: str) -> Logic[Versions]:
        """Find the graph that a thread's run is of: the one that has begun it, else that fits.

        Raises:
            NoSuchRun: none, or several.
        """
        if len(self._named) == 1:
            return next(iter(self._named.values()))
        fitting = {}
        for name, versions in self._named.items():
            nodes = {"", *(node for app in versions.apps for node in app.nodes)}
            asks: tuple[Question, ...] = yield Call(
                questions_in, (versions.newest.checkpointer, thread), blocks=True
            )
            if asks and all(question.node in nodes for question in asks):
                fitting[name] = versions
        if len(fitting) != 1:
            names = ", ".join(fitting) or "none"
            raise NoSuchRun(
                f"thread {thread!r} may be a run of {names} of this desk's graphs "
                f"({', '.join(self._named)}); answer it by a Desk of the right one"
            )
        return next(iter(fitting.values()))

    def _sweep(self) -> Logic[tuple[Run, ...]]:
        moved, failed = [], list[Exception]()
        for question in (yield from self._waiting(None, None, None)):
            if not question.ends_itself:
                continue
            try:
                answer = EXPIRED if question.until is None else WOKEN
                moved.append((yield from self._answer(question, answer, {})))
            except (AnswerRefused, ThreadHeld, NoSuchRun, Stopped):
                continue  # somebody is answering it, or has, or has stopped it
            # One run that cannot go on must not keep the others' time from running out.
            except RunError as problem:
                log.warning("not swept: %s", problem)
            except Exception as problem:  # noqa: BLE001 - a node may fail in any way
                problem.add_note(f"thread {question.thread!r}; what else had expired was swept")
                failed.append(problem)
        if failed:
            raise failed[0]
        return tuple(moved)


def _refuse_the_next(run: Run) -> None:
    """Refuse an answer that names no question where a person has decided on another action before.

    Raises:
        AnswerRefused: it names the run, and what is asked now.
    """
    decided = [each.seen for each in run.past.decisions(run.values, whole=False) if _of_gate(each)]
    for waiting in run.waiting:
        digest = waiting.packet.get("digest") if isinstance(waiting.packet, Mapping) else None
        if digest and any(not seen.endswith(f"[{digest}]") for seen in decided):
            raise AnswerRefused(
                f"run {run.thread!r} was answered before, and asks about another action now: "
                f"{waiting.packet.get('action')} at {waiting.node}, question {waiting.id}; an "
                "answer to it names the question: answer(question, ...), or --question ID"
            )


def _of_gate(decision: Decision) -> bool:
    return decision.kind == "approval" and decision.by == "person"


EXPIRED = {"answer": "expire", "by": NOBODY, "note": "nobody has answered in time"}
WOKEN = {"answer": "wake", "by": "the clock"}


def sweep(apps: App | Mapping[str, App]) -> tuple[Run, ...]:
    """Move on what its time moves on, on one graph or several; as `Desk.sweep`."""
    return Desk(apps).sweep()


def questions_in(saver: BaseCheckpointSaver[Any], thread: str | None) -> list[Question]:
    """Give the open questions in a checkpointer, of one thread or of all."""
    journal: Journal | None = saver.journal if isinstance(saver, Saver) else None
    if journal is None:  # one of LangGraph's own: each thread is looked at
        return [
            Question(thread=name, id=asked.id, node="", packet=asked.value, since=0.0)
            for name, asked in open_questions(saver, thread)
        ]
    questions, known = [], {}
    for item in journal.opened(thread):
        if item.thread not in known:
            known[item.thread] = {asked.id for _, asked in open_questions(saver, item.thread)}
        # A crash may have left one on the list that is not open any more.
        if item.name in known[item.thread]:
            questions.append(
                Question(
                    thread=item.thread,
                    id=item.name,
                    node=item.value["node"],
                    packet=item.value["packet"],
                    since=item.at,
                )
            )
    return questions
