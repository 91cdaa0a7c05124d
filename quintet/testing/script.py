"""A script: what is said in turn, or chosen by a function, and a record of each turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Lock
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel

from quintet.errors import DesignError

Asked = TypeVar("Asked")
Said = TypeVar("Said")

_NOTHING: Any = object()
_ONE = (str, bytes, Mapping, BaseModel, BaseException, type)


class ScriptExhausted(DesignError):
    """A script was asked once more than it has something to say."""


class Script(Generic[Asked, Said]):
    """Lines taken in order, each by one caller only, or a function that is asked each time.

    Args:
        source: an iterable of lines, taken as they are needed, or a function.
        turn: what one turn is called in messages.
        line: what one line is called in messages.
        check: raises where a line cannot be said; it sees a list's lines at once.

    Raises:
        DesignError: a single line, or something that is neither iterable nor callable.
    """

    def __init__(
        self,
        source: Iterable[Said] | Callable[[Any], Said],
        *,
        turn: str,
        line: str,
        check: Callable[[Said, int], None] | None = None,
    ) -> None:
        if isinstance(source, _ONE):
            raise DesignError(f"the script is a single {line}, {source!r:.80}: put it in a list")
        self.asked: list[Asked] = []
        self._turn, self._line, self._check = turn, line, check
        self._lock = Lock()
        self._choose: Callable[[Any], Said] | None = None
        self._lines: Iterator[Said] = iter(())
        self._length: int | None = None
        if callable(source):
            self._choose = source
        elif isinstance(source, list | tuple):
            lines = cast("tuple[Said, ...]", tuple(source))
            for number, said in enumerate(lines, start=1):
                self._checked(said, number)
            self._lines, self._length = iter(lines), len(lines)
        elif isinstance(source, Iterable):
            self._lines = iter(source)
        else:
            raise DesignError(
                f"{source!r:.80} is not a script: give a list of {line}s or a function"
            )

    def take(self, record: Asked, question: Any, where: str | None = None) -> Said:
        """Note what was asked, and say the next line.

        Args:
            record: kept in `asked`, also when nothing is left to say.
            question: what the function is given.
            where: who asks, for the message of the error.

        Raises:
            ScriptExhausted: nothing is left to say.
            DesignError: the line is of a kind that cannot be said.
        """
        with self._lock:
            self.asked.append(record)
            number = len(self.asked)
            said = _NOTHING if self._choose else next(self._lines, _NOTHING)
        if self._choose is not None:
            try:
                said = self._choose(question)
            except StopIteration:  # as from `lambda asked: next(lines)`
                said = _NOTHING
        if said is _NOTHING:
            place = f" ({where})" if where else ""
            raise ScriptExhausted(
                f"script exhausted at {self._turn} {number}{place}: "
                f"add {_article(self._line)} or pass a function"
            )
        return said if self._length is not None else self._checked(said, number)

    def _checked(self, said: Said, number: int) -> Said:
        if self._check is not None:
            self._check(said, number)
        return said

    def __str__(self) -> str:
        turns = len(self.asked)
        if self._choose is not None:
            return f"function, {self._turn}s: {turns}"
        if self._length is None:
            return f"{self._turn}s: {turns}"
        return f"{min(turns, self._length)} of {self._length} taken"


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
