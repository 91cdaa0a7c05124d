"""Say in sentences which agents one could do without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Literal

from quintet.evals.ablation.variants import Variant
from quintet.evals.report import Report
from quintet.evals.row import Row
from quintet.stats.interval import deviate
from quintet.stats.paired import Comparison

MARGIN = 0.02
"""A loss that does not matter, as a share of the cases: one agent fewer is worth as much."""

Advice = Literal["keep", "do it", "cannot tell", "not tried"]


@dataclass(frozen=True, kw_only=True)
class Ablated:
    """One variant beside the whole.

    Attributes:
        variant: the change.
        compared: all agents (a) against the variant (b) on the same cases; None if not tried.
        why_not: the reason why it was not tried.
        spent: by resource, the average cost of a case: with all agents, and in the variant.
        report: the variant's evaluation.
    """

    variant: Variant
    compared: Comparison | None = None
    why_not: str = ""
    spent: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    report: Report | None = field(default=None, repr=False)

    @property
    def loss(self) -> float | None:
        """Return the share of cases lost; negative where more go right than with all agents."""
        return None if self.compared is None else self.compared.difference

    @property
    def advice(self) -> Advice:
        """Advise `do it` where the loss is at most `MARGIN` with confidence, or there is a gain."""
        comparison = self.compared
        if comparison is None:
            return "not tried"
        # The verdict is on all agents (a): `worse` says that the variant gains.
        if comparison.verdict == "worse" or comparison.interval.high <= MARGIN:
            return "do it"
        return "keep" if comparison.verdict == "better" else "cannot tell"

    @property
    def cases_needed(self) -> int | None:
        """Estimate how many cases would tell; None where one can tell or nothing was tried."""
        comparison = self.compared
        if comparison is None or self.advice != "cannot tell":
            return None
        if comparison.difference:
            return comparison.cases_needed
        # The upper end of Tango's interval without a differing pair is z^2 / (n + z^2).
        z = deviate(comparison.interval.confidence)
        return ceil(z * z * (1 / MARGIN - 1))

    def __str__(self) -> str:
        comparison = self.compared
        if comparison is None:
            return f"{self.variant}: not tried, {self.why_not}"
        ends = f"[{_points(comparison.interval.low)}, {_points(comparison.interval.high)}]"
        points = _points(abs(comparison.difference))
        if self.advice == "keep":
            return f"{self.variant} loses {points} points {ends}"
        if self.advice == "cannot tell":
            needed = f", needs about {self.cases_needed} cases" if self.cases_needed else ""
            change = f"loses {points} points {ends}"
            if comparison.difference < 0:
                change = f"gains {points} points {_gains(comparison)}"
            if not comparison.difference:
                change = f"changes nothing so far {ends}"
            return f"{self.variant} {change}: cannot tell{needed}"
        if comparison.verdict == "worse":
            return f"{self.variant} gains {points} points {_gains(comparison)}: do it"
        return f"{self.variant} loses nothing that matters {ends}: do it"


def _points(share: float) -> str:
    """Write a share in percentage points, without `.0` and without `-0`."""
    text = f"{100 * share:.1f}".removesuffix(".0")
    return "0" if text in ("-0", "0") else text


def _gains(comparison: Comparison) -> str:
    # The interval is of a loss; as a gain its ends change sign and places.
    return f"[{_points(-comparison.interval.high)}, {_points(-comparison.interval.low)}]"


@dataclass(frozen=True, kw_only=True)
class Load:
    """The work that each agent got.

    Attributes:
        taken: by agent, the number of runs that went to it; 0 for an unused one.
        confused: pairs of routes, with the number of cases of one that went to the other.
    """

    taken: Mapping[str, int]
    confused: tuple[tuple[tuple[str, str], int], ...] = ()

    @property
    def unused(self) -> tuple[str, ...]:
        """List the agents to whom nothing was routed."""
        return tuple(name for name, number in self.taken.items() if not number)


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """The result of `ablate`.

    Attributes:
        suite: the suite's name.
        right: the share of runs that ended right with all agents.
        cases: the number of cases.
        rows: one for each variant.
        load: the work that each agent got, and the routes that were taken for each other.
        confidence: of the intervals.
        whole: the evaluation with all agents.
    """

    suite: str
    right: float
    cases: int
    rows: tuple[Ablated, ...]
    load: Load
    confidence: float = 0.95
    whole: Report | None = field(default=None, repr=False)

    def __getitem__(self, variant: str) -> Ablated:
        """Return the row of a variant by its name, such as `removing billing`."""
        return next(row for row in self.rows if str(row.variant) == variant)

    @property
    def advised(self) -> tuple[Variant, ...]:
        """List the variants that lose nothing that matters."""
        return tuple(row.variant for row in self.rows if row.advice == "do it")

    def as_data(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return {
            "suite": self.suite,
            "cases": self.cases,
            "right": self.right,
            "confidence": self.confidence,
            "variants": [_row(row) for row in self.rows],
            "taken": dict(self.load.taken),
            "unused": list(self.load.unused),
            "confused": [[*pair, number] for pair, number in self.load.confused],
        }

    def __str__(self) -> str:
        lines = [f"{self.suite}: {self.right:.1%} of {self.cases} cases right with all agents"]
        lines += [f"  {row}" for row in self.rows]
        for row in self.rows:
            costs = [f"{n} {a:.4g} -> {b:.4g}" for n, (a, b) in row.spent.items() if a != b]
            if costs:
                lines.append(f"  {row.variant}: a case costs {', '.join(costs)}")
        if self.load.unused:
            lines.append(f"  never used in these cases: {', '.join(self.load.unused)}")
        lines += [
            f"  {one} and {other} were taken for each other in {number} cases"
            for (one, other), number in self.load.confused[:3]
        ]
        return "\n".join(lines)

    __repr__ = __str__


def _row(row: Ablated) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    if row.compared is not None:
        figures = {
            "loss": row.compared.difference,
            "low": row.compared.interval.low,
            "high": row.compared.interval.high,
            "p": row.compared.p,
        }
    return {
        "variant": str(row.variant),
        "agents": list(row.variant.agents),
        "advice": row.advice,
        "says": str(row),
        "cases_needed": row.cases_needed,
        **figures,
    }


def load_of(rows: Iterable[Row], agents: Iterable[str]) -> Load:
    """Count the work that each agent got: by route, by steps of a plan, and by handoffs."""
    taken = Counter(dict.fromkeys(agents, 0))
    confused: Counter[tuple[str, str]] = Counter()
    for row in rows:
        run = row.trajectory
        handoffs = [d.choice for d in run.decisions if d.kind in ("handoff", "fallback")]
        taken.update(name for name in (run.route, *(run.plan or ()), *handoffs) if name)
        expected = row.case.route
        if expected and run.route and run.route not in expected:
            # Sorted, so that both directions of a mix-up count for one pair.
            one, other = sorted((expected[0], run.route))
            confused[one, other] += 1
    return Load(taken=dict(taken), confused=tuple(confused.most_common()))
