"""Read JSON-lines, JSON and CSV files record by record; collect every mistake with its line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quintet.errors import DesignError
from quintet.evals.items import path_in

SHOWN = 20
"""Mistakes of one file that an error lists."""
LISTED = 5
"""Lines that an error names for one mistake."""


@dataclass(frozen=True, kw_only=True)
class Mistakes:
    """Collect the mistakes in a file, to raise them all at once.

    Args:
        source: the file's name for the user.
        entries: the mistakes in order, each a place and a message.
    """

    source: str
    entries: dict[tuple[str, str], None] = field(default_factory=dict)

    def add(self, place: str, message: str) -> None:
        """Note a mistake at a place, such as `line 3`; the same one there counts once."""
        self.entries[place, message] = None

    def check(self) -> None:
        """Raise the mistakes, if there are any.

        Raises:
            DesignError: the mistakes; the same one on several lines is told once, with the lines.
        """
        places: dict[str, list[str]] = {}
        for place, message in self.entries:
            places.setdefault(message, []).append(place)
        texts = [f"{_joined(where)}: {message}" for message, where in places.items()]
        if len(self.entries) == 1:
            raise DesignError(f"{self.source}, {texts[0]}")
        if texts:
            more = [f"and {len(texts) - SHOWN} more"] if len(texts) > SHOWN else []
            lines = "\n  ".join([*texts[:SHOWN], *more])
            raise DesignError(f"{self.source} has {len(self.entries)} mistakes:\n  {lines}")


@dataclass(frozen=True, kw_only=True)
class Line:
    """A record of a file, with its place there, such as `line 3`."""

    place: str
    record: Any


def read_text(path: str | Path, wanted: str) -> str:
    """Read a text file in UTF-8, with or without a byte order mark.

    Args:
        path: the file.
        wanted: a description of the content, for the error on an empty file.

    Raises:
        DesignError: the file cannot be read, is in another encoding, or is empty.
    """
    try:
        data = path_in(path).read_bytes()
    except OSError as problem:
        reason = problem.strerror or problem
        raise DesignError(f"{path} cannot be read ({reason}); give the path of a file") from problem
    if data.startswith(b"PK\x03\x04"):
        raise DesignError(
            f"{path} is an archive; unpack it (a log of inspect: `inspect log convert --to json`)"
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DesignError(f"{path} is in UTF-16; save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data[: problem.start].count(b"\n") + 1
        raise DesignError(
            f"{path}, line {line}: byte 0x{data[problem.start]:02x} is not UTF-8; "
            "save the file as UTF-8"
        ) from problem
    if not text.strip():
        raise DesignError(f"{path} is empty; give {wanted}")
    return text


def json_lines(path: str | Path, mistakes: Mistakes) -> Iterator[Line]:
    """Read the records of a JSON-lines file; blank lines are skipped.

    Raises:
        DesignError: the file cannot be read or is empty.
    """
    text = read_text(path, "one JSON object a line")
    # Not splitlines(), which also splits at characters that JSON lets stand within a text.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            yield Line(place=place, record=parse_json(line))
        except DesignError as problem:
            hint = "; this is a list over several lines: name the file .json"
            mistakes.add(place, f"{problem}{hint if line.strip() == '[' else ''}")


def json_list(path: str | Path) -> Iterator[Line]:
    """Read the records of a JSON file that holds one list, or an object with one under any key.

    Raises:
        DesignError: the file cannot be read, or holds no list.
    """
    text = read_text(path, "a list of JSON objects")
    try:
        data = parse_json(text)
    except DesignError as problem:
        raise DesignError(f"{path}: {problem}") from problem
    return _numbered(listed(data, str(path)))


def records_of(
    path: str | Path, mistakes: Mistakes, *, is_record: Callable[[Any], bool]
) -> Iterator[Line]:
    """Read the records of a file: one a line, or as `json_list` does, whatever its name.

    Args:
        path: the file.
        mistakes: gets the mistakes of its lines.
        is_record: says whether a document is one record by itself.

    Raises:
        DesignError: the file cannot be read or is empty, or is one document and no JSON.
    """
    text = read_text(path, "one JSON object a line, or a list of them")
    data = _document(text, str(path))
    if data is None:
        return json_lines(path, mistakes)
    if is_record(data) or not isinstance(data, list | dict):
        return iter([Line(place="item 1", record=data)])
    return _numbered(listed(data, str(path)))


def listed(data: Any, source: str) -> list[Any]:
    """Return the list of records in a document: itself, or under the one key that has one.

    Raises:
        DesignError: it holds none, or several.
    """
    lists = {"": data} if isinstance(data, list) else _lists_in(data)
    if len(lists) > 1:
        keys = ", ".join(map(repr, lists))
        raise DesignError(
            f"{source} has a list of records under each of {keys}; keep one of them in the file"
        )
    if not lists:
        raise DesignError(
            f"{source} holds {_kind(data)}; give a list of objects, or name a file of one object "
            "a line .jsonl"
        )
    [items] = lists.values()
    if not items:
        raise DesignError(f"{source} holds an empty list; give at least one record")
    return items


def csv_rows(path: str | Path, mistakes: Mistakes, *, names: Sequence[str] = ()) -> Iterator[Line]:
    """Read the rows of a CSV file as dicts by column; cells are separated by `,`, `;` or tab.

    Args:
        path: the file.
        mistakes: gets the mistakes of its rows.
        names: the columns of a file whose first line does not name them.

    Raises:
        DesignError: the file cannot be read, is empty, or its first line names a column twice.
    """
    text = read_text(path, "rows" if names else "a first line that names the columns")
    first = text.lstrip("\r\n").partition("\n")[0]
    # newline="" as the csv module asks, or line ends within quoted cells would change.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    names = list(names)
    while True:
        # A record may span several lines: its place is the line on which it begins.
        place = f"line {reader.line_num + 1}"
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            mistakes.add(place, f"cannot be read as CSV ({problem}); write such data as .jsonl")
            return
        if not any(cell.strip() for cell in row):
            continue
        if not names:
            names = _column_names(path, row)
        elif len(row) > len(names):
            mistakes.add(
                place,
                f"{len(row)} cells under {len(names)} columns, the last is {row[-1]!r:.60}; "
                'put a cell that holds the separator in quotes ("...")',
            )
        else:
            cells = row + [""] * (len(names) - len(row))
            yield Line(place=place, record=dict(zip(names, cells, strict=True)))


def parse_json(text: str) -> Any:
    """Parse a JSON text.

    Raises:
        DesignError: it is not JSON, is nested too deeply, or names a field twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_without_twins)
    except DesignError:
        raise
    except json.JSONDecodeError as problem:
        at = f"column {problem.colno}" if problem.lineno == 1 else f"line {problem.lineno}"
        near = problem.doc[max(0, problem.pos - 20) : problem.pos + 20]
        raise DesignError(f"not JSON ({problem.msg} at {at}, near {near!r}); mend it") from problem
    except (ValueError, RecursionError) as problem:
        raise DesignError(f"not JSON that can be read ({problem}); mend it") from problem


