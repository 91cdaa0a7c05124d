"""Where a node or a path function may send the run, as its source says."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from langgraph.types import Command, Send

from quintet.graphs.literals import NOTHING, Values, union, values
from quintet.graphs.source import Body, own

_LISTS = (ast.List, ast.Tuple, ast.Set, ast.ListComp, ast.SetComp, ast.GeneratorExp)
_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.GeneratorExp)


@dataclass(frozen=True, kw_only=True)
class Moves:
    """Targets in the own graph and in the parent's.

    `together` holds lists of targets that run in one step, `several` says that a list is
    made at run time, `repeated` holds the targets that get more than one `Send`.
    """

    to: Values = NOTHING
    parent: Values = NOTHING
    together: frozenset[frozenset[str]] = frozenset()
    several: bool = False
    repeated: frozenset[str] = frozenset()


def commanded(bodies: Iterable[Body]) -> Moves:
    """Read the `Command(goto=...)` and `Send(...)` of node functions and their helpers."""
    return merged(_commands(each) for body in bodies for each in body.reach)


def chosen(body: Body, ends: Mapping[Hashable, str] | None) -> Moves:
    """Read where a path function leads, through its map of targets if it has one."""
    plain = [each for each in body.returned if each is not None]
    sends = union(_sends(each, each.nodes) for each in body.reach)
    found = answers(body)
    if ends is not None:
        found = Values(known=frozenset(ends.values()))
    return Moves(
        to=union([found, sends]),
        together=frozenset(_through(group, ends or {}) for group in _together(body, plain)),
        several=any(_is_several(body, each) for each in plain),
        repeated=frozenset(name for each in body.reach for name in _repeated(each)),
    )


def answers(body: Body) -> Values:
    """The plain answers of a path function, without its `Send`s."""
    return union(values(body, each) for each in body.returned if each is not None)


def _through(group: frozenset[str], ends: Mapping[Hashable, str]) -> frozenset[str]:
    return frozenset(ends.get(each, each) for each in group)


def merged(every: Iterable[Moves]) -> Moves:
    """Everything that several functions may do."""
    found = list(every)
    return Moves(
        to=union(each.to for each in found),
        parent=union(each.parent for each in found),
        together=frozenset(group for each in found for group in each.together),
        several=any(each.several for each in found),
        repeated=frozenset(name for each in found for name in each.repeated),
    )


def _commands(body: Body) -> Moves:
    gotos: list[ast.expr] = []
    upward: list[ast.expr] = []
    for call in body.calls(Command):
        given = {each.arg: each.value for each in call.keywords}
        if "goto" in given:
            (upward if _leaves(body, given) else gotos).append(given["goto"])
    sends = _sends(body, body.nodes)
    only_upward = bool(upward) and not gotos
    return Moves(
        to=union([*(values(body, each) for each in gotos), NOTHING if only_upward else sends]),
        parent=union([*(values(body, each) for each in upward), sends if only_upward else NOTHING]),
        together=frozenset(_together(body, gotos)),
        several=any(_is_several(body, each) for each in gotos),
        repeated=frozenset() if only_upward else _repeated(body),
    )


def _leaves(body: Body, given: dict[str | None, ast.expr]) -> bool:
    graph = given.get("graph")
    return graph is not None and body.resolve(graph) is not None


def _sends(body: Body, nodes: Iterable[ast.AST]) -> Values:
    return union(values(body, target) for target in _send_targets(body, nodes))


def _send_targets(body: Body, nodes: Iterable[ast.AST]) -> Iterator[ast.expr]:
    for node in nodes:
        if isinstance(node, ast.Call) and body.callee(node) is Send:
            named = [each.value for each in node.keywords if each.arg == "node"]
            yield from (node.args[:1] or named)


def _together(body: Body, expressions: Iterable[ast.expr]) -> Iterator[frozenset[str]]:
    """Targets of the lists that are written out: they run in one step."""
    for expression in expressions:
        for each in own(expression):
            if isinstance(each, ast.List | ast.Tuple | ast.Set):
                found = union([values(body, each), _sends(body, own(each))])
                if len(found.texts) > 1 and not _is_choice(each):
                    yield found.texts


def _is_choice(written: ast.List | ast.Tuple | ast.Set) -> bool:
    return any(isinstance(each, ast.IfExp | ast.BoolOp) for each in written.elts)


def _is_several(body: Body, expression: ast.expr) -> bool:
    if isinstance(expression, ast.Name):
        return any(isinstance(each, _LISTS) for each in body.bound.get(expression.id) or ())
    if isinstance(expression, ast.IfExp):
        return _is_several(body, expression.body) or _is_several(body, expression.orelse)
    if isinstance(expression, ast.Call):
        return any(body.callee(expression) is each for each in (list, tuple, set, sorted))
    return isinstance(expression, _LISTS)


def _repeated(body: Body) -> frozenset[str]:
    found: set[str] = set()
    for node in body.nodes:
        if isinstance(node, _LOOPS):
            found |= _sends(body, own(node)).texts
        elif isinstance(node, ast.List | ast.Tuple):
            inside = [each for each in node.elts if isinstance(each, ast.Call)]
            counted = Counter(
                name
                for target in _send_targets(body, inside)
                for name in values(body, target).texts
            )
            found |= {name for name, count in counted.items() if count > 1}
    return frozenset(found)
