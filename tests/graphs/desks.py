"""Build small desks for the tests of ready-made graphs: agents, workers, one way to run all."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langgraph.graph import StateGraph

from quintet.nodes import Recovery, Router, Worker, escalate, retry
from quintet.runs import Run, astart, start
from quintet.state import Contract, OrchestrationState, checkpointer

WAYS = ("sync", "async")
SAVERS = ("none", "memory", "sqlite")
HASTY = Recovery(
    transient=retry(3, wait=0),
    rate_limit=retry(2, wait=0),
    timeout=retry(2, wait=0),
    invalid=retry(2, wait=0),
    otherwise=escalate(),
)


class Desk(OrchestrationState, total=False):
    order: int
    amount: float
    facts: dict[str, Any]
    seen: list[str]


def reply(request: Mapping[str, Any]) -> dict[str, Any]:
    """Make an agent that answers."""
    return {"reply": f"about {request['message']}"}


async def areply(request: Mapping[str, Any]) -> dict[str, Any]:
    """Make an agent that awaits."""
    return {"reply": f"about {request['message']}"}


def worker(agent: Any = reply, **options: Any) -> Worker:
    """Make a worker; what is not an option of `Worker` goes into its contract."""
    own = {"read", "gate", "then", "handoffs", "price"}
    given = {name: options.pop(name) for name in list(options) if name in own}
    contract = Contract(**{"goal": "Answer", "needs": ("message",), **options})
    return Worker(agent=agent, contract=contract, **given)


def door(*to: str, otherwise: str = "person", **options: Any) -> Router:
    """Make a front door that goes to the first of its routes that the message names."""

    def named(message: str) -> str | None:
        return next((route for route in to if route in message.split()), None)

    return Router(**{"choose": named, "to": to, "otherwise": otherwise, **options})


def failing(*problems: Exception, then: Callable[..., Any] = reply) -> Callable[..., Any]:
    """Make an agent that raises these in turn, and after that does what `then` does."""
    left = iter(problems)

    def agent(request: Any) -> Any:
        for problem in left:
            raise problem
        return then(request)

    return agent


def always(problem: Exception) -> Callable[..., Any]:
    """Make an agent that always raises this."""

    def agent(request: Any) -> Any:
        raise problem

    return agent


@contextmanager
def saver(kind: str, folder: Path) -> Iterator[Any]:
    """Return a checkpointer of this kind, or None."""
    if kind == "none":
        yield None
    else:
        url = "memory://" if kind == "memory" else f"sqlite:///{folder / 'runs.db'}"
        with checkpointer(url) as opened:
            yield opened


_threads = itertools.count(1)


async def run(graph: StateGraph[Any] | Any, way: str = "sync", **given: Any) -> Run:
    """Run a graph, compiled or to be compiled in memory, on a new thread."""
    app = graph.compile(checkpointer=checkpointer("memory://")) if is_graph(graph) else graph
    thread = f"t{next(_threads)}"
    if way == "async":
        return await astart(app, given, thread=thread)
    return start(app, given, thread=thread)


def is_graph(graph: Any) -> bool:
    """Say whether a graph is not compiled yet."""
    return isinstance(graph, StateGraph)


def reason(ended: Run) -> str:
    """Give the reason of a run's outcome."""
    assert ended.outcome is not None, f"no outcome: {ended}"
    return ended.outcome.reason


def kinds(ended: Run) -> list[str]:
    """Return the kinds of a run's decisions, in order."""
    return [decision.kind for decision in ended.decisions]
