"""Define plans: steps with dependencies, checked before anything runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ConfigDict

from quintet.errors import PlanRefused
from quintet.state.budget import Budget
from quintet.state.record import digest, plain
from quintet.state.step import Step, waits_for
from quintet.state.structure import faults_of


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Steps towards a goal. A plan that cannot run is refused when it is made, with all reasons.

    Args:
        goal: the goal of the whole plan.
        steps: at least one.
        assignees: the nodes that may be given a step; empty means unchecked.
        budget: the plan's limits. `steps` bounds the pieces of work that its steps may come to; for
            a planner, `retries` bounds the re-plans, and the others bound the spending of all
            steps together.
        version: 1 for the first plan, one more for each re-plan.
        reason: the reason for this version.

    Raises:
        PlanRefused: no steps, a missing or repeated id, an unknown assignee, a missing
            dependency, a cycle, a step that lacks what its kind needs, more steps than the budget
            allows, or a limit on handoffs, which nothing would enforce.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    goal: str
    steps: tuple[Step, ...]
    assignees: tuple[str, ...] = ()
    budget: Budget = Budget()
    version: int = 1
    reason: str = ""

    def __post_init__(self) -> None:
        refuse(faults_of(self.goal, self.steps, self.assignees, self.budget))

    def __getitem__(self, name: str) -> Step:
        for step in self.steps:
            if step.id == name:
                return step
        raise KeyError(f"no step {name!r} in the plan for {self.goal!r}")

    def ready(self, done: Collection[str], begun: Collection[str] = ()) -> tuple[Step, ...]:
        """Give the steps that are neither done nor begun and whose dependencies are all done."""
        ids = [step.id for step in self.steps]
        return tuple(
            step
            for step in self.steps
            if step.id not in done
            and step.id not in begun
            and set(waits_for(step, ids)) <= set(done)
        )

    @property
    def digest(self) -> str:
        """Give the digest of goal and steps: equal for two versions that plan the same."""
        return digest([self.goal, self.steps])

    @property
    def most_runs(self) -> int:
        """Give the most pieces of work that its steps may come to."""
        return sum(step.most_runs for step in self.steps)

    @property
    def data(self) -> dict[str, Any]:
        """Give the plan as plain data, its steps without what only other kinds of step need."""
        record: dict[str, Any] = plain(replace(self, steps=self.steps[:1]))
        return record | {"steps": [step.data for step in self.steps]}


def refuse(faults: Collection[str]) -> None:
    """Refuse a plan that has faults.

    Raises:
        PlanRefused: it names all of them.
    """
    if faults:
        raise PlanRefused("; ".join(faults), tuple(faults))


def step_key(step: Mapping[str, Any]) -> str:
    """Give the key of a step that a planner sent, unique in a run: planner, version, id."""
    return f"{step.get('path', step.get('planner', ''))}:{step.get('version', 1)}:{step['id']}"
