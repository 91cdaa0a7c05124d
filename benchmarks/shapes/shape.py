"""Name a pattern with its two graphs, and hold what all hand-written graphs share.

A hand-written graph does by hand what its pattern's duties are, as a good LangGraph user writes it:

- results in the state by name; a step reads what it needs by key, and fails where that is missing;
- an answer that is empty or cut off is a failure, so that it is tried again;
- declared retries on every node; a step that still fails is recorded, and goes to a person;
- one node writes the outcome at the end, with its reason.

It has no typed contracts, no budgets, no record of decisions, no claims on effects, no approval
gate, and does not tell a thread's new run from the last: what ours has beyond these duties, and is
measured with it. It has a sync and an async version of what calls a model.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langgraph.errors import NodeError
from langgraph.graph import END, StateGraph
from langgraph.types import Command, RetryPolicy
from typing_extensions import TypedDict

from benchmarks.desks import Desk
from benchmarks.script import scripted
from quintet.nodes import Worker
from quintet.state import Contract
from quintet.testing import ScriptedModel

Graph = StateGraph[Any]
Build = Callable[[BaseChatModel, bool], Graph]
"""Makes a graph around a model, for runs that await or for runs that do not."""

RETRY = RetryPolicy(max_attempts=3)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A pattern.

    Args:
        name: its name in the figures.
        by_hand: makes the hand-written graph.
        ours: makes Quintet's.
        calls: the model calls of one run.
        depth: how many of them follow each other: times the latency, the ideal wall time.
        reply: what the model says; the same to both.
        results: the names of the results that both must give.
        spoken: whether the hand-written graph's state is a list of messages.
    """

    name: str
    by_hand: Build
    ours: Build
    calls: int
    depth: int
    results: tuple[str, ...]
    reply: Callable[[Sequence[BaseMessage]], Any] | None = None
    spoken: bool = False

    def desks(self, *, awaited: bool, latency: float = 0.0) -> tuple[Desk, Desk]:
        """Compile both, each with a scripted model of its own: ours first."""
        return (
            self.desk("quintet", self.ours, awaited, latency),
            self.desk("by_hand", self.by_hand, awaited, latency),
        )

    def desk(self, name: str, build: Build, awaited: bool, latency: float = 0.0) -> Desk:
        """Compile one graph, with a scripted model of its own."""
        if self.reply is None:
            model = scripted("", latency)
        else:
            model = ScriptedModel(self.reply, latency=latency)
        app = build(model, awaited).compile()
        spoken = self.spoken and build is self.by_hand
        return Desk(name=name, app=app, model=model, spoken=spoken, started=False)


class State(TypedDict, total=False):
    """What a hand-written graph keeps."""

    message: str
    results: Annotated[dict[str, Any], operator.or_]
    failures: Annotated[list[str], operator.add]
    outcome: dict[str, str]


def worker(model: BaseChatModel, goal: str, *needs: str) -> Worker:
    """Make a worker of ours whose agent is a chat model."""
    contract = Contract(goal=goal, needs=("message", *needs), gives=str)
    return Worker(agent=model, contract=contract)


def asks(model: BaseChatModel, awaited: bool, name: str, goal: str, *needs: str) -> Any:
    """Make a hand-written node that asks the model, and puts its answer under a name."""

    def messages(state: State) -> list[BaseMessage]:
        results = state.get("results", {})
        had = "".join(f"\n{need}: {results[need]}" for need in needs)
        return [SystemMessage(goal), HumanMessage(state["message"] + had)]

    def ask(state: State) -> dict[str, Any]:
        return {"results": {name: checked(model.invoke(messages(state)))}}

    async def aask(state: State) -> dict[str, Any]:
        return {"results": {name: checked(await model.ainvoke(messages(state)))}}

    return aask if awaited else ask


def checked(reply: AIMessage) -> str:
    """Give a model's answer; refuse one that is empty or cut off."""
    text = reply.text
    if not text.strip() or reply.response_metadata.get("finish_reason") == "length":
        raise ValueError(f"no whole answer: {text!r:.80}")
    return text


def finish(state: State) -> dict[str, Any]:
    """Write the outcome: done, if there are results."""
    results = ", ".join(sorted(state.get("results", {})))
    status = "done" if results else "escalated"
    return {"outcome": {"status": status, "reason": f"results: {results}"}}


_GIVEN = cast(NodeError, None)
"""LangGraph gives the error; a default lets the handler pass for a function of the state."""


def recover(state: Any, error: NodeError = _GIVEN) -> Command[str]:
    """Record the failure of a step that was tried often enough, and go to a person."""
    failure = f"{error.node}: {type(error.error).__name__}: {error.error}"
    return Command(goto="person", update={"failures": [failure]})


def person(state: Any) -> dict[str, Any]:
    """Hand over to a person: write that outcome, with its reason."""
    reason = next(iter(state.get("failures", ())[-1:]), "a person was asked for")
    return {"outcome": {"status": "escalated", "reason": reason}}


def add_step(graph: Graph, name: str, node: Any, **options: Any) -> None:
    """Add a node to a hand-written graph, with its retries and its handler."""
    graph.add_node(name, node, retry_policy=RETRY, error_handler=recover, **options)


def graph_with_end(state: Any = State, finish: Any = finish) -> Graph:
    """Begin a hand-written graph: the nodes that write the outcome, with their edges to the end."""
    graph: Graph = StateGraph(state)
    graph.add_node("finish", finish, retry_policy=RETRY)
    graph.add_node("person", person)
    graph.add_edge("finish", END)
    graph.add_edge("person", END)
    return graph


def said(*by_goal: tuple[str, Any]) -> Callable[[Sequence[BaseMessage]], Any]:
    """Make a script: the reply to the first of these texts that the instructions hold."""

    def reply(messages: Sequence[BaseMessage]) -> Any:
        system = messages[0].text
        return next(answer for goal, answer in by_goal if goal in system)

    return reply
