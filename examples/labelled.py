"""Run the labelled cases of a reference system, answer its gates as declared, and report."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from importlib import resources
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.graph import StateGraph
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from quintet.nodes import chat_model
from quintet.runs import Run, start
from quintet.state import checkpointer
from quintet.state.outcome import STATUSES

ENOUGH = 0.95
"""The share of right decisions from which a system is well."""

COLOURS = {"done": "green", "asked": "blue", "escalated": "yellow", "rejected": "magenta"}


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """One case with its labels, which were written from the rules before the program ran.

    Args:
        id: its name.
        turns: the input of each run, one after the other on one thread; most cases have one.
        outcome: the status that the last run should end in.
        decision: the decision that it should come to, as the system's `decided` reads it.
        tags: the kinds of case that it stands for.
        disagreement: why the system is known to decide otherwise; empty where it does not.
    """

    id: str
    turns: tuple[Mapping[str, Any], ...]
    outcome: str
    decision: Any
    tags: tuple[str, ...] = ()
    disagreement: str = ""


def read_rows(package: str) -> list[dict[str, Any]]:
    """Read the rows of a system's `data/cases.jsonl`, by the name of its package."""
    text = (resources.files(package) / "data" / "cases.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def labelled(
    row: Mapping[str, Any], decision: Any, *, turns: tuple[Mapping[str, Any], ...] = ()
) -> Labelled:
    """Make a case of a row and its decision; its one turn is the row's message by default."""
    return Labelled(
        id=row["id"],
        turns=turns or ({"message": row["message"]},),
        outcome=row["outcome"],
        decision=decision,
        tags=tuple(row["tags"]),
        disagreement=row.get("disagreement", ""),
    )


def driver(model: str | None, base_url: str | None) -> BaseChatModel | None:
    """Make the chat model that drives a system; None where rules do."""
    if not model:
        return None
    return chat_model(model, **({} if base_url is None else {"base_url": base_url}))


def nobody_is_asked(packet: Mapping[str, Any]) -> Any:
    """Refuse to answer, for a system that has no gate.

    Raises:
        LookupError: always.
    """
    raise LookupError(f"this system asks nobody: {packet!r:.80}")


@dataclass(frozen=True, kw_only=True)
class System:
    """A reference system, as its cases are run.

    Args:
        name: its name, with which the ids of its threads begin.
        cases: its labelled cases.
        opened: opens the graph of a case, over data of its own where the case changes them.
        decided: reads from the last run what the system has decided.
        answer: gives, for a packet, the answer of the declared person.
    """

    name: str
    cases: Sequence[Labelled]
    opened: Callable[[Labelled], AbstractContextManager[StateGraph[Any]]]
    decided: Callable[[Run], Any]
    answer: Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, kw_only=True)
class Row:
    """What became of one case, beside its labels."""

    id: str
    thread: str
    input: Mapping[str, Any]
    path: list[str]
    decision: Any
    expected: Any
    outcome: str
    expected_outcome: str
    reason: str
    asked: list[dict[str, Any]] = field(default_factory=list)
    disagreement: str = ""

    @property
    def right(self) -> bool:
        """Say whether decision and outcome are as labelled."""
        return bool(self.decision == self.expected and self.outcome == self.expected_outcome)


def run_system(
    system: System,
    *,
    url: str,
    progress: Callable[[int, int], None],
    limit: int | None = None,
) -> dict[str, Any]:
    """Run a system's cases.

    Args:
        system: the system.
        url: where the runs are kept.
        progress: called with the number of cases done, and of all cases.
        limit: run only this many cases, the first ones.

    Returns:
        `cases`, `silent_ends`, `decision_accuracy`, `outcomes`, `approvals`, `disagreements`,
        `seconds`; `runs`: a row a case; `well`: no silent end, and enough decisions right.
    """
    began = time.perf_counter()
    stamp = time.strftime("%Y%m%d-%H%M%S")
    cases = system.cases[:limit]
    rows = []
    with checkpointer(url) as saver:
        for number, case in enumerate(cases, start=1):
            with system.opened(case) as graph:
                app = graph.compile(checkpointer=saver)
                rows.append(_row(system, app, case, f"{system.name}-{stamp}/{case.id}"))
            progress(number, len(cases))
    return _report(rows, url=url, seconds=time.perf_counter() - began)


