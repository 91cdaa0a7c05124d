"""Pictures as SVG: an interval on its scale, and risk against coverage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

from quintet.evals.figure import Figure
from quintet.evals.reports.markup import esc
from quintet.stats import RiskPoint

TIE = 0.03
POINTS = 400
"""A curve has no more points than this, so that a page stays small."""


@dataclass(frozen=True, kw_only=True)
class Paint:
    """The colours of a picture, as CSS. By default those of the page, which follow the reader's."""

    ink: str = "var(--ink)"
    dim: str = "var(--dim)"
    line: str = "var(--line)"
    mark: str = "var(--accent)"
    bad: str = "var(--bad)"
    ground: str = "var(--card)"


FIXED = Paint(
    ink="#808890", dim="#808890", line="#9aa2ab66", mark="#3f7fe0", bad="#d2563f", ground="#ffffff"
)
"""For a picture that cannot know whether it stands on light or dark."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A stretch of values, and where on the picture they lie."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value; values beyond the ends are put onto them."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 1)


def around(values: Sequence[float], *, share: bool) -> tuple[float, float]:
    """Round ends a little outside some values; for shares, inside 0 to 1."""
    low, high = min(values), max(values)
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
    """A figure as a dot on its interval, on a scale; empty where it has no finite value.

    Args:
        figure: the figure.
        ends: of the scale; they are written below it where there is a limit.
        limit: what a gate asks for, as a dashed line.
        bound: what a gate looks at, as a mark on the line.
        paint: the colours.
    """
    paint = paint or Paint()
    if figure.value is None or not isfinite(figure.value) or ends[0] >= ends[1]:
        return ""
    at = Scale(low=ends[0], high=ends[1], start=6, end=194)
    parts = [_stroke((6, 12), (194, 12), paint.line, 1.5)]
    said = f"{figure.metric} {figure.shown(figure.value)} {figure.interval}".strip()
    if figure.low is not None and figure.high is not None:
        parts.append(_stroke((at(figure.low), 12), (at(figure.high), 12), paint.mark, 6, 0.45))
    if bound is not None and isfinite(bound):
        said += f", bound {figure.shown(bound)}"
        parts.append(_stroke((at(bound), 6), (at(bound), 18), paint.mark, 2))
    if limit is not None:
        said += f", limit {figure.shown(limit)}"
        parts.append(_stroke((at(limit), 1), (at(limit), 23), paint.bad, 2, dash="3 2"))
    parts.append(f'<circle cx="{at(figure.value)}" cy="12" r="4" style="fill:{paint.mark}"/>')
    height = 24
    if limit is not None or bound is not None:
        height = 36
        for x, value, anchor in ((6, ends[0], "start"), (194, ends[1], "end")):
            parts.append(_label((x, 34), f"{value:.4g}", paint, anchor))
    return _svg(200, height, said, "", parts)


def risk_coverage_chart(
    points: Sequence[RiskPoint], own: tuple[float, float] | None, *, paint: Paint | None = None
) -> str:
    """Risk against coverage, with the point that the run itself worked at.

    Args:
        points: from `metrics.risk_curve`, the surest first.
        own: coverage and risk of the run; None where it accepted nothing.
        paint: the colours.
    """
    paint = paint or Paint()
    overall = points[-1].risk
    # The surest few make a risk of 1 of a single slip; the scale is that of the rest.
    settled = [point.risk for point in points if point.coverage >= 0.05]
    top = _nice(max([*settled, overall, own[1] if own else 0.0, 0.02]) * 1.1)
    x = Scale(low=0, high=1, start=56, end=620)
    y = Scale(low=0, high=top, start=270, end=16)
    best = [(0.0, 0.0), (1 - overall, 0.0)]
    best += [(c, (c - 1 + overall) / c) for c in _steps(1 - overall, 1.0)]
    parts = [*_axes(x, y, top, paint)]
    parts.append(_curve([(x(c), y(r)) for c, r in best], paint.dim, 1.5, dash="2 4"))
    parts.append(_curve([(x(c), y(r)) for c, r in _drawn(_thinned(points))], paint.mark, 2.5))
    said = f"From {points[0].coverage:.3f} coverage to all; answering all has risk {overall:.3f}."
    if own is not None:
        left, up = x(own[0]), y(own[1])
        parts.append(
            f'<circle cx="{left}" cy="{up}" r="6" '
            f'style="fill:{paint.bad};stroke:{paint.ground};stroke-width:2"/>'
        )
        anchor, aside = ("end", -11) if left > 420 else ("start", 11)
        text = f"this run: coverage {own[0]:.3f}, risk {own[1]:.3f}"
        parts.append(_label((left + aside, max(up - 10, 14)), text, paint, anchor, strong=True))
        said += f" This run: coverage {own[0]:.3f}, risk {own[1]:.3f}."
    return _svg(640, 320, "Risk against coverage", said, parts)


def _axes(x: Scale, y: Scale, top: float, paint: Paint) -> Iterator[str]:
    for part in range(5):
        value = top * part / 4
        yield _stroke((x.start, y(value)), (x.end, y(value)), paint.line, 1)
        yield _label((x.start - 8, y(value) + 4), f"{value:.3g}", paint, "end")
    for part in range(6):
        value = part / 5
        yield _stroke((x(value), y.start), (x(value), y.start + 5), paint.dim, 1)
        yield _label((x(value), y.start + 19), f"{value:.1f}", paint, "middle")
    middle = (x.start + x.end) / 2
    yield _label(
        (middle, y.start + 40), "coverage: share answered, the surest first", paint, "middle"
    )
    turned = (y.start + y.end) / 2
    yield (
        f'<text x="13" y="{turned}" transform="rotate(-90 13 {turned})" text-anchor="middle" '
        f'style="fill:{paint.dim};font-size:12px">risk: wrong of those answered</text>'
    )


def _steps(low: float, high: float, number: int = 24) -> list[float]:
    return [low + (high - low) * step / number for step in range(1, number + 1)]


def _nice(value: float) -> float:
    unit = 10.0 ** floor(log10(value))
    return float(min(1.0, next(unit * of for of in (1, 2, 4, 5, 8, 10) if unit * of >= value)))


def _thinned(points: Sequence[RiskPoint]) -> list[RiskPoint]:
    """Evenly chosen, the first and the last among them."""
    if len(points) <= POINTS:
        return list(points)
    places = {round(step * (len(points) - 1) / (POINTS - 1)) for step in range(POINTS)}
    return [points[place] for place in sorted(places)]


def _drawn(points: Sequence[RiskPoint]) -> Iterator[tuple[float, float]]:
    """Coverage and risk; between two distant points, what accepting part of a tie gives."""
    before = RiskPoint(threshold=points[0].threshold, coverage=0.0, risk=points[0].risk)
    for point in points:
        if point.coverage - before.coverage > TIE:
            start, wrong = before.coverage, before.coverage * before.risk
            slope = (point.coverage * point.risk - wrong) / (point.coverage - start)
            for at in _steps(start, point.coverage)[:-1]:
                yield at, (wrong + slope * (at - start)) / at
        yield point.coverage, point.risk
        before = point


def _svg(width: int, height: int, title: str, about: str, parts: Sequence[str]) -> str:
    described = f"<desc>{esc(about)}</desc>" if about else ""
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'style="max-width:100%;height:auto;font-family:system-ui,sans-serif">'
        f"<title>{esc(title)}</title>{described}{''.join(parts)}</svg>"
    )


def _stroke(
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    width: float,
    opacity: float = 1.0,
    dash: str = "",
) -> str:
    more = f";stroke-dasharray:{dash}" if dash else ";stroke-linecap:round" if width > 2 else ""
    faint = f";stroke-opacity:{opacity}" if opacity < 1 else ""
    return (
        f'<line x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}" '
        f'style="stroke:{colour};stroke-width:{width}{more}{faint}"/>'
    )


def _curve(points: Sequence[tuple[float, float]], colour: str, width: float, dash: str = "") -> str:
    placed = " ".join(f"{x},{y}" for x, y in points)
    more = f";stroke-dasharray:{dash}" if dash else ""
    return (
        f'<polyline points="{placed}" style="fill:none;stroke:{colour};stroke-width:{width};'
        f'stroke-linejoin:round{more}"/>'
    )


def _label(
    at: tuple[float, float], text: str, paint: Paint, anchor: str, *, strong: bool = False
) -> str:
    look = f"fill:{paint.ink};font-weight:600" if strong else f"fill:{paint.dim}"
    return (
        f'<text x="{at[0]}" y="{at[1]}" text-anchor="{anchor}" style="{look};font-size:12px">'
        f"{esc(text)}</text>"
    )
