"""Read the steps that a planner may send out, where they are written out."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from quintet.checks.source.body import Body, body_of, keywords_of
from quintet.checks.source.literals import ANYTHING, Values, values
from quintet.checks.source.payload import Payload, payload
from quintet.nodes import Manager, Planner
from quintet.state import Plan, Step


@dataclass(frozen=True, kw_only=True)
class WrittenStep:
    """The values that each field of a step can have, as far as the source says."""

    id: Values
    assignee: Values
    after: Values
    inputs: Payload


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The steps of a planner; `complete` if a plan can hold no others."""

    steps: tuple[WrittenStep, ...]
    complete: bool

    @property
    def ids(self) -> Values:
        """List the ids that a step may have."""
        known = frozenset(name for step in self.steps for name in step.id.known)
        complete = self.complete and all(step.id.complete for step in self.steps)
        return Values(known=known, complete=complete)


def steps_of(planner: Planner | Manager) -> Steps:
    """Read the steps of a planner's template, or those that its function writes out.

    The steps in the bodies of others are among them.
    """
    if isinstance(planner.make, Plan):
        return Steps(steps=tuple(_all_given(planner.make.steps)), complete=True)
    body = body_of(planner.make)
    if body is None:
        return Steps(steps=(), complete=False)
    calls = [(helper, call) for helper in body.reach for call in helper.calls(Step)]
    # Where steps are in others, or one runs many times, it has inputs that stand nowhere in it.
    plainly = not any("kind" in keywords_of(call) for _, call in calls)
    steps = tuple(_written(helper, call, plainly=plainly) for helper, call in calls)
    return Steps(steps=steps, complete=bool(steps) and _is_whole(body))


def _all_given(steps: Iterable[Step], *, inside: bool = False) -> Iterator[WrittenStep]:
    for step in steps:
        yield _given(step, plainly=step.kind == "do" and not inside)
        yield from _all_given(step.body, inside=True)


def _given(step: Step, *, plainly: bool) -> WrittenStep:
    stand = ast.Constant(value=None)
    return WrittenStep(
        id=Values(known=frozenset({step.id})),
        assignee=Values(known=frozenset({step.assignee} - {""})),
        after=Values(known=frozenset(step.after)),
        inputs=Payload(values=tuple((key, stand) for key in step.inputs), complete=plainly),
    )


def _written(body: Body, call: ast.Call, *, plainly: bool) -> WrittenStep:
    keywords = keywords_of(call)
    # `Step(**fields)` may set any field.
    open_ended = None in keywords

    def read_as(name: str, missing: Values) -> Values:
        return values(body, keywords[name]) if name in keywords else missing

    inputs = payload(body, keywords.get("inputs"))
    return WrittenStep(
        id=read_as("id", ANYTHING),
        assignee=read_as("assignee", Values() if not plainly else ANYTHING),
        after=read_as("after", Values(complete=not open_ended)),
        inputs=Payload(
            values=inputs.values, complete=inputs.complete and plainly and not open_ended
        ),
    )


def _is_whole(body: Body, seen: frozenset[object] = frozenset()) -> bool:
    """Tell whether a function returns nothing but steps that are written out in it."""
    code = body.function.__code__
    if code in seen or not body.returned:
        return False
    return all(_holds_steps(body, answer, seen | {code}) for answer in body.returned)


def _holds_steps(body: Body, expression: ast.expr | None, seen: frozenset[object]) -> bool:
    def every(parts: Iterable[ast.expr | None]) -> bool:
        return all(_holds_steps(body, part, seen) for part in parts)

    match expression:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.BoolOp(values=items):
            return every(items)
        case ast.ListComp(elt=item) | ast.GeneratorExp(elt=item) | ast.Starred(value=item):
            return every([item])
        case ast.IfExp(body=first, orelse=second) | ast.BinOp(left=first, right=second):
            return every([first, second])
        case ast.Name(id=name) if body.assigned(name) and name not in seen:
            added = [call.args[-1] for _, call in body.method_calls(name) if call.args]
            parts = [*body.assigned(name), *added]
            return all(_holds_steps(body, part, seen | {name}) for part in parts)
        case ast.Call():
            return _is_made_here(body, expression, seen)
    return False


def _is_made_here(body: Body, call: ast.Call, seen: frozenset[object]) -> bool:
    callee = body.callee(call)
    if callee is Step:
        return True
    if callee is Plan:
        return _holds_steps(body, keywords_of(call).get("steps"), seen)
    if callee is list or callee is tuple:
        return all(_holds_steps(body, argument, seen) for argument in call.args)
    helper = body_of(callee) if body.is_near(callee) else None
    return helper is not None and _is_whole(helper, seen)
