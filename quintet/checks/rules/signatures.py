"""Find functions that LangGraph calls otherwise than meant: handlers, timeouts, annotations."""

from __future__ import annotations

import ast
import inspect
import subprocess
import time
import typing
import urllib.request
from collections.abc import Iterator
from types import FunctionType, MethodType

from langchain_core.runnables import Runnable, RunnableLambda
from langgraph.errors import NodeError

from quintet.checks.finding import Finding, names
from quintet.checks.graph.part import Part
from quintet.checks.graph.shape import Shape
from quintet.checks.source.body import UNKNOWN, Body, package_of
from quintet.checks.source.matches import may_fall_through
from quintet.checks.source.updates import is_silent, written

# Parameters that LangGraph fills by their names.
_INJECTED = frozenset({"config", "writer", "store", "previous", "runtime", "run_manager"})
_BLOCKING = (
    time.sleep,
    subprocess.run,
    subprocess.call,
    subprocess.check_call,
    subprocess.check_output,
    urllib.request.urlopen,
    input,
)
_BLOCKING_MODULES = ("requests", "httpx")


def handlers(shape: Shape) -> Iterator[Finding]:
    """Find error handlers that do not get their error, or do not lead the run on."""
    for name, part in shape.parts.items():
        if part.spec.is_error_handler:
            # LangGraph names the handler of a node after it.
            node = name.removeprefix("__error_handler__")
            yield from _not_given(shape, node, part)
            # A handler with edges of its own leads the run on by these.
            if not (shape.edge_targets(name) or shape.branches.get(name)):
                yield from _without_command(shape, node, part)


def _not_given(shape: Shape, node: str, part: Part) -> Iterator[Finding]:
    for parameter in _parameters(part.action)[1:]:
        fixed = parameter.default is inspect.Parameter.empty
        meant = parameter.name == "error" or "NodeError" in _text(parameter.annotation)
        if not (fixed or meant) or _is_given(part, parameter):
            continue
        result = f"{parameter.name!r} keeps its default"
        if fixed:
            result = "it fails when it is called, and the first error is lost"
        yield Finding(
            code="handler-without-error",
            node=shape.at(node),
            fault=f"The error handler of {node!r} takes {str(parameter)!r}, which LangGraph does "
            f"not give: {result}.",
            remedy="Write a plain function with `error: NodeError`, or `error: NodeError = "
            "cast(NodeError, None)` where a type checker minds.",
        )


def _is_given(part: Part, parameter: inspect.Parameter) -> bool:
    if parameter.name in _INJECTED:
        return True
    # LangGraph passes the error by exactly this name and type; `NodeError | None` gets nothing.
    exact = parameter.annotation is NodeError or parameter.annotation == "NodeError"
    return parameter.name == "error" and exact and not isinstance(part.runnable, RunnableLambda)


def _parameters(function: object) -> list[inspect.Parameter]:
    if not isinstance(function, FunctionType | MethodType) and not _called(function):
        return []
    parameters = inspect.signature(typing.cast(typing.Any, function)).parameters.values()
    loose = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [parameter for parameter in parameters if parameter.kind not in loose]


def _called(action: object) -> bool:
    """Tell whether an object is called as a function, and not run as a Runnable."""
    return callable(action) and not isinstance(action, Runnable)


