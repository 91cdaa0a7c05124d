"""Read the plan's step that a node was sent, and say where the step goes and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langgraph.types import Send

from quintet.nodes.core.actions import step_name
from quintet.nodes.core.kept import keep
from quintet.nodes.core.task import current_task
from quintet.state.channels import is_numbered
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

        That is the state with the results so far, and a step's inputs. A plan's step has a goal of
        its own, and gets only the results that it waits for.
        """
        results = state.get("results") or {}
        step = self.record or self.outer
        goal = {"goal": step["goal"]} if "goal" in step else {}
        if self.planner:
            results = {name: results[name] for name in step.get("after", ()) if name in results}
        own = self._own(results) if self.outer else {}
        return {**state, **results, **step.get("inputs", {}), **goal, **own}

    def ended(self, end: Mapping[str, Any]) -> dict[str, Any]:
        """Give the note, as an update of `kept`, that tells a planner how its step has ended."""
        return keep("step", step_key(self.record), end) if self.planner else {}

    def with_step(self, update: Mapping[str, Any]) -> dict[str, Any]:
        """Give an attempt's update with its proposals as those of this step of a planner's."""
        step = self.record or self.outer
        if "actions" not in update or "path" not in step:
            return {**update}
        name = step_name(step["path"], step["id"])
        actions = {
            at: action | {"steps": [name]} if action["status"] == "proposed" else action
            for at, action in update["actions"].items()
        }
        return {**update, "actions": actions}

    def result(self, node: str, value: Any) -> dict[str, Any]:
        """Give a result, as an update of `results`, under the step's name or the node's.

        A graph that was sent a step answers it by the last result of its workers.
        """
        return {self.id or node: value} | self.answer(value)

    def answer(self, value: Any) -> dict[str, Any]:
        """Give the answer to the step that this graph was sent, as an update of `results`."""
        return {self.outer["id"]: value} if self.outer else {}

    def answer_at_end(self, results: Mapping[str, Any]) -> dict[str, Any]:
        """Give the answer, as an update of `results`, where no worker has given it alone.

        That is the last result of a plan of this graph's own, or the results of workers that ended
        at once, or of all items of a worker, by their names. It is empty where the graph has no
        result of its own: what others had before is no answer.
        """
        own = self._own(results)
        if not self.outer or not own:
            return {}
        step = self.outer["id"]
        if f"{step}#2" in results:
            return self.answer(own)
        if step in results:
            return {}
        last = [*own][-1]
        if is_numbered(last, name := last.rpartition("#")[0]):
            items = {at: value for at, value in own.items() if is_numbered(at, name)}
            return self.answer(items)
        return self.answer(own[last])

    def lacks_result(self, results: Mapping[str, Any]) -> bool:
        """Say whether nothing has given a result: in a graph that was sent a step, none of its own.

        Of another nested graph it cannot be told which results its parent had before.
        """
        if "stood" not in self.outer:
            return not results
        return self.outer["id"] not in results and not self._own(results)

    def _own(self, results: Mapping[str, Any]) -> dict[str, Any]:
        """Give the results of this graph, without those that stood when its step was sent."""
        before = self.outer.get("stood")
        if before is None:  # a sender of the user's own does not say
            return {}
        step = self.outer["id"]
        others = {*before, step}
        return {
            name: value
            for name, value in results.items()
            if name not in others and not name.startswith(f"{step}#")
        }

    def forward(self, node: str, state: Mapping[str, Any]) -> Any:
        """Give the way to another node, as `Command(goto=)` takes it; a step goes along with it."""
        return Send(node, dict(state)) if self else node


def _graph(path: str) -> str:
    """Give the path of the graph that a node is in."""
    return path.rpartition("/")[0]
