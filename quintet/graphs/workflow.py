"""Run tasks by a small declaration: conditions, joins, bounded loops, timers, retries, failures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from langgraph.graph import END, StateGraph
from langgraph.types import TimeoutPolicy

from quintet.errors import DesignError
from quintet.graphs.namesakes import refuse_namesakes
from quintet.graphs.refusals import check_part
from quintet.graphs.wiring import Wiring
from quintet.graphs.workflows.complaints import Complaints
from quintet.graphs.workflows.design import Design
from quintet.graphs.workflows.reading import read_tasks
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.core.function import targets_of
from quintet.nodes.finish import Finish, StateCriterion
from quintet.nodes.flow.failing import FlowRecovery, by_cause
from quintet.nodes.flow.named import NamedOutcome
from quintet.nodes.flow.proceed import Complete, Proceed
from quintet.nodes.flow.task import ON, FlowTask
from quintet.nodes.recover import Recovery
from quintet.state.fragments import OrchestrationState
from quintet.state.outcome import Outcome


def create_workflow(  # noqa: PLR0913 - each is one duty, and all but one have a default
    tasks: Mapping[str, Any],
    *,
    nodes: Mapping[str, Any] | None = None,
    gate: ApprovalGate | None = None,
    recover: Recovery | None = None,
    success: tuple[StateCriterion, ...] = (),
    state: type[Any] = OrchestrationState,
    deadline: str | float | None = None,
) -> StateGraph[Any]:
    """Make a graph of tasks that come after each other by declared conditions.

    create_workflow({
        "check": Task(run=check_stock),
        "pay": Task(run=pay, after="check", when={"results.check.in_stock": True}),
        "sold_out": Task(
            run=Outcome(status="rejected", reason="sold out"), after="check", when="else"
        ),
        "grace": Task(run=Wait(duration="2h"), after="pay"),
        "ship": Task(run=ship, after="grace", on_failure="refund"),
        "refund": Task(run=refund),
    })

    Tasks run at once where they come after the same one. A task that nothing comes after leads to
    the end, where the outcome is written once all have ended.

    Args:
        tasks: by name: a `Task`, or a dict of its parts, as JSON or YAML gives it.
        nodes: what a task's `run` may name by a text.
        gate: the approval gate in front of the tasks' effects; a task goes on when they are done.
        recover: the policy for failures that no task's `on_failure` takes; by default retry, then a
            person.
        success: criteria on the final state that `done` needs.
        state: your state, inheriting `OrchestrationState`.
        deadline: how long a run may take, such as `"10m"`; see `quintet.runs.start`. The time that
            it waits does not count.

    Returns:
        An uncompiled StateGraph.

    Raises:
        DesignError: mistakes in the declaration, all of them in one message.
    """
    check_part("recover", recover, Recovery)
    check_part("nodes", nodes, Mapping)
    design, complaints = _designed(tasks, nodes or {}, recover or Recovery(), state)
    if complaints:
        listed = "".join(f"\n- {complaint}" for complaint in complaints)
        raise DesignError(f"create_workflow: {len(complaints)} to mend:{listed}")
    runs = {name: _inner(task.run) for name, task in design.tasks.items()}
    refuse_namesakes(runs)
    joins = tuple((n, design.every(n), design.sources(n)) for n in runs if design.every(n))
    criteria = Finish(success=success).success
    whole: tuple[StateCriterion, ...] = (*criteria, Complete(joins=joins)) if joins else criteria
    wiring = Wiring.around(runs, gate, recover, whole)
    if gate is not None:
        wiring = replace(wiring, then="proceed", gate=replace(gate, rejected="proceed"))
    graph: StateGraph[Any] = StateGraph(state)
    # It looks once all branches have ended.
    graph.add_node("finish", Finish(success=whole), defer=True)
    graph.add_edge("finish", END)
    then = wiring.add_ends(graph)
    build = _Build(design=design, wiring=wiring, gate=then if gate else "", state=state)
    flow = tuple(build.task(name, node) for name, node in runs.items())
    for task in flow:
        build.add(graph, task)
    if gate is not None:
        graph.add_node("proceed", Proceed(tasks=flow, rejected=gate.rejected or "finish"))
    wiring.begin(graph, *design.first, deadline=deadline)
    wiring.check(graph)
    return graph


def _designed(
    tasks: Mapping[str, Any], nodes: Mapping[str, Any], recover: Recovery, state: type[Any]
) -> tuple[Design, list[str]]:
    """Read the declaration; give its ways, and what is wrong with it."""
    if not isinstance(tasks, Mapping) or not tasks:
        raise DesignError('create_workflow: give tasks by name, as {"check": Task(run=check)}')
    read, complaints = read_tasks(tasks, nodes)
    design = Design(tasks=read, recover=recover)
    if complaints and len(read) < len(tasks):
        # Those that could not be read are not missing: their names are known.
        others = [name for name in tasks if name not in read]
        found = [text for text in Complaints(design=design, state=state).all() if read]
        return design, [*complaints, *(t for t in found if not _follows_from(t, others))]
    return design, Complaints(design=design, state=state).all()


def _follows_from(complaint: str, unread: list[str]) -> bool:
    """Say whether a complaint may come from a task that could not be read."""
    consequences = ("nothing leads there", "no task begins it", "nothing follows where")
    named = any(f"{name!r}" in complaint for name in unread)
    return named or any(text in complaint for text in consequences)


def _inner(run: Any) -> Any:
    """Give a user's node as it runs inside a task."""
    if isinstance(run, Outcome):
        return NamedOutcome(outcome=run)
    if isinstance(run, StateGraph):
        return run.compile()
    if getattr(run, "then", None) in ("", "finish"):
        return replace(run, then=ON)
    return run


