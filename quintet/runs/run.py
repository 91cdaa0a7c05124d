"""Show where a run stands, its decisions and open questions, and take answers to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.types import Command, StateSnapshot
from pydantic import ValidationError

from quintet.errors import AnswerRefused
from quintet.nodes.answer import Answer
from quintet.nodes.core.call import Logic, adrive, drive
from quintet.nodes.core.settlement import SettleAnswer
from quintet.runs.answered import answered
from quintet.runs.events import StreamOptions, awatch, watch
from quintet.runs.past import Past, decisions_in, read_past, values_of
from quintet.runs.refusals import check_context, check_options
from quintet.runs.stop import check_not_stopped
from quintet.runs.thread import (
    App,
    held,
    invocation,
    is_input,
    keeps_runs,
    knows_quintet,
    snapshot_of,
    thread_of,
)
from quintet.runs.versions.choose import Versions, choose, versions_of
from quintet.state.action import shown
from quintet.state.clock import now
from quintet.state.decision import Decision
from quintet.state.fragments import without_run
from quintet.state.outcome import STATUSES, Outcome
from quintet.state.record import faults, read
from quintet.state.run import run_of

RunStatus = Literal[
    "done", "asked", "escalated", "rejected", "aborted", "exhausted", "waiting", "unfinished"
]


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A question that a run waits on.

    Args:
        id: the interrupt's id; an answer is bound to it.
        node: the node that asks.
        packet: the data that the person decides on.
    """

    id: str
    node: str
    packet: Any


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a graph on a thread, as it stood when it was last moved or looked at.

    A run does not change: `answer` returns the run as it stands afterwards. A second answer through
    the same object is therefore refused, and does not reach the next question.

    Attributes:
        app: the compiled graph.
        thread: the thread's id.
        values: the state.
        waiting: the questions that are open.
        finished: whether nothing is left to run.
        config: LangGraph's configuration of the run.
        options: the further arguments of LangGraph's `invoke` (`context`, ...); `answer` passes
            them again, since LangGraph stores none of them.
        past: what it has been through, as far as it is read.
        versions: the versions of the graph, where `pinned` gave several.
    """

    app: App = field(repr=False)
    thread: str
    values: Mapping[str, Any] = field(repr=False)
    waiting: tuple[Waiting, ...] = ()
    finished: bool = False
    config: RunnableConfig = field(repr=False, compare=False, default_factory=RunnableConfig)
    options: Mapping[str, Any] = field(repr=False, compare=False, default_factory=dict)
    past: Past = field(repr=False, compare=False, default_factory=Past)
    versions: Versions | None = field(repr=False, compare=False, default=None)

    @property
    def id(self) -> str:
        """Give the run's own id; a thread's next run has another."""
        return run_of(self.values)

    @property
    def results(self) -> Mapping[str, Any]:
        """Give the results of workers and steps by their names: `run.results["billing"]`."""
        return _Results(self.values.get("results") or {})

    @property
    def outcome(self) -> Outcome | None:
        """Give the run's outcome; None while it runs, and for graphs that write no outcome."""
        return outcome_in(self.values)

    @property
    def status(self) -> RunStatus:
        """Give the outcome's status, or `waiting`, or `unfinished`.

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
        """Give the run's decisions in order; a long run's oldest are read now.

        Raises:
            RunError: they are to be read now, and the checkpointer is closed.
        """
        return self.past.decisions(self.values)

    @property
    def path(self) -> tuple[str, ...]:
        """Name the nodes that ran, in order; a long run's first are read now.

        Raises:
            RunError: they are to be read now, and the checkpointer is closed.
        """
        return self.past.path()

    def answer(self, answer: Any, *, to: str | None = None, **options: Any) -> Run:
        """Answer the open question, and run on.

        Args:
            answer: from `approve`, `edit`, `reject`, `respond` or `settle`; for an interrupt of
                your own, the value that it expects. Or a dict of answers by the ids of their
                questions, to answer several at once.
            to: the question's id; needed where several are open and one is answered.
            options: passed to LangGraph's `invoke`; they replace those that the run began with.

        Returns:
            The run as it stands afterwards.

        Raises:
            AnswerRefused: nothing is open, another question is open now, or the answer is
                malformed, late, or of somebody who may not give it. The question stays open.
            RunError: the graph has a context and none is given, or an option asks for a stream.
            ThreadHeld: somebody else moves this thread now.
            Stopped: a person has stopped its graph, tenant or thread.
        """
        return drive(self.answer_logic(answer, to, options))

    async def aanswer(self, answer: Any, *, to: str | None = None, **options: Any) -> Run:
        """Answer the open question of an async graph, as `answer`."""
        return await adrive(self.answer_logic(answer, to, options))

    def stream(self, answer: Any, *, to: str | None = None, **options: Any) -> Iterator[Any]:
        """Answer the open question as `answer` does, and yield events meanwhile.

        Yields:
            LangGraph's events, as `quintet.runs.stream` does; last the run as it stands afterwards.
        """
        sorted_options = StreamOptions.of(self.app, options)
        return watch(self.answer_logic(answer, to, sorted_options.invoke), sorted_options)

    def astream(self, answer: Any, *, to: str | None = None, **options: Any) -> AsyncIterator[Any]:
        """Answer the open question of an async graph and yield events meanwhile, as `stream`."""
        sorted_options = StreamOptions.of(self.app, options)
        return awatch(self.answer_logic(answer, to, sorted_options.invoke), sorted_options)

    def answer_logic(self, answer: Any, to: str | None, options: Mapping[str, Any]) -> Logic[Run]:
        """Answer open questions, as `answer` does."""
        check_options(options, "to")
        ids = {waiting.id for waiting in self.waiting}
        if to is None and isinstance(answer, Mapping) and answer and ids.issuperset(answer):
            pairs = [(self._question(id_), given) for id_, given in answer.items()]
        else:
            pairs = [(self._question(to), answer)]
        return held(self.app, self.thread, _answer(self, pairs, {**self.options, **options}))

    def _question(self, to: str | None) -> Waiting:
        if not self.waiting:
            raise AnswerRefused(f"run {self.thread!r} waits for nobody: it is {self.status}")
        questions = ", ".join(f"{waiting.id} at {waiting.node}" for waiting in self.waiting)
        if to is None and len(self.waiting) > 1:
            raise AnswerRefused(
                f"run {self.thread!r} has {len(self.waiting)} open questions ({questions}); "
                "say which with to=..."
            )
        for waiting in self.waiting:
            if to in (None, waiting.id):
                return waiting
        raise AnswerRefused(
            f"run {self.thread!r} has no open question {to!r}; open are {questions}: give its id"
        )

    def __str__(self) -> str:
        lines = [f"run {self.thread}: {self.status}"]
        if self.outcome is not None:
            lines.append(f"  {self.outcome.reason}")
        lines += [f"  waits at {w.node}: {_question_text(w.packet)}" for w in self.waiting]
        # Nothing is read to print a run: of a long one this is the end.
        if self.past.nodes:
            begin = () if self.past.begins else ("...",)
            lines.append(f"  path: {' -> '.join((*begin, *self.past.nodes))}")
        lines += [f"  {decision}" for decision in self.past.decisions(self.values, whole=False)]
        return "\n".join(lines)

    __repr__ = __str__


class _Results(dict[str, Any]):
    """Hold results by name, and name those that there are where one is missing."""

    def __missing__(self, name: Any) -> Any:
        raise KeyError(f"there is no result {name!r}; there are {', '.join(self) or 'none'}")


def outcome_in(values: Mapping[str, Any]) -> Outcome | None:
    """Read the outcome from a state; a user's own value of that name counts as none."""
    outcome = values.get("outcome")
    if isinstance(outcome, Mapping) and outcome.get("status") in STATUSES:
        return read(Outcome, outcome)
    return None


