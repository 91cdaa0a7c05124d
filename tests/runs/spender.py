"""Spend tokens and be killed: `python -m tests.runs.spender URL KIND PLACE`.

Each model call costs 10 tokens. The process ends by SIGKILL at the model call with the number
`PLACE`, or in the handler of a failure. So a test goes on where it stopped.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from langchain_core.messages import AIMessage
from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from quintet.graphs import begin, create_sequential, create_single_agent
from quintet.nodes import Finish, Recovery, Worker, fallback, retry
from quintet.runs import resume, start
from quintet.state import Budget, Contract, OrchestrationState, checkpointer
from quintet.state.failure import FailureClass
from quintet.testing import ScriptedModel

_INJECTED = cast(NodeError, None)
GIVEN = {"message": "m"}


class OutOfStock(Exception):
    """An error that only the user's own classifier knows."""


def own_classes(problem: BaseException) -> FailureClass | None:
    return "transient" if isinstance(problem, OutOfStock) else None


@dataclass(frozen=True, kw_only=True)
class Dying(Recovery):
    """Recover by the policy, with a place in it to die at."""

    place: str = ""

    def __call__(self, state: Any, error: NodeError = _INJECTED) -> Command[str]:
        if self.place == "handler":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(state, error)


@dataclass
class Spender:
    """Build the graphs, and count the model calls of this process."""

    place: str = ""
    calls: int = 0

    def model(self) -> Any:
        usage: Any = {"input_tokens": 6, "output_tokens": 4, "total_tokens": 10}

        def reply(messages: Any) -> AIMessage:
            self.calls += 1
            if str(self.calls) == self.place:
                os.kill(os.getpid(), signal.SIGKILL)
            return AIMessage("ok", usage_metadata=usage)

        return ScriptedModel(reply)

    def worker(self, *, calls: int = 5, fails: bool = False, **budget: Any) -> Worker:
        model = self.model()

        def agent(request: Mapping[str, Any]) -> str:
            for _ in range(calls):
                model.invoke("hello")
            if fails:
                raise OutOfStock("none left") from ConnectionError("the line is down")
            return "ok"

        contract = Contract(goal="g", needs=("message",), budget=Budget(**budget))
        return Worker(agent=agent, contract=contract)

    def recovery(self) -> Recovery:
        return Dying(place=self.place, transient=(retry(2, wait=0), fallback("basic")))

    def single(self) -> Any:
        return create_single_agent(self.worker(tokens=100), recover=self.plain())

    def unlimited(self) -> Any:
        return create_single_agent(self.worker(), recover=self.plain())

    def within(self) -> Any:
        """A worker under a limit, whose agent is a graph of two workers."""
        inner = {"a": self.worker(calls=3), "b": self.worker(calls=3)}
        agent = create_sequential(inner, recover=self.plain()).compile()
        contract = Contract(goal="g", needs=("message",), budget=Budget(tokens=100))
        return create_single_agent(Worker(agent=agent, contract=contract), recover=self.plain())

    def in_node(self) -> Any:
        """A graph of one worker under a limit, called inside a plain node, and one as a node."""
        inner = create_single_agent(self.worker(calls=3, tokens=50), recover=self.plain()).compile()
        graph = StateGraph(OrchestrationState)
        graph.add_node("called", lambda state: {"results": inner.invoke(GIVEN)["results"]})
        graph.add_node("inner", inner)
        graph.add_node("finish", Finish())
        path = begin("called")
        graph.add_conditional_edges(START, path, path.targets)
        graph.add_edge("called", "inner")
        graph.add_edge("inner", "finish")
        return graph.add_edge("finish", END)

    def failing(self) -> Any:
        """A worker that fails for good; its fallback does the work."""
        graph = create_sequential({"work": self.worker(calls=2, tokens=100)})
        work = self.worker(calls=2, fails=True, tokens=100)
        recover = replace(self.recovery(), classify=own_classes)
        graph = StateGraph(OrchestrationState)
        graph.add_node("work", work, error_handler=recover, retry_policy=recover.retry_policy)
        graph.add_node("basic", lambda state: {"results": {"basic": "ok"}})
        graph.add_node("finish", Finish())
        path = begin("work")
        graph.add_conditional_edges(START, path, path.targets)
        graph.add_edge("basic", "finish")
        graph.add_edge("work", "finish")
        return graph.add_edge("finish", END)

    def plain(self) -> Recovery:
        return Recovery(transient=(), permanent=())


def main(url: str, kind: str, place: str) -> None:
    """Run a graph until the place is reached, or go on with it."""
    spender = Spender(place=place)
    with checkpointer(url) as saver:
        app = getattr(spender, kind)().compile(checkpointer=saver)
        if saver.get_tuple({"configurable": {"thread_id": "t"}}) is None:
            start(app, GIVEN, thread="t")
        else:
            resume(app, thread="t")


if __name__ == "__main__":
    main(*sys.argv[1:])
