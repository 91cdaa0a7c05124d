"""Build the graphs that are crashed: each pays orders at a receiver whose book outlives a process.

A receiver is of one of three kinds: it honours an idempotency key, it can be asked (`reconcile`),
or neither.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from quintet.graphs import (
    Task,
    all_of,
    create_event_driven,
    create_handoff,
    create_manager_worker,
    create_parallel,
    create_planner,
    create_sequential,
    create_single_agent,
    create_workflow,
    govern,
    review,
)
from quintet.nodes import (
    ApprovalGate,
    Effect,
    FanOut,
    Ledger,
    Manager,
    Planner,
    Recovery,
    Router,
    Subscriber,
    Worker,
    abort,
    effect,
    over,
)
from quintet.runs import approve
from quintet.state import Contract, Event, OrchestrationState, Step, deliver, unmet

Kind = Literal["key", "reconcile", "neither"]
KINDS: tuple[Kind, ...] = ("key", "reconcile", "neither")
GIVEN = {"message": "pay"}


class Desk(OrchestrationState, total=False):
    note: str


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """Take payments, and write them into a file.

    Args:
        path: the file.
        kind: how a repeat is recognised, or asked about.
        awaited: whether it is called async.
    """

    path: Path
    kind: Kind
    awaited: bool = False

    def take(self, order: int, key: str = "") -> str:
        """Take a payment; one whose key is known is taken once."""
        if not key or key not in {known for _, known in self.taken}:
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(file, (json.dumps([order, key]) + "\n").encode())
            os.close(file)
        return f"receipt {order}"

    @property
    def taken(self) -> list[tuple[int, str]]:
        """Give each payment with its key."""
        if not self.path.exists():
            return []
        lines = map(json.loads, self.path.read_text("utf-8").splitlines())
        return [(order, key) for order, key in lines]

    def clear(self) -> None:
        """Forget all payments."""
        self.path.unlink(missing_ok=True)

    @cached_property
    def effect(self) -> Effect:
        """Give the payment as an effect."""

        def undone(result: str) -> None:
            return None

        def undone_by_key(result: str, idempotency_key: str) -> None:
            return None

        options: dict[str, Any] = {"key": "{order}", "undo": undone}
        if self.kind != "neither":  # `reconcile` tells of a payment, and not of its undo
            options["undo"] = undone_by_key
        if self.kind == "reconcile":
            options["reconcile"] = self._known
        return effect(self._function(), **options)

    def _function(self) -> Callable[..., Any]:
        def pay(order: int) -> str:
            return self.take(order)

        async def apay(order: int) -> str:
            return self.take(order)

        def pay_by_key(order: int, idempotency_key: str) -> str:
            return self.take(order, idempotency_key)

        async def apay_by_key(order: int, idempotency_key: str) -> str:
            return self.take(order, idempotency_key)

        functions = (apay, apay_by_key) if self.awaited else (pay, pay_by_key)
        function = functions[self.kind == "key"]
        function.__name__ = "pay"
        return function

    def _known(self, order: int) -> str | bool:
        return f"receipt {order}" if order in {one for one, _ in self.taken} else False

    def worker(self, *orders: int, then: Exception | None = None, **options: Any) -> Worker:
        """Give a worker that pays these orders, and then answers or fails."""

        def agent(request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
            receipts = [tools.pay(order=order) for order in orders]
            if then is not None:
                raise then
            return {"reply": f"{receipts}"}

        async def aagent(request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
            receipts = [await tools.pay(order=order) for order in orders]
            if then is not None:
                raise then
            return {"reply": f"{receipts}"}

        contract = Contract(goal="Pay", needs=(), tools=(self.effect,))
        return Worker(agent=aagent if self.awaited else agent, contract=contract, **options)


def given_of(graph: str) -> dict[str, Any]:
    """Give the input of a graph by its name: a message, or an event."""
    if graph == "event_driven":
        return deliver(Event.of(Ordered(note="pay"), id="1", source="crash"))
    return GIVEN


def yes(packet: Any) -> Any:
    """Say yes to all."""
    return approve(by="maria")


def _to(route: str) -> Callable[[str], str]:
    def choose(message: str) -> str:
        return route

    return choose


def _noted(note: str) -> Callable[[Desk], dict[str, str]]:
    def node(state: Desk) -> dict[str, str]:
        return {"note": f"{state.get('note', '')} {note}".strip()}

    return node


def _planned(steps: tuple[Step, ...]) -> Callable[[str], tuple[Step, ...]]:
    def make(goal: str) -> tuple[Step, ...]:
        return steps

    return make


def single(receiver: Receiver) -> StateGraph[Any]:
    return create_single_agent(receiver.worker(1, 2))


def sequential(receiver: Receiver) -> StateGraph[Any]:
    return create_sequential({"one": receiver.worker(1), "two": receiver.worker(2)})


def handoff(receiver: Receiver) -> StateGraph[Any]:
    router = Router(choose=_to("pay"), to=("pay", "other"), otherwise="person")
    return create_handoff(router, {"pay": receiver.worker(1, 2), "other": receiver.worker(3)})


def planner(receiver: Receiver) -> StateGraph[Any]:
    steps = (
        Step(id="a", goal="pay", assignee="one"),
        Step(id="b", goal="pay", assignee="two"),
        Step(id="c", goal="pay", assignee="three", after=("a", "b")),
    )
    names = ("one", "two", "three")
    workers = {name: receiver.worker(number) for number, name in enumerate(names, start=1)}
    router = Router(choose=_to("plan"), to=("plan",), otherwise="person")
    plan = Planner(make=_planned(steps), assignees=names)
    return create_handoff(router, {**workers, "plan": plan})


def governed(receiver: Receiver) -> StateGraph[Any]:
    graph: StateGraph[Any] = StateGraph(Desk)
    graph.add_node("look_up", _noted("looked up"))
    govern(graph, {"pay": receiver.worker(1, 2)}, then="notify")
    graph.add_node("notify", _noted("notified"))
    graph.add_edge(START, "look_up")
    graph.add_edge("look_up", "pay")
    graph.add_edge("notify", "finish")
    return graph


def fan_out(receiver: Receiver) -> StateGraph[Any]:
    graph: StateGraph[Any] = StateGraph(Desk)
    names = ("one", "two", "three")
    workers = {name: receiver.worker(number) for number, name in enumerate(names, start=1)}
    govern(graph, workers, then="join")
    graph.add_node("begin", _noted("begun"))
    graph.add_node("join", _noted("joined"), defer=True)
    graph.add_edge(START, "begin")

    def split(state: Desk) -> list[Send]:
        return [Send(name, dict(state)) for name in names]

    graph.add_conditional_edges("begin", split, list(names))
    graph.add_edge("join", "finish")
    return graph


def nested(receiver: Receiver) -> StateGraph[Any]:
    graph: StateGraph[Any] = StateGraph(Desk)
    graph.add_node("before", _noted("before"))
    graph.add_node("desk", sequential(receiver).compile())
    graph.add_node("after", _noted("after"))
    graph.add_edge(START, "before")
    graph.add_edge("before", "desk")
    graph.add_edge("desk", "after")
    graph.add_edge("after", END)
    return graph


def agent_graph(receiver: Receiver) -> StateGraph[Any]:
    """Give a worker whose agent is itself a graph with effects."""
    inner = create_sequential({"one": receiver.worker(1), "two": receiver.worker(2)}).compile()
    contract = Contract(goal="Pay", needs=("message",), tools=(receiver.effect,))
    return create_single_agent(Worker(agent=inner, contract=contract))


def approval(receiver: Receiver) -> StateGraph[Any]:
    gate = ApprovalGate(when=over(0, "order"), approvers=("maria",))
    return create_single_agent(receiver.worker(1, 2), gate=gate)


def undo(receiver: Receiver) -> StateGraph[Any]:
    """Give a desk that pays, fails for good, and takes its payments back."""
    recover = Recovery(otherwise=abort())
    failing = receiver.worker(2, then=ValueError("no such account"))
    return create_sequential({"one": receiver.worker(1), "two": failing}, recover=recover)


def parallel(receiver: Receiver) -> StateGraph[Any]:
    names = ("one", "two", "three")
    workers = {name: receiver.worker(number) for number, name in enumerate(names, start=1)}
    return create_parallel(workers, fan_out=FanOut(width=2))


def program(receiver: Receiver) -> StateGraph[Any]:
    """Give a planner whose plan votes, and tries one way after another."""
    paid = Step(id="pay", goal="pay", assignee="one")
    ways = tuple(Step(id=name, goal="pay", assignee=name) for name in ("two", "three"))
    steps = (paid, Step(id="either", goal="pay", kind="first", body=ways, after=("pay",)))
    names = ("one", "two", "three")
    workers = {name: receiver.worker(number) for number, name in enumerate(names, start=1)}
    plan = Planner(make=_planned(steps), assignees=names)
    return create_planner(plan, workers)


def managed(receiver: Receiver) -> StateGraph[Any]:
    """Give a manager that gives out a step after another, each on what came of the last."""
    names = ("one", "two", "three")
    workers = {name: receiver.worker(number) for number, name in enumerate(names, start=1)}

    def lead(goal: str, ledger: Ledger) -> Any:
        left = [name for name in names if name not in ledger.results]
        if not left:
            return {"reply": "all paid"}
        return [Step(id=left[0], goal="pay", assignee=left[0])]

    manager = Manager(agent=lead, contract=Contract(goal="Pay", needs=("message",)))
    return create_manager_worker(manager, workers)


@dataclass(frozen=True)
class Ordered:
    """An event: an order has come."""

    note: str


@dataclass(frozen=True)
class Checked:
    """An event: an order has been looked at."""

    note: str


def event_driven(receiver: Receiver) -> StateGraph[Any]:
    def check(ordered: Ordered) -> Checked:
        return Checked(note=ordered.note)

    return create_event_driven(
        {
            "check": check,
            "one": Subscriber(handler=receiver.worker(1), on=Ordered),
            "two": Subscriber(handler=receiver.worker(2), on=Checked),
        }
    )


def workflow(receiver: Receiver) -> StateGraph[Any]:
    tasks = {
        "one": Task(run=receiver.worker(1)),
        "two": Task(run=receiver.worker(2), after="one"),
        "three": Task(run=receiver.worker(3), after="one"),
        "end": Task(run=receiver.worker(4), after=all_of("two", "three")),
    }
    return create_workflow(tasks)


def reviewed(receiver: Receiver) -> StateGraph[Any]:
    """Give a line whose first output is sent back once."""

    def twice(output: Any, state: Mapping[str, Any]) -> Any:
        return bool((state.get("results") or {}).get("one_review")) or unmet("once more")

    line = {
        "one": receiver.worker(1),
        "look": review("one", by=twice, rounds=3),
        "two": receiver.worker(2),
    }
    return create_sequential(line)


GRAPHS: Mapping[str, Callable[[Receiver], StateGraph[Any]]] = {
    "single_agent": single,
    "sequential": sequential,
    "handoff": handoff,
    "planner": planner,
    "govern": governed,
    "fan_out": fan_out,
    "nested": nested,
    "agent_graph": agent_graph,
    "approval": approval,
    "undo": undo,
    "parallel": parallel,
    "program": program,
    "managed": managed,
    "event_driven": event_driven,
    "workflow": workflow,
    "review": reviewed,
}
