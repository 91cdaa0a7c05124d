"""Name each edge that a run passes, and end the run just before or after one of them.

An edge is a call that changes what outlives the process: a checkpoint, a task's writes, an entry of
the journal, an effect at its receiver.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, NoReturn

from quintet.nodes.core.task import current_task

# Ids that a run draws anew are left out of a name, so that two runs name their edges alike.
_DRAWN = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4,})*")
_SEVERAL = re.compile(r"\*+(?:[:~]\*+)*")


class Crash(BaseException):
    """Raised at an edge in place of the end of the process; it unwinds everything."""


@dataclass(frozen=True, kw_only=True, order=True)
class Point:
    """A point at which a process ends.

    Args:
        edge: the name of the edge.
        number: which passing of that edge, from 1.
        after: whether it ends after the call; else before it.
    """

    edge: str
    number: int = 1
    after: bool = False

    def __str__(self) -> str:
        again = f" ({self.number})" if self.number > 1 else ""
        return f"{'after' if self.after else 'before'} {self.edge}{again}"


class Edges:
    """Note the edges that one process passes, and end it at a point.

    Args:
        end: the point; None to go through.
        die: ends the process, and does not return.
    """

    def __init__(self, end: Point | None, die: Callable[[], NoReturn]) -> None:
        self._end, self._die = end, die
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self.passed: list[Point] = []
        self.dead = False

    @contextmanager
    def edge(self, name: str) -> Iterator[None]:
        """Pass an edge: the call is made inside of this."""
        self.check()
        with self._lock:
            self._counts[name] += 1
            number = self._counts[name]
            self.passed.append(Point(edge=name, number=number))
        self._reach(Point(edge=name, number=number))
        yield
        self._reach(Point(edge=name, number=number, after=True))

    def check(self) -> None:
        """Stop here where the process has ended: other threads of it may run on for a moment.

        Raises:
            Crash: it has ended.
        """
        if self.dead:
            raise Crash

    def _reach(self, point: Point) -> None:
        if point == self._end:
            self.dead = True
            self._die()

    def watch(self, saver: Any) -> None:
        """Pass an edge at each call by which a saver, or its journal, writes."""
        self._watch(saver, "put", _checkpoint)
        self._watch(saver, "put_writes", _writes)
        journal = getattr(saver, "journal", None)
        if journal is not None:
            self._watch(journal, "append", _entry)
            for name, words in (
                ("open", "listing of a question"),
                ("close", "closing of questions"),
                ("forget", "deletion from the journal"),
            ):
                self._watch(journal, name, partial(_named, words))

    def _watch(
        self,
        thing: Any,
        method: str,
        name: Callable[[tuple[Any, ...], Mapping[str, Any]], str],
    ) -> None:
        call = getattr(thing, method)

        @wraps(call)
        def watched(*args: Any, **options: Any) -> Any:
            self.check()
            with self.edge(name(args, options)):
                return call(*args, **options)

        # On this one object: others of its class are not this run's.
        setattr(thing, method, watched)


def _named(words: str, _args: tuple[Any, ...], _options: Mapping[str, Any]) -> str:
    return words + _where()


def _checkpoint(args: tuple[Any, ...], _options: Mapping[str, Any]) -> str:
    config, _, metadata, *_ = args
    space = _space(config)
    return f"checkpoint {metadata.get('step')}{f' of {space}' if space else ''}"


def _writes(args: tuple[Any, ...], options: Mapping[str, Any]) -> str:
    config, writes, *rest = args
    path = str(rest[1]) if len(rest) > 1 else str(options.get("task_path", ""))
    channels = {channel for channel, _ in writes}
    sort = "question" if "__interrupt__" in channels else "writes"
    sort = "error" if "__error__" in channels else sort
    sort = "answer" if channels == {"__resume__"} else sort
    node = path.rpartition(", ")[2] if "pull" in path else ""
    inner = "/".join(part for part in (_space(config), node) if part)
    return f"{sort} of {inner or 'a sent task'}"


def _space(config: Mapping[str, Any]) -> str:
    space = str(config["configurable"].get("checkpoint_ns", ""))
    return "/".join(part.partition(":")[0] for part in space.split("|")) if space else ""


_KINDS = {"claimed": "claim", "done": "settle", "released": "release", "unknown": "doubt"}


def _entry(args: tuple[Any, ...], _options: Mapping[str, Any]) -> str:
    _, subject, kind, *_ = (*args, "", "", "")
    subject = _SEVERAL.sub("*", _DRAWN.sub("*", str(subject)))
    return f"{_KINDS.get(kind, kind)} of {subject}{_where()}"


def effect_edge(name: str, key: str) -> str:
    """Name the edge of an effect's call."""
    return f"call of effect {name}:{key}{_where()}"


def _where() -> str:
    path = current_task("").path
    return f" in {path}" if path else ""
