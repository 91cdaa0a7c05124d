"""Coroutines where no loop runs, and where one runs already, as in a notebook."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any, TypeVar

R = TypeVar("R")


def finished(work: Coroutine[Any, Any, R]) -> R:
    """Run to the end, also where an event loop runs already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    ended: list[Any] = []

    def apart() -> None:
        try:
            ended.append((True, asyncio.run(work)))
        except BaseException as problem:  # noqa: BLE001 - it is raised again, in the caller
            ended.append((False, problem))

    thread = threading.Thread(target=copy_context().run, args=(apart,))
    thread.start()
    thread.join()
    well, said = ended[0]
    if not well:
        raise said
    return said  # type: ignore[no-any-return]
