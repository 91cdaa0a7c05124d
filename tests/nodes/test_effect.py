from __future__ import annotations

import asyncio
import functools
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.tools import BaseTool
from langgraph.types import Command, Send

from quintet.nodes import ApprovalGate, Recovery, Worker, effect, hand_over, retry
from quintet.nodes.core.once import refuse_repeat
from quintet.state import (
    Action,
    ActionRefused,
    DesignError,
    EffectRepeated,
    EffectUnknown,
    StepFailed,
    plain,
    unmet,
)
from tests.nodes.workshop import app_of, bare, decided, statuses


class Bank:
    """Pay, and keep a list of what was paid."""

    def __init__(self, *faults: BaseException | None) -> None:
        self.paid: list[tuple[str, float]] = []
        self.faults = list(faults)

    def pay(self, to: str, amount: float = 1.0) -> dict[str, Any]:
        """Pay somebody."""
        self.paid.append((to, amount))
        if self.faults and (fault := self.faults.pop(0)) is not None:
            raise fault
        return {"receipt": len(self.paid)}

    async def apay(self, to: str, amount: float = 1.0) -> dict[str, Any]:
        """Pay somebody."""
        await asyncio.sleep(0)
        return self.pay(to, amount)


def worker(agent: Any, *tools: Any, **more: Any) -> Worker:
    return Worker(agent=agent, contract=bare(tools=tools), **more)


def paying(*faults: BaseException | None, **more: Any) -> tuple[Bank, Any]:
    bank = Bank(*faults)
    return bank, effect(bank.pay, **{"key": "pay:{to}", **more})


def test_an_effect_runs_once_and_stands_in_the_state(invoke: Any) -> None:
    bank, pay = paying()
    app = app_of({"work": worker(lambda request, tools: tools.pay("x", 5.0), pay)})
    end = invoke(app, {"message": "m"}, "a")
    assert bank.paid == [("x", 5.0)]
    assert end["results"] == {"work": {"receipt": 1}}
    assert statuses(end) == {"pay:x": "done"}
    assert end["actions"]["pay:x"]["arguments"] == {"to": "x", "amount": 5.0}
    assert decided(end, "effect") == ["pay:x"]


def test_an_async_effect_is_awaited() -> None:
    bank = Bank()
    pay = effect(bank.apay, key="pay:{to}")

    async def agent(request: Any, tools: Any) -> Any:
        return await tools.apay("x")

    app = app_of({"work": worker(agent, pay)})
    end = asyncio.run(app.ainvoke({"message": "m"}, {"configurable": {"thread_id": "a"}}))
    assert bank.paid == [("x", 1.0)]
    assert statuses(end) == {"pay:x": "done"}


def test_a_second_run_of_a_key_in_a_thread_is_refused(invoke: Any) -> None:
    bank, pay = paying()
    one = worker(lambda request, tools: tools.pay("x"), pay)
    app = app_of({"one": one, "two": one, "person": hand_over}, ("one", "two"), recover=Recovery())
    end = invoke(app, {"message": "m"}, "a")
    assert bank.paid == [("x", 1.0)]
    assert end["failures"][0]["error"] == "EffectRepeated"
    assert "pay(to='x', amount=1.0) was done before in this thread" in end["outcome"]["reason"]
    assert statuses(end) == {"pay:x": "done"}


def test_a_later_run_of_the_thread_is_refused_too(invoke: Any, crash: Any) -> None:
    bank, pay = paying()
    app = app_of({"work": worker(lambda request, tools: tools.pay("x"), pay)}, recover=Recovery())
    invoke(app, {"message": "m"}, "a")
    crash()
    end = invoke(app, {"message": "again"}, "a")
    assert bank.paid == [("x", 1.0)]
    assert end["outcome"]["status"] == "escalated"
    invoke(app, {"message": "m"}, "another thread")
    assert len(bank.paid) == 2


@pytest.mark.parametrize("seconds", [0.0, 0.05], ids=["quick", "slow"])
def test_parallel_branches_run_an_effect_once(invoke: Any, seconds: float) -> None:
    bank = Bank()

    def pay(to: str) -> dict[str, Any]:
        time.sleep(seconds)
        return bank.pay(to)

    tool = effect(pay, key="pay:{to}")
    work = worker(lambda request, tools: tools.pay("x"), tool)
    app = _fan_out(work, 2, recover=Recovery())
    end = invoke(app, {"message": "m"}, "a")
    assert bank.paid == [("x", 1.0)]
    assert statuses(end) == {"pay:x": "done"}
    (failure,) = end["failures"]
    assert failure["error"] in ("EffectRepeated", "EffectUnknown")


