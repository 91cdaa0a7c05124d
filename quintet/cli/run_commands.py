"""Define the commands of `quintet runs`; import a graph library only where a command needs it."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from quintet.cli.options import chooser_option, database_url, db_option, json_option, print_json


@click.group()
def runs() -> None:
    """Look at the runs in a database, answer what they ask, and tidy up."""


@runs.command("list")
@json_option
@db_option
@click.option("--status", help="Only runs of this status, such as escalated or waiting.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
def list_runs(as_json: bool, database: str | None, status: str | None, limit: int) -> None:
    """List runs, the newest first."""
    from quintet.cli.runs import find_runs, print_runs

    found = find_runs(database_url(database), status)
    if as_json:
        print_json({"runs": found[:limit], "total": len(found)})
    else:
        print_runs(found[:limit], total=len(found))


@runs.command("show")
@click.argument("thread", metavar="RUN")
@json_option
@db_option
def show_run(thread: str, as_json: bool, database: str | None) -> None:
    """Show one run: its path, its decisions, what it waits for, its outcome.

    RUN is its thread or its id, as `quintet runs list` shows them, or the beginning of either.
    """
    from quintet.cli.runs import find_run, print_run

    run = find_run(database_url(database), thread)
    if as_json:
        print_json(run)
    else:
        print_run(run)


@runs.command("watch")
@chooser_option(help="The router's learned chooser.", required=True)
@json_option
@db_option
@click.option("--limit", type=click.IntRange(min=1), help="Only the newest N runs.")
def watch_runs(chooser: str, as_json: bool, database: str | None, limit: int | None) -> None:
    """Say whether the messages of runs are like what their router has learned from.

    Held against each other are the share of messages that the chooser accepts and the coverage of
    its promise. Exits with 1 where clearly fewer are accepted (z < -3): the promise is then not
    shown for them. Of each thread the last run is read. This is for one look; `quintet eval --live
    URL --chooser FILE` may be looked at at any time.
    """
    from quintet.cli.ends import guarded
    from quintet.cli.watch import print_watched
    from quintet.cli.watch import watch_runs as watched

    with guarded():
        seen = watched(database_url(database), chooser, limit)
    if as_json:
        print_json(seen)
    else:
        print_watched(seen)
    sys.exit(1 if seen["unlike"] else 0)


_graph = click.option(
    "--graph",
    required=True,
    metavar="MODULE:GRAPH",
    help="The run's graph: a StateGraph, a compiled one, or a function that returns one.",
)
_question = click.option(
    "--question",
    metavar="ID",
    help="The question, or its beginning; needed where several were asked.",
)
_by = click.option(
    "--by", required=True, help="Who answers: a name, or the token that the gate asks for."
)
_note = click.option("--note", default="", help="A remark, which goes on record.")
_thread = click.argument("thread", metavar="RUN")


def _answering(command: Any) -> Any:
    """Add the options that all answers have."""
    for option in (_thread, _graph, _question, _by, _note, json_option, db_option):
        command = option(command)
    return command


@runs.command("waiting")
@json_option
@db_option
@click.option("--gate", help="Only questions of this gate.")
@click.option("--approver", help="Only what this person, or this role, may answer.")
def show_waiting(
    as_json: bool, database: str | None, gate: str | None, approver: str | None
) -> None:
    """List what waits for people, over all threads, the oldest first."""
    from quintet.cli.desk import find_waiting, print_waiting

    questions = find_waiting(database_url(database), gate, approver)
    if as_json:
        print_json({"waiting": questions})
    else:
        print_waiting(questions)


@runs.command("approve")
@_answering
def approve_run(by: str, note: str, **options: Any) -> None:
    """Say yes to the action that a run asks about, and run it on.

    RUN is its thread or its id, or the beginning of either; so for the commands below.
    """
    from quintet.runs import approve

    _answer(approve(by=by, note=note), **options)


@runs.command("reject")
@_answering
def reject_run(by: str, note: str, **options: Any) -> None:
    """Say no; nothing is done."""
    from quintet.runs import reject

    _answer(reject(by=by, note=note), **options)


@runs.command("edit")
@click.option(
    "--set", "pairs", multiple=True, required=True, metavar="NAME=VALUE", help="An argument."
)
@_answering
def edit_run(by: str, note: str, pairs: tuple[str, ...], **options: Any) -> None:
    """Say yes with changed arguments."""
    from quintet.cli.desk import read_arguments
    from quintet.runs import edit

    _answer(edit(read_arguments(pairs), by=by, note=note), **options)


@runs.command("respond")
@_answering
def respond_run(by: str, note: str, **options: Any) -> None:
    """Say no, and give a response in place of the action: --note TEXT."""
    from quintet.runs import respond

    _answer(respond(note, by=by), **options)


@runs.command("settle")
@click.option(
    "--as",
    "how",
    type=click.Choice(["happened", "did not happen", "undo"]),
    help="How an effect ended that was cut off.",
)
@click.option("--result", help="What it gave, as JSON, where it happened.")
@click.option(
    "--set", "pairs", multiple=True, metavar="NAME=VALUE", help="A value for a merge's open field."
)
@_answering
def settle_run(
    by: str, note: str, how: Any, result: str | None, pairs: tuple[str, ...], **options: Any
) -> None:
    """Settle what only a person can tell: how an effect ended, or a merge's open conflicts."""
    from quintet.cli.desk import read_arguments
    from quintet.runs import settle

    if bool(how) == bool(pairs):
        raise click.UsageError("give either --as happened|'did not happen'|undo, or --set values")
    if how:
        told = None if result is None else json.loads(result)
        _answer(settle(how, by=by, note=note, result=told), **options)
    else:
        _answer(settle(read_arguments(pairs), by=by, note=note), **options)


