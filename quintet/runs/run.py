"""A run as a thing to hold: where it stands, what it decided, what it waits for."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.types import Command, StateSnapshot
from pydantic import ValidationError

from quintet.errors import AnswerRefused
from quintet.nodes.approve import Answer
from quintet.nodes.core.call import Logic, adrive, drive
from quintet.runs.events import Wanted, awatched, watched
from quintet.runs.refusals import check_context, check_options
from quintet.runs.thread import (
    App,
    held,
    history,
    invoked,
    is_input,
    keeps_runs,
    knows_quintet,
    snapshot_of,
)
from quintet.state.action import shown
from quintet.state.decision import KINDS, Decision
from quintet.state.fragments import without_run
from quintet.state.outcome import STATUSES, Outcome
from quintet.state.record import faults, read
from quintet.state.run import run_of

RunStatus = Literal[
    "done", "escalated", "rejected", "aborted", "exhausted", "waiting", "unfinished"
]


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A question that a run waits on.

    Args:
        id: the interrupt's id; an answer is bound to it.
        node: the node that asks.
        packet: what the person gets to decide on.
    """

    id: str
    node: str
    packet: Any


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a graph on a thread, as it stood when it was last moved or looked at.

    A run does not change: `answer` returns the run as it stands afterwards. An answer
    given twice through the same object is therefore refused, not put to the next question.

    Attributes:
        app: the compiled graph.
        thread: the thread's id.
        values: the state.
        waiting: the questions that are open.
        path: the nodes that ran, in order.
        config: LangGraph's configuration of the run.
        options: what was passed to LangGraph's `invoke` besides (`context`, ...); `answer` passes
            it again, since LangGraph stores none of it.
    """

    app: App = field(repr=False)
    thread: str
    values: Mapping[str, Any] = field(repr=False)
    waiting: tuple[Waiting, ...] = ()
    path: tuple[str, ...] = ()
    finished: bool = False
    config: RunnableConfig = field(repr=False, compare=False, default_factory=RunnableConfig)
    options: Mapping[str, Any] = field(repr=False, compare=False, default_factory=dict)

    @property
    def id(self) -> str:
        """Give the run's own id; a thread's next run has another."""
        return run_of(self.values)

    @property
    def results(self) -> Mapping[str, Any]:
        """Give what the workers and steps gave, by their names: `run.results["billing"]`."""
        results: Mapping[str, Any] = self.values.get("results") or {}
        return results

    @property
    def outcome(self) -> Outcome | None:
        """How the run ended; None while it has not, and for graphs that write no outcome."""
        return outcome_in(self.values)

    @property
    def status(self) -> RunStatus:
        """The outcome's status, or `waiting`, or `unfinished`.

        A graph of yours that writes no outcome is `done` when nothing is left to run.
        """
        if self.waiting:
            return "waiting"
        outcome = self.outcome
        if outcome is not None:
            return outcome.status
        ends_itself = "outcome" in self.app.channels and knows_quintet(self.app)
        return "done" if self.finished and not ends_itself else "unfinished"

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The run's decisions in order; a long run's oldest are in its older checkpoints."""
        return decisions_in(self.values)

    def answer(self, answer: Any, *, to: str | None = None, **options: Any) -> Run:
        """Answer the open question, and run on.

        Args:
            answer: from `approve`, `edit`, `reject`, `respond` or `settle`; for an interrupt of
                your own, whatever it expects.
            to: the question's id; needed where several are open.
            options: passed to LangGraph's `invoke`, over those that the run was started with.

        Returns:
            The run as it stands afterwards.

        Raises:
            AnswerRefused: nothing is open, another question is open now, or the answer is
                malformed, late, or of somebody who may not give it. The question stays open.
        """
        return drive(self._answer(answer, to, options))

    async def aanswer(self, answer: Any, *, to: str | None = None, **options: Any) -> Run:
        """Answer the open question of an async graph, as `answer`."""
        return await adrive(self._answer(answer, to, options))

    def stream(self, answer: Any, *, to: str | None = None, **options: Any) -> Iterator[Any]:
        """Answer the open question as `answer` does, and watch.

        Yields:
            LangGraph's events, as `quintet.runs.stream` does; last the run as it stands afterwards.
        """
        wanted = Wanted.of(self.app, options)
        return watched(self.app, self._answer(answer, to, wanted.rest), wanted)

    def astream(self, answer: Any, *, to: str | None = None, **options: Any) -> AsyncIterator[Any]:
        """Answer the open question of an async graph, and watch; as `stream`."""
        wanted = Wanted.of(self.app, options)
        return awatched(self.app, self._answer(answer, to, wanted.rest), wanted)

    def _answer(self, answer: Any, to: str | None, options: Mapping[str, Any]) -> Logic[Run]:
        check_options(options)
        logic = _answered(self, self._question(to), answer, {**self.options, **options})
        return held(self.app, self.thread, logic)

    def _question(self, to: str | None) -> Waiting:
        if not self.waiting:
            raise AnswerRefused(f"run {self.thread!r} waits for nobody: it is {self.status}")
        if to is None and len(self.waiting) > 1:
            open_now = ", ".join(f"{item.id} at {item.node}" for item in self.waiting)
            raise AnswerRefused(
                f"run {self.thread!r} has {len(self.waiting)} open questions ({open_now}); "
                "say which with to=..."
            )
        for item in self.waiting:
            if to in (None, item.id):
                return item
        raise AnswerRefused(
            f"run {self.thread!r} has no open question {to!r}; "
            f"open are {', '.join(item.id for item in self.waiting)}"
        )

    def __str__(self) -> str:
        lines = [f"run {self.thread}: {self.status}"]
        if self.outcome is not None:
            lines.append(f"  {self.outcome.reason}")
        lines += [f"  waits at {item.node}: {_question_text(item.packet)}" for item in self.waiting]
        if self.path:
            lines.append(f"  path: {' -> '.join(self.path)}")
        lines += [f"  {decision}" for decision in self.decisions]
        return "\n".join(lines)

    __repr__ = __str__


