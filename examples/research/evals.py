"""Build the research desk's suite: each labelled question, and what its answer rests on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langgraph.graph import StateGraph

from quintet.evals import Case, Gate, GraphTarget, Suite
from quintet.state import checkpointer

from ..suites import as_case, observing  # noqa: TID252 - a wheel renames us
from .demo import cases as labelled
from .demo import decided
from .graph import build

GATES = (
    Gate(metric="all_labels", at_least=0.88),
    Gate(metric="silent_failure_rate", at_most=0.12),
    Gate(metric="silent_ends", none=True),
)


def cases() -> tuple[Case, ...]:
    """Turn the labelled questions into cases."""
    return tuple(map(as_case, labelled()))


def suite(make: Callable[[], StateGraph[Any]] = build) -> Suite:
    """Build the suite; `make` builds another graph over the same questions."""
    app = make().compile(checkpointer=checkpointer("memory://"))
    return Suite(
        name="research",
        cases=cases(),
        target=GraphTarget(app=app, observe=observing(decided)),
        gates=GATES,
    )
