"""Keep an earlier file under a number of its own, so that no later one takes its place."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path


def kept_aside(place: Path) -> Path:
    """Give a file a second name that nothing has, such as `rows.3.jsonl` for `rows.jsonl`.

    Numbers rise: `rows.1.jsonl` is the oldest. The first name goes on standing for the file until
    another takes its place, so that there is no moment without it.

    Returns:
        The second name.
    """
    pattern = re.compile(rf"{re.escape(place.stem)}\.(\d{{1,3}}){re.escape(place.suffix)}")
    found = [pattern.fullmatch(name) for name in os.listdir(place.parent)]
    last = max((int(match[1]) for match in found if match), default=0)
    number = last + 1
    while not _named(place, other := place.with_name(f"{place.stem}.{number}{place.suffix}")):
        number += 1  # made a moment ago by somebody else
    return other


def _named(place: Path, other: Path) -> bool:
    """Make a hard link, or a copy where there are none; tell whether the name was free."""
    try:
        os.link(place, other)
    except FileExistsError:
        return False
    except OSError:
        return _copied(place, other)
    return True


def _copied(place: Path, other: Path) -> bool:
    try:
        new = other.open("xb")
    except FileExistsError:
        return False
    with new, place.open("rb") as old:
        shutil.copyfileobj(old, new)
        new.flush()
        os.fsync(new.fileno())
    return True
