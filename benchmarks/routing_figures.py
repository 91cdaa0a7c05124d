"""Compute figures of a router's answers to test messages."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

from benchmarks.clinc import Pair
from quintet.stats import aurc, auroc, ece, fpr_at_tpr, macro_f1, paired, wilson
from quintet.stats.ranking import auroc_interval

Figures = dict[str, Any]

MEANING = {
    "accuracy": "share of in-scope messages whose likeliest route is right, abstained or not",
    "macro_f1": "mean over routes of F1 of the likeliest route, in-scope messages",
    "auroc": "chance that an in-scope message has more confidence than an out-of-scope one",
    "fpr95": "share of out-of-scope messages let through where 95 % of the in-scope ones are",
    "ece": "mean gap of confidence and accuracy, 15 bins, in-scope messages",
    "ece_all": "the same over all messages; any route of an out-of-scope message is wrong",
    "aurc": "area under the risk-coverage curve, in-scope messages; lower is better",
    "aurc_all": "the same over all messages, out-of-scope ones wrong",
    "coverage": "share of all messages that are accepted",
    "selective_accuracy": "share of accepted messages that are right; out-of-scope ones are wrong",
    "promise_kept": "whether selective_accuracy reaches the promise (at_least) on test",
    "needless": "share of in-scope messages abstained from though their likeliest route is right",
    "needless_all": "share of in-scope messages abstained from, right or wrong",
    "oos_recall": "share of out-of-scope messages abstained from",
    "cpu_ms_median": "processor time of one message in milliseconds, embedding included",
    "cpu_ms_p95": "its 95th percentile",
    "cpu_ms_median_without_embedding": "the same with the embedding known beforehand",
    "fit_seconds": "wall time of fitting, embeddings known beforehand",
    "fit_cpu_seconds": "its processor time",
    "embed_fit_cpu_seconds": "processor time of embedding all texts of the task, once",
}
"""The meaning of each figure. An `_interval` is at 95 %: Wilson's, or Newcombe's for AUROC."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A router's answer to one message.

    Args:
        route: the likeliest route.
        confidence: that it is right.
        accepted: whether it takes the route, or abstains.
    """

    route: str
    confidence: float
    accepted: bool


def figures(answers: Sequence[Answer], test: Sequence[Pair], *, at_least: float) -> Figures:
    """Compute all figures but the times; see `MEANING`."""
    judged = list(zip(answers, (route for _, route in test), strict=True))
    inside = [(answer, route) for answer, route in judged if route is not None]
    outside = [answer for answer, route in judged if route is None]
    rights = [answer.route == route for answer, route in inside]
    all_rights = [answer.route == route for answer, route in judged]
    sure = [answer.confidence for answer, _ in inside]
    all_sure = [answer.confidence for answer in answers]
    scope = [route is not None for _, route in judged]
    accepted = [
        right for (answer, _), right in zip(judged, all_rights, strict=True) if answer.accepted
    ]
    kept_back = [
        right for (answer, _), right in zip(inside, rights, strict=True) if not answer.accepted
    ]
    reached = sum(accepted) / len(accepted) if accepted else None
    results: Figures = {
        **_share("accuracy", sum(rights), len(inside)),
        "macro_f1": macro_f1(
            [route for _, route in inside], [answer.route for answer, _ in inside]
        ),
        "auroc": auroc(all_sure, scope),
        "auroc_interval": _ends(auroc_interval(all_sure, scope)),
        "fpr95": fpr_at_tpr(all_sure, scope, tpr=0.95),
        "ece": ece(sure, rights),
        "ece_all": ece(all_sure, all_rights),
        "aurc": aurc(sure, rights),
        "aurc_all": aurc(all_sure, all_rights),
        **_share("coverage", len(accepted), len(judged)),
        **_share("selective_accuracy", sum(accepted), len(accepted)),
        "promise_kept": reached is not None and reached >= at_least,
        **_share("needless", sum(kept_back), len(inside)),
        **_share("needless_all", len(kept_back), len(inside)),
        **_share("oos_recall", sum(not answer.accepted for answer in outside), len(outside)),
        "messages": {"in_scope": len(inside), "out_of_scope": len(outside)},
    }
    return rounded(results)


def compared(ours: Sequence[Answer], theirs: Sequence[Answer], test: Sequence[Pair]) -> Figures:
    """Compare two routers' likeliest routes on the same in-scope messages; McNemar's exact p."""
    mine, other = (
        [
            float(answer.route == route)
            for answer, (_, route) in zip(answers, test, strict=True)
            if route is not None
        ]
        for answers in (ours, theirs)
    )
    comparison = paired(mine, other)
    return {
        "difference": round(comparison.difference, 4),
        "difference_interval": _ends(comparison.interval),
        "ours_only": comparison.a_only,
        "theirs_only": comparison.b_only,
        "p": float(f"{comparison.p:.3g}"),
    }


def times(name: str, seconds: Sequence[float]) -> Figures:
    """Return median and 95th percentile in milliseconds; their names replace the `{}` in `name`."""
    return {
        name.format("median"): round(statistics.median(seconds) * 1000, 3),
        name.format("p95"): round(statistics.quantiles(seconds, n=20)[-1] * 1000, 3),
    }


def timed(
    call: Callable[[str], object], texts: Sequence[str], clock: Callable[[], float]
) -> list[float]:
    """Time each call by this clock, in seconds, after a few that warm up."""
    for text in texts[:10]:
        call(text)
    seconds = []
    for text in texts:
        began = clock()
        call(text)
        seconds.append(clock() - began)
    return seconds


def promise(chooser: Any) -> Figures:
    """Return the plain values that the router states of its promise."""
    stated = getattr(chooser, "promise", None)
    if stated is None or not is_dataclass(stated) or isinstance(stated, type):
        return {}
    return rounded({name: value for name, value in asdict(stated).items() if _plain(value)})


def flat(found: Figures, before: str = "") -> Figures:
    """Flatten nested figures to dotted keys."""
    result: Figures = {}
    for name, value in found.items():
        key = f"{before}.{name}" if before else name
        result |= flat(value, key) if isinstance(value, dict) else {key: value}
    return result


def nested(found: Figures) -> Figures:
    """Nest figures that have dotted keys."""
    result: Figures = {}
    for key, value in found.items():
        *path, last = key.split(".")
        place = result
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return result


def rounded(found: Figures) -> Figures:
    """Round floats to four decimals."""
    return {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in found.items()
    }


def _share(name: str, hits: int, n: int) -> Figures:
    share = hits / n if n else None
    return {name: share, f"{name}_interval": _ends(wilson(hits, n))}


def _ends(interval: Any) -> list[float]:
    return [round(interval.low, 4), round(interval.high, 4)]


def _plain(value: object) -> bool:
    return value is None or isinstance(value, str | bool | int | float)
