"""Carry out `quintet runs`: read runs from a database, and print them as a table or one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from rich.console import Console, ConsoleDimensions
from rich.markup import escape
from rich.table import Table

from quintet.errors import DesignError, NoSuchRun
from quintet.runs.stored import StoredRun, stored_run, stored_runs
from quintet.state.checkpointer import checkpointer
from quintet.state.record import plain

COLOURS = {
    "done": "green",
    "asked": "blue",
    "escalated": "yellow",
    "rejected": "magenta",
    "aborted": "red",
    "exhausted": "red",
    "waiting": "cyan",
    "unfinished": "red",
}


def find_runs(url: str, status: str | None) -> list[dict[str, Any]]:
    """Return the runs of a database as data, the newest first.

    Raises:
        DesignError: there is no such status.
    """
    if status is not None and status not in COLOURS:
        raise DesignError(f"--status {status!r}: no such status; give {', '.join(COLOURS)}")
    require_database(url)
    with checkpointer(url) as saver:
        runs = [_summary(run) for run in stored_runs(saver)]
    return [run for run in runs if status in (None, run["status"])]


def find_run(url: str, thread: str) -> dict[str, Any]:
    """Return one run of a database as data, by its thread or id, or by the beginning of either.

    Raises:
        NoSuchRun: there is none, or several.
    """
    require_database(url)
    with checkpointer(url) as saver:
        run = stored_run(saver, thread)
    return {
        **_summary(run),
        "path": list(run.path),
        "decisions": [plain(decision) for decision in run.decisions],
        "waiting": list(run.waiting),
        "values": dict(run.values),
    }


def print_runs(runs: Sequence[Mapping[str, Any]], *, total: int) -> None:
    """Print runs as a table, and how many more there are."""
    console = stdout_console()
    longest = max((len(run["thread"]) for run in runs), default=6)
    widths = {"run": 8, "thread": max(longest, 6), "status": 10, "updated": 19}
    rows = Table(box=None, pad_edge=False, header_style="bold")
    for name, width in widths.items():
        rows.add_column(name, no_wrap=True, width=width)
    rest = max(console.width - sum(widths.values()) - 3 * len(widths), 12)
    rows.add_column("reason", overflow="ellipsis", no_wrap=True, width=rest)
    # A terminal wraps a line that is too long; rich would cut the thread off.
    wide = max(console.width, sum(widths.values()) + rest + 3 * len(widths))
    console.size = ConsoleDimensions(wide, console.height)
    for run in runs:
        colour = COLOURS.get(run["status"], "white")
        status = f"[{colour}]{run['status']}[/]"
        rows.add_row(
            run["run"], escape(run["thread"]), status, run["updated"][:19], escape(run["reason"])
        )
    console.print(rows)
    if len(runs) < total:
        console.print(f"{len(runs)} of {total} runs; --limit shows more")
    if not total:
        console.print("no runs")


def print_run(run: Mapping[str, Any]) -> None:
    """Print one run with its path, its decisions and the questions that it waits for."""
    console = stdout_console()
    colour = COLOURS.get(run["status"], "white")
    console.print(f"run [bold]{escape(run['thread'])}[/]: [{colour}]{run['status']}[/]")
    if run["run"]:
        console.print(f"  id: {run['run']}")
    if run["reason"]:
        console.print(f"  {escape(run['reason'])}")
    if run["values"].get("message"):
        console.print(f"  request: {escape(str(run['values']['message']))}")
    console.print(f"  path: {escape(' -> '.join(run['path']) or 'nothing ran')}")
    rows = Table(box=None, header_style="bold", padding=(0, 1))
    for name in ("decision", "at", "choice", "by", "sure"):
        rows.add_column(name, overflow="fold")
    rows.add_column("why", ratio=1, overflow="fold")
    for entry in run["decisions"]:
        sure = "" if entry["confidence"] is None else f"{entry['confidence']:.2f}"
        who = entry["who"] or entry["by"]
        cells = (entry["kind"], entry["node"], entry["choice"], who, sure, entry["reason"])
        rows.add_row(*(escape(str(cell)) for cell in cells))
    console.print(rows)
    for packet in run["waiting"]:
        console.print("waits for:", escape(packet) if isinstance(packet, str) else plain(packet))


def stdout_console() -> Console:
    """Return a console on stdout; it is wide where no terminal sets a width, and cuts nothing."""
    console = _Output()
    return console if console.is_terminal else _Output(width=160)


class _Output(Console):
    """Pass a broken pipe on to the command line, where rich would exit with 1."""

    def on_broken_pipe(self) -> None:
        """Raise the error again, which rich has caught to call this."""
        raise BrokenPipeError


def _summary(run: StoredRun) -> dict[str, Any]:
    return {
        "run": run.id,
        "thread": run.thread,
        "status": run.status,
        "reason": run.reason,
        "updated": run.updated,
    }


def require_database(url: str) -> None:
    """Refuse a SQLite file that does not exist."""
    # SQLite makes a file that it is asked to open, so a mistyped path would look like no runs.
    scheme, _, name = url.partition(":///")
    path = Path(unquote(name.partition("?")[0])).expanduser()
    if scheme == "sqlite" and not path.is_file():
        raise NoSuchRun(
            f"there is no database {name!r}; `quintet demo` makes one, or give --db sqlite:///FILE"
        )
