"""Move a background task in a thread of this process: turn by turn, until it waits or is over."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.runtime import RunControl
from langgraph.types import StateSnapshot

from quintet.errors import AnswerRefused, RunError, Stopped, ThreadHeld
from quintet.nodes.agents.graph import answer_of_run
from quintet.nodes.core.actions import of_this_run
from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.call import Logic, adrive, drive
from quintet.nodes.core.pool import around, new_pool
from quintet.runs.drain import control_of_process
from quintet.runs.run import Run, read_run
from quintet.runs.start import NewRun, resume_logic, start_logic
from quintet.runs.stop import check_not_stopped
from quintet.runs.taskrecord import TaskBook, TaskRecord
from quintet.runs.thread import App, keeps_runs, snapshot_of
from quintet.runs.versions.choose import choose, versions_of
from quintet.state.budget import Budget, Spending, add_spending
from quintet.state.contract import Contract
from quintet.state.failure import in_words
from quintet.state.fragments import without_run

TURN = "quintet_turn"
"""The metadata key by which a checkpoint tells which turn of its task it belongs to."""

_ANY = Contract(goal="answer", needs=("message",), gives=Any)


class Control(RunControl):
    """Stop a task at its next superstep: when it is cancelled, or its process shall end."""

    __slots__ = ()

    @property
    def drain_requested(self) -> bool:
        """Say whether it shall stop."""
        process = control_of_process().get("control")
        return super().drain_requested or (process is not None and process.drain_requested)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A task's run as it is stored, and the turn that it belongs to."""

    run: Run
    turn: int

    @property
    def questions(self) -> list[dict[str, Any]]:
        """Give the questions that it waits with, as a task's view shows them."""
        return [{"id": asked.id, "packet": asked.packet} for asked in self.run.waiting]

    @property
    def spent(self) -> Spending:
        """Give what the turn has spent so far."""
        spent: Spending = dict(self.run.values.get("spent") or {})  # type: ignore[assignment]
        return spent