def json_text(value: Any) -> str:
    """Write plain data as one line of JSON that UTF-8 can hold."""
    # Characters stand as they are, but for half of a surrogate pair, which has no UTF-8.
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def encoded_lines(records: Iterable[Any]) -> Iterator[bytes]:
    """Encode records as the lines of a JSON-lines file."""
    return (f"{json_text(record)}\n".encode() for record in records)


def _joined(places: list[str]) -> str:
    """Join the places of one mistake, such as `lines 1, 2, 3 and 8 more`."""
    if len(places) == 1:
        return places[0]
    numbers = [place.rpartition(" ")[2] for place in places[:LISTED]]
    more = f" and {len(places) - LISTED} more" if len(places) > LISTED else ""
    return f"{places[0].partition(' ')[0]}s {', '.join(numbers)}{more}"


def _column_names(path: str | Path, row: list[str]) -> list[str]:
    names = [cell.strip() for cell in row]
    if twice := [name for name in names if name and names.count(name) > 1]:
        raise DesignError(f"{path}, line 1: column {twice[0]!r} stands twice; rename one")
    return names


def _document(text: str, source: str) -> Any:
    """Parse a text that is one document; None where it has a record on each of several lines.

    Raises:
        DesignError: it is one document over several lines, and no JSON.
    """
    lines = [line for line in text.split("\n") if line.strip()]
    try:
        first = parse_json(lines[0])
    except DesignError:
        if source.endswith((".jsonl", ".ndjson")) and lines[0].strip() not in ("[", "{"):
            return None
        try:
            return parse_json(text)
        except DesignError as problem:
            if lines[0].strip() in ("[", "{") or len(lines) == 1 or source.endswith(".json"):
                raise DesignError(f"{source}: {problem}") from problem
            return None
    return first if len(lines) == 1 else None


def _lists_in(data: Any) -> dict[str, list[Any]]:
    """Give the lists of records in an object, by key; empty ones only where there is no other."""
    found = {
        key: value
        for key, value in (data.items() if isinstance(data, Mapping) else ())
        if isinstance(value, list) and all(isinstance(item, dict | list) for item in value)
    }
    return {key: value for key, value in found.items() if value} or found


def _numbered(items: list[Any]) -> Iterator[Line]:
    return (Line(place=f"item {n}", record=item) for n, item in enumerate(items, start=1))


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DesignError(f"field {twice!r} stands twice in one object; drop one")
    return fields


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "one object"
    return "nothing" if value is None else f"{value!r:.40}"
