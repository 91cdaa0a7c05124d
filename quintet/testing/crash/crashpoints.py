"""End a graph's run at every point where its process may end, and report what came of it."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.errors import DesignError
from quintet.state import checkpointer
from quintet.state.verdict import is_async
from quintet.testing.crash.book import Book
from quintet.testing.crash.life import Scene
from quintet.testing.crash.process import pretended, real
from quintet.testing.crash.report import CrashReport
from quintet.testing.crash.trial import Course, Progress, end_of


def crashpoints(  # noqa: PLR0913 - each is one circumstance of the crash, and has a default
    graph: Any,
    given: Mapping[str, Any],
    *,
    person: Callable[[Any], Any] | None = None,
    url: str | None = None,
    asynchronous: bool = False,
    exits: bool = False,
    pairs: bool = False,
    reset: Callable[[], Any] | None = None,
    ends: Callable[[Mapping[str, Any]], Any] = end_of,
    progress: Progress | None = None,
    **options: Any,
) -> CrashReport:
    """Run a graph once for every point where its process may end, recover, and report.

    A point is just before or just after each checkpoint, each task's writes, each entry of the
    journal, and each effect's call. At each, the process ends; then the run is found again in the
    database, resumed, and its questions are answered, until it ends. It must end as a run without
    a crash does, with each effect once.

        def test_no_crash_loses_or_doubles_a_refund():
            report = crashpoints(build_desk, {"message": "refund 1042"}, person=maria)
            assert report.ok, report

    Args:
        graph: a function without arguments that builds the graph anew, as a new process does; or
            a `StateGraph`, or a compiled one, that each process shares.
        given: the input of the run.
        person: answers a question's packet, such as a `ScriptedPerson`. It needs no answer to the
            question whether an effect happened: that is answered truly.
        url: the database, as for `checkpointer(url)`; by default a new SQLite file. Its threads
            have new names, and stay there.
        asynchronous: whether to run with `ainvoke`.
        exits: whether processes really end, by `os._exit` in a child; else an exception unwinds
            everything, which is quicker. All that receivers know must then be outside the process.
        pairs: whether to end the recovery too, at each of its points.
        reset: called before each run, to give it a world in which nothing has happened.
        ends: takes the final state, and gives what must be the same with and without a crash.
        progress: called with the number of first points done and their total; by default they are
            shown on a terminal.
        options: passed to `start` and `resume` (`config`, `context`, `durability`, ...).

    Returns:
        The report. An effect that happens twice under the idempotency key that its function takes
        counts once: its receiver knows it.

    Raises:
        DesignError: the graph is none, is not deterministic, calls no effect, asks and nobody
            answers, or its database does not outlive a process.
    """
    began = time.monotonic()
    build, name = _builder(graph)
    with fast_folder() as folder:
        place = _place(url or f"sqlite:///{folder}/runs.db?synchronous=normal")
        scene = Scene(
            build=build,
            given=given,
            opened=lambda: checkpointer(place),
            book=Book(Path(folder) / "book.jsonl"),
            person=person,
            ends=ends,
            awaited=asynchronous,
            options=options,
        )
        course = Course(scene=scene, process=real if exits else pretended, threads=_threads(reset))
        tried = course.go(pairs=pairs, progress=progress or _on_terminal())
    return CrashReport(
        name=name,
        tried=tuple(tried),
        effects=tuple(course.whole.effects.elements()),
        seconds=time.monotonic() - began,
    )


@contextmanager
def fast_folder() -> Iterator[str]:
    """Give a temporary folder, in memory where the system has that.

    Nothing there must outlive the machine, so that no commit need wait for a disk.
    """
    memory = "/dev/shm"  # noqa: S108 - a folder of its own is made there
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="quintet-crash-", dir=place) as folder:
        yield folder


def _builder(graph: Any) -> tuple[Callable[[], Any], str]:
    """Give a function that builds the graph, and the graph's name."""
    if isinstance(graph, StateGraph | CompiledStateGraph):
        return lambda: graph, getattr(graph, "name", "") or "a graph"
    if not callable(graph) or isinstance(graph, type) or is_async(graph):
        raise DesignError(
            f"crashpoints({type(graph).__name__}): give a StateGraph, a compiled one, or a plain "
            "function without arguments that builds one"
        )
    return graph, getattr(graph, "__name__", "a graph")


def _place(url: str) -> str:
    """Give the database's URL; refuse one that ends with its process."""
    if url.startswith("memory:") or url.rstrip("/") in ("sqlite:", "sqlite:///:memory:"):
        raise DesignError(
            f"crashpoints(url={url!r}): nothing there outlives a process, so nothing could be "
            "recovered; leave url out for a new SQLite file, or name a file or a Postgres database"
        )
    return url


def _threads(reset: Callable[[], Any] | None) -> Iterator[str]:
    """Give the name of a new thread for each run, in a world in which nothing has happened."""
    drawn = uuid4().hex[:8]
    for number in count(1):
        if reset is not None:
            reset()
        yield f"crash {drawn} {number}"


def _on_terminal() -> Progress:
    """Give a function that shows the progress on a terminal, and nowhere else."""

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done == total else ""
            sys.stderr.write(f"\rcrash points: {done} of {total}{end}")
            sys.stderr.flush()

    return show
