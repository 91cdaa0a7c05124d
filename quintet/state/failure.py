"""The record of a failure: typed, plain, and still typed after a resume."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from quintet.errors import DesignError, QuintetError
from quintet.state.record import plain, read

FailureClass = Literal[
    "transient",
    "rate_limit",
    "timeout",
    "invalid",
    "contract",
    "denied",
    "permanent",
    "unknown",
]
FAILURE_CLASSES: tuple[FailureClass, ...] = get_args(FailureClass)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What failed, where, of which class, and at which attempt.

    Args:
        node: the node that failed.
        kind: the failure class; one of `FAILURE_CLASSES`.
        error: the exception's type name.
        message: the exception in words, at most 500 characters; see `in_words`.
        step: the plan step that it served, if any.
        attempts: how many attempts were made, the first included.
        at: seconds since the epoch.

    Raises:
        DesignError: an unknown failure class.
    """

    node: str
    kind: FailureClass
    error: str
    message: str
    step: str = ""
    attempts: int = 1
    at: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        if self.kind not in FAILURE_CLASSES:
            raise DesignError(
                f"Failure(kind={self.kind!r}): give one of {', '.join(FAILURE_CLASSES)}"
            )
        if not self.message.strip():
            object.__setattr__(self, "message", self.error)

    def __str__(self) -> str:
        times = "" if self.attempts == 1 else f" after {self.attempts} attempts"
        named = self.message.startswith(self.error)
        said = self.message if named else f"{self.error}: {self.message}"
        return f"{self.node}: {self.kind}{times}: {said}"


def first_of(problem: BaseException) -> BaseException:
    """Give the first exception of a group, as of an `asyncio.TaskGroup`; any other as it is."""
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    return problem


def in_words(problem: BaseException) -> str:
    """Say what an exception is: its text, after its type's name where the type is not ours.

    `'tariff'` alone would not tell that a key is missing. Of a group, the first of its parts.
    """
    problem = first_of(problem)
    text = " ".join(str(problem).split())
    if isinstance(problem, QuintetError):
        return text[:500] or type(problem).__name__
    return f"{type(problem).__name__}: {text}"[:500] if text else type(problem).__name__


class StepFailed(QuintetError, RuntimeError):
    """A step's failure, with its record and the state updates that must not be lost.

    LangGraph hands an error handler the exception itself, but after a resume only its `repr`;
    this one's `repr` is its record as JSON, so `StepFailed.parse` gets it back whole.

    Attributes:
        failure: the typed record; the exception that caused it is `__cause__`.
        update: what the failed step had spent and done, as a state update.
    """

    def __init__(self, failure: Failure, update: Mapping[str, Any] | None = None) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.update = dict(update or {})

    def __repr__(self) -> str:
        record = {"failure": plain(self.failure), "update": plain(self.update)}
        return f"StepFailed({json.dumps(record)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.failure, self.update)

    @classmethod
    def parse(cls, text: str) -> StepFailed | None:
        """Read the `repr` of a `StepFailed` back; None for any other text."""
        if not (text.startswith("StepFailed({") and text.endswith(")")):
            return None
        try:
            record = json.loads(text[len("StepFailed(") : -1])
            return cls(read(Failure, record["failure"]), record["update"])
        except (ValueError, KeyError, TypeError):
            return None
