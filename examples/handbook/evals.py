"""Build the handbook's suite: each labelled question, with the section that answers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langgraph.graph import StateGraph

from quintet.evals import Case, Gate, GraphTarget, Suite
from quintet.runs import Run
from quintet.state import checkpointer

from ..labelled import Labelled  # noqa: TID252 - a wheel renames us
from .demo import cases as labelled
from .demo import decided
from .graph import build

GATES = (
    Gate(metric="all_labels", at_least=0.9),
    Gate(metric="silent_failure_rate", at_most=0.15),
    Gate(metric="silent_ends", none=True),
)


def cases() -> tuple[Case, ...]:
    """Turn the labelled questions into cases."""
    return tuple(map(_case, labelled()))


def _case(case: Labelled) -> Case:
    return Case(
        id=case.id,
        input=case.turns[0],
        outcome=case.outcome,
        escalate=case.outcome == "escalated",
        state={"decided": case.decision},
        tags=case.tags,
    )


def observe(run: Run) -> dict[str, Any]:
    """Note what a run has decided."""
    return {"state": {"decided": decided(run)}}


def suite(make: Callable[[], StateGraph[Any]] = build) -> Suite:
    """Build the suite; `make` builds another graph over the same questions."""
    app = make().compile(checkpointer=checkpointer("memory://"))
    return Suite(
        name="handbook",
        cases=cases(),
        target=GraphTarget(app=app, observe=observe),
        gates=GATES,
    )