def test_parallel_branches_without_a_thread_run_an_effect_once(invoke: Any) -> None:
    bank, pay = paying()
    work = worker(lambda request, tools: tools.pay("x"), pay)
    app = _fan_out(work, 3, recover=Recovery())
    app.checkpointer = None
    end = invoke(app, {"message": "m"})
    assert bank.paid == [("x", 1.0)]
    assert len(end["failures"]) == 2


def test_a_retry_gets_the_recorded_result_and_nothing_happens_twice(invoke: Any) -> None:
    bank, pay = paying()
    seen: list[Any] = []

    def agent(request: Any, tools: Any) -> Any:
        seen.append(tools.pay("x"))
        if len(seen) < 3:
            raise ConnectionError("down")
        return seen[-1]

    policy = Recovery(transient=retry(3, wait=0))
    app = app_of({"work": worker(agent, pay)}, recover=policy)
    end = invoke(app, {"message": "m"}, "a")
    assert seen == [{"receipt": 1}] * 3
    assert bank.paid == [("x", 1.0)]
    assert decided(end, "effect") == ["pay:x"]
    assert end["spent"]["retries"] == 2


def test_a_retry_that_wants_other_arguments_under_the_same_key_is_refused(invoke: Any) -> None:
    bank, pay = paying()
    amounts = iter([50.0, 30.0])

    def agent(request: Any, tools: Any) -> Any:
        tools.pay("x", next(amounts))
        raise ConnectionError("down")

    app = app_of({"work": worker(agent, pay)}, recover=Recovery(transient=retry(2, wait=0)))
    end = invoke(app, {"message": "m"}, "a")
    assert bank.paid == [("x", 50.0)]
    assert end["failures"][0]["error"] == "EffectRepeated"
    assert "amount=50.0) was done before" in end["failures"][0]["message"]
    assert end["actions"]["pay:x"]["arguments"]["amount"] == 50.0


def test_an_unknown_error_is_never_run_again_and_a_person_looks(invoke: Any, crash: Any) -> None:
    bank, pay = paying(OSError("line cut"))
    agent = lambda request, tools: tools.pay("x")  # noqa: E731
    app = app_of(
        {"work": worker(agent, pay)}, recover=Recovery(unknown=retry(3, wait=0), denied=())
    )
    end = invoke(app, {"message": "m"}, "a")
    assert len(bank.paid) == 1
    assert statuses(end) == {"pay:x": "unknown"}
    assert end["actions"]["pay:x"]["result"] == "OSError: line cut"
    assert end["outcome"]["status"] == "escalated"
    crash()
    again = invoke(app, {"message": "again", "outcome": None}, "a")
    assert len(bank.paid) == 1
    assert again["failures"][-1]["error"] == "EffectUnknown"


def test_a_rule_that_changed_its_mind_does_not_hide_an_effect_of_unknown_end(invoke: Any) -> None:
    bank, pay = paying(ConnectionError("cut off after it was sent"))
    gate = ApprovalGate(when=lambda action: bool(bank.paid), approved="person")
    work = worker(lambda request, tools: tools.pay("x"), pay, gate=gate)
    recover = Recovery(transient=retry(3, wait=0))
    end = invoke(app_of({"work": work}, recover=recover), {"message": "m"}, "a")
    assert len(bank.paid) == 1
    assert statuses(end) == {"pay:x": "unknown"}
    assert end["outcome"]["status"] == "escalated"


@pytest.mark.parametrize("again", ["asks", "refuses"])
def test_a_rule_that_changed_its_mind_does_not_hide_what_was_done(invoke: Any, again: str) -> None:
    bank = Bank()

    def spent(action: Action) -> bool:
        return bool(bank.paid)

    pay = effect(
        bank.pay, key="pay:{to}", allow=None if again == "asks" else lambda a: not spent(a)
    )
    gate = ApprovalGate(when=spent, approved="person") if again == "asks" else None

    def agent(request: Any, tools: Any) -> Any:
        return [tools.pay("x"), tools.pay("x")]

    end = invoke(app_of({"work": worker(agent, pay, gate=gate)}), {"message": "m"}, "a")
    assert end["results"]["work"] == [{"receipt": 1}, {"receipt": 1}]
    assert statuses(end) == {"pay:x": "done"}


