"""Read the plan's step that a node was sent, and say where the step goes and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langgraph.types import Send

from quintet.nodes.core.kept import keep
from quintet.nodes.core.task import current_task
from quintet.state.plan import step_key


@dataclass(frozen=True, kw_only=True)
class SentStep:
    """Read a step from the state that was sent with it; empty for work outside of a plan.

    A step may also be sent by a node of the user's own. It then has no planner. A step that was
    sent to the graph around this one is `outer`: it belongs to that graph, and its nodes go their
    own way.
    """

    record: Mapping[str, Any]
    outer: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> SentStep:
        """Read the step in the state of the task that runs now."""
        record = state.get("step") or {}
        path = record.get("path")
        if path is None or _graph(path) == _graph(current_task("").path):
            return cls(record=record)
        return cls(record={}, outer=record)

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
            given = {**self.outer.get("inputs", {}), "goal": self.outer.get("goal", "")}
            return {**state, **results, **(given if self.outer else {})}
        step = self.record
        needed = {name: results[name] for name in step.get("after", ()) if name in results}
        return {**state, **needed, **step.get("inputs", {}), "goal": step.get("goal", "")}

    def ended(self, end: Mapping[str, Any]) -> dict[str, Any]:
        """Give the note, as an update of `kept`, that tells a planner how its step has ended."""
        return keep("step", step_key(self.record), end) if self.planner else {}

    def result(self, node: str, value: Any) -> dict[str, Any]:
        """Give a result, as an update of `results`, under the step's name or the node's.

        A graph that was sent a step answers it by the last result of its workers.
        """
        named = {self.id or node: value}
        return named | {self.outer["id"]: value} if self.outer else named

    def answered(self, results: Mapping[str, Any]) -> dict[str, Any]:
        """Give the update by which a graph that was sent a step answers it, at the graph's end.

        A planner's own steps do not answer it before: several of them may end at once.
        """
        if not self.outer or self.outer["id"] in results or not results:
            return {}
        *_, last = results.values()
        return {"results": {self.outer["id"]: last}}

    def forward(self, node: str, state: Mapping[str, Any]) -> Any:
        """Give the way to another node, as `Command(goto=)` takes it; a step goes along with it."""
        return Send(node, dict(state)) if self else node


def _graph(path: str) -> str:
    """Give the path of the graph that a node is in."""
    return path.rpartition("/")[0]
