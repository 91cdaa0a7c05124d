"""Classify an exception as one of the classes of failure."""

from __future__ import annotations

import errno
import json
import socket
import sqlite3
import ssl
from collections.abc import Callable
from typing import Any
from urllib.error import URLError

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

from quintet.errors import (
    ActionRefused,
    ApprovalMissing,
    AttemptEnded,
    BudgetExhausted,
    CircuitOpen,
    ContractBroken,
    CriterionFailed,
    DesignError,
    EffectRepeated,
    EffectUnknown,
    MissingExtra,
    QuintetError,
    Stopped,
    ToolRefused,
)
from quintet.state.failure import FAILURE_CLASSES, FailureClass, StepFailed

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
    (
        (
            ActionRefused,
            ToolRefused,
            ApprovalMissing,
            AttemptEnded,
            EffectUnknown,
            EffectRepeated,
            Stopped,
        ),
        "denied",
    ),
    (CircuitOpen, "transient"),
    ((BudgetExhausted, DesignError, MissingExtra), "permanent"),
    (TimeoutError, "timeout"),
    (PermissionError, "denied"),
    (ssl.SSLCertVerificationError, "permanent"),
    ((ConnectionError, ssl.SSLError), "transient"),
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

_CLIENTS = (
    "httpx",
    "httpx2",
    "openai",
    "anthropic",
    "langchain_openai",
    "requests",
    "urllib3",
    "aiohttp",
    "psycopg",
    "psycopg_pool",
    "psycopg2",
    "redis",
    "websockets",
    # of the standard library
    "http",
    "smtplib",
    "ftplib",
    "subprocess",
    "asyncio",
)

_BY_NAME: dict[str, FailureClass] = {
    "TimeoutException": "timeout",
    "APITimeoutError": "timeout",
    "TransportError": "transient",
    "APIConnectionError": "transient",
    "LengthFinishReasonError": "invalid",
    "ContentFilterFinishReasonError": "invalid",
    "OpenAIRefusalError": "invalid",
    # httpx
    "UnsupportedProtocol": "permanent",
    "LocalProtocolError": "permanent",
    # requests, urllib3, aiohttp
    "Timeout": "timeout",
    "ConnectTimeout": "timeout",
    "ConnectTimeoutError": "timeout",
    "ReadTimeoutError": "timeout",
    "TimeoutError": "timeout",
    "PoolTimeout": "timeout",
    "ServerTimeoutError": "timeout",
    "InvalidURL": "permanent",
    "LocationParseError": "permanent",
    "SSLError": "transient",
    "ConnectionError": "transient",
    "ChunkedEncodingError": "transient",
    "ContentDecodingError": "invalid",
    "ProtocolError": "transient",
    "NewConnectionError": "transient",
    "MaxRetryError": "transient",
    "ClientConnectionError": "transient",
    "ClientPayloadError": "transient",
    # psycopg
    "OperationalError": "transient",
    "InterfaceError": "transient",
    "ProgrammingError": "permanent",
    "IntegrityError": "permanent",
    "DataError": "permanent",
    # websockets
    "ConnectionClosed": "transient",
    # the standard library
    "IncompleteRead": "transient",
    "BadStatusLine": "transient",
    "IncompleteReadError": "transient",
    "TimeoutExpired": "timeout",
    "SMTPAuthenticationError": "denied",
    "SMTPServerDisconnected": "transient",
    "SMTPConnectError": "transient",
    "error_temp": "transient",
    "error_perm": "permanent",
}

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

_SQLSTATE: tuple[tuple[str, FailureClass], ...] = (
    ("57014", "timeout"),  # query_canceled, as by statement_timeout
    ("28", "denied"),  # authorization
    ("42501", "denied"),  # insufficient_privilege
    ("08", "transient"),  # connection
    ("40", "transient"),  # serialization, deadlock
    ("53", "transient"),  # resources
    ("55P03", "transient"),  # lock_not_available
    ("57", "transient"),  # the server shuts down or starts
    ("58", "transient"),  # system error
)
"""Classes of SQLSTATE by their first letters; of any other, trying again cannot help."""


def classify(problem: BaseException) -> FailureClass:
    """Give the class of a failure, by its type, by its HTTP status or SQLSTATE, or `unknown`.

    A `StepFailed` keeps the class it has; a provider's error is known by langchain-core's neutral
    `ModelError` classes; an HTTP error by its status. A programming error (`TypeError`, `KeyError`,
    ...) is `permanent`: trying again cannot help. A criterion that could not reach its source of
    record has the class of what kept it from there; so has an exception of the user's own that was
    raised `from` what may pass. A group of exceptions, as of an `asyncio.TaskGroup`, has the class
    of its parts; where they differ, it may pass if all of them may, and is `unknown` else.
    """
    if isinstance(problem, BaseExceptionGroup):
        return _of_group({classify(part) for part in problem.exceptions})
    if isinstance(problem, StepFailed):
        return problem.failure.kind
    if (kind := _by_type(problem)) is not None:
        return kind
    if (status := _status(problem)) is not None:
        return _by_status(status)
    if isinstance(problem, ModelAPIError):
        return "transient"
    if (kind := _of_network(problem) or _of_database(problem) or _of_rpc(problem)) is not None:
        return kind
    if isinstance(problem, _MISTAKES):
        return "permanent"
    return _of_client(problem) or _of_cause(problem) or "unknown"


_PASSING: tuple[FailureClass, ...] = ("rate_limit", "transient", "timeout")
"""Classes of what may pass; of several at once, the first needs most patience."""


def _of_group(kinds: set[FailureClass]) -> FailureClass:
    if len(kinds) == 1 or kinds <= {*_PASSING}:
        return next(kind for kind in (*_PASSING, *kinds) if kind in kinds)
    return "unknown"


