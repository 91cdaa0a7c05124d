"""Ask the handbook desk its labelled questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from .agents import reader
from .graph import build

__all__ = ["cases", "decided", "run", "show", "system"]


def cases() -> tuple[Labelled, ...]:
    """Read the labelled questions."""
    return tuple(labelled(row, row["decision"]) for row in read_rows(__package__))


def decided(run: Run) -> str:
    """Read the section that a run has answered from, or why it has not answered."""
    if run.status == "rejected":
        return "refused"
    if run.status != "done":
        reason = run.outcome.reason if run.outcome else ""
        return next((name for text, name in _REASONS.items() if text in reason), run.status)
    (answer,) = run.values["results"].values()
    return " ".join(answer["cites"])


_REASONS = {"not covered": "not-covered", "for a person": "person"}


def system(agent: Any = reader) -> System:
    """Return the desk with its cases."""

    @contextmanager
    def opened(case: Labelled) -> Iterator[StateGraph[Any]]:
        yield build(agent=agent)

    return System(
        name="handbook", cases=cases(), opened=opened, decided=decided, answer=nobody_is_asked
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
        limit: ask only this many questions, the first ones.
        faults: an option of other systems.
        model, base_url: a chat model that answers; none by default.
    """
    agent = driver(model, base_url) or reader
    return run_system(system(agent), url=url, progress=progress, limit=limit)
