"""Whether two gates, effects or functions are the same, though each was made on its own."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import partial
from types import CellType, FunctionType

from quintet.nodes import ApprovalGate

_DECIDING = ("name", "when", "approvers")


def differences(first: ApprovalGate, second: ApprovalGate | None) -> list[str]:
    """List the settings in which two gates differ; where they lead does not count."""
    return [name for name in _DECIDING if not same(getattr(first, name), getattr(second, name))]


def same(first: object, second: object, seen: frozenset[tuple[int, int]] = frozenset()) -> bool:
    """Tell whether two settings are the same; functions are compared by what they are made of."""
    pair = (id(first), id(second))
    if first is second or pair in seen or _equal(first, second):
        return True
    parts, others = _parts(first), _parts(second)
    if type(first) is not type(second) or parts is None or others is None:
        return False
    pairs = zip(parts, others, strict=False)
    return len(parts) == len(others) and all(same(*each, seen | {pair}) for each in pairs)


def _parts(thing: object) -> list[object] | None:
    """Take a function, a partial or a record apart; None for anything else."""
    if isinstance(thing, FunctionType):
        defaults = (*(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values())
        return [thing.__code__, *defaults, *map(_content, thing.__closure__ or ())]
    if isinstance(thing, partial):
        return [thing.func, *thing.args, *thing.keywords, *thing.keywords.values()]
    if is_dataclass(thing) and not isinstance(thing, type):
        return [getattr(thing, each.name) for each in fields(thing)]
    return None


def _content(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # it is not filled yet
        return None


def _equal(first: object, second: object) -> bool:
    try:
        return bool(first == second)
    except Exception:  # noqa: BLE001 - a user's object may compare in any way
        return False