def _question_text(packet: Any) -> str:
    if isinstance(packet, Mapping) and "question" in packet:
        return str(packet["question"])[:200]
    if isinstance(packet, Mapping) and "action" in packet:
        return f"{packet['action']}({shown(packet['arguments'])}): {packet['why_asked']}"
    if isinstance(packet, Mapping) and "timer" in packet:
        return str(packet["why_asked"])
    return str(packet)[:200]


def _bind(answer: Any, question: Waiting) -> Any:
    """Turn an answer into plain data, with the digest of the action shown and the time now.

    Raises:
        AnswerRefused: it says how an effect ended, and the question is another one.
    """
    settles = isinstance(question.packet, Mapping) and "settle" in question.packet
    if isinstance(answer, SettleAnswer) and not settles:
        raise AnswerRefused(
            f"{question.node} does not ask how an effect ended, which settle({answer.answer!r}) "
            f"tells; it asks: {_question_text(question.packet)}"
        )
    digest = question.packet.get("digest", "") if isinstance(question.packet, Mapping) else ""
    # The time goes with the answer: read again after a crash, it must not count as late.
    if isinstance(answer, Mapping) and "answer" in answer and digest:
        return {"digest": digest, "at": now(), **answer}
    if isinstance(answer, Answer | SettleAnswer):
        binding = {"digest": answer.digest or digest, "at": answer.at or now()}
        answer = answer.model_copy(update=binding)
    if hasattr(answer, "model_dump"):
        return answer.model_dump()
    return answer


