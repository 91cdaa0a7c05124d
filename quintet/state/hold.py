"""Who moves a thread now: one at a time, and the hold ends with the process."""

from __future__ import annotations

import os
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
    """Holds on threads by name, seen by this process. Subclasses let others see them too."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, thread: str) -> Iterator[None]:
        """Hold a thread while something moves it.

        Raises:
            ThreadHeld: somebody else does.
        """
        with self._lock:
            if thread in self._held:
                raise held_by(thread, "somebody else in this process")
            self._held.add(thread)
        try:
            with self._outside(thread):
                yield
        finally:
            with self._lock:
                self._held.discard(thread)

    @contextmanager
    def _outside(self, thread: str) -> Iterator[None]:
        yield


class FileHolds(Holds):
    """Holds that other processes see, by locks on a file beside a SQLite database.

    A thread's lock is one byte of the file, chosen by its name. The system gives it back when the
    process ends.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = f"{path}.lock"
        self._file: int | None = None

    @contextmanager
    def _outside(self, thread: str) -> Iterator[None]:
        if fcntl is None:
            yield
            return
        with self._lock:
            if self._file is None:
                # Never closed: closing a file gives back all locks that the process has on it.
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        place = int.from_bytes(sha256(thread.encode(errors="surrogatepass")).digest()[:7], "big")
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError as problem:
            raise held_by(thread, "another process") from problem
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)


_by_file: dict[str, FileHolds] = {}
_by_file_lock = threading.Lock()


def holds_beside(path: str) -> FileHolds:
    """Give the holds of a database file, the same for all that have it open in this process."""
    real = os.path.realpath(path)
    with _by_file_lock:
        return _by_file.setdefault(real, FileHolds(real))


def held_by(thread: str, who: str) -> ThreadHeld:
    """Give the refusal of a thread that somebody holds."""
    return ThreadHeld(
        f"thread {thread!r} is being moved by {who}: two at once would do everything twice; try "
        "again when they are done, or use another thread"
    )
