"""Define plans: steps with dependencies, checked before anything runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from quintet.errors import DesignError
from quintet.state.budget import Budget
from quintet.state.record import digest


@dataclass(frozen=True, kw_only=True)
class Step:
    """One item of a plan.

    Args:
        id: the step's name within its plan.
        goal: the step's goal, in words that the assignee can act on.
        assignee: the node that takes it.
        after: ids of the steps whose results it needs.
        inputs: plain data that the assignee's contract may ask for.
        criterion: the condition for counting as done; the planner's check reads it.

    Raises:
        DesignError: an id, goal or assignee that is no text, or `after` as one name and not a
            tuple of names.
    """

    id: str
    goal: str
    assignee: str
    after: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    criterion: str = ""

    def __post_init__(self) -> None:
        for name in ("id", "goal", "assignee"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise DesignError(f"Step({name}={value!r:.60}): give a text")
        if isinstance(self.after, str):
            raise DesignError(
                f"step {self.id!r}: after={self.after!r} is one name; give a tuple, "
                f"({self.after!r},)"
            )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Steps towards a goal. A plan that cannot run is refused, by name, when it is made.

    Args:
        goal: the goal of the whole plan.
        steps: at least one.
        assignees: the nodes that may be given a step; empty means unchecked.
        budget: the plan's limits. `steps` bounds the number of steps; for a planner, `retries`
            bounds the re-plans, and the others bound the spending of all steps together.
        version: 1 for the first plan, one more for each re-plan.
        reason: the reason for this version.

    Raises:
        DesignError: no steps, a missing or repeated id, an unknown assignee, a missing
            dependency, a cycle, more steps than the budget allows, or a limit on handoffs, which
            nothing would enforce.
    """

    goal: str
    steps: tuple[Step, ...]
    assignees: tuple[str, ...] = ()
    budget: Budget = Budget()
    version: int = 1
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.steps:
            raise DesignError(f"plan for {self.goal!r}: it has no steps; give at least one")
        self._check_names()
        self._check_order()
        if self.budget.handoffs is not None:
            raise DesignError(
                f"plan for {self.goal!r}: Budget(handoffs={self.budget.handoffs}): a plan passes "
                "nothing on; bound handoffs by Router(budget=) or Contract(budget=)"
            )
        if self.budget.steps is not None and len(self.steps) > self.budget.steps:
            raise DesignError(
                f"plan for {self.goal!r}: {len(self.steps)} steps are over its budget of "
                f"{self.budget.steps}; merge steps or raise Budget(steps=)"
            )

    def _check_names(self) -> None:
        ids = [step.id for step in self.steps]
        if not all(ids):
            raise DesignError(f"plan for {self.goal!r}: a step without an id; name each step")
        if repeated := sorted({name for name in ids if ids.count(name) > 1}):
            raise DesignError(f"plan for {self.goal!r}: step id {repeated[0]!r} is used twice")
        for step in self.steps:
            if self.assignees and step.assignee not in self.assignees:
                raise DesignError(
                    f"step {step.id!r}: unknown assignee {step.assignee!r}; "
                    f"give one of {', '.join(self.assignees)}"
                )
            for name in step.after:
                if name not in ids:
                    raise DesignError(
                        f"step {step.id!r}: depends on {name!r}, which is not in the plan "
                        f"({', '.join(ids)})"
                    )

    def _check_order(self) -> None:
        try:
            TopologicalSorter({step.id: step.after for step in self.steps}).prepare()
        except CycleError as problem:
            # graphlib names a dependency before its step; the text says who waits for whom.
            cycle = " -> ".join(reversed(problem.args[1]))
            raise DesignError(
                f"plan for {self.goal!r}: steps wait for each other: {cycle}; drop one dependency"
            ) from None

    def __getitem__(self, name: str) -> Step:
        for step in self.steps:
            if step.id == name:
                return step
        raise KeyError(f"no step {name!r} in the plan for {self.goal!r}")

    def ready(self, done: Collection[str], begun: Collection[str] = ()) -> tuple[Step, ...]:
        """Give the steps that are neither done nor begun and whose dependencies are all done."""
        return tuple(
            step
            for step in self.steps
            if step.id not in done and step.id not in begun and set(step.after) <= set(done)
        )

    @property
    def digest(self) -> str:
        """Give the digest of goal and steps: equal for two versions that plan the same."""
        return digest([self.goal, self.steps])


def step_key(step: Mapping[str, Any]) -> str:
    """Give the key of a step that a planner sent, unique in a run: planner, version, id."""
    return f"{step.get('path', step.get('planner', ''))}:{step.get('version', 1)}:{step['id']}"
