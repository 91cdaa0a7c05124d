"""Run workers one after the other, each with the results of those before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.graph import StateGraph

from quintet.errors import DesignError
from quintet.graphs.wiring import Wiring, check_names
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.core.function import targets_of
from quintet.nodes.finish import StateCriterion
from quintet.nodes.plan import Planner
from quintet.nodes.recover import Recovery
from quintet.state.fragments import OrchestrationState


def create_sequential(
    workers: Mapping[str, Any],
    *,
    gate: ApprovalGate | None = None,
    recover: Recovery | None = None,
    success: tuple[StateCriterion, ...] = (),
    state: type[Any] = OrchestrationState,
    deadline: str | float | None = None,
) -> StateGraph[Any]:
    """Make a graph that runs workers in order; a contract may need earlier results by their names.

    Args:
        workers: by node name, in order; `Worker`s or your own nodes.
        gate: the approval gate in front of their effects, after the last worker.
        recover: the policy for failures; by default retry, then a person.
        success: criteria on the final state that `done` needs.
        state: your state, inheriting `OrchestrationState`.
        deadline: how long a run may take, such as `"10m"`; see `quintet.runs.start`.

    Returns:
        An uncompiled StateGraph.

    Raises:
        DesignError: no workers, a planner among them, or parts that do not fit together.
    """
    if not workers:
        raise DesignError("create_sequential: it has no workers; give at least one")
    check_names(workers, state)
    if planners := [name for name, worker in workers.items() if isinstance(worker, Planner)]:
        raise DesignError(
            f"create_sequential: {planners[0]!r} is a Planner, which sends steps out in an order "
            "of its own; give it to create_handoff"
        )
    wiring = Wiring.around(workers, gate, recover, success)
    graph: StateGraph[Any] = StateGraph(state)
    then = wiring.add_ends(graph)
    names = list(workers)
    for name, following in zip(names, [*names[1:], then], strict=True):
        way = wiring.way_on(None, then) if following == then else following
        worker = wiring.wired(workers[name], way, then)
        wiring.add_node(graph, name, worker)
        if not targets_of(worker):
            wiring.add_edges(graph, name, way)
    wiring.begin(graph, names[0], deadline=deadline)
    wiring.check(graph)
    return graph