def outcome_in(values: Mapping[str, Any]) -> Outcome | None:
    """The outcome in a state; what else a graph of yours keeps under that name is left alone."""
    written = values.get("outcome")
    if isinstance(written, Mapping) and written.get("status") in STATUSES:
        return read(Outcome, written)
    return None


def decisions_in(values: Mapping[str, Any]) -> tuple[Decision, ...]:
    """The decisions in a state, as for the outcome."""
    kept = values.get("decisions")
    items = kept if isinstance(kept, list) else []
    ours = (item for item in items if isinstance(item, Mapping) and item.get("kind") in KINDS)
    return tuple(read(Decision, item) for item in ours)


def _question_text(packet: Any) -> str:
    if isinstance(packet, Mapping) and "action" in packet:
        return f"{packet['action']}({shown(packet['arguments'])}): {packet['why_asked']}"
    return str(packet)[:200]


def bound(answer: Any, question: Waiting) -> Any:
    """An answer as plain data, bound to the action that its question showed, and to this moment.

    With the moment on it, an answer in time stays in time when a crash lets it be read again later.
    """
    shown = question.packet.get("digest", "") if isinstance(question.packet, Mapping) else ""
    if isinstance(answer, Mapping) and "answer" in answer and shown:
        return {"digest": shown, "at": time.time(), **answer}
    if isinstance(answer, Answer):
        given = {"digest": answer.digest or shown, "at": answer.at or time.time()}
        answer = answer.model_copy(update=given)
    if hasattr(answer, "model_dump"):
        return answer.model_dump()
    return answer


def _answered(run: Run, question: Waiting, answer: Any, options: Mapping[str, Any]) -> Logic[Run]:
    """Answer one open question by its id, and run on."""
    snapshot: StateSnapshot = yield snapshot_of(run.app, run.config)
    now_open = {item.id: item.value for item in snapshot.interrupts}
    if question.id not in now_open:
        again = [at for at, packet in now_open.items() if _same(packet, question.packet)]
        if len(again) == 1:
            question = replace(question, id=again[0])
    if question.id not in now_open:
        raise AnswerRefused(
            f"run {run.thread!r}: the question at {question.node} is not open any more "
            "(it was answered, or the run was started anew); look(app, thread=...) shows what is"
        )
    given = bound(answer, question)
    if given is None:
        raise AnswerRefused("None is not an answer; give approve(by=...), or a value")
    check_context(run.app, options)
    try:
        yield invoked(run.app, Command(resume={question.id: given}), run.config, options)
    except ValidationError as problem:
        after: StateSnapshot = yield snapshot_of(run.app, run.config)
        if question.id in {item.id for item in after.interrupts}:
            raise AnswerRefused(f"{question.node}: {faults(problem)}") from problem
        raise
    now: Run = yield from seen(run.app, run.config, options)
    if (refusal := _refusal(now, question, snapshot)) is not None:
        raise AnswerRefused(f"{question.node}: {refusal}; its question is open again")
    return now


def _refusal(now: Run, question: Waiting, before: StateSnapshot) -> str | None:
    """Give why a node's own schema has refused the answer, where it was asked again."""
    for item in now.waiting:
        asked_again = item.id != question.id and item.node == question.node
        if asked_again and _same(item.packet, question.packet):
            return str(item.packet["refused"])
    known = len(decisions_in(dict(before.values)))
    new = [item for item in now.decisions[known:] if item.node == question.node]
    refused = [item for item in new if item.kind == "answer" and item.choice == "refused"]
    return refused[-1].reason if refused else None


def _same(again: Any, packet: Any) -> bool:
    """Say whether a packet is an earlier one, asked again as the answer was refused."""
    if not isinstance(again, Mapping) or not isinstance(packet, Mapping):
        return False
    return "refused" in again and {**again, "refused": ""} == {**packet, "refused": ""}


def seen(app: App, config: RunnableConfig, options: Mapping[str, Any]) -> Logic[Run]:
    """Give the run as it stands in the checkpoints."""
    past = yield from history(app, config)
    if past and not past[0].tasks:
        snapshot = past[0]
    else:  # only this shows what its unfinished superstep has written
        snapshot = yield snapshot_of(app, config)
    questions = tuple(
        Waiting(id=item.id, node=task.name, packet=item.value)
        for task in snapshot.tasks
        for item in task.interrupts
    )
    values = dict(snapshot.values)
    if is_input(snapshot) and keeps_runs(app):
        values = without_run(values)  # it was cut off before its first node, and has nothing yet
    return Run(
        app=app,
        thread=str(config["configurable"]["thread_id"]),
        values=values,
        waiting=questions,
        path=_path(past),
        finished=snapshot.created_at is not None and not snapshot.tasks,
        config=config,
        options=options,
    )


def _path(past: list[StateSnapshot]) -> tuple[str, ...]:
    """The nodes that ran since the last input, in order, from newest-first history."""
    path: list[str] = []
    for snapshot in reversed(past):
        tasks = [task for task in snapshot.tasks if task.result is not None or task.error]
        sent = [task.name for task in tasks if task.path[0] == "__pregel_push"]
        others = sorted(task.name for task in tasks if task.path[0] != "__pregel_push")
        path += (name for name in (*sent, *others) if not name.startswith("__"))
    return tuple(path)
