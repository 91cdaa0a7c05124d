"""Convert cases to plain data and back, one record each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields as fields_of
from typing import Any

from quintet.errors import DesignError
from quintet.evals.case import Case, read_call
from quintet.evals.items import nearest
from quintet.evals.reading.cells import value_of
from quintet.evals.reading.lines import Line, Mistakes
from quintet.evals.trajectory import ToolCall
from quintet.state.record import plain

FIELDS = tuple(item.name for item in fields_of(Case))
INPUTS = ("message", "text")
"""Columns that may hold the input, where none is called `input`."""

_NAMES = "give a name, or a list of names"
_FLAG = "give true or false, or leave it out for no label"
_WANTED = {
    "id": "give a text",
    "group": "give a text",
    "route": _NAMES,
    "plan": "give a list of assignees",
    "calls": "give a list of names, or of objects with name and arguments",
    "path": "give a list of nodes",
    "outcome": _NAMES,
    "escalate": _FLAG,
    "approval": _FLAG,
    "never": _NAMES,
    "state": "give an object of the expected keys",
    "tags": _NAMES,
}


def read_record(record: Mapping[str, Any]) -> Case:
    """Read a case from plain data, such as one line of a file.

    Raises:
        DesignError: all that is wrong with the record.
    """
    mistakes = Mistakes(source="case")
    case, _ = read_line(Line(place="record", record=record), None, mistakes, comma=False)
    mistakes.check()
    if case is None:
        raise DesignError(f"{record!r:.60} is no case; give an input")
    return case


def read_line(
    line: Line, fields: Mapping[str, str | None] | None, mistakes: Mistakes, *, comma: bool
) -> tuple[Case | None, bool]:
    """Read a case from a record of a file.

    Args:
        line: the record with its place.
        fields: the record's names for the fields of a case, as in `read_cases`.
        mistakes: gets the record's mistakes.
        comma: whether the values are the texts of a CSV file.

    Returns:
        The case, or None where the record has mistakes; and whether the record names its id.
    """
    record, before = line.record, len(mistakes.entries)
    if not isinstance(record, Mapping):
        mistakes.add(line.place, f"{record!r:.60} is no object; give one with an input")
        return None, False
    columns = _columns_by_field(record, fields)
    used = set(columns.values())
    for name in record if fields is None else ():
        if name not in used:
            beside = f"{name!r} stands beside the input {columns.get('input')!r}; drop one of them"
            place = "line 1" if comma else line.place  # a column's name is wrong once
            mistakes.add(place, beside if name in INPUTS else _unknown_field(name))
    values: dict[str, Any] = {}
    for name, column in columns.items():
        try:
            value = value_of(name, record[column]) if comma else record[column]
            values[name] = _checked_value(name, value)
        except DesignError as problem:
            mistakes.add(line.place, f"{column}: {problem}")
    # An input that could not be read is reported already, above.
    if values.get("input") is None and ("input" in values or "input" not in columns):
        mistakes.add(line.place, f"no input; give it as {_input_names(('input', *INPUTS), fields)}")
    if len(mistakes.entries) > before:
        return None, False
    has_id = values.get("id") not in (None, "")
    return Case(**{name: value for name, value in values.items() if value is not None}), has_id


def _unknown_field(name: Any) -> str:
    near = nearest(str(name), FIELDS) or f"; known are {', '.join(FIELDS)}"
    return (
        f"unknown field {name!r}{near}; rename or drop it, or give fields={{...}} to pass it over"
    )


def _columns_by_field(
    record: Mapping[str, Any], fields: Mapping[str, str | None] | None
) -> dict[str, str]:
    """Map the fields of a case that a record has to the record's names for them."""
    names = {name: name for name in FIELDS if name not in (fields or {})}
    names |= {name: column for name, column in (fields or {}).items() if column is not None}
    columns = {name: column for name, column in names.items() if column in record}
    if "input" not in columns and "input" not in (fields or {}):
        column = next((name for name in INPUTS if name in record), None)
        columns |= {} if column is None else {"input": column}
    return columns


def _checked_value(name: str, value: Any) -> Any:
    """Convert a field's value to the form that a case takes.

    Raises:
        DesignError: a value of the wrong kind; the message names the right kind.
    """
    if value is None:
        return None
    if name in ("id", "group") and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if name == "calls" and isinstance(value, list):
        value = [read_call(item) for item in value]
    if name == "calls" and isinstance(value, str):
        value = [value]
    label = {} if name == "input" else {name: value}
    try:
        # Case checks its own fields: one with this field alone shows whether the value fits.
        plain(value)
        Case(input=value if name == "input" else "", **label)
    except (DesignError, RecursionError) as problem:
        wanted = _WANTED.get(name)
        raise DesignError(f"{value!r:.60}: {wanted}" if wanted else str(problem)) from problem
    return value


def _input_names(names: tuple[str, ...], fields: Mapping[str, str | None] | None) -> str:
    column = (fields or {}).get("input")
    return repr(column) if column else ", ".join(map(repr, names[:-1])) + f" or {names[-1]!r}"


def case_record(case: Case) -> dict[str, Any]:
    """Convert a case to plain data, without the labels that it does not have.

    Raises:
        DesignError: it has no input, or holds what JSON cannot.
    """
    if case.input is None:
        raise DesignError(f"case {case.id!r} has no input (None); give it one before writing it")
    try:
        record = {name: plain(getattr(case, name)) for name in FIELDS}
    except (DesignError, RecursionError) as problem:
        raise DesignError(f"case {case.id!r} cannot be written: {problem}") from problem
    if case.calls is not None:
        record["calls"] = [_call_record(call) for call in case.calls]
    empty: dict[str, Any] = {"never": [], "tags": [], "group": ""}
    id_first = {"id": record["id"], **record}
    return {
        name: value
        for name, value in id_first.items()
        if value is not None and value != empty.get(name)
    }


def _call_record(call: ToolCall) -> Any:
    if call == ToolCall(name=call.name):
        return call.name
    blank = ToolCall(name="")
    changed = {n: v for n, v in plain(call).items() if v != getattr(blank, n) or n == "name"}
    # The key `arguments` marks the full form of a call, see `_full_call`.
    return {**changed, "arguments": plain(call.arguments)}
