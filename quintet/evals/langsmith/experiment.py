"""Evaluate a suite through LangSmith: on this machine alone, or as an uploaded experiment."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import IO

from quintet.errors import DesignError
from quintet.evals.langsmith.driver import Driver, examples_of
from quintet.evals.langsmith.offline import OfflineClient
from quintet.evals.langsmith.service import collected_warnings
from quintet.evals.langsmith.upload import Upload, Uploading
from quintet.evals.reading.rows import CLOSING, Header
from quintet.evals.report import Report, header_of, report_of, summed
from quintet.evals.running.journal import Into, Journal, journal, write_line
from quintet.evals.running.loop import run_to_end
from quintet.evals.suite import Suite, check_runs
from quintet.evals.target import left_out_recordings, runs_of, unknown_routes

Progress = Callable[[int, int], None]


def evaluate_with_langsmith(
    suite: Suite,
    *,
    upload: Upload | None = None,
    repeats: int | None = None,
    jobs: int = 1,
    into: Into | None = None,
    progress: Progress | None = None,
) -> Report:
    """Run a suite through LangSmith's own `aevaluate`; the report is that of `evaluate`.

    Without `upload` no socket is opened, whatever the environment says. With it the cases become
    a dataset, the runs an experiment on it with their traces, every metric a feedback on its run,
    every figure and gate a feedback on the experiment; `Report.url` and `Trajectory.url` lead
    there. The server cannot change the result: where it is gone, slow or refuses, the cases are
    run all the same, and `Report.notes` lists the losses. The calls that a metric itself makes,
    such as a judge's, are not traced.

    Args:
        suite: the suite.
        upload: the settings of the upload; None to upload nothing.
        repeats: how often each case is run; LangSmith's repetitions.
        jobs: how many cases run at once.
        into: a new file that gets each row as it is made. After an interruption,
            `evaluate(suite, into=...)` goes on from it, without LangSmith.
        progress: called with the number of runs that are done, and the number of all.

    Returns:
        The report, its rows in the order of the suite.

    Raises:
        DesignError: no cases, a wrong setting, no such target, a file that has rows, or no key.
    """
    return run_to_end(
        aevaluate_with_langsmith(
            suite, upload=upload, repeats=repeats, jobs=jobs, into=into, progress=progress
        )
    )


async def aevaluate_with_langsmith(
    suite: Suite,
    *,
    upload: Upload | None = None,
    repeats: int | None = None,
    jobs: int = 1,
    into: Into | None = None,
    progress: Progress | None = None,
) -> Report:
    """Run a suite as `evaluate_with_langsmith` does, on the event loop that runs already."""
    if suite.max_errors is not None:
        raise DesignError(
            f"Suite(max_errors={suite.max_errors}): LangSmith begins all runs; leave it out, or "
            "use evaluate"
        )
    repeats = runs_of(suite, repeats)
    check_runs(suite, repeats=repeats, jobs=jobs)
    header, clock = header_of(suite, repeats), time.monotonic()
    driver = Driver(suite=suite, repeats=repeats, jobs=jobs, progress=progress)

    def reported() -> Report:
        rows = [driver.rows[case.id, repeat] for case in suite.cases for repeat in range(repeats)]
        seconds = time.monotonic() - clock
        notes = [
            left_out_recordings(driver.target, suite.cases, repeats),
            unknown_routes(driver.target, suite.cases),
        ]
        return report_of(suite, rows, header, metrics=driver.metrics, seconds=seconds, notes=notes)

    with collected_warnings() as warned, nullcontext() if into is None else journal(into) as file:
        if file is not None:
            driver.file = _begin(file, header)
        if upload is None:
            await driver.run(examples_of(suite), OfflineClient(), None)
            report = reported()
        else:
            uploading = Uploading(upload=upload, driver=driver, header=header, warned=warned)
            report = await uploading.run(reported)
        if driver.file is not None:
            write_line(driver.file, {CLOSING: summed(report)})
    return report


def _begin(file: Journal, header: Header) -> IO[str]:
    if file.earlier_rows() is not None:
        raise DesignError(
            f"{file.place} holds rows already: go on from them with evaluate(suite, into=...), "
            "without LangSmith, or give another file"
        )
    return file.begin(header)
