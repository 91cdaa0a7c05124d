"""`quintet eval`: find a suite, run it with progress, write its reports."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from quintet.cli.progress import progress
from quintet.cli.runs import output
from quintet.cli.systems import PACKAGES
from quintet.evals.compare import Compared, compare
from quintet.evals.evaluate import evaluate
from quintet.evals.finder import open_suite
from quintet.evals.report import Report, load_report
from quintet.evals.reports import junit, markdown, page, show, summary
from quintet.evals.scoring import metrics_of
from quintet.evals.suite import Suite
from quintet.state.errors import DesignError

Writer = Callable[[Report, Compared | None], str]

WRITERS: Mapping[str, Writer] = {
    "html": page,
    "junit": lambda report, _: junit(report),
    "markdown": markdown,
}


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
    for kind, path in wishes.files.items():
        if not Path(path).parent.is_dir() or Path(path).is_dir():
            raise DesignError(
                f"--{kind} {path!r} cannot be written: name a file in a folder that exists"
            )
    baseline = load_report(wishes.against) if wishes.against else None
    with open_suite(name, PACKAGES) as whole:
        suite = _chosen(whole, wishes)
        report = _evaluated(suite, wishes)
        gated = {gate.metric for gate in suite.gates}
        against = (
            compare(report, baseline, metrics=metrics_of(suite)) if baseline is not None else None
        )
    for kind, path in wishes.files.items():
        Path(path).write_text(WRITERS[kind](report, against), "utf-8")
    worse = sorted(gated & set(against.worse)) if against is not None else []
    _printed(report, against, wishes, worse)
    written = [f"{kind}: {path}" for kind, path in wishes.files.items()]
    for line in [*written, *([f"langsmith: {report.url}"] if report.url else [])]:
        click.echo(line, err=True)
    return report.passed and not worse


def _chosen(suite: Suite, wishes: Wishes) -> Suite:
    if wishes.tags:
        suite = suite.tagged(*wishes.tags)
    if not suite.cases:
        tagged = f" with the tags {', '.join(wishes.tags)}" if wishes.tags else ""
        raise NoCases(f"suite {suite.name!r} has no cases{tagged}")
    return suite if wishes.sample is None else suite.sampled(wishes.sample)


def _evaluated(suite: Suite, wishes: Wishes) -> Report:
    if wishes.langsmith is not None and wishes.resume:
        raise DesignError(
            "--resume with --langsmith: an experiment cannot be gone on with; leave one of them out"
        )
    out = Path(wishes.out or f"quintet-eval-{suite.name}.jsonl")
    if not wishes.resume:
        _put_aside(out)
    done = [0, 0]
    try:
        with progress(suite.name) as advance:

            def moved(count: int, total: int) -> None:
                done[:] = count, total
                advance(count, total)

            options: dict[str, Any] = {
                "repeats": wishes.repeats,
                "jobs": wishes.jobs,
                "into": out,
                "progress": moved,
            }
            if wishes.langsmith is None:
                return evaluate(suite, **options)
            from quintet.evals.langsmith import Upload, evaluate_with_langsmith

            return evaluate_with_langsmith(
                suite, upload=Upload(dataset=wishes.langsmith), **options
            )
    except KeyboardInterrupt:
        click.echo(
            f"{done[0]} of {done[1]} runs are kept in {out}; with --resume the command goes on",
            err=True,
        )
        raise


def _put_aside(out: Path) -> None:
    """An earlier result is kept under another name, never written over."""
    if out.exists():
        out.replace(out.with_suffix(f".before{out.suffix}"))


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
