"""Read and write files of cases: JSON lines, a JSON list, or CSV; read YAML."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.items import items_in, nearest, path_in, unknown
from quintet.evals.output import checked, replaced
from quintet.evals.reading.cells import cell_of
from quintet.evals.reading.lines import (
    Line,
    Mistakes,
    csv_rows,
    encoded_lines,
    json_lines,
    json_list,
    json_text,
)
from quintet.evals.reading.records import FIELDS, case_record, read_line
from quintet.evals.reading.rows import is_rows
from quintet.evals.reading.yamls import yaml_list

SUFFIXES = (".jsonl", ".json", ".csv")
YAML = (".yaml", ".yml")

Make = Callable[[dict[str, Any]], Case | None]


def read_cases(
    path: str | Path,
    *,
    fields: Mapping[str, str | None] | Sequence[str | None] | None = None,
    make: Make | None = None,
) -> tuple[Case, ...]:
    """Read cases from `.jsonl` (one object a line), `.json` or `.yaml` (one list), or `.csv`.

    The list of a JSON or YAML file may stand under any key of an object. The fields are those of
    `Case`; where none is called `input`, `message` or `text` is the input.
    In CSV, the items of a list are separated by `|`, flags are true, false, yes, no or empty, and a
    cell of `input`, `state`, `calls` or `answer` may hold JSON.

    Args:
        path: the file.
        fields: the file's names for fields of `Case`, as in
            `{"input": "message", "route": "label"}`; a field given as None is not read. With
            `fields`, other names in the file are ignored; without it they are mistakes. A sequence
            of names is for a CSV file whose first line does not name its columns: the fields in
            their order, as in `("input", "route")`, with None for a column that is not read.
        make: in place of `fields`, a function of one record (for CSV a dict of texts by column)
            that returns its `Case`, or None to leave it out.

    Returns:
        The cases in the order of the file.

    Raises:
        DesignError: the file's mistakes, all in one, each with its line, field and value.
    """
    if make is not None and isinstance(fields, Mapping):
        raise DesignError("read_cases(fields=..., make=...): give one of them")
    mistakes = Mistakes(source=str(path))
    comma = path_in(path).suffix.lower() == ".csv"
    columns = _columns(fields, comma=comma)
    lines = list(_lines(path_in(path), mistakes, columns))
    if columns:
        _check_no_header(lines, columns, str(path))
        fields = {name: name for name in columns if name in FIELDS}
    if make is None and isinstance(fields, Mapping):
        _check_fields(fields, lines, str(path))
    cases = collected(
        lines,
        mistakes,
        fields=fields if isinstance(fields, Mapping) else None,
        make=make,
        comma=comma,
    )
    mistakes.check()
    if not cases:
        raise DesignError(f"{path} holds no cases; give at least one")
    return cases


def collected(
    lines: Iterable[Line],
    mistakes: Mistakes,
    *,
    fields: Mapping[str, str | None] | None = None,
    make: Make | None = None,
    comma: bool = False,
) -> tuple[Case, ...]:
    """Make the cases of records, and note the mistakes in them, equal ids included."""
    cases: dict[str, tuple[str, Case]] = {}
    for line in lines:
        if make is not None:
            case, has_id = _make_case(make, line, mistakes), True
        else:
            case, has_id = read_line(line, fields, mistakes, comma=comma)
        if case is None:
            continue
        if case.id in cases:
            mistakes.add(line.place, _repeated(case, cases[case.id][0], has_id=has_id))
        else:
            cases[case.id] = (line.place, case)
    return tuple(case for _, case in cases.values())


def write_cases(cases: Iterable[Case], path: str | Path) -> None:
    """Write cases to `.jsonl`, `.json` or `.csv`, so that `read_cases` gives them back.

    An earlier file is replaced once the new one is whole; the report of an evaluation is refused.

    Raises:
        DesignError: another suffix; a case without an input, or with data that JSON or a CSV cell
            cannot hold; or the path leads to a report, or to something that is no file.
    """
    suffix = _suffix(path_in(path))
    place = checked(path, lambda begins: not is_rows(begins), "file of cases")
    records = [case_record(case) for case in items_in(cases, "write_cases(...)", Case)]
    if suffix == ".jsonl":
        replaced(place, encoded_lines(records))
    elif suffix == ".json":
        text = ",\n".join(json_text(record) for record in records)
        replaced(place, [f"[\n{text}\n]\n".encode()])
    else:
        replaced(place, [_csv_text(records).encode()])


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DesignError(f"{path}: cases stand in {', '.join(SUFFIXES)}; name the file so")
    return suffix


def _lines(path: Path, mistakes: Mistakes, columns: Sequence[str]) -> Iterator[Line]:
    if path.suffix.lower() in YAML:
        return yaml_list(path)
    suffix = _suffix(path)
    if suffix == ".csv":
        return csv_rows(path, mistakes, names=columns)
    return json_list(path) if suffix == ".json" else json_lines(path, mistakes)


def _columns(fields: Any, *, comma: bool) -> tuple[str, ...]:
    """Name the columns of a CSV file that does not; empty where its first line names them.

    Raises:
        DesignError: names that are none, or for a file of another kind.
    """
    if fields is None or isinstance(fields, Mapping):
        return ()
    if isinstance(fields, str) or not isinstance(fields, Sequence):
        raise DesignError(f"read_cases(fields={fields!r:.60}): give a mapping, or a list of names")
    if not comma:
        raise DesignError(
            f"read_cases(fields={fields!r:.60}): names in order are for CSV; give a mapping"
        )
    if odd := [name for name in fields if name is not None and name not in FIELDS]:
        raise DesignError(f"read_cases(fields={fields!r:.60}): {unknown(odd[0], FIELDS)}")
    named = [name for name in fields if name is not None]
    if len(set(named)) < len(named):
        raise DesignError(f"read_cases(fields={fields!r:.60}): a name stands twice; drop one")
    return tuple(f"column {n}" if name is None else name for n, name in enumerate(fields, 1))


def _check_no_header(lines: list[Line], columns: Sequence[str], source: str) -> None:
    """Refuse a first line that names the columns after all: it would be read as a case."""
    first = [str(cell).strip().casefold() for cell in lines[0].record.values()] if lines else []
    if first and all(cell in FIELDS for cell in first if cell):
        raise DesignError(
            f"{source}, line 1 names its columns ({', '.join(first)}), and so does "
            f"fields={tuple(columns)}; give fields as a mapping, or leave it out"
        )


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


def _make_case(make: Make, line: Line, mistakes: Mistakes) -> Case | None:
    if not isinstance(line.record, Mapping):
        mistakes.add(line.place, f"{line.record!r:.60} is no object; give one")
        return None
    try:
        case = make(dict(line.record))
    except Exception as problem:  # noqa: BLE001 - a user's function may raise anything
        mistakes.add(line.place, f"make raised {type(problem).__name__}: {problem}")
        return None
    if case is not None and not isinstance(case, Case):
        mistakes.add(line.place, f"make returned {case!r:.60}; return a Case, or None")
        return None
    return case


def _repeated(case: Case, first: str, *, has_id: bool) -> str:
    if has_id:
        return f"id {case.id!r} is taken by {first}; give each case its own"
    return f"the same input as {first}, {case.text!r:.60}, and no id; drop one, or give each an id"


def _csv_text(records: list[dict[str, Any]]) -> str:
    names = ["id", "input"]
    names += [name for name in FIELDS if name not in names and any(name in r for r in records)]
    # newline="" as the csv module asks, or line ends within cells would change.
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(names)
    for record in records:
        try:
            writer.writerow([cell_of(name, record.get(name)) for name in names])
        except DesignError as problem:
            raise DesignError(f"case {record['id']!r} cannot be written: {problem}") from problem
    return file.getvalue()
