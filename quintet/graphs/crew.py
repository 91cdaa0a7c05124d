"""Tell the parts of a handoff graph of each other: handoffs, who may ask, what each is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from langgraph.graph import StateGraph

from quintet.errors import DesignError
from quintet.nodes.agents.graph import converses
from quintet.nodes.agents.passing import receivers_of
from quintet.nodes.choosers.candidates import Candidate, candidates
from quintet.nodes.choosers.choose import described
from quintet.nodes.choosers.labels import spell_out
from quintet.nodes.core.handed import Receiver
from quintet.nodes.route import Router
from quintet.nodes.work import Worker
from quintet.state.contract import tool_name
from quintet.state.questions import Questions


def with_handoffs(
    workers: Mapping[str, Any], handoffs: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    """Give each worker the handoffs that it may make, with what their receivers need.

    Raises:
        DesignError: a worker that does not exist, hands over to itself, or is none of ours.
    """
    for name, targets in handoffs.items():
        if not isinstance(workers.get(name), Worker):
            raise DesignError(
                f"handoffs={{{name!r}: ...}}: there is no Worker {name!r}; there are "
                f"{', '.join(n for n, w in workers.items() if isinstance(w, Worker)) or 'none'}"
            )
        if isinstance(targets, str):
            raise DesignError(f"handoffs={{{name!r}: {targets!r}}}: give a tuple, ({targets!r},)")
        if name in targets:
            raise DesignError(f"handoffs={{{name!r}: ...}}: a worker cannot hand over to itself")
    return {name: _with(one, handoffs.get(name, ()), workers) for name, one in workers.items()}


def _with(worker: Any, targets: tuple[str, ...], workers: Mapping[str, Any]) -> Any:
    if not isinstance(worker, Worker):
        return worker
    own = receivers_of(worker.handoffs)
    known = {name: own.get(name) for name in (*own, *targets)}
    if not known:
        return worker
    receivers = {name: receiver or _receiver(workers.get(name)) for name, receiver in known.items()}
    return replace(worker, handoffs=receivers, then=worker.then or "finish")


def _receiver(worker: Any) -> Receiver | None:
    if not isinstance(worker, Worker):
        return None
    return Receiver(contract=worker.contract, read=worker.read)


def asking(graph: StateGraph[Any], workers: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the workers that may ask the customer, nested graphs among them.

    Raises:
        DesignError: the state does not keep who waits for an answer.
    """
    waits = tuple(
        name
        for name, worker in workers.items()
        if converses(worker) or (isinstance(worker, Worker) and worker.contract.questions)
    )
    if waits and not isinstance(graph.channels.get("questions"), Questions):
        raise DesignError(
            f"{waits[0]!r} may ask the customer, and {graph.state_schema.__name__} would not keep "
            "that it waits for an answer; let the state inherit ConversationState"
        )
    return waits


def knowing(router: Router, workers: Mapping[str, Any]) -> Router:
    """Tell a router that chooses by descriptions what the contracts of its workers say."""
    asked = router.new_request
    tiers = [one for each in (router.choose, asked) for one in getattr(each, "tiers", (each,))]
    if not any(hasattr(tier, "described") for tier in tiers):
        return router
    about = {
        route: _told(route, workers[node])
        for route, node in router.targets.items()
        if isinstance(workers.get(node), Worker)
    }
    return replace(
        router,
        choose=described(router.choose, about),
        new_request=None if asked is None else described(asked, about),
    )


def _told(route: str, worker: Worker) -> Candidate:
    contract = worker.contract
    tools = candidates({tool_name(tool): tool for tool in contract.tools})
    said = [f"{spell_out(tool.name)} {tool.text}" for tool in tools]
    return Candidate(name=route, text=contract.goal, parameters=" ".join(said))
