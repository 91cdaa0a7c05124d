"""Define what the commands share: where runs are kept, and how results are printed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import click

DATABASE = "sqlite:///quintet-runs.db"

db_option = click.option(
    "--db",
    "database",
    default=None,
    metavar="URL",
    help="Where runs are kept: sqlite:///FILE, or postgresql://... "
    f"(default: $QUINTET_DB, else {DATABASE}).",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout."
)


def chooser_option(*, help: str, required: bool = False) -> Callable[[Any], Any]:
    """Return the option that names a learned chooser."""
    return click.option(
        "--chooser",
        required=required,
        metavar="FILE|MODULE:NAME",
        help=f"{help} A file that its save wrote, or a chooser, a Router or a graph with one.",
    )


def database_url(given: str | None) -> str:
    """Return the URL of the database: as given, from the environment, or the default."""
    return given or os.environ.get("QUINTET_DB") or DATABASE


def print_json(data: Mapping[str, Any]) -> None:
    """Print data as one JSON object."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=2, default=str))
