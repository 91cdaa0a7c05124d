"""What an ablation found, in sentences: whom one could do without."""

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
"""A loss that does not matter, as a share of the cases: what an agent fewer is worth at least."""

Advice = Literal["keep", "do it", "cannot tell", "not tried"]


@dataclass(frozen=True, kw_only=True)
class Ablated:
    """One variant beside the whole.

    Attributes:
        variant: what was changed.
        compared: all agents (a) against the variant (b) on the same cases; None if not tried.
        why_not: why it was not tried.
        spent: what a case cost on average, by resource: with all agents, and in the variant.
        report: the variant's evaluation.
    """

    variant: Variant
    compared: Comparison | None = None
    why_not: str = ""
    spent: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    report: Report | None = field(default=None, repr=False)

    @property
    def loss(self) -> float | None:
        """By how much fewer cases go right, as a share; negative where more do."""
        return None if self.compared is None else self.compared.difference

    @property
    def advice(self) -> Advice:
        """`do it` where the loss is below `MARGIN` with confidence, or there is a gain."""
        found = self.compared
        if found is None:
            return "not tried"
        if found.verdict == "worse" or found.interval.high <= MARGIN:
            return "do it"
        return "keep" if found.verdict == "better" else "cannot tell"

    @property
    def cases_needed(self) -> int | None:
        """About how many cases would tell; None where one can tell or nothing was tried."""
        found = self.compared
        if found is None or self.advice != "cannot tell":
            return None
        if found.difference:
            return found.cases_needed
        # The upper end of Tango's interval without a differing pair is z^2 / (n + z^2).
        z = deviate(found.interval.confidence)
        return ceil(z * z * (1 / MARGIN - 1))

    def __str__(self) -> str:
        found = self.compared
        if found is None:
            return f"{self.variant}: not tried, {self.why_not}"
        ends = f"[{_points(found.interval.low)}, {_points(found.interval.high)}]"
        lost = _points(abs(found.difference))
        if self.advice == "keep":
            return f"{self.variant} loses {lost} points {ends}"
        if self.advice == "cannot tell":
            needed = f", needs about {self.cases_needed} cases" if self.cases_needed else ""
            saw = f"loses {lost} points {ends}"
            if found.difference <= 0:
                saw = f"gains {lost} points {_gains(found)}"
            if not found.difference:
                saw = f"changes nothing so far {ends}"
            return f"{self.variant} {saw}: cannot tell{needed}"
        if found.verdict == "worse":
            return f"{self.variant} gains {lost} points {_gains(found)}: do it"
        return f"{self.variant} loses nothing that matters {ends}: do it"


def _points(share: float) -> str:
    """A share in percentage points."""
    text = f"{100 * share:.1f}".removesuffix(".0")
    return "0" if text in ("-0", "0") else text


def _gains(found: Comparison) -> str:
    return f"[{_points(-found.interval.high)}, {_points(-found.interval.low)}]"


@dataclass(frozen=True, kw_only=True)
class Load:
    """Who got how much of the work.

    Attributes:
        taken: how many runs went to each route, the unused ones with 0.
        confused: pairs of routes with how often a case of one went to the other.
    """

    taken: Mapping[str, int]
    confused: tuple[tuple[tuple[str, str], int], ...] = ()

    @property
    def unused(self) -> tuple[str, ...]:
        """The agents to whom nothing was routed."""
        return tuple(name for name, number in self.taken.items() if not number)


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """The result of `ablate`.

    Attributes:
        suite: the suite's name.
        right: the share of runs that ended right with all agents.
        cases: how many there are.
        rows: one a variant.
        load: who got the work, and whose work was taken for another's.
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
        """A row by its variant's name, such as `removing billing`."""
        return next(row for row in self.rows if str(row.variant) == variant)

    @property
    def advised(self) -> tuple[Variant, ...]:
        """The variants that lose nothing that matters."""
        return tuple(row.variant for row in self.rows if row.advice == "do it")

    def as_data(self) -> dict[str, Any]:
        """All figures as plain data."""
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
    found = row.compared
    figures = (
        {}
        if found is None
        else {
            "loss": found.difference,
            "low": found.interval.low,
            "high": found.interval.high,
            "p": found.p,
        }
    )
    return {
        "variant": str(row.variant),
        "agents": list(row.variant.agents),
        "advice": row.advice,
        "says": str(row),
        "cases_needed": row.cases_needed,
        **figures,
    }


def load_of(rows: Iterable[Row], agents: Iterable[str]) -> Load:
    """Who got the work in these runs: by route, by a plan's steps, and by handoffs."""
    taken = Counter(dict.fromkeys(agents, 0))
    confused: Counter[tuple[str, str]] = Counter()
    for row in rows:
        ran = row.trajectory
        handed = [d.choice for d in ran.decisions if d.kind in ("handoff", "fallback")]
        taken.update(name for name in (ran.route, *(ran.plan or ()), *handed) if name)
        expected = row.case.route
        if expected and ran.route and ran.route not in expected:
            one, other = sorted((expected[0], ran.route))
            confused[one, other] += 1
    return Load(taken=dict(taken), confused=tuple(confused.most_common()))
