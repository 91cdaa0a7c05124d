"""Ask the desk for its labelled summaries; some analysts err on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from langgraph.graph import StateGraph

from quintet.runs import Run

from ..labelled import (  # noqa: TID252 - a wheel renames us
    Labelled,
    System,
    driver,
    labelled,
    nobody_is_asked,
    read_rows,
    run_system,
    show,
)
from .agents import analyst
from .faults import planted
from .graph import build
from .ledger import filed

__all__ = ["cases", "decided", "graph_of", "run", "show", "system"]


@cache
def _rows() -> tuple[dict[str, Any], ...]:
    return tuple(read_rows(__package__))


def cases(*, faults: bool = True) -> tuple[Labelled, ...]:
    """Read the labelled questions; without `faults` those in which no analyst errs."""
    return tuple(labelled(row, row["decision"]) for row in _rows() if faults or "plant" not in row)


def decided(run: Run) -> str:
    """Read the risks that a run has flagged, or why it has not summarised."""
    if run.status == "done":
        return " ".join(run.values["results"]["analyse"]["risks"]) or "no risks"
    reason = run.outcome.reason if run.outcome else run.status
    for name in ("missing: ", "no unit: "):
        if name in reason:
            return name + reason.partition(name)[2]
    return next((name for name in _REASONS if name in reason), reason)


_REASONS = ("unknown company", "no quarter", "not approved")


def graph_of(case: Labelled, model: Any = None, **options: Any) -> StateGraph[Any]:
    """Build the desk of a case, with the analyst who errs where the case says so."""
    plant = next(row for row in _rows() if row["id"] == case.id).get("plant")
    analyse = planted(**plant, ledger=filed()) if plant else analyst
    return build(analyse=analyse, model=model, **options)


def system(model: Any = None, *, faults: bool = True) -> System:
    """Return the desk with its cases."""

    @contextmanager
    def opened(case: Labelled) -> Iterator[StateGraph[Any]]:
        yield graph_of(case, model)

    return System(
        name="quarterly",
        cases=cases(faults=faults and model is None),
        opened=opened,
        decided=decided,
        answer=nobody_is_asked,
    )


def run(
    *,
    url: str,
    progress: Callable[[int, int], None],
    limit: int | None = None,
    faults: bool = True,
    model: str | None = None,
    base_url: str | None = None,
) -> dict[str, Any]:
    """Ask the desk; see `run_system` for the report.

    Args:
        url: where the runs are kept.
        progress: called with the number of cases done, and of all cases.
        limit: ask only for this many summaries, the first ones.
        faults: whether the cases are run in which the analyst errs.
        model, base_url: a chat model that retrieves and writes; none by default.
    """
    asked = system(driver(model, base_url), faults=faults)
    return run_system(asked, url=url, progress=progress, limit=limit)
