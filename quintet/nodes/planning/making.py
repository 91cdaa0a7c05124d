"""Make a plan by a function, a template or a chat model, and let only one through that may run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel

from quintet.nodes.agents.draft import draft_plan
from quintet.nodes.core.call import Logic
from quintet.nodes.core.progress import Progress
from quintet.nodes.planning.admission import Admission
from quintet.nodes.planning.evidence import Evidence, Maker, made_by
from quintet.state.budget import Budget
from quintet.state.channels import BEFORE
from quintet.state.own import own
from quintet.state.plan import Plan, refuse
from quintet.state.step import Step


@dataclass(frozen=True, kw_only=True)
class Making:
    """Make plans for a planner.

    Args:
        make: a function, a template or a chat model.
        read: gives the goal from the state.
        about: the assignees and their purposes.
        budget: the planner's limits.
        admission: tells if a plan may run.
    """

    make: Maker | Plan | BaseChatModel
    read: Callable[[Mapping[str, Any]], Any]
    about: Mapping[str, str]
    budget: Budget
    admission: Admission

    def plan(
        self, state: Mapping[str, Any], evidence: Evidence | None, progress: Progress | None
    ) -> Logic[Plan]:
        """Make the next plan.

        Raises:
            PlanRefused: it may not run; every complaint is named.
            ContractBroken: none of a chat model's drafts may run.
        """
        goal = own(self.read(state))
        made: Plan | tuple[Step, ...]
        if isinstance(self.make, Plan):
            made = self.make
        elif isinstance(self.make, BaseChatModel):
            made = yield from self._drafted(str(goal), state, evidence, progress)
        else:
            made = yield from made_by(self.make, goal, evidence)
        budget = self.budget
        if isinstance(made, Plan):
            goal, steps, budget = made.goal, made.steps, made.budget.within(budget)
        else:
            goal, steps = str(goal), made
        refuse(self.complaints(goal, steps, budget, state, progress))
        return Plan(
            goal=goal,
            steps=steps,
            assignees=tuple(self.about),
            budget=budget,
            version=1 if evidence is None else evidence.plan.version + 1,
            reason="first plan" if evidence is None else evidence.in_words,
        )

    def _drafted(
        self,
        goal: str,
        state: Mapping[str, Any],
        evidence: Evidence | None,
        progress: Progress | None,
    ) -> Logic[tuple[Step, ...]]:
        def complaints(goal: str, steps: tuple[Step, ...]) -> tuple[str, ...]:
            return self.complaints(goal, steps, self.budget, state, progress)

        words, judged = self.admission.vocabulary, self.admission.judged
        model: Any = self.make
        asked = draft_plan(model, goal, self.about, words, evidence, complaints, judged=judged)
        return (yield from asked)

    def complaints(
        self,
        goal: str,
        steps: tuple[Step, ...],
        budget: Budget,
        state: Mapping[str, Any],
        progress: Progress | None,
    ) -> tuple[str, ...]:
        """Give every complaint about a plan in place of the one under way, if any."""
        spent: Mapping[str, Any] = state.get("spent") or {}
        done: set[str] = set()
        if progress is not None:
            old = {step.id: step.data for step in progress.plan.steps if step.id in progress.done}
            done = {step.id for step in steps if old.get(step.id) == step.data}
        before = progress.spent if progress is not None else spent
        return self.admission.complaints(
            goal,
            steps,
            budget,
            known={key: value for key, value in state.items() if value is not None},
            spent={name: spent.get(name, 0) - before[name] for name in before if name != BEFORE},
            done=done,
        )