@dataclass(frozen=True, kw_only=True, eq=False)
class _Build:
    """Make the nodes of a workflow."""

    design: Design
    wiring: Wiring
    gate: str
    state: type[Any]

    @property
    def _undo(self) -> tuple[str, ...]:
        return ("undo",) if "undo" in self.wiring.recover.destinations else ()

    def task(self, name: str, node: Any) -> FlowTask:
        """Make the node of one task."""
        design, declared = self.design, self.design.tasks[name]
        when, unless = design.asked(name)
        wired = self.wiring.wired(node, ON, ON)
        arcs = design.arcs[name]
        every = design.every(name)
        task = FlowTask(
            name=name,
            inner=wired,
            arcs=arcs,
            sources=design.sources(name),
            every=every,
            when=when,
            unless=unless,
            once=not every and len(declared.join.of) > 1,
            loop=design.loop(name),
            rounds=declared.rounds,
            otherwise=declared.otherwise,
            seconds=declared.seconds,
            gate=self.gate if _may_propose(wired) else "",
            failed=declared.on_failure or "person",
            schema=self.state,
            known=(*design.tasks, "finish", "person", *self._undo),
        )
        return replace(task, targets=_targets(task, declared.on_failure))

    def add(self, graph: StateGraph[Any], task: FlowTask) -> None:
        """Add one task's node, with its retries and its handler."""
        declared = self.design.tasks[task.name]
        options: dict[str, Any] = {}
        if isinstance(declared.timeout, TimeoutPolicy):
            options["timeout"] = declared.timeout
        if not task.asks:
            recover = FlowRecovery.of(self.wiring.recover, declared.on_failure, task.sources)
            own = declared.retry_policy
            options["retry_policy"] = recover.retry_policy if own is None else by_cause(own)
            options["error_handler"] = recover
        graph.add_node(task.name, task, destinations=task.targets, **options)


def _may_propose(node: Any) -> bool:
    return "actions" in getattr(node, "writes", ("actions",)) and not isinstance(node, NamedOutcome)


def _targets(task: FlowTask, on_failure: str) -> tuple[str, ...]:
    """Name all nodes that a task may lead to by itself."""
    ways = [arc.to for arc in task.arcs]
    ways += [to for to in targets_of(task.inner) if to != ON]
    ways += [task.gate] if task.gate else []
    ways += [task.otherwise] if task.rounds is not None else []
    ways += [on_failure or "person"] if task.asks else []
    if not task.arcs or task.every or task.once or task.agent is task.inner:
        ways.append("finish")
    if task.asked or task.when is not None or task.unless:
        ways.append("person")
    return tuple(dict.fromkeys(ways))
