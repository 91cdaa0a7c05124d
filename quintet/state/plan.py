"""A plan: steps with dependencies, checked before anything runs."""

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
        goal: what it is to achieve, in words that the assignee can act on.
        assignee: the node that takes it.
        after: ids of the steps whose results it needs.
        inputs: plain data that the assignee's contract may ask for.
        criterion: when it counts as done; read by the planner's check.

    Raises:
        DesignError: `after` is one name and not a tuple of names.
    """

    id: str
    goal: str
    assignee: str
    after: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    criterion: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.after, str):
            raise DesignError(
                f"step {self.id!r}: after={self.after!r} is one name; give a tuple, "
                f"({self.after!r},)"
            )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Steps towards a goal. Construction refuses, by name, a plan that cannot run.

    Args:
        goal: what the whole plan is for.
        steps: at least one.
        assignees: the nodes that may be given a step; empty means unchecked.
        budget: `steps` bounds the number of steps; a planner also keeps `retries`, how often it
            is re-planned, and what its steps may spend together.
        version: 1 for the first plan, one more for each re-plan.
        reason: why this version was made.

    Raises:
        DesignError: no steps, a missing or repeated id, an unknown assignee, a missing
            dependency, a cycle, more steps than the budget has, or a limit on handoffs, which
            nothing would keep.
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
        """The steps whose dependencies are all done and that are neither done nor begun."""
        return tuple(
            step
            for step in self.steps
            if step.id not in done and step.id not in begun and set(step.after) <= set(done)
        )

    @property
    def digest(self) -> str:
        """A name for what the plan does, whatever its version or reason: to see no progress."""
        return digest([self.goal, self.steps])


def end_of(step: Mapping[str, Any]) -> str:
    """Name a step that a planner sent among all others: planner, version, id."""
    return f"{step.get('path', step.get('planner', ''))}:{step.get('version', 1)}:{step['id']}"
