"""Run the labelled purchase requests; manager and buyer answer as the policy declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.graph import StateGraph

from quintet.runs import Run, approve, reject, settle

from ..labelled import (  # noqa: TID252 - a wheel has the package under another name
    Labelled,
    System,
    driver,
    labelled,
    read_rows,
    run_system,
    show,
)
from .company import opened
from .graph import build

__all__ = ["cases", "person", "run", "show"]

REFUSED = ("split-order", "instruction-in-text")
"""The reasons for which the manager says no."""

EVERY = 9
"""Of so many requests, one finds the database busy once."""


def cases() -> tuple[Labelled, ...]:
    """Read the labelled requests."""
    return tuple(map(_labelled, read_rows(__package__)))


def _labelled(row: Mapping[str, Any]) -> Labelled:
    decision = {name: row[name] for name in ("verdict", "codes", "amount")}
    return labelled(row, decision, turns=({"message": row["message"], "form": row["form"]},))


def decided(run: Run) -> dict[str, Any]:
    """Read what was decided: the verdict, the rules that hold, and the amount."""
    decision = run.results.get("decide") or {}
    verdict = decision.get("verdict", "")
    amount = run.values.get("merged", {}).get("amount") if verdict != "reject" else None
    return {"verdict": verdict, "codes": decision.get("codes", []), "amount": amount}


def person(packet: Mapping[str, Any]) -> Any:
    """Answer as the declared buyer, for whom the agreed price counts, or the declared manager."""
    if packet["gate"] == "merge":
        values = {name: known["vendor"] for name, known in packet["conflicts"].items()}
        return settle(values, by="buyer", note="the agreed price counts")
    review = packet["arguments"]["review"]
    say = reject if any(code in review for code in REFUSED) else approve
    return say(by="manager", note="as policy says")


def run(
    *,
    url: str,
    progress: Callable[[int, int], None],
    limit: int | None = None,
    faults: bool = True,
    model: str | None = None,
    base_url: str | None = None,
) -> dict[str, Any]:
    """Run the requests, each over a company of its own.

    Args:
        url: where the runs are kept.
        progress: called with the number of cases done, and of all cases.
        limit: run only this many requests, the first ones.
        faults: whether the database is busy once in every ninth request.
        model, base_url: a chat model to drive the checks; none by default.

    Returns:
        The report of `examples.labelled.run_system`.
    """
    asked = system(driver(model, base_url), every=EVERY if faults else 0)
    return run_system(asked, url=url, progress=progress, limit=limit)


def system(model: BaseChatModel | None = None, *, every: int = 0) -> System:
    """Give the system, as its cases are run."""
    known = cases()
    numbers = {case.id: number for number, case in enumerate(known, start=1)}

    @contextmanager
    def graph(case: Labelled) -> Iterator[StateGraph[Any]]:
        with opened() as company:
            company.broken = int(bool(every) and numbers[case.id] % every == 0)
            yield build(company, model=model)

    return System(name="procurement", cases=known, opened=graph, decided=decided, answer=person)
