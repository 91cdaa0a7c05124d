"""Let a manager give work out to workers, alone or in teams of their own, and answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.errors import DesignError
from quintet.graphs.refusals import check_names, check_part, together
from quintet.graphs.wiring import Wiring
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.core.background import TaskControl
from quintet.nodes.core.function import targets_of
from quintet.nodes.finish import StateCriterion
from quintet.nodes.manage import Manager
from quintet.nodes.plan import Planner
from quintet.nodes.recover import Recovery, replan
from quintet.nodes.watch import Watch
from quintet.nodes.work import Worker
from quintet.state.contract import Contract
from quintet.state.failure import FAILURE_CLASSES
from quintet.state.fragments import OrchestrationState

NODE = "manager"


def create_manager_worker(  # noqa: PLR0913 - each is one duty, and all but two have a default
    manager: Manager,
    workers: Mapping[str, Any],
    *,
    background: TaskControl | None = None,
    gate: ApprovalGate | None = None,
    recover: Recovery | None = None,
    success: tuple[StateCriterion, ...] = (),
    state: type[Any] = OrchestrationState,
    deadline: str | float | None = None,
) -> StateGraph[Any]:
    """Make a graph in which a manager gives steps to workers, round by round, and answers.

    The answer is `results["manager"]`. A worker reads its step's goal as `message`, and gets the
    results that the step names. A worker's failure, after its retries, is the manager's to see.

    Args:
        manager: who decides, under its contract; the contract's budget holds for all under it.
        workers: by node name: `Worker`s; nodes of yours, which give `results` under their step's
            id; or compiled graphs, such as a team with a manager of its own.
        background: workers whose steps run as tasks of their own; see `quintet.runs.Background`.
        gate: the approval gate in front of the workers' effects. It is asked before the manager
            decides again; a no ends the run, unless the gate leads elsewhere.
        recover: the policy for failures; by default retry, then the manager decides.
        success: criteria on the final state that `done` needs.
        state: your state, inheriting `OrchestrationState`.
        deadline: how long a run may take, such as `"10m"`; see `quintet.runs.start`.

    Returns:
        An uncompiled StateGraph.

    Raises:
        DesignError: no workers, a name that is taken, a limit on money where a worker has no price,
            or other parts that do not fit.
    """
    if not isinstance(manager, Manager):
        raise DesignError(f"create_manager_worker({type(manager).__name__}): give a Manager")
    if not workers and background is None:
        raise DesignError("create_manager_worker: it has no workers; give at least one")
    check_names(workers, state, NODE, "watch")
    check_part("recover", recover, Recovery)
    if background is not None and not hasattr(background, "team"):
        raise DesignError(f"background={background!r:.60}: give a Background")
    if background is not None:  # whose team is known here by its goals alone
        check_names(together(workers, background.team), state, NODE, "watch", data=True)
    crew = {name: _as_worker(name, worker, manager, gate) for name, worker in workers.items()}
    wiring = replace(Wiring.around(crew, gate, recover or _to_manager(), success), then=NODE)
    graph: StateGraph[Any] = StateGraph(state)
    front = wiring.add_ends(graph)
    for name, worker in crew.items():
        node = wiring.wired(worker, NODE, NODE)
        wiring.add_node(graph, name, node)
        if not targets_of(node):
            graph.add_edge(name, NODE)
    purposes = {name: _purpose(name, worker, manager) for name, worker in crew.items()}
    boss = replace(
        manager, team=purposes, gate="" if gate is None else front, background=background
    )
    wiring.add_node(graph, NODE, boss, defer=True)
    if background is not None:
        wiring.add_node(graph, "watch", Watch(background=background, manager=NODE))
    wiring.begin(graph, NODE, deadline=deadline)
    wiring.check(graph)
    return graph


def _to_manager() -> Recovery:
    """Give the usual policy: retry, then let the manager see the failure and decide."""
    usual, back = Recovery(), replan(NODE, times=1)
    chains: dict[str, Any] = {kind: (*usual.chain(kind)[:-1], back) for kind in FAILURE_CLASSES}
    return replace(usual, **chains)


def _as_worker(name: str, worker: Any, manager: Manager, gate: ApprovalGate | None) -> Any:
    """Give a compiled graph as a worker; hold a worker to the manager's price and gate."""
    if isinstance(worker, StateGraph):
        raise DesignError(f"worker {name!r}: compile the graph first, graph.compile()")
    if isinstance(worker, Planner | Manager):
        raise DesignError(
            f"worker {name!r} is a {type(worker).__name__}, which sends steps out itself; give "
            "a graph of its own, compiled, in which it has its workers"
        )
    if isinstance(worker, CompiledStateGraph):
        worker = _as_team(name, worker, manager)
    if not isinstance(worker, Worker):
        return worker
    if manager.price is not None and worker.price is None:
        worker = replace(worker, price=manager.price)
    if isinstance(worker.agent, CompiledStateGraph):
        _check_team(name, worker.agent, manager, gate)
    return worker


def _as_team(name: str, graph: Any, manager: Manager) -> Worker:
    tools = {_tool_key(tool): tool for inner in _workers_in(graph) for tool in inner.contract.tools}
    contract = Contract(
        goal=manager.team.get(name) or _goal_of(graph) or name,
        needs=("message",),
        gives=Any,
        tools=tuple(tools.values()),
    )
    return Worker(agent=graph, contract=contract)


def _check_team(name: str, graph: Any, manager: Manager, gate: ApprovalGate | None) -> None:
    """Refuse a team that would spend money uncounted, or whose effects nobody could approve."""
    limited = manager.contract.budget.money is not None
    for inner in _workers_in(graph):
        if limited and inner.price is None:
            raise DesignError(
                f"contract {manager.contract.goal!r} limits money, and {inner.contract.goal!r} in "
                f"the team {name!r} has no price, so that it would spend uncounted; give "
                "Worker(price=per_million(...))"
            )
        if gate is not None and inner.effects and not _has_gate(graph):
            raise DesignError(
                f"the team {name!r} has the effect {inner.effects[0].name!r} and no gate of its "
                "own, at which a person could be asked; give gate= to its own factory"
            )


def _workers_in(graph: Any) -> Iterator[Any]:
    """Yield the workers and managers of a graph, and of graphs in it."""
    for spec in graph.builder.nodes.values():
        node = spec.runnable
        if isinstance(node, Manager):
            yield node
        if isinstance(node, Worker):
            yield node
            node = node.agent
        if isinstance(node, CompiledStateGraph):
            yield from _workers_in(node)


def _has_gate(graph: Any) -> bool:
    nodes = [spec.runnable for spec in graph.builder.nodes.values()]
    return any(isinstance(node, ApprovalGate) for node in nodes)


def _goal_of(graph: Any) -> str:
    nodes = [spec.runnable for spec in graph.builder.nodes.values()]
    return next((node.contract.goal for node in nodes if isinstance(node, Manager)), "")


def _purpose(name: str, worker: Any, manager: Manager) -> str:
    goal = worker.contract.goal if isinstance(worker, Worker) else ""
    return manager.team.get(name) or goal


def _tool_key(tool: Any) -> str:
    """Name a tool, so that one that several workers of a team have counts once."""
    return str(getattr(tool, "name", None) or getattr(tool, "__name__", tool))
