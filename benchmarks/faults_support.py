"""Run Quintet's support desk and the hand-written one under faults, each run on a fresh shop."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import StateGraph

from benchmarks.faults_by_hand import ROUTES, WRITES, by_hand
from examples.support.demo import lead, messages
from examples.support.desk import SPECIALISTS, chooser, support_desk
from examples.support.reading import amounts, order_numbers
from examples.support.seed import build
from examples.support.shop import LEDGERS, Shop, ShopUnavailable
from quintet.evals import breakable
from quintet.evals.case import Case
from quintet.evals.faults import breakable_call, pass_by
from quintet.evals.target import GraphTarget
from quintet.evals.trajectory import Trajectory
from quintet.runs import Run, approve, reject

Desk = Callable[[Shop], StateGraph[Any]]


def shop_hook(call: str) -> None:
    """Let a fault strike before each read and write of the shop.

    Raises:
        ShopUnavailable: a fault strikes, and the shop does not answer.
    """
    try:
        pass_by("tool", f"shop {call}")
    except ConnectionError as problem:
        raise ShopUnavailable(str(problem)) from problem


class BreakableShop(Shop):
    """Break writes to the shop: they may fail, or lose their reply after they were written."""


def _breakable(name: str) -> Callable[..., Any]:
    return breakable_call(getattr(Shop, name), kind="tool", name=name)


for _name in WRITES:
    setattr(BreakableShop, _name, _breakable(_name))


def quintets(shop: Shop) -> StateGraph[Any]:
    """Build Quintet's desk, in which faults may strike."""
    return breakable(support_desk(shop, wait=0))


def hand_written(shop: Shop) -> StateGraph[Any]:
    """Build the hand-written desk, in which the same faults may strike at the same parts."""
    agents = {
        name: breakable_call(agent, kind="agent", name=name) for name, agent in SPECIALISTS.items()
    }
    graph = by_hand(shop, breakable_call(chooser(), kind="chooser", name="front"), agents)
    handed = ("message", "facts", "passage", "behalf")
    fields = {**dict.fromkeys(ROUTES, handed), "front": ("message",), "act": ("proposed",)}
    return breakable(graph, fields=fields, whole=("approve", "close", "person"))


@dataclass(frozen=True, kw_only=True)
class OnFreshShop:
    """Run each case on a shop of its own, so that no run sees what another has written."""

    desk: Desk
    folder: Path
    answer: Callable[[str], Any] = field(repr=False)

    @cached_property
    def template(self) -> Path:
        """Build the shop as it stands before any run."""
        return build(self.folder / "template.db")

    def __call__(self, case: Case) -> Trajectory:
        """Run one message through the desk."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            path = Path(shutil.copy(self.template, folder))
            record = Shop(path)
            app = self.desk(BreakableShop(path, before=shop_hook)).compile(
                checkpointer=InMemorySaver()
            )

            def person(packet: Mapping[str, Any]) -> Any:
                return self.answer(lead(record, packet))

            def observe(run: Run) -> Mapping[str, Any]:
                status = run.values.get("status")
                more = (
                    {} if status is None else {"status": status, "escalated": status == "escalated"}
                )
                return {"state": left(record, run), "reason": said(run), **more}

            return GraphTarget(app=app, person=person, observe=observe)(case)


def said(run: Run) -> str:
    """Return why the run ended as it did."""
    return run.outcome.reason if run.outcome is not None else str(run.values.get("reason", ""))


def left(shop: Shop, run: Run) -> dict[str, Any]:
    """Return a run's end state: every entry in the shop's books, and the customer's reply.

    If nothing was written, the reply is the work and is compared to the letter. If something was,
    a reply may be worded before or after a lead's yes: only its orders and sums are compared.
    """
    books = {name: [_entry(item) for item in shop.ledger(name)] for name in LEDGERS}
    results = [*(run.values.get("results") or {}).values(), run.values.get("resolution") or {}]
    told = sorted(one["reply"] for one in results if one.get("reply"))
    if not any(books.values()):
        return {**books, "told": told}
    text = " ".join(told)
    return {**books, "told": sorted({*order_numbers(text), *amounts(text)})}


def _entry(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != "id"}


def cases(*, single: bool) -> tuple[Case, ...]:
    """Return the labelled messages as cases; `single` leaves out those with two requests."""
    return tuple(
        Case(
            id=one["id"],
            input={"message": one["message"], "behalf": one["sender"]},
            outcome=one["outcome"],
            tags=tuple(one["tags"]),
        )
        for one in messages()
        if not single or isinstance(one["route"], str)
    )


def labelled(target: Any, originals: tuple[Case, ...]) -> tuple[Case, ...]:
    """Give each case its unbroken run's end state as the expected one.

    The written label (the outcome) must hold; cases in which it does not are left out.
    """
    runs = ((case, target(case)) for case in originals)
    return tuple(
        replace(case, state=ran.state)
        for case, ran in runs
        if not ran.error and ran.status in (case.outcome or ())
    )


def yes_or_no(verdict: str) -> Any:
    """Answer for the support lead at Quintet's approval gate."""
    say = approve if verdict == "approve" else reject
    return say(by="lena", role="support-lead", note="as declared")
