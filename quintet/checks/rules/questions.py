"""Error handlers on nodes that ask a person."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from langgraph.types import interrupt

from quintet.checks.finding import Finding
from quintet.checks.graph.part import Part, declared
from quintet.checks.graph.shape import Shape
from quintet.nodes import Recovery


def handled_questions(shape: Shape) -> Iterator[Finding]:
    """Find handlers on nodes that ask: they take the refusal of a bad answer for a failure."""
    for name, part in shape.parts.items():
        handler = shape.parts.get(part.spec.error_handler_node or "")
        if handler is None or part.spec.is_error_handler or not part.asks:
            continue
        if isinstance(handler.action, Recovery) or _refuses(part):
            yield Finding(
                code="handled-question",
                node=shape.at(name),
                fault=f"{name!r} asks a person and has an error handler: a bad answer is refused "
                "by an error, the handler takes that for a failure, and the question is closed.",
                remedy=f"Add {name!r} without error_handler=, so that the question stays open.",
            )


def _refuses(part: Part) -> bool:
    """Tell whether the node checks answers before they are kept."""
    if declared(part.action, "asks") is True or part.graph is not None:
        return True
    bodies = [each for body in (*part.bodies, *part.aside) for each in body.reach]
    return any(_has_schema(call) for body in bodies for call in body.calls(interrupt))


def _has_schema(call: ast.Call) -> bool:
    return any(each.arg == "response_schema" for each in call.keywords)