def test_after_a_harmless_error_it_may_be_tried_again(invoke: Any) -> None:
    bank, pay = paying(ConnectionError("no route"), harmless=(ConnectionError,))
    app = app_of(
        {"work": worker(lambda request, tools: tools.pay("x"), pay)},
        recover=Recovery(transient=retry(2, wait=0)),
    )
    end = invoke(app, {"message": "m"}, "a")
    assert len(bank.paid) == 2
    assert statuses(end) == {"pay:x": "done"}


def test_what_was_done_before_a_step_failed_is_on_record(invoke: Any) -> None:
    _bank, pay = paying()

    def agent(request: Any, tools: Any) -> Any:
        tools.pay("x")
        raise KeyError("later")

    end = invoke(app_of({"work": worker(agent, pay)}, recover=Recovery()), {"message": "m"}, "a")
    assert statuses(end) == {"pay:x": "done"}
    assert decided(end, "effect") == ["pay:x"]


@pytest.mark.parametrize(
    "result", [1j, object(), {"at": object()}], ids=["complex", "object", "inner"]
)
def test_what_happened_is_on_record_as_done_also_where_its_result_cannot_be_kept(
    result: Any,
) -> None:
    def pay(to: str) -> Any:
        return result

    tool = effect(pay, key="pay:{to}")
    with pytest.raises(StepFailed, match="is done, but its result cannot be kept") as problem:
        worker(lambda request, tools: tools.pay("x"), tool)({})
    assert problem.value.failure.kind == "permanent"
    assert problem.value.update["actions"]["pay:x"]["status"] == "done"


def test_an_effect_outside_a_worker_is_refused_with_a_way_to_run_it_bare() -> None:
    bank, pay = paying()
    with pytest.raises(DesignError, match=r"pay\.function\(\.\.\.\)"):
        pay("x")
    assert bank.paid == []


def test_calls_outside_a_graph_do_not_see_each_other() -> None:
    bank, pay = paying()
    work = worker(lambda request, tools: tools.pay("x"), pay)
    work({})
    work({})
    assert len(bank.paid) == 2


def test_two_apps_with_one_thread_name_do_not_see_each_other() -> None:
    bank, pay = paying()
    for _ in range(2):
        app = app_of({"work": worker(lambda request, tools: tools.pay("x"), pay)})
        app.invoke({"message": "m"}, {"configurable": {"thread_id": "t"}})
    assert len(bank.paid) == 2


def test_an_effects_own_rule_is_asked_whatever_else_allows_it() -> None:
    bank, pay = paying(allow=lambda action: action.arguments["amount"] < 10 or unmet("too much"))
    with pytest.raises(StepFailed) as problem:
        worker(lambda request, tools: tools.pay("x", 50.0), pay)({})
    assert isinstance(problem.value.__cause__, ActionRefused)
    assert "too much" in str(problem.value)
    assert bank.paid == []


def test_a_sync_run_refuses_an_async_effect_before_anything_happens() -> None:
    bank = Bank()
    pay = effect(bank.apay, key="pay:{to}")

    async def agent(request: Any, tools: Any) -> Any:
        return await tools.apay("x")

    with pytest.raises(StepFailed, match="is async: run the graph with ainvoke"):
        worker(agent, pay)({})
    assert bank.paid == []


def test_arguments_that_do_not_fit_are_refused_before_anything_happens() -> None:
    bank, pay = paying()
    for call in (
        lambda request, tools: tools.pay(),
        lambda request, tools: tools.pay("x", nonsense=1),
        lambda request, tools: tools.pay("x", amount="1"),
    ):
        with pytest.raises(StepFailed) as problem:
            worker(call, pay)({})
        assert isinstance(problem.value.__cause__, DesignError)
    assert bank.paid == []


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_the_key_is_of_the_arguments(to: str, amount: float) -> None:
    _, pay = paying(key="pay:{to}:{amount}")
    assert pay.action(to, amount).key == f"pay:{to}:{amount + 0.0}"  # -0.0 is 0.0

    assert pay.action(amount=amount, to=to).digest == pay.action(to, amount).digest
    _, other = paying(key=lambda to, amount: f"{to}/{amount:.0f}")
    assert other.action(to, amount).key == f"{to}/{amount + 0.0:.0f}"


