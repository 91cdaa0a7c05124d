"""Give whoever plans anew what has happened, and tell how plans are made."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from quintet.errors import DesignError
from quintet.nodes.agents.meter import call_counted
from quintet.nodes.core.call import Logic
from quintet.nodes.core.node import one_line
from quintet.state.plan import Plan
from quintet.state.record import digest
from quintet.state.step import Step
from quintet.state.verdict import name_of


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The results and problems that a re-plan is made from.

    Args:
        plan: the plan that did not hold.
        results: results by step id.
        problems: the reasons why steps failed, by step id; under `plan`, what a person who was
            asked to sign it wants otherwise.
    """

    plan: Plan
    results: Mapping[str, Any]
    problems: Mapping[str, str]

    @property
    def in_words(self) -> str:
        """Give the problems in one sentence."""
        return in_words(self.problems)


Maker = Callable[..., Any]
"""A function, plain or async, of the goal, or of the goal and the `Evidence` (None at first); it
returns a `Plan` or its steps."""


def made_by(make: Maker, goal: Any, evidence: Evidence | None) -> Logic[Plan | tuple[Step, ...]]:
    """Call a function that makes plans.

    Raises:
        DesignError: it made no plan, nor steps.
    """
    arguments = (goal, evidence) if _takes_evidence(make) else (goal,)
    made = yield from call_counted(make, *arguments)
    if isinstance(made, Plan):
        return made
    steps = tuple(made) if isinstance(made, Iterable) else (None,)
    if not all(isinstance(step, Step) for step in steps):
        raise DesignError(
            f"{name_of(make)} made {made!r:.80}, which is no plan nor its steps; "
            "return a Plan, or a list of Step(id=..., goal=..., assignee=...)"
        )
    return steps


def _takes_evidence(make: Maker) -> bool:
    try:
        parameters = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    every = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
    return every or sum(parameter.kind in positional for parameter in parameters) > 1


def in_words(problems: Mapping[str, str]) -> str:
    """Give problems in one sentence."""
    return "; ".join(f"step {name}: {one_line(why)}" for name, why in problems.items())


def made_before(
    new: Plan, plan: Plan, problems: Mapping[str, str], past: tuple[Mapping[str, Any], ...]
) -> int | None:
    """Give the version that a new plan repeats, or None.

    That is the last version, or one that was made in answer to the same problems.
    """
    if new.digest == plan.digest:
        return plan.version
    answer = digest([problems, new.digest])
    return next((item["version"] + 1 for item in past if item["answer"] == answer), None)


def steps_in_words(steps: Iterable[Step]) -> str:
    """Name each step with who takes it, as `read>each(reader)`."""
    return ", ".join(f"{step.id}>{_taker(step)}" for step in steps)


def _taker(step: Step) -> str:
    if step.kind == "do":
        return step.assignee
    return f"{step.kind}({step.assignee or step.reducer or steps_in_words(step.body)})"
