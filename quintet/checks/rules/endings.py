"""Find functions that can end without naming the next node where they should name it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from langgraph.types import Command

from quintet.checks.finding import Finding, Level
from quintet.checks.graph.branch import Branch
from quintet.checks.graph.shape import Shape
from quintet.checks.source.body import Body
from quintet.checks.source.flow import falls_through
from quintet.checks.source.matches import Cases, may_fall_through
from quintet.checks.source.moves import answers
from quintet.checks.source.payload import keywords
from quintet.nodes import Act, Finish, Worker


def partial_paths(shape: Shape) -> Iterator[Finding]:
    """Find path functions that may return None: the run fails, and once resumed ends silently."""
    for source, branches in shape.branches.items():
        levels = [level for branch in branches if (level := _partial(shape, branch)) is not None]
        if levels:
            yield Finding(
                code="partial-path",
                node=shape.at(source),
                fault=f"The path function after {source!r} may answer None: the run fails there, "
                "and resumed it ends without going anywhere.",
                remedy="Return a target on every way through it, END to stop.",
                level=min(levels),
            )


def _partial(shape: Shape, branch: Branch) -> Level | None:
    """Give an error where None is written out, a warning where the function can fall through."""
    if branch.body is None or None in (branch.ends or {}):
        return None
    if None in branch.body.returned or None in answers(branch.body, certain=True).known:
        return "error"
    falls = any(may_fall_through(helper, _state(shape)) for helper in _answering(branch.body))
    return "warning" if falls else None


def partial_commands(shape: Shape) -> Iterator[Finding]:
    """Find nodes that go on by `Command` alone, and may end without returning one."""
    for name, part in shape.parts.items():
        # Edges lead on where no Command does; error handlers have a rule of their own.
        if shape.edge_targets(name) or shape.branches.get(name) or part.spec.is_error_handler:
            continue
        if any(_goes_on(body) and _forgets(shape, body) for body in part.bodies):
            yield Finding(
                code="partial-command",
                node=shape.at(name),
                fault=f"{name!r} says by Command where the run goes, and may come to its end "
                "without one: the run then ends there in silence.",
                remedy="Return Command(goto=...) on every way; a match wants `case _:`.",
                level="warning",
            )


def unread_outcomes(shape: Shape) -> Iterator[Finding]:
    """Find a subgraph that may end the run, with an edge to a node whose effects run anyhow."""
    for name, inner in shape.inner.items():
        if not any(isinstance(part.action, Finish) for part in inner.parts.values()):
            continue
        for target in sorted(shape.edge_targets(name) & {*shape.parts}):
            if _acts(shape, target):
                yield Finding(
                    code="unread-outcome",
                    node=shape.at(name),
                    fault=f"{name!r} may end as escalated or rejected, and its edge leads on to "
                    f"{target!r} all the same.",
                    remedy=f"Lead on by by_outcome(done={target!r}, otherwise='finish').",
                    level="warning",
                )


def _acts(shape: Shape, name: str) -> bool:
    """Tell whether a node, or one in the subgraph that it is, has effects."""
    if (inner := shape.inner.get(name)) is not None:
        return any(_acts(inner, part) for part in inner.parts)
    action = shape.parts[name].action
    return isinstance(action, Worker | Act) and bool(action.effects)


def _goes_on(body: Body) -> bool:
    """Tell whether a function returns a `Command` that leads somewhere."""
    gotos = any(
        "goto" in keywords(helper, call).keys
        for helper in body.reach
        for call in helper.calls(Command)
    )
    return gotos and not body.generates


def _forgets(shape: Shape, body: Body) -> bool:
    """Tell whether a function that should return a `Command` may fall through without one."""
    for helper in _answering(body):
        if not may_fall_through(helper, _state(shape)):
            continue
        if _always_commands(helper) or any(_is_last(shape, helper, node) for node in helper.nodes):
            return True
    return False


def _is_last(shape: Shape, body: Body, node: ast.AST) -> bool:
    """Tell whether a `match` decides where the run goes, without a case for every value."""
    cases = Cases(body=body, state=_state(shape))
    if not isinstance(node, ast.Match) or cases(node):
        return False
    return any(not falls_through(case.body, cases) for case in node.cases)


def _always_commands(body: Body) -> bool:
    """Tell whether the return hint promises a `Command` on every way."""
    hint = body.return_hint
    return "Command" in hint and not any(word in hint for word in ("None", "dict", "|"))


def _answering(body: Body) -> Iterator[Body]:
    """List a function and the helpers whose answer it returns as its own."""
    seen, waiting = set(), [body]
    while waiting:
        current = waiting.pop()
        if current.key in seen:
            continue
        seen.add(current.key)
        yield current
        for answer in current.returned:
            called = answer.value if isinstance(answer, ast.Await) else answer
            helper = current.helper(called.func) if isinstance(called, ast.Call) else None
            waiting += [helper] if helper is not None else []


def _state(shape: Shape) -> object:
    return shape.builder.state_schema