def _text(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else repr(annotation)


def _without_command(shape: Shape, node: str, part: Part) -> Iterator[Finding]:
    # A handler that writes the outcome ends the run on purpose.
    ends = "outcome" in written(part.bodies).keys and "outcome" in shape.channels
    if part.targets or ends or not any(_is_silent(body) for body in part.bodies):
        return
    yield Finding(
        code="handler-without-command",
        node=shape.at(node),
        fault=f"The error handler of {node!r} may return no Command(goto=...): the edges of "
        f"{node!r} are not followed after a failure, and the run ends in silence.",
        remedy="Return Command(update=..., goto=...) on every way, or raise.",
    )


def _is_silent(body: Body) -> bool:
    if body.generates:
        return False
    return may_fall_through(body) or any(is_silent(body, answer) for answer in body.returned)


def timeouts(shape: Shape) -> Iterator[Finding]:
    """Find timeouts that cannot work: LangGraph can only stop a node that awaits."""
    for name, part in shape.parts.items():
        if part.spec.timeout is None:
            continue
        # LangGraph refuses this in `compile`; here the node is named before.
        if part.is_sync:
            yield Finding(
                code="sync-timeout",
                node=shape.at(name),
                fault=f"{name!r} has a timeout and is not async: the graph cannot be compiled.",
                remedy="Make it an async function, or remove the timeout.",
            )
        blocking = sorted({call for body in part.bodies for call in _blocking(body)})
        if blocking and not part.is_sync:
            yield Finding(
                code="blocking-timeout",
                node=shape.at(name),
                fault=f"{name!r} has a timeout and calls {names(*blocking)}, which does not "
                "await: the timeout cannot stop it.",
                remedy="Await an async call (asyncio.sleep, ainvoke, asyncio.to_thread) instead.",
            )


def _blocking(body: Body) -> Iterator[str]:
    if not body.is_async:
        return
    for helper in body.reach:
        awaited = {id(node.value) for node in helper.nodes if isinstance(node, ast.Await)}
        for node in helper.call_nodes:
            if id(node) not in awaited and _blocks(helper, node):
                yield ast.unparse(node.func)


def _blocks(body: Body, call: ast.Call) -> bool:
    callee = body.callee(call)
    if any(callee is blocking for blocking in _BLOCKING):
        return True
    root = ast.unparse(call.func).split(".")[0]
    if isinstance(callee, FunctionType) and package_of(callee) in _BLOCKING_MODULES:
        return True
    if callee is UNKNOWN and root in _BLOCKING_MODULES and root not in body.assignments:
        # A capital letter is a class, such as httpx.AsyncClient: making one does not block.
        return isinstance(call.func, ast.Attribute) and call.func.attr.islower()
    return isinstance(call.func, ast.Attribute) and call.func.attr in ("invoke", "batch")


def unresolved(shape: Shape) -> Iterator[Finding]:
    """Find annotations that cannot be resolved: LangGraph silently ignores them."""
    for name, part in shape.parts.items():
        if part.spec.is_error_handler or not part.is_function:
            continue
        if (problem := _unresolved(part.action)) is None:
            continue
        if lost := list(_unseen_hints(shape, part)):
            yield Finding(
                code="unresolved-annotation",
                node=shape.at(name),
                fault=f"The annotations of {name!r} cannot be resolved ({problem}): LangGraph "
                f"does not see its {' and '.join(lost)}.",
                remedy="Import the name at run time, not under TYPE_CHECKING, or give "
                "destinations= and input_schema=.",
            )


def _annotated(action: object) -> object:
    if isinstance(action, FunctionType | MethodType):
        return action
    call = inspect.getattr_static(type(action), "__call__", None) if _called(action) else None
    return call if isinstance(call, FunctionType) else None


def _unresolved(action: object) -> str | None:
    if (function := _annotated(action)) is None:
        return None
    try:
        typing.get_type_hints(typing.cast(typing.Any, function))
    except (NameError, TypeError) as problem:
        return str(problem)
    except Exception:  # noqa: BLE001 - an annotation may run any code
        return None
    return None


def _unseen_hints(shape: Shape, part: Part) -> Iterator[str]:
    first_parameter = _parameters(part.action)[:1]
    returned = getattr(_annotated(part.action), "__annotations__", {}).get("return", "")
    if "Command[" in _text(returned) and "Literal[" in _text(returned) and not part.hints:
        yield "targets"
    state = shape.builder.state_schema
    if part.spec.input_schema is not state:
        return
    for parameter in first_parameter:
        annotation = parameter.annotation
        text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
        if text and annotation is not parameter.empty and not _is_same(text, state):
            yield "input schema"


def _is_same(text: str, state: object) -> bool:
    name = text.partition("[")[0].rpartition(".")[-1]
    return name in (getattr(state, "__name__", ""), "dict", "Any", "Mapping", "object")
