"""Run workers in the background: each task is a run on a thread of its own, found after a crash."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.errors import AnswerRefused, DesignError, RunError, ThreadHeld
from quintet.nodes.core.attempt import current
from quintet.nodes.core.task import current_task
from quintet.runs.mover import Mover, Stored, is_stopped, stored_of
from quintet.runs.stop import stop
from quintet.runs.taskrecord import TaskBook, TaskRecord, cancel_tasks
from quintet.runs.thread import App
from quintet.state.journal.entry import Journal
from quintet.state.record import digest

POLL, LONG = 0.2, 1.0
"""Seconds between two looks at tasks that others run, and at those of this process."""


class Background:
    """Start, look at, message, answer and cancel tasks that run in the background.

    tasks = Background({"researcher": create_single_agent(researcher)}, checkpointer=saver)
    tasks.start_task("researcher", "Find the causes", id="causes", of="desk-1")
    tasks.check_task("causes", of="desk-1")["status"]

    Each task is a run of its worker's graph on a thread of its own, moved by a thread of this
    process. When the process dies, the tasks stand where they were last saved; whoever checks one
    in another process resumes it, once. Tasks are known by id within their owner, `of`, which is
    a thread's id; within a node it is the thread of the node by default.

    Args:
        graphs: by worker: a graph, compiled or not, whose state has `message` or `messages`.
        checkpointer: from `quintet.state.checkpointer`; its journal keeps the tasks.
        purposes: what each worker is for, as a manager's model reads it.
        awaits: run the graphs with `ainvoke`, each in an event loop of its own.

    Raises:
        DesignError: no graphs, a checkpointer without a journal, or a graph that takes no message.
    """

    def __init__(
        self,
        graphs: Mapping[str, Any],
        *,
        checkpointer: BaseCheckpointSaver[Any],
        purposes: Mapping[str, str] | None = None,
        awaits: bool = False,
    ) -> None:
        journal = getattr(checkpointer, "journal", None)
        if not isinstance(journal, Journal):
            raise DesignError(
                f"Background(checkpointer={type(checkpointer).__name__}): it keeps no journal, in "
                "which the tasks would be found again; give one from quintet.state.checkpointer"
            )
        if not graphs:
            raise DesignError("Background: it has no workers; give at least one graph")
        self._saver, self._journal, self._awaits = checkpointer, journal, awaits
        self._book = TaskBook(journal)
        self._apps = {name: _compiled(name, g, checkpointer, journal) for name, g in graphs.items()}
        self._team = {name: (purposes or {}).get(name, "") for name in graphs}
        self._changed = threading.Condition()
        self._movers: dict[tuple[str, str], Mover] = {}

    @property
    def team(self) -> Mapping[str, str]:
        """Give the workers, each with its purpose."""
        return self._team

    def start_task(
        self,
        worker: str,
        goal: str,
        *,
        id: str = "",
        of: str = "",
        limit: Mapping[str, float] | None = None,
    ) -> dict[str, Any]:
        """Start a task in the background, and give its view.

        Args:
            worker: who takes it.
            goal: what it is to achieve; the worker's graph gets it as its message.
            id: its name; by default made from worker and goal, so that the same task started again,
                as after a crash, is the same task.
            of: the thread that owns it.
            limit: what it may spend: `steps`, `tokens`, `money`, `seconds`.

        Returns:
            Its view: `id`, `worker`, `thread`, `status`, `question`, `turns`.

        Raises:
            DesignError: an unknown worker, an id with a slash, or no owner outside of a node.
            RunError: there is a task of this id, of another worker or with another goal.
        """
        if worker not in self._apps:
            raise DesignError(f"no background worker {worker!r}; there are {', '.join(self._apps)}")
        around = current.get()
        by = {} if around is None else {"path": around.task.path, "run": around.run}
        value = {"worker": worker, "text": goal, "limit": dict(limit or {}), "by": by}
        name = id or f"{worker}-{digest([worker, goal])[:6]}"
        if "/" in name:  # its thread is named by owner and id, and two would be one
            raise DesignError(f"task {name!r}: an id has no '/'; give id= another name")
        record = self._book.begin(name, _owner(of), value)
        return self._look(record)

    def check_task(self, id: str, *, of: str = "") -> dict[str, Any]:
        """Give a task's view; one that nobody runs any more is resumed.

        One whose graph, tenant or thread a person has stopped is `stopped` until that is released.

        Raises:
            NoSuchRun: there is none of this id.
        """
        return self._look(self._book.read(id, _owner(of)))

    def message_task(self, id: str, text: str, *, of: str = "", key: str = "") -> dict[str, Any]:
        """Queue a follow-up: it is the task's next turn, on the same thread.

        Args:
            id: the task.
            text: what it is told.
            of: the thread that owns it.
            key: a name for the follow-up, which is queued once; by default one that says the same
                as another in the queue is that other.

        Raises:
            RunError: the task was cancelled.
        """
        record = self._book.read(id, _owner(of))
        if record.cancelled:
            raise RunError(f"task {id!r} was cancelled, and takes no message; start another one")
        return self._look(self._book.tell(record, text, key))

    def cancel_task(
        self, id: str, *, of: str = "", why: str, by: str = "its manager"
    ) -> dict[str, Any]:
        """Cancel a task: it stops at its next superstep, and no effect of it begins any more.

        So do the tasks that it has started itself.
        An agent or effect that is at work goes on to its end. A task that has ended stays so.
        """
        record = self._book.read(id, _owner(of))
        if record.idle:
            return record.view("")
        stop(self._saver, thread=record.thread, by=by, why=why)
        reason = f"cancelled by {by}: {why}"
        mover = self._movers.get((record.of, record.id))
        if mover is not None and not mover.over:
            mover.control.request_drain(reason)
            spent = mover.spent
        else:
            stored = self._stored(record)
            spent = {} if stored is None or stored.turn != record.turn else stored.spent
        self._journal.close(record.thread)
        record = self._book.end(record, record.turn, status="cancelled", reason=reason, spent=spent)
        # It may be a manager with tasks itself.
        cancel_tasks(self._saver, record.thread, by=by, why=why)
        self._tell()
        return record.view("")

    def leave_tasks(self, manager: str, *, run: str, of: str = "") -> None:
        """Cancel what a manager has under way for a run that is over or was withdrawn.

        Args:
            manager: the path of its node; tasks that agents have by `tools` stay.
            run: the run that goes on now.
            of: the thread that owns the tasks.
        """
        owner = _owner(of)
        for record in [*self._book.under_way(owner)]:
            path, other = record.started_by
            if record.of == owner and path == manager and _first(other) != _first(run):
                why = "the run that had started it is over or was withdrawn"
                self.cancel_task(record.id, of=owner, why=why)

    def adopt_question(self, id: str, *, of: str = "") -> None:
        """Take a task's question off the inbox, since its owner asks it on a thread of its own.

        It stays open, and may be answered there too.
        """
        self._journal.close(self._book.read(id, _owner(of)).thread)

    def answer_task(
        self, id: str, answer: Any, *, of: str = "", question: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Answer the question that a task waits with, and let it run on to its next stop.

        Args:
            id: the task.
            answer: as `Run.answer` takes it.
            of: the thread that owns it.
            question: the question of a view that the answer is for; by default the one that the
                task waits with now.

        Raises:
            AnswerRefused: it waits for nobody or with another question, somebody else answers it
                now, or the answer does not fit; the question stays open.
        """
        record = self._book.read(id, _owner(of))
        view = self._look(record)
        if view["status"] != "waiting":
            raise AnswerRefused(f"task {id!r} waits for nobody: it is {view['status']}")
        asked = view["question"] if question is None else question
        mover = self._moved(record, lambda mover: mover.answer(answer, asked))
        if mover is None:
            raise AnswerRefused(f"task {id!r}: somebody else answers it now; look at it again")
        mover.answered.wait()
        if isinstance(mover.problem, ThreadHeld):
            raise AnswerRefused(f"task {id!r}: {mover.problem}") from mover.problem
        if mover.problem is not None:
            raise mover.problem
        return self.check_task(id, of=record.of)

    def wait_tasks(
        self, ids: Collection[str], *, of: str = "", seconds: float | None = None
    ) -> None:
        """Wait until one of these tasks stops: it has ended, asks a person, or was cancelled."""
        if isinstance(ids, str):
            raise DesignError(f"wait_tasks({ids!r}): give a list of ids, [{ids!r}]")
        owner = _owner(of)
        movers = [self._movers.get((owner, name)) for name in ids]
        with self._changed:
            ours = all(mover is not None and not mover.over for mover in movers)
            most = LONG if ours else POLL  # others' tasks tell nothing here
            self._changed.wait(most if seconds is None else min(most, seconds))

    def tools(self) -> tuple[Callable[..., Any], ...]:
        """Give the functions by which an agent has tasks: for `Contract(tools=)` or a model.

        They are `start_task`, `check_task`, `message_task` and `cancel_task`; the tasks are those
        of the thread on which the agent runs.
        """
        names = ", ".join(f"{n} ({about})" if about else n for n, about in self._team.items())

        def start_task(worker: str, goal: str) -> dict[str, Any]:
            return _brief(self.start_task(worker, goal))

        def check_task(id: str) -> dict[str, Any]:
            """Look how a background task stands: its status, and its answer once it has one."""
            return _brief(self.check_task(id))

        def message_task(id: str, text: str) -> dict[str, Any]:
            """Queue a follow-up for a background task; it answers it after what it is doing."""
            return _brief(self.message_task(id, text))

        def cancel_task(id: str, why: str) -> dict[str, Any]:
            """Cancel a background task."""
            return _brief(self.cancel_task(id, why=why))

        start_task.__doc__ = f"Start a background task, and get its id. Workers: {names}."
        return start_task, check_task, message_task, cancel_task

    def _look(self, record: TaskRecord) -> dict[str, Any]:
        """Give a task's view; where it has work and nobody does it, have it done."""
        if record.idle:
            return record.view("")
        mover = self._movers.get((record.of, record.id))
        if mover is not None and not mover.over:
            return record.view("running")
        stored = self._stored(record)
        if stored is not None and stored.questions and stored.turn == record.turn:
            return record.view("waiting", stored.questions[0])
        if is_stopped(self._apps[record.worker], record):
            return record.view("stopped")
        self._moved(record, Mover.advance)
        return record.view("running")

    def _stored(self, record: TaskRecord) -> Stored | None:
        # In a context of its own: within a node, LangGraph would take the run for a nested one.
        try:
            return contextvars.Context().run(stored_of, self._apps[record.worker], record)
        except RunError:  # its graph has changed: whoever moves it records that as its end
            return None

    def _moved(self, record: TaskRecord, how: Callable[[Mover], None]) -> Mover | None:
        """Have a thread of this process move a task; None where one does already."""
        with self._changed:
            mover = self._movers.get((record.of, record.id))
            if mover is not None and not mover.over:
                return None
            app = self._apps[record.worker]
            mover = Mover(app, self._book, record, how=how, tell=self._tell)
            mover.awaits = self._awaits
            self._movers[record.of, record.id] = mover
            mover.start()
            return mover

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _first(run: str) -> str:
    """Give the outermost of the runs that a run is nested in."""
    return run.partition(".")[0]


def _owner(of: str) -> str:
    thread = of or current_task("").thread
    if not thread:
        raise DesignError("a background task belongs to a thread: give of=, the thread's id")
    return thread


def _compiled(name: str, graph: Any, saver: BaseCheckpointSaver[Any], journal: Journal) -> App:
    app = graph.compile(checkpointer=saver) if isinstance(graph, StateGraph) else graph
    kept = getattr(getattr(app, "checkpointer", None), "journal", None)
    if not isinstance(app, CompiledStateGraph) or kept is not journal:
        raise DesignError(
            f"Background: worker {name!r} is {type(graph).__name__}; give a StateGraph, or a graph "
            "compiled with the same checkpointer"
        )
    if not {"message", "messages"} & app.channels.keys():
        raise DesignError(
            f"Background: the graph of {name!r} takes neither `message` nor `messages`, in which "
            "it would be told what to do"
        )
    return app


def _brief(view: Mapping[str, Any]) -> dict[str, Any]:
    """Give what an agent needs to know of a task: no thread, no packet, the last answer alone."""
    turns = view["turns"]
    last = {"answer": turns[-1]["answer"], "reason": turns[-1]["reason"]} if turns else {}
    return {"id": view["id"], "status": view["status"], **last}
