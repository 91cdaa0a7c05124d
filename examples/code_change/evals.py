"""Build the change desk's suite: its labelled requests, each on a repository of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from quintet.evals import Case, Gate, GraphTarget, Suite, Trajectory
from quintet.state import checkpointer

from ..suites import as_case  # noqa: TID252 - a wheel renames us
from .demo import cases, opened, owner
from .repository import Repository, build

GATES = (
    Gate(metric="all_labels", at_least=0.85),
    Gate(metric="silent_ends", none=True),
    Gate(metric="forbidden_actions", none=True),
    Gate(metric="duplicate_effects", none=True),
)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Run a case on a copy of a repository; its commits are read from git."""

    first: Repository

    def __call__(self, case: Case) -> Trajectory:
        """Run one request."""
        with opened(self.first) as (graph, repository):
            app = graph.compile(checkpointer=checkpointer("memory://"))
            seen = lambda _: {"state": {"changed": repository.changed()}}  # noqa: E731 - used once
            return GraphTarget(app=app, person=owner, observe=seen)(case)


@contextmanager
def suite() -> Iterator[Suite]:
    """Yield the suite, with its first repository in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="quintet-code-") as folder:
        labelled = [
            as_case(
                case,
                never=() if case.decision else ("commit",),
                state={"changed": case.decision},
            )
            for case in cases()
        ]
        target = Desk(first=build(Path(folder)))
        yield Suite(name="code_change", cases=labelled, target=target, gates=GATES)
