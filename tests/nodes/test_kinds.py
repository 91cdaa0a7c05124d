"""Each part that a factory or a configured node takes is of its kind, or is refused by its name."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest
from langgraph.graph import StateGraph

from quintet.errors import DesignError
from quintet.graphs import (
    Task,
    create_event_driven,
    create_handoff,
    create_manager_worker,
    create_parallel,
    create_planner,
    create_sequential,
    create_single_agent,
    create_workflow,
    govern,
)
from quintet.nodes import (
    ApprovalGate,
    Consult,
    Dispatcher,
    FanOut,
    Finish,
    Join,
    Manager,
    Merge,
    Planner,
    Recovery,
    Review,
    Router,
    SignOff,
    Subscriber,
    Undo,
    Wait,
    Worker,
    effect,
)
from quintet.nodes.act import Act
from quintet.nodes.critic import Critic
from quintet.state import Contract, Event, OrchestrationState, Plan, Step

TERMS = Contract(goal="G", needs=("message",), gives=Any)
WORK = Worker(agent=lambda request: 1, contract=TERMS)
PLAN = Plan(goal="G", steps=(Step(id="s", goal="x", assignee="a"),))
ROUTE: dict[str, Any] = {"choose": lambda text: "a", "to": ("a",), "otherwise": "person"}
LEAD: dict[str, Any] = {"agent": lambda request, ledger: {"x": 1}, "contract": TERMS}
MADE = Planner(make=PLAN, assignees=("a",))


class Alert(Event):
    text: str


def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


def hear(event: Alert) -> None:
    """Hear an event."""


def done(state: Mapping[str, Any]) -> dict[str, Any]:
    return {"results": {"a": 1}}


PARTS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = {
    "Act": (Act, (), {"effects": (), "then": "finish"}),
    "ApprovalGate": (ApprovalGate, (), {}),
    "Consult": (Consult, (), {"question": "what?"}),
    "Contract": (Contract, (), {"goal": "G", "needs": ("message",)}),
    "Critic": (Critic, (), {"of": "a", "by": (lambda output: True,)}),
    "Dispatcher": (Dispatcher, (), {}),
    "FanOut": (FanOut, (), {}),
    "Finish": (Finish, (), {}),
    "Join": (Join, (), {}),
    "Manager": (Manager, (), LEAD),
    "Merge": (Merge, (), {"of": ("a", "b")}),
    "Planner": (Planner, (), {"make": PLAN, "assignees": ("a",)}),
    "Recovery": (Recovery, (), {}),
    "Review": (Review, (), {"of": "a"}),
    "Router": (Router, (), ROUTE),
    "SignOff": (SignOff, (), {}),
    "Subscriber": (Subscriber, (), {"handler": hear}),
    "Undo": (Undo, (), {"effects": ()}),
    "Wait": (Wait, (), {"duration": "1h"}),
    "Worker": (Worker, (), {"agent": WORK.agent, "contract": TERMS}),
    "effect": (effect, (pay,), {"key": "pay:{amount}"}),
    "create_event_driven": (create_event_driven, ({"hear": Subscriber(handler=hear)},), {}),
    "create_handoff": (create_handoff, (Router(**ROUTE), {"a": WORK}), {}),
    "create_manager_worker": (create_manager_worker, (Manager(**LEAD), {"a": WORK}), {}),
    "create_parallel": (create_parallel, ({"a": WORK, "b": WORK},), {}),
    "create_planner": (create_planner, (MADE, {"a": WORK}), {}),
    "create_sequential": (create_sequential, ({"a": WORK},), {}),
    "create_single_agent": (create_single_agent, (WORK,), {}),
    "create_workflow": (create_workflow, ({"a": Task(run=done)},), {}),
    "govern": (govern, (), {}),
}

ODD: tuple[Any, ...] = ([], {}, (), 0, False, "", 1.5, object())
"""Values that stand for no part; where one is meant, `MEANT` says so."""

MEANT: dict[str, str] = dict.fromkeys(
    (
        "Act.effects",
        "ApprovalGate.approvers",
        "ApprovalGate.effects",
        "Consult.approvers",
        "Consult.effects",
        "Consult.to",
        "Contract.needs",
        "Contract.tools",
        "Contract.success",
        "Contract.escalate",
        "Finish.success",
        "Join.of",
        "Merge.requires",
        "Merge.fields",
        "Merge.approvers",
        "Review.approvers",
        "Review.effects",
        "Router.waits",
        "SignOff.approvers",
        "SignOff.effects",
        "Subscriber.on",
        "Subscriber.emits",
        "Undo.effects",
        "create_event_driven.success",
        "create_handoff.success",
        "create_manager_worker.success",
        "create_parallel.success",
        "create_planner.success",
        "create_sequential.success",
        "create_single_agent.success",
        "create_workflow.success",
        "govern.success",
    ),
    "[] ()",  # a series, as by a comprehension
) | {
    "Act.then": "''",
    "ApprovalGate.expires": "1.5",
    "ApprovalGate.rejected": "''",
    "Consult.expires": "1.5",
    "Consult.then": "''",
    "Consult.of": "''",
    "Contract.questions": "0",
    "Critic.of": "''",
    "Critic.approved": "''",
    "Critic.rejected": "''",
    "Dispatcher.inputs": "[] () object()",
    "Dispatcher.out": "[] () object()",
    "Dispatcher.subscribers": "{}",
    "Dispatcher.kinds": "{}",
    "Dispatcher.gate": "''",
    "Dispatcher.abort": "''",
    "FanOut.to": "[] {} ()",
    "FanOut.deadline": "{} 1.5",
    "Join.failures": "0",
    "Manager.team": "{}",
    "Manager.gate": "''",
    "Merge.resolve": "[] {} ()",
    "Merge.classify": "{}",
    "Merge.owners": "{}",
    "Planner.gate": "''",
    "Recovery.transient": "()",
    "Recovery.rate_limit": "()",
    "Recovery.timeout": "()",
    "Recovery.invalid": "()",
    "Recovery.contract": "()",
    "Recovery.denied": "()",
    "Recovery.permanent": "()",
    "Recovery.unknown": "()",
    "Recovery.join": "''",
    "Review.expires": "1.5",
    "Review.of": "''",
    "Review.approved": "''",
    "Review.rejected": "''",
    "Review.responded": "''",
    "Router.exhausted": "''",
    "SignOff.expires": "1.5",
    "SignOff.planner": "[] {} () 0 False '' 1.5 object()",
    "Subscriber.by": "''",
    "Subscriber.batch": "[] {} () 0 False ''",
    "Wait.duration": "1.5",
    "Wait.then": "''",
    "Worker.then": "''",
    "Worker.handoffs": "[] {} ()",
    "effect.harmless": "()",
    "create_event_driven.deadline": "1.5",
    "create_handoff.handoffs": "{}",
    "create_handoff.deadline": "1.5",
    "create_manager_worker.deadline": "1.5",
    "create_parallel.then": "{}",
    "create_parallel.deadline": "1.5",
    "create_planner.deadline": "1.5",
    "create_sequential.aside": "{}",
    "create_sequential.pause_after": "[] {} ()",
    "create_sequential.deadline": "1.5",
    "create_single_agent.deadline": "1.5",
    "create_workflow.nodes": "{}",
    "create_workflow.deadline": "1.5",
    "govern.then": "''",
}


def named(part: str) -> list[str]:
    """Name the keywords of a part."""
    made = PARTS[part][0]
    if dataclasses.is_dataclass(made):
        return [item.name for item in dataclasses.fields(made) if item.init]
    by_name = inspect.signature(made).parameters.values()
    return [each.name for each in by_name if each.kind is each.KEYWORD_ONLY]


def made(part: str, name: str, value: Any) -> Any:
    """Make a part with an odd value."""
    build, args, given = PARTS[part]
    if build is govern:  # it changes the graph that it is given
        args = (StateGraph(OrchestrationState), {"a": WORK})
    return build(*args, **{**given, name: value})


@pytest.mark.parametrize(("part", "name"), [(part, name) for part in PARTS for name in named(part)])
def test_what_is_no_part_is_refused_by_name(part: str, name: str) -> None:
    taken = []
    for value in ODD:
        with suppress(DesignError):
            made(part, name, value)
            taken.append("object()" if type(value) is object else repr(value))
    assert " ".join(taken) == MEANT.get(f"{part}.{name}", "")
