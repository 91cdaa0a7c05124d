"""Measure the worth of a router's confidence: risk against coverage, ranking, calibration.

The answer is the likeliest route, even if the router abstained from it. An abstention without a
confidence counts as the least sure answer, and so does a run that raised; a choice without a
confidence is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from quintet import stats
from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.figure import Better
from quintet.evals.items import is_number, names_in
from quintet.evals.metric import Metric
from quintet.evals.metrics.abstention import abstained, abstention_metrics, out_of_scope
from quintet.evals.metrics.over import Over
from quintet.evals.row import Row
from quintet.evals.trajectory import PEOPLE, Trajectory
from quintet.stats.selective import RiskPoint
from quintet.stats.weighted import Weighed, weighed_aurc, weighed_auroc, weighed_ece

BINS = 15

Point = tuple[float | None, bool]
Points = Sequence[tuple[Any, ...]]
Measure = Callable[[Sequence[float], Sequence[bool]], float]
Measured = Callable[[Points], float | None]


def _answer(case: Case, trajectory: Trajectory, people: tuple[str, ...]) -> Point | None:
    """Return the confidence, and whether the likeliest route is right."""
    if not case.route:
        return None
    if trajectory.error:
        return None, False
    if trajectory.confidence is None and not abstained(trajectory, people):
        return None
    guess = trajectory.best or trajectory.route
    right = guess in case.route or (not guess and out_of_scope(case, people) is True)
    return trajectory.confidence, right


def _scope(case: Case, trajectory: Trajectory, people: tuple[str, ...]) -> Point | None:
    """Return the confidence that the case is for an agent, and whether it is."""
    outside, answer = out_of_scope(case, people), _answer(case, trajectory, people)
    if outside is None or answer is None:
        return None
    confidence = answer[0]
    # A rule that routes to a person is a confident out-of-scope prediction and no abstention:
    # invert its confidence.
    person = trajectory.route in people and trajectory.best in ("", trajectory.route)
    return (1 - confidence if person and confidence is not None else confidence), not outside


def _columns(points: Points) -> tuple[list[float], list[bool]] | None:
    """Split points into confidences and flags; None where no run has a confidence."""
    if all(point[0] is None for point in points):
        return None
    return [point[0] or 0.0 for point in points], [bool(point[1]) for point in points]


def _measured(points: Points, measure: Measure) -> float | None:
    columns = _columns(points)
    return None if columns is None else measure(*columns)


def _ranked(points: Points, measure: Measure) -> float | None:
    # A bootstrap may draw positives alone, or negatives alone, which rank nothing.
    columns = _columns(points)
    return None if columns is None or len(set(columns[1])) < 2 else measure(*columns)


def _weighed(points: Points, form: Callable[..., Weighed]) -> Weighed:
    return form(*(_columns(points) or ((), ())))


def _weighed_calibration(points: Points) -> Weighed:
    # An answer without a confidence is left out, so it counts nothing in whatever draw.
    stated = [point[0] is not None for point in points]
    confidences = [point[0] or 0.0 for point in points]
    error = weighed_ece(confidences, [bool(point[1]) for point in points], bins=BINS)
    return lambda counts: error(counts * stated)


def _calibrated(points: Points) -> float | None:
    stated = [point for point in points if point[0] is not None]
    return _measured(stated, partial(stats.ece, bins=BINS))


def _risk_at(points: Points, coverage: float) -> float | None:
    columns = _columns(points)
    if columns is None:
        return None
    curve = stats.risk_coverage(*columns)
    # The tolerance: 0.7 times the cases may come out a last bit above the whole number that it is.
    return next(point.risk for point in curve if point.coverage >= coverage * (1 - 1e-12))


def _coverage_at(points: Points, risk: float) -> float | None:
    columns = _columns(points)
    if columns is None:
        return None
    points_within = (point for point in stats.risk_coverage(*columns) if point.risk <= risk)
    return max((point.coverage for point in points_within), default=0.0)


_AUROC = Over(
    measure=partial(_ranked, measure=stats.auroc),
    weighed=partial(_weighed, form=weighed_auroc),
)

_MEASURES: tuple[tuple[str, Measured, Better, str], ...] = (
    (
        "aurc",
        Over(
            measure=partial(_measured, measure=stats.aurc),
            weighed=partial(_weighed, form=weighed_aurc),
        ),
        "lower",
        (
            "The area under the risk-coverage curve: the mean risk of the i surest answers, "
            "i = 1..n (Geifman & El-Yaniv 2017, arXiv 1705.08500)."
        ),
    ),
    (
        "eaurc",
        partial(_measured, measure=stats.eaurc),
        "lower",
        (
            "AURC above that of the best order of the same answers (Geifman, Uziel & El-Yaniv "
            "2019, arXiv 1805.08206)."
        ),
    ),
    (
        "augrc",
        partial(_measured, measure=stats.augrc),
        "lower",
        (
            "The average risk of undetected failures, without AURC's weight on the surest few "
            "(Traub et al. 2024, arXiv 2407.01032)."
        ),
    ),
    (
        "routing_auroc",
        _AUROC,
        "higher",
        (
            "The chance that a right answer has more confidence than a wrong one, ties one half "
            "(Hanley & McNeil 1982)."
        ),
    ),
    (
        "calibration_error",
        Over(measure=_calibrated, weighed=_weighed_calibration),
        "lower",
        (
            "The sum over 15 bins of |B| / n * |accuracy(B) - confidence(B)| (Guo et al. 2017, "
            "arXiv 1706.04599); only answers that have a confidence."
        ),
    ),
)

_SCOPE: tuple[tuple[str, Measured, Better, str], ...] = (
    (
        "out_of_scope_auroc",
        _AUROC,
        "higher",
        (
            "The chance that a case for an agent has more confidence than one that no agent may "
            "take, ties one half (Hanley & McNeil 1982)."
        ),
    ),
    (
        "out_of_scope_fpr95",
        partial(_ranked, measure=stats.fpr_at_tpr),
        "lower",
        (
            "Of the cases that no agent may take, the share that passes at the threshold which at "
            "least 95 % of the others pass."
        ),
    ),
)


def router_metrics(people: tuple[str, ...] = PEOPLE) -> tuple[Metric, ...]:
    """Return all measures of abstention and confidence, for people's routes of other names.

    They have the same names as the standard ones, and so take their place in a `Suite`.

    Args:
        people: the routes that mean a person.

    Raises:
        DesignError: `people` is one name and not a tuple of names.
    """
    people = names_in(people, "router_metrics(people=...)")
    made = [
        Metric(
            name=name, score=partial(score, people=people), over=over, better=better, about=about
        )
        for score, table in ((_answer, _MEASURES), (_scope, _SCOPE))
        for name, over, better, about in table
    ]
    return (*abstention_metrics(people), *made)


(
    aurc,
    eaurc,
    augrc,
    routing_auroc,
    calibration_error,
    out_of_scope_auroc,
    out_of_scope_fpr95,
) = router_metrics()[4:]


def risk_at_coverage(coverage: float = 0.8, *, people: tuple[str, ...] = PEOPLE) -> Metric:
    """Return a metric: the share of wrong answers if at least `coverage` of the cases are answered.

    Args:
        coverage: the share of cases that are answered, the surest ones.
        people: the routes that mean a person.

    Raises:
        DesignError: the coverage is not above 0 and at most 1, or `people` is one name.
    """
    people = names_in(people, "risk_at_coverage(people=...)")
    return Metric(
        name=f"risk_at_coverage_{_percent('coverage', coverage)}",
        score=partial(_answer, people=people),
        over=partial(_risk_at, coverage=coverage),
        better="lower",
        about=(
            f"Wrong / answered, where at least {coverage:.0%} of the cases, the surest, are "
            "answered (El-Yaniv & Wiener 2010)."
        ),
    )


def coverage_at_risk(risk: float = 0.03, *, people: tuple[str, ...] = PEOPLE) -> Metric:
    """Return a metric: the largest share of cases that can be answered with at most this risk.

    The threshold is the best on these very cases, so the figure is an upper limit and no promise.

    Args:
        risk: wrong / answered.
        people: the routes that mean a person.

    Raises:
        DesignError: the risk is not above 0 and at most 1, or `people` is one name.
    """
    people = names_in(people, "coverage_at_risk(people=...)")
    return Metric(
        name=f"coverage_at_risk_{_percent('risk', risk)}",
        score=partial(_answer, people=people),
        over=partial(_coverage_at, risk=risk),
        about=(
            f"The most that can be answered with at most {risk:.1%} wrong, at the threshold that "
            "is best on these cases (El-Yaniv & Wiener 2010)."
        ),
    )


def _percent(name: str, value: float) -> str:
    if not is_number(value) or not 0 < value <= 1:
        raise DesignError(f"{name}={value!r}: give a share above 0, up to 1")
    return f"{100 * value:g}"


def risk_curve(rows: Iterable[Row], *, people: tuple[str, ...] = PEOPLE) -> list[RiskPoint]:
    """Return the risk-coverage curve of all rows, surest first; empty if none has a confidence.

    Raises:
        DesignError: `people` is one name and no tuple of names.
    """
    columns = _columns(_answers(rows, names_in(people, "risk_curve(people=...)")))
    return [] if columns is None else stats.risk_coverage(*columns)


def _answers(rows: Iterable[Row], people: tuple[str, ...]) -> list[Point]:
    answers = (_answer(row.case, row.trajectory, people) for row in rows)
    return [answer for answer in answers if answer is not None]
