from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from quintet.nodes import (
    Act,
    ApprovalGate,
    Recovery,
    Undo,
    Worker,
    abort,
    effect,
    over,
    proposed,
    retry,
)
from quintet.nodes.act import pending
from quintet.runs import start
from quintet.state import Action, DesignError, plain
from quintet.state.log import DECISIONS_KEPT
from tests.nodes.workshop import app_of, bare, decided, logs, statuses
from tests.state.together import together


class Till:
    """Pay and void, in order; a payment may fail."""

    def __init__(self, *faults: BaseException | None) -> None:
        self.done: list[str] = []
        self.faults = list(faults)

    def pay(self, to: str, amount: float = 1.0) -> dict[str, str]:
        self.done.append(f"pay {to} {amount:g}")
        if self.faults and (fault := self.faults.pop(0)) is not None:
            raise fault
        return {"to": to}

    def void(self, paid: dict[str, str]) -> None:
        self.done.append(f"void {paid['to']}")

    def mail(self, to: str) -> None:
        self.done.append(f"mail {to}")


def paying(till: Till, **more: Any) -> Any:
    return effect(till.pay, key="pay:{to}:{amount}", undo=till.void, **more)


def mailing(till: Till) -> Any:
    return effect(till.mail, key="mail:{to}")


def pay(to: str = "x", amount: float = 1.0, **more: Any) -> Action:
    key = f"pay:{to}:{amount}"
    return Action(name="pay", arguments={"to": to, "amount": amount}, key=key, **more)


def shop(till: Till, *actions: Action, **more: Any) -> Any:
    own = {key: more.pop(key) for key in ("gate", "effects") if key in more}
    node = Act(**{"effects": (paying(till), mailing(till)), "then": "finish", **own})
    nodes = {"propose": lambda state: proposed(*actions), "act": node, "finish": logs("finish")}
    recover = more.pop("recover", Recovery())
    if any(target == "undo" for target in recover.destinations):
        nodes["undo"] = Undo(effects=(paying(till), mailing(till)))
    return app_of(nodes, ("propose", "act"), recover=recover, **more)


@pytest.mark.parametrize(("limit", "told", "status"), [(100, 1, "done"), (0, 0, "proposed")])
def test_an_effect_that_an_action_calls_is_on_record_and_under_the_gate(limit, told, status):
    till = Till()
    tip = effect(till.pay, key="pay:{to}:{amount}")

    def buy(to: str, amount: float) -> str:
        tip(to=to, amount=1.0)
        return to

    both = effect(buy, key="buy:{to}")
    bought = replace(both.action(to="x", amount=0.0), gate="approval")
    gate = ApprovalGate(when=over(limit))
    command = Act(effects=(both, tip), gate=gate, then="finish")(
        {"actions": {"buy:x": plain(bought)}}
    )
    assert len(till.done) == told
    assert statuses(command.update) == {"buy:x": "done", "pay:x:1.0": status}
    assert len(command.update["decisions"]) == 1 + told


def test_the_unit_test_of_act_is_a_call() -> None:
    till = Till()
    node = Act(effects=(paying(till),), then="finish")
    command = node(proposed(pay()))
    assert command.goto == "finish"
    assert command.update["actions"]["pay:x:1.0"]["status"] == "done"
    assert till.done == ["pay x 1"]
    assert node({}) == Command(goto="finish")
    assert set(command.update) <= Act.writes


def test_what_stands_proposed_is_done_one_a_visit_and_in_order(invoke: Any) -> None:
    till = Till()
    end = invoke(shop(till, pay("a"), pay("b"), pay("c")), {"message": "m"}, "t")
    assert till.done == ["pay a 1", "pay b 1", "pay c 1"]
    assert set(statuses(end).values()) == {"done"}
    assert decided(end, "effect") == ["pay:a:1.0", "pay:b:1.0", "pay:c:1.0"]
    assert end["log"] == ["finish"]


