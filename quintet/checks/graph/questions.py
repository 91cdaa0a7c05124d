"""Where a function asks a person: by `interrupt`, by a helper that does, or in a graph it runs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import CodeType, FunctionType, MethodType

from langgraph.graph.state import CompiledStateGraph
from langgraph.types import interrupt

from quintet.checks.graph.agents import called_runnable, inside
from quintet.checks.graph.part import graph_asks
from quintet.checks.source.body import UNKNOWN, Body, plain_function, read

_DEPTH = 6
"""How far calls are followed, from helper to helper."""

FOREIGN = ("langchain", "langchain_core", "langgraph", "langgraph_supervisor", "langgraph_swarm")
"""Whose functions a user cannot change."""


def asking(body: Body) -> list[ast.Call]:
    """List the calls of a function that may stop for a person, in the order of the text."""
    calls = [node for node in body.nodes if isinstance(node, ast.Call) and _asks(body, node, ())]
    return sorted(calls, key=lambda call: (call.lineno, call.col_offset))


def followed(bodies: Iterable[Body]) -> Iterator[Body]:
    """List functions and the helpers that they call, each with the functions it is given."""
    seen: set[tuple[CodeType, frozenset[int]]] = set()
    waiting = [(body, 0) for body in bodies]
    while waiting:
        each, depth = waiting.pop()
        key = (each.function.__code__, frozenset(map(id, each.known.values())))
        if key in seen:
            continue
        seen.add(key)
        yield each
        if depth < _DEPTH:
            calls = [node for node in each.nodes if isinstance(node, ast.Call)]
            helpers = [helper for call in calls if (helper := _helper(each, call)) is not None]
            waiting += [(helper, depth + 1) for helper in helpers]


def _asks(body: Body, call: ast.Call, seen: tuple[CodeType, ...]) -> bool:
    if body.callee(call) is interrupt:
        return True
    if (inner := body.inner(call)) is not None:
        inside = [node for node in ast.walk(inner) if isinstance(node, ast.Call)]
        return any(body.callee(node) is interrupt for node in inside)
    if (runnable := called_runnable(body, call)) is not None:
        return runnable_asks(runnable)
    helper = _helper(body, call)
    if helper is None or helper.function.__code__ in seen or len(seen) >= _DEPTH:
        return False
    deeper = (*seen, helper.function.__code__)
    return any(isinstance(node, ast.Call) and _asks(helper, node, deeper) for node in helper.nodes)


def runnable_asks(runnable: object) -> bool:
    """Tell whether a Runnable may stop for a person, and hand that on to who runs it."""
    if isinstance(runnable, CompiledStateGraph):
        return graph_asks(runnable)
    agent = inside(runnable)
    return any(map(graph_asks, agent.graphs)) or any(body.calls(interrupt) for body in agent.bodies)


def _helper(body: Body, call: ast.Call) -> Body | None:
    """Return the function of the user's that a call calls, with the functions that it is given."""
    thing = body.callee(call)
    plain = plain_function(thing)
    if not isinstance(plain, FunctionType) or not (body.is_near(thing) or _is_users(plain)):
        return None
    helper = read(thing)
    if helper is None:
        return None
    given = dict(zip(helper.parameters, call.args, strict=False))
    given |= {each.arg: each.value for each in call.keywords if each.arg is not None}
    functions = {name: body.resolve(each) for name, each in given.items()}
    known = {
        name: each
        for name, each in functions.items()
        if each is not UNKNOWN and isinstance(each, FunctionType | MethodType)
    }
    return replace(helper, known={**helper.known, **known}) if known else helper


def _is_users(function: FunctionType) -> bool:
    """Tell whether a function is neither Python's nor of an installed package."""
    root = str(function.__module__).partition(".")[0]
    installed = "site-packages" in function.__code__.co_filename
    return not installed and root not in sys.stdlib_module_names and root != "quintet"
