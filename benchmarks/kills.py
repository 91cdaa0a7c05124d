"""Kill processes by SIGKILL at random moments, recover, and count what went wrong.

python -m benchmarks.kills                        # a table; few kills a cell
python -m benchmarks.kills --kills 200 --json     # the long form
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.crash_desks import GIVEN, GRAPHS, Receiver, yes
from benchmarks.machine import machine, versions
from benchmarks.stores import postgres_answers, store
from quintet.state import checkpointer
from quintet.testing.crash.book import Book, difference
from quintet.testing.crash.crashpoints import fast_folder
from quintet.testing.crash.life import Life, Scene
from quintet.testing.crash.process import in_child, live_and_tell, read_life
from quintet.testing.crash.trial import Whole, differs, end_of, rehearse

KEYS = ("kills", "threads", "duplicated", "lost", "wrongly_finished", "wrong_states", "asked")
DESKS = ("handoff", "fan_out", "approval")
KILLS_A_THREAD = 4

Figures = dict[str, Any]


class Kill:
    """Kill the processes of one graph.

    Args:
        scene: the graph and its world.
        folder: where lives tell how they went.
    """

    def __init__(self, scene: Scene, folder: Path) -> None:
        self._scene, self._told = scene, folder / "life.json"
        self.whole: Whole = rehearse(scene, (f"whole {number}" for number in range(2)))
        began = time.monotonic()
        self.life("timed", None)
        self.longest = time.monotonic() - began

    def life(self, thread: str, after: float | None) -> Life | None:
        """Live in a child; kill it after some seconds. None where it was killed."""
        self._told.unlink(missing_ok=True)
        if (child := os.fork()) == 0:
            in_child(lambda: live_and_tell(self._scene, thread, None, self._told))
        if after is not None:
            time.sleep(after)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) == 0:
            return read_life(self._told)
        if after is None:
            raise RuntimeError("a child that nobody killed has failed")
        return None

    def thread(self, name: str, dice: random.Random) -> Counter[str]:
        """Kill one thread's processes some times, and let the last go on to the end."""
        figures: Counter[str] = Counter({"threads": 1})
        last: Life | None = None
        while last is None and figures["kills"] < KILLS_A_THREAD:
            last = self.life(name, dice.uniform(0, self.longest))
            figures["kills"] += last is None
        done_before = self._scene.book.counts(name)
        last = last or self.life(name, None)
        assert last is not None  # noqa: S101 - nobody killed it
        effects, wanted = self._scene.book.counts(name), self.whole.effects
        figures["duplicated"] = len(difference(effects, wanted))
        figures["lost"] = len(difference(wanted, effects))
        found_whole = not difference(wanted, done_before) and last.found_end == self.whole.end
        figures["wrongly_finished"] = int(bool(last.found) and not found_whole)
        figures["wrong_states"] = int(bool(last.fault or differs(last.end, self.whole.end)))
        figures["asked"] = len(last.asked)
        return figures


def cells(*, postgres: bool, kills: int) -> Iterator[tuple[str, str, str]]:
    """Give graph, database and mode of each cell."""
    stores = ("sqlite", "postgres") if postgres else ("sqlite",)
    for place in stores:
        for mode in ("sync", "async"):
            for graph in DESKS if kills >= 50 else DESKS[:1]:
                yield graph, place, mode


def measure(kills: int, *, seed: int = 0) -> Figures:
    """Kill at least so many processes in each cell."""
    began, found, total = time.perf_counter(), {}, Counter(dict.fromkeys(KEYS, 0))
    postgres = postgres_answers()
    for graph, place, mode in cells(postgres=postgres, kills=kills):
        with fast_folder() as folder, store(place, Path(folder)) as url:
            figures = _cell(graph, mode, url, Path(folder), kills, seed)
        found[f"{graph}/{place}/{mode}"] = figures
        print(f"{graph}/{place}/{mode}: {figures}", file=sys.stderr)
        total.update(figures)
    return {
        **{key: total[key] for key in KEYS},
        "cells": found,
        "postgres": postgres,
        "machine": machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions("langgraph-checkpoint-postgres"),
        "seconds": round(time.perf_counter() - began, 1),
    }


def _cell(graph: str, mode: str, url: str, folder: Path, kills: int, seed: int) -> Figures:
    # Each thread pays orders of its own at one receiver, which knows a repeat by its key.
    receiver = Receiver(path=folder / "receiver.jsonl", kind="key", awaited=mode == "async")
    scene = Scene(
        build=partial(GRAPHS[graph], receiver),
        given=GIVEN,
        opened=partial(checkpointer, url),
        book=Book(folder / "book.jsonl"),
        person=yes,
        ends=end_of,
        awaited=mode == "async",
    )
    kill, dice = Kill(scene, folder), random.Random(seed)
    figures: Counter[str] = Counter(dict.fromkeys(KEYS, 0))
    while figures["kills"] < kills:
        figures.update(kill.thread(f"thread {figures['threads']}", dice))
    return {key: figures[key] for key in KEYS}


def table(figures: Figures) -> str:
    """Return all figures, for a person to read."""
    rows = [(name, *(cell[key] for key in KEYS)) for name, cell in figures["cells"].items()]
    rows.append(("**total**", *(figures[key] for key in KEYS)))
    lines = [("", *KEYS), ["---"] * (len(KEYS) + 1), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="benchmarks.kills", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--kills", type=int, default=10, help="kills in each cell, at least")
    given = parser.parse_args(arguments)
    if given.kills < 1:
        parser.error("--kills: at least one")
    logging.getLogger("quintet").setLevel(logging.CRITICAL)
    figures = measure(given.kills)
    print(json.dumps(figures, indent=1) if given.json else table(figures))


if __name__ == "__main__":
    main()
