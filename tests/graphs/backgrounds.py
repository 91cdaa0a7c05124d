"""Run a manager with background workers, killed at a marked place.

`python -m tests.graphs.backgrounds FOLDER PLACE`. Without a place it runs as any other team.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph.graph import StateGraph

from quintet.graphs import create_manager_worker, create_single_agent
from quintet.nodes import ApprovalGate, Ledger, Manager, Worker, effect
from quintet.runs import Background, approve, start
from quintet.state import Budget, Contract, Step, checkpointer


@dataclass(frozen=True, kw_only=True)
class Office:
    """Keep a book in a file, so that it outlives its process."""

    folder: Path
    place: str = ""
    wait: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    def reach(self, place: str) -> None:
        """Write the place down, and die here if it is the one."""
        with self.lock, (self.folder / "book").open("a") as book:
            book.write(f"{place}\n")
        if place == self.place:
            os.kill(os.getpid(), signal.SIGKILL)

    @property
    def book(self) -> list[str]:
        """Return the places that were reached, in all processes."""
        return (self.folder / "book").read_text("utf-8").splitlines()

    def await_lines(self, *lines: str) -> None:
        """Wait until other threads have written these lines."""
        for _ in range(200):
            if {*lines} <= {*self.book}:
                return
            time.sleep(0.05)
        raise TimeoutError(f"none of {lines} within ten seconds: {self.book}")

    def dig(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.reach(f"dig {request['message']}")
        time.sleep(self.wait)
        self.reach(f"dug {request['message']}")
        return {"found": request["message"]}

    def pay(self, request: Any, tools: Any) -> dict[str, Any]:
        self.reach("asks to pay")
        return {"said": str(tools["refund"](amount=7))}

    def look(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if self.place:  # a step is counted before its call: one killed between them is in no book
            self.await_lines("dig cats", "asks to pay")
        self.reach("look")
        return {"seen": request["message"]}

    def lead(self, request: Any, ledger: Ledger) -> Any:
        self.reach(f"round {ledger.round}")
        if not ledger.steps:
            return [
                Step(id="deep", goal="cats", assignee="digger"),
                Step(id="pays", goal="pay", assignee="payer"),
                Step(id="near", goal="dogs", assignee="looker"),
            ]
        if ledger.tasks:
            return []
        return {**ledger.results, "actions": dict(ledger.actions)}

    def background(self, saver: Any) -> Background:
        """Give the workers that work in the background."""

        def refund(amount: int, idempotency_key: str) -> str:
            """Pay an amount back."""
            if f"paid {idempotency_key}" not in self.book:
                self.reach(f"paid {idempotency_key}")
            self.reach("paid")
            return "paid"

        paying = effect(refund, key="refund:{amount}")
        digger = Worker(agent=self.dig, contract=Contract(goal="Dig", needs=("message",)))
        payer = Worker(
            agent=self.pay, contract=Contract(goal="Pay", needs=("message",), tools=(paying,))
        )
        gate = ApprovalGate(approvers=("maria",))
        graphs = {
            "digger": create_single_agent(digger),
            "payer": create_single_agent(payer, gate=gate),
        }
        return Background(graphs, checkpointer=saver, purposes={"digger": "digs deep"})

    def graph(self, saver: Any, lead: Any = None, **options: Any) -> StateGraph[Any]:
        """Build the team."""
        contract = Contract(goal="Lead", needs=("message",), budget=Budget(steps=20))
        looker = Worker(agent=self.look, contract=Contract(goal="Look", needs=("message",)))
        return create_manager_worker(
            Manager(agent=lead or self.lead, contract=contract),
            {"looker": looker},
            background=options.pop("background", None) or self.background(saver),
            **options,
        )

    @property
    def url(self) -> str:
        """Return the URL of the store of its runs."""
        return f"sqlite:///{self.folder / 'runs.db'}"


def main(folder: str, place: str) -> None:
    """Run the team until the place is reached; maria says yes."""
    office = Office(folder=Path(folder), place=place, wait=0.3)
    with checkpointer(office.url) as saver:
        run = start(office.graph(saver).compile(checkpointer=saver), {"message": "go"}, thread="t")
        office.reach("asked")
        while run.waiting:
            run = run.answer(approve(by="maria"))


if __name__ == "__main__":
    main(*sys.argv[1:])
