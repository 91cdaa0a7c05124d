"""Run the retail desk under faults: each recorded conversation on a shop of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver

from examples.retail.confirmations import describe
from examples.retail.data import RetailData, recorded_actions
from examples.retail.demo import said
from examples.retail.desk import retail_desk
from examples.retail.store import Store
from quintet.evals import breakable
from quintet.evals.case import Case
from quintet.evals.target import GraphTarget
from quintet.evals.trajectory import Trajectory
from quintet.runs import Run, approve


@dataclass(frozen=True, kw_only=True)
class OnFreshStore:
    """Run each case with a store of its own, over the same unchanged shop."""

    data: RetailData = field(repr=False)

    def __call__(self, case: Case) -> Trajectory:
        """Run one conversation; the customer confirms each write that is listed to them."""
        store = Store(self.data.db)
        app = breakable(retail_desk(store)).compile(checkpointer=InMemorySaver())

        def observe(run: Run) -> dict[str, Any]:
            return {"state": {"changes": listed(store.changes())}}

        return GraphTarget(app=app, person=yes, observe=observe)(case)


def yes(packet: Mapping[str, Any]) -> Any:
    """Answer for the customer: confirm one action."""
    confirmed = describe(packet["action"], packet["arguments"])
    return approve(by=packet["behalf"], note=f"yes: {confirmed}")


def listed(changes: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[list[Any]]:
    """List each changed field as a line; one line more or less is a different end state."""
    return sorted(
        [kind, number, name, value]
        for kind, records in changes.items()
        for number, fields in records.items()
        for name, value in fields.items()
    )


def cases(data: RetailData) -> tuple[Case, ...]:
    """Return the tasks as cases with the reference's own end states."""
    made = []
    for task in data.tasks:
        wishes = recorded_actions(task)
        made.append(
            Case(
                id=str(task["id"]),
                input=said(Store(data.db), task, wishes),
                state={"changes": listed(data.expected["tasks"][task["id"]]["changes"])},
            )
        )
    return tuple(made)
