"""Ask the research desk its labelled questions."""

from __future__ import annotations

import re
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
from .graph import build

__all__ = ["cases", "decided", "run", "show", "system"]


def cases() -> tuple[Labelled, ...]:
    """Read the labelled questions."""
    return tuple(labelled(row, row["decision"]) for row in read_rows(__package__))


def decided(run: Run) -> str:
    """Read what a run has decided: the passage that it cites, the number, or why it says none."""
    if run.status == "rejected":
        return "refused"
    if run.status != "done":
        reason = run.outcome.reason if run.outcome else ""
        return "conflict" if "contradict each other" in reason else run.status
    [sentence, *_] = run.results["manager"]["sentences"]
    if sentence.get("code"):
        return str(re.findall(r"[\d,.]*\d", sentence["text"])[-1])
    return " ".join(sentence["cites"])


def system(model: Any = None) -> System:
    """Return the desk with its cases."""

    @contextmanager
    def opened(case: Labelled) -> Iterator[StateGraph[Any]]:
        yield build(model=model)

    return System(
        name="research", cases=cases(), opened=opened, decided=decided, answer=nobody_is_asked
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
        model, base_url: a chat model that drives the desk; none by default.
    """
    return run_system(system(driver(model, base_url)), url=url, progress=progress, limit=limit)
