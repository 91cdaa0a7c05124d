"""Connect to LangSmith with time-outs, and translate its errors and warnings."""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import copy_context
from threading import Lock, Thread
from typing import TypeVar

from langsmith import Client
from langsmith.utils import (
    LangSmithAuthError,
    LangSmithConnectionError,
    LangSmithMissingAPIKeyWarning,
    LangSmithNotFoundError,
    LangSmithRateLimitError,
)

from quintet.errors import DesignError, QuintetError

R = TypeVar("R")

HOSTED = "https://api.smith.langchain.com"
CONNECT, READ = 5_000, 15_000
"""Milliseconds to wait for a connection, and for an answer."""


class ServiceError(QuintetError, ConnectionError):
    """Raised when LangSmith was not reached or refused a request; it says what to do."""


def connect(*, traces: bool = False) -> Client:
    """Make a client with time-outs, for the key and the endpoint in the environment.

    Args:
        traces: whether the client uploads traces; such a client has threads, and asks the server
            for its features as soon as it is made.

    Raises:
        DesignError: there is no key for the hosted service.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangSmithMissingAPIKeyWarning)  # it is an error, below
        # A client without traces opens no socket when it is made: the key is checked first.
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


@contextmanager
def connected(client: Client | None, *, traces: bool = False) -> Iterator[Client]:
    """Give the user's client, or connect one of our own and close it at the end.

    Args:
        client: the user's client, if any; it is left open.
        traces: whether a client of our own uploads traces.

    Raises:
        DesignError: there is no client, and no key for the hosted service.
    """
    link = client or connect(traces=traces)
    try:
        yield link
    finally:
        if client is None:
            # Without a time-out, closing would wait for the traces that are still to be sent.
            link.close(timeout=0)


def _client(*, traces: bool) -> Client:
    return Client(auto_batch_tracing=traces, timeout_ms=(CONNECT, READ))


def describe_error(problem: BaseException, client: Client) -> str:
    """Explain an error of the service in one line, without the key."""
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
        return f"{client.api_url} does not have it (404): {_first_line(problem)}"
    return f"{client.api_url}: {type(problem).__name__}: {_first_line(problem)}"


def _first_line(problem: BaseException) -> str:
    return f"{str(problem).strip().partition(chr(10))[0]:.200}"


@contextmanager
def translated_errors(client: Client) -> Iterator[None]:
    """Raise the errors of requests in the block as `ServiceError`, with a remedy."""
    try:
        yield
    except (QuintetError, KeyboardInterrupt):
        raise
    except Exception as problem:
        raise ServiceError(f"LangSmith: {describe_error(problem, client)}") from problem


async def run_in_time(work: Callable[[], R], seconds: float) -> R:
    """Run blocking work in a thread, and wait for it this long at most.

    Raises:
        TimeoutError: the work is not done; its thread goes on alone.
    """
    return await asyncio.wait_for(asyncio.wrap_future(in_background(work)), seconds)


def in_background(work: Callable[[], R]) -> Future[R]:
    """Begin work in a daemon thread: one of a pool would be waited for when the process ends."""
    future: Future[R] = Future()
    future.set_running_or_notify_cancel()  # nobody can cancel what a server is busy with

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as problem:  # noqa: BLE001 - it is raised again, by the future
            future.set_exception(problem)

    Thread(target=copy_context().run, args=(run,), daemon=True, name="quintet-langsmith").start()
    return future


class _Collector(logging.Handler):
    """Collect the warnings of LangSmith's package, one line each."""

    def __init__(self, propagated: bool) -> None:
        super().__init__(logging.WARNING)
        self.propagated = propagated
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage().strip().partition("\n")[0])


_LOCK = Lock()


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Collect the warnings of LangSmith's package while the block runs, in place of stderr.

    Left alone, they go to stderr with their tracebacks.
    """
    logger = logging.getLogger("langsmith")
    with _LOCK:
        # Blocks may overlap in several threads: the last one restores what the first one found.
        others = [each for each in logger.handlers if isinstance(each, _Collector)]
        collector = _Collector(others[0].propagated if others else logger.propagate)
        logger.addHandler(collector)
        logger.propagate = False
    try:
        yield collector.lines
    finally:
        with _LOCK:
            logger.removeHandler(collector)
            if not any(isinstance(each, _Collector) for each in logger.handlers):
                logger.propagate = collector.propagated
