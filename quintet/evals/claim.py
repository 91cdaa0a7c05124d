"""Hold a file for one evaluation: two that wrote into one would lose each other's rows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from quintet.errors import DesignError

try:
    import fcntl
except ImportError:  # Windows, which refuses by itself to replace a file that is open
    fcntl = None  # type: ignore[assignment]

_CREATE = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class Claim:
    """The right to write a file; a file that is missing is made for it.

    The system takes it back when the process ends, however that may be.

    Raises:
        DesignError: another evaluation holds it.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self._made = not place.exists()
        self._number = _locked(place)

    def renew(self) -> None:
        """Claim the file that has taken the place of the one claimed before."""
        before, self._number = self._number, _locked(self.place)
        _unlock(before)

    def close(self) -> None:
        """Give it up; a file that was made for it and got nothing is taken away."""
        with suppress(OSError):
            if self._made and not self.place.stat().st_size:
                self.place.unlink()
        _unlock(self._number)


@contextmanager
def claimed(place: Path) -> Iterator[Claim]:
    """Hold a file while the block runs.

    Raises:
        DesignError: another evaluation holds it.
    """
    claim = Claim(place)
    try:
        yield claim
    finally:
        claim.close()


def _locked(place: Path) -> int | None:
    if fcntl is None:
        return None
    number = os.open(place, _CREATE, 0o666)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ours = _is_still(number, place)
    except BlockingIOError:
        ours = False
    except OSError:  # a file system without locks
        ours = True
    if not ours:
        os.close(number)
        raise DesignError(
            f"{place} is being written by another evaluation: wait for its end, or name another "
            "file"
        )
    return number


def _is_still(number: int, place: Path) -> bool:
    """Tell whether an open file still stands there: another may have taken its place."""
    try:
        return os.path.samestat(os.fstat(number), place.stat())
    except FileNotFoundError:
        return False


def _unlock(number: int | None) -> None:
    if fcntl is None or number is None:
        return
    with suppress(OSError):
        fcntl.flock(number, fcntl.LOCK_UN)  # also for what a child process has inherited
    os.close(number)
