"""Build the desk and the loop that storage is measured on: by Quintet, and by hand on LangGraph."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command
from typing_extensions import TypedDict

from quintet.graphs import create_handoff
from quintet.nodes import Router, Worker, by_rules, effect
from quintet.state import Contract, OrchestrationState

Graph = StateGraph[Any, Any, Any, Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Work that is measured.

    Args:
        thread: the thread that it runs on.
        ours: builds its graph with Quintet.
        by_hand: builds the same without.
        given: makes the input of a turn, or of a run of so many supersteps.
        turns: whether the count is of turns, and not of one run's supersteps.
    """

    thread: str
    ours: Callable[[], Graph]
    by_hand: Callable[[], Graph]
    given: Callable[[int], dict[str, Any]]
    turns: bool

    def runs(self, count: int) -> Iterator[tuple[dict[str, Any], RunnableConfig]]:
        """Yield input and configuration of each run."""
        config: RunnableConfig = {
            "configurable": {"thread_id": self.thread},
            "recursion_limit": count + 20,
        }
        for number in range(count) if self.turns else (count,):
            yield self.given(number), config


def refund_order(order: str, amount: float) -> dict[str, Any]:
    """Give the money back."""
    return {"refund": order, "amount": amount}


REFUND = effect(refund_order, key="refund:{order}:{amount}")


def billing(request: Any, tools: Any) -> dict[str, Any]:
    """Refund the order that the message ends with."""
    order = request["message"].split()[-1]
    return {"reply": f"refunded {order}", **tools["refund_order"](order=order, amount=20.0)}


def shipping(request: Any) -> dict[str, Any]:
    """Answer without an effect."""
    return {"reply": "on its way"}


RULES = {"billing": ["charged"], "shipping": ["parcel"]}


def desk() -> Graph:
    """Build the desk with Quintet."""
    contract = Contract(goal="settle the refund", needs=("message",), tools=(REFUND,))
    return create_handoff(
        router=Router(choose=by_rules(RULES), to=("billing", "shipping"), otherwise="person"),
        workers={
            "billing": Worker(agent=billing, contract=contract),
            "shipping": Worker(
                agent=shipping, contract=Contract(goal="say where it is", needs=("message",))
            ),
        },
    )


class Plain(TypedDict, total=False):
    """Hold the keys that the desk's users see, each overwritten."""

    message: str
    route: str
    results: dict[str, Any]
    actions: dict[str, Any]
    decisions: list[dict[str, Any]]
    outcome: dict[str, Any]


def _decision(kind: str, node: str, choice: str, reason: str) -> dict[str, Any]:
    return {"kind": kind, "node": node, "choice": choice, "reason": reason, "at": time.time()}


def _done(order: str) -> dict[str, Any]:
    arguments = {"order": order, "amount": 20.0}
    result = {"refund": order, "amount": 20.0}
    return {
        "name": "refund_order",
        "arguments": arguments,
        "status": "done",
        "result": result,
        "at": time.time(),
    }


def desk_by_hand() -> Graph:
    """Build the same desk on bare LangGraph."""

    def route(state: Plain) -> Command[str]:
        told = _decision("route", "router", "billing", "the text has 'charged'")
        return Command(goto="billing", update={"route": "billing", "decisions": [told]})

    def work(state: Plain) -> Plain:
        order = state["message"].split()[-1]
        told = _decision("effect", "billing", f"refund:{order}:20.0", "it is done")
        return {
            "results": {"billing": {"reply": f"refunded {order}", "refund": order, "amount": 20.0}},
            "actions": {f"refund:{order}:20.0": _done(order)},
            "decisions": [*state["decisions"], told],
        }

    def finish(state: Plain) -> Plain:
        reason = f"billing met the contract; done: {', '.join(state['actions'])}"
        told = _decision("outcome", "finish", "done", reason)
        outcome = {"status": "done", "reason": reason, "evidence": {"effects": [*state["actions"]]}}
        return {"outcome": outcome, "decisions": [*state["decisions"], told]}

    graph: Graph = StateGraph(Plain)
    graph.add_node("router", route, destinations=("billing",))
    graph.add_node("billing", work).add_node("finish", finish)
    return graph.add_edge(START, "router").add_edge("billing", "finish").add_edge("finish", END)


class Laps(OrchestrationState, total=False):
    """Hold the lap that the loop is in, and its last."""

    lap: int
    laps: int


class PlainLaps(Plain, total=False):
    """Hold the same by hand."""

    lap: int
    laps: int


def lap_of(state: Any) -> int:
    """Give the number of the lap that begins."""
    return int(state.get("lap", 0)) + 1


def again(state: Any) -> str:
    """Go on to the next lap, or end."""
    return "count" if state["lap"] < state["laps"] else END


def loop() -> Graph:
    """Build the loop with Quintet: a worker with an effect a lap, and a node that counts."""
    contract = Contract(goal="go on", needs=("lap",), tools=(REFUND,))
    worker = Worker(agent=_lap, contract=contract)
    graph: Graph = StateGraph(Laps)
    graph.add_node("count", lambda state: {"lap": lap_of(state)}).add_node("work", worker)
    graph.add_edge(START, "count").add_edge("count", "work")
    return graph.add_conditional_edges("work", again, ["count", END])


def _lap(request: Any, tools: Any) -> dict[str, Any]:
    order = str(request["lap"])
    return {"reply": f"refunded {order}", **tools["refund_order"](order=order, amount=20.0)}


def loop_by_hand() -> Graph:
    """Build the same loop on bare LangGraph; it keeps the last lap's records alone."""

    def work(state: PlainLaps) -> PlainLaps:
        order = str(state["lap"])
        told = _decision("effect", "work", f"refund:{order}:20.0", "it is done")
        return {
            "results": {"work": {"reply": f"refunded {order}", "refund": order, "amount": 20.0}},
            "actions": {f"refund:{order}:20.0": _done(order)},
            "decisions": [told],
        }

    graph: Graph = StateGraph(PlainLaps)
    graph.add_node("count", lambda state: {"lap": lap_of(state)}).add_node("work", work)
    graph.add_edge(START, "count").add_edge("count", "work")
    return graph.add_conditional_edges("work", again, ["count", END])


DESK = Case(
    thread="turns",
    ours=desk,
    by_hand=desk_by_hand,
    given=lambda number: {"message": f"I was charged twice for order {number}"},
    turns=True,
)
LOOP = Case(
    thread="loop",
    ours=loop,
    by_hand=loop_by_hand,
    given=lambda count: {"message": "go on", "laps": count // 2},
    turns=False,
)
