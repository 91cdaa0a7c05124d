"""Run a desk in two processes at once, and note what each of them did."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langgraph.graph import StateGraph

from benchmarks.crash_desks import GIVEN
from quintet.graphs import create_single_agent
from quintet.nodes import ApprovalGate, Worker, effect
from quintet.runs import approve, look, reject, resume, start
from quintet.state import Contract, checkpointer
from quintet.testing.crash.book import Book
from quintet.testing.crash.process import in_child

SLOW = 0.03
"""Seconds that an agent and an effect take, so that two processes meet."""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Keep a desk that pays one order, with a book that all processes write.

    Args:
        folder: where the book is.
        url: the database.
        gated: whether a person must approve.
        cut: whether the agent's process is killed before it pays.
    """

    folder: Path
    url: str
    gated: bool
    cut: bool = False

    @property
    def book(self) -> Book:
        """Give the book."""
        return Book(self.folder / "book.jsonl")

    def graph(self, thread: str) -> StateGraph[Any]:
        """Give the graph, whose parts write the book under the thread's name."""

        def pay(order: int) -> str:
            time.sleep(SLOW)
            self.book.note(thread, "paid")
            return "receipt"

        def agent(request: Mapping[str, Any], tools: Any) -> dict[str, str]:
            self.book.note(thread, "agent")
            time.sleep(SLOW)
            if self.cut:
                os.kill(os.getpid(), signal.SIGKILL)
            return {"reply": f"{tools.pay(order=1)}"}

        paying = effect(pay, key="{order}")
        contract = Contract(goal="Pay", needs=("message",), tools=(paying,))

        def asks(action: Any) -> bool:
            return True

        gate = ApprovalGate(when=asks, approvers=("maria", "joan")) if self.gated else None
        return create_single_agent(Worker(agent=agent, contract=contract), gate=gate)


Move = Callable[[Any, str, Any], Any]
"""Takes the compiled graph, the thread, and what was prepared."""


def by_start(app: Any, thread: str, _prepared: Any) -> Any:
    return start(app, GIVEN, thread=thread)


def by_resume(app: Any, thread: str, _prepared: Any) -> Any:
    return resume(app, thread=thread)


def by_answer(answer: Any) -> Move:
    def move(app: Any, thread: str, _prepared: Any) -> Any:
        return look(app, thread=thread).answer(answer)

    return move


def by_invoke(app: Any, thread: str, _prepared: Any) -> Any:
    return app.invoke(GIVEN, config_of(thread), durability="sync")


def by_invoke_none(app: Any, thread: str, _prepared: Any) -> Any:
    return app.invoke(None, config_of(thread), durability="sync")


def by_command(answer: Any) -> Move:
    from langgraph.types import Command

    def move(app: Any, thread: str, _prepared: Any) -> Any:
        [question] = app.get_state(config_of(thread)).interrupts
        reply = {
            **answer.model_dump(),
            "digest": question.value["digest"],
            "at": time.time(),
        }
        return app.invoke(
            Command(resume={question.id: reply}), config_of(thread), durability="sync"
        )

    return move


def by_old_checkpoint(app: Any, thread: str, prepared: Any) -> Any:
    """Answer once more at the checkpoint where the question stood, after all has ended."""
    from langgraph.types import Command

    config, reply = prepared
    return app.invoke(Command(resume=reply), config, durability="sync")


def config_of(thread: str) -> Any:
    """Give LangGraph's configuration of a thread."""
    return {"configurable": {"thread_id": thread}}


YES, NO = approve(by="maria"), reject(by="joan")
YES_TOO = approve(by="joan")


def together(desk: Desk, thread: str, moves: Sequence[Move], prepared: Any = None) -> list[Any]:
    """Make each move in a process of its own, all at once; give how each ended."""
    told = [desk.folder / f"{number}.json" for number in range(len(moves))]
    gate_read, gate_write = os.pipe()
    children = []
    for move, path in zip(moves, told, strict=True):
        path.unlink(missing_ok=True)
        if (child := os.fork()) == 0:
            os.close(gate_write)
            in_child(lambda: _move(desk, thread, move, prepared, (path, gate_read)))  # noqa: B023
        children.append(child)
    os.close(gate_read)
    time.sleep(0.1)  # all are at the gate by now, with their databases open
    os.close(gate_write)
    for child in children:
        os.waitpid(child, 0)
    return [json.loads(path.read_text("utf-8")) if path.exists() else None for path in told]


def _move(desk: Desk, thread: str, move: Move, prepared: Any, told: tuple[Path, int]) -> None:
    path, gate = told
    with checkpointer(desk.url) as saver:
        app = desk.graph(thread).compile(checkpointer=saver)
        os.read(gate, 1)  # it ends when the parent closes the other end
        began = time.time()
        try:
            move(app, thread, prepared)
            how = "done"
        except Exception as problem:  # noqa: BLE001 - the loser's error is what is looked at
            how = type(problem).__name__
    path.write_text(json.dumps({"how": how, "began": began, "ended": time.time()}), "utf-8")
