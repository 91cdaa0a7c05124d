"""Build each pattern around one worker, which may be a graph of another pattern."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.graphs import create_handoff, create_sequential, create_single_agent
from quintet.nodes import ApprovalGate, Effect, Planner, Recovery, Router, Worker, effect
from quintet.state import Contract, Step

Pattern = Callable[..., StateGraph[Any]]
NO_WAIT = Recovery(transient=(), rate_limit=(), timeout=(), invalid=())
GIVEN = {"message": "pay"}


@dataclass(kw_only=True)
class Till:
    """Keep what is paid, and give the worker that pays."""

    paid: list[int] = field(default_factory=list)

    @cached_property
    def tool(self) -> Effect:
        """Give the payment as an effect."""

        def pay(amount: int) -> str:
            """Pay."""
            self.paid.append(amount)
            return "paid"

        return effect(pay, key="pay:{amount}")

    def worker(self, *, then: Exception | None = None) -> Worker:
        """Give a worker that pays once, and then answers or fails."""

        def agent(request: Any, tools: Any) -> dict[str, Any]:
            done = tools["pay"](amount=1)
            if then is not None:
                raise then
            return {"reply": str(done)}

        return Worker(agent=agent, contract=self.contract)

    @property
    def contract(self) -> Contract:
        """Give the contract of whoever may pay."""
        return Contract(goal="Pay", needs=("message",), tools=(self.tool,))

    def as_agent(self, graph: StateGraph[Any]) -> Worker:
        """Give a graph as a worker's agent."""
        return Worker(agent=graph.compile(), contract=self.contract)


def is_graph(worker: Worker) -> bool:
    """Say whether a worker's agent is a graph."""
    return isinstance(worker.agent, CompiledStateGraph)


def looks(request: Any) -> dict[str, Any]:
    """Answer without any effect."""
    return {"reply": "looked"}


LOOKS = Worker(agent=looks, contract=Contract(goal="Look", needs=("message",)))


def single(worker: Any, **options: Any) -> StateGraph[Any]:
    return create_single_agent(worker, **options)


def sequential(worker: Any, **options: Any) -> StateGraph[Any]:
    return create_sequential({"before": LOOKS, "work": worker, "after": LOOKS}, **options)


def handoff(worker: Any, **options: Any) -> StateGraph[Any]:
    def choose(text: str) -> str:
        return "work"

    router = Router(choose=choose, to=("work", "other"), otherwise="person")
    return create_handoff(router, {"work": worker, "other": LOOKS}, **options)


def planner(worker: Any, **options: Any) -> StateGraph[Any]:
    # A planner within a planner gives its steps ids of its own.
    of = "inner" if isinstance(worker, Worker) and not is_graph(worker) else "outer"

    def make(goal: str) -> tuple[Step, ...]:
        inputs = {"message": goal}
        first = Step(id=f"{of} first", goal=goal, assignee="other", inputs=inputs)
        after = (first.id,)
        return first, Step(id=f"{of} last", goal=goal, assignee="work", after=after, inputs=inputs)

    def choose(text: str) -> str:
        return "plan"

    router = Router(choose=choose, to=("plan",), otherwise="person")
    plan = Planner(make=make, assignees=("work", "other"))
    return create_handoff(router, {"work": worker, "other": LOOKS, "plan": plan}, **options)


PATTERNS: Mapping[str, Pattern] = {
    "single": single,
    "sequential": sequential,
    "handoff": handoff,
    "planner": planner,
}


def gated(pattern: Pattern, till: Till) -> StateGraph[Any]:
    """Build a pattern whose worker's payment needs a yes."""
    gate = ApprovalGate(when=lambda action: True, approvers=("maria",))
    return pattern(till.worker(), gate=gate)
