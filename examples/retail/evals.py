"""Build the retail desk's suite: 114 recorded conversations, each on the shop as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quintet.evals import Case, Gate, GraphTarget, Suite, Trajectory
from quintet.runs import Run, approve
from quintet.state import checkpointer

from .actions import HANDOVERS, WRITES
from .confirmations import describe
from .data import RetailData, load, recorded_actions
from .demo import refusals, said
from .desk import retail_desk
from .store import Store

GATES = (
    Gate(metric="all_labels", at_least=0.97),
    Gate(metric="missed_approvals", none=True),
    Gate(metric="silent_failure_rate", none=True),
    Gate(metric="duplicate_effects", none=True),
    Gate(metric="silent_ends", none=True),
)


def cases(data: RetailData) -> tuple[Case, ...]:
    """Turn the recorded tasks into cases, with the reference implementation's results."""
    return tuple(_case(data, task) for task in data.tasks)


def _case(data: RetailData, task: Mapping[str, Any]) -> Case:
    wishes = recorded_actions(task)
    expected = data.expected["tasks"][task["id"]]
    refused = expected.get("errors", [])
    refused_ids = {item["action_id"] for item in refused}
    transferred = any(wish["name"] in HANDOVERS for wish in wishes)
    happen = [wish for wish in wishes if wish["action_id"] not in refused_ids]
    wanted = {wish["name"] for wish in wishes}
    state: dict[str, Any] = {"changes": expected["changes"]}
    return Case(
        id=f"task-{task['id']}",
        input=said(Store(data.db), task, wishes),
        outcome="escalated" if transferred else "done",
        escalate=transferred,
        approval=any(wish["name"] in WRITES for wish in happen),
        never=sorted(WRITES - wanted),
        # A conversation that is handed over leaves its report in the packet, not in the results.
        state=state if transferred else {**state, "refusals": refused},
        tags=sorted(wanted & WRITES) or ["read-only"],
    )


def target(data: RetailData, case: Case) -> Trajectory:
    """Run one conversation; its customer says yes to each action that is listed to them."""
    store = Store(data.db)

    def confirm(packet: Mapping[str, Any]) -> Any:
        listed = describe(packet["action"], packet["arguments"])
        return approve(by=packet["behalf"], note=f"yes: {listed}")

    def observe(run: Run) -> dict[str, Any]:
        return {"state": {"changes": store.changes(), "refusals": refusals(run)}}

    app = retail_desk(store).compile(checkpointer=checkpointer("memory://"))
    return GraphTarget(app=app, person=confirm, observe=observe)(case)


def suite() -> Suite:
    """Build the suite.

    Raises:
        DataMissing: the shop's data is not there.
    """
    data = load()
    return Suite(
        name="retail", cases=cases(data), target=lambda case: target(data, case), gates=GATES
    )
