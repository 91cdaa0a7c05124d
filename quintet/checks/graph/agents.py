"""Inside a worker's agent: the graphs, tools and functions that it is made of."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from inspect import getattr_static
from types import FunctionType, MethodType

from langchain_core.runnables import (
    Runnable,
    RunnableBranch,
    RunnableParallel,
    RunnableWithFallbacks,
)
from langchain_core.tools import BaseTool
from langgraph.graph.state import CompiledStateGraph

from quintet.checks.graph.part import AnyCompiled, Part, declared, functions_of, unwrapped
from quintet.checks.source.body import Body, body_of
from quintet.nodes import Effect, Node

_RUNNING = ("invoke", "ainvoke", "stream", "astream", "batch", "abatch")


@dataclass(frozen=True, kw_only=True)
class AgentParts:
    """The parts of an agent that can be seen."""

    seen: tuple[object, ...]
    graphs: tuple[AnyCompiled, ...]
    tools: tuple[object, ...]
    bodies: tuple[Body, ...]


def agent_parts(agent: object) -> AgentParts:
    """Look into an agent: a function, a Runnable of Runnables, a graph and its subgraphs.

    A node of ours among them is left alone: it has a contract of its own.
    """
    parts: dict[int, object] = {}
    graphs: list[AnyCompiled] = []
    tools: list[object] = []
    bodies: list[Body] = []
    waiting = [agent]
    while waiting:
        thing = unwrapped(waiting.pop())
        if id(thing) in parts or isinstance(thing, Node):
            continue
        parts[id(thing)] = thing
        held = declared(thing, "tools_by_name")
        tools += held.values() if isinstance(held, Mapping) else ()
        if isinstance(thing, CompiledStateGraph):
            graphs.append(thing)
        read_here = list(_bodies(thing))
        bodies += read_here
        waiting += [
            *_parts(thing),
            *(each for body in read_here for each in _called_runnables(body)),
        ]
    return AgentParts(
        seen=tuple(parts.values()), graphs=tuple(graphs), tools=tuple(tools), bodies=tuple(bodies)
    )


def _parts(thing: object) -> Iterator[object]:
    """Return what a Runnable is made of."""
    if isinstance(thing, CompiledStateGraph):
        nodes = thing.builder.nodes
        yield from (Part(name=name, spec=spec).runnable for name, spec in nodes.items())
    elif isinstance(thing, RunnableWithFallbacks):
        yield from thing.runnables
    elif isinstance(thing, RunnableParallel):
        yield from thing.steps__.values()
    elif isinstance(thing, RunnableBranch):
        yield from (each for _, each in thing.branches)
        yield thing.default
    elif isinstance(thing, Runnable):
        steps = declared(thing, "steps")
        yield from steps if isinstance(steps, list) else ()


def _bodies(thing: object) -> Iterator[Body]:
    """Return the functions of an agent: itself, or what a Runnable wraps."""
    several = functions_of(thing) if isinstance(thing, Runnable) else [thing]
    for each in several:
        body = body_of(each)
        if body is not None:
            yield from body.reach


def _called_runnables(body: Body) -> Iterator[object]:
    """Return the Runnables that a function runs itself, as in `graph.invoke(...)`."""
    runnables = (called_runnable(body, call) for call in body.call_nodes)
    yield from (runnable for runnable in runnables if runnable is not None)


def called_runnable(body: Body, call: ast.Call) -> object:
    """Return the Runnable that a call in a function runs, as in `agent.invoke(...)`."""
    owner = body.receiver(call, _RUNNING)
    return owner if isinstance(owner, Runnable) else None


def tool_functions(tool: object) -> list[object]:
    """Return what a tool runs: its function and its async one, or the methods of its class."""
    if isinstance(tool, FunctionType | MethodType):
        return [tool]
    if isinstance(tool, Effect):
        return [tool.function]
    given = [declared(tool, name) for name in ("func", "coroutine")]
    written = [getattr_static(type(tool), name, None) for name in ("_run", "_arun")]
    own = [each for each in written if isinstance(each, FunctionType)]
    named = [each for each in given if each is not None]
    return named or [each for each in own if each.__module__ != BaseTool.__module__]
