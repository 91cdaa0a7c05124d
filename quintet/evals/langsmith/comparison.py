"""Compare two uploaded experiments in LangSmith: mark the better run of every case."""

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
from quintet.evals.langsmith.service import collected_warnings, connected, translated_errors
from quintet.evals.report import Report
from quintet.evals.row import Row

Worth = Callable[[Row], float | None]


@dataclass(frozen=True, kw_only=True)
class Uploaded:
    """The comparison that `upload_comparison` put into LangSmith.

    Attributes:
        url: the page that shows the two experiments side by side.
        cases: the number of pairs of runs that were compared.
        first, second: the number of pairs in which the first, or the second, run is better.
        notes: feedback that LangSmith did not accept; empty where it accepted all.
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
    """Upload a pairwise experiment of two uploaded ones: mark the better run of every case.

    Each pair of runs gets a `preference`: 1 for the better run and 0 for the other, or 0 for both
    where neither is better. `quintet.evals.compare` tells whether the difference is more than
    chance. LangSmith's own `evaluate_comparative` fetches all runs from the server again to do
    this; the reports hold them already.

    Args:
        a, b: reports of the same cases, on one dataset, from `evaluate_with_langsmith` with an
            `Upload`.
        by: a metric's name; or a function of a row that returns its worth, the more the better, or
            None to leave it out. By default fewer contradicted labels are better.
        client: a LangSmith client; by default one for the key in the environment.
        patience: seconds to wait for the server.

    Raises:
        DesignError: a report that was not uploaded, other datasets, or no run in common.
        ServiceError: LangSmith was not reached, or refused to begin.
    """
    (base, dataset, first), (_, other, second) = _experiment_of(a), _experiment_of(b)
    if dataset != other:
        raise DesignError("the reports are of experiments on two datasets; compare on one")
    pairs = _pairs(a, b, _worth(by, a))
    if not pairs:
        raise DesignError("the reports have no run in common that can be held against each other")
    about = {"quintet_suite": a.suite, "quintet_by": by if isinstance(by, str) else ""}
    with connected(client) as link:
        outbox = Outbox(link)
        try:
            with collected_warnings(), translated_errors(link):
                experiment = link.create_comparative_experiment(
                    f"{a.suite} vs {b.suite}-{uuid4().hex[:8]}",
                    [first, second],
                    reference_dataset=dataset,
                    metadata=about,
                )
            with collected_warnings():
                for pair in pairs:
                    _put(outbox, pair, (first, second), experiment.id)
                outbox.drain(patience)
        finally:
            outbox.close()
    sides = f"selectedSessions={first}%2C{second}&comparativeExperiment={experiment.id}"
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
    first, second, difference = pair
    group = uuid4()
    sides = zip((first, second), sessions, (difference > 0, difference < 0), strict=True)
    for row, session, preferred in sides:
        outbox.put(
            run_id=_run_id(row),
            session_id=session,
            key="preference",
            score=float(preferred),
            comment="; ".join(row.wrong) or None,
            comparative_experiment_id=comparison,
            feedback_group_id=group,
            feedback_source_type=FeedbackSourceType.MODEL,
        )


def _pairs(a: Report, b: Report, worth: Worth) -> list[tuple[Row, Row, float]]:
    """Pair the runs of the same case and repeat, with how much more the first is worth."""
    seconds = {(row.case.id, row.repeat): row for row in b.rows}
    pairs = []
    for first in a.rows:
        second = seconds.get((first.case.id, first.repeat))
        # Runs that were made without the server have no address: there is nothing to mark.
        if second is None or _run_id(first) is None or _run_id(second) is None:
            continue
        worths = worth(first), worth(second)
        if worths[0] is not None and worths[1] is not None:
            pairs.append((first, second, worths[0] - worths[1]))
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
        # A metric over all cases keeps a tuple of its own, which is no part and whole.
        if point is None or len(point) != 2 or not point[1]:
            return None
        return sign * float(point[0]) / float(point[1])

    return worth


def _experiment_of(report: Report) -> tuple[str, UUID, UUID]:
    """Read the base address, the dataset and the id of a report's experiment from its URL."""
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


def _run_id(row: Row) -> UUID | None:
    """Read the id of a row's run from its URL; None where it was not uploaded."""
    try:
        return UUID(urlsplit(row.trajectory.url).path.rpartition("/r/")[2])
    except ValueError:
        return None
