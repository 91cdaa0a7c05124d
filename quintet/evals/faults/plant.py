"""Plant latent faults, and measure where they are caught and how far they come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from quintet.evals.evaluate import Progress
from quintet.evals.faults.fault import Fault
from quintet.evals.faults.inject import inject
from quintet.evals.faults.injected import FaultReport, Injected
from quintet.evals.faults.latent import LATENT
from quintet.evals.faults.spread import Step
from quintet.evals.suite import Suite
from quintet.evals.trajectory import Trajectory
from quintet.stats.bootstrap import bootstrap_ratio
from quintet.stats.proportion import proportion

REFUSALS = ("retry", "fallback", "replan", "escalation", "abort")
"""Kinds of decision by which a run reacts to what is wrong."""

SENT_BACK = ("review", "reject")
"""The kind and the choice of a reviewer's no."""

STOPS = ("escalated", "exhausted", "aborted", "waiting", "unfinished", "error")


@dataclass(frozen=True, kw_only=True)
class Planted:
    """One run with a latent fault in what a node handed on.

    Attributes:
        row: the run.
        caught: the node that refused it, or by whose decision the run reacted; `end` where the run
            did not claim to be done; empty where nobody noticed.
        radius: the number of later nodes that handed something on before it was caught, or up to
            the end.
    """

    row: Injected
    caught: str
    radius: int

    @property
    def at_edge(self) -> bool:
        """Say whether it was caught before a later node had handed on anything built on it."""
        return bool(self.caught) and self.radius == 0

    @property
    def masked(self) -> bool:
        """Say whether nobody noticed, and the run ended right all the same."""
        return not self.caught and self.row.end == "recovered"

    def __str__(self) -> str:
        where = f"caught by {self.caught}" if self.caught else "not caught"
        return f"{self.row} [{where}, radius {self.radius}]"


@dataclass(frozen=True, kw_only=True)
class LatentReport:
    """The result of `plant`.

    Attributes:
        report: all runs that were struck.
        runs: those in which something was changed, and that end without a person when unbroken.
    """

    report: FaultReport = field(repr=False)
    runs: tuple[Planted, ...] = field(repr=False)

    def of(self, kind: str) -> tuple[Planted, ...]:
        """Return the runs with one kind of fault."""
        return tuple(run for run in self.runs if run.row.fault == kind)

    @property
    def uncaught(self) -> tuple[Planted, ...]:
        """Return the runs in which nobody noticed, to be looked at."""
        return tuple(run for run in self.runs if not run.caught)

    def as_data(self) -> dict[str, Any]:
        """Return all figures as plain data, in all and by kind of fault."""
        return {
            **latent_figures([self]),
            "kinds": {kind: _figures(self.of(kind)) for kind in self.report.kinds},
        }

    def __str__(self) -> str:
        data = self.as_data()
        lines = [f"{self.report.suite}: {data['planted']} latent faults planted"]
        for name, title in (
            ("caught_at_edge", "caught at the edge"),
            ("caught", "caught anywhere"),
            ("false_alarms", "false alarms"),
        ):
            figure = data[name]
            if figure["value"] is not None:
                shown = f"{figure['value']:.1%} [{figure['low']:.1%}, {figure['high']:.1%}]"
                lines.append(f"{title}: {shown}")
        radius = data["radius"]
        if radius["value"] is not None:
            # The runs of a single case have no interval.
            ends = "" if radius["low"] is None else f" [{radius['low']:.2f}, {radius['high']:.2f}]"
            lines.append(
                f"cascade radius: {radius['value']:.2f}{ends} nodes, {radius['most']} at most"
            )
        return "\n".join([*lines, *(f"  {run}" for run in self.uncaught[:5])])

    __repr__ = __str__


def plant(
    suite: Suite,
    faults: Iterable[Fault] = LATENT,
    *,
    seed: int = 0,
    per_case: int = 1,
    jobs: int = 1,
    progress: Progress | None = None,
) -> LatentReport:
    """Change what one part hands on to a value that looks right, and see who notices.

    Cases that a person takes over when nothing is broken are left out: there is no claim to catch.

    Args:
        suite: as for `inject`. A case needs a label of its end state, or of its calls, for a wrong
            end to be told from a right one.
        faults: the latent faults; `LATENT` by default.
        seed: draws where the faults strike.
        per_case: how many faults of a kind a case gets.
        jobs: how many runs are under way at once.
        progress: called with the number of runs done and their total.

    Returns:
        The share caught at the edge where they occur, the cascade radius, and the false alarms.

    Raises:
        DesignError: as for `inject`.
    """
    report = inject(suite, faults, seed=seed, per_case=per_case, jobs=jobs, progress=progress)
    rows = [row for row in report.rows if row.spread.planted]
    settled = [row for row in rows if not _goes_to_person(row.unbroken)]
    return LatentReport(report=report, runs=tuple(map(_followed, settled)))


