"""Draw SVG charts: an interval on its scale, and risk against coverage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

from quintet.evals.figure import Figure
from quintet.evals.gate import Gate
from quintet.evals.reports.render import render
from quintet.stats.selective import RiskPoint

TIE = 0.03
"""A jump in coverage beyond this is drawn as the curve of a tie, not as a straight line."""

POINTS = 400
"""A curve has at most so many points, so that a page stays small."""


@dataclass(frozen=True, kw_only=True)
class Paint:
    """The colours of a chart, as CSS; by default those of the page, which has light and dark."""

    ink: str = "var(--ink)"
    dim: str = "var(--dim)"
    line: str = "var(--line)"
    mark: str = "var(--accent)"
    bad: str = "var(--bad)"
    ground: str = "var(--card)"


FIXED = Paint(
    ink="#808890", dim="#808890", line="#9aa2ab66", mark="#3f7fe0", bad="#d2563f", ground="#ffffff"
)
"""For a chart that cannot know whether it stands on light or dark."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Map values from `low` to `high` onto the chart, from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of a value; values beyond the ends are put onto them."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 1)


def around(values: Sequence[float], *, share: bool) -> tuple[float, float]:
    """Return round ends a little outside some values; for shares, inside 0 to 1."""
    low, high = min(values), max(values)
    # Equal values need room as well, and so do values whose difference rounding would lose.
    room = max((high - low or abs(high) or 1.0) * 0.25, abs(high) * 1e-6, 1e-12)
    step = 10 ** floor(log10(2 * room))
    low, high = floor((low - room) / step) * step, ceil((high + room) / step) * step
    return (max(low, 0.0), min(high, 1.0)) if share else (max(low, 0.0), high)


def bar(
    figure: Figure,
    ends: tuple[float, float] = (0.0, 1.0),
    *,
    limit: float | None = None,
    bound: float | None = None,
    paint: Paint | None = None,
) -> str:
    """Draw a figure as a dot on its interval; return nothing where it has no finite value.

    Args:
        figure: the figure.
        ends: of the scale; they are written below it where there is a limit or a bound.
        limit: the value that a gate demands, drawn as a dashed line.
        bound: the value that a gate looks at, drawn as a mark on the line.
        paint: the colours.
    """
    if figure.value is None or not isfinite(figure.value) or ends[0] >= ends[1]:
        return ""
    title = f"{figure.metric} {figure.shown(figure.value)} {figure.interval}".strip()
    if bound is not None:
        title += f", bound {figure.shown(bound)}"
    if limit is not None:
        title += f", limit {figure.shown(limit)}"
    at = Scale(low=ends[0], high=ends[1], start=6, end=194)
    return render(
        "bar.html",
        figure=figure,
        title=title,
        ends=ends,
        at=at,
        limit=limit,
        bound=bound,
        paint=paint or Paint(),
    )


def gate_bar(gate: Gate, figure: Figure | None, paint: Paint | None = None) -> str:
    """Draw a gate's figure with its interval, bound and limit, on a scale that shows all of them.

    Return nothing where there is no figure, or one of these values is not finite.
    """
    if figure is None:
        return ""
    limit = 0.0 if gate.none else gate.at_most if gate.at_least is None else gate.at_least
    bound = figure.bound_high if gate.at_least is None else figure.bound_low
    values = (figure.value, figure.low, figure.high, bound, limit)
    known = [value for value in values if value is not None]
    if not known or not all(map(isfinite, known)):
        return ""
    ends = around(known, share=figure.unit == "share")
    return bar(figure, ends, limit=limit, bound=bound, paint=paint)


def risk_coverage_chart(points: Sequence[RiskPoint], own: tuple[float, float] | None) -> str:
    """Draw risk against coverage, with the point that the run itself worked at.

    Args:
        points: from `metrics.risk_curve`, the surest first.
        own: coverage and risk of the run; None where it accepted nothing.
    """
    overall = points[-1].risk
    # A single slip among the surest few is a risk of 1; the scale is that of the rest.
    settled = [point.risk for point in points if point.coverage >= 0.05]
    top = _round_up(max([*settled, overall, own[1] if own else 0.0, 0.02]) * 1.1)
    x = Scale(low=0, high=1, start=56, end=620)
    y = Scale(low=0, high=top, start=270, end=16)
    # The best order accepts every right answer before any wrong one, so it has no risk at first.
    best = [(0.0, 0.0), (1 - overall, 0.0)]
    best += [(c, (c - 1 + overall) / c) for c in _steps(1 - overall, 1.0)]
    own_point = f"coverage {own[0]:.3f}, risk {own[1]:.3f}" if own else ""
    description = (
        f"From {points[0].coverage:.3f} coverage to all; answering all has risk {overall:.3f}."
    )
    return render(
        "curve.html",
        description=description + (f" This run: {own_point}." if own else ""),
        x=x,
        y=y,
        risks=[top * part / 4 for part in range(5)],
        coverages=[part / 5 for part in range(6)],
        best=[(x(c), y(r)) for c, r in best],
        drawn=[(x(c), y(r)) for c, r in _with_ties(_thinned(points))],
        own=own,
        own_point=own_point,
        paint=Paint(),
    )


def _steps(low: float, high: float, number: int = 24) -> list[float]:
    return [low + (high - low) * step / number for step in range(1, number + 1)]


def _round_up(value: float) -> float:
    unit = 10.0 ** floor(log10(value))
    return float(min(1.0, next(unit * of for of in (1, 2, 4, 5, 8, 10) if unit * of >= value)))


def _thinned(points: Sequence[RiskPoint]) -> list[RiskPoint]:
    """Choose points evenly, the first and the last among them."""
    if len(points) <= POINTS:
        return list(points)
    places = {round(step * (len(points) - 1) / (POINTS - 1)) for step in range(POINTS)}
    return [points[place] for place in sorted(places)]


def _with_ties(points: Sequence[RiskPoint]) -> Iterator[tuple[float, float]]:
    """Return coverage and risk; within a tie, as if it were accepted in random order."""
    before = RiskPoint(threshold=points[0].threshold, coverage=0.0, risk=points[0].risk)
    for point in points:
        if point.coverage - before.coverage > TIE:
            # Within a tie the wrong answers grow evenly, so the risk bends: a straight line would
            # run below the best order that is possible.
            start, wrong = before.coverage, before.coverage * before.risk
            slope = (point.coverage * point.risk - wrong) / (point.coverage - start)
            for at in _steps(start, point.coverage)[:-1]:
                yield at, (wrong + slope * (at - start)) / at
        yield point.coverage, point.risk
        before = point
