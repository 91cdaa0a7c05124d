"""Show the figures of `benchmarks.faults` as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.faults_latent import latent_table

_COUNTS = (
    ("struck", "struck"),
    ("recovered", "recovered"),
    ("handed over", "to a person"),
    ("silent failure", "silent"),
    ("crashed", "crashed"),
    ("other", "other"),
    ("duplicates", "written twice"),
    ("strange_writes", "written wrongly"),
)
_DESKS = (
    ("support", "The support desk, all messages"),
    ("support_single", "The support desk, messages with one request"),
    ("by_hand", "The same desk by hand, messages with one request"),
    ("retail", "The retail desk"),
)


def table(figures: Mapping[str, Any]) -> str:
    """Return all figures, for a person to read."""
    parts = [_circumstances(figures), _summary(figures)]
    for name, title in _DESKS:
        if name in figures:
            parts += [f"### {title}", _kinds(figures[name])]
    for name, counts in figures.get("systems", {}).items():
        parts += [f"### {name}", _kinds(counts)]
    if "latent" in figures:
        parts.append(f"## Latent faults\n\n{latent_table(figures['latent'])}")
    if figures["retail_skipped"]:
        parts.append(f"The retail desk was skipped: {figures['retail_skipped']}")
    parts.append(_attribution(figures))
    if figures["silent_runs"]:
        parts.append(
            "Silent failures:\n\n" + "\n".join(f"- {run}" for run in figures["silent_runs"])
        )
    return "\n\n".join(parts)


def _circumstances(figures: Mapping[str, Any]) -> str:
    about = figures["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in figures["versions"].items())
    return (
        f"{figures['date']}, {about['processor']}, {about['cores']} cores; {packages}. "
        f"Seed {figures['seed']}, {figures['seconds']:.0f} s in all."
    )


def _summary(figures: Mapping[str, Any]) -> str:
    head = ("", "faults struck", "silent failures", "recovered", "to a person", "crashed", "twice")
    rows = []
    desks = [(title, figures[name]) for name, title in _DESKS if name in figures]
    for title, counts in [*desks, *figures.get("systems", {}).items()]:
        if counts["struck"]:
            silent, right = counts["silent_failure_rate"], counts["recovery_rate"]
            rows.append(
                (
                    title,
                    counts["struck"],
                    f"{counts['silent failure']} ({_share(silent)})",
                    f"{counts['recovered']} ({_share(right)})",
                    counts["handed over"],
                    counts["crashed"],
                    counts["duplicates"],
                )
            )
    return _rows(head, rows)


def _kinds(figures: Mapping[str, Any]) -> str:
    head = ("fault", *(title for _, title in _COUNTS))
    kinds = [(kind, counts) for kind, counts in figures["kinds"].items() if counts["struck"]]
    rows = [(kind, *(counts[key] for key, _ in _COUNTS)) for kind, counts in kinds]
    return _rows(head, [*rows, ("all", *(figures[key] for key, _ in _COUNTS))])


def _attribution(figures: Mapping[str, Any]) -> str:
    parts = []
    for name, whose in (("attribution", "Quintet's desks"), ("attribution_by_hand", "by hand")):
        counts = figures[name]
        share = "none" if counts["share"] is None else f"{counts['share']:.1%}"
        parts.append(
            f"{whose}: of {counts['wrong']} runs that ended otherwise than unbroken, "
            f"{counts['told']} are attributed, {counts['node_named']} to the node in which the "
            f"fault struck ({share})"
        )
    return "Attribution. " + "; ".join(parts) + "."


def _share(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "none"
    return f"{figure['value']:.1%} [{figure['low']:.1%}, {figure['high']:.1%}]"


def _rows(head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
