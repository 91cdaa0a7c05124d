"""Find nodes and path functions that write into the state they are given: nothing is stored."""

from __future__ import annotations

import typing
from collections.abc import Collection, Iterator
from dataclasses import is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any

from pydantic import BaseModel
from typing_extensions import is_typeddict

from quintet.checks.finding import Finding, names, source_name
from quintet.checks.graph.questions import FOREIGN
from quintet.checks.graph.shape import Shape
from quintet.checks.source.body import Body, package_of
from quintet.checks.source.updates import written
from quintet.checks.source.writes import Write, lost_writes

_DATA = (BaseModel, Collection, Enum, int, float, NoneType)


def lost_changes(shape: Shape) -> Iterator[Finding]:
    """Find keys that are written in place and not returned: LangGraph stores what is returned."""
    if shape.is_plain:
        return
    for name, part in shape.parts.items():
        for body in part.bodies if part.is_given_state and not part.is_ours else ():
            update = written([body])
            if update.complete and not update.whole:
                yield from _lost(shape, name, body, part.spec.input_schema, update.keys)
    for source, branches in shape.branches.items():
        for branch in branches:
            if branch.body is not None:
                yield from _lost(shape, source, branch.body, shape.builder.state_schema)


def _lost(
    shape: Shape, name: str, body: Body, schema: Any, returned: frozenset[str] | None = None
) -> Iterator[Finding]:
    """Report the keys that a node writes and does not return; a path function returns none."""
    if package_of(body.function) in (*FOREIGN, "quintet"):
        return
    keys = {write.key for write in lost_writes(body) if not write.deep or _is_data(schema, write)}
    if lost := keys - (returned or frozenset()):
        subject = (
            f"{name!r}" if returned is not None else f"The path function after {source_name(name)}"
        )
        yield Finding(
            code="lost-write",
            node=shape.at(name),
            fault=f"{subject} writes {names(*lost)} into the state that it is given: LangGraph "
            "stores nothing but what a node returns.",
            remedy=f"Return what has changed, {{{min(lost)!r}: ...}}, from a node.",
        )


def _is_data(schema: Any, write: Write) -> bool:
    """Tell whether what is changed is data, which a checkpoint holds, and no live object."""
    try:
        kind = typing.get_type_hints(schema).get(write.key, Any)
    except Exception:  # noqa: BLE001 - an annotation may be anything, and may run any code
        return write.sure
    verdicts = [_is_data_type(part) for part in _flat(kind, within=write.within)]
    return False not in verdicts and (None not in verdicts or write.sure)


def _flat(kind: Any, *, within: bool) -> Iterator[Any]:
    """List the types of a union, and if `within` those of what they hold."""
    origin = typing.get_origin(kind) or kind
    is_union = origin in (typing.Union, UnionType)
    if not is_union:
        yield origin
    for part in typing.get_args(kind) if is_union or within else ():
        yield from _flat(part, within=within)


def _is_data_type(kind: Any) -> bool | None:
    """Tell whether a type is of plain data; None where that cannot be told."""
    if kind is Any or kind is object or isinstance(kind, typing.TypeVar):
        return None
    if not isinstance(kind, type):  # a Literal
        return True
    return is_typeddict(kind) or is_dataclass(kind) or issubclass(kind, _DATA)
