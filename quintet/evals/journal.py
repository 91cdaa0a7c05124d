"""Rows in a file, one JSON a line: a report to keep, and a journal to go on from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from quintet.evals.reading.lines import dumped
from quintet.evals.row import Row
from quintet.state.errors import DesignError
from quintet.state.record import plain, read

FORMAT = 1
CLOSING = "quintet_report"


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a file of rows is about.

    Args:
        suite: the suite's name.
        fingerprint: of its cases.
        expected: how many rows a whole evaluation has.
        began: when, ISO 8601.
        settings: confidence, seed, gates and whatever else a report is made with.
    """

    suite: str
    fingerprint: str
    expected: int
    began: str
    settings: Mapping[str, Any]


def read_rows(path: Path) -> tuple[Header, list[Row], dict[str, Any] | None]:
    """A file of rows. A last line that was cut off is left out; the rest of the file counts.

    Returns:
        What the file is about, its rows, and the closing record of a whole evaluation, if any.

    Raises:
        DesignError: no such file, or it is no file of rows; the line is named.
    """
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as problem:
        raise DesignError(f"{path} cannot be read: {problem}") from problem
    records = list(_records(path, lines))
    if not records or records[0].get("quintet_rows") != FORMAT:
        raise DesignError(
            f"{path} is no file of evaluated rows: its first line does not say quintet_rows"
        )
    try:
        first = {key: value for key, value in records[0].items() if key != "quintet_rows"}
        rows = [read(Row, record) for record in records[1:] if CLOSING not in record]
        closing = next((each[CLOSING] for each in reversed(records) if CLOSING in each), None)
        return read(Header, first), rows, closing
    except Exception as problem:
        raise DesignError(f"{path} holds a row that cannot be read: {problem}") from problem


@contextmanager
def written(path: Path, header: Header, kept: Iterable[Row] = ()) -> Iterator[IO[str]]:
    """A file to write rows to, each flushed, behind those that are kept.

    What was there is replaced at once, when the new beginning is whole: a kill in between leaves
    the old file, and no closing record is left that speaks of fewer rows than follow it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        write_line(file, {"quintet_rows": FORMAT, **plain(header)})
        for row in kept:
            write_line(file, plain(row))
    new.replace(path)
    with path.open("a", encoding="utf-8") as file:
        yield file


def write_line(file: IO[str], record: Any) -> None:
    """One record, on disk before anything else happens."""
    file.write(dumped(record) + "\n")
    file.flush()


def _records(path: Path, lines: list[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line and number == len(lines):
            return
        try:
            record = json.loads(line)
        except ValueError as problem:
            if number == len(lines):
                return
            raise DesignError(f"{path}, line {number}: not JSON ({problem})") from problem
        if not isinstance(record, dict):
            raise DesignError(f"{path}, line {number}: not an object")
        yield record
