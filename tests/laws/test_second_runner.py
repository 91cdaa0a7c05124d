"""Test a law: of two runners at one effect, the second leaves it to the first, and may stop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from langgraph.types import Command

from quintet.graphs import create_single_agent
from quintet.nodes import ApprovalGate, Worker, effect
from quintet.runs import approve, astart, look, resume, start
from quintet.state import Contract, RunSuperseded, checkpointer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it forks")


def desk(paid: list[int], awaited: bool, gated: bool) -> Any:
    def pay(order: int) -> str:
        paid.append(order)
        return "receipt"

    def agent(request: Any, tools: Any) -> dict[str, str]:
        return {"reply": str(tools.pay(order=1))}

    async def aagent(request: Any, tools: Any) -> dict[str, str]:
        return agent(request, tools)

    return build(pay, aagent if awaited else agent, gated)


def build(pay: Any, agent: Any, gated: bool) -> Any:
    contract = Contract(goal="Pay", needs=("message",), tools=(effect(pay, key="{order}"),))
    gate = ApprovalGate(when=lambda action: True, approvers=("maria",)) if gated else None
    return create_single_agent(Worker(agent=agent, contract=contract), gate=gate)


@contextmanager
def at_it_in_another_process(url: str, tenant: str | None = None) -> Iterator[Callable[[], object]]:
    """Have a child process hold the effect, as if its receiver took long; give what ends it."""
    ready, done = os.pipe(), os.pipe()
    if (child := os.fork()) == 0:
        try:
            with (
                checkpointer(url, tenant=tenant) as saver,
                saver.holds.hold("\x01t\x01effect pay:1"),
            ):
                os.write(ready[1], b".")
                os.read(done[0], 1)
        finally:
            os._exit(0)
    os.read(ready[0], 1)
    try:
        yield lambda: os.write(done[1], b".")
    finally:
        os.write(done[1], b".")
        os.waitpid(child, 0)


@pytest.mark.parametrize("gated", [False, True], ids=["free", "gated"])
@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_the_second_runner_stops_and_records_no_failure(awaited, gated, tmp_path: Path):
    paid: list[int] = []
    url = f"sqlite:///{tmp_path}/runs.db"

    def until_it_ends(app: Any) -> Any:
        if not awaited:
            run = start(app, {"message": "pay"}, thread="t")
            return run.answer(approve(by="maria")) if run.waiting else run

        async def arun() -> Any:
            run = await astart(app, {"message": "pay"}, thread="t")
            return await run.aanswer(approve(by="maria")) if run.waiting else run

        return asyncio.run(arun())

    checkpointer(url).close()
    with at_it_in_another_process(url), checkpointer(url) as saver:
        app = desk(paid, awaited, gated).compile(checkpointer=saver)
        with pytest.raises(RunSuperseded, match="under way in another process"):
            until_it_ends(app)
        stopped = look(app, thread="t")
        assert (stopped.status, stopped.values.get("failures") or []) == ("unfinished", [])
    assert paid == []
    with checkpointer(url) as saver:
        app = desk(paid, False, gated).compile(checkpointer=saver)
        assert resume(app, thread="t").status == "done"
    assert paid == [1]


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_a_runner_waits_a_moment_for_another_process_lest_both_stop(awaited, tmp_path: Path):
    paid: list[int] = []
    url = f"sqlite:///{tmp_path}/runs.db"
    checkpointer(url).close()
    with at_it_in_another_process(url) as end, checkpointer(url) as saver:
        app = desk(paid, awaited, False).compile(checkpointer=saver)
        given = {"message": "pay"}
        timer = threading.Timer(0.3, end)
        timer.start()
        run = (
            asyncio.run(astart(app, given, thread="t"))
            if awaited
            else start(app, given, thread="t")
        )
        timer.join()
    assert (run.status, paid) == ("done", [1])


def test_a_tenants_second_runner_stops_too(tmp_path: Path):
    paid: list[int] = []
    url = f"sqlite:///{tmp_path}/runs.db"
    checkpointer(url).close()
    with at_it_in_another_process(url, "acme"), checkpointer(url, tenant="acme") as saver:
        app = desk(paid, False, False).compile(checkpointer=saver)
        with pytest.raises(RunSuperseded, match="under way in another process"):
            start(app, {"message": "pay"}, thread="t")
        assert look(app, thread="t").status == "unfinished"
    with checkpointer(url, tenant="acme") as saver:
        assert resume(desk(paid, False, False).compile(checkpointer=saver), thread="t").outcome
    assert paid == [1]


@pytest.mark.parametrize("gated", [False, True], ids=["free", "gated"])
def test_a_second_call_of_the_same_process_stops_and_the_first_one_ends(gated, tmp_path: Path):
    paid: list[int] = []
    at_it, told = threading.Event(), threading.Event()

    def pay(order: int) -> str:
        paid.append(order)
        at_it.set()
        assert told.wait(10)
        return "receipt"

    app = build(pay, lambda request, tools: {"reply": str(tools.pay(order=1))}, gated).compile(
        checkpointer=checkpointer(f"sqlite:///{tmp_path}/runs.db")
    )
    place: Any = {"configurable": {"thread_id": "t"}}
    given: Any = {"message": "pay"}
    if gated:
        waits = start(app, given, thread="t")
        yes = approve(by="maria").model_copy(update={"digest": waits.waiting[0].packet["digest"]})
        given = Command(resume=yes.model_dump())
    with ThreadPoolExecutor() as pool:
        first = pool.submit(app.invoke, given, place)
        assert at_it.wait(10)
        with pytest.raises(RunSuperseded, match="under way by another call of this process"):
            app.invoke(None, place)
        told.set()
        assert first.result(10)["outcome"]["status"] == "done"
    assert paid == [1]
    assert (look(app, thread="t").status, look(app, thread="t").values["failures"]) == ("done", [])
