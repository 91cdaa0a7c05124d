"""Define the commands and their options; import a graph library only where a command needs it."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from quintet import __version__
from quintet.cli.options import (
    chooser_option,
    database_url,
    db_option,
    json_option,
    print_json,
)
from quintet.cli.run_commands import runs

WATCHING = ("live", "once", "every", "stale", "chooser")
"""The options of `quintet eval --live`."""
EXIT_GATE, EXIT_USAGE, EXIT_INTERNAL, EXIT_NO_CASES, EXIT_INTERRUPTED = 1, 2, 3, 5, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="quintet")
def cli() -> None:
    """Orchestrate agents on LangGraph: plan, route, keep state, escalate, recover.

    \b
      quintet demo              a support desk over real messages; no API key, no server
      quintet demo all          every reference system, in one table
      quintet runs list         the runs that it left behind
      quintet runs show RUN     one run: its path, its decisions, its outcome
      quintet runs waiting      what waits for people; approve, reject, edit, ... answer it
      quintet runs watch --chooser FILE  are its messages like what the router has learned from?
      quintet runs prune --older-than 30d  delete old checkpoints; what was done stays known
      quintet check MODULE:GRAPH  mistakes in a graph, before its first run
      quintet eval SUITE...     measure an orchestration, or several side by side

    Data goes to stdout, progress to stderr. Exit codes: 0 well, 1 found something wrong or missed
    a gate, 2 usage, 3 internal error or broken off, 5 no cases, 130 interrupted.
    """  # noqa: D301 - click looks for the backspace itself


@cli.command()
@click.argument("system", default="support")
@json_option
@db_option
@click.option("--model", metavar="openai:NAME", help="Drive the system by this chat model.")
@click.option("--base-url", metavar="URL", help="The model's address, if it is not OpenAI's.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N cases.")
@click.option("--no-faults", is_flag=True, help="Break no step on purpose.")
def demo(  # noqa: PLR0913 - one for each option of the command
    system: str,
    as_json: bool,
    database: str | None,
    model: str | None,
    base_url: str | None,
    limit: int | None,
    no_faults: bool,
) -> None:
    """Run a reference system over its real input, or `all` of them.

    `support` answers its messages, stops at gates (a declared support lead answers), breaks some
    steps on purpose, and prints for each message the route and why, the path, approval, recovery
    and outcome. `retail` replays the recorded conversations of a larger shop, where its data is.
    Every other system runs its labelled cases, and its README says what they are. An unknown name
    lists what there is.

    \b
    Exits with
      0  no run ended in silence, and enough decisions are right, in every system that was run
      1  a system is not well, or could not run
      2  wrong use, such as an unknown system
    """  # noqa: D301 - click looks for the backspace itself
    from quintet.cli.systems import ALL, run_all, run_system

    options = {"limit": limit, "faults": not no_faults, "model": model, "base_url": base_url}
    report: dict[str, Any]
    if system == ALL:
        if model:
            raise click.UsageError("--model drives one system; name it in place of all")
        report = run_all(database_url(database), options, quiet=as_json)
        well = all(one["well"] for one in report.values())
    else:
        report = run_system(system, database_url(database), options, quiet=as_json)
        well = report["well"]
    if as_json:
        print_json(report)
    sys.exit(0 if well else EXIT_GATE)


cli.add_command(runs)


@cli.command()
@click.argument("graph", metavar="MODULE:GRAPH")
@click.option(
    "--against",
    metavar="URL",
    help="Also say which open runs of this database the graph would break, migrate or leave alone.",
)
@json_option
def check(graph: str, against: str | None, as_json: bool) -> None:
    """Check a graph before its first run.

    GRAPH names a StateGraph, a compiled graph, versions of one, or a function without arguments
    that returns one. Exits with 1 where it finds an error, or where a run would break; warnings
    alone exit with 0.
    """
    from quintet.cli.check import findings_of, print_findings, print_runs_against, runs_against
    from quintet.cli.ends import guarded

    with guarded():
        findings = findings_of(graph)
        runs, others = runs_against(graph, against) if against else ([], 0)
    if as_json:
        about = {"against": against, "runs": runs, "others": others} if against else {}
        print_json({"graph": graph, "findings": findings, **about})
    else:
        print_findings(graph, findings)
        if against:
            print_runs_against(against, runs, others)
    wrong = [finding for finding in findings if finding["level"] == "error"]
    wrong += [run for run in runs if run["verdict"] == "breaks"]
    sys.exit(EXIT_GATE if wrong else 0)


@cli.command("eval")
@click.argument("suites", nargs=-1, required=True, metavar="SUITE...")
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    help="How often each case is run (default: once, or as often as every case is recorded).",
)
@click.option(
    "--sample", type=click.IntRange(min=1), help="Only N cases, drawn by the suite's seed."
)
@click.option("--tag", "tags", multiple=True, help="Only cases with this tag; may be given again.")
@click.option(
    "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Cases at once."
)
@click.option(
    "--resume", is_flag=True, help="Go on with an interrupted run; keep what it has done."
)
@click.option(
    "--out",
    metavar="FILE",
    help="Where every run is kept (default: quintet-eval-SUITE.jsonl). An earlier result there is "
    "never lost: of rows.jsonl it becomes rows.1.jsonl, the next rows.2.jsonl, and so on.",
)
@click.option("--seconds", type=float, help="The most seconds that one run may take.")
@click.option("--tokens", type=int, help="The most tokens that one run may take.")
@click.option("--money", type=float, help="The most money that one run may take.")
@click.option(
    "--max-errors", type=click.IntRange(min=1), help="Begin no more runs once so many have raised."
)
@click.option("--against", metavar="FILE", help="Compare with an earlier run's file, case by case.")
@click.option("--html", metavar="FILE", help="Write the report as one self-contained page.")
@click.option("--junit", metavar="FILE", help="Write it as JUnit XML.")
@click.option("--markdown", metavar="FILE", help="Write it for a pull request.")
@click.option(
    "--langsmith",
    is_flag=False,
    flag_value="",
    metavar="[DATASET]",
    help="Upload as an experiment, on that dataset or the suite's name (LANGSMITH_API_KEY).",
)
@click.option(
    "--live",
    metavar="URL",
    help="Score the runs of this database as they end, and watch over the suite's gates.",
)
@click.option("--once", is_flag=True, help="With --live: end after one look.")
@click.option("--every", default="10s", show_default=True, help="With --live: between two looks.")
@click.option(
    "--stale",
    default="1h",
    show_default=True,
    help="With --live: a run that stands still for so long has ended without a word.",
)
@chooser_option(help="With --live: also watch whether the messages are like this one's examples.")
@json_option
def evaluate_suite(suites: tuple[str, ...], as_json: bool, **others: Any) -> None:
    """Evaluate a suite: run its cases, score them, judge its gates.

    SUITE names a Suite: a folder with evals.py (such as examples/support), FILE.py, FILE.py:NAME,
    MODULE or MODULE:NAME, or the bare name of an example; or it is a YAML file whose keys are the
    fields of a Suite: target (FILE.py:NAME), cases (a list, or a file), metrics (by name), gates,
    limit, repeats, ... Every figure has its interval; a gate passes on the bound, not on the mean.
    Nothing is uploaded without --langsmith.

    \b
    Exits with
      0    all runs are there, every gate passed
      1    a gate is missed; or a gated figure is proven worse, with --against or side by side,
           or cannot be compared with that of --against
      2    wrong use, a mistake in the suite, or a file that cannot be used
      3    broken off by an error in the suite's own code, or in Quintet
      5    there are no cases
      130  interrupted; what is done is kept, and --resume goes on
    Whatever an agent or a metric raises, sys.exit included, is a wrong case and ends nothing.

    Several SUITEs stand side by side: the target of each is evaluated on the cases of the first,
    which all must have, by its metrics and gates. Each is compared with the first, case by case;
    verdicts hold for all targets and figures together. --json, --html and --resume are for them
    too; the rows of each are kept in a file of its own.

    With --live URL nothing is run: the runs of that database are scored as they end, by the suite's
    metrics, and its gates are judged by bounds that may be looked at at any time. It goes on until
    a gate is proven broken (exit 1), or ends after one look with --once. With --chooser it ends too
    when the messages are proven unlike what the router has learned from. With --json each look
    that has something new is one line.

    A file is replaced only by its own kind, and only when the new one is whole: an earlier report
    by --out, an earlier page by --html, and so on. Where any other file is in the place, a folder,
    a device or a pipe, the command is refused before anything runs. --html, --junit and --markdown
    may name /dev/stdout and the like.
    """  # noqa: D301 - click looks for the backspace itself
    from quintet.cli.beside import run_beside
    from quintet.cli.ends import guarded
    from quintet.cli.evals import EvalOptions, NoCases, run_eval

    watching = {name: others.pop(name) for name in WATCHING}
    if watching["live"] is not None:
        _watch(suites, **watching, as_json=as_json)
    if idle := [name for name in WATCHING if _is_given(name)]:
        raise click.UsageError(f"--{idle[0]} is for watching runs: give --live URL with it")
    files = {kind: others.pop(kind) for kind in ("html", "junit", "markdown")}
    options = EvalOptions(
        as_json=as_json,
        limit=_limit(others),
        files={kind: path for kind, path in files.items() if path},
        **others,
    )
    try:
        with guarded():
            several = len(suites) > 1
            passed = run_beside(suites, options) if several else run_eval(suites[0], options)
    except NoCases as problem:
        click.echo(f"quintet: {problem}", err=True)
        sys.exit(EXIT_NO_CASES)
    sys.exit(0 if passed else EXIT_GATE)


def _limit(options: dict[str, Any]) -> Any:
    """Take the limits of a run out of the options: a `Budget`, or None where there are none."""
    from quintet.state.budget import Budget

    limit = Budget(**{name: options.pop(name) for name in ("seconds", "tokens", "money")})
    return limit if limit.limited else None


def _is_given(option: str) -> bool:
    """Say whether an option stands on the command line, also with its default."""
    source = click.get_current_context().get_parameter_source(option)
    return source is click.core.ParameterSource.COMMANDLINE


def _watch(suites: tuple[str, ...], *, live: str, **options: Any) -> None:
    """Watch over a suite's gates, and exit as it ends.

    Raises:
        click.UsageError: an option of an evaluation that runs cases was given, or several suites.
    """
    if len(suites) > 1:
        raise click.UsageError("--live watches over the gates of one suite: leave out the others")
    context = click.get_current_context()
    for option in context.command.params:
        ours = option.name in {"suites", "live", *options}
        if _is_given(option.name or "") and not ours:
            raise click.UsageError(f"--live runs no cases: leave out {option.opts[0]}")

    from quintet.cli.ends import guarded
    from quintet.cli.live import LiveOptions, run_live

    with guarded():
        kept = run_live(suites[0], LiveOptions(url=live, **options))
    sys.exit(0 if kept else EXIT_GATE)


def main() -> None:
    """Run the console script: commands, with errors as one line and an exit code."""
    from quintet.cli.ends import BrokenOff, silence_streams

    try:
        _run()
    except SystemExit:
        raise
    except click.exceptions.Exit as problem:  # raised by --help and --version
        sys.exit(problem.exit_code)
    except click.ClickException as problem:
        problem.show()
        sys.exit(EXIT_USAGE)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:  # as by `quintet runs list | head`: nobody reads on
        silence_streams()
        sys.exit(0)
    except BaseException as problem:
        if os.environ.get("QUINTET_TRACEBACK"):
            raise
        known = type(problem).__module__.startswith("quintet") or isinstance(problem, OSError)
        hint = "" if known else " (QUINTET_TRACEBACK=1 shows where)"
        notes = "".join(f"; {' '.join(note.split())}" for note in getattr(problem, "__notes__", ()))
        click.echo(f"quintet: {type(problem).__name__}: {problem}{notes}{hint}", err=True)
        wrong_use = known and not isinstance(problem, BrokenOff)
        sys.exit(EXIT_USAGE if wrong_use else EXIT_INTERNAL)


def _run() -> None:
    """Run the command group without `cli()`, which ends a broken pipe with exit code 1."""
    if "_QUINTET_COMPLETE" in os.environ:  # a shell completes a line, which only `cli()` answers
        cli(prog_name="quintet")
    with cli.make_context("quintet", sys.argv[1:]) as context:
        cli.invoke(context)
