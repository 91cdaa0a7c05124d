"""Evaluate a suite: run every case, score it, and say what was found."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import IO, Any

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.metric import Metric
from quintet.evals.reading.rows import CLOSING, Header
from quintet.evals.report import Report, header_of, report_of, summed
from quintet.evals.row import Row
from quintet.evals.running.journal import Into, Journal, journal, write_line
from quintet.evals.running.loop import run_to_end
from quintet.evals.running.runner import Runner, open_runner
from quintet.evals.scoring import check_gates, metrics_of, scored
from quintet.evals.suite import Suite
from quintet.evals.target import as_target, unknown_routes
from quintet.state.record import plain

Progress = Callable[[int, int], None]


def evaluate(
    suite: Any,
    cases: Iterable[Case] | None = None,
    *,
    repeats: int = 1,
    jobs: int = 1,
    into: Into | None = None,
    progress: Progress | None = None,
) -> Report:
    """Run a suite's cases on its target, score them, and report.

    What a case's run raises is a finding and stops nothing, `sys.exit` and cancellations of its
    own included; so is what a metric raises, and it counts as the worst score. Ctrl-C stops the
    evaluation, and so does a `DesignError`: it is a mistake in how the suite is put together.
    Nothing leaves the machine, unless LangSmith's tracing is switched on in the environment, as for
    any LangChain run.

    Args:
        suite: a `Suite`; or a target (a compiled graph, a `Router`, a chooser, a function of a
            case that returns a `Trajectory`), with `cases`.
        cases: of a target that is no suite.
        repeats: how often each case is run.
        jobs: how many cases are under way at once; a target that waits is awaited, any other runs
            in threads.
        into: a file that gets each row as it is made. Where it holds rows of these cases already,
            they are kept and not run again, so that an interrupted evaluation goes on. A file that
            holds anything else is refused, and so is one that another evaluation writes into.
        progress: called with how many runs are done, and of how many.

    Returns:
        The report; its rows are in the order of the cases, whichever ended first.

    Raises:
        DesignError: no cases, no such target, a file of anything else, or a wrong setting.
    """
    return run_to_end(
        aevaluate(suite, cases, repeats=repeats, jobs=jobs, into=into, progress=progress)
    )


async def aevaluate(
    suite: Any,
    cases: Iterable[Case] | None = None,
    *,
    repeats: int = 1,
    jobs: int = 1,
    into: Into | None = None,
    progress: Progress | None = None,
) -> Report:
    """Run and report as `evaluate` does, on the event loop that runs already.

    The loop is yours: where a task that a target starts raises SystemExit, asyncio ends the loop.
    """
    whole = _suite(suite, cases)
    for name, value in (("repeats", repeats), ("jobs", jobs)):
        if not isinstance(value, int) or value < 1:
            raise DesignError(f"evaluate({name}={value!r}): give a whole number, 1 or more")
    bench = _Bench(
        metrics=metrics_of(whole, repeats=repeats),
        target=as_target(whole.target, whole.cases),
        progress=progress,
    )
    check_gates(whole, bench.metrics)
    header, clock = header_of(whole, repeats), time.monotonic()
    with nullcontext() if into is None else journal(into) as book:
        if book is not None:
            header = bench.keeps(book, header, whole)
        await bench.run([(case, each) for each in range(repeats) for case in whole.cases], jobs)
        order = [(case.id, repeat) for case in whole.cases for repeat in range(repeats)]
        report = report_of(
            whole,
            [bench.done[place] for place in order],
            header,
            metrics=bench.metrics,
            seconds=time.monotonic() - clock,
            note=unknown_routes(bench.target, whole.cases),
        )
        if bench.file is not None:
            write_line(bench.file, {CLOSING: summed(report)})
    return report


def within(progress: Progress | None, done: int, total: int) -> Progress | None:
    """Progress of one evaluation among several, after so many runs and of so many in all."""
    return None if progress is None else lambda more, _: progress(done + more, total)


def _suite(given: Any, cases: Iterable[Case] | None) -> Suite:
    if isinstance(given, Suite):
        if cases is not None:
            raise DesignError("evaluate(suite, cases): a suite has its cases; leave them out")
        suite = given
    else:
        suite = Suite(cases=tuple(cases or ()), target=given)
    if not suite.cases:
        raise DesignError(f"suite {suite.name!r} has no cases; give evaluate(target, cases)")
    return suite


@dataclass(kw_only=True)
class _Bench:
    """One evaluation under way."""

    metrics: tuple[Metric, ...]
    target: Any
    progress: Progress | None
    file: IO[str] | None = None
    total: int = 0
    done: dict[tuple[str, int], Row] = field(default_factory=dict)

    def keeps(self, book: Journal, header: Header, suite: Suite) -> Header:
        """Take over the rows that a file has, and write the others behind them.

        Raises:
            DesignError: they are of other cases.
        """
        began, rows = book.earlier_rows() or (header, [])
        if began.fingerprint != header.fingerprint:
            raise DesignError(
                f"{book.place} holds rows of other cases (suite {began.suite!r}, "
                f"{began.fingerprint}; these are {suite.name!r}, {header.fingerprint}); give "
                "another file, or remove it"
            )
        known = {case.id: case for case in suite.cases}
        kept = [self.again(replace(row, case=known[row.case.id])) for row in rows]
        self.done.update({(row.case.id, row.repeat): row for row in kept})
        header = replace(header, began=began.began)
        self.file = book.begin(header, self.done.values())
        return header

    def again(self, row: Row) -> Row:
        """A row from a file, with pass^k for as many repeats as there are now."""
        fresh = [each for each in self.metrics if hasattr(each.over, "parts")]
        points = {each.name: each.score(row.case, row.trajectory) for each in fresh}
        known = {name: each for name, each in points.items() if isinstance(each, tuple)}
        return replace(row, scores={**row.scores, **known}) if known else row

    async def run(self, runs: list[tuple[Case, int]], jobs: int) -> None:
        """Make the runs that have no row yet, so many at once."""
        self.total = len(runs)
        left = [(case, repeat) for case, repeat in runs if (case.id, repeat) not in self.done]
        waiting = iter(left)
        with open_runner(self.target, jobs) as runner:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(jobs, len(left))):
                        group.create_task(self._work(waiting, runner))
            except* (DesignError, OSError) as problems:  # a mistake in the suite, a full disk
                raise problems.exceptions[0] from None

    async def _work(self, waiting: Iterator[tuple[Case, int]], runner: Runner) -> None:
        for case, repeat in waiting:
            trajectory = await runner.run_case(case, repeat)
            row = await scored(case, trajectory, repeat, self.metrics)
            self.done[case.id, repeat] = row
            if self.file is not None:
                write_line(self.file, plain(row))
            if self.progress is not None:
                self.progress(len(self.done), self.total)
