"""Write down what has really happened at receivers, in a file that outlives every process."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from quintet.errors import DesignError
from quintet.nodes.core.receiver import Deed
from quintet.state.record import plain
from quintet.state.verdict import is_async
from quintet.testing.crash.edges import Edges, effect_edge


@dataclass(frozen=True, kw_only=True)
class Happened:
    """Something that has happened at a receiver.

    Args:
        effect: the effect's name and key.
        receiver: the key by which the receiver knows a repeat; empty where it is given none.
        result: what the receiver gave.
    """

    effect: str
    receiver: str
    result: Any


class Book:
    """Keep what has happened, by thread.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, thread: str, effect: str, receiver: str = "", result: Any = None) -> None:
        """Note that an effect has happened."""
        line = json.dumps([thread, effect, receiver, result]) + "\n"
        # One write, so that lines of threads and processes stay whole.
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)

    def happened(self, thread: str) -> tuple[Happened, ...]:
        """Give what has happened for a thread, in order."""
        if not self._path.exists():
            return ()
        lines = map(json.loads, self._path.read_text("utf-8").splitlines())
        return tuple(
            Happened(effect=effect, receiver=receiver, result=result)
            for of, effect, receiver, result in lines
            if of == thread
        )

    def clear(self) -> None:
        """Begin a new page."""
        self._path.unlink(missing_ok=True)

    def counts(self, thread: str) -> Counter[str]:
        """Count by effect how often it happened; a repeat that its receiver knows counts once."""
        known: set[tuple[str, str]] = set()
        counts: Counter[str] = Counter()
        for deed in self.happened(thread):
            if deed.receiver and (deed.effect, deed.receiver) in known:
                continue
            known.add((deed.effect, deed.receiver))
            counts[deed.effect] += 1
        return counts

    def last(self, thread: str, effect: str) -> Happened | None:
        """Give the last time that an effect has happened for a thread, or None."""
        found = [deed for deed in self.happened(thread) if deed.effect == effect]
        return found[-1] if found else None

    def between(
        self, thread: str, edges: Edges, deed: Deed, function: Callable[..., Any]
    ) -> Callable[..., Any]:
        """Give a function that passes an edge around an effect's call, and notes that it happened.

        A call that raises counts as one that has not happened.
        """
        name = f"{deed.name}:{deed.key}"
        note = partial(self.note, thread, name, deed.receiver)

        def called(*args: Any, **options: Any) -> Any:
            with edges.edge(effect_edge(deed.name, deed.key)):
                result = function(*args, **options)
                note(_kept(result))
            return result

        async def awaited(*args: Any, **options: Any) -> Any:
            with edges.edge(effect_edge(deed.name, deed.key)):
                result = await function(*args, **options)
                note(_kept(result))
            return result

        return awaited if is_async(function) else called


def _kept(result: Any) -> Any:
    try:
        return plain(result)
    except DesignError:
        return f"{result!r:.200}"


def difference(got: Mapping[str, int], wanted: Mapping[str, int]) -> tuple[str, ...]:
    """Name what is there more often than wanted, once for each time too many."""
    return tuple(
        name for name in sorted(got) for _ in range(max(0, got[name] - wanted.get(name, 0)))
    )
