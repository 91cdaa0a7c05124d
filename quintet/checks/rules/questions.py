"""Find error handlers on nodes that ask a person."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from langgraph.types import interrupt

from quintet.checks.finding import Finding
from quintet.checks.graph.part import Part, declared
from quintet.checks.graph.shape import Shape
from quintet.nodes import Recovery


def handled_questions(shape: Shape) -> Iterator[Finding]:
    """Find handlers on nodes that ask: a bad answer is refused by an error, which they take."""
    for part in shape.parts.values():
        handler = shape.parts.get(part.spec.error_handler_node or "")
        if handler is None or part.spec.is_error_handler or not part.asks:
            continue
        asks_again = isinstance(handler.action, Recovery)
        if _is_ours(part) if asks_again else _refuses(part):
            yield _handled(shape, part, asks_again=asks_again)


def _handled(shape: Shape, part: Part, *, asks_again: bool) -> Finding:
    result = "the handler takes that for a failure, and the question is closed."
    if asks_again:
        result = "Recovery goes back to the node to ask again, and no error tells whoever answered."
    if asks_again and part.graph is not None:
        result = (
            "Recovery starts the graph inside anew, and what it does before it asks comes twice."
        )
    return Finding(
        code="handled-question",
        node=shape.at(part.name),
        fault=f"{part.name!r} asks a person and has an error handler: a bad answer is refused by "
        f"an error, {result}",
        remedy=f"Add {part.name!r} without error_handler=, so that the question stays open.",
        level="warning" if asks_again else "error",
    )


def _is_ours(part: Part) -> bool:
    """Tell whether a node is one of ours, or a graph that refuses; a function asks anew anyway."""
    return part.is_ours or (part.graph is not None and _refuses(part))


def _refuses(part: Part) -> bool:
    """Tell whether a node refuses bad answers by an error; our gates in a subgraph ask again."""
    if part.graph is not None:
        shapes = Shape(builder=part.graph.builder).walk()
        parts = [inner for shape in shapes for inner in shape.parts.values()]
        return any(_refuses(inner) for inner in parts if not inner.is_ours and inner.graph is None)
    if declared(part.action, "asks") is True:
        return True
    return any(_has_schema(call) for body in part.reach for call in body.calls(interrupt))


def _has_schema(call: ast.Call) -> bool:
    return any(keyword.arg == "response_schema" for keyword in call.keywords)
