"""Build procurement's suite: its labelled requests, each over a company of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.graph import StateGraph

from quintet.evals import Case, Gate, GraphTarget, Suite, Trajectory
from quintet.runs import Run
from quintet.state import checkpointer

from ..suites import as_case  # noqa: TID252 - a wheel has the package under another name
from .company import Company, opened
from .demo import cases as labelled
from .demo import person
from .graph import build

GATES = (
    Gate(metric="all_labels", at_least=0.9),
    Gate(metric="missed_approvals", at_most=0.2),
    Gate(metric="needless_approvals", none=True),
    Gate(metric="silent_failure_rate", at_most=0.15),
    Gate(metric="forbidden_actions", none=True),
    Gate(metric="duplicate_effects", none=True),
    Gate(metric="silent_ends", none=True),
)


def cases() -> tuple[Case, ...]:
    """Turn the labelled requests into cases; the orders that should stand are their state."""
    return tuple(
        as_case(
            case,
            escalate=False,
            approval=case.decision["verdict"] == "review",
            never=["place_order"] if case.decision["verdict"] == "reject" else [],
            state={"placed": [case.decision["amount"]] if case.outcome == "done" else []},
        )
        for case in labelled()
    )


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Run a case as a target: it gets a company, a graph over it, and the declared persons.

    Args:
        model: a chat model to drive the checks; none by default.
    """

    model: BaseChatModel | None = None

    def __call__(self, case: Case) -> Trajectory:
        """Run one request."""
        with opened() as company:
            return target(company, build(company, model=self.model))(case)


def target(company: Company, graph: StateGraph[Any]) -> GraphTarget:
    """Make a graph a target, which also observes the orders in the company's own books."""

    def observe(run: Run) -> Mapping[str, Any]:
        return {"state": {"placed": [order["amount"] for order in company.placed()]}}

    app = graph.compile(checkpointer=checkpointer("memory://"))
    return GraphTarget(app=app, person=person, observe=observe)


@contextmanager
def suite() -> Iterator[Suite]:
    """Yield the suite."""
    yield Suite(name="procurement", cases=cases(), target=Desk(), gates=GATES)
