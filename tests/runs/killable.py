"""Run a desk killed at a marked place: `python -m tests.runs.killable FOLDER PLACE REQUEST`.

Without a place it runs as any other desk: so a test goes on where the killed process stopped.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from langgraph.errors import NodeError
from langgraph.graph import StateGraph
from langgraph.types import Command

from quintet.graphs import create_handoff
from quintet.nodes import (
    ApprovalGate,
    Planner,
    Recovery,
    Router,
    Worker,
    effect,
    fallback,
    over,
    retry,
)
from quintet.runs import approve, start
from quintet.state import Contract, OrchestrationState, Step, checkpointer

_INJECTED = cast(NodeError, None)


class Desk(OrchestrationState, total=False):
    order: int
    amount: float


@dataclass(frozen=True, kw_only=True)
class Watched(Recovery):
    """Recover by the policy, with a place in it to be killed at."""

    shop: Any = None

    def __call__(self, state: Any, error: NodeError = _INJECTED) -> Command[str]:
        self.shop.reach(f"handler of {error.node}")
        return super().__call__(state, error)


@dataclass(frozen=True, kw_only=True)
class Shop:
    """Keep a shop's book in a file, so that it outlives its process."""

    folder: Path
    place: str = ""

    def reach(self, place: str) -> None:
        """Write the place down, and die here if it is the one."""
        with (self.folder / "book.jsonl").open("a") as book:
            book.write(json.dumps(place) + "\n")
        if place == self.place:
            os.kill(os.getpid(), signal.SIGKILL)

    @property
    def book(self) -> list[str]:
        """Return the places that were reached, in all processes."""
        written = (self.folder / "book.jsonl").read_text("utf-8")
        return [json.loads(line) for line in written.splitlines()]

    def pay(self, order: int, amount: float) -> dict[str, Any]:
        """Pay an amount back."""
        self.reach("before the effect")
        self.reach("paid")
        return {"order": order}

    def billing(self, request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
        self.reach("worker")
        tools.pay(order=request["order"], amount=request["amount"])
        self.reach("end of worker")
        return {"reply": "paid"}

    def broken(self, request: Mapping[str, Any]) -> dict[str, Any]:
        raise ConnectionError("the line is down")

    def basic(self, state: Desk) -> dict[str, Any]:
        self.reach("basic")
        return {"results": {state.get("step", {}).get("id", "basic"): "basic"}}

    def plainly(self, state: Desk) -> dict[str, Any]:
        raise ConnectionError("the line is down")

    def choose(self, message: str) -> str | None:
        self.reach("router")
        return message

    def criterion(self, state: Mapping[str, Any]) -> bool:
        self.reach("finish")
        return True

    def graph(self) -> StateGraph[Any]:
        def pay(order: int, amount: float) -> dict[str, Any]:
            return self.pay(order, amount)

        paying = effect(pay, key="pay:{order}:{amount}")
        contract = Contract(goal="Refund", needs=("order", "amount"), tools=(paying,))
        steps = (
            Step(id="one", goal="pay", assignee="billing"),
            Step(id="two", goal="answer", assignee="basic"),
            Step(id="three", goal="answer", assignee="basic", after=("one", "two")),
        )
        names = ("billing", "broken", "plainly", "plan")
        return create_handoff(
            Router(choose=self.choose, to=names, otherwise="person"),
            {
                "billing": Worker(agent=self.billing, contract=contract),
                "broken": Worker(
                    agent=self.broken, contract=Contract(goal="Answer", needs=("message",))
                ),
                "plainly": self.plainly,
                "basic": self.basic,
                "plan": Planner(make=lambda goal: steps, assignees=("billing", "basic")),
            },
            gate=ApprovalGate(when=over(100), approvers=("maria",)),
            recover=Watched(shop=self, transient=(retry(3, wait=0), fallback("basic"))),
            success=(self.criterion,),
            state=Desk,
        )

    @property
    def url(self) -> str:
        """Return the URL of the store of its runs."""
        return f"sqlite:///{self.folder / 'runs.db'}"


def main(folder: str, place: str, request: str) -> None:
    """Run one request until the place is reached; maria says yes to what is asked."""
    shop = Shop(folder=Path(folder), place=place)
    with checkpointer(shop.url) as saver:
        run = start(shop.graph().compile(checkpointer=saver), json.loads(request), thread="t")
        while run.waiting:
            shop.reach("gate")
            run = run.answer(approve(by="maria"))


if __name__ == "__main__":
    main(*sys.argv[1:])
