"""One agent: the simplest control flow, and the baseline for every other."""

from __future__ import annotations

from typing import Any

from langgraph.graph import StateGraph

from quintet.graphs.wiring import Wiring, add_workers, check_names, effects_of
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.finish import StateCriterion
from quintet.nodes.recover import Recovery
from quintet.state.fragments import OrchestrationState


def create_single_agent(
    worker: Any,
    *,
    gate: ApprovalGate | None = None,
    recover: Recovery | None = None,
    success: tuple[StateCriterion, ...] = (),
    state: type[Any] = OrchestrationState,
) -> StateGraph[Any]:
    """One worker under its contract, with approval, recovery and an outcome.

    Args:
        worker: a `Worker`, the agent and its contract, or a node of yours; its name is `work`.
        gate: the approval gate in front of its effects.
        recover: what to do about failures; by default retry, then a person.
        success: criteria on the final state that `done` needs.
        state: your state, inheriting `OrchestrationState`.

    Returns:
        An uncompiled StateGraph.

    Raises:
        DesignError: parts that do not fit together.
    """
    workers = {"work": worker}
    check_names(workers, state)
    wiring = Wiring(
        gate=gate,
        recover=recover or Recovery(),
        success=success,
        effects=effects_of(workers),
    )
    graph: StateGraph[Any] = StateGraph(state)
    then = wiring.tail(graph)
    add_workers(graph, workers, wiring, then)
    wiring.begin(graph, "work")
    wiring.check(graph)
    return graph
