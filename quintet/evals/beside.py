"""Evaluate several targets on the same cases, and show their figures side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from quintet.errors import DesignError
from quintet.evals.compare import Compared, compare
from quintet.evals.difference import Difference
from quintet.evals.evaluate import Progress, evaluate, shifted
from quintet.evals.figure import Figure
from quintet.evals.metric import as_metric
from quintet.evals.report import Report
from quintet.evals.suite import Suite
from quintet.evals.target import runs_of

MARKS = {"better": " +", "worse": " -"}


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """The reports of several targets on the same cases.

    Attributes:
        reports: by the target's name; the first is the one that the others are compared with.
        compared: each other target beside the first. Verdicts hold for all targets and all metrics
            together.
    """

    reports: Mapping[str, Report]
    compared: Mapping[str, Compared]

    @property
    def passed(self) -> bool:
        """Say whether every target passed its gates."""
        return all(report.passed for report in self.reports.values())

    def __getitem__(self, name: str) -> Report:
        """Return the report of a target.

        Raises:
            DesignError: there is none of this name.
        """
        if name not in self.reports:
            raise DesignError(f"no target is named {name!r}; there are {', '.join(self.reports)}")
        return self.reports[name]

    def __str__(self) -> str:
        rows = [["figure", *self.reports], *self._rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        first = next(iter(self.reports))
        legend = f"+ better, - worse than {first}; no mark: cannot tell"
        return "\n".join([*lines, legend, *self._notes()])

    __repr__ = __str__

    @property
    def names(self) -> tuple[str, ...]:
        """Name the figures that any of the targets has."""
        figures = (name for report in self.reports.values() for name in report.figures)
        return tuple(dict.fromkeys(figures))

    def row(self, metric: str) -> Iterator[tuple[Figure | None, Difference | None]]:
        """Give each target's figure, with its difference from the first target's, if compared."""
        for name, report in self.reports.items():
            compared = self.compared.get(name)
            found = None if compared is None else compared.differences.get(metric)
            yield report.figures.get(metric), found

    @property
    def worse(self) -> tuple[str, ...]:
        """Name the targets with a gated figure that is worse than the first target's."""
        return tuple(
            name
            for name, compared in self.compared.items()
            if {verdict.gate.metric for verdict in self.reports[name].verdicts} & {*compared.worse}
        )

    def _notes(self) -> Iterator[str]:
        """Give each note once, with the targets that it is of, unless it is of all."""
        of: dict[str, list[str]] = {}
        for name, report in self.reports.items():
            compared = self.compared.get(name)
            for note in dict.fromkeys((*report.notes, *(compared.notes if compared else ()))):
                of.setdefault(note, []).append(name)
        for note, names in of.items():
            yield note if len(names) == len(self.reports) else f"{', '.join(names)}: {note}"

    def _rows(self) -> Iterator[list[str]]:
        for metric in self.names:
            yield [metric, *(_cell(*cell) for cell in self.row(metric))]
        if any(report.verdicts for report in self.reports.values()):
            yield ["gates", *("pass" if each.passed else "MISS" for each in self.reports.values())]


def _cell(figure: Figure | None, found: Difference | None) -> str:
    if figure is None or figure.value is None:
        return "none"
    mark = "" if found is None else MARKS.get(found.verdict, "")
    return f"{figure.shown(figure.value)} {figure.interval}".rstrip() + mark


def side_by_side(
    suite: Suite,
    targets: Mapping[str, Any],
    *,
    repeats: int | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> SideBySide:
    """Evaluate a suite on each of several targets, and compare each with the first, case by case.

    Args:
        suite: the cases, metrics and gates; its own target is not looked at.
        targets: by name, whatever `evaluate` takes, or a `Report` on the same cases.
        repeats: how often each case is run, as for `evaluate`.
        jobs: how many cases are under way at once; the targets are evaluated one after the other.
        progress: called with the number of runs done and their total.

    Raises:
        DesignError: fewer than two targets, or a report on other cases.
    """
    if not isinstance(targets, Mapping):
        raise DesignError(f"side_by_side({targets!r:.60}): give targets by name, as a mapping")
    if len(targets) < 2:
        raise DesignError(f"side_by_side: {len(targets)} targets; give two or more, by name")
    reports: dict[str, Report] = {}
    total = sum(_runs(suite, target, repeats) for target in targets.values())
    done = 0
    for name, target in targets.items():
        if isinstance(target, Report):
            reports[name] = _checked(name, target, suite)
            continue
        moved = shifted(progress, done, total)
        reports[name] = evaluate(suite.on(target), repeats=repeats, jobs=jobs, progress=moved)
        done += _runs(suite, target, repeats)
    first, *others = reports
    # Bonferroni over the targets, beside Holm's correction over the metrics within `compare`.
    confidence = 1 - (1 - suite.confidence) / len(others)
    metrics = tuple(map(as_metric, suite.metrics))
    return SideBySide(
        reports=reports,
        compared={
            name: compare(
                reports[name],
                reports[first],
                metrics=metrics,
                confidence=confidence,
                seed=suite.seed,
            )
            for name in others
        },
    )


def _runs(suite: Suite, target: Any, repeats: int | None) -> int:
    if isinstance(target, Report):
        return 0
    return len(suite.cases) * runs_of(suite.on(target), repeats)


def _checked(name: str, report: Report, suite: Suite) -> Report:
    if report.fingerprint != suite.fingerprint:
        raise DesignError(
            f"side_by_side: the report {name!r} is on other cases ({report.fingerprint}; these are "
            f"{suite.fingerprint}); evaluate its target on these"
        )
    return report
