"""Hand each request to one of several specialists, or to a planner, by a router."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.graph import StateGraph

from quintet.graphs.wiring import Wiring, add_workers, check_names
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.finish import StateCriterion
from quintet.nodes.recover import Recovery
from quintet.nodes.route import Router
from quintet.state.fragments import OrchestrationState


def create_handoff(  # noqa: PLR0913 - each is one duty, and all but two have a default
    router: Router,
    workers: Mapping[str, Any],
    *,
    intake: Any = None,
    gate: ApprovalGate | None = None,
    recover: Recovery | None = None,
    success: tuple[StateCriterion, ...] = (),
    state: type[Any] = OrchestrationState,
    deadline: str | float | None = None,
) -> StateGraph[Any]:
    """Make a graph that routes each request to the worker that takes it.

    Args:
        router: its targets are workers, `person` or `finish`.
        workers: by node name: `Worker`s, your own nodes, and at most one `Planner`, to which the
            workers report back while its plan is under way. Workers that no route names may be
            fallbacks.
        intake: a node of yours that runs first, as `intake`.
        gate: the approval gate in front of the workers' effects.
        recover: the policy for failures; by default retry, then a person.
        success: criteria on the final state that `done` needs.
        state: your state, inheriting `OrchestrationState`.
        deadline: how long a run may take, such as `"10m"`; see `quintet.runs.start`.

    Returns:
        An uncompiled StateGraph.

    Raises:
        DesignError: a target that does not exist, a name that is taken, more than one planner, or
            other parts that do not fit.
    """
    check_names(workers, state, "router", "intake")
    wiring = Wiring.around(workers, gate, recover, success)
    graph: StateGraph[Any] = StateGraph(state)
    then = wiring.add_ends(graph)
    add_workers(graph, workers, wiring, then)
    wiring.add_node(graph, "router", router)
    if intake is None:
        wiring.begin(graph, "router", deadline=deadline)
    else:
        wiring.add_node(graph, "intake", intake)
        wiring.begin(graph, "intake", deadline=deadline)
        graph.add_edge("intake", "router")
    wiring.check(graph)
    return graph
