"""Where a node or a path function may send the run, as its source says."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations, product

from langgraph.types import Command, Send

from quintet.checks.source.body import Body, argument, walk_scope
from quintet.checks.source.literals import NOTHING, Values, union, values

_LISTS = (ast.List, ast.Tuple, ast.Set, ast.ListComp, ast.SetComp, ast.GeneratorExp)
_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.GeneratorExp)


@dataclass(frozen=True, kw_only=True)
class Moves:
    """Targets in the own graph and in the parent's; `named` leaves out what is reached by `Send`.

    `together` holds the lists of targets that are written out and run in one step, `gathered`
    what a list that is made at run time may hold, `repeated` the targets that get more than one
    `Send`.
    """

    to: Values = NOTHING
    named: Values = NOTHING
    parent: Values = NOTHING
    together: frozenset[frozenset[str]] = frozenset()
    gathered: frozenset[frozenset[str]] = frozenset()
    repeated: frozenset[str] = frozenset()


def command_moves(bodies: Iterable[Body]) -> Moves:
    """Read the `Command(goto=...)` and `Send(...)` of node functions and their helpers."""
    return merged(_commands(each) for body in bodies for each in body.reach)


def path_moves(body: Body, ends: Mapping[Hashable, str] | None) -> Moves:
    """Read where a path function leads, through its map of targets if it has one."""
    plain = [each for each in body.returned if each is not None]
    sends = union(_sends(each, each.nodes) for each in body.reach)
    every = Values(known=frozenset(ends.values())) if ends is not None else answers(body)
    return Moves(
        to=union([every, sends]),
        named=_named(body, ends) if makes_sends(body) else every,
        together=_through(_together(body, plain), ends),
        gathered=_through(_gathered(body, plain, every.texts), ends),
        repeated=frozenset(name for each in body.reach for name in _repeated(each)),
    )


def makes_sends(body: Body) -> bool:
    """Tell whether a function, or one that it calls, makes a `Send`."""
    return any(each.callee(call) is Send for each in body.reach for call in each.all_calls)


def _named(body: Body, ends: Mapping[Hashable, str] | None) -> Values:
    """Tell where the plain answers of a path function lead."""
    said = answers(body)
    return replace(said, known=frozenset((ends or {}).get(each, each) for each in said.known))


def answers(body: Body) -> Values:
    """Return the plain answers of a path function, without its `Send`s."""
    return union(values(body, each) for each in body.returned if each is not None)


def _through(
    groups: Iterable[frozenset[str]], ends: Mapping[Hashable, str] | None
) -> frozenset[frozenset[str]]:
    return frozenset(frozenset((ends or {}).get(each, each) for each in group) for group in groups)


def merged(every: Iterable[Moves]) -> Moves:
    """Return everything that several functions may do."""
    found = list(every)
    return Moves(
        to=union(each.to for each in found),
        named=union(each.named for each in found),
        parent=union(each.parent for each in found),
        together=frozenset(group for each in found for group in each.together),
        gathered=frozenset(group for each in found for group in each.gathered),
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
    named = union(values(body, each) for each in gotos)
    return Moves(
        to=union([named, NOTHING if only_upward else sends]),
        named=named,
        parent=union([*(values(body, each) for each in upward), sends if only_upward else NOTHING]),
        together=frozenset(_together(body, gotos)),
        gathered=frozenset(_gathered(body, gotos, frozenset())),
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
            target = argument(node, 0, "node")
            if target is not None:
                yield target


def _together(body: Body, expressions: Iterable[ast.expr]) -> Iterator[frozenset[str]]:
    """List the targets of the lists that are written out: they run in one step."""
    for expression in expressions:
        for each in _lists(body, expression):
            if isinstance(each, ast.List | ast.Tuple | ast.Set):
                options = _options(body, each)
                if all(len(option) == 1 for option in options):
                    yield frozenset().union(*options)


def _options(body: Body, written: ast.List | ast.Tuple | ast.Set) -> list[frozenset[str]]:
    """Return what each element of a list may be."""
    return [
        values(body, each).texts | _sends(body, walk_scope(each)).texts for each in written.elts
    ]


def _gathered(
    body: Body, expressions: Iterable[ast.expr], every: frozenset[str]
) -> Iterator[frozenset[str]]:
    """Return what lists made at run time may hold; `every` where that cannot be read."""
    for expression in expressions:
        for each in _lists(body, expression):
            if isinstance(each, ast.List | ast.Tuple | ast.Set):
                pairs = combinations(_options(body, each), 2)
                yield from (frozenset(pair) for few in pairs for pair in product(*few))
                continue
            found = values(body, each)
            nodes = body.nodes if isinstance(each, ast.Name) else walk_scope(each)
            sent = _sends(body, nodes).texts
            yield (found.texts | sent) if found.complete else (found.texts | sent | every)


def _lists(body: Body, expression: ast.expr) -> Iterator[ast.expr]:
    if isinstance(expression, ast.IfExp):
        yield from _lists(body, expression.body)
        yield from _lists(body, expression.orelse)
    elif isinstance(expression, ast.BoolOp):
        for each in expression.values:
            yield from _lists(body, each)
    elif isinstance(expression, ast.Name):
        if any(isinstance(each, _LISTS) for each in body.assignments.get(expression.id) or ()):
            yield expression
    elif isinstance(expression, ast.Call):
        if any(body.callee(expression) is each for each in (list, tuple, set, sorted)):
            yield expression
    elif isinstance(expression, _LISTS):
        yield expression


def _repeated(body: Body) -> frozenset[str]:
    found: set[str] = set()
    for node in body.nodes:
        if isinstance(node, _LOOPS):
            found |= _sends(body, walk_scope(node)).texts
        elif isinstance(node, ast.List | ast.Tuple):
            inside = [each for each in node.elts if isinstance(each, ast.Call)]
            counted = Counter(
                name
                for target in _send_targets(body, inside)
                for name in values(body, target).texts
            )
            found |= {name for name, count in counted.items() if count > 1}
    return frozenset(found)
