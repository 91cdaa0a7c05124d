"""Record failures: typed, as plain data, and still typed after a resume."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from quintet.errors import DesignError, QuintetError
from quintet.state.clock import now
from quintet.state.record import plain, read
from quintet.state.redact import redacted

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
    """One failure: its node, class, error and number of attempts.

    Args:
        node: the node that failed.
        kind: the failure class; one of `FAILURE_CLASSES`.
        error: the exception's type name.
        message: the exception in words, at most 500 characters; see `in_words`.
        step: the plan step that the node worked on, if any.
        attempts: the number of attempts, the first included.
        at: seconds since the epoch.
        causes: the failures that led to this one, the nearest first: those of nested nodes and
            steps, and the exceptions that it was raised from; at most eight.

    Raises:
        DesignError: an unknown failure class.
    """

    node: str
    kind: FailureClass
    error: str
    message: str
    step: str = ""
    attempts: int = 1
    at: float = field(default_factory=now)
    causes: tuple[Failure, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in FAILURE_CLASSES:
            raise DesignError(
                f"Failure(kind={self.kind!r}): give one of {', '.join(FAILURE_CLASSES)}"
            )
        object.__setattr__(
            self, "message", redacted(self.message) if self.message.strip() else self.error
        )

    def __str__(self) -> str:
        times = "" if self.attempts == 1 else f" after {self.attempts} attempts"
        named = self.message.startswith(self.error)
        text = self.message if named else f"{self.error}: {self.message}"
        return f"{self.node}: {self.kind}{times}: {text}"


def first_in_group(problem: BaseException) -> BaseException:
    """Give the first exception of a group, as an `asyncio.TaskGroup` raises; another as it is."""
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    return problem


def in_words(problem: BaseException) -> str:
    """Describe an exception in one line, at most 500 characters; of a group, each part."""
    if isinstance(problem, BaseExceptionGroup):
        return "; ".join(dict.fromkeys(map(in_words, problem.exceptions)))[:500]
    # Before it is cut and its lines are joined, since either may hide a part of a secret.
    text = " ".join(redacted(str(problem)).split())
    if isinstance(problem, QuintetError):
        return text[:500] or type(problem).__name__
    # With the type's name: a KeyError's text alone, `'tariff'`, would not say what is wrong.
    return f"{type(problem).__name__}: {text}"[:500] if text else type(problem).__name__


class StepFailed(QuintetError, RuntimeError):
    """Raised when a step fails, with its record and the state updates that must not be lost.

    LangGraph hands an error handler the exception itself, but after a resume only its `repr`. This
    one's `repr` is its record as JSON, so `StepFailed.parse` reads it back whole.

    Attributes:
        failure: the typed record; the exception that caused it is `__cause__`.
        update: the failed step's spending and actions, as a state update.
    """

    def __init__(self, failure: Failure, update: Mapping[str, Any] | None = None) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.update = dict(update or {})

    def __repr__(self) -> str:
        record = {"failure": plain(self.failure), "update": plain(self.update)}
        return f"StepFailed({json.dumps(record)})"

    # An exception is pickled by its `args`, which here are only the text.
    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.failure, self.update)

    @classmethod
    def parse(cls, text: str) -> StepFailed | None:
        """Read a `StepFailed` back from its `repr`; give None for any other text."""
        if not (text.startswith("StepFailed({") and text.endswith(")")):
            return None
        try:
            record = json.loads(text[len("StepFailed(") : -1])
            return cls(read(Failure, record["failure"]), record["update"])
        except (ValueError, KeyError, TypeError):
            return None
