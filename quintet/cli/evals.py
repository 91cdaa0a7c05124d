"""`quintet eval`: find a suite, run it with progress, write its reports."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from quintet.cli.ends import while_read
from quintet.cli.files import Output, check_apart, check_reports, write_reports
from quintet.cli.progress import progress
from quintet.cli.runs import output
from quintet.cli.systems import PACKAGES
from quintet.errors import DesignError
from quintet.evals.compare import Compared, compare
from quintet.evals.evaluate import evaluate
from quintet.evals.metric import as_metric
from quintet.evals.report import Report, load_report
from quintet.evals.reports import show, summary
from quintet.evals.running.finder import open_suite
from quintet.evals.running.journal import Anew, place_for
from quintet.evals.suite import Suite


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the command line asks for."""

    repeats: int = 1
    sample: int | None = None
    tags: tuple[str, ...] = ()
    jobs: int = 1
    resume: bool = False
    out: str | None = None
    against: str | None = None
    files: Mapping[str, str]
    as_json: bool = False
    langsmith: str | None = None
    folder: str = field(default_factory=os.getcwd)

    def rows(self, suite: str) -> Output:
        """Return where the rows of a suite of this name are kept."""
        return Output.of("out", self.out or f"quintet-eval-{suite}.jsonl", self.folder)

    def reports(self) -> tuple[Output, ...]:
        """Return where the reports go."""
        return tuple(Output.of(kind, path, self.folder) for kind, path in self.files.items())


class NoCases(DesignError):
    """A suite without cases, or none that has the tags asked for."""


def run_eval(name: str, wishes: Wishes) -> bool:
    """Evaluate the suite of that name, print and write what was found.

    Returns:
        Whether every gate passed, and nothing gated is worse than the report held against.

    Raises:
        NoCases: there is nothing to run.
        DesignError: no such suite, or a file that cannot be used.
    """
    reports, named = wishes.reports(), wishes.rows("") if wishes.out else None
    check_reports(reports)
    check_apart(reports)
    if named is not None:
        _check_rows(named, reports)
    baseline = load_report(wishes.against) if wishes.against else None
    with open_suite(name, PACKAGES) as whole:
        suite = _chosen(whole, wishes)
        rows = named or wishes.rows(suite.name)
        _check_rows(rows, reports)
        report = _evaluated(suite, wishes, rows)
        gated = {gate.metric for gate in suite.gates}
        against = (
            compare(report, baseline, metrics=map(as_metric, suite.metrics))
            if baseline is not None
            else None
        )
    worse = sorted(gated & set(against.worse)) if against is not None else []
    with while_read():
        _printed(report, against, wishes, worse)
    write_reports(reports, report, against)
    with while_read():
        written = [f"{each.option}: {each.shown}" for each in reports]
        for line in [*written, *([f"langsmith: {report.url}"] if report.url else [])]:
            click.echo(line, err=True)
    return report.passed and not worse


def _check_rows(rows: Output, reports: Iterable[Output]) -> None:
    """Refuse a place where no rows can be kept, before anything runs."""
    check_apart([rows, *reports])
    if rows.is_stream:
        raise DesignError(f"--out: {rows.shown} is a device: name a file for the rows")
    with rows.named():
        if Path(rows.path).parent.is_dir():  # a missing one is made when it is needed
            place_for(rows.path, shown=rows.shown)


def _chosen(suite: Suite, wishes: Wishes) -> Suite:
    if wishes.tags:
        suite = suite.tagged(*wishes.tags)
    if not suite.cases:
        tagged = f" with the tags {', '.join(wishes.tags)}" if wishes.tags else ""
        raise NoCases(f"suite {suite.name!r} has no cases{tagged}")
    return suite if wishes.sample is None else suite.sampled(wishes.sample)


def _evaluated(suite: Suite, wishes: Wishes, rows: Output) -> Report:
    if wishes.langsmith is not None and wishes.resume:
        raise DesignError(
            "--resume with --langsmith: an experiment cannot be gone on with; leave one of them out"
        )
    done, aside = [0, 0], list[Path]()
    try:
        with progress(suite.name) as advance:

            def moved(count: int, total: int) -> None:
                done[:] = count, total
                advance(count, total)

            options: dict[str, Any] = {
                "repeats": wishes.repeats,
                "jobs": wishes.jobs,
                "into": rows.path if wishes.resume else Anew(path=rows.path, told=aside.append),
                "progress": moved,
            }
            if wishes.langsmith is None:
                return evaluate(suite, **options)
            from quintet.evals.langsmith import Upload, evaluate_with_langsmith

            return evaluate_with_langsmith(
                suite, upload=Upload(dataset=wishes.langsmith), **options
            )
    except BaseException:
        if done[1]:
            click.echo(
                f"{done[0]} of {done[1]} runs are kept in {rows.shown}; with --resume the command "
                "goes on",
                err=True,
            )
        raise
    finally:
        for kept in aside:
            click.echo(
                f"the earlier result is kept in {os.path.relpath(kept, wishes.folder)}", err=True
            )


def _printed(report: Report, against: Compared | None, wishes: Wishes, worse: list[str]) -> None:
    if wishes.as_json:
        found: dict[str, Any] = summary(report)
        if against is not None:
            from quintet.state.record import plain

            found["against"] = {"file": wishes.against, **plain(against), "worse": worse}
        click.echo(json.dumps(found, ensure_ascii=False, indent=2, default=str))
        return
    console = output()
    show(report, console)
    if against is not None:
        console.print(f"\nagainst {wishes.against}:", markup=False, highlight=False)
        console.print(str(against), markup=False, highlight=False)
    if worse:
        console.print(f"worse in {', '.join(worse)}: this does not pass", style="red")
