"""Carry out `quintet eval` for several suites: their targets stand side by side."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from quintet.cli.ends import tolerating_closed_pipes
from quintet.cli.evals import EvalOptions, check_rows, evaluate_kept, select_cases
from quintet.cli.files import Output, check_apart, check_reports, write_texts
from quintet.cli.runs import stdout_console
from quintet.cli.streams import stdout_for_results
from quintet.cli.systems import PACKAGES
from quintet.errors import DesignError
from quintet.evals.beside import SideBySide, side_by_side
from quintet.evals.reports import page
from quintet.evals.reports.summary import summary
from quintet.evals.running.finder import open_suite
from quintet.evals.suite import Suite
from quintet.state.record import plain


def run_beside(names: tuple[str, ...], options: EvalOptions) -> bool:
    """Evaluate the targets of several suites on the cases of the first, and print them in a table.

    Returns:
        True where every target passed its gates, and no gated figure is worse than the first's.

    Raises:
        NoCases: there is nothing to run.
        DesignError: suites on other cases, a file that cannot be used, or an option for one suite.
    """
    reports = options.reports()
    _check_options(options)
    check_reports(reports)
    with stdout_for_results(), ExitStack() as stack:
        suites = [stack.enter_context(open_suite(name, PACKAGES)) for name in names]
        targets = _targets(names, suites, options)
        first = next(iter(targets.values()))
        rows = {name: _rows(name, options) for name in targets}
        check_apart([*reports, *rows.values()])
        for output in rows.values():
            check_rows(output, reports)
        done = {name: evaluate_kept(targets[name], options, rows[name]) for name in targets}
        both = side_by_side(first, done)
    with tolerating_closed_pipes():
        _print(both, options)
    write_texts((output, page(both.reports[next(iter(done))], beside=both)) for output in reports)
    with tolerating_closed_pipes():
        for output in reports:
            click.echo(f"{output.option}: {output.shown}", err=True)
    return both.passed and not both.worse


def _check_options(options: EvalOptions) -> None:
    """Refuse options that are for the report of one target."""
    given = {"--against": options.against, "--langsmith": options.langsmith}
    given |= {f"--{kind}": path for kind, path in options.files.items() if kind != "html"}
    if odd := [name for name, value in given.items() if value is not None]:
        raise DesignError(f"{odd[0]} is for one suite: leave it out, or evaluate them one by one")
    if options.out is not None and (rows := options.rows("")).is_stream:
        raise DesignError(f"--out: {rows.shown} is a device: name a file for the rows")


def _targets(names: tuple[str, ...], suites: list[Suite], options: EvalOptions) -> dict[str, Suite]:
    """Put each target into the first suite, under its own suite's name or how it was called."""
    whole = suites[0]
    for name, suite in zip(names, suites, strict=True):
        if suite.fingerprint != whole.fingerprint:
            raise DesignError(
                f"{name} is on other cases than {names[0]} ({len(suite.cases)} and "
                f"{len(whole.cases)}): side by side stand targets on the same cases; give each "
                "suite the same, or evaluate them one by one"
            )
    own = [suite.name for suite in suites]
    labels = own if len({*own}) == len(own) else [*names]
    if len({*labels}) < len(labels):
        raise DesignError(f"{names[0]} is given twice: give suites with different targets")
    chosen = select_cases(whole, options)
    return {
        label: replace(chosen, name=label, target=suite.target)
        for label, suite in zip(labels, suites, strict=True)
    }


def _rows(name: str, options: EvalOptions) -> Output:
    """Return the file that keeps a target's rows: its own, beside the one of `--out`."""
    part = re.sub(r"[^\w.-]+", "-", name)
    if options.out is None:
        return options.rows(part)
    path = Path(options.out)
    return Output.of("out", str(path.with_name(f"{path.stem}-{part}{path.suffix}")), options.folder)


def _print(both: SideBySide, options: EvalOptions) -> None:
    if not options.as_json:
        stdout_console().print(str(both), markup=False, highlight=False, soft_wrap=True)
        return
    data: dict[str, Any] = {
        "passed": both.passed and not both.worse,
        "worse": both.worse,
        "targets": {name: summary(report) for name, report in both.reports.items()},
        "compared": {name: plain(compared) for name, compared in both.compared.items()},
    }
    click.echo(json.dumps(data, ensure_ascii=False, indent=2, default=str))
