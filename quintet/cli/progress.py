"""Show progress on stderr: a bar with the time left, or a line for each tenth."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function that shows progress when called with the numbers done and in all."""
    console = Console(stderr=True)
    if not console.is_terminal:  # a bar redraws itself, which fills a log file
        yield lambda done, total: _line(name, done, total)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _line(name: str, done: int, total: int) -> None:
    if done == total or done % max(total // 10, 1) == 0:
        sys.stderr.write(f"{name}: {done} of {total}\n")
        sys.stderr.flush()
