"""Refuse an effect right before it is claimed: where a person has stopped it, or it comes too late.

The journal is asked once. A stop that is written after that does not reach this effect any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.config import get_config

from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.call import Call, Logic
from quintet.state.action import Action
from quintet.state.stopping import Scope, refuse_stopped

GRAPH = "__quintet_graph"
"""The configurable key by which `quintet.runs` tells nodes the name of the outermost graph.

LangGraph keeps keys that begin like this out of its metadata, and so out of every checkpoint."""


def guards(action: Action, attempt: Attempt) -> Logic[None]:
    """Refuse an action that must not begin now.

    Raises:
        Stopped: its effect, its thread, or the graph or tenant of its run is stopped.
        BudgetExhausted: the run's deadline has passed.
    """
    attempt.refuse_late(str(action))
    place = attempt.place
    if place.shared:  # else no other knows of this journal
        things: dict[Scope, str] = {"effect": action.name, "thread": place.thread}
        yield Call(
            refuse_stopped, (place.journal, str(action), things | whose(_config())), blocks=True
        )


def whose(config: Mapping[str, Any]) -> dict[Scope, str]:
    """Give the graph and the tenant that a configuration names; empty where it does not."""
    known, told = config.get("configurable") or {}, config.get("metadata") or {}
    graph = known.get(GRAPH) or told.get("graph_id") or ""  # a server says which graph it serves
    return {"graph": str(graph), "tenant": str(known.get("tenant") or "")}


def _config() -> Mapping[str, Any]:
    try:
        return get_config()
    except RuntimeError:  # outside a graph
        return {}
