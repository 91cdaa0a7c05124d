"""Report how runs ended that were broken on purpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.expected import wrong_labels
from quintet.evals.faults.fault import Spot
from quintet.evals.faults.spread import Spread
from quintet.evals.trajectory import Trajectory
from quintet.state.record import plain
from quintet.stats.interval import Interval
from quintet.stats.proportion import proportion

End = Literal["recovered", "handed over", "silent failure", "crashed", "other"]
ENDS: tuple[End, ...] = get_args(End)

END_LABELS = ("outcome", "calls", "never", "state")
"""The labels that say where a run should end; how it got there is not held against it."""


@dataclass(frozen=True, kw_only=True)
class Injected:
    """One run in which a fault struck.

    Args:
        case: the case.
        fault: the kind of fault.
        spot: where it struck.
        node: the node that was at work there.
        visit: the number of the spot's visit, from 1, at which it began to strike.
        times: how often it could strike at most.
        trajectory: the run's trajectory.
        unbroken: the trajectory of the same case without a fault.
        wrong: the names of the labels that the run contradicts; empty where it contradicts none.
        spread: the nodes that ran from the strike on, and where it changed what was handed on.
    """

    case: Case
    fault: str
    spot: Spot
    visit: int
    times: int
    trajectory: Trajectory = field(repr=False)
    unbroken: Trajectory = field(repr=False)
    node: str = ""
    wrong: tuple[str, ...] = ()
    spread: Spread = field(default_factory=Spread, repr=False)

    @property
    def end(self) -> End:
        """Name the way it ended.

        `recovered`: as if nothing had happened. `handed over`: a person knows. `silent failure`:
        it claims to be done, and something contradicts it. `crashed`: it raised, or has no outcome.
        `other`: it ended otherwise than it should, such as `rejected`, and does not claim success.
        """
        run = self.trajectory
        if not self.wrong and not run.error:
            return "recovered"
        if run.error or run.status in ("error", "unfinished"):
            return "crashed"
        # Before the handover: a run that claims done is silent, even where it asked a person too.
        if run.claims_done:
            return "silent failure"
        if run.escalated or run.status in ("escalated", "exhausted", "waiting"):
            return "handed over"
        return "other"

    @property
    def repeated(self) -> int:
        """Count the repetitions of effects: each time beyond the first that one key was done."""
        return sum(number - 1 for number in _done(self.trajectory).values() if number > 1)

    def __str__(self) -> str:
        often = f" x {self.times}" if self.times < 100 else " for good"
        outcome = f"{self.trajectory.status}: {self.trajectory.reason or self.trajectory.error}"
        wrong = f" ({', '.join(self.wrong)} wrong)" if self.wrong else ""
        return f"{self.case.id}: {self.fault} at {self.spot}{often} -> {self.end}{wrong}; {outcome}"


def contradicted(case: Case, run: Trajectory, unbroken: Trajectory) -> tuple[str, ...]:
    """Name the labels of a case's end that a run contradicts.

    Without an `outcome` label the run must end with the unbroken run's status, and without a
    `calls` label it must have done the same effects (calls with a key).
    """
    wrong = [name for name in wrong_labels(case, run) if name in END_LABELS]
    if case.outcome is None and run.status != unbroken.status:
        wrong.append("outcome")
    if case.calls is None and _effects(run) != _effects(unbroken):
        wrong.append("effects")
    return tuple(wrong)


def _done(run: Trajectory) -> Counter[str]:
    return Counter(call.key for call in run.calls if call.key and call.status == "ok")


def _effects(run: Trajectory) -> list[str]:
    # An effect of unknown end may have happened, so it differs from one that did not.
    begun = (call for call in run.calls if call.key and call.status in ("ok", "unknown"))
    return sorted(str((call.name, plain(dict(call.arguments)), call.status)) for call in begun)


@dataclass(frozen=True, kw_only=True)
class FaultReport:
    """The result of `inject`.

    Attributes:
        suite: the suite's name.
        rows: every run in which a fault struck.
        kinds: the kinds of fault, in order.
        cases: the number of cases in the suite.
        left_out: the ids of cases that go wrong without any fault.
        stopped: the ids of cases in which, without any fault, something was refused or the run
            stopped, though their labels do not say so: false alarms.
        never_struck: the number of runs in which no fault struck, since they went another way.
        confidence: of the intervals.
        seed: the seed with which the same faults strike again.
    """

    suite: str
    rows: tuple[Injected, ...] = field(repr=False)
    kinds: tuple[str, ...]
    cases: int
    left_out: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    never_struck: int = 0
    confidence: float = 0.95
    seed: int = 0

    def of(self, kind: str) -> tuple[Injected, ...]:
        """Return the rows of one kind of fault."""
        return tuple(row for row in self.rows if row.fault == kind)

    @property
    def silent(self) -> tuple[Injected, ...]:
        """Return the rows of silent failures, to be looked at."""
        return tuple(row for row in self.rows if row.end == "silent failure")

    def share(self, end: End, kind: str | None = None) -> tuple[float | None, Interval]:
        """Return the share of struck runs with this end, None without any, and its interval.

        Args:
            end: one of `ENDS`.
            kind: the kind of fault; by default all.

        Raises:
            DesignError: there is no such end.
        """
        if end not in ENDS:
            raise DesignError(f"share({end!r}): give one of {', '.join(ENDS)}")
        rows = self.rows if kind is None else self.of(kind)
        # The runs of one case are a cluster: they are not independent of each other.
        parts = [(row.case.group or row.case.id, float(row.end == end), 1.0) for row in rows]
        hits = sum(part for _, part, _ in parts)
        return (hits / len(rows) if rows else None), proportion(parts, confidence=self.confidence)

    @property
    def recovery_rate(self) -> float | None:
        """Return the share of struck runs that ended as if nothing had happened, if any."""
        return self.share("recovered")[0]

    @property
    def silent_failure_rate(self) -> float | None:
        """Return the share of struck runs that claim done and are not, if any."""
        return self.share("silent failure")[0]

    def counts(self, kind: str | None = None) -> Mapping[str, int]:
        """Count the struck runs, those that ended each way, and the repetitions of effects."""
        rows = self.rows if kind is None else self.of(kind)
        ends = Counter(row.end for row in rows)
        repeated = sum(row.repeated for row in rows)
        return {"struck": len(rows), **{end: ends[end] for end in ENDS}, "repeated": repeated}

    def as_data(self) -> dict[str, Any]:
        """Return all figures as plain data, without the runs."""
        return {
            "suite": self.suite,
            "cases": self.cases,
            "left_out": len(self.left_out),
            "seed": self.seed,
            "never_struck": self.never_struck,
            **self.counts(),
            "recovery_rate": _figure(self, "recovered"),
            "silent_failure_rate": _figure(self, "silent failure"),
            "kinds": {kind: dict(self.counts(kind)) for kind in self.kinds},
        }

    def __str__(self) -> str:
        heads = ("fault", "struck", *ENDS, "repeated")
        kinds = [(kind, *self.counts(kind).values()) for kind in self.kinds]
        lines = _table([heads, *kinds, ("all", *self.counts().values())])
        for name, end in (("recovered", "recovered"), ("silent failures", "silent failure")):
            value, interval = self.share(end)  # type: ignore[arg-type]
            if value is not None:
                lines.append(f"{name}: {value:.1%} [{interval.low:.1%}, {interval.high:.1%}]")
        if self.left_out:
            lines.append(
                f"left out: {len(self.left_out)} of {self.cases} cases go wrong without any fault"
            )
        lines += [f"  {row}" for row in self.silent[:5]]
        return "\n".join(lines)

    __repr__ = __str__


def _figure(report: FaultReport, end: End) -> dict[str, Any]:
    value, interval = report.share(end)
    return {"value": value, "low": interval.low, "high": interval.high}


def _table(rows: Iterable[tuple[Any, ...]]) -> list[str]:
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
