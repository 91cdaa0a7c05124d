"""Run the reference systems with labelled cases under faults, each case on a graph of its own."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver

from examples.labelled import Labelled, System
from quintet.evals import Case, GraphTarget, Suite, Trajectory, breakable
from quintet.runs import Run

MEASURED = ("handbook", "quarterly", "procurement", "incidents", "research")
"""The systems that are measured here. Support and retail have benchmarks of their own; report and
code_change, which need a mail server and a repository around all their cases, are not measured."""

PLANTED = "planted"
"""The tag of cases in which a part errs on purpose without any fault of ours."""


def labelled_systems() -> dict[str, System]:
    """Return the systems that are measured, by name."""
    demos = {name: importlib.import_module(f"examples.{name}.demo") for name in MEASURED}
    return {name: demo.system() for name, demo in demos.items()}


SUPERSTEPS = 400
"""The most of one run. A fault may put an old update in place of each of a dispatcher's, so that it
goes round; LangGraph's own limit of 10,000 would keep gigabytes of checkpoints till then."""


@dataclass(frozen=True, kw_only=True)
class OnFreshGraph:
    """Run each case of a system on a graph of its own, in which faults may strike."""

    system: System = field(repr=False)

    def __call__(self, case: Case) -> Trajectory:
        """Run one case; the declared person answers."""
        name = case.id.partition(" + ")[0]  # a broken case has the fault at its id's end
        known = next(one for one in self.system.cases if one.id == name)

        def observe(run: Run) -> Mapping[str, Any]:
            return {"state": {"decided": self.system.decided(run)}}

        with self.system.opened(known) as graph:
            app = breakable(graph).compile(checkpointer=InMemorySaver())
            app = app.with_config(recursion_limit=SUPERSTEPS)
            return GraphTarget(app=app, person=self.system.answer, observe=observe)(case)


def suite_of(system: System, *, limit: int | None = None, planted: bool = True) -> Suite:
    """Return a system's labelled cases of one turn as a suite in which faults may strike.

    Args:
        system: the system.
        limit: the maximum number of cases.
        planted: whether the cases count in which a part errs on purpose.
    """
    chosen = [
        _case(case)
        for case in system.cases
        if len(case.turns) == 1 and (planted or PLANTED not in case.tags)
    ]
    target = OnFreshGraph(system=system)
    return Suite(name=system.name, cases=chosen[:limit], target=target)


def _case(case: Labelled) -> Case:
    state = {"decided": case.decision}
    return Case(id=case.id, input=case.turns[0], outcome=case.outcome, state=state, tags=case.tags)
