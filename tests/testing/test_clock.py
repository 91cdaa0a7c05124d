"""Test that time passes where a test moves it, and nowhere else."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import RetryPolicy
from typing_extensions import TypedDict

from quintet.graphs import create_single_agent
from quintet.nodes import ApprovalGate, Worker, effect
from quintet.runs import approve, start
from quintet.state import AnswerRefused, Budget, Contract, DesignError, checkpointer
from quintet.state.clock import asleep, monotonic, now, sleep
from quintet.testing import ScriptedModel, clock


def test_hours_pass_at_once():
    began = time.monotonic()
    with clock(at="2026-03-01 09:00") as passing:
        at, steady = now(), monotonic()
        passing.advance("25h")
        assert now() - at == pytest.approx(25 * 3600, abs=0.01)
        assert monotonic() - steady == pytest.approx(25 * 3600, abs=0.01)
        assert str(passing) == "2026-03-02 10:00:00 UTC"
        sleep(3600)
        asyncio.run(asleep(60))
        assert passing.waited == [3600, 60]
        assert monotonic() - steady == pytest.approx(26 * 3600 + 60, abs=0.01)
    assert time.monotonic() - began < 5
    assert now() == pytest.approx(time.time(), abs=5)


def test_later_is_later_on_record_although_time_stands_still():
    with clock() as _:
        times = [now() for _ in range(5)]
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    "at",
    ["2026-03-01T10:00:00+01:00", "2026-03-01 09:00", datetime(2026, 3, 1, 9, tzinfo=UTC)],
)
def test_a_moment_is_read_in_its_zone_or_in_utc(at):
    with clock(at=at) as passing:
        assert str(passing) == "2026-03-01 09:00:00 UTC"


@pytest.mark.parametrize("at", ["tomorrow", True, ["now"]])
def test_what_is_no_time_is_refused(at):
    with pytest.raises(DesignError, match="clock"), clock(at=at):
        pass


@pytest.mark.parametrize("duration", ["-1h", 0, "soon", None])
def test_time_goes_forward(duration):
    with clock() as passing, pytest.raises(DesignError):
        passing.advance(duration)


class State(TypedDict, total=False):
    tries: int


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_back_offs_of_langgraph_wait_no_real_time(awaited):
    tries = []

    def flaky(state: State) -> State:
        tries.append(1)
        if len(tries) < 4:
            raise ConnectionError("down")
        return {"tries": len(tries)}

    graph = StateGraph(State)
    policy = RetryPolicy(max_attempts=4, initial_interval=100, max_interval=1000, jitter=False)
    graph.add_node("flaky", flaky, retry_policy=policy)
    graph.add_edge(START, "flaky")
    app, began = graph.compile(), time.monotonic()
    with clock() as passing:
        ended = asyncio.run(app.ainvoke({})) if awaited else app.invoke({})
    assert ended == {"tries": 4}
    assert passing.waited == [100, 200, 400]
    assert time.monotonic() - began < 20


async def test_other_waits_are_real():
    with clock() as passing:
        began = time.monotonic()
        time.sleep(0.02)  # noqa: ASYNC251 - it is what is tested
        await asyncio.sleep(0.02)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await asyncio.sleep(5)
        assert 0.05 < time.monotonic() - began < 4
        assert passing.waited == []


def pay(order: int) -> str:
    return f"paid {order}"


def desk():
    paying = effect(pay, key="pay:{order}")
    contract = Contract(goal="Pay", needs=("message",), tools=(paying,))

    def agent(request, tools):
        return {"reply": str(tools.pay(order=1))}

    gate = ApprovalGate(when=lambda action: True, approvers=("maria",), expires="24h")
    return create_single_agent(Worker(agent=agent, contract=contract), gate=gate)


def test_an_approval_expires_in_no_time():
    with checkpointer("memory://") as saver, clock() as passing:
        run = start(desk().compile(checkpointer=saver), {"message": "pay"}, thread="t")
        assert run.waiting
        passing.advance("25h")
        with pytest.raises(AnswerRefused):
            run.answer(approve(by="maria"))


def test_an_approval_holds_until_it_expires():
    with checkpointer("memory://") as saver, clock() as passing:
        run = start(desk().compile(checkpointer=saver), {"message": "pay"}, thread="t")
        passing.advance(timedelta(hours=23).total_seconds())
        assert run.answer(approve(by="maria")).status == "done"


def test_a_budget_of_seconds_is_used_up_by_a_model_that_takes_long():
    model = ScriptedModel(["hello", "hello"], latency=40)
    with checkpointer("memory://") as saver, clock() as passing:

        def agent(request):
            model.invoke("hello")
            return {"reply": model.invoke("hello").text}

        worker = Worker(
            agent=agent,
            contract=Contract(goal="Talk", needs=("message",), budget=Budget(seconds=30)),
        )
        app = create_single_agent(worker).compile(checkpointer=saver)
        run = start(app, {"message": "talk"}, thread="t")
    assert run.status == "exhausted"
    assert "seconds" in str(run)
    assert sum(passing.waited) >= 40
