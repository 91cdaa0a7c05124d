"""Let two processes move one thread at once, and count what was done too often or wrongly.

The first table goes through `quintet.runs`, whose second runner is refused. The second goes through
LangGraph's plain `invoke`: effects and verdicts hold there too, and nodes may run twice.

    python -m benchmarks.races                       # a table; few rounds
    python -m benchmarks.races --rounds 30 --json    # the long form
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import machine, versions
from benchmarks.race_desk import (
    NO,
    YES,
    YES_TOO,
    Desk,
    Move,
    by_answer,
    by_command,
    by_invoke,
    by_invoke_none,
    by_old_checkpoint,
    by_resume,
    by_start,
    config_of,
    together,
)
from benchmarks.stores import postgres_answers, store
from quintet.runs import look
from quintet.state import checkpointer
from quintet.testing.crash.crashpoints import fast_folder

KEYS = ("extra_effects", "extra_executions", "wrong_verdicts", "wrong_states")

Figures = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Race:
    """One kind of race.

    Args:
        moves: by door, a move for each process.
        gated: whether a person must approve.
        before: the state of the thread before: new, cut off, waiting, or ended.
    """

    name: str
    moves: dict[str, tuple[Move, Move]]
    gated: bool = False
    before: str = "new"


def _answers(one: Any, other: Any) -> dict[str, tuple[Move, Move]]:
    return {
        "runs": (by_answer(one), by_answer(other)),
        "invoke": (by_command(one), by_command(other)),
    }


RACES = (
    Race(name="start-start", moves={"runs": (by_start,) * 2, "invoke": (by_invoke,) * 2}),
    Race(
        name="resume-resume",
        moves={"runs": (by_resume,) * 2, "invoke": (by_invoke_none,) * 2},
        before="cut off",
    ),
    Race(name="approve-approve", moves=_answers(YES, YES_TOO), gated=True, before="waiting"),
    Race(name="approve-reject", moves=_answers(YES, NO), gated=True, before="waiting"),
    Race(
        name="old checkpoint",
        moves={"runs": (by_old_checkpoint,) * 2, "invoke": (by_old_checkpoint,) * 2},
        gated=True,
        before="ended",
    ),
)


def run(race: Race, door: str, desk: Desk, thread: str) -> Counter[str]:
    """Run one round, and count what was too much or wrong."""
    prepared, expected = _prepare(race, desk, thread)
    ends = together(desk, thread, race.moves[door], prepared)
    done = Counter(deed.effect for deed in desk.book.happened(thread))
    figures: Counter[str] = Counter(f"ended {end['how'] if end else 'dead'}" for end in ends)
    figures["extra_effects"] = max(0, done["paid"] - 1)
    # A second start after the first has ended is a run of its own, and no race.
    met = all(ends) and max(e["began"] for e in ends) < min(e["ended"] for e in ends)
    figures["not met"] = int(not met)
    figures["extra_executions"] = max(0, done["agent"] - expected) if met else 0
    verdict, told = _kept(desk, thread)
    figures["wrong_verdicts"] = int(race.gated and verdict != bool(done["paid"]))
    figures["wrong_states"] = int(told != bool(done["paid"]))
    return figures


def _prepare(race: Race, desk: Desk, thread: str) -> tuple[Any, int]:
    """Bring a thread where the race begins; give what it needs, and how often the agent runs."""
    if race.before == "new":
        return None, 1
    together(replace(desk, cut=race.before == "cut off"), thread, (by_start,))
    if race.before != "ended":
        return None, 1 if race.before == "waiting" else 2
    with checkpointer(desk.url) as saver:
        app = desk.graph(thread).compile(checkpointer=saver)
        snapshot = app.get_state(config_of(thread))
        digest = snapshot.interrupts[0].value["digest"]
    together(desk, thread, (by_answer(YES),))
    reply = {**YES_TOO.model_dump(), "digest": digest, "at": time.time()}
    return (snapshot.config, reply), 1


def _kept(desk: Desk, thread: str) -> tuple[bool, bool]:
    """Say whether the verdict that is kept is a yes, and whether the state tells of the payment."""
    with checkpointer(desk.url) as saver:
        ended = look(desk.graph(thread).compile(checkpointer=saver), thread=thread)
    actions = [dict(item) for item in (ended.values.get("actions") or {}).values()]
    answers = [item["approval"]["answer"] for item in actions if item.get("approval")]
    return "approve" in answers, any(item["status"] in ("done", "unknown") for item in actions)


def measure(rounds: int, *, doors: Sequence[str] = ("runs", "invoke")) -> Figures:
    """Run all races, ready for JSON."""
    began, found = time.perf_counter(), {}
    total: dict[str, Counter[str]] = {door: Counter(dict.fromkeys(KEYS, 0)) for door in doors}
    stores = ("sqlite", "postgres") if postgres_answers() else ("sqlite",)
    for door in doors:
        for place in stores:
            for race in RACES:
                name = f"{door}/{place}/{race.name}"
                with fast_folder() as folder, store(place, Path(folder)) as url:
                    desk = Desk(folder=Path(folder), url=url, gated=race.gated)
                    cell: Counter[str] = Counter(dict.fromkeys(KEYS, 0))
                    for number in range(rounds):
                        cell.update(run(race, door, desk, f"round {number}"))
                found[name] = dict(cell)
                print(f"{name}: {dict(cell)}", file=sys.stderr)
                total[door].update({key: cell[key] for key in KEYS})
    return {
        **{key: total["runs"][key] for key in KEYS},
        "rounds": rounds,
        "by_door": {door: dict(figures) for door, figures in total.items()},
        "cells": found,
        "machine": machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions("langgraph-checkpoint-postgres"),
        "seconds": round(time.perf_counter() - began, 1),
    }


def table(figures: Figures) -> str:
    """Return all figures, for a person to read."""
    head = (f"{figures['rounds']} rounds", *KEYS)
    rows = [(name, *(cell[key] for key in KEYS)) for name, cell in figures["cells"].items()]
    totals = figures["by_door"].items()
    rows += [(f"**{door}**", *(cell[key] for key in KEYS)) for door, cell in totals]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="benchmarks.races", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each race")
    given = parser.parse_args(arguments)
    if given.rounds < 1:
        parser.error("--rounds: at least one")
    logging.getLogger("quintet").setLevel(logging.CRITICAL)
    figures = measure(given.rounds)
    print(json.dumps(figures, indent=1) if given.json else table(figures))


if __name__ == "__main__":
    main()
