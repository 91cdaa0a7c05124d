"""Write rows to a file while an evaluation runs, and go on from it after an interruption."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from quintet.errors import DesignError
from quintet.evals.aside import kept_aside
from quintet.evals.claim import Claim, claimed
from quintet.evals.items import path_in
from quintet.evals.output import beginning, checked, replaced
from quintet.evals.reading.lines import json_text
from quintet.evals.reading.rows import Header, encoded_rows, is_rows, read_rows
from quintet.evals.row import Row

KIND = "report of an evaluation"


@dataclass(frozen=True, kw_only=True)
class Anew:
    """A file that a new evaluation begins; an earlier report in it is kept under a numbered name.

    Args:
        path: the file.
        told: called with the path under which the earlier report is kept.
    """

    path: str | Path
    told: Callable[[Path], None] = lambda _: None


Into = str | Path | Anew
"""A file for rows. A path goes on from the rows in it; an `Anew` begins with none."""


@dataclass(kw_only=True)
class Journal:
    """Write rows to a file that no other evaluation may write meanwhile."""

    place: Path
    claim: Claim
    anew: Anew | None = None
    file: IO[str] | None = field(default=None, init=False)

    @property
    def holds_rows(self) -> bool:
        """Tell whether any line follows the file's header."""
        return bool(beginning(self.place).partition(b"\n")[2])

    def earlier_rows(self) -> tuple[Header, list[Row]] | None:
        """Read the header and the rows to go on from; None where the evaluation begins anew."""
        if self.anew is not None or not beginning(self.place):
            return None
        header, rows, _ = read_rows(self.place)
        return header, rows

    def begin(self, header: Header, rows: Iterable[Row] = ()) -> IO[str]:
        """Write the header and the kept rows, and open the file for the rows to come.

        The new beginning replaces the old file when it is whole: a kill in between leaves the old
        one. The kept rows have no closing record behind them: it would count too few rows.
        """
        if self.anew is not None and self.holds_rows:
            self.anew.told(kept_aside(self.place))
        replaced(self.place, encoded_rows(header, rows))
        # The claim locks the old file, which is not the one under this name any more.
        self.claim.renew()
        self.file = self.place.open("a", encoding="utf-8")
        return self.file

    def close(self) -> None:
        """Close the file once all its rows are on disk."""
        if self.file is not None:
            with self.file:
                os.fsync(self.file.fileno())


@contextmanager
def journal(into: Into) -> Iterator[Journal]:
    """Open a file for the rows of this evaluation alone; missing folders are made.

    Raises:
        DesignError: another kind of file is there, nothing can be written there, or another
            evaluation writes into it.
    """
    anew = into if isinstance(into, Anew) else None
    place = place_for(into.path if isinstance(into, Anew) else into)
    with claimed(place) as claim:
        file = Journal(place=place, claim=claim, anew=anew)
        try:
            yield file
        finally:
            file.close()


def place_for(path: str | Path, *, shown: str = "") -> Path:
    """Return the file that a path leads to, behind links and `~`; missing folders are made.

    Args:
        path: where to write rows.
        shown: the path as an error names it.

    Raises:
        DesignError: another kind of file is there, or nothing can be written there.
    """
    path = path_in(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise DesignError(
            f"{path} cannot be written: no folder can be made there ({problem.strerror}); name "
            "another file"
        ) from problem
    return checked(path, is_rows, KIND, shown=shown)


def save_rows(path: str | Path, header: Header, rows: Iterable[Row], closing: Any) -> None:
    """Write a whole report, in place of an earlier one.

    Raises:
        DesignError: another kind of file is there, nothing can be written there, or an evaluation
            writes into it.
    """
    place = place_for(path)
    with claimed(place):
        replaced(place, encoded_rows(header, rows, closing))


def write_line(file: IO[str], record: Any) -> None:
    """Write one record, and flush it so that a killed evaluation loses no row."""
    file.write(json_text(record) + "\n")
    file.flush()
