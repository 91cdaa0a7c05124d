"""List the targets that a node or a path function may send the run to."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations, product, starmap

from langgraph.types import Command, Send

from quintet.checks.source.body import Body, argument
from quintet.checks.source.literals import NOTHING, Values, returned_values, union, values
from quintet.checks.source.payload import Payload, keywords
from quintet.checks.source.scope import walk_scope

_LISTS = (ast.List, ast.Tuple, ast.Set, ast.ListComp, ast.SetComp, ast.GeneratorExp)
_UNLISTED = (map, filter, starmap, reversed, set, frozenset, dict)
_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.GeneratorExp)


@dataclass(frozen=True, kw_only=True)
class Moves:
    """The targets that a function may send the run to.

    `to` are the targets in its own graph, `parent` those in the graph around it; `named` leaves
    out targets that are reached by `Send`. `together` holds the lists of targets that are written
    out and run in one step, `gathered` the targets that a list made at run time may hold, and
    `repeated` the targets that get more than one `Send`.
    """

    to: Values = NOTHING
    named: Values = NOTHING
    parent: Values = NOTHING
    together: frozenset[frozenset[str]] = frozenset()
    gathered: frozenset[frozenset[str]] = frozenset()
    repeated: frozenset[str] = frozenset()


def command_moves(bodies: Iterable[Body]) -> Moves:
    """Read the `Command(goto=...)` and `Send(...)` of node functions and their helpers."""
    return merged(
        _commands(helper)
        for body in bodies
        for helper in body.reach
        # The Sends of a helper belong to the Command of its caller, unless it makes one itself.
        if helper is body or helper.calls(Command)
    )


def path_moves(body: Body, ends: Mapping[Hashable, str] | None) -> Moves:
    """Read the targets of a path function, through its map of targets if it has one."""
    plain = [answer for answer in body.returned if answer is not None]
    sends = _sends(body, body.nodes)
    plain_targets = (
        Values(known=frozenset(ends.values())) if ends is not None else _by_name(answers(body))
    )
    return Moves(
        to=union([plain_targets, sends]),
        named=_named(body, ends) if makes_sends(body) else plain_targets,
        together=_through(_together(body, plain), ends),
        gathered=_through(_gathered(body, plain, plain_targets.texts), ends),
        repeated=_repeated_in(body.reach),
    )


def makes_sends(body: Body) -> bool:
    """Tell whether a function, or one that it calls, makes a `Send`."""
    return any(helper.callee(call) is Send for helper in body.reach for call in helper.all_calls)


def _named(body: Body, ends: Mapping[Hashable, str] | None) -> Values:
    """List the targets that a path function leads to other than by `Send`."""
    plain = answers(body)
    if ends is None:
        return _by_name(plain)
    return replace(plain, known=frozenset(ends.get(name, name) for name in plain.known))


def _by_name(targets: Values) -> Values:
    """Replace each target by the name that LangGraph makes of it: of `True` it makes "True"."""
    return replace(targets, known=frozenset(map(spoken, targets.known)))


def spoken(target: Hashable) -> Hashable:
    """Return the name that LangGraph looks for where a target is no text; None stays."""
    if target is None or type(target) is str:
        return target
    try:
        return f"{target}"
    except Exception:  # noqa: BLE001 - an Enum of the user's may have its own `__format__`
        return target


def unlisted(body: Body) -> bool:
    """Tell whether a path function may answer a set, a dict or a generator, and no list."""
    return body.generates or any(
        _is_unlisted(body, answer, frozenset()) for answer in body.returned
    )


def _is_unlisted(body: Body, answer: ast.expr | None, seen: frozenset[str]) -> bool:
    match answer:
        case ast.IfExp(body=first, orelse=second):
            return any(_is_unlisted(body, option, seen) for option in (first, second))
        case ast.Name(id=name) if name not in seen:
            bound = body.assigned(name)
            inside = seen | {name}
            return bool(bound) and all(_is_unlisted(body, value, inside) for value in bound)
        case ast.Call():
            return any(body.callee(answer) is maker for maker in _UNLISTED)
    kinds = (ast.GeneratorExp, ast.Set, ast.SetComp, ast.Dict, ast.DictComp)
    return isinstance(answer, kinds)


def answers(body: Body, *, certain: bool = False) -> Values:
    """List the values that a path function returns, without its `Send`s.

    If `certain`, without those of helpers that may answer less than they could.
    """
    return returned_values(body, certain=certain)


def _through(
    groups: Iterable[frozenset[str]], ends: Mapping[Hashable, str] | None
) -> frozenset[frozenset[str]]:
    """Replace the answers in groups by their targets in the map of a conditional edge."""
    mapped = ends or {}
    return frozenset(frozenset(mapped.get(name, name) for name in group) for group in groups)


def merged(several_moves: Iterable[Moves]) -> Moves:
    """Join the moves of several functions."""
    listed = list(several_moves)
    return Moves(
        to=union(moves.to for moves in listed),
        named=union(moves.named for moves in listed),
        parent=union(moves.parent for moves in listed),
        together=frozenset(group for moves in listed for group in moves.together),
        gathered=frozenset(group for moves in listed for group in moves.gathered),
        repeated=frozenset(name for moves in listed for name in moves.repeated),
    )


def _commands(body: Body) -> Moves:
    gotos: list[ast.expr] = []
    upward: list[ast.expr] = []
    fields = [keywords(body, call) for call in body.calls(Command)]
    for given in fields:
        # With `graph=` the command leaves for the parent, unless that is None.
        (upward if _leaves(body, given) else gotos).extend(given.of("goto"))
    # A Send is not traced to its Command: it is upward where all commands of the function are.
    sends = _sends(body, body.nodes)
    only_upward = bool(upward) and not gotos
    known = Values(complete=all(given.complete for given in fields))
    named = _by_name(union([known, *(values(body, goto) for goto in gotos)]))
    return Moves(
        to=union([named, NOTHING if only_upward else sends]),
        named=named,
        parent=union(
            [
                *(_by_name(values(body, goto)) for goto in upward),
                sends if only_upward else NOTHING,
            ]
        ),
        together=frozenset(_together(body, gotos)),
        gathered=frozenset(_gathered(body, gotos, frozenset())),
        repeated=frozenset() if only_upward else _repeated_in(_own(body)),
    )


def _leaves(body: Body, command: Payload) -> bool:
    return any(body.resolve(graph) is not None for graph in command.of("graph"))


def _sends(body: Body, nodes: Iterable[ast.AST], seen: frozenset[object] = frozenset()) -> Values:
    """List the targets of the Sends that syntax nodes make, themselves or by a helper."""
    found: list[Values] = []
    for call in (node for node in nodes if isinstance(node, ast.Call)):
        if body.callee(call) is Send:
            target = argument(call, 0, "node")
            found += [values(body, target)] if target is not None else []
            continue
        for helper in (body.helper(call.func), body.mapped_by(call)):
            # A helper that makes a Command puts its Sends into that.
            if helper is not None and helper.key not in seen and not helper.calls(Command):
                found.append(_sends(helper, helper.nodes, seen | {helper.key}))
    return union(found)


def _together(body: Body, expressions: Iterable[ast.expr]) -> Iterator[frozenset[str]]:
    """List the sets of targets that are written out in one list, and run in one step."""
    for expression in expressions:
        for written in _lists(body, expression):
            if isinstance(written, ast.List | ast.Tuple | ast.Set):
                options = _options(body, written)
                if all(len(option) == 1 for option in options):
                    yield frozenset().union(*options)


def _options(body: Body, written: ast.List | ast.Tuple | ast.Set) -> list[frozenset[str]]:
    """List the targets that each element of a list may be."""
    items = written.elts
    return [values(body, item).texts | _sends(body, walk_scope(item)).texts for item in items]


def _gathered(
    body: Body, expressions: Iterable[ast.expr], fallback: frozenset[str]
) -> Iterator[frozenset[str]]:
    """List the targets that a list made at run time may hold; `fallback` if it cannot be read."""
    for expression in expressions:
        for written in _lists(body, expression):
            if isinstance(written, ast.List | ast.Tuple | ast.Set):
                # Any two elements may meet, one choice of each.
                for options in combinations(_options(body, written), 2):
                    yield from map(frozenset, product(*options))
                continue
            listed = values(body, written)
            nodes = body.nodes if isinstance(written, ast.Name) else walk_scope(written)
            targets = listed.texts | _sends(body, nodes).texts
            yield targets if listed.complete else targets | fallback


def _lists(body: Body, expression: ast.expr) -> Iterator[ast.expr]:
    """List the expressions among the choices of an expression that are lists."""
    match expression:
        case ast.IfExp(body=first, orelse=second):
            yield from (*_lists(body, first), *_lists(body, second))
        case ast.BoolOp(values=choices):
            yield from (written for choice in choices for written in _lists(body, choice))
        case ast.Name(id=name):
            if any(isinstance(value, _LISTS) for value in body.assigned(name)):
                yield expression
        case ast.Call():
            if any(body.callee(expression) is maker for maker in (list, tuple, set, sorted)):
                yield expression
        case _ if isinstance(expression, _LISTS):
            yield expression


def _own(body: Body) -> Iterator[Body]:
    """List a function and the helpers whose Sends belong to its own Command."""
    return (helper for helper in body.reach if helper is body or not helper.calls(Command))


def _repeated_in(bodies: Iterable[Body]) -> frozenset[str]:
    return frozenset(name for body in bodies for name in _repeated(body))


def _repeated(body: Body) -> frozenset[str]:
    targets: set[str] = set()
    for node in body.nodes:
        is_mapped = isinstance(node, ast.Call) and body.mapped_by(node) is not None
        if isinstance(node, _LOOPS) or is_mapped:
            targets |= _sends(body, walk_scope(node)).texts
        elif isinstance(node, ast.List | ast.Tuple):
            sent = [_sends(body, [element]).texts for element in node.elts]
            counted = Counter(name for names in sent for name in names)
            targets |= {name for name, count in counted.items() if count > 1}
    return frozenset(targets)
