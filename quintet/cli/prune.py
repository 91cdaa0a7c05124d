"""Carry out `quintet runs prune`: delete old checkpoints, and say what went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from quintet.cli.runs import require_database
from quintet.errors import DesignError
from quintet.runs.retention import prune
from quintet.state.checkpointer import checkpointer
from quintet.state.record import plain


def prune_database(url: str, rule: Mapping[str, Any]) -> dict[str, Any]:
    """Prune a database, and return what went as data.

    Raises:
        DesignError: the rule names neither an age nor a number of checkpoints.
        NoSuchRun: there is no such database or thread.
    """
    if rule["keep"] is None and rule["older_than"] is None:
        raise DesignError("give --older-than AGE, such as 30d, or --keep N, or both")
    require_database(url)
    with checkpointer(url) as saver:
        pruned = prune(saver, **rule)
    return {**plain(pruned), "dry_run": rule["dry_run"]}


def print_pruned(pruned: Mapping[str, Any]) -> None:
    """Print what went, or would go, and which threads were passed over."""
    would = "would be " if pruned["dry_run"] else ""
    count, threads, journals = (
        pruned["checkpoints"],
        len(pruned["threads"]),
        len(pruned["journals"]),
    )
    click.echo(f"{count} checkpoints {would}deleted; {threads} threads {would}gone as a whole")
    if journals:
        click.echo(f"{journals} journals {would}deleted: what was done there is forgotten")
    for thread, why in pruned["passed_over"].items():
        click.echo(f"passed over {thread}: {why}")
