"""Wait as long as the other side asks before a retry, by its `Retry-After`.

LangGraph waits for an interval of its own, whatever the error says. So the next attempt waits for
the rest, before its work begins and before any clock of its attempt runs.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any, TypeVar

from quintet.errors import BudgetExhausted
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.task import current_task
from quintet.state.clock import asleep, now, sleep
from quintet.state.deadline import deadline_of

R = TypeVar("R")

TASKS_KNOWN = 4096

_until: OrderedDict[str, float] = OrderedDict()
_lock = threading.Lock()


def retry_after(problem: BaseException) -> float | None:
    """Give the seconds for which an error asks to wait; None where it asks for nothing.

    It is read from the error, from those that it was raised from, and from the parts of a group: an
    attribute `retry_after`, or the headers of the error or of its `response`.
    """
    waits = [wait for each in _chain(problem) if (wait := _asked_by(each)) is not None]
    return max(waits, default=None)


def note_wait(problem: BaseException) -> None:
    """Note until when the running task's next attempt must wait, if its failure says so."""
    wait = retry_after(problem)
    task = current_task("").id
    if not wait or not task:
        return
    with _lock:
        _until[task] = now() + wait
        if len(_until) > TASKS_KNOWN:
            _until.popitem(last=False)


def after_wait(logic: Logic[R], run: Callable[[], str]) -> Logic[R]:
    """Run a node's logic; in a retry, not before the time that the last failure asked for.

    Args:
        logic: the logic.
        run: gives the id of the run that the node is part of.

    Raises:
        BudgetExhausted: the run's deadline is earlier than that.
    """
    return _after_wait(logic, run) if _until else logic


def _after_wait(logic: Logic[R], run: Callable[[], str]) -> Logic[R]:
    task = current_task("")
    with _lock:
        until = _until.pop(task.id, 0.0)
    left = until - now()
    if task.attempt > 1 and left > 0:
        deadline = deadline_of(run())
        if deadline is not None and deadline.until <= until:
            raise BudgetExhausted(
                f"{task.node}: deadline reached: the run may take {deadline.limit:g} s, and a "
                f"retry must wait for {left:.3g} s more, longer than that"
            )
        yield Call(sleep, (left,), awaitable=asleep)
    return (yield from logic)


def _chain(problem: BaseException) -> Iterator[BaseException]:
    """Yield an error, its parts, and those that it was raised from, each once."""
    seen: set[int] = set()
    left = [problem]
    while left:
        each = left.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup):
            left += each.exceptions
        if each.__cause__ is not None:
            left.append(each.__cause__)


def _asked_by(problem: BaseException) -> float | None:
    own = _seconds(getattr(problem, "retry_after", None))
    if own is not None:
        return own
    for holder in (getattr(problem, "response", None), problem):
        headers = getattr(holder, "headers", None)
        milliseconds = _seconds(_header(headers, "retry-after-ms"))  # OpenAI's own
        if milliseconds is not None:
            return milliseconds / 1000
        wait = _seconds(_header(headers, "retry-after"))
        if wait is not None:
            return wait
    return None


def _header(headers: Any, name: str) -> Any:
    """Read a header, whatever its case: clients keep headers in mappings of many kinds."""
    try:
        return next((value for key, value in headers.items() if str(key).lower() == name), None)
    except (AttributeError, TypeError, ValueError):
        return None


def _seconds(value: Any) -> float | None:
    """Read seconds or an HTTP date as seconds from now; None for anything else."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        length = float(value)
    except (ValueError, OverflowError):
        return _until_date(str(value))
    return max(length, 0.0) if isfinite(length) else None


def _until_date(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    # A date without a zone is in UTC: HTTP knows no other.
    at = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(at.timestamp() - now(), 0.0)
