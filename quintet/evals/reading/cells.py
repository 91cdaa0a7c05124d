"""Read a case's values from CSV cells, and write them into cells."""

from __future__ import annotations

from typing import Any

from quintet.errors import DesignError
from quintet.evals.reading.lines import json_text, parse_json

SEPARATOR = "|"
LISTS = ("route", "plan", "calls", "path", "outcome", "never", "tags")
FLAGS = ("escalate", "approval")
_TRUE, _FALSE = ("true", "yes"), ("false", "no")


def value_of(name: str, cell: str) -> Any:
    """Read a field's value from its cell; None where the cell is empty.

    A list's items are separated by `|`, or the cell holds a JSON list. Flags are true, false, yes
    or no. A cell that is a JSON object, list or quoted text is parsed; any other is a text.

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
            return parse_json(bare)
        except DesignError as problem:
            # A message may begin with a quote or a bracket; only a state must be an object.
            if name == "state":
                raise DesignError(f"{cell!r:.60} is no JSON object ({problem})") from problem
    if name in LISTS:
        return [item for part in cell.split(SEPARATOR) if (item := part.strip())]
    return cell


def cell_of(name: str, value: Any) -> str:
    """Write a value as a cell that `value_of` reads back; empty for None.

    Raises:
        DesignError: a value that a cell cannot hold.
    """
    if value is None:
        return ""
    if name in FLAGS:
        return "true" if value else "false"
    if name in LISTS and value and all(_fits_a_list(item) for item in value):
        return SEPARATOR.join(value)
    if name in ("id", "group") and not (value.strip() and _has_utf8(value)):
        raise DesignError(f"{name}={value!r:.60} cannot stand in CSV; write the cases as .jsonl")
    if isinstance(value, str):
        # A text that would be read as JSON, or as nothing, is written as a JSON text.
        return value if name in ("id", "group") or _reads_back(value) else json_text(value)
    if isinstance(value, dict | list | tuple):
        return json_text(value)
    raise DesignError(
        f"{name}={value!r:.60} reads back from a CSV cell as a text; write the cases as .jsonl"
    )


def _flag(bare: str) -> bool:
    word = bare.casefold()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise DesignError(f"{bare!r:.60} is neither true, false, yes, no nor empty")


def _fits_a_list(item: Any) -> bool:
    return (
        isinstance(item, str)
        and item == item.strip()
        and SEPARATOR not in item
        and _reads_back(item)
    )


def _reads_back(text: str) -> bool:
    bare = text.strip()
    return bool(bare) and bare[0] not in '{["' and _has_utf8(text)


def _has_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
