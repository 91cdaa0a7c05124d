"""End graphs at every point where their process may end, recover, and count what went wrong.

Each cell is a graph, a database, sync or async, and a kind of receiver: one that honours an
idempotency key, one that can be asked (`reconcile`), or neither. Of the last, a person is asked.

    python -m benchmarks.crashpoints                 # a table
    python -m benchmarks.crashpoints --json          # one object
    python -m benchmarks.crashpoints --short --json  # under a minute
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.bare_crash import measure as measure_bare
from benchmarks.crash_desks import GRAPHS, Kind, Receiver, given_of, yes
from benchmarks.machine import machine, versions
from benchmarks.stores import postgres_answers, store
from quintet.testing import crashpoints
from quintet.testing.crash.crashpoints import fast_folder
from quintet.testing.crash.report import CrashReport

KEYS = ("points", "duplicated", "lost", "wrongly_finished", "wrong_states", "asked")
PAIRED = ("single_agent", "approval")
REALLY_ENDED = ("fan_out", "approval")

Figures = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One graph under one set of circumstances."""

    graph: str
    store: str = "sqlite"
    mode: str = "sync"
    kind: Kind = "key"
    pairs: bool = False
    exits: bool = False

    @property
    def name(self) -> str:
        """Name the cell."""
        more = [word for word in ("pairs", "exits") if getattr(self, word)]
        return "/".join((self.graph, self.store, self.mode, self.kind, *more))

    def measure(self, folder: Path) -> CrashReport:
        """Go through all points."""
        book = folder / "receiver.jsonl"
        receiver = Receiver(path=book, kind=self.kind, awaited=self.mode == "async")

        def build() -> Any:
            return GRAPHS[self.graph](
                Receiver(path=book, kind=self.kind, awaited=self.mode == "async")
            )

        with store(self.store, folder) as url:
            return crashpoints(
                build,
                given_of(self.graph),
                person=yes,
                url=url,
                asynchronous=self.mode == "async",
                exits=self.exits,
                pairs=self.pairs,
                reset=receiver.clear,
                progress=_quiet,
            )


def cells(*, short: bool, postgres: bool) -> Iterator[Cell]:
    """Give the cells of the long form, or of the short one."""
    stores = ("sqlite", "postgres") if postgres else ("sqlite",)
    if short:
        yield from (Cell(graph=graph) for graph in GRAPHS)
        for place in stores:
            yield Cell(graph="single_agent", mode="async", store=place)
        yield Cell(graph="single_agent", kind="reconcile")
        yield Cell(graph="single_agent", kind="neither")
        yield Cell(graph="single_agent", exits=True)
        return
    for graph in GRAPHS:
        for place in stores:
            for mode in ("sync", "async"):
                yield Cell(graph=graph, store=place, mode=mode)
    for graph in GRAPHS:
        yield Cell(graph=graph, kind="reconcile")
        yield Cell(graph=graph, kind="neither")
    yield from (
        Cell(graph=graph, exits=True, store=place) for graph in REALLY_ENDED for place in stores
    )
    yield from (Cell(graph=graph, pairs=True) for graph in PAIRED)
    yield Cell(graph=PAIRED[0], pairs=True, kind="neither")


def measure(*, short: bool, graphs: Sequence[str] = ()) -> Figures:
    """Measure all cells, ready for JSON."""
    began, found = time.perf_counter(), {}
    total: Counter[str] = Counter(dict.fromkeys((*KEYS, "asked_without"), 0))
    postgres = postgres_answers()
    with fast_folder() as folder:
        for cell in cells(short=short, postgres=postgres):
            if graphs and cell.graph not in graphs:
                continue
            report = cell.measure(Path(folder))
            figures = {**report.as_dict(), "seconds": round(report.seconds, 1)}
            found[cell.name] = figures
            _say(f"{cell.name}: {figures}", *report.bad[:3])
            for key in KEYS:
                asked = key == "asked" and cell.kind == "neither"
                total["asked_without" if asked else key] += figures[key]
        bare = measure_bare(Path(folder))
    return {
        **total,
        "cells": found,
        "bare_langgraph": bare,
        "postgres": postgres,
        "machine": machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions("langgraph-checkpoint-postgres"),
        "seconds": round(time.perf_counter() - began, 1),
    }


def table(figures: Figures) -> str:
    """Return all figures, for a person to read."""
    head = ("", *(key.replace("_", " ") for key in KEYS))
    rows = [
        *(_row(name, cell) for name, cell in figures["cells"].items()),
        _row("**total**", figures),
        _row("bare LangGraph, 8 nodes", figures["bare_langgraph"]),
    ]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(name: str, figures: Figures) -> list[str]:
    return [name, *(str(figures.get(key, "")) for key in KEYS)]


def _quiet(done: int, total: int) -> None:
    return None


def _say(*words: object) -> None:
    for word in words:
        print(word, file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="benchmarks.crashpoints", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--short", action="store_true", help="fewer cells, under a minute")
    parser.add_argument("--graph", action="append", default=[], choices=[*GRAPHS])
    given = parser.parse_args(arguments)
    logging.getLogger("quintet").setLevel(logging.CRITICAL)  # each recovery tells of its failure
    figures = measure(short=given.short, graphs=given.graph)
    print(json.dumps(figures, indent=1) if given.json else table(figures))


if __name__ == "__main__":
    main()
