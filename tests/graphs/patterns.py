"""Build each pattern around one worker, which may be a graph of another pattern."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph
from pydantic import BaseModel

from quintet.graphs import (
    Task,
    create_event_driven,
    create_handoff,
    create_manager_worker,
    create_parallel,
    create_sequential,
    create_single_agent,
    create_workflow,
    review,
)
from quintet.nodes import (
    ApprovalGate,
    Effect,
    Ledger,
    Manager,
    Planner,
    Recovery,
    Router,
    Subscriber,
    Worker,
    effect,
)
from quintet.state import Contract, EventState, Step, deliver

Pattern = Callable[..., StateGraph[Any]]
NO_WAIT = Recovery(transient=(), rate_limit=(), timeout=(), invalid=())


class Asked(BaseModel):
    """A request, as an event."""

    message: str


def given() -> dict[str, Any]:
    """Give the input of a run, as a message and as an event."""
    return {"message": "pay", **deliver(Asked(message="pay"))}


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
        contract = Contract(goal="Pay", needs=("message", "events"), tools=(self.tool,))
        return Worker(agent=graph.compile(), contract=contract, read=with_events)


def with_events(state: Mapping[str, Any]) -> dict[str, Any]:
    """Give the message and the events of a run; to a handler, the one that it was sent."""
    sent = (state.get("step") or {}).get("inputs", {})
    events = [sent["event"]] if "event" in sent else state["events"]
    return {"message": state["message"], "events": events}


def is_graph(worker: Worker) -> bool:
    """Say whether a worker's agent is a graph."""
    return isinstance(worker.agent, CompiledStateGraph)


def place(worker: Any) -> str:
    """Say where a pattern around a worker stands: its own names differ from those within it."""
    return "inner" if isinstance(worker, Worker) and not is_graph(worker) else "outer"


def looks(request: Any) -> dict[str, Any]:
    """Answer without any effect."""
    return {"reply": "looked"}


LOOKS = Worker(agent=looks, contract=Contract(goal="Look", needs=("message",)))


def single(worker: Any, **options: Any) -> StateGraph[Any]:
    return create_single_agent(worker, state=EventState, **options)


def sequential(worker: Any, **options: Any) -> StateGraph[Any]:
    of = place(worker)
    steps = {f"{of}_before": LOOKS, "work": worker, f"{of}_after": LOOKS}
    return create_sequential(steps, state=EventState, **options)


def handoff(worker: Any, **options: Any) -> StateGraph[Any]:
    def choose(text: str) -> str:
        return "work"

    router = Router(choose=choose, to=("work", "other"), otherwise="person")
    return create_handoff(router, {"work": worker, "other": LOOKS}, state=EventState, **options)


def planner(worker: Any, **options: Any) -> StateGraph[Any]:
    # A planner within a planner gives its steps ids of its own.
    of = place(worker)

    def make(goal: str) -> tuple[Step, ...]:
        inputs = {"message": goal}
        first = Step(id=f"{of} first", goal=goal, assignee="other", inputs=inputs)
        after = (first.id,)
        return first, Step(id=f"{of} last", goal=goal, assignee="work", after=after, inputs=inputs)

    def choose(text: str) -> str:
        return "plan"

    router = Router(choose=choose, to=("plan",), otherwise="person")
    plan = Planner(make=make, assignees=("work", "other"))
    return create_handoff(
        router, {"work": worker, "other": LOOKS, "plan": plan}, state=EventState, **options
    )


def parallel(worker: Any, **options: Any) -> StateGraph[Any]:
    branches = {"work": worker, f"{place(worker)}_other": LOOKS}
    return create_parallel(branches, state=EventState, **options)


def reviewed(worker: Any, **options: Any) -> StateGraph[Any]:
    return create_sequential(
        {"work": worker, "look": review("work", by=bool)}, state=EventState, **options
    )


def workflow(worker: Any, **options: Any) -> StateGraph[Any]:
    tasks = {"work": Task(run=worker), f"{place(worker)}_next": Task(run=LOOKS, after="work")}
    return create_workflow(tasks, state=EventState, **options)


def event_driven(worker: Any, **options: Any) -> StateGraph[Any]:
    return create_event_driven(
        {"work": Subscriber(handler=worker, on=Asked)}, state=EventState, **options
    )


def managed(worker: Any, **options: Any) -> StateGraph[Any]:
    of = place(worker)

    def lead(request: Any, ledger: Ledger) -> Any:
        if ledger.results:
            return {"reply": "all done"}
        return [Step(id=f"{of} pay", goal="pay", assignee="work", inputs={"message": "pay"})]

    manager = Manager(agent=lead, contract=Contract(goal="Pay", needs=("message",)))
    crew = {"work": worker, "other": LOOKS}
    return create_manager_worker(manager, crew, state=EventState, **options)


PATTERNS: Mapping[str, Pattern] = {
    "single": single,
    "sequential": sequential,
    "handoff": handoff,
    "planner": planner,
    "parallel": parallel,
    "review": reviewed,
    "workflow": workflow,
    "event_driven": event_driven,
    "manager": managed,
}


def gated(pattern: Pattern, till: Till) -> StateGraph[Any]:
    """Build a pattern whose worker's payment needs a yes."""
    gate = ApprovalGate(when=lambda action: True, approvers=("maria",))
    return pattern(till.worker(), gate=gate)
