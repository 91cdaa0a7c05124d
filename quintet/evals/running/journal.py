"""Rows in a file, one JSON a line: a report to keep, and a journal to go on from."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from quintet.errors import DesignError
from quintet.evals.aside import kept_aside
from quintet.evals.claim import Claim, claimed
from quintet.evals.output import beginning, checked, replaced
from quintet.evals.reading.lines import OPENING, dumped, is_rows
from quintet.evals.row import Row
from quintet.state.record import plain, read

FORMAT = 1
CLOSING = "quintet_report"
KIND = "report of an evaluation"


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
        lines = Path(os.path.expanduser(path)).read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as problem:
        raise DesignError(f"{path} cannot be read: {problem}") from problem
    records = list(_records(path, lines))
    if not records or records[0].get(OPENING) != FORMAT:
        raise DesignError(
            f"{path} is no file of evaluated rows: its first line does not say {OPENING}"
        )
    try:
        first = {key: value for key, value in records[0].items() if key != OPENING}
        rows = [read(Row, record) for record in records[1:] if CLOSING not in record]
        closing = next((each[CLOSING] for each in reversed(records) if CLOSING in each), None)
        return read(Header, first), rows, closing
    except Exception as problem:
        raise DesignError(f"{path} holds a row that cannot be read: {problem}") from problem


@dataclass(frozen=True, kw_only=True)
class Anew:
    """A file that gets the rows of a new evaluation; a report that it holds is kept under a number.

    Args:
        path: the file.
        told: hears where the earlier report is kept.
    """

    path: str | Path
    told: Callable[[Path], None] = lambda _: None


Into = str | Path | Anew
"""A file for rows: gone on with by its path alone, or begun anew."""


@dataclass(kw_only=True)
class Journal:
    """A file of rows under way, which no other evaluation may write meanwhile."""

    place: Path
    claim: Claim
    anew: Anew | None = None
    file: IO[str] | None = field(default=None, init=False)

    @property
    def holds_rows(self) -> bool:
        """Whether something follows the file's first line."""
        return bool(beginning(self.place).partition(b"\n")[2])

    def found(self) -> tuple[Header, list[Row]] | None:
        """The header and the rows to go on from; None where there are none."""
        if self.anew is not None or not beginning(self.place):
            return None
        header, rows, _ = read_rows(self.place)
        return header, rows

    def begin(self, header: Header, kept: Iterable[Row] = ()) -> IO[str]:
        """Open the file for further rows, behind those that are kept.

        The new beginning takes the place of the old file when it is whole: a kill in between leaves
        the old one, and no closing record is left that speaks of fewer rows than follow it.
        """
        if self.anew is not None and self.holds_rows:
            self.anew.told(kept_aside(self.place))
        replaced(self.place, _lines(header, kept))
        self.claim.renew()
        self.file = self.place.open("a", encoding="utf-8")
        return self.file

    def close(self) -> None:
        """Close the file, with all rows on disk."""
        if self.file is not None:
            with self.file:
                os.fsync(self.file.fileno())


@contextmanager
def journal(into: Into) -> Iterator[Journal]:
    """Open a file for rows, for this evaluation alone; missing folders are made.

    Raises:
        DesignError: something else is there, nothing can be written there, or another evaluation
            writes into it.
    """
    anew = into if isinstance(into, Anew) else None
    place = place_for(into.path if isinstance(into, Anew) else into)
    with claimed(place) as claim:
        book = Journal(place=place, claim=claim, anew=anew)
        try:
            yield book
        finally:
            book.close()


def place_for(path: str | Path, *, shown: str = "") -> Path:
    """Return where rows are written, behind links and `~`; missing folders are made.

    Args:
        path: where to write.
        shown: the path as a refusal names it.

    Raises:
        DesignError: something else is there, or nothing can be written there.
    """
    path = Path(os.path.expanduser(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise DesignError(
            f"{path} cannot be written: no folder can be made there ({problem.strerror}); name "
            "another file"
        ) from problem
    return checked(path, is_rows, KIND, shown=shown)


def save_rows(path: str | Path, header: Header, rows: Iterable[Row], closing: Any) -> None:
    """Write a whole report in the place of an earlier one.

    Raises:
        DesignError: something else is there, nothing can be written there, or an evaluation writes
            into it.
    """
    place = place_for(path)
    with claimed(place):
        replaced(place, _lines(header, rows, closing))


def write_line(file: IO[str], record: Any) -> None:
    """One record, on disk before anything else happens."""
    file.write(dumped(record) + "\n")
    file.flush()


def _lines(header: Header, rows: Iterable[Row], closing: Any = None) -> Iterator[bytes]:
    yield _line({OPENING: FORMAT, **plain(header)})
    for row in rows:
        yield _line(plain(row))
    if closing is not None:
        yield _line({CLOSING: closing})


def _line(record: Any) -> bytes:
    return f"{dumped(record)}\n".encode()


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
