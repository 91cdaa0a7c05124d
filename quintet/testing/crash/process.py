"""Give each life a process: pretended in this one, quickly, or a child that really ends."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import os
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn, Protocol

from quintet.errors import DesignError
from quintet.nodes.core.call import Logic, adrive, drive
from quintet.nodes.core.left import forget_attempts
from quintet.testing.crash.edges import Crash, Edges, Point
from quintet.testing.crash.life import Life, Scene, live

DEAD = 87
"""The exit code of a child that has ended at its point."""


class Process(Protocol):
    """Live a life in a process of its own."""

    def __call__(self, scene: Scene, thread: str, end: Point | None) -> Life:
        """Live until the run ends, or until the point."""


def pretended(scene: Scene, thread: str, end: Point | None) -> Life:
    """Live in this process: it ends by an exception that unwinds everything."""
    life, edges = Life(), Edges(end, unwind)
    # What a life leaves in context variables ends with it.
    context = contextvars.copy_context()
    with _hushed():
        context.run(live, scene, thread, life, edges, _arun if scene.awaited else drive)
    forget_attempts()
    return life


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep the log free of what threads and tasks say of the exception that unwinds them."""
    loggers = [logging.getLogger(name) for name in ("concurrent.futures", "asyncio")]
    for logger in loggers:
        logger.addFilter(_nothing)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(_nothing)


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def unwind() -> NoReturn:
    """End a pretended process."""
    raise Crash


def _arun(logic: Logic[Any]) -> Any:
    """Run logic in an event loop of its own, also where the caller's thread has one."""
    ended: list[BaseException | None] = []

    def run() -> None:
        try:
            asyncio.run(adrive(logic))
            ended.append(None)
        except BaseException as problem:  # noqa: BLE001 - it is raised where the caller waits
            ended.append(problem)

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), name="quintet-life")
    thread.start()
    thread.join()
    if ended[0] is not None:
        raise ended[0]


def real(scene: Scene, thread: str, end: Point | None) -> Life:
    """Live in a child process, which ends at the point as a killed one does: nothing is unwound.

    Raises:
        DesignError: the system has no `fork`, or the child has failed.
    """
    if not hasattr(os, "fork"):
        raise DesignError("crashpoints(exits=True) needs a system with fork; leave it out")
    with tempfile.TemporaryDirectory(prefix="quintet-life-") as folder:
        told = Path(folder) / "life.json"
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            in_child(lambda: live_and_tell(scene, thread, end, told))
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code == DEAD:
            return Life(died=True)
        if code != 0 or not told.exists():
            raise DesignError(f"crashpoints: the child process ended with code {code}")
        return read_life(told)


def read_life(told: Path) -> Life:
    """Read how a life went."""
    known = json.loads(told.read_text("utf-8"))
    passed = [Point(**point) for point in known.pop("passed")]
    return Life(**known, passed=passed)


def in_child(work: Callable[[], None]) -> NoReturn:
    """Do the work and end the process, without going back into the parent's program."""
    try:
        work()
    except BaseException:  # noqa: BLE001 - nobody above may catch it
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def leave() -> NoReturn:
    """End this process at once, as a kill does."""
    os._exit(DEAD)


def live_and_tell(scene: Scene, thread: str, end: Point | None, told: Path) -> None:
    """Live in this process, and write into a file how it went."""
    life, edges = Life(), Edges(end, leave)
    live(scene, thread, life, edges, _arun if scene.awaited else drive)
    told.write_text(json.dumps(asdict(life), default=repr), "utf-8")