def _row(system: System, app: Any, case: Labelled, thread: str) -> Row:
    asked: list[dict[str, Any]] = []
    ended: Run | None = None
    for turn in case.turns:
        ended = start(app, turn, thread=thread)
        while ended.waiting:
            packet = ended.waiting[0].packet
            answer = system.answer(packet)
            asked.append({"gate": packet.get("gate", ""), "answer": _word(answer)})
            ended = ended.answer(answer)
    if ended is None:
        raise ValueError(f"case {case.id} has no turns")
    return Row(
        id=case.id,
        thread=thread,
        input=case.turns[-1],
        path=list(ended.path),
        decision=system.decided(ended),
        expected=case.decision,
        outcome=ended.status,
        expected_outcome=case.outcome,
        reason=ended.outcome.reason if ended.outcome else "",
        asked=asked,
        disagreement=case.disagreement,
    )


def _word(answer: Any) -> str:
    word = answer.get("answer") if isinstance(answer, Mapping) else getattr(answer, "answer", None)
    return str(word or "answered")


def _report(rows: list[Row], *, url: str, seconds: float) -> dict[str, Any]:
    silent = sum(row.outcome not in STATUSES for row in rows)
    accuracy = sum(row.right for row in rows) / max(len(rows), 1)
    return {
        "cases": len(rows),
        "decision_accuracy": round(accuracy, 4),
        "outcomes": dict(Counter(row.outcome for row in rows)),
        "silent_ends": silent,
        "approvals": dict(Counter(item["answer"] for row in rows for item in row.asked)),
        "disagreements": {row.id: row.disagreement for row in rows if not row.right},
        "seconds": round(seconds, 2),
        "database": url,
        "well": bool(rows) and silent == 0 and accuracy >= ENOUGH,
        "runs": [asdict(row) | {"right": row.right} for row in rows],
    }


def show(report: Mapping[str, Any], console: Console) -> None:
    """Print each case's way, then the summary."""
    for row in report["runs"]:
        for line in _lines(row):
            console.print(line)
        console.print()
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in _summary(report):
        table.add_row(f"[bold]{name}[/]", escape(value))
    console.rule("summary")
    console.print(table)


def _lines(row: Mapping[str, Any]) -> Iterator[str]:
    given = ", ".join(f"{name}={value!s:.80}" for name, value in row["input"].items())
    yield f"[bold]{escape(row['id'])}[/] {escape(given)}"
    yield f"  path     {escape(' -> '.join(row['path']))}"
    for item in row["asked"]:
        yield f"  asked    {escape(item['gate'])}: {item['answer']}"
    right = row["decision"] == row["expected"]
    note = "" if right else f" [red](expected {escape(str(row['expected']))})[/]"
    yield f"  decision {escape(str(row['decision']))}{note}"
    colour = COLOURS.get(row["outcome"], "red")
    right = row["outcome"] == row["expected_outcome"]
    note = "" if right else f" [red](expected {row['expected_outcome']})[/]"
    yield f"  outcome  [{colour}]{row['outcome']}[/]{note}: {escape(row['reason'])}"


def _summary(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "cases", f"{report['cases']} in {report['seconds']} s"
    yield "decided as labelled", f"{report['decision_accuracy']:.1%}"
    yield "outcomes", _counts(report["outcomes"])
    yield "silent ends", str(report["silent_ends"])
    yield "people answered", _counts(report["approvals"])
    for name, why in report["disagreements"].items():
        yield f"otherwise: {name}", why or "not explained"
    yield "next", f"quintet runs list --db {report['database']}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
