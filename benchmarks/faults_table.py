"""Show the figures of `benchmarks.faults` as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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
    for name, title in _DESKS:
        if name in figures:
            found = figures[name]
            silent, right = found["silent_failure_rate"], found["recovery_rate"]
            rows.append(
                (
                    title,
                    found["struck"],
                    f"{found['silent failure']} ({_share(silent)})",
                    f"{found['recovered']} ({_share(right)})",
                    found["handed over"],
                    found["crashed"],
                    found["duplicates"],
                )
            )
    return _rows(head, rows)


def _kinds(found: Mapping[str, Any]) -> str:
    head = ("fault", *(title for _, title in _COUNTS))
    kinds = [(kind, counts) for kind, counts in found["kinds"].items() if counts["struck"]]
    rows = [(kind, *(counts[key] for key, _ in _COUNTS)) for kind, counts in kinds]
    return _rows(head, [*rows, ("all", *(found[key] for key, _ in _COUNTS))])


def _attribution(figures: Mapping[str, Any]) -> str:
    said = []
    for name, whose in (("attribution", "Quintet's desks"), ("attribution_by_hand", "by hand")):
        found = figures[name]
        share = "none" if found["share"] is None else f"{found['share']:.1%}"
        said.append(
            f"{whose}: of {found['wrong']} runs that ended otherwise than unbroken, "
            f"{found['told']} are attributed, {found['node_named']} to the node in which the "
            f"fault struck ({share})"
        )
    return "Attribution. " + "; ".join(said) + "."


def _share(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "none"
    return f"{figure['value']:.1%} [{figure['low']:.1%}, {figure['high']:.1%}]"


def _rows(head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
