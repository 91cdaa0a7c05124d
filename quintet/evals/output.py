"""Write files in the place of our own, and of nothing else.

A place that is named by mistake (a source file, a folder, a device) must still hold afterwards what
it held before. So a path is looked at before anything runs, and a file is replaced only where it is
missing, empty, or of the kind that is to be written. The new one is written beside it and takes its
place when it is whole and on disk; a link stays a link, and the file that it leads to is replaced.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from quintet.errors import DesignError

Looks = Callable[[bytes], bool]
"""Whether a file that begins like this is of the kind that is to be written."""

BEGINNING = 65_536
"""Bytes of a file that are looked at."""

_ODD = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def checked(path: str | Path, looks: Looks, kind: str, *, shown: str = "") -> Path:
    """Return the path of the file itself, behind all links.

    Args:
        path: where to write.
        looks: whether what is there may be replaced.
        kind: a name for such a file, for the refusal.
        shown: the path as the refusal names it.

    Raises:
        DesignError: something else is there, or nothing can be written there; the path is named.
    """
    place, shown = Path(os.path.realpath(path)), shown or str(path)
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        mode = None
    except OSError as problem:
        raise DesignError(f"{shown} cannot be written: {problem.strerror}") from problem
    if mode is not None and not stat.S_ISREG(mode):
        odd = next((name for is_so, name in _ODD if is_so(mode)), "no file")
        raise DesignError(f"{shown} is {odd}: name a file in a folder that exists")
    if not place.parent.is_dir():
        raise DesignError(f"{shown} cannot be written: name a file in a folder that exists")
    if not _may(place.parent, os.W_OK | os.X_OK):
        raise DesignError(f"{shown} cannot be written: its folder is read-only; name another")
    if mode is not None:
        _check_file(shown, place, looks, kind)
    return place


def replaced(place: Path, parts: Iterable[bytes]) -> None:
    """Write a file beside, and put it in the place of the old one when it is whole and on disk.

    Args:
        place: as `checked` gave it.
        parts: of the new file.
    """
    new = place.with_name(f".quintet-{token_hex(8)}.new")
    try:
        with new.open("xb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            shutil.copymode(place, new)
        os.replace(new, place)
    finally:
        new.unlink(missing_ok=True)
    _settle(place.parent)


def beginning(place: Path) -> bytes:
    """Return the first bytes of a file; empty where there is none."""
    try:
        with place.open("rb") as file:
            return file.read(BEGINNING)
    except FileNotFoundError:
        return b""


def _may(place: Path, mode: int) -> bool:
    return os.access(place, mode, effective_ids=os.access in os.supports_effective_ids)


def _check_file(shown: str, place: Path, looks: Looks, kind: str) -> None:
    if not _may(place, os.R_OK | os.W_OK):
        raise DesignError(f"{shown} cannot be written: it is read-only; name another file")
    begins = beginning(place)
    if begins and not looks(begins):
        raise DesignError(
            f"{shown} exists and is no {kind}; it is left as it is: name another file, or move it "
            "out of the way"
        )


def _settle(folder: Path) -> None:
    """Have the new name on disk too, where the system knows how."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
