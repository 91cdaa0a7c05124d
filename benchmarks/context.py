"""Count the characters that models receive, by the shape of the work: ours, by hand, and others'.

All contenders of a shape run the same scripted agents. `characters` counts message text, tool
calls, tool descriptions and reply schemas; `text` counts message text alone.

    python -m benchmarks.context            # a table
    python -m benchmarks.context --json     # one object
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langsmith import tracing_context

from benchmarks import handoffs, managed
from benchmarks.machine import versions
from benchmarks.script import all_characters, text_characters
from quintet.testing import ModelCall

Runs = Callable[[], Sequence[ModelCall]]
"""Does the work once, and gives the calls that its models received."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One shape of work, as each contender does it.

    Args:
        quintet: our run.
        hand_written: a run of a hand-written graph.
        peers: gives the runs with other libraries, by their names; they are imported only here.
        about: the shape in a few words.
    """

    quintet: Runs
    hand_written: Runs
    peers: Callable[[], Mapping[str, Runs]]
    about: str


def _handoff_peers() -> Mapping[str, Runs]:
    from benchmarks.handoff_peers import PEERS

    return PEERS


SHAPES: dict[str, Shape] = {
    "handoffs10": Shape(
        quintet=handoffs.quintet,
        hand_written=handoffs.hand_written,
        peers=_handoff_peers,
        about="ten handoffs from desk to desk, each with a look-up",
    ),
    "manager8": Shape(
        quintet=managed.quintet,
        hand_written=managed.hand_written,
        peers=managed.peers,
        about="a manager and eight workers, each with a look-up",
    ),
}
"""All shapes by name. A further one is a further entry."""


def measure(*, peers: bool = True, shapes: Mapping[str, Shape] = SHAPES) -> dict[str, Any]:
    """Measure all shapes, ready for JSON."""
    with tracing_context(enabled=False):
        figures = {name: _figures(shape, peers=peers) for name, shape in shapes.items()}
    return {**figures, "versions": versions()}


def _figures(shape: Shape, *, peers: bool) -> dict[str, Any]:
    ours, by_hand = shape.quintet(), shape.hand_written()
    others = {name: run() for name, run in shape.peers().items()} if peers else {}
    return {
        "characters": all_characters(ours),
        "hand_written": all_characters(by_hand),
        "ratio": round(all_characters(ours) / all_characters(by_hand), 4),
        "text": {
            "characters": text_characters(ours),
            "hand_written": text_characters(by_hand),
            "ratio": round(text_characters(ours) / text_characters(by_hand), 4),
        },
        "calls": {"quintet": len(ours), "hand_written": len(by_hand)}
        | {name: len(calls) for name, calls in others.items()},
        "first_and_last_call": {"quintet": _ends(ours), "hand_written": _ends(by_hand)}
        | {name: _ends(calls) for name, calls in others.items()},
        "peers": {name: all_characters(calls) for name, calls in others.items()},
    }


def _ends(calls: Sequence[ModelCall]) -> list[int]:
    """Give the text of the first call and of the last: the growth over all handoffs."""
    return [text_characters(calls[:1]), text_characters(calls[-1:])]


def table(figures: Mapping[str, Any]) -> str:
    """Show the figures as a Markdown table."""
    lines = [
        "| shape | contender | characters | to hand-written | model calls | first and last call |",
        "|---|---|---|---|---|---|",
    ]
    for name in (name for name in figures if name != "versions"):
        shape = figures[name]
        totals = {"quintet": shape["characters"], "hand_written": shape["hand_written"]}
        for contender, total in (totals | shape["peers"]).items():
            first, last = shape["first_and_last_call"][contender]
            calls, ratio = shape["calls"][contender], total / shape["hand_written"]
            lines.append(
                f"| {name} | {contender} | {total:,} | {ratio:.3f} | {calls} | {first:,} {last:,} |"
            )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.context", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--no-peers", action="store_true", help="leave other libraries out")
    options = parser.parse_args(arguments)
    figures = measure(peers=not options.no_peers)
    sys.stdout.write((json.dumps(figures, indent=2) if options.json else table(figures)) + "\n")


if __name__ == "__main__":
    main()
