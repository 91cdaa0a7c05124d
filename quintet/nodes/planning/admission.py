"""Admit a plan or refuse it, with all complaints at once, before its first step runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
from typing_extensions import get_type_hints, is_typeddict

from quintet.nodes.core.did import EFFECTS
from quintet.nodes.effect import Effect
from quintet.nodes.planning.cost import cost_of, over_budget
from quintet.nodes.planning.crew import Crew
from quintet.nodes.planning.vocabulary import Vocabulary
from quintet.state.budget import Budget
from quintet.state.contract import Contract
from quintet.state.record import faults, plain, validated
from quintet.state.step import Step, leaves
from quintet.state.structure import faults_of
from quintet.state.verdict import Criterion, Unmet, name_of, unmet, why_not

Allow = Criterion[[Step, tuple[Effect, ...]]]
"""Say whether a plan may hold a step, by the step and the effects that it may run."""


@dataclass(frozen=True, kw_only=True)
class Admission:
    """Look at a plan as a whole: its form, its words, its needs, its effects and its worst case.

    Args:
        assignees: the nodes that take steps.
        vocabulary: the kinds of step, the conditions and the reducers that a plan may name.
        crew: the workers behind the assignees.
        allow: a criterion on each step and the effects that it may run.
        judged: whether somebody judges the criteria of steps.
    """

    assignees: tuple[str, ...]
    vocabulary: Vocabulary
    crew: Crew
    allow: Allow | None = None
    judged: bool = True

    def complaints(
        self,
        goal: str,
        steps: tuple[Step, ...],
        budget: Budget,
        *,
        known: Mapping[str, Any],
        spent: Mapping[str, float],
        done: Collection[str] = (),
    ) -> tuple[str, ...]:
        """Give every complaint about a plan, each in a sentence; none where it may run.

        Args:
            goal: the plan's goal.
            steps: its steps.
            budget: its limits.
            known: the state and the results that stand.
            spent: what its planner's steps have spent so far.
            done: the steps whose results stand, which are not run again.
        """
        found = list(faults_of(goal, steps, self.assignees, budget))
        found += self.vocabulary.faults(steps)
        found += self._unjudged(steps)
        # A node of the user's own may write any key of the state while the plan runs.
        if all(name in self.crew.workers for name in self.assignees):
            found += self._needs(steps, frozenset(known))
        found += self._effects(steps)
        cost = cost_of((step for step in steps if step.id not in done), self.crew)
        found += [f"plan for {goal!r}: {text}" for text in over_budget(cost, budget, spent)]
        return tuple(found)

    def _unjudged(self, steps: tuple[Step, ...]) -> Iterator[str]:
        for step in () if self.judged else steps:
            if step.criterion:
                yield (
                    f"step {step.id!r}: nobody judges its criterion {step.criterion!r:.60}; give "
                    "Planner(check=), or leave it out"
                )
            yield from self._unjudged(step.body)

    def _effects(self, steps: tuple[Step, ...]) -> Iterator[str]:
        if self.allow is None:
            return
        for step in leaves(steps):
            if not step.assignee:
                continue
            reason = why_not(self.allow(step, self.crew.effects(step.assignee)), self.allow)
            if reason is not None:
                why = name_of(self.allow) if reason == "does not hold" else reason
                yield f"step {step.id!r}: {step.assignee!r} may not take it: {why}"

    def _needs(self, steps: tuple[Step, ...], given: frozenset[str]) -> Iterator[str]:
        """Compare what each assignee's contract needs with what its step will find."""
        for step in steps:
            found = given | step.inputs.keys() | set(step.after) | {"goal", EFFECTS}
            if step.kind != "until":  # whose first round has no result before it
                found |= set(step.gives)
            worker = self.crew.lacking(step.assignee)
            if worker is not None:
                yield from _missing(step, worker.contract, found)
                yield from _mistyped(step, worker.contract)
            yield from self._needs(step.body, found)


def _missing(step: Step, contract: Contract, found: Collection[str]) -> Iterator[str]:
    if lacking := [key for key in contract.required if key not in found]:
        yield (
            f"step {step.id!r}: {step.assignee!r} needs {', '.join(lacking)}; give it in inputs, "
            "or let the step come after one whose id is so named"
        )


def _mistyped(step: Step, contract: Contract) -> Iterator[str]:
    """Yield the inputs that the contract would refuse by their type."""
    types = _types(contract.needs)
    for name, value in step.inputs.items():
        if name not in types:
            continue
        try:
            validated(types[name], plain(value))
        except ValidationError as problem:
            yield f"step {step.id!r}: input {name!r} of {step.assignee!r}: {faults(problem)}"


@cache
def _types(needs: Any) -> Mapping[str, Any]:
    """Give the types of a contract's needs by key, where they can be told one by one."""
    if isinstance(needs, type) and issubclass(needs, BaseModel):
        return {name: field.annotation for name, field in needs.model_fields.items()}
    if not (is_typeddict(needs) or is_dataclass(needs)):
        return {}
    try:
        hints = get_type_hints(needs)
    except NameError:  # a type that is local to a function
        return {}
    known = {field.name for field in fields(needs)} if is_dataclass(needs) else hints.keys()
    return {name: hint for name, hint in hints.items() if name in known}


def reversible(step: Step, effects: tuple[Effect, ...]) -> bool | Unmet:
    """Allow only steps whose effects can all be undone; for `Planner(allow=reversible)`."""
    final = [effect.name for effect in effects if effect.undo is None]
    return not final or unmet(f"{step.id}: {', '.join(final)} cannot be undone")
