"""Test a law: whatever happens to a run, its effects happen once, and its outcome says what is so.

A state machine starts, crashes, resumes, answers, forks, changes the graph and lets time pass, in
any order that hypothesis finds, on one database.
"""

from __future__ import annotations

import itertools
import logging
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from quintet.graphs import create_handoff
from quintet.nodes import ApprovalGate, Router, Worker, effect, over
from quintet.nodes.core.left import forget_attempts
from quintet.runs import (
    Run,
    approve,
    fork,
    look,
    migrate,
    pinned,
    reject,
    resume,
    settle,
    start,
)
from quintet.state import (
    AnswerRefused,
    Contract,
    GraphChanged,
    NoSuchRun,
    OrchestrationState,
    RunError,
    checkpointer,
)
from quintet.testing import clock
from quintet.testing.crash.edges import Crash, Edges, Point
from quintet.testing.crash.process import unwind

HOUR = 3600
EXPIRES = 24
UNKNOWN = object()


class Desk(OrchestrationState, total=False):
    order: int
    amount: float


class Shop:
    """Keep what has really happened at the receivers."""

    def __init__(self) -> None:
        self.paid: Counter[int] = Counter()
        self.names = ["pay", "disburse"]
        self.edges: Edges | None = None

    def pay(self, order: int, amount: float) -> str:
        with self._edge("pay"):
            self.paid[order] += 1
        return f"receipt {order}"

    def note(self, order: int) -> str:
        with self._edge("note"):
            self.paid[-order] += 1
        return "noted"

    def _edge(self, name: str) -> Any:
        assert self.edges is not None
        return self.edges.edge(name)

    def graph(self) -> Any:
        def agent(request: Mapping[str, Any], tools: Any) -> dict[str, str]:
            tools.note(order=request["order"])
            return {"reply": str(tools.pay(order=request["order"], amount=request["amount"]))}

        tools = (
            effect(self.pay, key="pay:{order}"),
            effect(self.note, key="note:{order}", reconcile=lambda order: self.paid[-order] > 0),
        )
        contract = Contract(goal="Pay", needs=("order", "amount"), tools=tools)
        gate = ApprovalGate(
            when=lambda action: action.name == "pay" and over(100)(action),
            approvers=("maria",),
            expires=f"{EXPIRES}h",
        )
        name = self.names[0]
        router = Router(choose=lambda message: name, to=(name,), otherwise="person")
        return create_handoff(
            router, {name: Worker(agent=agent, contract=contract)}, gate=gate, state=Desk
        )


