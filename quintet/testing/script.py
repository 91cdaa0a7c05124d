"""Follow a script: lines in order or a function that chooses them, with a record of each turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Lock
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel

from quintet.errors import DesignError

Record = TypeVar("Record")
Line = TypeVar("Line")

_NOTHING: Any = object()  # None may be a line
# Single lines, though some are iterable or callable: nobody means a script of letters.
_SINGLE = (str, bytes, Mapping, BaseModel, BaseException, type)


class ScriptExhausted(DesignError):
    """Raised when a script is asked once more than it has lines."""


class Script(Generic[Record, Line]):
    """Give out lines in order, each to one caller only, or ask a function each time.

    Args:
        source: an iterable of lines, taken as they are needed, or a function.
        turn: the word for one turn in error messages.
        line: the word for one line in error messages.
        check: gets a line and its number, and raises if it cannot be said; the lines of a list
            are checked at once.

    Raises:
        DesignError: a single line, or something that is neither iterable nor callable.
    """

    def __init__(
        self,
        source: Iterable[Line] | Callable[[Any], Line],
        *,
        turn: str,
        line: str,
        check: Callable[[Line, int], None] | None = None,
    ) -> None:
        if isinstance(source, _SINGLE):
            raise DesignError(f"the script is a single {line}, {source!r:.80}: put it in a list")
        self.asked: list[Record] = []
        self._turn, self._line, self._check = turn, line, check
        self._lock = Lock()  # branches of a graph ask in threads
        self._choose: Callable[[Any], Line] | None = None
        self._lines: Iterator[Line] = iter(())
        self._length: int | None = None
        if callable(source):
            self._choose = source
        elif isinstance(source, list | tuple):
            lines = cast("tuple[Line, ...]", tuple(source))
            for number, reply in enumerate(lines, start=1):
                self._checked(reply, number)
            self._lines, self._length = iter(lines), len(lines)
        elif isinstance(source, Iterable):
            self._lines = iter(source)
        else:
            raise DesignError(
                f"{source!r:.80} is not a script: give a list of {line}s or a function"
            )

    def take(self, record: Record, question: Any, where: str | None = None) -> Line:
        """Record a question, and return the next line.

        Args:
            record: the entry for `asked`, which is kept even if no line is left.
            question: the argument for the function.
            where: who asks, for the error message.

        Raises:
            ScriptExhausted: no line is left.
            DesignError: the line is of a kind that cannot be said.
        """
        with self._lock:
            self.asked.append(record)
            number = len(self.asked)
            reply = _NOTHING if self._choose else next(self._lines, _NOTHING)
        # Outside of the lock: the function may take long, or ask this script itself.
        if self._choose is not None:
            try:
                reply = self._choose(question)
            except StopIteration:  # as from `lambda asked: next(lines)`
                reply = _NOTHING
        if reply is _NOTHING:
            place = f" ({where})" if where else ""
            raise ScriptExhausted(
                f"script exhausted at {self._turn} {number}{place}: "
                f"add {_article(self._line)} or pass a function"
            )
        # The lines of a list were checked at once.
        return reply if self._length is not None else self._checked(reply, number)

    def _checked(self, reply: Line, number: int) -> Line:
        if self._check is not None:
            self._check(reply, number)
        return reply

    def __str__(self) -> str:
        turns = len(self.asked)
        if self._choose is not None:
            return f"function, {self._turn}s: {turns}"
        if self._length is None:
            return f"{self._turn}s: {turns}"
        return f"{min(turns, self._length)} of {self._length} taken"


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
