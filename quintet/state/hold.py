"""Hold a thread while somebody moves it: one at a time, until the process ends at the latest."""

from __future__ import annotations

import os
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from quintet.errors import ThreadHeld

try:
    import fcntl
except ImportError:  # Windows: only this process is seen
    fcntl = None  # type: ignore[assignment]


class Holds:
    """Hold threads by name within this process; subclasses hold them for other processes too."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, thread: str) -> Iterator[None]:
        """Hold a thread while something moves it.

        Raises:
            ThreadHeld: somebody else moves it now.
        """
        with self._lock:
            if thread in self._held:
                raise held_by(thread, "somebody else in this process")
            self._held.add(thread)
        try:
            with self._for_others(thread):
                yield
        finally:
            with self._lock:
                self._held.discard(thread)

    @contextmanager
    def _for_others(self, thread: str) -> Iterator[None]:
        """Hold a thread for other processes too; here it is held for none."""
        yield

    def close(self) -> None:
        """Release what the holds need; here that is nothing."""


class FileHolds(Holds):
    """Hold threads for other processes too, by locks on a file beside a SQLite database.

    A thread's lock is one byte of the file, chosen by its name. The operating system frees it when
    the process ends.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = f"{path}.lock"
        self._file: int | None = None

    @contextmanager
    def _for_others(self, thread: str) -> Iterator[None]:
        if fcntl is None:
            yield
            return
        with self._lock:
            if self._file is None:
                # Never closed: closing a file gives back all locks that the process has on it.
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        # Seven bytes, since an offset is a signed number of 64 bits. Nothing is written there.
        offset = int.from_bytes(sha256(thread.encode(errors="surrogatepass")).digest()[:7], "big")
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
        except OSError as problem:
            raise held_by(thread, _holder(self._file, offset)) from problem
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, offset)


# The system's record of a lock: its kind, where it begins and ends, and whose it is. The order
# of the fields is the platform's.
_LOCK, _PID = ("@qqihh", 2) if sys.platform == "darwin" else ("@hhqqi", 4)


def _holder(file: int, offset: int) -> str:
    """Say which process holds a byte of a file."""
    kind = (fcntl.F_WRLCK, os.SEEK_SET)
    asked = (offset, 1, 0, *kind) if sys.platform == "darwin" else (*kind, offset, 1, 0)
    try:
        found = fcntl.fcntl(file, fcntl.F_GETLK, struct.pack(_LOCK, *asked))
        pid = struct.unpack(_LOCK, found)[_PID]
    except (OSError, struct.error):
        return "another process"
    return f"another process (pid {pid} on this host)" if pid else "another process"


_by_file: dict[str, FileHolds] = {}
_by_file_lock = threading.Lock()


def holds_beside(path: str) -> FileHolds:
    """Give the holds of a database file, the same for all that have it open in this process."""
    # The system knows one owner of a file's locks, the process: two objects would not see each
    # other's.
    real = os.path.realpath(path)
    with _by_file_lock:
        return _by_file.setdefault(real, FileHolds(real))


class HeldElsewhere(ThreadHeld):
    """Raised when another process moves a thread now."""


def held_by(thread: str, who: str) -> ThreadHeld:
    """Give the error that refuses a thread which somebody holds."""
    kind = ThreadHeld if who.endswith("in this process") else HeldElsewhere
    return kind(
        f"thread {thread!r} is being moved by {who}: two at once would do everything twice; try "
        "again when they are done, or use another thread"
    )
