"""Build the incident desk's suite: its labelled deliveries, each over books of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quintet.evals import Case, Gate, GraphTarget, Suite, Trajectory
from quintet.runs import Run
from quintet.state import checkpointer

from ..suites import as_case  # noqa: TID252 - a wheel has the package under another name
from .demo import answer
from .demo import cases as labelled
from .desk import TicketDesk
from .graph import build

GATES = (
    Gate(metric="all_labels", at_least=0.85),
    Gate(metric="needless_approvals", none=True),
    Gate(metric="forbidden_actions", none=True),
    Gate(metric="duplicate_effects", none=True),
    Gate(metric="silent_ends", none=True),
)


def cases() -> tuple[Case, ...]:
    """Turn the labelled cases of one delivery into cases; the books that should be are the state.

    Those of several deliveries are run by `quintet demo incidents`: they need one thread.
    """
    return tuple(
        as_case(
            case,
            approval="approval" in case.tags,
            never=[] if case.decision["restart"] or case.outcome == "rejected" else ["restart"],
            state={word: case.decision[word] for word in ("ticket", "page", "restart")},
        )
        for case in labelled()
        if len(case.turns) == 1
    )


def target(case: Case) -> Trajectory:
    """Run one delivery over books of its own, and read those, whatever the desk says."""
    with tempfile.TemporaryDirectory(prefix="quintet-incidents-") as folder:
        desk = TicketDesk(path=Path(folder) / "desk.db")

        def observe(run: Run) -> Mapping[str, Any]:
            books = {
                "ticket": [row[1] for row in desk.book("tickets")],
                "page": [row[0] for row in desk.book("pages")],
                "restart": [row[0] for row in desk.book("restarts")],
            }
            return {"state": {word: sorted(rows) for word, rows in books.items()}}

        app = build(desk).compile(checkpointer=checkpointer("memory://"))
        return GraphTarget(app=app, person=answer, observe=observe)(case)


@contextmanager
def suite() -> Iterator[Suite]:
    """Yield the suite."""
    yield Suite(name="incidents", cases=cases(), target=target, gates=GATES)