def latent_figures(reports: Sequence[LatentReport]) -> dict[str, Any]:
    """Count several reports together: `planted`, `caught_at_edge`, `radius`, `false_alarms`.

    Each but the counts has its `value` and the ends `low` and `high` of its interval, in which the
    runs of one case are a cluster.
    """
    runs = [run for report in reports for run in report.runs]
    cases = sum(report.report.cases for report in reports)
    stopped = sum(len(report.report.stopped) for report in reports)
    alarms = [(number, float(number < stopped), 1.0) for number in range(cases)]
    return {**_figures(runs), "unbroken": cases, "false_alarms": _share(alarms)}


def _figures(runs: Sequence[Planted]) -> dict[str, Any]:
    def share(holds: Any) -> dict[str, Any]:
        return _share([(_cluster(run), float(bool(holds(run))), 1.0) for run in runs])

    radii = [(_cluster(run), float(run.radius), 1.0) for run in runs]
    interval = bootstrap_ratio(radii) if len({cluster for cluster, _, _ in radii}) > 1 else None
    return {
        "planted": len(runs),
        "caught_at_edge": share(lambda run: run.at_edge),
        "caught": share(lambda run: run.caught),
        "radius": {
            "value": sum(run.radius for run in runs) / len(runs) if runs else None,
            "low": None if interval is None else interval.low,
            "high": None if interval is None else interval.high,
            "most": max((run.radius for run in runs), default=0),
        },
        "masked": sum(run.masked for run in runs),
        "silent": sum(not run.caught and run.row.end == "silent failure" for run in runs),
    }


def _share(parts: list[tuple[Any, float, float]]) -> dict[str, Any]:
    interval = proportion(parts)
    hits = sum(part for _, part, _ in parts)
    return {
        "value": hits / len(parts) if parts else None,
        "low": interval.low,
        "high": interval.high,
    }


def _cluster(run: Planted) -> tuple[Any, ...]:
    row = run.row
    return (row.case.group or row.case.id.partition(" + ")[0],)


def _goes_to_person(run: Trajectory) -> bool:
    return run.escalated or run.status in STOPS


def _followed(row: Injected) -> Planted:
    """Follow one fault to the node that catches it, or to the end."""
    spread = row.spread
    steps = spread.steps[spread.at or 0 :]
    back = _turns_back(steps, row.unbroken) | _reacted(steps, row)
    place = next((n for n, step in enumerate(steps) if step.status == "failed" or n in back), None)
    caught = steps[place].spot.name if place is not None else ""
    if not caught and (row.trajectory.error or row.trajectory.status in STOPS):
        caught = "end"
    later = steps[1:] if place is None else steps[1:place]
    radius = sum(step.status == "done" and spread.touches(step) for step in later)
    return Planted(row=row, caught=caught, radius=radius)


def _reacted(steps: Sequence[Step], row: Injected) -> set[int]:
    """Give the indices of nodes that reacted: of several visits of a node its last ones."""
    # A decision does not say at which visit it was made; the first would be taken for the edge.
    left = _reactions(row.trajectory) - _reactions(row.unbroken)
    found = set()
    for n, step in reversed(list(enumerate(steps))):
        if left[step.spot.name] > 0:
            left[step.spot.name] -= 1
            found.add(n)
    return found


def _turns_back(steps: Sequence[Step], unbroken: Trajectory) -> set[int]:
    """Give the indices of nodes that sent control back to one that had worked already.

    Not where the unbroken run passes that node as often.
    """
    usual, times, back = Counter(unbroken.path), Counter[str](), set()
    for n, step in enumerate(steps):
        name = step.spot.name
        if n and times[name] and times[name] >= usual[name] and steps[n - 1].status == "done":
            back.add(n - 1)
        times[name] += step.status == "done"
    return back


def _reactions(run: Trajectory) -> Counter[str]:
    return Counter(
        item.node
        for item in run.decisions
        if item.kind in REFUSALS or (item.kind, item.choice) == SENT_BACK
    )
