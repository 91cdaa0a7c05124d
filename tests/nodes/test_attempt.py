from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.tools import tool
from langgraph.graph import END
from langgraph.types import Command, interrupt

from quintet.nodes import Recovery, Worker, effect, retry
from quintet.nodes.core.attempt import Attempt, current
from quintet.nodes.core.task import current_task
from quintet.state import AttemptEnded, Budget, ContractBroken, StepFailed, ToolRefused
from tests.nodes.workshop import THREAD, app_of, bare, decided, statuses


class Bank:
    def __init__(self, wait: float = 0.0) -> None:
        self.paid: list[int] = []
        self.wait = wait

    def pay(self, order: int) -> str:
        time.sleep(self.wait)
        self.paid.append(order)
        return "paid"

    async def transfer(self, order: int) -> str:
        await asyncio.sleep(self.wait)
        self.paid.append(order)
        return "paid"


def paying(agent: Any, bank: Bank, **more: Any) -> Worker:
    own = {key: more.pop(key) for key in ("then", "gate") if key in more}
    tools = (effect(bank.pay, key="pay:{order}"), effect(bank.transfer, key="transfer:{order}"))
    return Worker(agent=agent, contract=bare(tools=tools, **more), **own)


def end_of(agent: Any, bank: Bank, **more: Any) -> Any:
    """Run it in an event loop to its end, and the loop for a while longer."""
    timeout = more.pop("timeout", None)
    app = app_of({"work": paying(agent, bank, **more)}, recover=Recovery(), timeout=timeout)

    async def run() -> Any:
        end = await app.ainvoke({"message": "m"}, THREAD)
        await asyncio.sleep(3 * bank.wait)
        return end

    return asyncio.run(run())


def reason(end: Any) -> str:
    return str(end["outcome"]["reason"])


def at(**more: Any) -> Attempt:
    return Attempt(task=current_task("work"), **more)


def test_an_attempt_is_current_while_it_is_open_and_no_longer() -> None:
    with at() as outer:
        with at() as inner:
            assert current.get() is inner
            assert inner.layers() == (inner, outer)
        assert current.get() is outer
    assert current.get() is None


def test_what_comes_after_an_attempt_is_refused_and_logged(caplog: Any) -> None:
    with at() as attempt:
        attempt.check_open("pay")
    with caplog.at_level(logging.WARNING, "quintet"), pytest.raises(AttemptEnded, match="pay was"):
        attempt.check_open("pay")
    assert "pay was called for work when its attempt had ended" in caplog.text


def test_an_inner_attempt_is_refused_when_the_one_around_it_has_ended() -> None:
    with at() as outer, at() as inner:
        outer.end("its time was up")
        with pytest.raises(AttemptEnded, match="its time was up"):
            inner.check()


def test_what_an_inner_attempt_spends_counts_around_it_and_its_own_limit_is_its_own() -> None:
    with at() as outer:
        outer.spend(steps=3)
        with at(budget=Budget(steps=1)) as inner:
            inner.check()
            inner.spend(steps=1, tokens=5)
            assert inner.spent["steps"] == 1
        assert (outer.spent["steps"], outer.spent["tokens"]) == (4, 5)


def test_an_inner_attempt_may_call_what_both_list() -> None:
    with at(allowed=("pay",)), at(allowed=("pay", "wipe")) as inner:
        inner.allow("pay")
        with pytest.raises(ToolRefused, match="may not call 'wipe'"):
            inner.allow("wipe")


def test_the_time_of_an_attempt_ends_with_it() -> None:
    with at(budget=Budget(seconds=60)) as attempt:
        left = attempt.left
        assert left is not None
        assert left <= 60
    spent = attempt.so_far["seconds"]
    time.sleep(0.02)
    assert attempt.so_far["seconds"] == spent


def test_a_thread_that_is_left_behind_pays_no_more() -> None:
    bank, refused = Bank(), threading.Event()

    def agent(request: Any, tools: Any) -> Any:
        context = contextvars.copy_context()

        def later() -> None:
            time.sleep(0.05)
            try:
                context.run(pay, order=7)
            except AttemptEnded:
                refused.set()

        pay = tools.pay
        threading.Thread(target=later).start()
        return "it will be paid"

    end_of(agent, bank)
    assert refused.wait(5)
    assert bank.paid == []


