"""Test a law: a tree of graphs and workers has spent the sum of what its leaves have spent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from quintet.graphs import begin, create_handoff, create_sequential, create_single_agent
from quintet.nodes import Finish, Recovery, Router, Worker, fallback, retry
from quintet.state import Contract, OrchestrationState
from quintet.testing import ScriptedModel

HASTY = Recovery(transient=retry(2, wait=0))
FALLS_BACK = Recovery(transient=retry(2, wait=0), unknown=fallback("basic"))


@dataclass(frozen=True)
class Total:
    """The spending of a part of a tree, as the state outside of it must say."""

    steps: int = 0
    tokens: int = 0
    retries: int = 0
    remedies: int = 0

    def __add__(self, other: Total) -> Total:
        return Total(
            self.steps + other.steps,
            self.tokens + other.tokens,
            self.retries + other.retries,
            self.remedies + other.remedies,
        )


@dataclass(frozen=True)
class Leaf:
    """Build a worker of a function that calls a model so often, for so many tokens a call.

    It may fail in its first attempt, or for good, so that another takes its work over.
    """

    calls: int
    tokens: int
    fails: str = ""

    @property
    def total(self) -> Total:
        once = Total(steps=1 + self.calls, tokens=self.calls * self.tokens)
        if self.fails == "once":
            return once + once + Total(retries=1)
        return once + Total(steps=1, remedies=1) if self.fails else once

    def part(self, _: str = "") -> Any:
        usage: Any = {"input_tokens": 0, "output_tokens": 0, "total_tokens": self.tokens}
        replies = [AIMessage("ok", usage_metadata=usage)] * self.calls
        model = ScriptedModel(replies * 3)

        def agent(request: Mapping[str, Any], runtime: Runtime[Any]) -> str:
            for _ in range(self.calls):
                model.invoke("hello")
            if self.fails == "once" and runtime.execution_info.node_attempt == 1:
                raise ConnectionError("down")
            if self.fails == "always":
                raise RuntimeError("out of order")
            return "ok"

        return guarded(worker(agent), self.fails) if self.fails else worker(agent)


@dataclass(frozen=True)
class Tree:
    """Build a graph of other parts: in a line, side by side, or one of them within a worker."""

    kind: str
    parts: tuple[Any, ...]

    @property
    def total(self) -> Total:
        whole = sum((part.total for part in self.parts), Total())
        # A worker counts what is done within it; how its agent recovers is the agent's own.
        return Total(whole.steps, whole.tokens) if self.kind == "worker" else whole

    def part(self, place: str = "n") -> Any:
        # A graph that is a node has names of its own for its workers.
        names = [f"{place}{number}" for number in range(len(self.parts))]
        nodes = {name: each.part(f"{name}_") for name, each in zip(names, self.parts, strict=True)}
        if self.kind == "worker":
            return worker(line(nodes).compile())
        return (line(nodes) if self.kind == "line" else fork(nodes)).compile()


def worker(agent: Any) -> Worker:
    return Worker(agent=agent, contract=Contract(goal="g", needs=("message",)))


def guarded(node: Worker, fails: str) -> CompiledStateGraph[Any, Any, Any, Any]:
    if fails == "once":
        return create_single_agent(node, recover=HASTY).compile()
    router = Router(choose=lambda message: "work", to=("work",), otherwise="person")
    workers = {"work": node, "basic": worker(lambda request: "basic")}
    return create_handoff(router, workers, recover=FALLS_BACK).compile()


def line(nodes: Mapping[str, Any]) -> StateGraph[Any]:
    return create_sequential(nodes, recover=HASTY)


def either(one: str, other: str) -> str:
    return other


class Forked(OrchestrationState, total=False):
    """A state whose `message` two graphs may hand back at once."""

    message: Annotated[str, either]  # type: ignore[misc]


def fork(nodes: Mapping[str, Any]) -> StateGraph[Any]:
    graph = StateGraph(Forked).add_node("finish", Finish(), defer=True)
    for name, node in nodes.items():
        graph.add_node(name, node).add_edge(name, "finish")
    path = begin(*nodes)
    graph.add_conditional_edges(START, path, path.targets)
    return graph.add_edge("finish", END)


leaves = st.builds(
    Leaf, st.integers(0, 2), st.integers(1, 50), st.sampled_from(["", "", "once", "always"])
)


def _trees(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Tree]:
    kinds = st.sampled_from(["line", "fork", "worker"])
    return st.builds(Tree, kinds, st.lists(parts, min_size=1, max_size=3).map(tuple))


trees = st.recursive(leaves, _trees, max_leaves=7).map(lambda part: Tree("line", (part,)))


def spent(values: Mapping[str, Any]) -> Total:
    amounts, remedies = values["spent"], values.get("remedies") or {}
    return Total(
        steps=amounts.get("steps", 0),
        tokens=amounts.get("tokens", 0),
        retries=amounts.get("retries", 0),
        remedies=sum(remedies.values()),
    )


@pytest.mark.parametrize("way", ["sync", "async"])
@settings(max_examples=40, deadline=None)
@given(tree=trees)
def test_a_tree_has_spent_what_its_leaves_have_spent(way: str, tree: Tree) -> None:
    app = tree.part()
    given = {"message": "m"}
    values = app.invoke(given) if way == "sync" else asyncio.run(app.ainvoke(given))
    assert values["outcome"]["status"] == "done"
    assert spent(values) == tree.total


@settings(max_examples=20, deadline=None)
@given(trees=st.lists(trees, min_size=2, max_size=3))
def test_each_message_of_a_thread_has_spent_what_its_own_leaves_have(trees: list[Tree]) -> None:
    saver = InMemorySaver()
    for tree in trees:
        nodes = {"tree": tree.part()}
        app = line(nodes).compile(checkpointer=saver)
        values = app.invoke({"message": "m"}, {"configurable": {"thread_id": "t"}})
        assert spent(values) == tree.total
