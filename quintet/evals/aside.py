"""Keep an earlier file under a number of its own, so that no later file replaces it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path


def kept_aside(place: Path) -> Path:
    """Give a file a second name that nothing has, such as `rows.3.jsonl` for `rows.jsonl`.

    Numbers rise: `rows.1.jsonl` is the oldest. The first name stays too, until a new file replaces
    it, so the file is there at every moment.

    Returns:
        The second name.
    """
    pattern = re.compile(rf"{re.escape(place.stem)}\.(\d{{1,3}}){re.escape(place.suffix)}")
    matches = [pattern.fullmatch(name) for name in os.listdir(place.parent)]
    number = 1 + max((int(match[1]) for match in matches if match), default=0)
    while not _link(place, other := place.with_name(f"{place.stem}.{number}{place.suffix}")):
        number += 1  # made a moment ago by somebody else
    return other


def _link(place: Path, other: Path) -> bool:
    """Make a hard link, or a copy where there are none; tell whether the name was free."""
    try:
        os.link(place, other)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        return _copy(place, other)
    return True


def _copy(place: Path, other: Path) -> bool:
    try:
        new = other.open("xb")  # fails where the name is taken, as a link does
    except FileExistsError:
        return False
    with new, place.open("rb") as old:
        shutil.copyfileobj(old, new)
        new.flush()
        os.fsync(new.fileno())
    return True
