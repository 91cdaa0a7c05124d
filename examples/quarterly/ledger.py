"""Hold the companies' filed figures; where a figure was restated, the newest one is in force."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from typing_extensions import TypedDict

from .rules import LINES, UNITS


class Figure(TypedDict):
    """One figure as it was filed; `unit` is `million`, `thousand` or `one`."""

    company: str
    quarter: str
    line: str
    value: float
    unit: str
    as_of: str
    restated: bool


@dataclass(frozen=True)
class Ledger:
    """Hold all figures ever filed, in the order in which they were."""

    rows: tuple[Figure, ...] = field(repr=False)

    def companies(self) -> list[str]:
        """Name the companies on file."""
        return list(dict.fromkeys(row["company"] for row in self.rows))

    def quarters(self) -> list[str]:
        """Name the quarters on file, the oldest first."""
        names = {row["quarter"] for row in self.rows}
        return sorted(names, key=lambda name: (name[3:], name))

    def figures(self, company: str, quarter: str) -> list[Figure]:
        """List a company's figures of a quarter, each as it is in force."""
        newest: dict[str, Figure] = {}
        for row in sorted(self._of(company, quarter), key=lambda row: row["as_of"]):
            newest[row["line"]] = {**row, "restated": row["line"] in newest}
        return [newest[line] for line in LINES if line in newest]

    def first_filed(self, company: str, quarter: str) -> list[Figure]:
        """List the figures as they were filed first, before any restatement."""
        first: dict[str, Figure] = {}
        for row in sorted(self._of(company, quarter), key=lambda row: row["as_of"]):
            first.setdefault(row["line"], row)
        return [first[line] for line in LINES if line in first]

    def as_of(self, company: str, quarter: str) -> str:
        """Return the date of a quarter's oldest figure in force; empty where none is filed."""
        return min((row["as_of"] for row in self.figures(company, quarter)), default="")

    def _of(self, company: str, quarter: str) -> Iterable[Figure]:
        return (row for row in self.rows if (row["company"], row["quarter"]) == (company, quarter))


def lacking(figures: Iterable[Figure], quarter: str) -> str:
    """Say which figure of a quarter is missing or has no known unit; empty where none."""
    found = {row["line"]: row for row in figures}
    if not found:
        return f"missing: {quarter}"
    for line in LINES:
        if line not in found:
            return f"missing: {line} of {quarter}"
        if found[line]["unit"] not in UNITS:
            return f"no unit: {line} of {quarter}"
    return ""


@cache
def filed() -> Ledger:
    """Read the figures that are shipped."""
    folder = resources.files(__package__) / "data"
    files = sorted(one.name for one in folder.iterdir() if one.name.endswith(".csv"))
    rows = [
        row
        for name in files
        for row in csv.DictReader((folder / name).read_text("utf-8").splitlines())
    ]
    return Ledger(
        tuple(
            Figure(
                company=row["company"],
                quarter=row["quarter"],
                line=row["line"],
                value=float(row["value"]),
                unit=row["unit"],
                as_of=row["as_of"],
                restated=False,
            )
            for row in rows
        )
    )