def test_what_a_thread_was_at_when_the_agent_answered_is_unknown_and_not_done() -> None:
    bank = Bank(wait=0.2)

    def agent(request: Any, tools: Any) -> Any:
        context = contextvars.copy_context()
        threading.Thread(target=lambda: context.run(tools.pay, order=7)).start()
        time.sleep(0.05)
        return "it will be paid"

    assert statuses(end_of(agent, bank)) == {"pay:7": "unknown"}


def test_an_agent_that_is_out_of_time_pays_no_more() -> None:
    bank = Bank()

    def agent(request: Any, tools: Any) -> Any:
        tools.pay(order=1)
        time.sleep(0.3)
        return tools.pay(order=2)

    end = end_of(agent, bank, budget=Budget(seconds=0.1))
    time.sleep(0.4)
    assert bank.paid == [1]
    assert statuses(end) == {"pay:1": "done"}
    assert end["outcome"]["status"] == "exhausted"


def test_a_nested_agent_is_out_of_time_with_the_one_around_it() -> None:
    bank = Bank()

    async def slow(request: Any) -> Any:
        await asyncio.sleep(30)

    inner = Worker(agent=slow, contract=bare())

    async def agent(request: Any, tools: Any) -> Any:
        await tools.transfer(order=1)
        return await inner.ainvoke({})

    end = end_of(agent, bank, budget=Budget(seconds=0.1))
    assert end["spent"]["seconds"] < 5
    assert statuses(end) == {"transfer:1": "done"}


@pytest.mark.parametrize(
    "problem", [ValueError("x"), asyncio.CancelledError()], ids=["error", "cancelled"]
)
def test_whatever_way_an_agent_ends_what_it_did_is_handed_on(problem: BaseException) -> None:
    bank = Bank()

    async def agent(request: Any, tools: Any) -> Any:
        await tools.transfer(order=1)
        raise problem

    end = end_of(agent, bank)
    assert statuses(end) == {"transfer:1": "done"}
    assert decided(end, "effect") == ["transfer:1"]
    assert end["outcome"]["status"] == "escalated"


def test_a_run_that_is_interrupted_from_the_keyboard_pays_once() -> None:
    bank, pressed = Bank(), iter([True, False])

    def agent(request: Any, tools: Any) -> Any:
        said = tools.pay(order=1)
        if next(pressed):
            raise KeyboardInterrupt
        return said

    app = app_of({"work": paying(agent, bank)}, recover=Recovery())
    with pytest.raises(KeyboardInterrupt):
        app.invoke({"message": "m"}, THREAD)
    end = app.invoke(None, THREAD)
    assert bank.paid == [1]
    assert end["results"] == {"work": "paid"}


def test_a_retry_goes_on_with_what_the_attempt_before_it_has_done() -> None:
    bank, faults = Bank(), iter([ConnectionError("x"), None])

    def agent(request: Any, tools: Any) -> Any:
        said = tools.pay(order=1)
        if (fault := next(faults)) is not None:
            raise fault
        return said

    recover = Recovery(transient=retry(2, wait=0))
    end = app_of({"work": paying(agent, bank)}, recover=recover).invoke({"message": "m"}, THREAD)
    assert bank.paid == [1]
    assert end["spent"]["retries"] == 1


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "elsewhere"])
def test_a_pause_costs_neither_a_second_payment_nor_the_time_that_was_waited(
    crash: Callable[[], None], elsewhere: bool
) -> None:
    bank = Bank()

    def agent(request: Any, tools: Any) -> Any:
        return [tools.pay(order=1), interrupt("and now?")]

    worker = paying(agent, bank, then=END, budget=Budget(seconds=0.4))
    app = app_of({"work": worker}, recover=Recovery())
    app.invoke({"message": "m"}, THREAD)
    time.sleep(0.5)
    if elsewhere:
        crash()
    end = app.invoke(Command(resume="go"), THREAD)
    assert end["results"] == {"work": ["paid", "go"]}
    assert bank.paid == [1]


def test_the_message_of_an_effects_tool_carries_its_action() -> None:
    bank = Bank()
    pay = effect(bank.pay, key="pay:{order}")
    call = {"type": "tool_call", "id": "c", "name": "pay", "args": {"order": 1}}
    with at():
        message = pay.as_tool().invoke(call)
    assert message.artifact["quintet_action"]["key"] == "pay:1"
    assert message.artifact["quintet_action"]["status"] == "done"


