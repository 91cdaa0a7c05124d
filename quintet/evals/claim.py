"""Lock a file for one evaluation: two that write into it would lose each other's rows."""

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

# Something else may take the file's place meanwhile: follow no link, and do not wait at a pipe.
_CREATE = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class Claim:
    """Hold a lock on a file; a missing file is made.

    The system releases the lock when the process ends, however it ends.

    Raises:
        DesignError: another evaluation holds it.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self._made = not place.exists()
        self._number = _locked(place)

    def renew(self) -> None:
        """Lock the file that has replaced the one that was locked."""
        # The lock is on the open file, not on its name, so a replaced file is a new lock.
        before, self._number = self._number, _locked(self.place)
        _unlock(before)

    def close(self) -> None:
        """Release the lock; a file that was made for it and is still empty is removed."""
        with suppress(OSError):
            if self._made and not self.place.stat().st_size:
                self.place.unlink()
        _unlock(self._number)


@contextmanager
def claimed(place: Path) -> Iterator[Claim]:
    """Lock a file while the block runs.

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
        # Before we got the lock, another evaluation may have replaced the file.
        ours = _is_at(number, place)
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


def _is_at(number: int, place: Path) -> bool:
    """Tell whether an open file is still the one at this path."""
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
