"""Evaluate a suite: run every case, score it, and report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import IO, Any

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.items import items_in
from quintet.evals.metric import Metric
from quintet.evals.reading.rows import CLOSING, Header
from quintet.evals.report import Report, header_of, report_of, summed
from quintet.evals.row import Row
from quintet.evals.running.journal import Into, Journal, journal, write_line
from quintet.evals.running.loop import run_to_end
from quintet.evals.running.resume import continued
from quintet.evals.running.runner import Runner, open_runner, within
from quintet.evals.running.sound import sound
from quintet.evals.scoring import metrics_of, rescored, scored
from quintet.evals.suite import Suite, check_runs
from quintet.evals.target import (
    as_target,
    left_out_recordings,
    runs_of,
    unknown_routes,
    untold_limits,
)
from quintet.state.record import plain

Progress = Callable[[int, int], None]


def evaluate(
    suite: Any,
    cases: Iterable[Case] | None = None,
    *,
    repeats: int | None = None,
    jobs: int = 1,
    into: Into | None = None,
    progress: Progress | None = None,
) -> Report:
    """Run a suite's cases on its target, score them, and report.

    An exception of a run is a finding and stops nothing, `sys.exit` and the target's own
    cancellations included. An exception of a metric counts as its worst score. Ctrl-C stops the
    evaluation, and so does a `DesignError`: it is a mistake in how the suite is put together.
    Nothing leaves the machine, unless LangSmith's tracing is switched on in the environment, as for
    any LangChain run.

    Args:
        suite: a `Suite`; or a target (a compiled graph, a `Router`, a chooser, a function of a
            case that returns a `Trajectory`), with `cases`.
        cases: the cases, where `suite` is a target.
        repeats: how often each case is run; by default as the suite says (`Suite`).
        jobs: how many cases are under way at once. An async target is awaited, any other runs in
            threads.
        into: a file that gets each row as it is made. Where it holds rows of these cases already,
            they are kept and not run again, so that an interrupted evaluation goes on. A file that
            holds anything else is refused, and so is one that another evaluation writes into.
        progress: called with the number of runs done and their total.

    Returns:
        The report; its rows are in the order of the cases, whichever ended first.

    Raises:
        DesignError: no cases, an unknown kind of target, a file that holds anything else, a gate
            on an unknown metric, or a wrong setting.
    """
    return run_to_end(
        aevaluate(suite, cases, repeats=repeats, jobs=jobs, into=into, progress=progress)
    )


async def aevaluate(
    suite: Any,
    cases: Iterable[Case] | None = None,
    *,
    repeats: int | None = None,
    jobs: int = 1,
    into: Into | None = None,
    progress: Progress | None = None,
) -> Report:
    """Run and report as `evaluate` does, on the event loop that runs already.

    Where a task that a target starts raises SystemExit, asyncio ends that loop.
    """
    whole = _suite(suite, cases)
    repeats = runs_of(whole, repeats)
    check_runs(whole, repeats=repeats, jobs=jobs)
    if progress is not None and not callable(progress):
        raise DesignError(f"evaluate(progress={progress!r:.60}): give a function of two numbers")
    work = _Evaluation(
        suite=whole,
        target=as_target(whole.target, whole.cases),
        metrics=metrics_of(whole, repeats=repeats),
        progress=progress,
    )
    untold = untold_limits(work.target, whole.cases, whole.limit)
    header, clock = header_of(whole, repeats), time.monotonic()
    with nullcontext() if into is None else journal(into) as book:
        if book is not None:
            header = await work.resume(book, header)
        # Each case once before any is repeated: an evaluation that is cut off has seen them all.
        runs = [(case, repeat) for repeat in range(repeats) for case in whole.cases]
        await work.run(runs, jobs)
        report = report_of(
            whole,
            [row for case in whole.cases for row in work.rows_of(case, repeats)],
            header,
            metrics=work.metrics,
            seconds=time.monotonic() - clock,
            notes=[*work.notes(header, repeats), untold, unknown_routes(work.target, whole.cases)],
        )
        if work.file is not None and not work.stopped:
            write_line(work.file, {CLOSING: summed(report)})
    return report


def shifted(progress: Progress | None, done: int, total: int) -> Progress | None:
    """Shift one evaluation's progress by the runs done before it."""
    return None if progress is None else lambda more, _: progress(done + more, total)


