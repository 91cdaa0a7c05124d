"""The figures of `benchmarks.overhead` as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def table(figures: dict[str, Any]) -> str:
    """All figures, for a person to read."""
    machine, rounds = figures["machine"], figures["rounds"]
    packages = ", ".join(f"{name} {number}" for name, number in figures["versions"].items())
    together = figures["concurrent"]
    return "\n\n".join(
        [
            f"{figures['date']}, {machine['processor']}, {machine['cores']} cores, load average "
            f"{machine['load_average']}; {packages}. {rounds['unsaved']} rounds without a saver, "
            f"{rounds['sqlite']} with SQLite, {figures['seconds']:.0f} s in all.",
            _headline(figures),
            f"No saver; the last column is {together['runs']} runs at once on models that take "
            f"{together['latency_s'] * 1000:g} ms a call.",
            _unsaved(figures),
            "Every superstep saved in SQLite.",
            _saved(figures["sqlite"]),
        ]
    )


def _headline(figures: dict[str, Any]) -> str:
    rows = [
        (name, *(f"{one:.3f}" for one in (figures["sync"][name], figures["async"][name])))
        for name in ("ratio_to_langgraph", "ratio_to_fused")
    ]
    ratio = f"{figures['characters_ratio']:.3f}"
    return _rows(("Quintet", "sync", "async"), [*rows, ("characters_ratio", ratio, ratio)])


def _unsaved(figures: dict[str, Any]) -> str:
    head = ("", "model calls", "characters", "with schemas")
    head += ("sync ms (quartiles)", "sync x", "async ms (quartiles)", "async x", "wall / ideal")
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
    head = ("", "sync ms (quartiles)", "sync x", "async ms (quartiles)", "async x")
    sync, awaited = sqlite["sync"]["contenders"], sqlite["async"]["contenders"]
    return _rows(head, [(name, *_timed(sync[name]), *_timed(awaited[name])) for name in sync])


def _timed(taken: dict[str, float]) -> tuple[str, str]:
    quartiles = f"{taken['p25_ms']:.2f} to {taken['p75_ms']:.2f}"
    return f"{taken['p50_ms']:.2f} ({quartiles})", f"{taken['ratio_to_langgraph']:.2f}"


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
