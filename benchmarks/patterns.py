"""Measure what each pattern costs beside the hand-written LangGraph graph of the same shape.

Both have the same duties: results in the state, retries on every node, an outcome at the end. They
run on scripted models without latency, in turn and in one process, so that a ratio is the median of
the rounds' own ratios. Then many runs at once on models with latency, beside that latency alone.

    python -m benchmarks.patterns                      # a table
    python -m benchmarks.patterns --json               # one object
    python -m benchmarks.patterns --only workflow
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

from benchmarks.desks import Desk
from benchmarks.machine import machine, versions
from benchmarks.measure import Seconds, Unequal, ratio, together, turns
from benchmarks.shapes.registry import SHAPES
from benchmarks.shapes.shape import Shape

Figures = dict[str, Any]
MODES = ("sync", "async")


@dataclass(frozen=True, kw_only=True)
class Options:
    """The size of a measurement.

    Args:
        rounds: pairs of runs of each pattern, sync and async each.
        together: runs at once in the concurrent part.
        latency: seconds of a model call there.
        repeats: repetitions of that part.
        only: the patterns; all by default.
    """

    rounds: int = 300
    together: int = 200
    latency: float = 0.05
    repeats: int = 3
    only: tuple[str, ...] = ()


QUICK = Options(rounds=4, together=4, latency=0.002, repeats=1)


def measure(options: Options) -> Figures:
    """Measure all figures, ready for JSON.

    Raises:
        Unequal: the two graphs of a pattern do not do the same work.
    """
    began = time.perf_counter()
    wanted = [SHAPES[name] for name in options.only or SHAPES]
    patterns: Figures = {}
    with tracing_context(enabled=False):
        for shape in wanted:
            _say(f"{shape.name}: {options.rounds} rounds")
            patterns[shape.name] = _figures(shape, options)
    worst = {key: max(one[key] for one in patterns.values()) for key in _COMPARED}
    return {
        **worst,
        "patterns": patterns,
        "rounds": options.rounds,
        "together": {"runs": options.together, "latency_s": options.latency},
        "machine": machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "seconds": round(time.perf_counter() - began, 1),
    }


_COMPARED = (
    "ratio_sync",
    "ratio_async",
    "cpu_ratio_sync",
    "cpu_ratio_async",
    "concurrent_over_ideal",
)


def _figures(shape: Shape, options: Options) -> Figures:
    figures: Figures = {"calls": shape.calls}
    for mode in MODES:
        desks = shape.desks(awaited=mode == "async")
        check_same(shape, desks, awaited=mode == "async")
        if mode == "async":
            wall, cpu = asyncio.run(_atimed(desks, options.rounds))
        else:
            wall, cpu = _timed(desks, options.rounds)
        figures[f"ratio_{mode}"] = ratio(wall, "quintet", "by_hand")
        figures[f"cpu_ratio_{mode}"] = ratio(cpu, "quintet", "by_hand")
        figures[f"ms_{mode}"] = {
            name: round(statistics.median(taken) * 1000, 3) for name, taken in wall.items()
        }
    return figures | asyncio.run(_concurrent(shape, options))


def check_same(shape: Shape, desks: Sequence[Desk], *, awaited: bool) -> None:
    """Check that both graphs of a pattern call the model as often, and end with the same results.

    Raises:
        Unequal: it names the pattern and the difference.
    """
    for desk in desks:
        given = desk.given("I was charged twice for order 1042, once on Monday. Why?")
        before = len(desk.model.calls)
        values = asyncio.run(desk.arun(given, "0")) if awaited else desk.run(given, "0")
        calls = len(desk.model.calls) - before
        if calls != shape.calls:
            raise Unequal(f"{shape.name}, {desk.name}: {calls} model calls, not {shape.calls}")
        if missing := set(shape.results) - set(values.get("results") or ()):
            raise Unequal(f"{shape.name}, {desk.name}: no result {', '.join(sorted(missing))}")
        if (values.get("outcome") or {}).get("status") != "done":
            raise Unequal(f"{shape.name}, {desk.name} ends as {values.get('outcome')}")


def _timed(desks: Sequence[Desk], rounds: int) -> tuple[Seconds, Seconds]:
    """Time runs with `invoke`: seconds on the wall, and of the processor."""
    wall, cpu = _empty(desks), _empty(desks)
    for turn in turns(desks, rounds):
        began, used = time.perf_counter(), time.process_time()
        turn.desk.run(turn.given, turn.thread)
        took, spent = time.perf_counter() - began, time.process_time() - used
        if turn.counts:
            wall[turn.desk.name].append(took)
            cpu[turn.desk.name].append(spent)
    return wall, cpu


async def _atimed(desks: Sequence[Desk], rounds: int) -> tuple[Seconds, Seconds]:
    """Time runs with `ainvoke`, one at a time."""
    wall, cpu = _empty(desks), _empty(desks)
    for turn in turns(desks, rounds):
        began, used = time.perf_counter(), time.process_time()
        await turn.desk.arun(turn.given, turn.thread)
        took, spent = time.perf_counter() - began, time.process_time() - used
        if turn.counts:
            wall[turn.desk.name].append(took)
            cpu[turn.desk.name].append(spent)
    return wall, cpu


def _empty(desks: Sequence[Desk]) -> Seconds:
    return {desk.name: [] for desk in desks}


async def _concurrent(shape: Shape, options: Options) -> Figures:
    """Time many runs at once; the ideal is the latency of the calls that follow each other."""
    ideal = shape.depth * options.latency
    walls: Seconds = {"quintet": [], "by_hand": []}
    for _ in range(options.repeats):
        for desk in shape.desks(awaited=True, latency=options.latency):
            walls[desk.name].append(await together(desk, options.together))
    over = {name: round(statistics.median(wall) / ideal, 2) for name, wall in walls.items()}
    return {
        "concurrent_over_ideal": over["quintet"],
        "concurrent_over_ideal_by_hand": over["by_hand"],
    }


def table(figures: Figures) -> str:
    """Show the figures as a Markdown table."""
    head = "| pattern | calls | sync ms | sync x | CPU | async ms | async x | CPU | at once |"
    lines = [head, "|" + " --- |" * 9]
    for name, one in figures["patterns"].items():
        cells = [name, str(one["calls"])]
        for mode in MODES:
            taken = one[f"ms_{mode}"]
            cells.append(f"{taken['quintet']:.2f} / {taken['by_hand']:.2f}")
            cells += [f"{one[f'ratio_{mode}']:.3f}", f"{one[f'cpu_ratio_{mode}']:.3f}"]
        hand = one["concurrent_over_ideal_by_hand"]
        cells.append(f"{one['concurrent_over_ideal']:.2f} / {hand:.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def read_options(arguments: Sequence[str] | None) -> tuple[Options, bool]:
    """Read the command line: the options, and whether to print JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.patterns", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, help=f"pairs of runs ({Options.rounds})")
    parser.add_argument("--quick", action="store_true", help="a few rounds, to see that it runs")
    parser.add_argument("--only", nargs="+", choices=list(SHAPES), help="these patterns alone")
    parsed = parser.parse_args(arguments)
    options = QUICK if parsed.quick else Options()
    if parsed.rounds is not None:
        if parsed.rounds < 2:
            parser.error(f"--rounds {parsed.rounds}: give two or more")
        options = replace(options, rounds=parsed.rounds)
    return replace(options, only=tuple(parsed.only or ())), parsed.json


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options, as_json = read_options(arguments)
    figures = measure(options)
    print(json.dumps(figures, indent=2) if as_json else table(figures))


if __name__ == "__main__":
    main()
