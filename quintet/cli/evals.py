"""Carry out `quintet eval`: find a suite, run it with progress, write its reports."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from quintet.cli.ends import tolerating_closed_pipes
from quintet.cli.files import Output, check_apart, check_reports, write_reports
from quintet.cli.progress import progress
from quintet.cli.runs import stdout_console
from quintet.cli.streams import stdout_for_results
from quintet.cli.systems import PACKAGES
from quintet.errors import DesignError
from quintet.evals.compare import Compared, compare
from quintet.evals.evaluate import evaluate
from quintet.evals.metric import as_metric
from quintet.evals.report import Report, load_report
from quintet.evals.reports import show
from quintet.evals.reports.summary import summary
from quintet.evals.running.finder import open_suite
from quintet.evals.running.journal import Anew, place_for
from quintet.evals.suite import Suite
from quintet.state.budget import Budget
from quintet.state.record import plain


@dataclass(frozen=True, kw_only=True)
class EvalOptions:
    """The options of `quintet eval`."""

    repeats: int | None = None
    sample: int | None = None
    tags: tuple[str, ...] = ()
    jobs: int = 1
    resume: bool = False
    out: str | None = None
    against: str | None = None
    files: Mapping[str, str]
    as_json: bool = False
    langsmith: str | None = None
    limit: Budget | None = None
    max_errors: int | None = None
    folder: str = field(default_factory=os.getcwd)

    def rows(self, suite: str) -> Output:
        """Return the file that keeps the rows of a suite of this name."""
        return Output.of("out", self.out or f"quintet-eval-{suite}.jsonl", self.folder)

    def reports(self) -> tuple[Output, ...]:
        """Return the files that the reports are written to."""
        return tuple(Output.of(kind, path, self.folder) for kind, path in self.files.items())


class NoCases(DesignError):
    """Raised when a suite has no cases, or none with the tags asked for."""


def run_eval(name: str, options: EvalOptions) -> bool:
    """Evaluate a suite, print its report, and write it to the files that were asked for.

    Returns:
        True where every gate passed and, with `against`, no gated figure is worse, and each could
        be compared.

    Raises:
        NoCases: there is nothing to run.
        DesignError: no such suite, or a file that cannot be used.
    """
    # Without --out the suite names the file of its rows; all else is checked before its code runs.
    reports, named = options.reports(), options.rows("") if options.out else None
    check_reports(reports)
    check_apart(reports)
    if named is not None:
        check_rows(named, reports)
    baseline = load_report(options.against) if options.against else None
    # A suite's code may print; stdout is for the report.
    with stdout_for_results(), open_suite(name, PACKAGES) as whole:
        suite = select_cases(whole, options)
        rows = named or options.rows(suite.name)
        check_rows(rows, reports)
        if options.resume and baseline is not None and _is_same(str(options.against), rows):
            raise DesignError(
                f"--against {options.against} with --resume: the evaluation goes on from that very "
                "file, and would be compared with itself; name the earlier report, or another --out"
            )
        report = evaluate_kept(suite, options, rows)
        gated = {gate.metric for gate in suite.gates}
        against = (
            compare(report, baseline, metrics=map(as_metric, suite.metrics))
            if baseline is not None
            else None
        )
    worse, lost = list[str](), list[str]()
    if against is not None:
        worse = sorted(gated & set(against.worse))
        lost = sorted(gated - set(against.differences))
    with tolerating_closed_pipes():
        _print_report(report, against, options, worse, lost)
    write_reports(reports, report, against)
    with tolerating_closed_pipes():
        for output in reports:
            click.echo(f"{output.option}: {output.shown}", err=True)
        if report.url:
            click.echo(f"langsmith: {report.url}", err=True)
    return report.passed and not worse and not lost


def _is_same(path: str, rows: Output) -> bool:
    return os.path.realpath(os.path.expanduser(path)) == os.path.realpath(rows.path)


def check_rows(rows: Output, reports: Iterable[Output]) -> None:
    """Refuse a file in which no rows can be kept, before anything runs."""
    check_apart([rows, *reports])
    if rows.is_stream:
        raise DesignError(f"--out: {rows.shown} is a device: name a file for the rows")
    with rows.named():
        if Path(rows.path).parent.is_dir():  # a missing one is made when it is needed
            place_for(rows.path, shown=rows.shown)


def select_cases(suite: Suite, options: EvalOptions) -> Suite:
    """Return a suite on the cases, and under the limits, that the options ask for.

    Raises:
        NoCases: there are none, or none of one of the tags.
    """
    if not suite.cases:
        raise NoCases(f"suite {suite.name!r} has no cases")
    known = {tag for case in suite.cases for tag in case.tags}
    if unknown := [tag for tag in options.tags if tag not in known]:
        raise NoCases(f"suite {suite.name!r} has no cases with the tags {', '.join(unknown)}")
    if options.tags:
        suite = suite.tagged(*options.tags)
    if options.limit is not None:
        given = {name: getattr(options.limit, name) for name in options.limit.limited}
        suite = replace(suite, limit=replace(suite.limit or Budget(), **given))
    if options.max_errors is not None:
        suite = replace(suite, max_errors=options.max_errors)
    return suite if options.sample is None else suite.sampled(options.sample)


def evaluate_kept(suite: Suite, options: EvalOptions, rows: Output) -> Report:
    """Evaluate a suite with progress, and keep its rows in a file; say where earlier ones are.

    Raises:
        DesignError: the file cannot be used, or an experiment is to be gone on with.
    """
    if options.langsmith is not None and options.resume:
        raise DesignError(
            "--resume with --langsmith: an experiment cannot be gone on with; leave one of them out"
        )
    done, total, aside = 0, 0, list[Path]()
    try:
        with progress(suite.name) as show_progress:

            def advance(count: int, of: int) -> None:
                nonlocal done, total
                done, total = count, of
                show_progress(done, total)

            settings: dict[str, Any] = {
                "repeats": options.repeats,
                "jobs": options.jobs,
                "into": rows.path if options.resume else Anew(path=rows.path, told=aside.append),
                "progress": advance,
            }
            if options.langsmith is None:
                return evaluate(suite, **settings)
            from quintet.evals.langsmith import Upload, evaluate_with_langsmith

            upload = Upload(dataset=options.langsmith)
            return evaluate_with_langsmith(suite, upload=upload, **settings)
    except BaseException:  # an interrupt as well: what is done can be gone on with
        if total:
            click.echo(
                f"{done} of {total} runs are kept in {rows.shown}; with --resume the command "
                "goes on",
                err=True,
            )
        raise
    finally:
        for path in aside:
            click.echo(
                f"the earlier result is kept in {os.path.relpath(path, options.folder)}", err=True
            )


def _print_report(
    report: Report,
    against: Compared | None,
    options: EvalOptions,
    worse: list[str],
    lost: list[str],
) -> None:
    if options.as_json:
        data: dict[str, Any] = summary(report)
        if against is not None:
            data["against"] = {"file": options.against, **plain(against), "worse": worse}
            data["against"]["gates_not_compared"] = lost
        click.echo(json.dumps(data, ensure_ascii=False, indent=2, default=str))
        return
    console = stdout_console()
    show(report, console)
    if against is not None:
        console.print(f"\nagainst {options.against}:", markup=False, highlight=False)
        console.print(str(against), markup=False, highlight=False)
    if lost:
        console.print(
            f"gates on {', '.join(lost)} could not be compared: this does not pass; name a report "
            "that has them, or leave --against out",
            style="red",
            highlight=False,
        )
    if worse:
        console.print(f"worse in {', '.join(worse)}: this does not pass", style="red")
