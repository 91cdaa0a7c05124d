"""The LangSmith service: a client that does not wait for ever, and what its errors mean."""

from __future__ import annotations

import asyncio
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import Any, TypeVar

from langsmith import Client
from langsmith.utils import (
    LangSmithAuthError,
    LangSmithConnectionError,
    LangSmithMissingAPIKeyWarning,
    LangSmithNotFoundError,
    LangSmithRateLimitError,
    LangSmithRetry,
)

from quintet.errors import DesignError, QuintetError

R = TypeVar("R")

HOSTED = "https://api.smith.langchain.com"
CONNECT, READ = 5_000, 15_000
"""Milliseconds to wait for a connection, and for an answer."""


class ServiceError(QuintetError, ConnectionError):
    """LangSmith was not reached, or refused what was asked; the message says what to do."""


def connect(*, traces: bool = False) -> Client:
    """A client for the key and the endpoint in the environment, with time-outs that end.

    Args:
        traces: whether it is to upload traces; such a client has threads, and asks the server what
            it can do as soon as it is made.

    Raises:
        DesignError: there is no key for the hosted service.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangSmithMissingAPIKeyWarning)  # it is an error, below
        client = _client(traces=False)
    signed = client.api_key or "authorization" in {name.lower() for name in client.headers}
    if client.api_url.rstrip("/") == HOSTED and not signed:
        client.close(timeout=0)
        raise DesignError(
            "LangSmith wants a key: set LANGSMITH_API_KEY, or give a langsmith.Client of your own"
        )
    if not traces:
        return client
    client.close(timeout=0)
    return _client(traces=True)


def _client(*, traces: bool) -> Client:
    return Client(
        auto_batch_tracing=traces,
        timeout_ms=(CONNECT, READ),
        retry_config=LangSmithRetry(
            total=2,
            connect=1,
            read=0,
            backoff_factor=0.5,
            status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods=None,
            raise_on_status=False,
            respect_retry_after_header=False,
        ),
    )


def said(problem: BaseException, client: Client) -> str:
    """What an error of the service means, in one line without the key."""
    if isinstance(problem, ServiceError | DesignError):
        return str(problem).removeprefix("LangSmith: ")
    if isinstance(problem, LangSmithAuthError):
        return f"{client.api_url} refused the key (401): is LANGSMITH_API_KEY one of its keys?"
    if isinstance(problem, TimeoutError) or "Timeout" in type(problem).__name__:
        return f"{client.api_url} did not answer in time"
    if isinstance(problem, LangSmithConnectionError):
        cause = problem.__cause__
        kind = f" ({type(cause).__name__})" if cause is not None else ""
        return f"{client.api_url} was not reached{kind}: see LANGSMITH_ENDPOINT and the network"
    if isinstance(problem, LangSmithRateLimitError):
        return f"{client.api_url} asks for fewer requests (429)"
    if isinstance(problem, LangSmithNotFoundError):
        return f"{client.api_url} does not have it (404): {_first(problem)}"
    return f"{client.api_url}: {type(problem).__name__}: {_first(problem)}"


def _first(problem: BaseException) -> str:
    return f"{str(problem).strip().partition(chr(10))[0]:.200}"


@contextmanager
def asked(client: Client) -> Iterator[None]:
    """Requests whose errors are raised as `ServiceError`, with what to do about them."""
    try:
        yield
    except (QuintetError, KeyboardInterrupt):
        raise
    except Exception as problem:
        raise ServiceError(f"LangSmith: {said(problem, client)}") from problem


async def bounded(work: Callable[[], R], seconds: float) -> R:
    """Blocking work in a thread that nobody waits for longer than this, not even at the end.

    Raises:
        TimeoutError: it is not done; the thread is left to itself.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[R] = loop.create_future()

    def settle(put: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            put(value)

    def run() -> None:
        try:
            put, value = future.set_result, work()
        except Exception as problem:  # noqa: BLE001 - it is raised again, in the caller
            put, value = future.set_exception, problem  # type: ignore[assignment]
        with suppress(RuntimeError):  # the loop has ended in the meantime
            loop.call_soon_threadsafe(settle, put, value)

    threading.Thread(
        target=copy_context().run, args=(run,), daemon=True, name="quintet-langsmith"
    ).start()
    return await asyncio.wait_for(future, seconds)


class _Ear(logging.Handler):
    """Keeps the warnings of LangSmith's package, which else go to stderr, tracebacks and all."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.propagated = True
        self.lists: list[list[str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage().strip().partition("\n")[0]
        for kept in self.lists:
            kept.append(line)


_EAR = _Ear()
_GUARD = threading.Lock()


@contextmanager
def heard() -> Iterator[list[str]]:
    """What LangSmith's package warns of while the block runs, in place of stderr."""
    logger, kept = logging.getLogger("langsmith"), list[str]()
    with _GUARD:
        _EAR.lists.append(kept)
        if len(_EAR.lists) == 1:
            logger.addHandler(_EAR)
            _EAR.propagated, logger.propagate = logger.propagate, False
    try:
        yield kept
    finally:
        with _GUARD:
            _EAR.lists[:] = [item for item in _EAR.lists if item is not kept]
            if not _EAR.lists:
                logger.removeHandler(_EAR)
                logger.propagate = _EAR.propagated