def test_defaults_are_part_of_the_action() -> None:
    _, pay = paying()
    assert pay.action("x").arguments == {"to": "x", "amount": 1.0}


@pytest.mark.parametrize(
    ("function", "key", "message"),
    [
        (Bank().pay, "{nobody}", r"key '\{nobody\}' names 'nobody'.*\(amount, to\)"),
        (Bank().pay, "{}", "no format string"),
        (Bank().pay, "{to", "no format string"),
        (functools.partial(Bank().pay, "x"), "k", "has no name"),
        (lambda *to: None, "k", r"\*to cannot be put on record by name"),
        (lambda **to: None, "k", r"\*\*to cannot be put on record by name"),
    ],
    ids=["unknown", "positional", "broken", "partial", "star", "stars"],
)
def test_an_effect_that_cannot_be_kept_on_record_is_refused(
    function: Any, key: Any, message: str
) -> None:
    with pytest.raises(DesignError, match=message):
        effect(function, key=key)


def test_a_key_may_format_and_reach_into_its_arguments() -> None:
    def pay(order: dict[str, Any], amount: float) -> None: ...

    tool = effect(pay, key="pay:{order[id]}:{amount:.2f}")
    assert tool.action({"id": 7}, 5.0).key == "pay:7:5.00"


def test_an_effect_is_a_tool_with_the_functions_own_schema() -> None:
    bank, pay = paying()
    tool = pay.as_tool()
    assert isinstance(tool, BaseTool)
    assert (tool.name, tool.description) == ("pay", "Pay somebody.")
    assert set(tool.args) == {"to", "amount"}
    work = worker(lambda request, tools: tool.invoke({"to": "x", "amount": 2}), pay)
    assert work({})["results"] == {"work": {"receipt": 1}}
    assert bank.paid == [("x", 2.0)]


@pytest.mark.parametrize(
    ("status", "error"),
    [("done", EffectRepeated), ("unknown", EffectUnknown), ("undone", None), ("failed", None)],
)
def test_the_record_refuses_what_is_done_or_not_known(status: Any, error: Any) -> None:
    action = Action(name="pay", arguments={"to": "x"}, key="k")
    known = {"k": plain(Action(name="pay", arguments={"to": "x"}, key="k", status=status))}
    if error is None:
        refuse_repeat(action, known)
        return
    with pytest.raises(error, match=r"pay\(to='x'\)"):
        refuse_repeat(action, known)


def test_an_effect_is_a_value() -> None:
    bank = Bank()
    assert effect(bank.pay, key="k") == effect(bank.pay, key="k")
    assert hash(effect(bank.pay, key="k")) == hash(effect(bank.pay, key="k"))


def _fan_out(work: Worker, branches: int, *, recover: Recovery) -> Any:
    def split(state: Any) -> Any:
        sends = [Send("work", {"step": {"id": f"b{number}"}}) for number in range(branches)]
        return Command(goto=sends)

    return app_of({"split": split, "work": work, "person": hand_over}, recover=recover)


def test_what_is_harmless_is_a_type_of_exception() -> None:
    wrong: Any
    for wrong in ("ValueError", [ValueError], (5,)):
        with pytest.raises(DesignError, match=r"harmless=.* is no exception type"):
            effect(Bank().pay, key="k", harmless=wrong)
    alone: Any = ValueError
    assert effect(Bank().pay, key="k", harmless=alone).harmless == (ValueError,)


def test_a_key_function_sees_equal_dicts_and_sets_alike_in_every_process() -> None:
    def tag(marks: set[str], of: dict[str, int], fixed: frozenset[str]) -> str:
        return "ok"

    tool = effect(tag, key=lambda marks, of, fixed: f"{marks}{of}{','.join(fixed)}")
    marks = {"delta", "alpha", "echo", "bravo", "charlie"}
    key = tool.action(marks=marks, of={"b": 2, "a": 1}, fixed=frozenset(marks)).key
    shown = sorted(marks)
    assert key == ("{" + ", ".join(map(repr, shown)) + "}" + "{'a': 1, 'b': 2}" + ",".join(shown))
    assert tool.action(marks=marks, of={"a": 1, "b": 2}, fixed=frozenset(marks)).key == key
