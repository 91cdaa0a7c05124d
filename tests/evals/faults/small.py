"""Build targets for the tests of faults: a small desk of ours, and a graph that is not ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from quintet.evals import Case, GraphTarget, Trajectory, breakable
from quintet.graphs import create_handoff
from quintet.nodes import Recovery, Router, Worker, by_rules, effect, retry
from quintet.state import Action, Contract, OrchestrationState, Unmet, unmet

CHOOSE = by_rules([("refund", "billing"), ("parcel", "shipping")])
NOW = retry(3, wait=0.0)
RECOVER = Recovery(
    transient=NOW, rate_limit=NOW, timeout=retry(2, wait=0.0), invalid=retry(2, wait=0.0)
)


class Desk(OrchestrationState, total=False):
    order: int


class Request(TypedDict):
    message: str
    order: int


@dataclass
class Books:
    """Write refunds down; the same one twice is written twice."""

    refunds: list[int] = field(default_factory=list)

    def refund(self, order: int) -> dict[str, int]:
        """Pay an order back."""
        self.refunds.append(order)
        return {"receipt": len(self.refunds)}


def billing(request: Any, tools: Any) -> str:
    tools.refund(request["order"])
    return f"I have refunded order {request['order']}."


def shipping(request: Any) -> str:
    return f"Order {request['order']} is on its way."


def did_it(request: Any, result: str, actions: tuple[Action, ...]) -> bool | Unmet:
    """Tell whether the reply names its order, and a refund that it reports was made."""
    if str(request["order"]) not in str(result):
        return unmet("it does not name the order")
    if "refunded" in result and not any(each.status == "done" for each in actions):
        return unmet("nothing was refunded")
    return True


def desk(books: Books, *, evidence: bool = True, agent: Any = billing) -> StateGraph[Any]:
    refund = effect(books.refund, key="refund:{order}")
    contract = Contract(goal="answer", needs=Request, success=(did_it,) if evidence else ())
    pays = Contract(goal="pay", needs=Request, tools=(refund,), success=contract.success)
    return create_handoff(
        Router(choose=CHOOSE, to=("billing", "shipping"), otherwise="person"),
        {
            "billing": Worker(agent=agent, contract=pays),
            "shipping": Worker(agent=shipping, contract=contract),
        },
        recover=RECOVER,
        state=Desk,
    )


@dataclass(frozen=True)
class Fresh:
    """Give every run of a target books of its own."""

    build: Callable[[Books], StateGraph[Any]] = desk

    def __call__(self, case: Case) -> Trajectory:
        books = Books()
        app = breakable(self.build(books)).compile(checkpointer=InMemorySaver())
        return GraphTarget(app=app, observe=lambda run: observed(books, run.values))(case)


def observed(books: Books, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"state": {"refunds": list(books.refunds), "order": values.get("order")}}


def case(number: int, text: str = "refund please", **labels: Any) -> Case:
    paid = [number] if "refund" in text else []
    return Case(
        id=f"c{number}",
        input={"message": text, "order": number},
        **{"outcome": "done", "state": {"refunds": paid}, **labels},
    )


class Plain(TypedDict, total=False):
    question: str
    found: str
    answer: str


def foreign(tool: Callable[[str], str]) -> StateGraph[Any]:
    """Build a user's graph: it looks something up, and answers."""
    graph = StateGraph(Plain)
    graph.add_node("look", lambda state: {"found": tool(state["question"])})
    graph.add_node("say", lambda state: {"answer": f"It is {state.get('found', 'done')}."})
    graph.add_edge(START, "look")
    graph.add_edge("look", "say")
    graph.add_edge("say", END)
    return graph
