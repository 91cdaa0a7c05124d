"""Carry out `quintet runs watch`: hold the messages of runs against a router's examples."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from quintet.cli.runs import require_database
from quintet.errors import DesignError
from quintet.evals.drift import learned_in
from quintet.evals.reading.recorded import message_of
from quintet.evals.running.modules import THING, named_thing, opened_thing
from quintet.nodes.choosers.examples import Examples
from quintet.runs.stored import stored_runs
from quintet.state.checkpointer import checkpointer
from quintet.state.record import plain


def load_chooser(where: str) -> Examples:
    """Find a learned chooser: a file that `save` wrote, or a chooser, router or graph by its name.

    Raises:
        DesignError: there is none, or one that cannot be loaded.
    """
    path = Path(where)
    if path.exists() or ":" not in where:
        try:
            return Examples.load(path)
        except OSError as problem:
            reason = problem.strerror or problem
            raise DesignError(f"--chooser {where}: {reason}; give a file, or {THING}") from problem
        except DesignError as problem:
            raise DesignError(f"--chooser {problem}; or give its graph, {THING}") from problem
    try:
        with ExitStack() as stack:
            return learned_in(opened_thing(named_thing(where, Path.cwd()), stack))
    except DesignError as problem:
        raise DesignError(f"--chooser {where}: {problem}") from problem


def watch_runs(url: str, where: str, limit: int | None) -> dict[str, Any]:
    """Hold the messages of a database's newest runs against a chooser's examples.

    Raises:
        DesignError: no such chooser, it never abstains, or no run holds a message.
        NoSuchRun: there is no such database.
    """
    require_database(url)
    chooser = load_chooser(where)
    with checkpointer(url) as saver:
        messages = [message_of(run) for run in stored_runs(saver)[:limit]]
    texts = [text for text in messages if text.strip()]
    if not texts:
        raise DesignError(f"none of the {len(messages)} runs of {url} holds a message to look at")
    seen = chooser.watch(texts)
    return {"runs": len(messages), "without_message": len(messages) - len(texts), **plain(seen)}


def print_watched(seen: dict[str, Any]) -> None:
    """Print how many messages were accepted, and how many were expected."""
    click.echo(seen["reason"])
    if seen["without_message"]:
        click.echo(f"{seen['without_message']:,} of {seen['runs']:,} runs hold no message")
