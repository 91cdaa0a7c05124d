"""Decide whether rows of a file may stand beside those of an evaluation that goes on from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from quintet.errors import DesignError
from quintet.evals.reading.rows import Header
from quintet.evals.row import Row
from quintet.evals.suite import Suite


def continued(
    place: object, began: Header, header: Header, rows: Sequence[Row], suite: Suite
) -> Header:
    """Return the header of an evaluation that goes on; its notes say what the rows differ in.

    Args:
        place: the file.
        began: its header.
        header: that of the evaluation as it is now.
        rows: the rows in the file.
        suite: the suite as it is now.

    Raises:
        DesignError: the rows are of other cases, of another target, or not scored by one of the
            suite's own metrics.
    """
    if began.fingerprint != header.fingerprint:
        raise DesignError(
            f"{place} holds rows of other cases (suite {began.suite!r}, "
            f"{began.fingerprint}; these are {suite.name!r}, {header.fingerprint}); give "
            "another file, or remove it"
        )
    notes: list[str] = []
    if rows:
        _check_target(place, began, header)
        _check_metrics(place, began, header, rows)
        notes = [*began.settings.get("notes", ()), *_differences(began, header, len(rows))]
    settings = {**header.settings, "notes": list(dict.fromkeys(notes))}
    return replace(header, began=began.began, settings=settings)


def _check_target(place: object, began: Header, header: Header) -> None:
    before, now = began.settings.get("target"), header.settings["target"]
    if before is not None and before["name"] != now["name"]:
        raise DesignError(
            f"{place} holds rows of another target, {before['name']}; this one is {now['name']}: "
            "give another file, or remove it"
        )


def _check_metrics(place: object, began: Header, header: Header, rows: Sequence[Row]) -> None:
    known = began.settings.get("metrics")
    if known is None:  # a file that does not say it
        known = {name for row in rows for name in (*row.scores, *row.errors)}
    if lacking := [name for name in header.settings["metrics"] if name not in known]:
        raise DesignError(
            f"{place} holds {len(rows)} rows that were never scored by {', '.join(lacking)}: "
            "leave the metric out, or give another file"
        )


def _differences(began: Header, header: Header, number: int) -> Iterator[str]:
    before, now = began.settings.get("target"), header.settings["target"]
    if before is None:
        yield f"the file does not say which target {number} earlier rows are of"
    elif before["digest"] != now["digest"]:
        yield (
            f"{number} rows were made before the target's code or settings changed: the figures "
            "mix both"
        )
    limit = header.settings["limit"]
    if began.settings.get("limit", limit) != limit:
        yield f"{number} rows were made under another limit: a run that it gave up stays wrong"
    known = began.settings.get("metrics") or {}
    changed = [
        name
        for name, content in header.settings["metrics"].items()
        if known.get(name, content) != content
    ]
    if changed:
        yield f"{number} rows were scored before {', '.join(changed)} changed: the figures mix both"
