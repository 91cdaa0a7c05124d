"""Keep an earlier file under a number of its own, so that no later one takes its place."""

from __future__ import annotations

import os
import re
import shutil
from itertools import count
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
    for number in count(last + 1):
        other = place.with_name(f"{place.stem}.{number}{place.suffix}")
        try:
            _name(place, other)
        except FileExistsError:  # made a moment ago by somebody else
            continue
        return other
    raise AssertionError("count() does not end")


def _name(place: Path, other: Path) -> None:
    """Make a hard link, or a copy where the file system has none; never over anything."""
    try:
        os.link(place, other)
    except FileExistsError:
        raise
    except OSError:
        with place.open("rb") as old, other.open("xb") as new:
            shutil.copyfileobj(old, new)
            new.flush()
            os.fsync(new.fileno())
