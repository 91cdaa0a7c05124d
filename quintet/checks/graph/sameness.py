"""Compare gates, effects and functions that were made separately but may be the same."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import partial
from types import CellType, FunctionType

from quintet.nodes import ApprovalGate

_DECIDING = ("name", "when", "approvers")


def differences(first: ApprovalGate, second: ApprovalGate | None) -> list[str]:
    """List the settings in which two gates differ, except for where they lead."""
    return [name for name in _DECIDING if not same(getattr(first, name), getattr(second, name))]


def same(first: object, second: object, seen: frozenset[tuple[int, int]] = frozenset()) -> bool:
    """Tell whether two settings are the same; functions are compared by code and closure."""
    pair = (id(first), id(second))
    # A closure may capture itself: a pair that is being compared already counts as the same.
    if first is second or pair in seen or _equal(first, second):
        return True
    parts, other_parts = _parts(first), _parts(second)
    if type(first) is not type(second) or parts is None or other_parts is None:
        return False
    pairs = zip(parts, other_parts, strict=False)
    return len(parts) == len(other_parts) and all(same(*both, seen | {pair}) for both in pairs)


def _parts(value: object) -> list[object] | None:
    """List the parts of a function, a partial or a dataclass; None for anything else."""
    if isinstance(value, FunctionType):
        defaults = (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values())
        return [value.__code__, *defaults, *map(_content, value.__closure__ or ())]
    if isinstance(value, partial):
        return [value.func, *value.args, *value.keywords, *value.keywords.values()]
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in fields(value)]
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
