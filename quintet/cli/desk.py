"""Carry out the commands of `quintet runs` that show what waits for people, and answer it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from langgraph.graph import StateGraph
from rich.markup import escape
from rich.table import Table

from quintet.cli.check import load_graph
from quintet.cli.runs import find_run, require_database, stdout_console
from quintet.errors import AnswerRefused, DesignError
from quintet.evals.rebuild import compiled_like
from quintet.runs import Desk, Run
from quintet.runs.desk import Question, questions_in
from quintet.state.checkpointer import checkpointer
from quintet.state.record import plain


def find_waiting(url: str, gate: str | None, approver: str | None) -> list[dict[str, Any]]:
    """Return the open questions of a database as data, the oldest first."""
    require_database(url)
    with checkpointer(url) as saver:
        questions = questions_in(saver, None)
    return [
        _as_data(question)
        for question in questions
        if gate in (None, question.gate)
        and (approver is None or question.may_be_answered_by(approver))
    ]


def print_waiting(questions: Sequence[Mapping[str, Any]]) -> None:
    """Print open questions as a table."""
    console = stdout_console()
    rows = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("thread", "question", "at", "expires"):
        rows.add_column(name, no_wrap=True)
    rows.add_column("asks", overflow="fold", ratio=1)
    for question in questions:
        cells = (question["thread"], question["id"], question["node"], question["expires"])
        rows.add_row(*(escape(str(cell)) for cell in cells), escape(question["asks"]))
    console.print(rows if questions else "nothing waits for anybody")


def answer_question(
    url: str, graph: str, thread: str, question: str | None, answer: Any
) -> dict[str, Any]:
    """Answer an open question of a run, and return the run as data.

    Args:
        url: the database.
        graph: the graph of the run, as MODULE:GRAPH.
        thread: the run's thread or id, or the beginning of either.
        question: the question's id, or its beginning; needed where several are open, or where the
            run was asked about another action before.
        answer: the answer.

    Raises:
        AnswerRefused: no such question is open, or its gate refuses the answer.
    """
    whole = find_run(url, thread)["thread"]
    with _desk(url, graph) as desk:
        waiting = desk.waiting(thread=whole)
        fitting = [each for each in waiting if each.id.startswith(question or "")]
        if len(fitting) != 1:
            ids = ", ".join(f"{each.id} at {each.node or 'a node'}" for each in waiting) or "none"
            raise AnswerRefused(
                f"run {whole!r}: {len(fitting)} open questions fit ({ids} open); "
                "say which with --question ID"
            )
        return run_as_data(desk.answer(fitting[0] if question else whole, answer))


def sweep_runs(url: str, graphs: Sequence[str]) -> list[dict[str, Any]]:
    """Answer what nobody has answered in time, and return the runs that were moved on."""
    require_database(url)
    with _desk(url, *graphs) as desk:
        return [run_as_data(run) for run in desk.sweep()]


def run_as_data(run: Run) -> dict[str, Any]:
    """Return how a run stands as data."""
    outcome = run.outcome
    return {
        "thread": run.thread,
        "run": run.id,
        "status": run.status,
        "reason": "" if outcome is None else outcome.reason,
        "waiting": [plain(waiting) for waiting in run.waiting],
    }


def print_moved(runs: Sequence[Mapping[str, Any]]) -> None:
    """Print how runs stand after they were moved on."""
    console = stdout_console()
    for run in runs:
        console.print(
            f"run [bold]{escape(run['thread'])}[/]: {run['status']} {escape(run['reason'])}"
        )
        for waiting in run["waiting"]:
            console.print(f"  waits at {escape(waiting['node'])}: question {waiting['id']}")
    if not runs:
        console.print("nothing has expired")


def read_arguments(pairs: Sequence[str]) -> dict[str, Any]:
    """Read NAME=VALUE pairs; a value is JSON where it can be read as that, else text.

    Raises:
        DesignError: one has no `=`.
    """
    arguments: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise DesignError(f"{pair!r}: give NAME=VALUE, such as amount=50")
        try:
            arguments[name] = json.loads(text)
        except ValueError:
            arguments[name] = text
    return arguments


@contextmanager
def _desk(url: str, *graphs: str) -> Iterator[Desk]:
    """Open a desk over graphs, each compiled with the database in place of its own."""
    with checkpointer(url) as saver:
        apps = {}
        for name in graphs:
            graph = load_graph(name)
            if not isinstance(graph, StateGraph):
                graph = compiled_like(graph, graph.builder, checkpointer=saver)
            else:
                graph = graph.compile(checkpointer=saver)
            apps[name] = graph
        yield Desk(apps)


def _as_data(question: Question) -> dict[str, Any]:
    packet = question.packet
    shown = packet if isinstance(packet, Mapping) else {}
    asks = (
        f"{shown.get('action')}({json.dumps(shown.get('arguments'))}): {shown.get('why_asked')}"
        if "action" in shown
        else str(packet)[:200]
    )
    asks = str(shown.get("question", asks))
    return {
        "thread": question.thread,
        "id": question.id,
        "node": question.node,
        "gate": question.gate,
        "since": _utc(question.since),
        "expires": "" if question.expires is None else _utc(question.expires),
        "asks": asks,
        "packet": plain(packet),
    }


def _utc(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment)) if moment else ""