class Life(RuleBasedStateMachine):
    """Move one thread through everything that may happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.shop = Shop()
        self.orders = itertools.count(1)
        self.forks = itertools.count(1)
        self.folder = tempfile.TemporaryDirectory(prefix="quintet-life-")
        self.clock = clock()
        self.time = self.clock.__enter__()
        self.known: Any = UNKNOWN
        self.given: dict[str, Any] = {}
        self.said: dict[int, str] = {}
        logging.getLogger("quintet").setLevel(logging.CRITICAL)

    def teardown(self) -> None:
        self.clock.__exit__(None, None, None)
        self.folder.cleanup()
        logging.getLogger("quintet").setLevel(logging.NOTSET)

    def move(self, move: Any, crash: int | None = None, *, migrates: bool = True) -> Any:
        """Make a move in a process of its own, which may end at one of its edges."""
        self.known = UNKNOWN
        edges = CountedEdges(crash)
        self.shop.edges = edges
        with checkpointer(f"sqlite:///{self.folder.name}/runs.db?synchronous=normal") as saver:
            edges.watch(saver)
            try:
                app = self.shop.graph().compile(checkpointer=saver)
                if not migrates:
                    return move(app)
                new, old = self.shop.names
                return move(pinned(app, migrations=[migrate(rename={old: new})]))
            except Crash:
                return None
            finally:
                forget_attempts()

    def seen(self) -> Run | None:
        """Look at the run, as another process would."""
        if self.known is UNKNOWN:  # asked by every rule and law, and opening a database takes long
            try:
                self.known = self.move(lambda app: look(app, thread="t"))
            except NoSuchRun:
                self.known = None
        return self.known

    crashes = st.none() | st.integers(min_value=0, max_value=60)

    @initialize(amount=st.sampled_from([5.0, 500.0]), crash=crashes)
    def begin(self, amount: float, crash: int | None) -> None:
        self._start(amount, crash)

    @precondition(lambda self: (run := self.seen()) is None or run.finished)
    @rule(amount=st.sampled_from([5.0, 500.0]), crash=crashes)
    def start(self, amount: float, crash: int | None) -> None:
        self._start(amount, crash)

    def _start(self, amount: float, crash: int | None) -> None:
        order, self.begun = next(self.orders), self.time.now()
        self.given = {"message": "pay", "order": order, "amount": amount}
        self.move(lambda app: start(app, self.given, thread="t"), crash)

    @precondition(lambda self: (run := self.seen()) and not run.finished and not run.waiting)
    @rule(crash=crashes)
    def resume(self, crash: int | None) -> None:
        self.move(lambda app: resume(app, thread="t"), crash)

    @precondition(lambda self: (run := self.seen()) and run.waiting)
    @rule(yes=st.booleans(), crash=crashes)
    def answer(self, yes: bool, crash: int | None) -> None:
        def answered(app: Any) -> Any:
            run = look(app, thread="t")
            packet = run.waiting[0].packet
            order = packet["arguments"]["order"]
            if "settle" in packet:
                mark = order if packet["settle"] == "pay" else -order
                how = "happened" if self.shop.paid[mark] else "did not happen"
                return run.answer(settle(how, by="maria"))
            verdict = self.said.setdefault(order, "yes" if yes else "no")
            try:
                return run.answer((approve if verdict == "yes" else reject)(by="maria"))
            except AnswerRefused:
                del self.said[order]  # too late: it is no verdict
                raise

        try:
            self.move(answered, crash)
        except AnswerRefused as refusal:
            if self.time.now() < self.begun + EXPIRES * HOUR:
                raise AssertionError("an answer in time is taken") from refusal

    @precondition(lambda self: self.seen() is not None)
    @rule(crash=crashes)
    def rename(self, crash: int | None) -> None:
        """Change the graph: the worker gets another name, and an open run is migrated."""
        run = self.seen()
        self.shop.names.reverse()
        self.known = UNKNOWN
        if run is None or run.finished:
            return
        try:
            self.move(lambda app: resumed(app, "t"), crash)
            self.move(lambda app: resumed(app, "t"))
        except GraphChanged as refusal:
            # A result on its way to the old name: refused by name, and the old graph goes on.
            if refusal.migrates:
                raise
            self.shop.names.reverse()
            self.known = UNKNOWN

    @precondition(lambda self: self.seen() is not None)
    @rule(crash=crashes)
    def fork(self, crash: int | None) -> None:
        """Go on with a copy, whose effects are dry: nothing happens by it."""
        before, to = Counter(self.shop.paid), f"fork {next(self.forks)}"

        def forked(app: Any) -> None:
            run = fork(app, thread="t", to=to)
            for _ in range(4):
                if run.finished:
                    return
                if not run.waiting:
                    run = resume(app, thread=to)
                elif "settle" in run.waiting[0].packet:
                    run = run.answer(settle("did not happen", by="maria"))
                else:
                    run = run.answer(approve(by="maria"))

        with suppress(AnswerRefused):  # it came too late
            self.move(forked, crash, migrates=False)
        assert self.shop.paid == before

    @rule(hours=st.sampled_from([1, 25]))
    def tick(self, hours: int) -> None:
        self.time.advance(hours * HOUR)

    @invariant()
    def no_effect_happens_twice(self) -> None:
        assert all(times == 1 for times in self.shop.paid.values() if times), self.shop.paid

    @invariant()
    def what_needs_a_yes_is_paid_only_after_one(self) -> None:
        run = self.seen() if self.given else None
        if run is None or not self.given or self.given["amount"] <= 100:
            return
        order = self.given["order"]
        if self.shop.paid[order]:
            assert self.said.get(order) == "yes"

    @invariant()
    def the_outcome_says_what_is_so(self) -> None:
        run = self.seen() if self.given else None
        if run is None or not run.finished or run.values.get("order") != self.given["order"]:
            return
        order = self.given["order"]
        if run.status == "done":
            assert self.shop.paid[order] == self.shop.paid[-order] == 1
        if run.status == "rejected":
            assert not self.shop.paid[order]


def resumed(app: Any, thread: str) -> None:
    """Go on with a run, unless it waits for an answer."""
    try:
        resume(app, thread=thread)
    except RunError as problem:
        if "waits for an answer" not in str(problem):
            raise


class CountedEdges(Edges):
    """End a process at an edge by its number, whatever its name."""

    def __init__(self, number: int | None) -> None:
        super().__init__(None, unwind)
        self._left = number

    def _reach(self, point: Point) -> None:
        if self._left is None:
            return
        if self._left == 0:
            self.dead = True
            unwind()
        self._left -= 1


Life.TestCase.settings = settings(
    max_examples=15,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLife = pytest.mark.timeout(600)(Life.TestCase)
