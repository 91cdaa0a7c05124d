"""Report an evaluation: every row, every figure with its interval, every gate."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from quintet import __version__
from quintet.errors import DesignError
from quintet.evals.analysis.balance import balance
from quintet.evals.figure import Figure
from quintet.evals.figures import figures_of
from quintet.evals.gate import Verdict
from quintet.evals.metric import Metric, as_metric
from quintet.evals.metrics import STANDARD
from quintet.evals.reading.rows import Header, read_rows
from quintet.evals.row import Row
from quintet.evals.running.identity import identity_of
from quintet.evals.running.journal import save_rows
from quintet.evals.suite import Suite
from quintet.evals.target import as_target
from quintet.state.record import plain, read


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of `evaluate`.

    Attributes:
        suite: the suite's name.
        rows: every case, run once or more, in the order of the suite and then of the repeats.
        figures: by metric, in order; metrics that apply to no case are left out.
        verdicts: one for each gate.
        notes: warnings to read before the figures, such as an unbalanced set of cases.
        confidence: of the intervals.
        fingerprint: of the cases.
        began: the time when it began, ISO 8601.
        seconds: the wall time of the whole evaluation.
        expected: the number of rows of a whole evaluation; more than `rows` if it was cut off.
        versions: of Quintet, LangGraph and Python.
        url: of the experiment, where it was uploaded.
    """

    suite: str
    rows: tuple[Row, ...] = field(repr=False)
    figures: Mapping[str, Figure]
    verdicts: tuple[Verdict, ...] = ()
    notes: tuple[str, ...] = ()
    confidence: float = 0.95
    fingerprint: str = ""
    began: str = ""
    seconds: float = 0.0
    expected: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    url: str = ""

    @property
    def passed(self) -> bool:
        """Say whether all rows are there and every gate passed; True without gates."""
        return len(self.rows) >= self.expected and all(verdict.passed for verdict in self.verdicts)

    @property
    def wrong(self) -> tuple[Row, ...]:
        """Return the rows whose run contradicts a label of its case, or raised."""
        return tuple(row for row in self.rows if row.wrong)

    def __getitem__(self, metric: str) -> Figure:
        """Return the figure of a metric.

        Raises:
            DesignError: there is no figure of this name.
        """
        if metric not in self.figures:
            known = ", ".join(self.figures) or "none"
            raise DesignError(f"report {self.suite!r} has no figure {metric!r}; it has {known}")
        return self.figures[metric]

    def save(self, path: str | Path) -> None:
        """Write the report into a file, one row a line; `load_report` reads it back.

        An earlier report there is replaced, once the new one is whole.

        Raises:
            DesignError: the path holds something else, or a running evaluation writes there.
        """
        header = Header(
            suite=self.suite,
            fingerprint=self.fingerprint,
            expected=self.expected,
            began=self.began,
            settings={"confidence": self.confidence},
        )
        save_rows(path, header, self.rows, summed(self))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        # Imported late: `reports` shows reports, and so imports this module.
        from quintet.evals.reports.notebook import notebook

        return {"text/plain": str(self), "text/html": notebook(self)}

    def __str__(self) -> str:
        from quintet.evals.reports import text

        return text(self)

    __repr__ = __str__


def header_of(suite: Suite, repeats: int) -> Header:
    """Make the first line of a file of this suite's rows."""
    return Header(
        suite=suite.name,
        fingerprint=suite.fingerprint,
        expected=len(suite.cases) * repeats,
        began=datetime.now(UTC).isoformat(timespec="seconds"),
        settings={
            "confidence": suite.confidence,
            "seed": suite.seed,
            "limit": plain(suite.limit),
            "target": identity_of(as_target(suite.target, suite.cases)),
            "metrics": {
                metric.name: identity_of(metric.score)["digest"]
                for metric in map(as_metric, suite.metrics)
            },
        },
    )


def report_of(
    suite: Suite,
    rows: Sequence[Row],
    header: Header,
    *,
    metrics: Iterable[Metric],
    seconds: float,
    notes: Iterable[str] = (),
) -> Report:
    """Report on a suite's rows: compute the figures, judge the gates, and note warnings.

    Args:
        suite: the suite.
        rows: its rows.
        header: the header of its file.
        metrics: the metrics that scored the rows.
        seconds: the wall time.
        notes: what the reader must know of how the rows were made; empty ones are left out.
    """
    figures = figures_of(
        rows,
        metrics,
        confidence=suite.confidence,
        seed=suite.seed,
        gated={gate.metric for gate in suite.gates},
    )
    return Report(
        suite=suite.name,
        rows=tuple(rows),
        figures={name: figure for name, figure in figures.items() if figure.value is not None},
        verdicts=tuple(gate.judged(figures.get(gate.metric)) for gate in suite.gates),
        notes=(
            *filter(None, notes),
            *_notes(figures.values(), rows),
            *balance(suite.cases).warnings,
        ),
        confidence=suite.confidence,
        fingerprint=suite.fingerprint,
        began=header.began,
        seconds=seconds,
        expected=header.expected,
        versions={
            "quintet": __version__,
            "langgraph": version("langgraph"),
            "python": platform.python_version(),
        },
    )


def _notes(figures: Iterable[Figure], rows: Sequence[Row]) -> Iterator[str]:
    """Say which figures lack runs, or could not be computed at all."""
    for figure in figures:
        if figure.left_out:
            error = next(row.errors[figure.metric] for row in rows if figure.metric in row.errors)
            yield (
                f"{figure.metric}: it raised in {figure.left_out} of {len(rows)} runs, which are "
                f"left out ({error:.120})"
            )
        elif figure.value is None and figure.note:
            yield f"{figure.metric}: {figure.note}"


def summed(report: Report) -> dict[str, Any]:
    """Return a report without its rows, as plain data."""
    names = (item.name for item in fields(report) if item.name != "rows")
    return {name: plain(getattr(report, name)) for name in names}


def load_report(path: str | Path) -> Report:
    """Read a report from a file that `Report.save` or `evaluate(into=...)` wrote.

    A file of an interrupted evaluation gives the figures of the standard metrics on the rows that
    it has; such a report does not pass.

    Raises:
        DesignError: no such file, or it is no report.
    """
    header, rows, closing = read_rows(path)
    if closing is not None:
        return read(Report, {**closing, "rows": [plain(row) for row in rows]})
    confidence = float(header.settings.get("confidence", 0.95))
    figures = figures_of(rows, STANDARD, confidence=confidence)
    return Report(
        suite=header.suite,
        rows=tuple(rows),
        figures={name: figure for name, figure in figures.items() if figure.value is not None},
        notes=(
            f"cut off: {len(rows)} of {header.expected} runs",
            *header.settings.get("notes", ()),
        ),
        confidence=confidence,
        fingerprint=header.fingerprint,
        began=header.began,
        expected=header.expected,
    )
