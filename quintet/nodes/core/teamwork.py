"""Look after a manager's steps during one of its visits: their ends, spending and tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from langgraph.types import Command

from quintet.errors import DesignError
from quintet.nodes.core.actions import of_this_run
from quintet.nodes.core.background import ENDED, TaskControl
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.kept import check_run, keep, kept
from quintet.nodes.core.ledger import Ledger, Orders
from quintet.nodes.core.pool import COUNTED, SHARED
from quintet.nodes.core.progress import steps_ended
from quintet.nodes.core.task import Task
from quintet.nodes.core.team_rounds import GIVEN_UP, Rounds
from quintet.state.action import Action
from quintet.state.budget import Budget, Spending, add_spending
from quintet.state.own import own
from quintet.state.record import digest, plain, read
from quintet.state.run import run_of
from quintet.state.step import Step


@dataclass(kw_only=True)
class Teamwork:
    """Hold a manager's work as it stands in one visit.

    Args:
        task: the manager's task.
        state: the state that it was called with.
        budget: what it and all under it may spend.
        background: runs its background tasks, if it has any.
        rounds: the steps that it has given out; None before the first.
    """

    task: Task
    state: Mapping[str, Any]
    budget: Budget
    background: TaskControl | None
    rounds: Rounds | None = None
    problems: dict[str, str] = field(default_factory=dict)
    views: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    new_results: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    tasks_spent: Spending = field(default_factory=dict)  # type: ignore[assignment]

    @classmethod
    def of(
        cls,
        task: Task,
        state: Mapping[str, Any],
        budget: Budget,
        background: TaskControl | None,
    ) -> Teamwork:
        """Read a manager's work from the state; that of an earlier answer is over and left."""
        known = kept(state, "plan").get(task.path)
        if known is not None and not known["over"]:
            check_run(task.node, known, run_of(state))
        rounds = None if known is None else read(Rounds, known)
        work = cls(task=task, state=state, budget=budget, background=background, rounds=rounds)
        if rounds is not None and rounds.over and not work.is_over:
            work.rounds = None
        return work

    @property
    def is_over(self) -> bool:
        """Say whether the manager has given up, or its run has ended elsewhere."""
        rounds = self.rounds
        ended = (self.state.get("outcome") or {}).get("status", "done") != "done"
        return rounds is not None and (rounds.over == GIVEN_UP or ended)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Give the steps so far."""
        return () if self.rounds is None else self.rounds.plan.steps

    @property
    def number(self) -> int:
        """Give the number of this round."""
        return 1 if self.rounds is None else self.rounds.number

    @cached_property
    def _ends(self) -> dict[str, Any]:
        """Give the ends of the steps that were sent to nodes of the graph."""
        if self.rounds is None:
            return {}
        ends = steps_ended(self.task, self.rounds, self.state)
        return {name: end for name, end in ends.items() if name not in self.tasks}

    @property
    def tasks(self) -> dict[str, Step]:
        """Give the steps that were begun as background tasks."""
        if self.background is None or self.rounds is None:
            return {}
        team, begun = self.background.team, self.rounds.begun
        return {s.id: s for s in self.rounds.plan.steps if s.assignee in team and s.id in begun}

    @property
    def open_tasks(self) -> dict[str, Mapping[str, Any]]:
        """Give the views of the tasks that are under way."""
        return {name: view for name, view in self.views.items() if view["status"] not in ENDED}

    @property
    def moved(self) -> Command[Any] | None:
        """Give the way back to look again, where a fallback may still be at a step; else None."""
        if self.rounds is None or not any(e["status"] == "moved" for e in self._ends.values()):
            return None
        spent = (self.state.get("spent") or {}).get("handoffs", 0)
        passed_on = [self.state.get("remedies") or {}, spent]
        seen = digest([self._ends, sorted(self.state.get("results") or {}), passed_on])
        if seen == self.rounds.seen:
            return None
        waiting = replace(self.rounds, seen=seen)
        # `defer` waits for edges, not for `Send`.
        return Command(goto=self.task.node, update=waiting.update(self.task.path))

    @property
    def ended_elsewhere(self) -> tuple[str, str] | None:
        """Give where a step went that no manager may pass over, and why; None where none did.

        That is one that recovery ended the run with, or a task that a person must take over: then
        the node is left empty.
        """
        ends = (end for end in self._ends.values() if end["status"] == "ended")
        handed = (
            ("", f"task {name}: {self.problems[name]}")
            for name, view in self.views.items()
            if view["status"] in ("escalated", "rejected", "aborted")
        )
        return next(((end["to"], end["why"]) for end in ends), next(handed, None))

    def look(self) -> Logic[None]:
        """Note which steps are done, and which have failed; look at the background tasks."""
        if self.rounds is None:
            if self.background is not None and (run := run_of(self.state)):
                yield from self._control("leave_tasks", self.task.path, run=run)
            return
        results, done = self.state.get("results") or {}, list(self.rounds.done)
        for name, end in self._ends.items():
            if end["status"] == "done" and name in results:
                done.append(name)
            elif end["status"] == "failed":
                self.problems[name] = end["why"]
            else:
                self.problems[name] = "it gave no result"
        for name in self.tasks:
            if name not in done:
                view = yield from self._checked(name)
                if view["status"] == "done":
                    done.append(name)
        self.rounds = replace(self.rounds, done=tuple(done))

    def _checked(self, name: str) -> Logic[Mapping[str, Any]]:
        view: Mapping[str, Any] = yield from self._control("check_task", self.task_id(name))
        self.views[name] = view
        at, turns = f"{self.task.path}:{name}", view["turns"]
        note = kept(self.state, "task").get(at, {"turns": 0, "actions": {}})
        seen, actions = note["turns"], dict(note["actions"])
        for turn in turns[seen:]:
            self.tasks_spent = add_spending(self.tasks_spent, turn["spent"])
            actions |= turn["actions"]
            if turn["status"] == "done":
                self.new_results[name] = turn["answer"]
        if len(turns) > seen:
            self.notes |= keep("task", at, {"turns": len(turns), "actions": actions})
        if view["status"] in ENDED and view["status"] != "done":
            self.problems[name] = f"{view['status']}: {turns[-1]['reason']}"
        return view

    def task_id(self, name: str) -> str:
        """Name a step's task among those of its thread: another run's step may have the id too."""
        return task_id(name, self.task.path, run_of(self.state))

    @property
    def since(self) -> Spending:
        """Give what the manager and all under it have spent."""
        spent: Any = self.state.get("spent") or {}
        before: Mapping[str, Any] = {} if self.rounds is None else self.rounds.spent
        first = spent if self.rounds is None else before
        now: Any = {name: spent.get(name, 0) - first.get(name, 0) for name in COUNTED}
        return add_spending(now, self.tasks_spent)

    @property
    def left(self) -> dict[str, float]:
        """Give what is left of the limited resources."""
        left: Any = self.budget.left(self.since)
        return {name: left[name] for name in SHARED if name in left}

    @property
    def left_as_budget(self) -> Budget:
        """Give what is left as a budget."""
        return Budget(**self.left)  # type: ignore[arg-type]

    def over(self, *, more: bool) -> str | None:
        """Name the limit that is used up, or None.

        With `more` to give out, a limit that is just met counts; else only one that is exceeded.
        """
        since: Any = self.since
        reached = self.budget.over(since, of=SHARED)
        name = (reached or "").partition(":")[0]
        if reached is None or not (more or since[name] > getattr(self.budget, name)):
            return None
        return f"budget reached, {reached}"

    def repeated(self, steps: tuple[Step, ...], retries: int) -> str | None:
        """Name a step that brings the work no further, or give None."""
        return None if self.rounds is None else self.rounds.repeated(steps, retries)

    @property
    def results(self) -> dict[str, Any]:
        """Give the results of the steps that have given one."""
        known = {**(self.state.get("results") or {}), **self.new_results}
        return {step.id: known[step.id] for step in self.steps if step.id in known}

    @property
    def ledger(self) -> Ledger:
        """Give what the manager sees."""
        tasks = {
            name: {"status": view["status"], "question": view["question"]}
            for name, view in self.open_tasks.items()
        }
        return Ledger(
            steps=self.steps,
            results=own(self.results),
            problems=dict(self.problems),
            tasks=tasks,
            round=self.number,
            left=self.left,
            actions=self._actions,
        )

    @property
    def _actions(self) -> dict[str, str]:
        """Give the status of each action, those of background tasks included."""
        actions: dict[str, str] = {}
        for at, note in {**kept(self.state, "task"), **_by_path(self.notes)}.items():
            if at.startswith(f"{self.task.path}:"):
                actions |= note["actions"]
        return actions | {at: str(i["status"]) for at, i in of_this_run(self.state).items()}

    @property
    def done_actions(self) -> tuple[Action, ...]:
        """Give the run's actions, as criteria take them."""
        items = of_this_run(self.state).values()
        return tuple(read(Action, i) for i in items if "arguments" in i and "again" not in i)

    @property
    def sent_with(self) -> dict[str, Any]:
        """Give what goes along with each step: whose it is, and what it may spend."""
        run, path = run_of(self.state), self.task.path
        limit = self.left
        pool = f"{self.task.thread}:{run}:{path}:{self.number}" if run and limit else ""
        return {
            "planner": self.task.node,
            "path": path,
            "version": 1,
            **({"limit": limit, "pool": pool} if limit else {}),
        }

    def take(self, orders: Orders, goal: str) -> Logic[Rounds]:
        """Add orders as a round, tell the background tasks, and give the progress."""
        words = f"round {self.number}: {in_words(orders)}"
        reopened = tuple(message.task for message in orders.messages)
        rounds = self.rounds or Rounds.first(goal, orders.steps, self.state)
        self.rounds = rounds.with_round(orders.steps, words, reopened)
        for number, message in enumerate(orders.messages):
            key = f"{self.rounds.number}.{number}"
            at = self.task_id(message.task)
            yield from self._control("message_task", at, message.text, key=key)
        for cancel in orders.cancels:
            yield from self._control("cancel_task", self.task_id(cancel.task), why=cancel.why)
        return self.rounds

    def start(self, steps: list[Step]) -> Logic[None]:
        """Start steps as background tasks; one that has begun already goes on."""
        for step in steps:
            yield from self._control(
                "start_task", step.assignee, step.goal, id=self.task_id(step.id), limit=self.left
            )

    def cancel_all(self, why: str) -> Logic[None]:
        """Cancel the tasks that are under way, and count what they have spent."""
        for name in self.open_tasks:
            yield from self._control("cancel_task", self.task_id(name), why=why)
            yield from self._checked(name)

    def _control(self, call: str, *args: Any, **options: Any) -> Logic[Any]:
        thread = self.task.thread
        if not thread:
            raise DesignError(
                f"{self.task.node} has background workers, but the graph has no checkpointer, so "
                "nothing would keep their tasks: compile(checkpointer=checkpointer(url))"
            )
        target = getattr(self.background, call)
        return (yield Call(target, args, options={"of": thread, **options}, blocks=True))

    def begun(self, steps: tuple[Step, ...]) -> dict[str, Any]:
        """Give the state update that notes steps as sent out."""
        names = tuple(step.id for step in steps)
        rounds = self.rounds
        if rounds is not None:
            own = tuple(dict.fromkeys((*rounds.own, *names)))
            self.rounds = replace(rounds, begun=(*rounds.begun, *names), own=own, seen="")
        return self.update()

    def update(self, over: str = "") -> dict[str, Any]:
        """Give the state update of the work as it stands; `over` says how it has ended, if so."""
        update: dict[str, Any] = {"kept": dict(self.notes)}
        if self.rounds is not None:
            update["kept"] |= replace(self.rounds, over=over).update(self.task.path)["kept"]
        if self.new_results:
            update["results"] = plain(self.new_results)
        if self.tasks_spent:
            update["spent"] = self.tasks_spent
        return update


def _by_path(notes: Mapping[str, Any]) -> dict[str, Any]:
    return kept({"kept": notes}, "task")


def task_id(step: str, path: str, run: str) -> str:
    """Name the background task of a manager's step."""
    return f"{step.replace('/', '-')}-{digest([run, path, step])[:6]}"


def in_words(orders: Orders) -> str:
    """Tell orders in words: `find>searcher, check>checker`."""
    words = [f"{step.id}>{step.assignee}" for step in orders.steps]
    words += [f"message to {message.task}" for message in orders.messages]
    words += [f"cancel {cancel.task}" for cancel in orders.cancels]
    return ", ".join(words)
