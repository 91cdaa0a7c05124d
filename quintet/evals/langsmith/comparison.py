"""Two experiments side by side: which run is to be preferred, case by case, shown in LangSmith."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

from langsmith import Client
from langsmith.schemas import FeedbackSourceType

from quintet.errors import DesignError
from quintet.evals.expected import wrong_labels
from quintet.evals.langsmith.outbox import Outbox
from quintet.evals.langsmith.service import asked, connect, heard
from quintet.evals.report import Report
from quintet.evals.row import Row

Worth = Callable[[Row], float | None]


@dataclass(frozen=True, kw_only=True)
class Uploaded:
    """What `upload_comparison` put into LangSmith.

    Attributes:
        url: where the two experiments stand side by side.
        cases: how many runs of both were held against each other.
        first, second: in how many of them the first, or the second, is to be preferred.
        notes: what was not accepted; empty where all was.
    """

    url: str
    cases: int
    first: int
    second: int
    notes: tuple[str, ...] = ()


def upload_comparison(
    a: Report,
    b: Report,
    *,
    by: str | Worth = "",
    client: Client | None = None,
    patience: float = 60.0,
) -> Uploaded:
    """A pairwise experiment of two that were uploaded: for every case, which run is preferred.

    Each pair of runs gets a `preference`: 1 for the better, 0 for the other, 0 for both where
    neither is. Whether the difference is more than chance, `quintet.evals.compare` says.
    LangSmith's own `evaluate_comparative` fetches all runs from the server again to do this; the
    reports know them already.

    Args:
        a, b: reports of the same cases, on one dataset, from `evaluate_with_langsmith` with an
            `Upload`.
        by: a metric's name; or a function of a row that says what it is worth, the more the
            better, or None where it cannot. By default fewer contradicted labels are better.
        client: a LangSmith client; by default one for the key in the environment.
        patience: seconds to wait for the server.

    Raises:
        DesignError: a report that was not uploaded, other datasets, or no run in common.
        ServiceError: LangSmith was not reached, or refused to begin.
    """
    (base, dataset, first), (_, other, second) = _place(a), _place(b)
    if dataset != other:
        raise DesignError("the reports are of experiments on two datasets; compare on one")
    pairs = _pairs(a, b, _worth(by, a))
    if not pairs:
        raise DesignError("the reports have no run in common that can be held against each other")
    link = client or connect()
    outbox = Outbox(link)
    try:
        with heard(), asked(link):
            made = link.create_comparative_experiment(
                f"{a.suite} vs {b.suite}-{uuid4().hex[:8]}",
                [first, second],
                reference_dataset=dataset,
                metadata={
                    "quintet_suite": a.suite,
                    "quintet_by": by if isinstance(by, str) else "",
                },
            )
        with heard():
            for pair in pairs:
                _put(outbox, pair, (first, second), made.id)
            outbox.drain(patience)
    finally:
        outbox.close()
        if client is None:
            link.close(timeout=0)
    sides = f"selectedSessions={first}%2C{second}&comparativeExperiment={made.id}"
    return Uploaded(
        url=f"{base}/datasets/{dataset}/compare?{sides}",
        cases=len(pairs),
        first=sum(pair[2] > 0 for pair in pairs),
        second=sum(pair[2] < 0 for pair in pairs),
        notes=(outbox.note,) if outbox.note else (),
    )


def _put(
    outbox: Outbox, pair: tuple[Row, Row, float], sessions: tuple[UUID, UUID], comparison: UUID
) -> None:
    one, other, difference = pair
    group = uuid4()
    sides = zip((one, other), sessions, (difference > 0, difference < 0), strict=True)
    for row, session, preferred in sides:
        outbox.put(
            run_id=_run(row),
            session_id=session,
            key="preference",
            score=float(preferred),
            comment="; ".join(row.wrong) or None,
            comparative_experiment_id=comparison,
            feedback_group_id=group,
            feedback_source_type=FeedbackSourceType.MODEL,
        )


def _pairs(a: Report, b: Report, worth: Worth) -> list[tuple[Row, Row, float]]:
    """Runs of the same case and repeat, and by how much the first is worth more."""
    others = {(row.case.id, row.repeat): row for row in b.rows}
    pairs = []
    for row in a.rows:
        other = others.get((row.case.id, row.repeat))
        if other is None or _run(row) is None or _run(other) is None:
            continue
        one, two = worth(row), worth(other)
        if one is not None and two is not None:
            pairs.append((row, other, one - two))
    return pairs


def _worth(by: str | Worth, report: Report) -> Worth:
    if callable(by):
        return by
    if not by:
        return lambda row: -float(len(wrong_labels(row.case, row.trajectory)))
    better = report[by].better
    if better == "neither":
        raise DesignError(f"metric {by!r} only informs: no value of it is better than another")
    sign = 1.0 if better == "higher" else -1.0

    def worth(row: Row) -> float | None:
        point = row.scores.get(by)
        if point is None or len(point) != 2 or not point[1]:
            return None
        return sign * float(point[0]) / float(point[1])

    return worth


def _place(report: Report) -> tuple[str, UUID, UUID]:
    """The address that a report's experiment is under, its dataset and its id."""
    parts = urlsplit(report.url)
    base, _, rest = report.url.partition("/datasets/")
    try:
        dataset = UUID(urlsplit(rest).path.partition("/")[0])
        return base, dataset, UUID(parse_qs(parts.query)["selectedSessions"][0])
    except (ValueError, KeyError):
        raise DesignError(
            f"report {report.suite!r} (url {report.url!r}) is of no experiment; make it by "
            "evaluate_with_langsmith(suite, upload=Upload())"
        ) from None


def _run(row: Row) -> UUID | None:
    """The id of a row's run, from its address."""
    try:
        return UUID(urlsplit(row.trajectory.url).path.rpartition("/r/")[2])
    except ValueError:
        return None
