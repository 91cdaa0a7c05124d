"""Find questions to a person that an except clause or a fallback swallows."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterable, Iterator

from langchain_core.runnables import RunnableWithFallbacks
from langgraph.errors import GraphBubbleUp, GraphInterrupt
from langgraph.types import interrupt

from quintet.checks.finding import Finding
from quintet.checks.graph.agents import agent_parts, tool_functions
from quintet.checks.graph.part import Part
from quintet.checks.graph.questions import FOREIGN, question_calls, runnable_asks, with_helpers
from quintet.checks.graph.shape import Shape
from quintet.checks.source.body import Body, body_of, keywords_of, package_of
from quintet.checks.source.scope import walk_scope
from quintet.nodes import Worker

# The classes of GraphInterrupt: a clause for one of them takes it.
_CATCHING = (Exception, BaseException, GraphBubbleUp, GraphInterrupt)


def swallowed(shape: Shape) -> Iterator[Finding]:
    """Find code that catches the interrupt by which a question is asked: nobody is asked."""
    for name, part in shape.parts.items():
        for body in with_helpers(_bodies(part)):
            kinds = {"an except clause": _swallowed, "return_exceptions=True": _gathered}
            found = ((how, call) for how, kind in kinds.items() for call in kind(body))
            if (first := next(found, None)) is not None:
                how, call = first
                direct = body.callee(call) is interrupt
                place = "interrupt()" if direct else f"{ast.unparse(call.func)}()"
                yield _finding(shape, name, f"{how} around {place}")
                break
        if any(_falls_back(runnable) for runnable in _runnables(part)):
            yield _finding(shape, name, "with_fallbacks(...)")


def _bodies(part: Part) -> Iterator[Body]:
    """List the functions that run in a node: its own, its tools, and those of a worker's agent."""
    yield from (*part.bodies, *part.aside)
    if isinstance(part.action, Worker):
        agent = agent_parts(part.action.agent)
        all_tools = (*part.action.contract.tools, *agent.tools)
        tools = (body_of(function) for tool in all_tools for function in tool_functions(tool))
        for body in (*agent.bodies, *tools):
            if body is not None and package_of(body.function) not in (*FOREIGN, "quintet"):
                yield body


def _runnables(part: Part) -> Iterator[object]:
    """List the Runnables that a node and a worker's agent are made of."""
    yield from agent_parts(part.runnable).seen
    if isinstance(part.action, Worker):
        yield from agent_parts(part.action.agent).seen


def _falls_back(runnable: object) -> bool:
    """Tell whether a Runnable falls back to another when a person should be asked."""
    if not isinstance(runnable, RunnableWithFallbacks) or not runnable_asks(runnable.runnable):
        return False
    return any(handled is kind for handled in runnable.exceptions_to_handle for kind in _CATCHING)


def _finding(shape: Shape, name: str, place: str) -> Finding:
    return Finding(
        code="swallowed-interrupt",
        node=shape.at(name),
        fault=f"In {name!r} a person is asked by an interrupt, which is an exception, and {place} "
        "catches it: nobody is asked.",
        remedy="Let it through, as `except GraphBubbleUp: raise` does, or move the question out.",
    )


def _swallowed(body: Body) -> Iterator[ast.Call]:
    """List the calls that ask a person inside a block that does not let the interrupt out."""
    guards = [
        node
        for node in body.nodes
        if isinstance(node, ast.Try | ast.TryStar | ast.With | ast.AsyncWith)
    ]
    if guards:
        for call in question_calls(body):
            if any(_contains(node.body, call) and _swallows(body, node) for node in guards):
                yield call


def _gathered(body: Body) -> Iterator[ast.Call]:
    """List the calls that ask a person, of several whose exceptions come back as results."""
    # What comes back may be looked through and raised again.
    if any(isinstance(node, ast.Raise) for node in body.nodes):
        return
    takers = [call for call in body.call_nodes if _returns_exceptions(body, call)]
    for asked in question_calls(body) if takers else ():
        if any(asked is node for call in takers for node in _given(body, call)):
            yield asked


def _returns_exceptions(body: Body, call: ast.Call) -> bool:
    given = keywords_of(call).get("return_exceptions")
    return given is not None and body.resolve(given) is True


def _given(body: Body, call: ast.Call) -> Iterator[ast.AST]:
    """List the parts of a call, and those of the values of the names that are given to it."""
    for node in ast.walk(call):
        yield node
        if isinstance(node, ast.Name):
            for value in body.assigned(node.id):
                yield from ast.walk(value)


def _swallows(body: Body, node: ast.Try | ast.TryStar | ast.With | ast.AsyncWith) -> bool:
    if isinstance(node, ast.With | ast.AsyncWith):
        return any(_suppresses(body, item.context_expr) for item in node.items)
    # A `return` in `finally` drops the exception that is on its way.
    returns = any(isinstance(inner, ast.Return) for inner in walk_scope(*node.finalbody))
    return returns or _catches(body, node.handlers)


def _contains(statements: Iterable[ast.stmt], call: ast.Call) -> bool:
    return any(node is call for node in walk_scope(*statements))


def _catches(body: Body, handlers: Iterable[ast.ExceptHandler]) -> bool:
    """Tell whether the first clause that takes the interrupt does not raise it again."""
    for handler in handlers:
        if _takes(body, handler.type):
            return not any(_reraises(node, handler.name) for node in walk_scope(*handler.body))
    return False


def _takes(body: Body, kinds: ast.expr | None) -> bool:
    if kinds is None:
        return True
    if isinstance(kinds, ast.Tuple):
        return any(_takes(body, member) for member in kinds.elts)
    kind = body.resolve(kinds)
    if isinstance(kind, tuple):
        return any(member is known for member in kind for known in _CATCHING)
    return any(kind is caught for caught in _CATCHING)


def _reraises(node: ast.AST, name: str | None) -> bool:
    if not isinstance(node, ast.Raise):
        return False
    again = isinstance(node.exc, ast.Name) and node.exc.id == name
    return node.exc is None or again


def _suppresses(body: Body, manager: ast.expr) -> bool:
    if not isinstance(manager, ast.Call) or body.callee(manager) is not contextlib.suppress:
        return False
    return any(_takes(body, argument) for argument in manager.args)