@runs.command("sweep")
@click.option("--graph", "graphs", required=True, multiple=True, metavar="MODULE:GRAPH")
@json_option
@db_option
def sweep_runs(graphs: tuple[str, ...], as_json: bool, database: str | None) -> None:
    """Answer what nobody has answered in time, as its gate declares; for a timer such as cron."""
    from quintet.cli.desk import print_moved
    from quintet.cli.desk import sweep_runs as swept

    moved = swept(database_url(database), graphs)
    if as_json:
        print_json({"runs": moved})
    else:
        print_moved(moved)


def _answer(answer: Any, **options: Any) -> None:
    from quintet.cli.desk import answer_question, print_moved

    url = database_url(options["database"])
    run = answer_question(url, options["graph"], options["thread"], options["question"], answer)
    if options["as_json"]:
        print_json(run)
    else:
        print_moved([run])


@runs.command("prune")
@json_option
@db_option
@click.option("--older-than", metavar="AGE", help="Only checkpoints older than this: 12h, 30d.")
@click.option("--keep", type=click.IntRange(min=1), help="Keep the newest N of each thread.")
@click.option("--thread", metavar="ID", help="Only this thread.")
@click.option("--journal", is_flag=True, help="Delete the journal of threads that go as a whole.")
@click.option("--dry-run", is_flag=True, help="Delete nothing; say what would be deleted.")
def prune_runs(as_json: bool, database: str | None, **rule: Any) -> None:
    """Delete old checkpoints; the journal stays.

    The newest checkpoint of a run that waits or is not finished always stays, so that it can be
    answered or resumed. A thread whose run is over goes as a whole when all of it is older than
    --older-than, unless --keep says otherwise. The journal goes on to know what was done, so
    that it is not done again; with --journal it is forgotten.
    """
    from quintet.cli.prune import print_pruned, prune_database

    pruned = prune_database(database_url(database), rule)
    if as_json:
        print_json(pruned)
    else:
        print_pruned(pruned)
