"""Run the change desk over its labelled requests, each on a repository of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.graph import StateGraph

from quintet.runs import Run, approve, reject

from ..labelled import (  # noqa: TID252 - a wheel renames us
    Labelled,
    System,
    driver,
    labelled,
    read_rows,
    run_system,
    show,
)
from .graph import build as desk
from .repository import Repository, build, copied

__all__ = ["cases", "opened", "owner", "run", "show"]


def cases() -> list[Labelled]:
    """Read the requests with their labels: the outcome, and the files that the commits change."""
    return [
        labelled(row, row["changed"], turns=({"message": row["request"]},))
        for row in read_rows(__package__)
    ]


def owner(packet: Mapping[str, Any]) -> Any:
    """Answer as the owner of the prices declares: repairs and checks yes, new names no."""
    renames = "rename" in str(packet["request"]).lower()
    say = reject if renames else approve
    return say(by="olga", note="others call these by name" if renames else "seen the diff")


@contextmanager
def opened(first: Repository, model: BaseChatModel | None = None) -> Iterator[Any]:
    """Give a graph over a copy of the repository, and the copy."""
    with copied(first) as repository:
        yield desk(repository, model=model), repository


def run(
    *,
    url: str,
    progress: Callable[[int, int], None],
    limit: int | None = None,
    faults: bool = True,
    model: str | None = None,
    base_url: str | None = None,
) -> dict[str, Any]:
    """Run the desk over its requests; see `examples.labelled.run_system` for the report.

    Args:
        url: where the runs are kept.
        progress: called with the number of cases done, and of all cases.
        limit: run only this many requests, the first ones.
        faults: taken as by other systems; this one has no faults of its own.
        model, base_url: a chat model to write tests and changes; none by default.
    """
    by_model, at = driver(model, base_url), list[Repository]()

    with tempfile.TemporaryDirectory(prefix="quintet-code-") as folder:
        first = build(Path(folder))

        @contextmanager
        def each(case: Labelled) -> Iterator[StateGraph[Any]]:
            with opened(first, by_model) as (graph, repository):
                at[:] = [repository]
                yield graph

        def decided(ended: Run) -> list[str]:
            return at[0].changed()

        system = System(
            name="code_change", cases=cases(), opened=each, decided=decided, answer=owner
        )
        return run_system(system, url=url, progress=progress, limit=limit)
