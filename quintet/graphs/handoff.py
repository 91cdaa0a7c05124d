"""Hand each request to one of several specialists, by a router and from one to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from langgraph.graph import StateGraph

from quintet.errors import DesignError
from quintet.graphs.crew import asking, knowing, with_handoffs
from quintet.graphs.refusals import check_names, check_part
from quintet.graphs.wiring import Wiring, add_workers
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.finish import StateCriterion
from quintet.nodes.recover import Recovery
from quintet.nodes.route import Router
from quintet.state.fragments import OrchestrationState


def create_handoff(  # noqa: PLR0913 - each is one duty, and all but two have a default
    router: Router,
    workers: Mapping[str, Any],
    *,
    handoffs: Mapping[str, tuple[str, ...]] | None = None,
    intake: Any = None,
    gate: ApprovalGate | None = None,
    recover: Recovery | None = None,
    success: tuple[StateCriterion, ...] = (),
    state: type[Any] = OrchestrationState,
    deadline: str | float | None = None,
) -> StateGraph[Any]:
    """Make a graph that routes each request to the worker that takes it.

    With a state that inherits `ConversationState` it holds a conversation of several turns, each a
    run on one thread. A worker whose contract allows `questions` may ask the customer: the run ends
    as `asked`, and the thread's next message goes to that worker, unless the router recognises a
    new request.

    Args:
        router: its targets are workers, `person` or `finish`. One that chooses `by_descriptions`
            reads what the workers' contracts say, where it has no description of a route.
        workers: by node name: `Worker`s, your own nodes, and at most one `Planner`, to which the
            workers report back while its plan is under way. Workers that no route names may be
            fallbacks.
        handoffs: by worker, those that it may hand a request over to. The needs of their contracts
            must be in the state or in the handoff's payload; else it is refused before dispatch.
        intake: a node of yours that runs first, as `intake`.
        gate: the approval gate in front of the workers' effects.
        recover: the policy for failures; by default retry, then a person.
        success: criteria on the final state that `done` needs.
        state: your state, inheriting `OrchestrationState`.
        deadline: how long a run may take, such as `"10m"`; see `quintet.runs.start`.

    Returns:
        An uncompiled StateGraph.

    Raises:
        DesignError: a target that does not exist, a name that is taken, more than one planner, a
            worker that asks and a state that does not keep it, or other parts that do not fit.
    """
    if not isinstance(router, Router):
        raise DesignError(f"create_handoff({router!r:.60}): give a Router")
    check_names(workers, state, "router", "intake")
    check_part("handoffs", handoffs, Mapping)
    workers = with_handoffs(workers, handoffs or {})
    wiring = Wiring.around(workers, gate, recover, success)
    graph: StateGraph[Any] = StateGraph(state)
    then = wiring.add_ends(graph)
    add_workers(graph, workers, wiring, then)
    router = knowing(router, workers)
    waits = asking(graph, workers)
    wiring.add_node(graph, "router", replace(router, waits=waits) if waits else router)
    if intake is None:
        wiring.begin(graph, "router", deadline=deadline)
    else:
        wiring.add_node(graph, "intake", intake)
        wiring.begin(graph, "intake", deadline=deadline)
        wiring.lead_on(graph, "intake", intake, "router")
    wiring.check(graph)
    return graph
