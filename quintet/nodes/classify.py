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
    ((BudgetExhausted, DesignError), "permanent"),
    (TimeoutError, "timeout"),
    (PermissionError, "denied"),
    (ConnectionError, "transient"),
)

_STATUS: dict[int, FailureClass] = {
    400: "permanent",
    401: "denied",
    403: "denied",
    404: "permanent",
    408: "timeout",
    409: "transient",
    422: "permanent",
    425: "transient",
    429: "rate_limit",
    504: "timeout",
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
    for kinds, name in _CLASSES:
        if isinstance(problem, kinds):
            return name
    if (status := _status(problem)) is not None:
        return _STATUS.get(status, "transient" if status >= 500 else "unknown")
    if isinstance(problem, ModelAPIError):
        return "transient"
    if isinstance(problem, TypeError | LookupError | AttributeError | NameError | AssertionError):
        return "permanent"
    if _is_transport(problem):
        return "transient"
    return "unknown"


def _status(problem: BaseException) -> int | None:
    """The HTTP status of an error, where the field's clients keep it."""
    for holder in (problem, getattr(problem, "response", None)):
        status = getattr(holder, "status_code", None)
        if isinstance(status, int):
            return status
    return None


def _is_transport(problem: BaseException) -> bool:
    """Whether a transport error of httpx or httpx2, known by name so that neither is imported."""
    return any(
        kind.__name__ == "TransportError" and kind.__module__.split(".")[0].startswith("httpx")
        for kind in type(problem).__mro__
    )
