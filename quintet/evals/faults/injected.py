"""What became of runs that were broken on purpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.expected import wrong_labels
from quintet.evals.faults.fault import Spot
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
        visit: at the how manieth visit of the spot it began to.
        times: how often it was to strike.
        trajectory: what the run did.
        unbroken: what the same case did without a fault.
        wrong: what contradicts the case, by label; empty where nothing does.
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

    @property
    def end(self) -> End:
        """How it ended.

        `recovered`: as if nothing had happened. `handed over`: a person knows. `silent failure`:
        it claims to be done, and something contradicts it. `crashed`: it raised, or has no outcome.
        `other`: it ended otherwise than it should, such as `rejected`, and does not claim success.
        """
        ran = self.trajectory
        if not self.wrong and not ran.error:
            return "recovered"
        if ran.error or ran.status in ("error", "unfinished"):
            return "crashed"
        if ran.claims_done:
            return "silent failure"
        if ran.escalated or ran.status in ("escalated", "exhausted", "waiting"):
            return "handed over"
        return "other"

    @property
    def repeated(self) -> int:
        """How many effects happened more often than in the unbroken run and under one key."""
        return sum(number - 1 for number in _done(self.trajectory).values() if number > 1)

    def __str__(self) -> str:
        often = f" x {self.times}" if self.times < 100 else " for good"
        said = f"{self.trajectory.status}: {self.trajectory.reason or self.trajectory.error}"
        about = f" ({', '.join(self.wrong)} wrong)" if self.wrong else ""
        return f"{self.case.id}: {self.fault} at {self.spot}{often} -> {self.end}{about}; {said}"


def contradicted(case: Case, ran: Trajectory, unbroken: Trajectory) -> tuple[str, ...]:
    """The labels of a case's end that a run contradicts; without a label, the unbroken run is it.

    Where no calls are labelled, the effects (calls with a key) are held against the unbroken run's.
    """
    wrong = [name for name in wrong_labels(case, ran) if name in END_LABELS]
    if case.outcome is None and ran.status != unbroken.status:
        wrong.append("outcome")
    if case.calls is None and _effects(ran) != _effects(unbroken):
        wrong.append("effects")
    return tuple(wrong)


def _done(ran: Trajectory) -> Counter[str]:
    return Counter(call.key for call in ran.calls if call.key and call.status == "ok")


def _effects(ran: Trajectory) -> list[str]:
    done = (call for call in ran.calls if call.key and call.status in ("ok", "unknown"))
    return sorted(str((call.name, plain(dict(call.arguments)), call.status)) for call in done)


@dataclass(frozen=True, kw_only=True)
class FaultReport:
    """The result of `inject`.

    Attributes:
        suite: the suite's name.
        rows: every run in which a fault struck.
        kinds: the faults that were to be tried, in order.
        cases: how many cases the suite has.
        left_out: the cases that go wrong without any fault.
        never_struck: how many runs no fault struck in, since they went another way.
        confidence: of the intervals.
        seed: with which the same faults strike again.
    """

    suite: str
    rows: tuple[Injected, ...] = field(repr=False)
    kinds: tuple[str, ...]
    cases: int
    left_out: tuple[str, ...] = ()
    never_struck: int = 0
    confidence: float = 0.95
    seed: int = 0

    def of(self, kind: str) -> tuple[Injected, ...]:
        """The rows of one kind of fault."""
        return tuple(row for row in self.rows if row.fault == kind)

    @property
    def silent(self) -> tuple[Injected, ...]:
        """The silent failures, to be looked at."""
        return tuple(row for row in self.rows if row.end == "silent failure")

    def share(self, end: End, kind: str | None = None) -> tuple[float | None, Interval]:
        """The share of runs with this end, and its interval; cases are drawn as a whole.

        Args:
            end: one of `ENDS`.
            kind: of one kind of fault; of all by default.

        Raises:
            DesignError: there is no such end.
        """
        if end not in ENDS:
            raise DesignError(f"share({end!r}): give one of {', '.join(ENDS)}")
        rows = self.rows if kind is None else self.of(kind)
        parts = [(row.case.group or row.case.id, float(row.end == end), 1.0) for row in rows]
        hits = sum(part for _, part, _ in parts)
        return (hits / len(rows) if rows else None), proportion(parts, confidence=self.confidence)

    @property
    def recovery_rate(self) -> float | None:
        """The share of struck runs that ended as if nothing had happened; None where none was."""
        return self.share("recovered")[0]

    @property
    def silent_failure_rate(self) -> float | None:
        """The share of struck runs that claim to be done and are not; None where none was."""
        return self.share("silent failure")[0]

    def counts(self, kind: str | None = None) -> Mapping[str, int]:
        """How many runs were struck, ended each way, and repeated an effect."""
        rows = self.rows if kind is None else self.of(kind)
        ends = Counter(row.end for row in rows)
        repeated = sum(row.repeated for row in rows)
        return {"struck": len(rows), **{end: ends[end] for end in ENDS}, "repeated": repeated}

    def as_data(self) -> dict[str, Any]:
        """All figures as plain data, without the runs."""
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
    wide = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))]
    return [
        "  ".join(
            cell.ljust(width) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, wide, strict=True))
        )
        for row in cells
    ]
