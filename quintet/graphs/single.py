"""Run a single agent: the simplest control flow, and the baseline for every other."""

from __future__ import annotations

from typing import Any

from langgraph.graph import StateGraph

from quintet.graphs.refusals import check_names
from quintet.graphs.wiring import Wiring, add_workers
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
    deadline: str | float | None = None,
) -> StateGraph[Any]:
    """Make a graph of one worker under its contract, with approval, recovery and an outcome.

    Args:
        worker: a `Worker`, which is an agent with its contract, or a node of yours. Its node is
            named `work`.
        gate: the approval gate in front of its effects.
        recover: the policy for failures; by default retry, then a person.
        success: criteria on the final state that `done` needs.
        state: your state, inheriting `OrchestrationState`.
        deadline: how long a run may take, such as `"10m"`; see `quintet.runs.start`.

    Returns:
        An uncompiled StateGraph.

    Raises:
        DesignError: parts that do not fit together.
    """
    workers = {"work": worker}
    check_names(workers, state)
    wiring = Wiring.around(workers, gate, recover, success)
    graph: StateGraph[Any] = StateGraph(state)
    add_workers(graph, workers, wiring, wiring.add_ends(graph))
    wiring.begin(graph, "work", deadline=deadline)
    wiring.check(graph)
    return graph