def _answer(run: Run, pairs: list[tuple[Waiting, Any]], options: Mapping[str, Any]) -> Logic[Run]:
    """Answer open questions by their ids, and run on."""
    yield from check_not_stopped(run.app, run.config)
    known = run.versions if run.versions and run.app in run.versions.apps else versions_of(run.app)
    # Whoever answers has seen the question as the graph asks it: nothing is migrated here.
    versions = replace(known, migrations=())
    run = replace(run, app=(yield from choose(versions, run.config, move="answer")).app)
    # Looked at anew: LangGraph ignores an unknown id in silence and runs the waiting nodes again.
    snapshot: StateSnapshot = yield snapshot_of(run.app, run.config)
    gone = yield from answered(run.app, run.config, snapshot)
    packets = {question.id: question.packet for question in _questions(snapshot, gone)}
    open_now = [(_still_open(question, packets), answer) for question, answer in pairs]
    if any(question.id not in packets for question, _ in open_now):
        node = next(question.node for question, _ in open_now if question.id not in packets)
        raise AnswerRefused(
            f"run {run.thread!r}: the question at {node} is not open any more "
            "(it was answered, or the run was started anew); look(app, thread=...) shows what is"
        )
    replies = {question.id: _bind(answer, question) for question, answer in open_now}
    if None in replies.values():
        raise AnswerRefused("None is not an answer; give approve(by=...), or a value")
    check_context(run.app, options)
    nodes = ", ".join(question.node for question, _ in open_now)
    try:
        drained = yield from invocation(run.app, Command(resume=replies), run.config, options)
    except ValidationError as problem:
        # Either the question's schema refused the answer, and it is still open, or a node failed.
        after: StateSnapshot = yield snapshot_of(run.app, run.config)
        if {interrupt.id for interrupt in after.interrupts} & set(replies):
            raise AnswerRefused(f"{nodes}: {faults(problem)}") from problem
        raise
    moved: Run = yield from read_run(run.app, run.config, options)
    if drained and any(waiting.id in replies for waiting in moved.waiting):
        raise AnswerRefused(f"{nodes}: the process was told to end first, and the question is open")
    for question, _ in open_now:
        if (refusal := _refusal(moved, question, snapshot)) is not None:
            raise AnswerRefused(f"{question.node}: {refusal}")
    return replace(moved, versions=run.versions)


def _questions(snapshot: StateSnapshot, gone: Collection[str]) -> tuple[Waiting, ...]:
    """Give the questions that are open."""
    return tuple(
        Waiting(id=interrupt.id, node=task.name, packet=interrupt.value)
        for task in snapshot.tasks
        for interrupt in task.interrupts
        if interrupt.id not in gone
    )


def _still_open(question: Waiting, packets: Mapping[str, Any]) -> Waiting:
    """Give a question as it is open now: asked again after a refusal, it may have a new id."""
    if question.id in packets:
        return question
    again = [key for key, packet in packets.items() if _asked_again(packet, question.packet)]
    return replace(question, id=again[0]) if len(again) == 1 else question


def _refusal(moved: Run, question: Waiting, before: StateSnapshot) -> str | None:
    """Give the reason for which a node refused the answer and asks again; None if it did not."""
    for waiting in moved.waiting:
        another = waiting.id != question.id and waiting.node == question.node
        if (
            another
            and "refused" in waiting.packet
            and _asked_again(waiting.packet, question.packet)
        ):
            return f"{waiting.packet['refused']}; its question is open again"
    known = decisions_in(dict(before.values))
    log = moved.past.decisions(moved.values, whole=False)
    new = [d for d in log if d.node == question.node and d not in known]
    refused = [d for d in new if d.kind == "answer" and d.choice == "refused"]
    return refused[-1].reason if refused else None


def _asked_again(packet: Any, earlier: Any) -> bool:
    """Say whether a packet asks an earlier question again because its answer was refused."""
    if not isinstance(packet, Mapping) or not isinstance(earlier, Mapping):
        return False
    # How an effect ended is asked in the same words until it begins once more, which is counted.
    again = "refused" in packet or "settle" in packet
    return again and {**packet, "refused": ""} == {**earlier, "refused": ""}


def read_run(app: App, config: RunnableConfig, options: Mapping[str, Any]) -> Logic[Run]:
    """Read the run from a thread's newest checkpoints."""
    snapshot: StateSnapshot = yield snapshot_of(app, config)
    values = dict(snapshot.values)
    if is_input(snapshot) and keeps_runs(app):
        # Cut off before its first node, the run has nothing yet: these are the last run's values.
        values = without_run(values)
    newest = str(snapshot.config["configurable"].get("checkpoint_id", ""))
    gone = yield from answered(app, config, snapshot)
    past: Past = yield from read_past(app.checkpointer, config, newest, values)
    past.nodes += _ended(snapshot)
    return Run(
        app=app,
        thread=thread_of(config),
        values=values_of(values, past),
        waiting=_questions(snapshot, gone),
        past=past,
        # Not by `next`: it is empty too where a step's last task is saved and its checkpoint not.
        finished=snapshot.created_at is not None and not snapshot.tasks,
        config=config,
        options=options,
    )


def _ended(snapshot: StateSnapshot) -> tuple[str, ...]:
    """Name the nodes of an unfinished superstep that have run."""
    tasks = [task for task in snapshot.tasks if task.result is not None or task.error]
    # Nodes that `Send` started keep their order; those that edges started ran at once.
    sent = [task.name for task in tasks if task.path[0] == "__pregel_push"]
    others = sorted(task.name for task in tasks if task.path[0] != "__pregel_push")
    return tuple(name for name in (*sent, *others) if not name.startswith("__"))
