"""Show the figures of `benchmarks.routing`: against the goals, and side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Figures = dict[str, Any]

GOALS: tuple[tuple[str, str, float], ...] = (
    ("clinc150.no_embeddings.accuracy", ">=", 0.935),
    ("clinc150.no_embeddings.auroc", ">=", 0.955),
    ("clinc150.no_embeddings.cpu_ms_median", "<=", 3),
    ("clinc150.no_embeddings.fit_seconds", "<=", 60),
    ("clinc150.embeddings.accuracy", ">=", 0.96),
    ("clinc150.embeddings.auroc", ">=", 0.97),
    ("clinc150.embeddings.coverage", ">=", 0.78),
    ("clinc150.embeddings.selective_accuracy", ">=", 0.97),
    ("clinc150.embeddings.needless", "<=", 0.08),
    ("clinc150.embeddings.needless_all", "<=", 0.08),
    ("clinc150.ten_shot.embeddings.accuracy", ">=", 0.91),
    ("clinc150.ten_shot_drawn.embeddings.accuracy", ">=", 0.91),
)
"""The goals: a key, and the bound that its figure should reach or stay under."""

COLUMNS = {
    "accuracy": "accuracy",
    "auroc": "AUROC",
    "ece": "ECE",
    "aurc": "AURC",
    "fpr95": "FPR95",
    "coverage": "coverage",
    "selective_accuracy": "accuracy of accepted",
    "needless": "needless",
    "needless_all": "needless (all)",
    "oos_recall": "oos recall",
    "cpu_ms_median": "CPU ms",
    "cpu_ms_median_without_embedding": "CPU ms, embedded",
    "fit_seconds": "fit s",
}


def goals(figures: Figures) -> Figures:
    """Return each goal that was measured, with its figure and whether it is met."""
    results: Figures = {}
    for key, sign, bound in GOALS:
        measured = figures.get(key)
        if measured is not None:
            met = measured >= bound if sign == ">=" else measured <= bound
            results[key] = {"wanted": f"{sign} {bound:g}", "measured": measured, "met": met}
    return results


def table(results: Figures) -> str:
    """Return all figures, for a person to read."""
    parts = [
        _circumstances(results),
        *(f"Not measured: {name}: {why}" for name, why in results["problems"].items()),
        _wanted(results["goals"]),
        "In brackets 95 % intervals; of ten_shot_drawn, the least and the largest of the draws.",
        _side_by_side(results["figures"]),
        _against(results["figures"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _circumstances(results: Figures) -> str:
    machine = results["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    return (
        f"{results['date']}, {machine['processor']}, {machine['cores']} cores, load average "
        f"{machine['load_average']}, one thread; {packages}; {results['seconds']:.0f} s in all. "
        f"Promise: {results['at_least']:.0%} of accepted messages right."
    )


def _wanted(met: Figures) -> str:
    rows = [
        (key, one["wanted"], _number(one["measured"]), "met" if one["met"] else "MISSED")
        for key, one in met.items()
    ]
    return _rows(("goal", "wanted", "measured", ""), rows) if rows else ""


def _side_by_side(figures: Figures) -> str:
    """Return a row for each router on each task; details of its promise are in the JSON only."""
    routers = [
        key.removesuffix(".accuracy")
        for key in figures
        if key.endswith(".accuracy") and ".promise." not in key
    ]
    rows = [
        (router, *(_cell(figures, f"{router}.{name}") for name in COLUMNS)) for router in routers
    ]
    return _rows(("", *COLUMNS.values()), rows)


def _against(figures: Figures) -> str:
    compared = [key.removesuffix(".p") for key in figures if key.endswith(".p")]
    rows = [
        (
            key,
            f"{figures[f'{key}.difference']:+.4f}",
            "{:+.4f} to {:+.4f}".format(*figures[f"{key}.difference_interval"]),
            str(figures[f"{key}.ours_only"]),
            str(figures[f"{key}.theirs_only"]),
            f"{figures[f'{key}.p']:.2g}",
        )
        for key in compared
    ]
    head = ("ours against", "difference", "95 %", "ours only", "theirs only", "McNemar p")
    return _rows(head, rows) if rows else ""


def _cell(figures: Figures, key: str) -> str:
    value = figures.get(key)
    ends = figures.get(f"{key}_interval") or figures.get(f"{key}_range")
    if value is None:
        return ""
    return _number(value) + (f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else "")


def _number(value: float) -> str:
    return f"{value:.2f}" if value >= 2 else f"{value:.4f}"


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
