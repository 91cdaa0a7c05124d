"""Cases in files: JSON lines, a JSON list, or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.output import checked, replaced
from quintet.evals.reading.cells import cell_of
from quintet.evals.reading.lines import (
    Line,
    Mistakes,
    csv_rows,
    dumped,
    is_rows,
    json_lines,
    json_list,
)
from quintet.evals.reading.records import FIELDS, case_record, nearest, read_line, unknown

SUFFIXES = (".jsonl", ".json", ".csv")

Make = Callable[[dict[str, Any]], Case | None]


def read_cases(
    path: str | Path,
    *,
    fields: Mapping[str, str | None] | None = None,
    make: Make | None = None,
) -> tuple[Case, ...]:
    """Read cases from `.jsonl` (one object a line), `.json` (one list) or `.csv`.

    The fields are those of `Case`; where none is called `input`, `message` or `text` is it. In
    CSV, lists stand between `|`, flags are true, false, yes, no or empty, and a cell of `input`,
    `state`, `calls` or `answer` may hold JSON.

    Args:
        path: the file.
        fields: the file's names for fields of `Case`, as in
            `{"input": "message", "route": "label"}`; a field given as None is not read. With it,
            what the file holds besides is left aside; without it an unknown name is a mistake.
        make: in place of `fields`, a function of one record (of CSV: of texts by column) that
            returns its `Case`, or None to leave it out.

    Returns:
        The cases in the order of the file.

    Raises:
        DesignError: the file's mistakes, all in one, each with its line, field and value.
    """
    if make is not None and fields is not None:
        raise DesignError("read_cases(fields=..., make=...): give one of them")
    mistakes = Mistakes(source=str(path))
    comma = Path(path).suffix.lower() == ".csv"
    lines = list(_lines(Path(path), mistakes))
    if make is None and fields is not None:
        _check_fields(fields, lines, str(path))
    cases: dict[str, tuple[str, Case]] = {}
    for line in lines:
        if make is not None:
            case, given = _made(make, line, mistakes), True
        else:
            case, given = read_line(line, fields, mistakes, comma=comma)
        if case is None:
            continue
        if case.id in cases:
            mistakes.add(line.place, _twice(case, cases[case.id][0], given=given))
        else:
            cases[case.id] = (line.place, case)
    mistakes.check()
    if not cases:
        raise DesignError(f"{path} holds no cases; give at least one")
    return tuple(case for _, case in cases.values())


def write_cases(cases: Iterable[Case], path: str | Path) -> None:
    """Write cases to `.jsonl`, `.json` or `.csv`, so that `read_cases` gives them back.

    A file that is there is replaced, once the new one is whole; a report of an evaluation is not.

    Raises:
        DesignError: another suffix, a case whose data JSON cannot hold (or a CSV cell), or one
            without an input; or a report, or no file at all, is in the place.
    """
    suffix = _suffix(Path(path))
    place = checked(path, lambda begins: not is_rows(begins), "file of cases")
    records = [case_record(case) for case in cases]
    if suffix == ".csv":
        text = _csv(records)
    elif suffix == ".json":
        text = "[\n" + ",\n".join(dumped(record) for record in records) + "\n]\n"
    else:
        text = "".join(dumped(record) + "\n" for record in records)
    replaced(place, [text.encode()])


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DesignError(f"{path}: cases stand in {', '.join(SUFFIXES)}; name the file so")
    return suffix


def _lines(path: Path, mistakes: Mistakes) -> Iterator[Line]:
    suffix = _suffix(path)
    if suffix == ".csv":
        return csv_rows(path, mistakes)
    return json_list(path) if suffix == ".json" else json_lines(path, mistakes)


def _check_fields(fields: Mapping[str, str | None], lines: list[Line], source: str) -> None:
    for name in fields:
        if name not in FIELDS:
            raise DesignError(f"read_cases(fields={{{name!r}: ...}}): {unknown(name, FIELDS)}")
    records = [line.record for line in lines if isinstance(line.record, Mapping)]
    columns = dict.fromkeys(column for record in records for column in record)
    for name, column in fields.items():
        if column is not None and column not in columns and records:
            raise DesignError(
                f"{source} has no {column!r}, which fields= gives for {name!r}"
                f"{nearest(column, columns)}; it has {', '.join(columns)}"
            )


def _made(make: Make, line: Line, mistakes: Mistakes) -> Case | None:
    if not isinstance(line.record, Mapping):
        mistakes.add(line.place, f"{line.record!r:.60} is no object; give one")
        return None
    try:
        made = make(dict(line.record))
    except Exception as problem:  # noqa: BLE001 - a user's function may raise anything
        mistakes.add(line.place, f"make raised {type(problem).__name__}: {problem}")
        return None
    if made is not None and not isinstance(made, Case):
        mistakes.add(line.place, f"make returned {made!r:.60}; return a Case, or None")
        return None
    return made


def _twice(case: Case, first: str, *, given: bool) -> str:
    if given:
        return f"id {case.id!r} is taken by {first}; give each case its own"
    return f"the same input as {first}, {case.text!r:.60}, and no id; drop one, or give each an id"


def _csv(records: list[dict[str, Any]]) -> str:
    names = ["id", "input"]
    names += [name for name in FIELDS if name not in names and any(name in r for r in records)]
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(names)
    for record in records:
        try:
            writer.writerow([cell_of(name, record.get(name)) for name in names])
        except DesignError as problem:
            raise DesignError(f"case {record['id']!r} cannot be written: {problem}") from problem
    return file.getvalue()