def test_an_action_that_the_gate_wants_a_person_for_does_not_run(invoke: Any) -> None:
    till = Till()
    gate = ApprovalGate(when=over(100))
    end = invoke(shop(till, pay("a", 500.0), gate=gate), {"message": "m"}, "t")
    assert till.done == []
    assert statuses(end) == {"pay:a:500.0": "failed"}
    assert end["failures"][0]["kind"] == "denied"
    assert "send it through the gate" in end["outcome"]["reason"]


def test_an_effect_that_it_does_not_know_is_refused_by_name(invoke: Any) -> None:
    till = Till()
    odd = Action(name="wire", arguments={}, key="wire")
    end = invoke(shop(till, odd), {"message": "m"}, "t")
    assert "Act has no effect 'wire'; it has pay, mail" in end["outcome"]["reason"]
    assert statuses(end) == {"wire": "failed"}


def test_what_is_on_record_as_done_is_refused_also_in_another_process(
    invoke: Any, crash: Any
) -> None:
    till = Till()
    app = shop(till, pay())
    invoke(app, {"message": "m"}, "t")
    crash()
    end = invoke(app, {"message": "again"}, "t")
    assert till.done == ["pay x 1"]
    assert end["failures"][-1]["error"] == "EffectRepeated"
    assert statuses(end) == {"pay:x:1.0": "done"}
    assert "again" not in end["actions"]["pay:x:1.0"]


def test_an_unknown_end_is_kept_never_repeated_and_escalated(invoke: Any, crash: Any) -> None:
    till = Till(OSError("line cut"))
    app = shop(till, pay(), recover=Recovery(unknown=retry(3, wait=0), transient=retry(3, wait=0)))
    end = invoke(app, {"message": "m"}, "t")
    assert till.done == ["pay x 1"]
    assert statuses(end) == {"pay:x:1.0": "unknown"}
    assert end["outcome"]["status"] == "escalated"
    crash()
    again = invoke(app, {"message": "again"}, "t")
    assert till.done == ["pay x 1"]
    assert again["failures"][-1]["error"] == "EffectUnknown"
    assert statuses(again) == {"pay:x:1.0": "unknown"}


def test_a_classifier_that_calls_everything_transient_does_not_pay_twice(invoke: Any) -> None:
    till = Till(OSError("line cut"))
    policy = Recovery(transient=retry(3, wait=0), classify=lambda problem: "transient")
    end = invoke(shop(till, pay(), recover=policy), {"message": "m"}, "t")
    assert till.done == ["pay x 1"]
    assert statuses(end) == {"pay:x:1.0": "unknown"}


def test_after_a_harmless_error_the_policy_may_try_again(invoke: Any) -> None:
    till = Till(ConnectionError("no route"))
    app = shop(
        till,
        pay(),
        effects=(paying(till, harmless=(ConnectionError,)),),
        recover=Recovery(transient=retry(2, wait=0)),
    )
    end = invoke(app, {"message": "m"}, "t")
    assert till.done == ["pay x 1", "pay x 1"]
    assert statuses(end) == {"pay:x:1.0": "done"}


def test_an_edited_action_of_unknown_end_is_on_record_under_what_it_became(invoke: Any) -> None:
    till = Till(OSError("line cut"))
    asks = ApprovalGate()
    nodes = {
        "propose": lambda state: proposed(pay("x", 500.0)),
        "approve": asks,
        "act": Act(effects=(paying(till),), gate=asks, then="finish"),
    }
    app = app_of(nodes, ("propose", "approve"), recover=Recovery(), saver=InMemorySaver())
    [asked] = invoke(app, {"message": "m"}, "a")["__interrupt__"]
    answer = {"answer": "edit", "by": "maria", "digest": asked.value["digest"]}
    resume = {asked.id: {**answer, "arguments": {"amount": 90.0}}}
    end = invoke(app, Command(resume=resume), "a")
    assert statuses(end) == {"pay:x:500.0": "rejected", "pay:x:90.0": "unknown"}


