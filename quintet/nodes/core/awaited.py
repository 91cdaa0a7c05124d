"""Find who waits for the customer's message in a graph, and lead there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.types import Send

from quintet.nodes.core.task import Task
from quintet.state.questions import asked_texts, open_questions


@dataclass(frozen=True, kw_only=True)
class Awaited:
    """Hold the questions that the customer was asked last, in one graph.

    Args:
        questions: the open questions, by who has asked them.
        graph: the path of the graph, with a slash at its end where it is nested.
    """

    questions: Mapping[str, Mapping[str, Any]]
    graph: str = ""

    @classmethod
    def by(cls, nodes: tuple[str, ...], task: Task, state: Mapping[str, Any]) -> Awaited:
        """Find the questions of these nodes of a task's graph; the last that were asked count."""
        graph = task.path.removesuffix(task.node)
        known = {at: q for at, q in open_questions(state).items() if at.startswith(graph)}
        known = {at: q for at, q in known.items() if _node(at, graph) in nodes}
        last = max((question["left"] for question in known.values()), default=0)
        return cls(questions={at: q for at, q in known.items() if q["left"] == last}, graph=graph)

    def __bool__(self) -> bool:
        return bool(self.questions)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Name the nodes that wait."""
        return tuple(dict.fromkeys(_node(at, self.graph) for at in self.questions))

    @property
    def text(self) -> str:
        """Give what the customer was asked."""
        return "; ".join(dict.fromkeys(asked_texts(self.questions).values()))

    def goto(self, state: Mapping[str, Any]) -> Any:
        """Give the way to all that wait, as `Command(goto=)` takes it."""
        ways: dict[str, Any] = {}
        for at, question in self.questions.items():
            node = _node(at, self.graph)
            step = question.get("step")
            # A step's plan is gone, so its worker is sent the step once more, without a planner.
            way = Send(node, {**_shared(state), "step": dict(step)}) if step else node
            ways[at if step else node] = way
        return next(iter(ways.values())) if len(ways) == 1 else list(ways.values())


def _node(at: str, graph: str) -> str:
    return at.removeprefix(graph).partition("/")[0].partition(":")[0]


def _shared(state: Mapping[str, Any]) -> dict[str, Any]:
    own = ("plan", "kept", "decisions", "step")
    return {key: value for key, value in state.items() if key not in own}
