"""Find mistakes about stopping for a person: no checkpointer, repeated work, several questions."""

from __future__ import annotations

import ast
import builtins
import logging
from collections.abc import Iterator
from types import FunctionType, MethodType
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from quintet.checks.finding import Finding, names
from quintet.checks.graph.agents import agent_parts
from quintet.checks.graph.part import declared
from quintet.checks.graph.questions import FOREIGN, question_calls
from quintet.checks.graph.shape import Shape
from quintet.checks.source.body import UNKNOWN, Body, body_of, package_of
from quintet.checks.source.flow import max_count, nodes_before
from quintet.checks.source.matches import Cases
from quintet.nodes import Worker

# Builtins that reach outside, methods that only compute, methods that change their object, and
# modules whose functions only compute. Any other call may be work that should not be repeated.
_BUSY = frozenset({"open", "print", "input", "exec", "eval", "compile", "__import__"})
_KINDS = (str, dict, list, set, tuple, bytes, frozenset)
_METHODS = frozenset(name for kind in _KINDS for name in dir(kind)) | {"debug", "info", "warning"}
_CHANGING = frozenset(
    {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "update"}
)
_QUIET = frozenset(
    "abc bisect cmath collections copy dataclasses datetime decimal difflib enum fractions "  # noqa: SIM905
    "functools hashlib heapq inspect itertools json langgraph logging math operator quintet re "
    "statistics string textwrap types typing typing_extensions".split()
)


def no_checkpointer(shape: Shape, graph: object) -> Iterator[Finding]:
    """Find questions in a graph without a checkpointer: the run returns and cannot be resumed."""
    # Before `compile` nobody knows; True means a subgraph, which uses that of its parent.
    if not isinstance(graph, CompiledStateGraph) or graph.checkpointer not in (None, False):
        return
    for subshape in shape.walk():
        for name, part in subshape.parts.items():
            # A subgraph that asks is reported by its own nodes.
            if part.asks and part.graph is None:
                yield _unanswerable(subshape.at(name), f"{name!r} may stop for a person")
    for name in sorted(_stops(graph)):
        yield _unanswerable(name, f"The graph is compiled to stop at {name!r}")


def _stops(graph: CompiledStateGraph[Any, Any, Any, Any]) -> frozenset[str]:
    stops_at: set[str] = set()
    for stops in (graph.interrupt_before_nodes, graph.interrupt_after_nodes):
        stops_at |= set(graph.builder.nodes) if stops == "*" else set(stops)
    return frozenset(stops_at)


def _unanswerable(node: str, reason: str) -> Finding:
    return Finding(
        code="no-checkpointer",
        node=node,
        fault=f"{reason}, and the graph has no checkpointer: the run returns there and can never "
        "be resumed.",
        remedy="Compile with checkpointer=...; a LangGraph server brings its own, check the "
        "uncompiled graph there.",
    )


def repeated(shape: Shape) -> Iterator[Finding]:
    """Find work before a question: it is done again at every answer, as the node starts anew."""
    for name, part in shape.parts.items():
        # A helper that asks may do work before that, too, as what a decorator wraps does.
        bodies = list(part.reach)
        if isinstance(part.action, Worker):
            bodies += agent_parts(part.action.agent).bodies
        for body in bodies:
            # The user cannot change the functions of these packages.
            if package_of(body.function) not in (*FOREIGN, "quintet"):
                yield from _repeats(shape, name, body)


def _repeats(shape: Shape, name: str, body: Body) -> Iterator[Finding]:
    asked = question_calls(body)
    if not asked:
        return
    ahead = nodes_before(body.statements, asked[0], Cases(body=body))
    busy = [node for node in ahead if isinstance(node, ast.Call) and _is_busy(body, node)]
    if busy:
        called = dict.fromkeys(ast.unparse(node.func) for node in busy)
        yield Finding(
            code="work-before-interrupt",
            node=shape.at(name),
            fault=f"{name!r} calls {names(*called)} before it asks a person: that runs again at "
            "every answer.",
            remedy="Move it to a node before this one, or after the interrupt.",
            level="warning",
        )
    # Answers are matched to questions by their order, which the next run of the node may change.
    if max_count(body.statements, lambda node: any(node is question for question in asked)) > 1:
        yield Finding(
            code="several-interrupts",
            node=shape.at(name),
            fault=f"{name!r} may ask a person more than once: every answer starts the node "
            "again, and answers are matched by their order.",
            remedy="Give each question its own node; check an answer with response_schema=.",
            level="warning",
        )


def _is_busy(body: Body, call: ast.Call, *, seen: tuple[object, ...] = ()) -> bool:
    """Tell whether a call may do more than compute a value."""
    callee = body.callee(call)
    if callee is UNKNOWN:
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        return method not in _METHODS and not _is_tool(body, call.func)
    if isinstance(callee, type):
        return False
    plain = callee.__func__ if isinstance(callee, MethodType) else callee
    owner = declared(callee, "__self__")
    # Methods taken from the class, such as `str.strip`, have no `__self__`.
    owner = declared(callee, "__objclass__") if owner is None else owner
    if isinstance(owner, _KINDS) or any(owner is kind for kind in _KINDS):
        return declared(callee, "__name__") in _CHANGING
    if isinstance(owner, logging.Logger) or _is_quiet(plain):
        return False
    helper = body_of(plain) if isinstance(plain, FunctionType) else None
    if helper is None or any(plain is helper_seen for helper_seen in seen):
        return helper is None
    return any(_is_busy(helper, node, seen=(*seen, plain)) for node in helper.call_nodes)


def _is_tool(body: Body, function: ast.expr) -> bool:
    """Tell whether it is one of the tools that an agent is given: an effect is not done twice."""
    while isinstance(function, ast.Attribute | ast.Subscript):
        function = function.value
    names = body.function.__code__.co_varnames[: body.function.__code__.co_argcount]
    return isinstance(function, ast.Name) and function.id == "tools" and "tools" in names


def _is_quiet(function: object) -> bool:
    name, home = declared(function, "__name__"), declared(function, "__module__")
    if home == builtins.__name__:
        return name not in _BUSY
    # A function written in C has the module's name with an underscore, such as `_bisect`.
    return isinstance(home, str) and home.split(".")[0].removeprefix("_") in _QUIET
