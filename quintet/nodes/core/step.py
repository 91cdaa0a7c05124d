"""Read the plan's step that a node was sent, and say where the step goes and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.types import Send

from quintet.nodes.core.kept import keep
from quintet.state.plan import step_key


@dataclass(frozen=True, kw_only=True)
class SentStep:
    """Read a step from the state that was sent with it; empty for work outside of a plan.

    A step may also be sent by a node of the user's own. It then has no planner.
    """

    record: Mapping[str, Any]

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> SentStep:
        """Read the step in a state."""
        return cls(record=state.get("step") or {})

    def __bool__(self) -> bool:
        return bool(self.record)

    @property
    def id(self) -> str:
        """Give the step's id; empty outside of a plan."""
        return str(self.record.get("id") or "")

    @property
    def planner(self) -> str:
        """Name the planner that judges the step; empty where there is none."""
        return str(self.record.get("planner") or "")

    @property
    def spare(self) -> bool:
        """Say whether its planner can bear its failure: it is one of several votes or ways."""
        return bool(self.planner and self.record.get("spare"))

    def context(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Give what a worker's contract takes its needs from.

        That is the state with the results so far. A plan's step gets only the results that it
        waits for, its inputs and its own goal.
        """
        results = state.get("results") or {}
        if not self:
            return {**state, **results}
        step = self.record
        needed = {name: results[name] for name in step.get("after", ()) if name in results}
        return {**state, **needed, **step.get("inputs", {}), "goal": step.get("goal", "")}

    def ended(self, end: Mapping[str, Any]) -> dict[str, Any]:
        """Give the note, as an update of `kept`, that tells a planner how its step has ended."""
        return keep("step", step_key(self.record), end) if self.planner else {}

    def forward(self, node: str, state: Mapping[str, Any]) -> Any:
        """Give the way to another node, as `Command(goto=)` takes it; a step goes along with it."""
        return Send(node, dict(state)) if self else node
