"""Keep the results that came after their join was decided, or after their time was up."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from quintet.nodes.core.node import one_line
from quintet.state.failure import in_words
from quintet.state.journal.found import Place
from quintet.state.record import plain

log = logging.getLogger("quintet")

KEPT = 4000
"""The most characters of a late result, as JSON, that are kept whole."""

LATE = "late results"
"""The journal's stream of what came after its join."""


def late_results(saver: Any, *, thread: str) -> tuple[dict[str, Any], ...]:
    """Give the results that came after their join was decided or their time was up.

    Args:
        saver: the checkpointer of the run, as `quintet.state.checkpointer` gives it.
        thread: the thread.

    Returns:
        A record for each: `branch`, `join`, `run`, `at`, and `result` or `error`.
    """
    entries = saver.journal.read(thread, LATE)
    return tuple({**entry.value, "at": entry.at} for entry in entries)


def write_late(place: Place, about: Mapping[str, Any], end: Any) -> None:
    """Write down a result, or an exception, that came too late; a thread may call it at any time.

    Args:
        place: the journal of its run.
        about: its branch, join and run.
        end: the result or the exception.
    """
    fault = isinstance(end, BaseException)
    value = {**about, **({"error": in_words(end)} if fault else {"result": _short(end)})}
    try:
        place.journal.append(place.thread, LATE, "late", value)
    except Exception:
        log.warning("a late result is not recorded: %s", value, exc_info=True)
    else:
        log.info("%s came after its join at %s, and is dropped", about["branch"], about["join"])


def _short(result: Any) -> Any:
    """Give a result as plain data; or the start of its text, where it is large or not plain."""
    try:
        data = plain(result)
        return data if len(json.dumps(data)) <= KEPT else one_line(result, KEPT)
    except Exception:  # noqa: BLE001 - any object may come
        return one_line(result, KEPT)
