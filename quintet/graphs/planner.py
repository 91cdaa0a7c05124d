"""Plan a request as steps for several workers, check the plan, have it signed, and carry it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from langgraph.graph import StateGraph

from quintet.graphs.refusals import check_names, check_part
from quintet.graphs.wiring import Wiring, add_workers
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.finish import StateCriterion
from quintet.nodes.plan import Planner
from quintet.nodes.recover import Recovery, replan, retry
from quintet.nodes.sign_off import NODE as SIGN_OFF
from quintet.nodes.sign_off import SignOff
from quintet.nodes.work import Worker
from quintet.state.fragments import OrchestrationState

AS_EVIDENCE = Recovery(
    transient=(retry(3), replan()),
    rate_limit=(retry(4, wait=1.0), replan()),
    timeout=(retry(2), replan()),
    invalid=(retry(2), replan()),
    contract=replan(),
    permanent=replan(),
    unknown=replan(),
)
"""The usual recovery of a plan: a step that fails for good is evidence for a new plan."""


def create_planner(  # noqa: PLR0913 - each is one duty, and all but two have a default
    planner: Any,
    workers: Mapping[str, Any],
    *,
    sign_off: SignOff | None = None,
    gate: ApprovalGate | None = None,
    recover: Recovery | None = None,
    success: tuple[StateCriterion, ...] = (),
    state: type[Any] = OrchestrationState,
    deadline: str | float | None = None,
) -> StateGraph[Any]:
    """Make a graph that plans each request, as `plan`, and sends the steps to workers.

    Args:
        planner: a `Planner`; or what makes its plans (a function, a template or a chat model),
            among all workers.
        workers: by node name: `Worker`s, or your own nodes. Workers that no step names may be
            fallbacks.
        sign_off: who signs each plan, and each changed one, before it goes on.
        gate: the approval gate in front of the workers' effects; what a step proposes is
            decided before the next steps are sent.
        recover: the policy for failures; by default a step that fails for good is planned anew,
            and a refused plan goes to a person.
        success: criteria on the final state that `done` needs.
        state: your state, inheriting `OrchestrationState`.
        deadline: how long a run may take, such as `"10m"`; see `quintet.runs.start`.

    Returns:
        An uncompiled StateGraph.

    Raises:
        DesignError: a name that is taken, another planner among the workers, or parts that do not
            fit.
    """
    check_names(workers, state, "plan", SIGN_OFF)
    check_part("recover", recover, Recovery)
    check_part("sign_off", sign_off, SignOff)
    node = _planner(planner, workers)
    asked = sign_off or node.sign_off
    node = replace(node, sign_off=asked)
    nodes = {"plan": node, **workers}
    wiring = Wiring.around(nodes, gate, recover or AS_EVIDENCE, success)
    graph: StateGraph[Any] = StateGraph(state)
    add_workers(graph, nodes, wiring, wiring.add_ends(graph))
    if asked is not None:
        known = replace(node, crew=wiring.crew(workers))
        asking = replace(asked, of="plan", planner=known)
        wiring.add_node(graph, SIGN_OFF, asking)
    wiring.begin(graph, "plan", deadline=deadline)
    wiring.check(graph)
    return graph


def _planner(planner: Any, workers: Mapping[str, Any]) -> Planner:
    if isinstance(planner, Planner):
        return planner
    purposes = {
        name: worker.contract.goal if isinstance(worker, Worker) else ""
        for name, worker in workers.items()
    }
    return Planner(make=planner, assignees=purposes)
