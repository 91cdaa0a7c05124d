"""Measure what orchestration costs: a desk by Quintet, by hand on LangGraph, and by others.

The desk: a front door that routes by a model, three specialists, one tool call, an answer. All
contenders run on scripted models without latency, in turn and in one process.

    python -m benchmarks.overhead            # a table
    python -m benchmarks.overhead --json     # one object
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from langsmith import tracing_context

from benchmarks.by_hand import FUSED, LANGGRAPH
from benchmarks.desks import QUINTET, Contender
from benchmarks.machine import machine, versions
from benchmarks.measure import asked, atimed, ratio, same_calls, summary, timed, together
from benchmarks.saved import asaved, saved
from benchmarks.table import table

COMPARED = (QUINTET, LANGGRAPH, FUSED)
"""These must make the same model calls."""

Figures = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Options:
    """The size of a measurement.

    Args:
        runs: rounds without a saver, sync and async each.
        saved_runs: rounds with SQLite.
        together: runs at once in the concurrent part.
        latency: seconds of a model call there.
        repeats: repetitions of that part.
        peers: whether other libraries are measured too.
    """

    runs: int = 400
    saved_runs: int = 100
    together: int = 200
    latency: float = 0.05
    repeats: int = 3
    peers: bool = True


QUICK = Options(runs=6, saved_runs=3, together=5, latency=0.005, repeats=1)


def measure(options: Options) -> Figures:
    """Measure all figures, ready for JSON.

    Raises:
        Unequal: contenders that are compared do not make the same model calls.
    """
    began = time.perf_counter()
    contenders = (*COMPARED, *(_peers() if options.peers else ()))
    with tracing_context(enabled=False):
        received = _received(contenders)
        modes = {
            "sync": _unsaved(contenders, options, awaited=False),
            "async": _unsaved(contenders, options, awaited=True),
        }
        _say(f"SQLite, sync: {options.saved_runs} rounds")
        sqlite = {"sync": saved(options.saved_runs)}
        _say(f"SQLite, async: {options.saved_runs} rounds")
        sqlite["async"] = asyncio.run(asaved(options.saved_runs))
        concurrent = asyncio.run(_concurrent(contenders, received, options))
    counted = ("characters", "characters_with_schemas")
    mine, by_hand = received["quintet"], received["langgraph"]
    return {
        "ratio_to_langgraph": max(mode["ratio_to_langgraph"] for mode in modes.values()),
        "characters_ratio": max(round(mine[key] / by_hand[key], 4) for key in counted),
        "ratio_to_fused": max(mode["ratio_to_fused"] for mode in modes.values()),
        **modes,
        "model_calls": {name: figures["model_calls"] for name, figures in received.items()},
        **{key: {name: figures[key] for name, figures in received.items()} for key in counted},
        "sqlite": sqlite,
        "concurrent": concurrent,
        "rounds": {"unsaved": options.runs, "sqlite": options.saved_runs},
        "machine": machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "seconds": round(time.perf_counter() - began, 1),
    }


def _peers() -> tuple[Contender, ...]:
    from benchmarks.peers import PEERS

    return PEERS


def _received(contenders: Sequence[Contender]) -> dict[str, dict[str, float]]:
    """Count model calls and characters of each contender, the same for sync and async runs."""
    received = {}
    for awaited in (False, True):
        seen = {contender.name: asked(contender, awaited=awaited) for contender in contenders}
        for contender in COMPARED:
            same_calls(seen[contender.name], seen["langgraph"])
        received = {name: one.per_run for name, one in seen.items()}
    return received


def _unsaved(contenders: Sequence[Contender], options: Options, *, awaited: bool) -> Figures:
    _say(f"no saver, {'async' if awaited else 'sync'}: {options.runs} rounds")
    desks = [contender.desk(awaited=awaited) for contender in contenders]
    rounds = options.runs
    seconds = asyncio.run(atimed(desks, rounds)) if awaited else timed(desks, rounds)
    return {
        "ratio_to_langgraph": ratio(seconds, "quintet", "langgraph"),
        "ratio_to_fused": ratio(seconds, "quintet", "langgraph_fused"),
        "contenders": summary(seconds, "langgraph"),
    }


async def _concurrent(
    contenders: Sequence[Contender], received: dict[str, dict[str, float]], options: Options
) -> Figures:
    """Time many runs at once on models with latency; the ideal is the calls' latency alone."""
    _say(f"{options.together} runs at once, {options.repeats} times")
    walls: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(options.repeats):
        for contender in contenders:
            desk = contender.desk(awaited=True, latency=options.latency)
            walls[contender.name].append(await together(desk, options.together))
    figures = {}
    for name, wall in walls.items():
        ideal = received[name]["model_calls"] * options.latency
        middle = statistics.median(wall)
        figures[name] = {
            "wall_s": round(middle, 3),
            "ideal_s": round(ideal, 3),
            "wall_to_ideal": round(middle / ideal, 2),
        }
    return {"runs": options.together, "latency_s": options.latency, "contenders": figures}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def read_options(arguments: Sequence[str] | None) -> tuple[Options, bool]:
    """Read the command line: the options, and whether to print JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--runs", type=int, help=f"rounds without a saver ({Options.runs})")
    parser.add_argument("--no-peers", action="store_true", help="leave other libraries out")
    parser.add_argument("--quick", action="store_true", help="a few rounds, to see that it runs")
    parsed = parser.parse_args(arguments)
    options = replace(QUICK if parsed.quick else Options(), peers=not parsed.no_peers)
    if parsed.runs is not None:
        if parsed.runs < 2:
            parser.error(f"--runs {parsed.runs}: quartiles need two rounds or more")
        options = replace(options, runs=parsed.runs)
    return options, parsed.json


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options, as_json = read_options(arguments)
    figures = measure(options)
    print(json.dumps(figures, indent=2) if as_json else table(figures))


if __name__ == "__main__":
    main()
