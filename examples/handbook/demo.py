"""Ask the handbook desk its labelled questions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from typing import Any

from langgraph.graph import StateGraph

from quintet.nodes import chat_model
from quintet.runs import Run

from ..labelled import Labelled, System, run_system, show  # noqa: TID252 - a wheel renames us
from .agents import reader
from .graph import build

__all__ = ["cases", "decided", "run", "show", "system"]


def cases() -> tuple[Labelled, ...]:
    """Read the labelled questions."""
    text = (resources.files(__package__) / "data" / "cases.jsonl").read_text("utf-8")
    rows = map(json.loads, text.splitlines())
    return tuple(
        Labelled(
            id=row["id"],
            turns=({"message": row["message"]},),
            outcome=row["outcome"],
            decision=row["decision"],
            tags=tuple(row["tags"]),
            disagreement=row.get("disagreement", ""),
        )
        for row in rows
    )


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


def nobody_is_asked(packet: Mapping[str, Any]) -> Any:
    """Refuse to answer: the desk has no gate.

    Raises:
        LookupError: always.
    """
    raise LookupError(f"the handbook desk asks nobody: {packet!r:.80}")


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
    options = {} if base_url is None else {"base_url": base_url}
    agent = chat_model(model, **options) if model else reader
    return run_system(system(agent), url=url, progress=progress, limit=limit)
