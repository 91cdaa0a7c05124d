"""Wait for a manager's background tasks, and bring their questions to a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from langgraph.types import Command

from quintet.errors import AnswerRefused, Stopped
from quintet.nodes.core.background import ENDED, TaskControl
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.node import Node, one_line
from quintet.nodes.core.question import answer_given, ask, ask_again
from quintet.nodes.core.task import Task, current_task, told_to_stop
from quintet.nodes.core.teamwork import task_id
from quintet.state.deadline import deadline_of
from quintet.state.decision import Decision
from quintet.state.record import digest, plain
from quintet.state.run import mark, run_of


@dataclass(frozen=True, kw_only=True)
class Watch(Node):
    """Wait until a background task of a manager has ended a turn, or ask what a task asks.

    A task's question is in the inbox at once, on the task's own thread. When all that goes on
    without a person has ended, it becomes this node's own, so that it reaches whoever has the run;
    the answer goes to the task. `create_manager_worker` adds it where there are background workers.

    Args:
        background: runs the tasks.
        manager: the manager's node, to which it leads back.
    """

    background: TaskControl
    manager: str = "manager"

    writes = frozenset({"decisions", "kept", "run"})
    asks = True

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the manager; it also comes back to itself after an answer."""
        return (self.manager,)

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[str]]:
        """Wait, and lead back to the manager; or ask a person.

        An answer to a question that no task asks any more is put on record.
        """
        task = current_task("watch")
        given = answer_given() if task.path in kept(state, "asked") else []
        command = yield from self._watch(task, state, given)
        if not given:
            return command
        record = Decision(
            kind="answer",
            node=task.node,
            choice="late",
            reason="no task asks this any more: it was answered on the task's own thread, or the "
            f"task has ended; the answer is not used: {one_line(given[0])}",
            by="person",
        )
        update: Any = command.update
        return replace(command, update={**update, "decisions": [plain(record)]})

    def _watch(self, task: Task, state: Mapping[str, Any], given: list[Any]) -> Logic[Command[str]]:
        tasks = self._under_way(task, state)
        deadline = deadline_of(run_of(state))
        while True:
            running, stopped, asking = [], "", None
            for name, (at, seen) in tasks.items():
                view = yield self._call(task, "check_task", at)
                if len(view["turns"]) > seen:
                    return Command(goto=self.manager, update=mark(state, task.node))
                if view["status"] == "waiting":
                    asking = asking or (name, at, view)
                elif view["status"] == "stopped":
                    stopped = stopped or name
                elif view["status"] not in ENDED:
                    running.append(at)
            if running and told_to_stop():  # it waits on where the run is resumed
                return Command(goto=task.node, update=mark(state, task.node))
            if running and deadline is not None and deadline.passed:
                return Command(goto=self.manager, update=mark(state, task.node))
            if not running:
                return (yield from self._rest(task, state, given, asking, stopped))
            yield self._call(task, "wait_tasks", running)

    def _rest(
        self, task: Task, state: Mapping[str, Any], given: list[Any], asking: Any, stopped: str
    ) -> Logic[Command[str]]:
        """Ask a person, or lead back to the manager, once no task moves any more.

        Raises:
            Stopped: a person has stopped a task; the run waits in this node until it is resumed.
        """
        if asking is not None:
            return (yield from self._ask(task, state, given, *asking))
        if stopped:
            raise Stopped(
                f"{task.node}: a person has stopped what the background task {stopped!r} is part "
                "of; quintet.runs.stops(...) lists it; once it is released, resume this run"
            )
        return Command(goto=self.manager, update=mark(state, task.node))

    def _under_way(self, task: Task, state: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
        """Give the tasks that the manager waits for: by step, the id and the turns it has seen."""
        path = "/".join(filter(None, (task.path.rpartition("/")[0], self.manager)))
        rounds = kept(state, "plan").get(path) or {"begun": (), "done": (), "plan": {"steps": ()}}
        seen = kept(state, "task")
        steps = {step["id"]: step["assignee"] for step in rounds["plan"]["steps"]}
        return {
            name: (
                task_id(name, path, run_of(state)),
                seen.get(f"{path}:{name}", {"turns": 0})["turns"],
            )
            for name in rounds["begun"]
            if name not in rounds["done"] and steps.get(name) in self.background.team
        }

    def _ask(
        self,
        task: Task,
        state: Mapping[str, Any],
        given: list[Any],
        name: str,
        at: str,
        view: Mapping[str, Any],
    ) -> Logic[Command[str]]:
        question = view["question"]
        this = digest([at, question])
        # Whoever answers has seen the question as it was asked. By then the task may have been
        # answered on its own thread, and ask another one, to which that answer is none.
        if kept(state, "asked").get(task.path) != this:
            noted = {"kept": keep("asked", task.path, this)}
            return Command(goto=task.node, update={**mark(state, task.node), **noted})
        packet = question["packet"]
        asked = packet if isinstance(packet, dict) else {"question": packet}
        told = {"task": name, "worker": view["worker"], "thread": view["thread"]}
        yield self._call(task, "adopt_question", at)
        answer = given.pop() if given else ask(task, state, {**asked, **told}, None)
        if isinstance(answer, Command):
            return answer
        try:
            yield self._call(task, "answer_task", at, answer, question=question)
        except AnswerRefused as refusal:
            now = yield self._call(task, "check_task", at)
            if now["question"] is not None:
                return ask_again(state, task.node, refusal)
            given.append(answer)  # somebody has answered it on the task's own thread
        return Command(goto=task.node, update=mark(state, task.node))

    def _call(self, task: Task, name: str, *args: Any, **more: Any) -> Call:
        options = {"of": task.thread, **more}
        return Call(getattr(self.background, name), args, options=options, blocks=True)
