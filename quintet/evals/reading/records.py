"""A case as plain data, and back: what one record of a file says."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields as fields_of
from difflib import get_close_matches
from typing import Any

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.reading.cells import value_of
from quintet.evals.reading.lines import Line, Mistakes
from quintet.evals.trajectory import CALL_STATUSES, Call
from quintet.state.record import plain

FIELDS = tuple(item.name for item in fields_of(Case))
INPUTS = ("message", "text")
"""Columns that are the input, where none is called `input`."""

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
_CALL = tuple(item.name for item in fields_of(Call))


def read_record(record: Mapping[str, Any]) -> Case:
    """A case from plain data, as it stands in a line of a file.

    Raises:
        DesignError: what is wrong with it, all in one.
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
    """A record's case, and whether the record names its id.

    Args:
        line: the record, and where it stands.
        fields: the record's names for fields of a case, as in `read_cases`.
        mistakes: gets what is wrong; the case is None then.
        comma: whether the values are texts of a CSV file.
    """
    record, before = line.record, len(mistakes.found)
    if not isinstance(record, Mapping):
        mistakes.add(line.place, f"{record!r:.60} is no object; give one with an input")
        return None, False
    columns = _columns(record, fields)
    used = set(columns.values())
    for name in record if fields is None else ():
        if name not in used:
            beside = f"{name!r} stands beside the input {columns.get('input')!r}; drop one of them"
            place = "line 1" if comma else line.place  # a column's name is wrong once
            mistakes.add(place, beside if name in INPUTS else _stranger(name))
    given: dict[str, Any] = {}
    for name, column in columns.items():
        try:
            value = value_of(name, record[column]) if comma else record[column]
            given[name] = _checked(name, value)
        except DesignError as problem:
            mistakes.add(line.place, f"{column}: {problem}")
    if given.get("input") is None and ("input" in given or "input" not in columns):
        mistakes.add(line.place, f"no input; give it as {_listed(('input', *INPUTS), fields)}")
    if len(mistakes.found) > before:
        return None, False
    named = given.get("id") not in (None, "")
    return Case(**{name: value for name, value in given.items() if value is not None}), named


def _stranger(name: Any) -> str:
    near = nearest(str(name), FIELDS) or f"; known are {', '.join(FIELDS)}"
    return (
        f"unknown field {name!r}{near}; rename or drop it, or give fields={{...}} to pass it over"
    )


def _columns(record: Mapping[str, Any], fields: Mapping[str, str | None] | None) -> dict[str, str]:
    """The record's name for each field of a case that it has."""
    names = {name: name for name in FIELDS if name not in (fields or {})}
    names |= {name: column for name, column in (fields or {}).items() if column is not None}
    found = {name: column for name, column in names.items() if column in record}
    if "input" not in found and "input" not in (fields or {}):
        column = next((name for name in INPUTS if name in record), None)
        found |= {} if column is None else {"input": column}
    return found


def _checked(name: str, value: Any) -> Any:
    """A field's value as a case takes it.

    Raises:
        DesignError: a value of the wrong kind, with what is wanted.
    """
    if value is None:
        return None
    if name in ("id", "group") and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if name == "calls" and isinstance(value, list):
        value = [_call(item) for item in value]
    if name == "calls" and isinstance(value, str):
        value = [value]
    label = {} if name == "input" else {name: value}
    try:
        plain(value)
        Case(input=value if name == "input" else "", **label)
    except (DesignError, RecursionError) as problem:
        wanted = _WANTED.get(name)
        said = f"{value!r:.60}: {wanted}" if wanted else str(problem)
        raise DesignError(said) from problem
    return value


def _call(item: Any) -> Any:
    """A call with more than its name and arguments; anything else is left to `Case`."""
    if not isinstance(item, Mapping) or "arguments" not in item:
        return item
    if odd := [name for name in item if name not in _CALL]:
        raise DesignError(f"in {item!r:.60} {unknown(odd[0], _CALL)}")
    texts = all(isinstance(item.get(name, ""), str) for name in ("name", "node", "key"))
    fits = texts and isinstance(item.get("retry", False), bool) and "name" in item
    if not fits or not isinstance(item["arguments"], Mapping):
        raise DesignError(f"{item!r:.60}: give a call's name, and its arguments as an object")
    if item.get("status", "ok") not in CALL_STATUSES:
        raise DesignError(f"{item!r:.60}: status is one of {', '.join(CALL_STATUSES)}")
    return Call(**item)


def unknown(name: Any, known: Collection[str]) -> str:
    """That a name is none of those known, with the nearest of them."""
    return f"unknown field {name!r}{nearest(str(name), known)}; known are {', '.join(known)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """A question after the name that was probably meant; empty where none is near."""
    near = get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _listed(names: tuple[str, ...], fields: Mapping[str, str | None] | None) -> str:
    column = (fields or {}).get("input")
    return repr(column) if column else ", ".join(map(repr, names[:-1])) + f" or {names[-1]!r}"


def case_record(case: Case) -> dict[str, Any]:
    """A case as plain data, without the labels that it does not have.

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
        record["calls"] = [_short(call) for call in case.calls]
    empty: dict[str, Any] = {"never": [], "tags": [], "group": ""}
    named = {"id": record["id"], **record}
    return {
        name: value
        for name, value in named.items()
        if value is not None and value != empty.get(name)
    }


def _short(call: Call) -> Any:
    if call == Call(name=call.name):
        return call.name
    blank = Call(name="")
    kept = {n: v for n, v in plain(call).items() if v != getattr(blank, n) or n == "name"}
    return {**kept, "arguments": plain(call.arguments)}
