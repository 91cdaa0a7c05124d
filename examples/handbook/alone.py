"""Show by `ablate` why the handbook desk is one agent: `python -m examples.handbook.alone`.

The same questions go to a team of the same parts: a router, a specialist for each chapter, and a
fact checker, who reads an answer once more. Whatever an agent or the router is given counts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from langgraph.graph import StateGraph

from quintet.evals import Case, GraphTarget, Suite, Trajectory, Variant, ablate
from quintet.graphs import create_handoff
from quintet.nodes import Choice, Router, Worker
from quintet.state import Contract, checkpointer, plain

from ..suites import observing  # noqa: TID252 - a wheel renames us
from .agents import Answer, Question, reader
from .book import Book, handbook
from .contracts import OnlyQuotes, contract
from .demo import decided
from .evals import cases
from .graph import build

CHAPTERS: Mapping[str, tuple[str, ...]] = {
    "absence": (
        *("pto-days", "pto-request", "pto-carry-over", "sick-leave", "parental-leave"),
        *("bereavement", "jury-duty", "working-hours", "overtime", "remote-work", "abroad"),
    ),
    "money": (
        *("expenses", "travel", "meals", "mileage", "training", "salary-day", "pension"),
        "health-insurance",
    ),
    "office": (
        *("probation", "notice", "equipment", "passwords", "data", "gifts", "conduct", "dress"),
        "pets",
    ),
}
"""The sections that each specialist of the team knows."""


@dataclass
class Meter:
    """Count the calls of agents and of the router, and the characters that they are given."""

    calls: int = 0
    characters: int = 0

    def read(self, *texts: Any) -> None:
        """Count one call with what it is given."""
        self.calls += 1
        self.characters += sum(len(json.dumps(plain(text))) for text in texts)


def metered(agent: Any, meter: Meter) -> Any:
    """Count an agent's calls, with its request and all that its search finds."""

    def counted(request: Question, tools: Mapping[str, Any]) -> Answer:
        found: list[Any] = []

        def search(question: str) -> Any:
            found.extend(tools["search"](question=question))
            return found

        answer: Answer = agent(request, {"search": search})
        meter.read(request, found)
        return answer

    return counted


def route(text: str, meter: Meter, book: Book) -> Choice:
    """Choose the chapter with the best section for a question."""
    meter.read(
        text, {name: [book.sections[one]["title"] for one in c] for name, c in CHAPTERS.items()}
    )
    best = next(iter(book.search(text)), None)
    names = (name for name, chapter in CHAPTERS.items() if best and best["id"] in chapter)
    return Choice(to=next(names, "office"), confidence=1.0, reason="it has the best section")


def team(meter: Meter) -> StateGraph[Any]:
    """Build the team: a router, three specialists, a fact checker after them."""
    book = handbook()

    def check(request: Mapping[str, Any], result: Answer) -> Any:
        meter.read(request, result, [book.sections[name] for name in result["cites"]])
        return OnlyQuotes(book=book)(request, result)  # type: ignore[arg-type]

    workers = {
        name: Worker(agent=metered(reader, meter), contract=_checked_by(contract_of(name), check))
        for name in CHAPTERS
    }
    router = Router(
        choose=partial(route, meter=meter, book=book), to=tuple(CHAPTERS), otherwise="person"
    )
    return create_handoff(router, workers)


def contract_of(chapter: str) -> Contract:
    """Give a specialist's terms: those of the desk, on the sections of one chapter."""
    return contract(Book(handbook().markdown, chapters=frozenset(CHAPTERS[chapter])))


def _checked_by(terms: Contract, check: Any) -> Contract:
    return replace(terms, success=(*terms.success, check))


def one_for_all(meter: Meter, workers: Mapping[str, Worker]) -> Worker:
    """Make the one agent that stands for the team: the desk's own, over the whole handbook."""
    first = next(iter(workers.values()))
    return replace(first, agent=metered(reader, meter), contract=contract(handbook()))


def measure() -> dict[str, Any]:
    """Ablate the team, and measure team and desk on the same questions.

    Returns:
        `sentences` of `ablate`; for `team` and `one_agent`: `right` (share of the cases), `calls`
        and `characters` a question.
    """
    meters = {"team": Meter(), "one_agent": Meter()}
    questions = cases()
    suite = Suite(name="handbook team", cases=questions, target=_target(team(Meter())))
    variant = Variant(kind="one", agents=tuple(CHAPTERS))
    ablation = ablate(suite, [variant], merge=partial(one_for_all, Meter()))
    figures: dict[str, Any] = {"sentences": str(ablation), "cases": len(questions)}
    alone = build(agent=metered(reader, meters["one_agent"]), wait=0)
    for name, graph in (("team", team(meters["team"])), ("one_agent", alone)):
        target = _target(graph)
        right = sum(_is_right(case, target(case)) for case in questions)
        meter = meters[name]
        figures[name] = {
            "right": round(right / len(questions), 4),
            "calls": round(meter.calls / len(questions), 2),
            "characters": round(meter.characters / len(questions)),
        }
    return figures


def _target(graph: StateGraph[Any]) -> GraphTarget:
    return GraphTarget(
        app=graph.compile(checkpointer=checkpointer("memory://")), observe=observing(decided)
    )


def _is_right(case: Case, run: Trajectory) -> bool:
    return run.status in (case.outcome or ()) and dict(run.state) == dict(case.state or {})


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(), indent=2) + "\n")
