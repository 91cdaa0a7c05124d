"""Make evaluation cases of a reference system's labelled cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quintet.evals import Case
from quintet.runs import Run

from .labelled import Labelled


def as_case(case: Labelled, **labels: Any) -> Case:
    """Turn a labelled case of one turn into a case; by default its end state is the decision."""
    given = {"state": {"decided": case.decision}, "escalate": case.outcome == "escalated"}
    return Case(
        id=case.id,
        input=dict(case.turns[0]),
        outcome=case.outcome,
        tags=case.tags,
        **{**given, **labels},
    )


def observing(decided: Callable[[Run], Any]) -> Callable[[Run], dict[str, Any]]:
    """Give the observer that notes the decision of a run, as `as_case` expects it."""

    def observe(run: Run) -> dict[str, Any]:
        return {"state": {"decided": decided(run)}}

    return observe
