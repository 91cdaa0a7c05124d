"""Build the quarterly suite: each labelled question, with the risks that must be flagged."""

from __future__ import annotations

from quintet.evals import Case, Gate, GraphTarget, Suite, Trajectory
from quintet.state import checkpointer

from ..suites import as_case, observing  # noqa: TID252 - a wheel renames us
from .demo import cases as labelled
from .demo import decided, graph_of

GATES = (
    Gate(metric="all_labels", at_least=0.9),
    Gate(metric="silent_failure_rate", none=True),
    Gate(metric="silent_ends", none=True),
)


def cases() -> tuple[Case, ...]:
    """Turn the labelled questions into cases."""
    return tuple(map(as_case, labelled()))


def target(case: Case) -> Trajectory:
    """Run one case on a desk of its own, since an analyst may err on purpose."""
    known = next(one for one in labelled() if one.id == case.id)
    app = graph_of(known, wait=0.0).compile(checkpointer=checkpointer("memory://"))
    return GraphTarget(app=app, observe=observing(decided))(case)


def suite() -> Suite:
    """Build the suite."""
    return Suite(name="quarterly", cases=cases(), target=target, gates=GATES)