def test_an_async_effect_is_awaited_and_named_where_nobody_can() -> None:
    done: list[str] = []

    async def wire(to: str) -> str:
        await asyncio.sleep(0)
        done.append(to)
        return to

    tool = effect(wire, key="wire:{to}")
    told = Action(name="wire", arguments={"to": "x"}, key="wire:x")
    nodes = {
        "propose": lambda state: proposed(told),
        "act": Act(effects=(tool,), then="finish"),
        "finish": logs("finish"),
    }
    app = app_of(nodes, ("propose", "act"), recover=Recovery())
    end = app.invoke({"message": "m"}, {"configurable": {"thread_id": "sync"}})
    assert "effect 'wire' is async: run the graph with ainvoke" in end["outcome"]["reason"]
    assert (done, statuses(end)) == ([], {"wire:x": "failed"})
    end = asyncio.run(app.ainvoke({"message": "m"}, {"configurable": {"thread_id": "async"}}))
    assert (done, statuses(end)) == (["x"], {"wire:x": "done"})


def test_a_gate_around_a_graph_is_not_walked_around_by_its_act(invoke: Any) -> None:
    till = Till()
    inner = app_of(
        {
            "propose": lambda state: proposed(pay()),
            "act": Act(effects=(paying(till),), then="finish"),
            "finish": logs("finish"),
        },
        ("propose", "act"),
    )
    for more in ({"gate": ApprovalGate()}, {}):
        tools = (paying(till),) if more else ()
        outer = Worker(agent=inner, contract=bare(needs=("message",), tools=tools), **more)
        end = invoke(app_of({"work": outer}, recover=Recovery()), {"message": "m"}, "t")
        assert end["outcome"]["status"] == "escalated"
        assert end["failures"][0]["kind"] == "denied"
    assert till.done == []


def test_two_effects_of_one_name_are_refused() -> None:
    till = Till()
    with pytest.raises(DesignError, match="two effects are named 'pay'"):
        Act(effects=(paying(till), paying(till)), then="finish")


def test_pending_is_what_waits_in_order() -> None:
    state = {
        "actions": together("actions", {}, proposed(pay("a"), pay("b", status="done"))["actions"])
    }
    assert [action.key for _, action in pending(state)] == ["pay:a:1.0"]
    assert pending({}) == []


def aborting(till: Till, agent: Any, **more: Any) -> Any:
    tools = (paying(till), mailing(till))
    nodes = {
        "work": Worker(agent=agent, contract=bare(tools=tools)),
        "undo": Undo(effects=tools),
    }
    return app_of(nodes, recover=Recovery(otherwise=abort(), **more))


def test_an_action_happens_once_under_the_key_that_the_state_knows_it_by() -> None:
    till = Till()
    update = proposed(pay())
    update["actions"]["pay:x:1.0"]["key"] = "another"
    node = Act(effects=(paying(till),), then="finish")
    records = node(update).update["actions"]
    assert list(records) == ["pay:x:1.0"]
    assert records["pay:x:1.0"]["status"] == "done"
    assert pending({"actions": together("actions", update["actions"], records)}) == []


def test_an_abort_takes_back_what_was_done_last_first(invoke: Any) -> None:
    till = Till()

    def agent(request: Any, tools: Any) -> Any:
        tools.pay("a")
        tools.pay("b")
        raise KeyError("stop")

    end = invoke(aborting(till, agent), {"message": "m"}, "t")
    assert till.done == ["pay a 1", "pay b 1", "void b", "void a"]
    assert end["outcome"]["status"] == "aborted"
    assert end["outcome"]["evidence"]["undone"] == ["pay:b:1.0", "pay:a:1.0"]
    assert set(statuses(end).values()) == {"undone"}


def test_what_has_no_undo_stays_and_a_person_is_told(invoke: Any) -> None:
    till = Till()

    def agent(request: Any, tools: Any) -> Any:
        tools.pay("a")
        tools.mail("a")
        raise KeyError("stop")

    end = invoke(aborting(till, agent), {"message": "m"}, "t")
    assert till.done == ["pay a 1", "mail a", "void a"]
    assert end["outcome"]["status"] == "escalated"
    assert "mail(to='a') has no undo and stays done" in end["outcome"]["reason"]
    assert statuses(end) == {"pay:a:1.0": "undone", "mail:a": "done"}


