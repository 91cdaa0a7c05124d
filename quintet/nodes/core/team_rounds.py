"""Track the rounds in which a manager gives out steps: a plan that grows as it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from quintet.nodes.core.pool import COUNTED
from quintet.nodes.core.progress import Progress
from quintet.state.plan import Plan
from quintet.state.record import digest
from quintet.state.run import run_of
from quintet.state.step import Step

DONE, GIVEN_UP = "done", "given up"


@dataclass(frozen=True, kw_only=True)
class Rounds(Progress):
    """The progress of a manager: a planner's, whose plan gets more steps with each round.

    `past` holds, for each round that gave something out, its words.
    """

    @classmethod
    def first(cls, goal: str, steps: tuple[Step, ...], state: Mapping[str, Any]) -> Self:
        """Begin with the first steps."""
        spent = state.get("spent") or {}
        spent = {name: spent.get(name, 0) for name in COUNTED}
        return cls(plan=Plan(goal=goal, steps=steps), spent=spent, run=run_of(state))

    @property
    def number(self) -> int:
        """Give the number of the round that comes next."""
        return len(self.past) + 1

    @property
    def story(self) -> str:
        """Tell the rounds so far, in words."""
        return "; ".join(str(item["words"]) for item in self.past)

    def with_round(self, steps: tuple[Step, ...], words: str, reopened: tuple[str, ...]) -> Self:
        """Give the progress with one more round.

        Args:
            steps: the steps that it gives out.
            words: the round in words.
            reopened: the steps whose background tasks it sends a message.
        """
        known = {step.id for step in self.plan.steps}
        new = tuple(step for step in steps if step.id not in known)
        return replace(
            self,
            plan=replace(self.plan, steps=(*self.plan.steps, *new)),
            done=tuple(name for name in self.done if name not in reopened),
            past=(*self.past, {"words": words}),
        )

    def repeated(self, steps: tuple[Step, ...], retries: int) -> str | None:
        """Name a step that was given out before: one that is done, or that has failed too often."""
        for step in steps:
            same = [old for old in self.plan.steps if _work(old) == _work(step)]
            if done := [old.id for old in same if old.id in self.done]:
                return (
                    f"no progress: step {step.id!r} is step {done[0]!r} again, which is done: "
                    f"{step.assignee}, {step.goal!r:.80}"
                )
            if len(same) > retries:
                ids = " -> ".join((*(old.id for old in same), step.id))
                return (
                    f"no progress: {step.assignee} has failed {len(same)} times at "
                    f"{step.goal!r:.80}: {ids}"
                )
        return None


def _work(step: Step) -> str:
    return digest([step.assignee, step.goal, step.inputs])
