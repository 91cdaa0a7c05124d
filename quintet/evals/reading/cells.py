"""Cells of a CSV file, and the values of a case that they hold."""

from __future__ import annotations

from typing import Any

from quintet.errors import DesignError
from quintet.evals.reading.lines import dumped, parsed

SEPARATOR = "|"
LISTS = ("route", "plan", "calls", "path", "outcome", "never", "tags")
FLAGS = ("escalate", "approval")
_TRUE, _FALSE = ("true", "yes"), ("false", "no")


def value_of(name: str, cell: str) -> Any:
    """What a cell holds of a field; None where it is empty.

    Lists stand between `|`, or as a JSON list; flags are true, false, yes or no. A cell that
    begins like a JSON object, list or text and is one, is that; any other is a text.

    Raises:
        DesignError: a flag or a mapping that cannot be read.
    """
    bare = cell.strip()
    if not bare:
        return None
    if name in FLAGS:
        return _flag(bare)
    if name in ("id", "group"):
        return cell
    if bare[0] in '{["':
        try:
            return parsed(bare)
        except DesignError as problem:
            if name == "state":
                raise DesignError(f"{cell!r:.60} is no JSON object ({problem})") from problem
    if name in LISTS:
        return [item for part in cell.split(SEPARATOR) if (item := part.strip())]
    return cell


def cell_of(name: str, value: Any) -> str:
    """The cell that holds a value, as `value_of` reads it; empty for None.

    Raises:
        DesignError: a value that a cell cannot hold.
    """
    if value is None:
        return ""
    if name in FLAGS:
        return "true" if value else "false"
    if name in LISTS and value and all(_simple(item) for item in value):
        return SEPARATOR.join(value)
    if name in ("id", "group") and not (value.strip() and _encodes(value)):
        raise DesignError(f"{name}={value!r:.60} cannot stand in CSV; write the cases as .jsonl")
    if isinstance(value, str):
        return value if name in ("id", "group") or _reads_back(value) else dumped(value)
    if isinstance(value, dict | list | tuple):
        return dumped(value)
    raise DesignError(
        f"{name}={value!r:.60} reads back from a CSV cell as a text; write the cases as .jsonl"
    )


def _flag(bare: str) -> bool:
    known = bare.casefold()
    if known in _TRUE or known in _FALSE:
        return known in _TRUE
    raise DesignError(f"{bare!r:.60} is neither true, false, yes, no nor empty")


def _simple(item: Any) -> bool:
    return (
        isinstance(item, str)
        and item == item.strip()
        and SEPARATOR not in item
        and (not item.startswith(("{", "[", '"')) and _encodes(item) and bool(item))
    )


def _reads_back(text: str) -> bool:
    return bool(text.strip()) and text.strip()[0] not in '{["' and _encodes(text)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