def test_an_undo_that_fails_does_not_stop_the_others(invoke: Any) -> None:
    till = Till()
    real = till.void

    def void(paid: dict[str, str]) -> None:
        if paid["to"] == "b":
            raise OSError("closed")
        real(paid)

    till.void = void  # type: ignore[method-assign]

    def agent(request: Any, tools: Any) -> Any:
        tools.pay("a")
        tools.pay("b")
        raise KeyError("stop")

    end = invoke(aborting(till, agent), {"message": "m"}, "t")
    assert till.done[2:] == ["void a"]
    assert "could not be undone: OSError: closed" in end["outcome"]["reason"]
    assert statuses(end) == {"pay:a:1.0": "undone", "pay:b:1.0": "done"}


def test_an_abort_says_what_may_have_happened(invoke: Any) -> None:
    till = Till(OSError("line cut"))
    app = aborting(till, lambda request, tools: tools.pay("a"))
    end = invoke(app, {"message": "m"}, "t")
    assert till.done == ["pay a 1"]
    assert end["outcome"]["status"] == "escalated"
    assert "pay(to='a', amount=1.0) may have happened" in end["outcome"]["reason"]


def test_an_abort_leaves_alone_what_an_earlier_run_of_the_thread_did() -> None:
    till = Till()
    turns = iter(["a", "b"])

    def agent(request: Any, tools: Any) -> Any:
        to = next(turns)
        tools.pay(to)
        if to == "b":
            raise KeyError("stop")
        return "ok"

    app = aborting(till, agent)
    start(app, {"message": "m"}, thread="t")
    end = start(app, {"message": "m"}, thread="t")
    assert till.done == ["pay a 1", "pay b 1", "void b"]
    assert statuses(end.values) == {"pay:a:1.0": "done", "pay:b:1.0": "undone"}


def test_an_async_undo_is_awaited() -> None:
    undone: list[Any] = []

    async def void(paid: Any) -> None:
        await asyncio.sleep(0)
        undone.append(paid)

    tool = effect(Till().pay, key="pay:{to}", undo=void)

    def agent(request: Any, tools: Any) -> Any:
        tools.pay("a")
        raise KeyError("stop")

    nodes = {
        "work": Worker(agent=agent, contract=bare(tools=(tool,))),
        "undo": Undo(effects=(tool,)),
    }
    app = app_of(nodes, recover=Recovery(otherwise=abort()))
    end = asyncio.run(app.ainvoke({"message": "m"}, {"configurable": {"thread_id": "t"}}))
    assert undone == [{"to": "a"}]
    assert end["outcome"]["status"] == "aborted"


def test_what_was_undone_may_be_done_again(invoke: Any) -> None:
    till = Till()
    turns = iter([True, False])

    def agent(request: Any, tools: Any) -> Any:
        tools.pay("a")
        if next(turns):
            raise KeyError("stop")
        return "ok"

    app = aborting(till, agent)
    invoke(app, {"message": "m"}, "t")
    end = invoke(app, {"message": "again"}, "t")
    assert till.done == ["pay a 1", "void a", "pay a 1"]
    assert statuses(end) == {"pay:a:1.0": "done"}


def test_nothing_of_a_long_run_is_left_out_of_an_abort_in_silence(invoke: Any) -> None:
    till = Till()
    count = DECISIONS_KEPT + 20

    def agent(request: Any, tools: Any) -> Any:
        for number in range(count):
            tools.pay(str(number))
        raise KeyError("stop")

    end = invoke(aborting(till, agent), {"message": "m"}, "t")
    voided = sum(said.startswith("void") for said in till.done)
    assert voided < count
    assert end["outcome"]["status"] == "escalated"
    for number in range(count):
        key = f"pay:{number}:1.0"
        undone = key in end["outcome"]["evidence"]["undone"]
        assert undone or any(key in said for said in end["outcome"]["evidence"]["kept"]), key
        assert end["actions"][key]["status"] == ("undone" if undone else "done")


def test_nothing_to_undo_ends_aborted() -> None:
    update = Undo(effects=())({"failures": [{"message": "why"}]})
    assert update["outcome"]["status"] == "aborted"
    assert update["outcome"]["reason"] == "why"
    assert plain(update) == update