@tool
async def look(order: int) -> str:
    """Look an order up."""
    await asyncio.sleep(0)
    return "found"


async def ask(order: int) -> str:
    """Ask about an order."""
    await asyncio.sleep(0)
    return "asked"


@pytest.mark.parametrize("name", ["look", "ask", "transfer"])
@pytest.mark.parametrize("kept", [False, True], ids=["dropped", "returned"])
def test_a_call_that_nobody_awaited_is_named_and_not_done(name: str, kept: bool) -> None:
    bank = Bank()

    async def agent(request: Any, tools: Any) -> Any:
        call = tools[name](order=1)
        await asyncio.sleep(0)
        return call if kept else "done"

    tools = (look, ask, effect(bank.transfer, key="transfer:{order}"))
    app = app_of({"work": Worker(agent=agent, contract=bare(tools=tools))}, recover=Recovery())
    end = asyncio.run(app.ainvoke({"message": "m"}, THREAD))
    assert f"called {name!r} and did not await it" in reason(end)
    assert (bank.paid, end.get("results")) == ([], {})


def test_calls_that_are_awaited_together_are_all_done() -> None:
    bank = Bank(wait=0.01)

    async def agent(request: Any, tools: Any) -> Any:
        return await asyncio.gather(*(tools.transfer(order=n) for n in (1, 2)))

    assert end_of(agent, bank)["results"] == {"work": ["paid", "paid"]}
    assert sorted(bank.paid) == [1, 2]


def test_an_effect_in_a_pool_of_threads_is_refused_with_the_way_to_run_it() -> None:
    bank = Bank()

    def agent(request: Any, tools: Any) -> Any:
        pay = tools.pay
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(pay, order=1).result()

    assert "copy_context().run" in reason(end_of(agent, bank))
    assert bank.paid == []

    def carries(request: Any, tools: Any) -> Any:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(contextvars.copy_context().run, tools.pay, order=1).result()

    assert statuses(end_of(carries, bank)) == {"pay:1": "done"}


def test_a_refusal_in_a_thread_that_nobody_looks_at_is_no_answer() -> None:
    bank = Bank()

    def agent(request: Any, tools: Any) -> Any:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(tools.pay.repeat(2), order=1)  # its future is dropped
        assert tools.pay == tools.pay != tools.pay.repeat(2)
        assert {effect(bank.pay, key="pay:{order}"): 1}[tools.pay] == 1
        return "it is paid"

    def replaces(request: Any, tools: Any) -> Any:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(replace(tools.pay, sequence=2), order=1)
        return "it is paid"

    for each in (agent, replaces):
        end = end_of(each, bank)
        assert "copy_context().run" in reason(end)
        assert (bank.paid, end["results"]) == ([], {})


def test_an_effect_that_is_about_to_happen_when_the_agent_answers_is_no_answer() -> None:
    bank, left = Bank(), []

    async def agent(request: Any, tools: Any) -> Any:
        left.append(asyncio.create_task(tools.transfer(order=1)))
        await asyncio.sleep(0)  # it begins, and does not come to its claim
        return "it is paid"

    async def main() -> Any:
        app = app_of(
            {
                "work": Worker(
                    agent=agent,
                    contract=bare(tools=(effect(bank.transfer, key="transfer:{order}"),)),
                )
            },
            recover=Recovery(),
        )
        end = await app.ainvoke({"message": "m"}, THREAD)
        await asyncio.gather(*left, return_exceptions=True)
        return end

    end = asyncio.run(main())
    assert "answered before 'transfer', which it had called, was done" in reason(end)
    assert (bank.paid, end["results"]) == ([], {})


def test_a_command_that_no_handoff_allows_is_no_result() -> None:
    for answer in (Command(goto="x"), Command(goto=["a", "b"]), Command(update={"a": 1})):
        with pytest.raises(StepFailed, match="the agent returned Command") as failed:
            app_of({"work": Worker(agent=lambda r, a=answer: a, contract=bare())}).invoke(
                {}, THREAD
            )
        assert isinstance(failed.value.__cause__, ContractBroken)