def _suite(thing: Any, cases: Iterable[Case] | None) -> Suite:
    if not isinstance(thing, Suite):
        given = () if cases is None else items_in(cases, "evaluate(cases=...)", Case)
        suite = Suite(cases=given, target=thing)
    elif cases is not None:
        raise DesignError("evaluate(suite, cases): a suite has its cases; leave them out")
    else:
        suite = thing
    return suite


@dataclass(kw_only=True)
class _Evaluation:
    """Run cases, score them, and keep the rows."""

    suite: Suite
    target: Any
    metrics: tuple[Metric, ...]
    progress: Progress | None
    file: IO[str] | None = None
    total: int = 0
    made: int = 0
    errors: int = 0
    rows: dict[tuple[str, int], Row] = field(default_factory=dict)

    @property
    def stopped(self) -> bool:
        """Say whether so many runs raised that no more are begun."""
        return self.suite.max_errors is not None and self.errors >= self.suite.max_errors

    def rows_of(self, case: Case, repeats: int) -> Iterator[Row]:
        """Give the rows of a case, repeat by repeat; those that were never run are left out."""
        for repeat in range(repeats):
            if (case.id, repeat) in self.rows:
                yield self.rows[case.id, repeat]

    def notes(self, header: Header, repeats: int) -> Iterator[str]:
        """Say what is left out, and what the rows differ in."""
        if self.stopped:
            yield f"stopped after {self.errors} runs that raised"
        if self.made == 0:
            yield (
                f"nothing was run: all {self.total} runs are those of the file, begun "
                f"{header.began}; name another file to run them again"
            )
        yield from header.settings.get("notes", ())
        if unread := sum(repeat >= repeats for _, repeat in self.rows):
            yield f"the file holds {unread} runs of further repeats, which are left out"
        yield left_out_recordings(self.target, self.suite.cases, repeats)

    async def resume(self, book: Journal, header: Header) -> Header:
        """Take over the rows that a file holds, open it for those to come, and return its header.

        Raises:
            DesignError: the file's rows may not stand beside those to come.
        """
        began, rows = book.earlier_rows() or (header, [])
        header = continued(book.place, began, header, rows, self.suite)
        known = {case.id: case for case in self.suite.cases}
        for row in rows:
            # The fingerprint is equal, so the suite's cases can stand for those read from the file.
            ours = replace(row, case=known[row.case.id])
            # A row with a value that cannot be kept, or that took more than it may, is made again.
            run = within(sound(ours.case, row.trajectory), self.suite.limit)
            if run.error == row.trajectory.error:
                self.rows[row.case.id, row.repeat] = await rescored(ours, self.metrics)
        self.file = book.begin(header, self.rows.values())
        return header

    async def run(self, runs: list[tuple[Case, int]], jobs: int) -> None:
        """Make the runs that have no row yet."""
        self.total = len(runs)
        left = [(case, repeat) for case, repeat in runs if (case.id, repeat) not in self.rows]
        self.made = len(left)
        waiting = iter(left)  # shared: a worker that is free takes the next run
        with open_runner(self.target, jobs, self.suite.limit) as runner:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(jobs, len(left))):
                        group.create_task(self._work(waiting, runner))
            except* Exception as problems:  # noqa: BLE001 - a mistake in the suite, a full disk, ...
                raise problems.exceptions[0] from None

    async def _work(self, waiting: Iterator[tuple[Case, int]], runner: Runner) -> None:
        for case, repeat in waiting:
            trajectory = await runner.run_case(case, repeat)
            row = await scored(case, trajectory, repeat, self.metrics)
            self.rows[case.id, repeat] = row
            if self.file is not None:
                write_line(self.file, plain(row))
            if self.progress is not None:
                self.progress(len(self.rows), self.total)
            self.errors += bool(trajectory.error)
            if self.stopped:
                return
