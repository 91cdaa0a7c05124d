"""Run the incident desk over its labelled streams of alerts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langgraph.graph import StateGraph

from quintet.runs import Run, approve, reject
from quintet.state import Event, deliver

from ..labelled import (  # noqa: TID252 - a wheel has the package under another name
    Labelled,
    System,
    driver,
    labelled,
    read_rows,
    run_system,
    show,
)
from .agents import RULES
from .desk import TicketDesk
from .graph import build
from .records import services

__all__ = ["run", "show"]

DAY = "2026-11-03"
BOOKS: Mapping[str, tuple[str, str]] = {
    "ticket": ("open_ticket", "service"),
    "page": ("page", "person"),
    "restart": ("restart", "service"),
    "close": ("close_ticket", "service"),
}
"""By the word of a label: the effect, and the argument that the label names."""


def cases() -> list[Labelled]:
    """Read the labelled cases."""
    return [
        labelled(row, row["decision"], turns=tuple(deliver(*alerts(turn)) for turn in row["turns"]))
        for row in read_rows(__package__)
    ]


def alerts(lines: list[str]) -> list[Event]:
    """Read alerts: the time, service, signal and state; `x200` is a storm, `same3` a duplicate."""
    return [alert for line in lines for alert in _alerts(line)]


def _alerts(line: str) -> Iterator[Event]:
    at, service, signal, state, *more = line.split()
    start = at if "T" in at else f"{DAY}T{at}"
    word = more[0] if more else "x1"
    times, same = int(word.removeprefix("x").removeprefix("same")), word.startswith("same")
    for number in range(times):
        second = 0 if same else number
        moment = f"{start[:-2]}{int(start[-2:]) + second // 60:02}:{second % 60:02}"
        data = {"service": service, "signal": signal, "state": state, "at": moment}
        name = f"{service}/{signal}/{state}/{moment}"
        yield Event.of(data, type="Alert", id=name, source="monitor", subject=service, time=moment)


def decided(run: Run) -> dict[str, list[str]]:
    """Give what was done on the case's thread, by the word of the labels."""
    done = [a for a in (run.values.get("actions") or {}).values() if a["status"] == "done"]
    return {
        word: sorted(_argument(action, name) for action in done if action["name"] == effect)
        for word, (effect, name) in BOOKS.items()
    }


def _argument(action: Mapping[str, Any], name: str) -> str:
    return str(action["arguments"][name])


def answer(packet: Mapping[str, Any]) -> Any:
    """Answer as who is on call has declared: yes, but no database is restarted by a runbook."""
    kind = services()[packet["arguments"]["service"]]["kind"]
    say = reject if kind == "database" else approve
    return say(by=packet["approvers"][0], note=f"as declared: it is a {kind}")


def system(agents: Mapping[str, Any] = RULES, limit: int | None = None) -> System:
    """Give the desk as a system whose cases can be run."""

    @contextmanager
    def opened(case: Labelled) -> Iterator[StateGraph[Any]]:
        with tempfile.TemporaryDirectory(prefix="quintet-incidents-") as folder:
            yield build(TicketDesk(path=Path(folder) / "desk.db"), agents)

    return System(
        name="incidents", cases=cases()[:limit], opened=opened, decided=decided, answer=answer
    )


def run(
    *,
    url: str,
    progress: Callable[[int, int], None],
    limit: int | None = None,
    faults: bool = True,
    model: str | None = None,
    base_url: str | None = None,
) -> dict[str, Any]:
    """Run the desk over its cases; `examples.labelled.run_system` says what is returned.

    Args:
        url: where the runs are kept.
        progress: called with the number of cases done, and of all cases.
        limit: run only this many cases, the first ones.
        faults: taken for the sake of the other systems; here nothing is broken on purpose.
        model, base_url: a chat model that finds the causes, in place of the rules.
    """
    by_model = driver(model, base_url)
    agents = RULES if by_model is None else {**RULES, "diagnosis": by_model}
    return run_system(system(agents), url=url, progress=progress, limit=limit)
