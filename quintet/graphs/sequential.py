"""Workers one after the other, each with what the ones before it gave."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from langgraph.graph import START, StateGraph

from quintet.graphs.wiring import Wiring, effects_of
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.finish import Criterion
from quintet.nodes.recover import Recovery
from quintet.state.channels import OrchestrationState
from quintet.state.errors import DesignError


def create_sequential(
    workers: Mapping[str, Any],
    *,
    approve: ApprovalGate | None = None,
    recover: Recovery | None = None,
    success: tuple[Criterion, ...] = (),
    state: type[Any] = OrchestrationState,
) -> StateGraph[Any]:
    """Workers in the order given. A contract may need an earlier worker's result by its name.

    Args:
        workers: by node name, in order; `Worker`s or your own nodes.
        approve: the gate in front of their effects, after the last worker.
        recover: what to do about failures; by default retry, then a person.
        success: criteria on the final state that `done` needs.
        state: your state, inheriting `OrchestrationState`.

    Returns:
        An uncompiled StateGraph.

    Raises:
        DesignError: no workers, or parts that do not fit together.
    """
    if not workers:
        raise DesignError("create_sequential: it has no workers; give at least one")
    wiring = Wiring(approve=approve, recover=recover or Recovery(), success=success)
    graph: StateGraph[Any] = StateGraph(state)
    then = wiring.tail(graph, effects_of(workers))
    names = list(workers)
    for name, worker in workers.items():
        wiring.add_node(graph, name, wiring.fitted(worker, then))
    for earlier, later in pairwise([START, *names]):
        graph.add_edge(earlier, later)
    wiring.add_onward(graph, names[-1], None, then)
    wiring.check(graph)
    return graph
