"""Gate a suite on a figure, judged on its one-sided bound and not on the estimate."""

from __future__ import annotations

from dataclasses import dataclass

from quintet.errors import DesignError
from quintet.evals.figure import Figure
from quintet.evals.items import is_number


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
        DesignError: not exactly one of `at_least`, `at_most` and `none`, or one of the wrong kind.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    none: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.metric, str) or not self.metric:
            raise DesignError(f"Gate(metric={self.metric!r:.60}): give a metric's name")
        for side in ("at_least", "at_most"):
            limit = getattr(self, side)
            if limit is not None and not is_number(limit):
                raise DesignError(
                    f"Gate(metric={self.metric!r}, {side}={limit!r:.60}): give a finite number"
                )
        number = (self.at_least is not None) + (self.at_most is not None) + (self.none is True)
        if number != 1 or not isinstance(self.none, bool):
            raise DesignError(
                f"Gate(metric={self.metric!r}): give one of at_least=..., at_most=... or none=True"
            )

    def judged(self, figure: Figure | None) -> Verdict:
        """Judge a figure; one without an estimate or a bound fails.

        It fails as well where runs are left out, since nobody knows what they would have added,
        where the metric raised and the gate wants the side that the metric calls the worse, and
        where a share is below 0 or above 1: a judge's 3 of 10 would reach 0.8.
        """
        if figure is None or figure.value is None:
            why = "no case has anything to say on it"
            if figure is not None and figure.note:
                why = f"{why}: {figure.note}"
            return Verdict(gate=self, passed=False, why=why)
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
        # An error counts as the worst share; other figures have no worst value to stand for it, and
        # where this gate wants the other side it would count as a good one.
        if figure.left_out or (figure.errors and figure.better == ("lower" if lower else "higher")):
            passed, why = False, f"{why}; {_left_out(figure)}"
        if figure.unit == "share" and not 0 <= figure.value <= 1:
            passed, why = False, f"{why}; it is no share: name its unit, Metric(unit='number')"
        return Verdict(gate=self, passed=passed, why=why)

    def _none(self, figure: Figure) -> Verdict:
        upper = figure.bound_high
        ruled = "" if upper is None else f"; more than {figure.shown(upper)} is ruled out"
        why = f"{figure.shown(figure.value or 0.0)} of {figure.cases} cases{ruled}, wanted none"
        if figure.left_out:
            why = f"{why}; {_left_out(figure)}"
        if cancelled := figure.value == 0 and (figure.bound_low or 0.0) < 0:
            why = f"{why}; scores above and below 0 cancel each other out"
        passed = figure.value == 0 and not cancelled and not figure.errors
        return Verdict(gate=self, passed=passed, why=why)


def _left_out(figure: Figure) -> str:
    counted = "left out" if figure.left_out else "no good ones"
    return f"the metric raised {figure.errors} times, and such runs are {counted}"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A gate's judgement on a figure, with the reason."""

    gate: Gate
    passed: bool
    why: str

    def __str__(self) -> str:
        return f"{'pass' if self.passed else 'MISS'} {self.gate.metric}: {self.why}"
