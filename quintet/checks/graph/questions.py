"""Find where a function asks a person: by `interrupt`, in a helper, or in a graph that it runs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import CodeType, FunctionType, MethodType

from langgraph.graph.state import CompiledStateGraph
from langgraph.types import interrupt

from quintet.checks.graph.agents import agent_parts, called_runnable
from quintet.checks.graph.part import graph_asks
from quintet.checks.source.body import UNKNOWN, Body, body_of, package_of, plain_function

_DEPTH = 6
"""The number of calls that are followed, from helper to helper."""

FOREIGN = ("langchain", "langchain_core", "langgraph", "langgraph_supervisor", "langgraph_swarm")
"""Packages whose functions a user cannot change."""


def question_calls(body: Body) -> list[ast.Call]:
    """List the calls of a function that may stop for a person, in the order of the text."""
    calls = [call for call in body.call_nodes if _may_ask(body, call, ())]
    return sorted(calls, key=lambda call: (call.lineno, call.col_offset))


def with_helpers(bodies: Iterable[Body]) -> Iterator[Body]:
    """List functions and the helpers that they call, each with the functions passed to it."""
    seen: set[tuple[CodeType, frozenset[int]]] = set()
    waiting = [(body, 0) for body in bodies]
    while waiting:
        body, depth = waiting.pop()
        # One helper may be passed different functions at different calls: each is looked at.
        key = (body.function.__code__, frozenset(map(id, body.known.values())))
        if key in seen:
            continue
        seen.add(key)
        yield body
        if depth < _DEPTH:
            helpers = (_helper(body, call) for call in body.call_nodes)
            waiting += [(helper, depth + 1) for helper in helpers if helper is not None]


def _may_ask(body: Body, call: ast.Call, seen: tuple[CodeType, ...]) -> bool:
    if body.callee(call) is interrupt:
        return True
    if (inner := body.inner(call.func)) is not None:
        inside = [node for node in ast.walk(inner.tree) if isinstance(node, ast.Call)]
        return any(body.callee(node) is interrupt for node in inside)
    if (runnable := called_runnable(body, call)) is not None:
        return runnable_asks(runnable)
    helper = _helper(body, call)
    if helper is None or helper.function.__code__ in seen or len(seen) >= _DEPTH:
        return False
    deeper = (*seen, helper.function.__code__)
    return any(_may_ask(helper, node, deeper) for node in helper.call_nodes)


def runnable_asks(runnable: object) -> bool:
    """Tell whether a Runnable may stop for a person, which stops its caller too."""
    if isinstance(runnable, CompiledStateGraph):
        return graph_asks(runnable)
    agent = agent_parts(runnable)
    return any(map(graph_asks, agent.graphs)) or any(body.calls(interrupt) for body in agent.bodies)


def _helper(body: Body, call: ast.Call) -> Body | None:
    """Return the user's function that a call calls, with the functions passed to it."""
    callee = body.callee(call)
    plain = plain_function(callee)
    if not isinstance(plain, FunctionType) or not (body.is_near(callee) or _is_users(plain)):
        return None
    helper = body_of(callee)
    if helper is None:
        return None
    functions = {name: body.resolve(value) for name, value in helper.given(call).items()}
    known = {
        name: function
        for name, function in functions.items()
        if function is not UNKNOWN and isinstance(function, FunctionType | MethodType)
    }
    return replace(helper, known={**helper.known, **known}) if known else helper


def _is_users(function: FunctionType) -> bool:
    """Tell whether a function is the user's: not Python's, nor of an installed package."""
    package = package_of(function)
    installed = "site-packages" in function.__code__.co_filename
    return not installed and package not in sys.stdlib_module_names and package != "quintet"
