"""A gate: what a suite must reach, judged on the bound and not on the mean."""

from __future__ import annotations

from dataclasses import dataclass

from quintet.errors import DesignError
from quintet.evals.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A requirement on one figure. It passes on the one-sided bound, not on the estimate.

    Args:
        metric: the metric's name.
        at_least: the bound from below must reach this.
        at_most: the bound from above may not pass this.
        none: not one case may have it; for what must never happen, where no number of cases
            could prove a rate of zero. The report says up to which rate they rule it out.

    Raises:
        DesignError: not exactly one of `at_least`, `at_most` and `none`.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    none: bool = False

    def __post_init__(self) -> None:
        if (self.at_least is not None) + (self.at_most is not None) + self.none != 1:
            raise DesignError(
                f"Gate(metric={self.metric!r}): give one of at_least=..., at_most=... or none=True"
            )

    def judged(self, figure: Figure | None) -> Verdict:
        """Whether a figure passes; no figure, no estimate and errors of the metric do not."""
        if figure is None or figure.value is None:
            return Verdict(gate=self, passed=False, why="no case has anything to say on it")
        if self.none:
            return self._none(figure)
        lower = self.at_least is not None
        bound = figure.bound_low if lower else figure.bound_high
        limit = self.at_least if self.at_least is not None else self.at_most
        if bound is None or limit is None:
            return Verdict(gate=self, passed=False, why="it has no bound: too few cases")
        passed = bound >= limit if lower else bound <= limit
        side, wanted = ("lower", "at least") if lower else ("upper", "at most")
        why = (
            f"{figure.shown(figure.value)}, {side} bound {figure.shown(bound)}, "
            f"wanted {wanted} {figure.shown(limit)}"
        )
        if figure.errors and figure.unit != "share":
            return Verdict(
                gate=self, passed=False, why=f"{why}; the metric raised {figure.errors} times"
            )
        return Verdict(gate=self, passed=passed, why=why)

    def _none(self, figure: Figure) -> Verdict:
        upper = figure.bound_high
        ruled = "" if upper is None else f"; more than {figure.shown(upper)} is ruled out"
        why = f"{figure.shown(figure.value or 0.0)} of {figure.cases} cases{ruled}, wanted none"
        return Verdict(gate=self, passed=figure.value == 0 and not figure.errors, why=why)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A gate's answer: passed or not, and on what figure."""

    gate: Gate
    passed: bool
    why: str

    def __str__(self) -> str:
        return f"{'pass' if self.passed else 'MISS'} {self.gate.metric}: {self.why}"
