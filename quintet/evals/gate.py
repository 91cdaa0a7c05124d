"""Gate a suite on a figure, judged on its one-sided bound and not on the estimate."""

from __future__ import annotations

from dataclasses import dataclass

from quintet.errors import DesignError
from quintet.evals.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Require something of one figure. The one-sided bound decides, not the estimate.

    Args:
        metric: the metric's name.
        at_least: the lower bound must reach this.
        at_most: the upper bound may not exceed this.
        none: the figure must be 0. For things that must never happen, since no number of cases
            proves a rate of zero; the verdict says which rate they rule out.

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
        """Judge a figure; one without an estimate or a bound fails.

        Where the metric raised, a figure that is no share fails too.
        """
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
        # An error counts as the worst share; no other unit has a worst value to stand for it.
        if figure.errors and figure.unit != "share":
            passed, why = False, f"{why}; the metric raised {figure.errors} times"
        return Verdict(gate=self, passed=passed, why=why)

    def _none(self, figure: Figure) -> Verdict:
        upper = figure.bound_high
        ruled = "" if upper is None else f"; more than {figure.shown(upper)} is ruled out"
        why = f"{figure.shown(figure.value or 0.0)} of {figure.cases} cases{ruled}, wanted none"
        return Verdict(gate=self, passed=figure.value == 0 and not figure.errors, why=why)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A gate's judgement on a figure, with the reason."""

    gate: Gate
    passed: bool
    why: str

    def __str__(self) -> str:
        return f"{'pass' if self.passed else 'MISS'} {self.gate.metric}: {self.why}"
