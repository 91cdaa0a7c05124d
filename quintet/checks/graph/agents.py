"""Look inside a worker's agent: at the graphs, tools and functions that it is made of."""

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

from quintet.checks.graph.part import RUNNING, AnyCompiled, Part, declared, functions_of, unwrapped
from quintet.checks.source.body import Body, body_of
from quintet.nodes import Effect, Node


@dataclass(frozen=True, kw_only=True)
class AgentParts:
    """The visible parts of an agent: every object seen, its graphs, tools and functions."""

    seen: tuple[object, ...]
    graphs: tuple[AnyCompiled, ...]
    tools: tuple[object, ...]
    bodies: tuple[Body, ...]


def agent_parts(agent: object) -> AgentParts:
    """Take an agent apart: a function, a Runnable of Runnables, a graph and its subgraphs.

    A node of ours is left out, since it has a contract of its own.
    """
    parts: dict[int, object] = {}
    graphs: list[AnyCompiled] = []
    tools: list[object] = []
    bodies: list[Body] = []
    waiting = [agent]
    while waiting:
        component = unwrapped(waiting.pop())
        if id(component) in parts or isinstance(component, Node):
            continue
        parts[id(component)] = component  # kept alive, so that no other object gets its id
        tools_by_name = declared(component, "tools_by_name")
        tools += tools_by_name.values() if isinstance(tools_by_name, Mapping) else ()
        if isinstance(component, CompiledStateGraph):
            graphs.append(component)
        read_here = list(_bodies(component))
        bodies += read_here
        waiting += _parts(component)
        waiting += [runnable for body in read_here for runnable in _called_runnables(body)]
    return AgentParts(
        seen=tuple(parts.values()), graphs=tuple(graphs), tools=tuple(tools), bodies=tuple(bodies)
    )


def _parts(runnable: object) -> Iterator[object]:
    """List the Runnables that a Runnable is made of."""
    if isinstance(runnable, CompiledStateGraph):
        nodes = runnable.builder.nodes
        yield from (Part(name=name, spec=spec).runnable for name, spec in nodes.items())
    elif isinstance(runnable, RunnableWithFallbacks):
        yield from runnable.runnables
    elif isinstance(runnable, RunnableParallel):
        yield from runnable.steps__.values()
    elif isinstance(runnable, RunnableBranch):
        yield from (branch for _, branch in runnable.branches)
        yield runnable.default
    elif isinstance(runnable, Runnable):
        steps = declared(runnable, "steps")
        yield from steps if isinstance(steps, list) else ()


def _bodies(component: object) -> Iterator[Body]:
    """List the functions of an agent that can be read: itself, or those that a Runnable wraps."""
    functions = functions_of(component) if isinstance(component, Runnable) else [component]
    for function in functions:
        body = body_of(function)
        if body is not None:
            yield from body.reach


def _called_runnables(body: Body) -> Iterator[object]:
    """List the Runnables that a function runs itself, as in `graph.invoke(...)`."""
    runnables = (called_runnable(body, call) for call in body.call_nodes)
    yield from (runnable for runnable in runnables if runnable is not None)


def called_runnable(body: Body, call: ast.Call) -> object:
    """Return the Runnable that a call in a function runs, as in `agent.invoke(...)`."""
    owner = body.receiver(call, RUNNING)
    return owner if isinstance(owner, Runnable) else None


def tool_functions(tool: object) -> list[object]:
    """List the functions that a tool runs: sync and async, or its `_run` and `_arun`."""
    if isinstance(tool, FunctionType | MethodType):
        return [tool]
    if isinstance(tool, Effect):
        return [tool.function]
    attributes = [declared(tool, name) for name in ("func", "coroutine")]
    written = [getattr_static(type(tool), name, None) for name in ("_run", "_arun")]
    methods = [method for method in written if isinstance(method, FunctionType)]
    named = [function for function in attributes if function is not None]
    # The two of BaseTool itself do nothing: one is abstract, one puts the other into a thread.
    return named or [method for method in methods if method.__module__ != BaseTool.__module__]
