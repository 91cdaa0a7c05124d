"""Which class of failure an exception is."""

from __future__ import annotations

import json
from collections.abc import Callable

from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
    OutputParserException,
)
from langgraph.errors import NodeTimeoutError
from pydantic import ValidationError

from quintet.state.errors import (
    ActionRefused,
    ApprovalMissing,
    BudgetExhausted,
    ContractBroken,
    DesignError,
    EffectRepeated,
    EffectUnknown,
    MissingExtra,
    ToolRefused,
)
from quintet.state.failure import FailureClass, StepFailed

Classifier = Callable[[BaseException], FailureClass | None]

_CLASSES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], FailureClass], ...] = (
    (ModelRateLimitError, "rate_limit"),
    ((ModelTimeoutError, NodeTimeoutError), "timeout"),
    (ModelConnectionError, "transient"),
    (
        (ModelAuthenticationError, ModelPermissionDeniedError),
        "denied",
    ),
    ((ModelInvalidRequestError, ModelNotFoundError, ContextOverflowError), "permanent"),
    ((OutputParserException, json.JSONDecodeError, ValidationError), "invalid"),
    (ContractBroken, "contract"),
    ((ActionRefused, ToolRefused, ApprovalMissing, EffectUnknown, EffectRepeated), "denied"),
    ((BudgetExhausted, DesignError, MissingExtra), "permanent"),
    (TimeoutError, "timeout"),
    (PermissionError, "denied"),
    (ConnectionError, "transient"),
)

_STATUS: dict[int, FailureClass] = {
    400: "permanent",
    401: "denied",
    402: "denied",
    403: "denied",
    404: "permanent",
    408: "timeout",
    409: "transient",
    410: "permanent",
    413: "permanent",
    422: "permanent",
    425: "transient",
    429: "rate_limit",
    504: "timeout",
}

_MISTAKES = (TypeError, LookupError, AttributeError, NameError, AssertionError)

_CLIENTS = ("httpx", "httpx2", "openai", "anthropic", "langchain_openai")

_BY_NAME: dict[str, FailureClass] = {
    "TimeoutException": "timeout",
    "APITimeoutError": "timeout",
    "TransportError": "transient",
    "APIConnectionError": "transient",
    "LengthFinishReasonError": "invalid",
    "ContentFilterFinishReasonError": "invalid",
    "OpenAIRefusalError": "invalid",
}


def classify(problem: BaseException) -> FailureClass:
    """The class of a failure, by its type, by its HTTP status, or `unknown`.

    A `StepFailed` keeps the class it has; a provider's error is known by langchain-core's neutral
    `ModelError` classes; an HTTP error by its `status_code`. A programming error (`TypeError`,
    `KeyError`, ...) is `permanent`: trying again cannot help.
    """
    if isinstance(problem, StepFailed):
        return problem.failure.kind
    if isinstance(problem, ContractBroken) and problem.side == "gives":
        return "invalid"
    if getattr(problem, "code", None) == "insufficient_quota":
        return "denied"  # it comes as a 429, but waiting does not fill an account
    for kinds, name in _CLASSES:
        if isinstance(problem, kinds):
            return name
    if (status := _status(problem)) is not None:
        return _by_status(status)
    if isinstance(problem, ModelAPIError):
        return "transient"
    if isinstance(problem, _MISTAKES):
        return "permanent"
    return _of_client(problem) or "unknown"


def _by_status(status: int) -> FailureClass:
    if status < 400:
        return "invalid"  # the service answered, and its answer could not be read
    return _STATUS.get(status, "transient" if status >= 500 else "unknown")


def classify_name(name: str) -> FailureClass:
    """The class of a failure of which only the type's name is known, or `unknown`."""
    for kinds, kind in (*_CLASSES, (_MISTAKES, "permanent")):
        each = kinds if isinstance(kinds, tuple) else (kinds,)
        if any(name in _family(one) for one in each):
            return kind
    return _BY_NAME.get(name, "unknown")


def _family(kind: type[BaseException]) -> set[str]:
    """The names of a class and of all its subclasses that this process knows."""
    return {kind.__name__}.union(*(_family(each) for each in kind.__subclasses__()))


def _status(problem: BaseException) -> int | None:
    """The HTTP status of an error, where the field's clients keep it."""
    for holder in (problem, getattr(problem, "response", None)):
        status = getattr(holder, "status_code", None)
        if isinstance(status, int):
            return status
    return None


def _of_client(problem: BaseException) -> FailureClass | None:
    """The class of a client's own error, known by name so that no client is imported."""
    for kind in type(problem).__mro__:
        if kind.__module__.partition(".")[0] in _CLIENTS and kind.__name__ in _BY_NAME:
            return _BY_NAME[kind.__name__]
    return None