def _of_cause(problem: BaseException) -> FailureClass | None:
    """Give the class of what an exception was raised from, where that may pass."""
    cause = problem.__cause__
    if cause is None or isinstance(problem, QuintetError):
        return None
    kind = classify(cause)
    return kind if kind in _PASSING else None


def _by_type(problem: BaseException) -> FailureClass | None:
    """Give the class that an exception's own type says, or None."""
    if isinstance(problem, CriterionFailed) and (kind := _of_record(problem)) is not None:
        return kind
    if isinstance(problem, ContractBroken) and problem.side == "gives":
        return "invalid"
    if isinstance(problem, CircuitOpen) and problem.kind in FAILURE_CLASSES:
        return problem.kind  # that of the failures that opened it
    if _field(problem, "code") == "insufficient_quota":
        return "denied"  # it comes as a 429, but waiting does not fill an account
    return next((name for kinds, name in _CLASSES if isinstance(problem, kinds)), None)


def _of_record(problem: CriterionFailed) -> FailureClass | None:
    """Give the class of what kept a criterion from its source of record, where it may pass."""
    cause = problem.__cause__
    kind = None if cause is None else classify(cause)
    return kind if kind in _PASSING else None


_NAMES_AGAIN = (socket.EAI_AGAIN, getattr(socket, "EAI_NODATA", None), socket.EAI_FAIL)


def _of_network(problem: BaseException) -> FailureClass | None:
    """Give the class of an error of the standard library's network, or None."""
    if isinstance(problem, URLError) and isinstance(problem.reason, BaseException):
        return classify(problem.reason)
    if isinstance(problem, URLError):
        return "transient"
    if isinstance(problem, socket.gaierror):
        # A name that is not known may be a fault of its server's or of the caller's: try again.
        unknown = problem.errno == socket.EAI_NONAME
        return "transient" if unknown or problem.errno in _NAMES_AGAIN else "permanent"
    if isinstance(problem, socket.herror):
        return "transient"
    if isinstance(problem, OSError) and problem.errno in _UNREACHABLE:
        return "transient"
    code = _field(problem, "smtp_code")  # of 4xx a mail server says: later
    return "transient" if isinstance(code, int) and 400 <= code < 500 else None


_UNREACHABLE = frozenset(
    (
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.EHOSTDOWN,
        errno.ENETRESET,
        errno.EAGAIN,  # a pipe or socket that is busy now
        errno.EINTR,
    )
)


def _of_database(problem: BaseException) -> FailureClass | None:
    """Give the class of a database's error, or None."""
    if isinstance(problem, sqlite3.Error):
        code = _field(problem, "sqlite_errorcode")
        # The low byte is the primary code; the rest of an extended one only tells the cause.
        busy = code is not None and code & 0xFF in _BUSY
        return "transient" if busy or "is locked" in str(problem) else "permanent"
    state = _field(problem, "sqlstate") or _field(problem, "pgcode")
    if not isinstance(state, str):
        return None
    return next((kind for start, kind in _SQLSTATE if state.startswith(start)), "permanent")


def _by_status(status: int) -> FailureClass:
    if status < 400:
        return "invalid"  # the service answered, and its answer could not be read
    return _STATUS.get(status, "transient" if status >= 500 else "unknown")


def classify_name(name: str) -> FailureClass:
    """Give the class of a failure by the name of its exception type alone, or `unknown`."""
    for kinds, kind in (*_CLASSES, (_MISTAKES, "permanent")):
        types = kinds if isinstance(kinds, tuple) else (kinds,)
        if any(name in _family(parent) for parent in types):
            return kind
    return _BY_NAME.get(name, "unknown")


def _family(kind: type[BaseException]) -> set[str]:
    """Give the names of a class and of all its subclasses that this process knows."""
    return {kind.__name__}.union(*(_family(child) for child in kind.__subclasses__()))


def _status(problem: BaseException) -> int | None:
    """Give the HTTP status of an error, where the field's clients keep it."""
    for holder in (problem, _field(problem, "response")):
        for name in ("status_code", "status"):  # urllib and aiohttp have the shorter one
            status = _field(holder, name)
            if isinstance(status, int) and not isinstance(status, bool) and status >= 100:
                return status
    code = _field(problem, "code")  # as Google's clients and many of a user's own have it
    return code if isinstance(code, int) and 400 <= code < 600 else None


def _field(problem: Any, name: str) -> Any:
    """Give an attribute, or None: a client's own may be computed, and raise or warn."""
    try:
        return getattr(problem, name, None)
    except Exception:  # noqa: BLE001 - it must not hide the failure that is looked at
        return None


_RPC: dict[str, FailureClass] = {
    "UNAVAILABLE": "transient",
    "ABORTED": "transient",
    "DEADLINE_EXCEEDED": "timeout",
    "RESOURCE_EXHAUSTED": "rate_limit",
    "UNAUTHENTICATED": "denied",
    "PERMISSION_DENIED": "denied",
}


def _of_rpc(problem: BaseException) -> FailureClass | None:
    """Give the class of a gRPC error by its status, which is a method there, or None."""
    code = _field(problem, "code")
    if not any(kind.__module__.partition(".")[0] == "grpc" for kind in type(problem).__mro__):
        return None
    return _RPC.get(_field(code(), "name")) if callable(code) else None


def _of_client(problem: BaseException) -> FailureClass | None:
    """Give the class of a client's own error, known by name so that no client is imported."""
    for kind in type(problem).__mro__:
        if kind.__module__.partition(".")[0] in _CLIENTS and kind.__name__ in _BY_NAME:
            return _BY_NAME[kind.__name__]
    return None
