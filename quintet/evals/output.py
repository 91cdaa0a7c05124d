"""Replace files that we have written, and no others.

A path given by mistake (a source file, a folder, a device) must hold the same afterwards. So a path
is checked before anything runs, and a file is replaced only where it is missing, empty, or of the
kind to be written. The new file is written beside the old one and renamed over it when it is whole
and on disk. A link stays a link, and the file that it leads to is replaced.
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
from quintet.evals.items import path_in

Looks = Callable[[bytes], bool]
"""Says whether a file that begins with these bytes is of the kind to be written."""

BEGINNING = 65_536
"""Bytes from the start of a file that are looked at."""

_ODD = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def checked(path: str | Path, looks: Looks, kind: str, *, shown: str = "") -> Path:
    """Check that a file may be written at a path, and return the path behind all links.

    Args:
        path: where to write.
        looks: says by a file's first bytes whether it may be replaced.
        kind: the name of such a file, for the error.
        shown: the path, for the error.

    Raises:
        DesignError: something else is there, or nothing can be written there; it names the path.
    """
    shown, path = shown or str(path), path_in(path)
    place = Path(os.path.realpath(path))
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
    # A file is replaced by a rename, for which the folder must be writable.
    if not _is_allowed(place.parent, os.W_OK | os.X_OK):
        raise DesignError(f"{shown} cannot be written: its folder is read-only; name another")
    if mode is not None:
        _check_file(shown, place, looks, kind)
    return place


def replaced(place: Path, parts: Iterable[bytes]) -> None:
    """Write a new file beside the old one, and rename it over that when it is whole and on disk.

    Args:
        place: the path that `checked` returned.
        parts: the content of the new file.
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
    _sync(place.parent)


def beginning(place: Path) -> bytes:
    """Return the first bytes of a file; empty where there is none."""
    try:
        with place.open("rb") as file:
            return file.read(BEGINNING)
    except FileNotFoundError:
        return b""


def _is_allowed(place: Path, mode: int) -> bool:
    # By the effective user, who is the one that opens files.
    return os.access(place, mode, effective_ids=os.access in os.supports_effective_ids)


def _check_file(shown: str, place: Path, looks: Looks, kind: str) -> None:
    if not _is_allowed(place, os.R_OK | os.W_OK):
        raise DesignError(f"{shown} cannot be written: it is read-only; name another file")
    start = beginning(place)
    if start and not looks(start):
        raise DesignError(
            f"{shown} exists and is no {kind}; it is left as it is: name another file, or move it "
            "out of the way"
        )


def _sync(folder: Path) -> None:
    """Write a folder's names to disk, so that a rename survives a crash."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
