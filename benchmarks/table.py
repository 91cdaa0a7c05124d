"""Show the figures of `benchmarks.overhead` as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

_TIMED = ("sync ms (quartiles)", "sync x", "async ms (quartiles)", "async x")


def table(figures: dict[str, Any]) -> str:
    """Return all figures, for a person to read."""
    runs, latency = figures["concurrent"]["runs"], figures["concurrent"]["latency_s"]
    parts = (
        _circumstances(figures),
        _headline(figures),
        f"No saver. Last column: {runs} runs at once, each model call takes {latency:g} s.",
        _unsaved(figures),
        "Every superstep saved in SQLite.",
        _saved(figures["sqlite"]),
    )
    return "\n\n".join(parts)


def _circumstances(figures: dict[str, Any]) -> str:
    machine, rounds = figures["machine"], figures["rounds"]
    packages = ", ".join(f"{name} {number}" for name, number in figures["versions"].items())
    return (
        f"{figures['date']}, {machine['processor']}, {machine['cores']} cores, load average "
        f"{machine['load_average']}; {packages}. {rounds['unsaved']} rounds without a saver, "
        f"{rounds['sqlite']} with SQLite, {figures['seconds']:.0f} s in all."
    )


def _headline(figures: dict[str, Any]) -> str:
    rows = [
        (name, *(f"{one:.3f}" for one in (figures["sync"][name], figures["async"][name])))
        for name in ("ratio_to_langgraph", "ratio_to_fused")
    ]
    ratio = f"{figures['characters_ratio']:.3f}"
    return _rows(("Quintet", "sync", "async"), [*rows, ("characters_ratio", ratio, ratio)])


def _unsaved(figures: dict[str, Any]) -> str:
    counted = ("", "model calls", "characters", "with schemas")
    head = (*counted, *_TIMED, "wall / ideal")
    rows = [
        (
            name,
            f"{calls:g}",
            f"{figures['characters'][name]:.0f}",
            f"{figures['characters_with_schemas'][name]:.0f}",
            *_timed(figures["sync"]["contenders"][name]),
            *_timed(figures["async"]["contenders"][name]),
            f"{figures['concurrent']['contenders'][name]['wall_to_ideal']:.2f}",
        )
        for name, calls in figures["model_calls"].items()
    ]
    return _rows(head, rows)


def _saved(sqlite: dict[str, Any]) -> str:
    sync, awaited = sqlite["sync"]["contenders"], sqlite["async"]["contenders"]
    head = ("", *_TIMED)
    return _rows(head, [(name, *_timed(sync[name]), *_timed(awaited[name])) for name in sync])


def _timed(taken: dict[str, float]) -> tuple[str, str]:
    quartiles = f"{taken['p25_ms']:.2f} to {taken['p75_ms']:.2f}"
    return f"{taken['p50_ms']:.2f} ({quartiles})", f"{taken['ratio_to_langgraph']:.2f}"


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
