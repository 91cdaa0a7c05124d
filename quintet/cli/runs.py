"""`quintet runs`: what a database holds, as data, as a table and as a page."""

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
    "escalated": "yellow",
    "rejected": "magenta",
    "aborted": "red",
    "exhausted": "red",
    "waiting": "cyan",
    "unfinished": "red",
}


def listed(url: str, status: str | None) -> list[dict[str, Any]]:
    """The runs of a database, the newest first.

    Raises:
        DesignError: there is no such status.
    """
    if status is not None and status not in COLOURS:
        raise DesignError(f"--status {status!r}: no such status; give {', '.join(COLOURS)}")
    _must_exist(url)
    with checkpointer(url) as saver:
        found = [_brief(run) for run in stored_runs(saver)]
    return [run for run in found if status in (None, run["status"])]


def shown(url: str, thread: str) -> dict[str, Any]:
    """One run of a database, whole; by its thread or id, or how one of them begins.

    Raises:
        NoSuchRun: there is none, or several.
    """
    _must_exist(url)
    with checkpointer(url) as saver:
        run = stored_run(saver, thread)
    return {
        **_brief(run),
        "path": list(run.path),
        "decisions": [plain(decision) for decision in run.decisions],
        "waiting": list(run.waiting),
        "values": dict(run.values),
    }


def table(found: Sequence[Mapping[str, Any]], *, total: int) -> None:
    """Print runs as a table."""
    console = output()
    longest = max((len(run["thread"]) for run in found), default=6)
    widths = {"run": 8, "thread": max(longest, 6), "status": 10, "updated": 19}
    rows = Table(box=None, pad_edge=False, header_style="bold")
    for name, width in widths.items():
        rows.add_column(name, no_wrap=True, width=width)
    rest = max(console.width - sum(widths.values()) - 3 * len(widths), 12)
    rows.add_column("reason", overflow="ellipsis", no_wrap=True, width=rest)
    # A terminal wraps a line that is too long; rich would cut the thread off.
    wide = max(console.width, sum(widths.values()) + rest + 3 * len(widths))
    console.size = ConsoleDimensions(wide, console.height)
    for run in found:
        colour = COLOURS.get(run["status"], "white")
        status = f"[{colour}]{run['status']}[/]"
        rows.add_row(
            run["run"], escape(run["thread"]), status, run["updated"][:19], escape(run["reason"])
        )
    console.print(rows)
    if len(found) < total:
        console.print(f"{len(found)} of {total} runs; --limit shows more")
    if not total:
        console.print("no runs")


def page(run: Mapping[str, Any]) -> None:
    """Print one run."""
    console = output()
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
    for item in run["decisions"]:
        sure = "" if item["confidence"] is None else f"{item['confidence']:.2f}"
        who = item["who"] or item["by"]
        cells = (item["kind"], item["node"], item["choice"], who, sure, item["reason"])
        rows.add_row(*(escape(str(cell)) for cell in cells))
    console.print(rows)
    for packet in run["waiting"]:
        console.print("waits for:", escape(packet) if isinstance(packet, str) else plain(packet))


def output() -> Console:
    """Standard output; wide where no terminal sets a width, so that nothing is cut off."""
    console = _Output()
    return console if console.is_terminal else _Output(width=160)


class _Output(Console):
    """A console that leaves a broken pipe to the command line, which ends well then."""

    def on_broken_pipe(self) -> None:
        """Rich would exit with 1."""
        raise BrokenPipeError


def _brief(run: StoredRun) -> dict[str, Any]:
    return {
        "run": run.id,
        "thread": run.thread,
        "status": run.status,
        "reason": run.reason,
        "updated": run.updated,
    }


def _must_exist(url: str) -> None:
    """Looking must not make a database."""
    scheme, _, name = url.partition(":///")
    path = Path(unquote(name.partition("?")[0])).expanduser()
    if scheme == "sqlite" and not path.is_file():
        raise NoSuchRun(
            f"there is no database {name!r}; `quintet demo` makes one, or give --db sqlite:///FILE"
        )
