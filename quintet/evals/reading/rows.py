"""Read and write files of rows, one JSON object a line: a header, the rows, a closing record.

The closing record is missing from a file whose evaluation was interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quintet.errors import DesignError
from quintet.evals.items import path_in
from quintet.evals.reading.lines import encoded_lines
from quintet.evals.row import Row
from quintet.state.record import plain, read

FORMAT = 1
OPENING = "quintet_rows"
"""The key by which the first line of a file of rows is recognised."""
CLOSING = "quintet_report"
"""The key by which the last line of a whole evaluation is recognised."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """The first line of a file of rows.

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


def read_rows(path: str | Path) -> tuple[Header, list[Row], dict[str, Any] | None]:
    """Read a file of rows, without a last line that was cut off.

    Returns:
        The header, the rows, and the closing record; None where the evaluation was interrupted.

    Raises:
        DesignError: no such file, or it is no file of rows; the line is named.
    """
    try:
        lines = path_in(path).read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as problem:
        raise DesignError(f"{path} cannot be read: {problem}") from problem
    records = list(_records(path, lines))
    if not records or records[0].get(OPENING) != FORMAT:
        raise DesignError(
            f"{path} is no file of evaluated rows: its first line does not say {OPENING}"
        )
    try:
        header = {key: value for key, value in records[0].items() if key != OPENING}
        rows = [read(Row, record) for record in records[1:] if CLOSING not in record]
        closing = next((item[CLOSING] for item in reversed(records) if CLOSING in item), None)
        return read(Header, header), rows, closing
    except Exception as problem:
        raise DesignError(f"{path} holds a row that cannot be read: {problem}") from problem


def encoded_rows(header: Header, rows: Iterable[Row], closing: Any = None) -> Iterator[bytes]:
    """Encode the lines of a file of rows.

    Args:
        header: the first line.
        rows: the rows.
        closing: the report without its rows; None for an evaluation that goes on.
    """
    yield from encoded_lines([{OPENING: FORMAT, **plain(header)}])
    yield from encoded_lines(plain(row) for row in rows)
    if closing is not None:
        yield from encoded_lines([{CLOSING: closing}])


def is_rows(begins: bytes) -> bool:
    """Tell whether a file that begins with these bytes is a file of rows."""
    try:
        first = json.loads(begins.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(first, dict) and OPENING in first


def _records(path: str | Path, lines: list[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line and number == len(lines):
            return
        try:
            record = json.loads(line)
        except ValueError as problem:
            # A killed evaluation leaves half a last line; its case is run again.
            if number == len(lines):
                return
            raise DesignError(f"{path}, line {number}: not JSON ({problem})") from problem
        if not isinstance(record, dict):
            raise DesignError(f"{path}, line {number}: not an object")
        yield record