class Mover:
    """Move one task in a thread of its own.

    Attributes:
        over: whether it has stopped: the task waits, is over, or is moved by somebody else.
        answered: set when an answer was taken or refused.
        problem: why an answer was refused.
        control: stops the task at its next superstep.
        awaits: whether the graph is awaited, in an event loop of this thread.
    """

    def __init__(
        self,
        app: App,
        book: TaskBook,
        record: TaskRecord,
        *,
        how: Callable[[Mover], None],
        tell: Callable[[], None],
    ) -> None:
        self._app, self._book, self._record = app, book, record
        self._how, self._tell = how, tell
        self._pool: Attempt = new_pool(record.worker, Budget())
        self.over, self.awaits = False, False
        self.answered = threading.Event()
        self.problem: Exception | None = None
        self.control = Control()

    def start(self) -> None:
        """Begin, in a context that knows of no node around it."""
        run = contextvars.Context().run
        name = f"quintet-task {self._record.thread}"
        threading.Thread(target=run, args=(self._run,), name=name, daemon=True).start()

    @property
    def spent(self) -> Spending:
        """Give what the turn under way has spent so far."""
        return self._pool.spent

    def _run(self) -> None:
        try:
            self._how(self)
        except Exception as problem:  # noqa: BLE001 - whoever answered gets it
            self.problem = problem
        finally:
            self.over = True
            self.answered.set()
            self._tell()

    def advance(self) -> None:
        """Go on with the task, and with each follow-up, until it waits or is over."""
        while not (record := self._read()).idle and not self.control.drain_requested:
            try:
                run = self._turn(record)
            except (ThreadHeld, Stopped):  # it goes on when it is looked at again
                return
            except Exception as problem:  # noqa: BLE001 - the task has failed, and says why
                if is_stopped(self._app, record):  # as a run would, it goes on once it is released
                    return
                self._ended(record, "failed", in_words(problem))
                continue
            if not self._settled(record, run):
                return

    def answer(self, answer: Any, question: Mapping[str, Any]) -> None:
        """Give a question of the task its answer, and go on.

        Raises:
            AnswerRefused: it does not fit, or the task does not ask this question any more.
        """
        record = self._read()
        stored = stored_of(self._app, record)
        if stored is None or question not in stored.questions:
            raise AnswerRefused(f"task {record.id!r} does not ask this any more; look at it again")
        self._share(record, stored)
        logic = stored.run.answer_logic(answer, question["id"], {"control": self.control})
        try:
            over = self._settled(record, self._driven(logic))
        except (RunError, Stopped):  # it was not taken, and the question stays open
            raise
        except Exception as problem:  # noqa: BLE001 - the task has failed, and says why
            self._ended(record, "failed", in_words(problem))
            over = True
        if over:
            self.answered.set()
            self.advance()

    def _read(self) -> TaskRecord:
        self._record = self._book.read(self._record.id, self._record.of)
        return self._record

    def _turn(self, record: TaskRecord) -> Run:
        """Start the turn, or go on with it; give the run as it stands then."""
        stored = stored_of(self._app, record)
        begun = stored is not None and stored.turn == record.turn
        self._share(record, stored if begun else None)
        config, versions = config_of(record), versions_of(self._app)
        options = {"control": self.control}
        if stored is None or not begun:
            left = record.limit.left(_spent(record))
            seconds = left.get("seconds") if keeps_runs(self._app) else None
            new = NewRun(self._input(record), withdraw=True, deadline=seconds or None)
            return self._driven(start_logic(versions, new, None, config, options))
        if stored.run.waiting or stored.run.finished:
            return stored.run
        return self._driven(resume_logic(versions, record.thread, config, options))

    def _share(self, record: TaskRecord, stored: Stored | None) -> None:
        """Hold all that the turn does to what is left of the task's limit."""
        limit: Any = record.limit.left(_spent(record))
        self._pool = new_pool(record.worker, Budget(**limit))
        if stored is not None:
            self._pool.spent = stored.spent
        around.set((self._pool,))

    def _input(self, record: TaskRecord) -> dict[str, Any]:
        text = record.inputs[record.turn]
        if "message" in self._app.channels:
            return {"message": text}
        return {"messages": [HumanMessage(text)]}

    def _driven(self, logic: Logic[Run]) -> Run:
        return asyncio.run(adrive(logic)) if self.awaits else drive(logic)

    def _settled(self, record: TaskRecord, run: Run) -> bool:
        """Record the end of a turn; say whether it has ended."""
        if run.waiting or not run.finished:
            return False
        reason = run.outcome.reason if run.outcome is not None else "nothing is left to run"
        status = "failed" if run.status == "unfinished" else run.status
        self._ended(record, status, reason, run)
        return True

    def _ended(self, record: TaskRecord, status: str, reason: str, run: Run | None = None) -> None:
        more: dict[str, Any] = {"spent": self.spent}
        if run is not None:
            done = {at: item["status"] for at, item in of_this_run(run.values).items()}
            spent = run.values.get("spent") or {}
            more = {"answer": answer_in(run), "spent": spent, "actions": done}
        self._book.end(record, record.turn, status=status, reason=reason, **more)
        self._tell()


def config_of(record: TaskRecord) -> RunnableConfig:
    """Give the configuration of a task's run: its thread, and its turn as metadata."""
    return {"configurable": {"thread_id": record.thread}, "metadata": {TURN: record.turn}}


def is_stopped(app: App, record: TaskRecord) -> bool:
    """Say whether a person has stopped a task's graph, tenant or thread."""
    try:
        drive(check_not_stopped(app, config_of(record)))
    except Stopped:
        return True
    return False


def stored_of(app: App, record: TaskRecord) -> Stored | None:
    """Read a task's run; None where none is stored.

    Raises:
        GraphChanged: the worker's graph is another now, and cannot go on with it.
        RunError: it goes on at a node that is gone, and nobody wrote down its graph.
    """
    return drive(_stored(app, config_of(record)))


def _stored(app: App, config: RunnableConfig) -> Logic[Stored | None]:
    snapshot: StateSnapshot = yield snapshot_of(app, config)
    if snapshot.created_at is None:
        return None
    turn = int((snapshot.metadata or {}).get(TURN, -1))  # type: ignore[call-overload]
    if turn == config["metadata"][TURN]:  # an earlier turn is not gone on with
        # Of a node that is gone LangGraph tells nothing, and the run would look finished.
        yield from choose(versions_of(app), config)
    run = yield from read_run(app, config, {})
    return Stored(run=run, turn=turn)


def answer_in(run: Run) -> Any:
    """Give the answer of a run: its manager's or last result, its last message, or its state."""
    values: Mapping[str, Any] = run.values
    if run.results:
        return answer_of_run(run.app, _ANY, values)
    messages = values.get("messages") or ()
    if messages and isinstance(messages[-1], BaseMessage):
        return str(messages[-1].text)
    return without_run(values)


def _spent(record: TaskRecord) -> Spending:
    total: Spending = {}
    for turn in record.turns:
        total = add_spending(total, turn["spent"])
    return total
