"""Say what is wrong with a workflow, all at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_type_hints

from langgraph.types import TimeoutPolicy
from pydantic import BaseModel

from quintet.errors import DesignError
from quintet.graphs.refusals import check_names
from quintet.graphs.workflows.design import ENDS, Design
from quintet.graphs.workflows.task import Task
from quintet.nodes.core.node import Node
from quintet.nodes.flow.arc import START
from quintet.nodes.plan import Planner
from quintet.nodes.work import Worker
from quintet.state.outcome import Outcome


@dataclass(frozen=True, kw_only=True, eq=False)
class Complaints:
    """Look for mistakes in a workflow.

    Args:
        design: its ways.
        state: its state.
    """

    design: Design
    state: type[Any]

    def all(self) -> list[str]:
        """Give all complaints, in the order of the tasks."""
        found = [f"{name}: {text}" for name in self.design.tasks for text in self._about(name)]
        if not self.design.first:
            found.append('no task begins it: leave `after` out of one, or give after="start"')
        reached = self.design.reached()
        if self.design.first:
            lost = [name for name in self.design.tasks if name not in reached]
            found += [f"{name}: nothing leads there" for name in lost]
        found += [
            f"{' -> '.join(way)} is a loop without a bound: give one of them rounds="
            for way in self.design.endless()
        ]
        if not found:
            found += [
                f"{name}: it waits for {', '.join(self.design.every(name))}, and never do all of "
                "them come in one run; give any_of(...) where one will do"
                for name in self.design.idle_joins()
            ]
        return found

    def _about(self, name: str) -> Iterator[str]:
        task = self.design.tasks[name]
        try:
            check_names({name: task.run}, self.state, START, "proceed", data=True)
        except DesignError as problem:
            yield str(problem).removeprefix(f"worker {name!r}: ")
        yield from self._ways_in(name, task)
        yield from self._ways_out(name)
        yield from self._node(task)
        for source, when, _ in task.arcs:
            asked_at = name if self.design.every(name) else source
            for path in dict.fromkeys(getattr(when, "paths", ())):
                yield from self._path(path, asked_at)

    def _ways_in(self, name: str, task: Task) -> Iterator[str]:
        known = (START, *self.design.tasks)
        for source in task.join.of:
            if source not in known:
                yield f"after={source!r}: there is no such task ({', '.join(self.design.tasks)})"
            elif (
                source == START
                and task.arcs
                and any(at == START and (when or rest) for at, when, rest in task.arcs)
            ):
                yield "the beginning has no condition; give it to a task that comes after the first"
        if task.when is not None and not task.join.of:
            yield "when= without after=: say after which task it is asked"
        for part, to in (("on_failure", task.on_failure), ("otherwise", task.otherwise)):
            if to and to not in (*self.design.tasks, *ENDS):
                yield f"{part}={to!r}: there is no such task ({', '.join(self.design.tasks)})"
        if task.on_failure == "finish":
            yield (
                "on_failure='finish' would end the run as done although the task failed; give a "
                "task that does the work instead, or 'person'"
            )
        if task.on_failure == name:
            yield "on_failure leads to the task itself; give retry_policy="
        group = self.design.group(name)
        if group and group[0] == name:
            arcs = [self.design.tasks[other].arcs[0] for other in group]
            yield from _total([(when is not None, rest) for _, when, rest in arcs], group)

    def _ways_out(self, name: str) -> Iterator[str]:
        arcs, chosen = self.design.arcs[name], self.design.chosen.get(name)
        run = self.design.tasks[name].run
        alone = chosen and not (isinstance(run, Worker) and run.handoffs)
        for arc in arcs if alone else ():
            if arc.to not in (chosen or ()):
                names = ", ".join(chosen or ())
                yield f"its node names the next one itself ({names}), and not {arc.to}"
            elif arc.when is not None or arc.otherwise:
                yield f"its node names the next one itself; leave the condition of {arc.to} out"
        for to in chosen or ():
            if to not in (*self.design.tasks, *ENDS):
                yield f"its node goes to {to!r}: there is no such task"
        if isinstance(run, Outcome) and arcs:
            yield f"it ends the workflow, and {arcs[0].to} cannot come after it"
        if not alone:
            yield from _total(
                [(arc.when is not None, arc.otherwise) for arc in arcs], [arc.to for arc in arcs]
            )

    def _node(self, task: Task) -> Iterator[str]:
        run = task.run
        if isinstance(run, Planner):
            yield (
                "a Planner sends its steps out by itself; give a graph that has it, as "
                "create_handoff(...), and that is then one task"
            )
        elif isinstance(run, Outcome):
            if run.status == "done":
                yield "Outcome(status='done') needs evidence; leave it to the end of the workflow"
        elif not callable(run) and not hasattr(run, "invoke") and not hasattr(run, "compile"):
            yield f"run={run!r:.60} is no node; give a function, a Worker, a graph or an Outcome"
        ours = isinstance(run, Node | Outcome)
        if ours and task.timeout is not None and not isinstance(task.timeout, TimeoutPolicy):
            yield "timeout=: a worker's time is in its Contract(budget=Budget(seconds=...))"
        if getattr(run, "asks", False) and task.retry_policy is not None:
            yield "retry_policy=: a node that asks a person is not tried again; leave it out"

    def _path(self, path: str, asked_at: str) -> Iterator[str]:
        first, _, rest = path.partition(".")
        keys = get_type_hints(self.state)
        if first not in keys:
            yield f"when={path!r}: {self.state.__name__} has no key {first!r}"
        if first != "results" or not rest:
            return
        tasks = self.design.tasks
        known = {*tasks, *(f"{at}_review" for at in tasks)}
        # A name may have dots of its own.
        name = next((at for at in known if f"{rest}.".startswith(f"{at}.")), rest.partition(".")[0])
        field = rest.removeprefix(name).removeprefix(".")
        # A function may give a result any name, and so may a graph.
        ours = all(isinstance(task.run, Node | Outcome) for task in tasks.values())
        if ours and name not in known:
            yield f"when={path!r}: no task gives a result {name!r} ({', '.join(tasks)})"
        if name in tasks and asked_at in tasks and not self.design.comes_before(name, asked_at):
            yield (
                f"when={path!r}: {name} does not come before {asked_at}, and may not have run when "
                f"it is asked; come after both, as after=({name!r}, {asked_at!r})"
            )
        if name in tasks and isinstance(tasks[name].run, Worker) and field:
            names = _fields_of(tasks[name].run.contract.gives)
            if names is not None and field.partition(".")[0] not in names:
                yield f"when={path!r}: {name} gives no {field!r} ({', '.join(sorted(names))})"


def _total(arcs: list[tuple[bool, bool]], targets: list[str]) -> Iterator[str]:
    """Complain of conditions of which none may hold, and of an `else` without a condition."""
    conditional = any(asks for asks, _ in arcs)
    otherwise = any(rest for _, rest in arcs)
    always = any(not asks and not rest for asks, rest in arcs)
    if conditional and not otherwise and not always:
        yield (
            f"nothing follows where no condition of {', '.join(targets)} holds; give one task "
            "when='else', as an Outcome"
        )
    if otherwise and not conditional:
        yield f"when='else' of {', '.join(targets)}: no other task has a condition"


def _fields_of(kind: Any) -> frozenset[str] | None:
    """Name the fields of a TypedDict, model or dataclass; None for any other type."""
    if not isinstance(kind, type):
        return None
    if issubclass(kind, BaseModel):
        return frozenset(kind.model_fields)
    if is_dataclass(kind):
        return frozenset(field.name for field in fields(kind))
    hints: Mapping[str, Any] | None = getattr(kind, "__annotations__", None)
    return frozenset(get_type_hints(kind)) if hints and issubclass(kind, dict) else None
