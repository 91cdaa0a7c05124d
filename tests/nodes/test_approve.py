from __future__ import annotations

import math
import signal
import subprocess
import sys
import textwrap
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.graph import START, StateGraph
from langgraph.types import Command
from pydantic import ValidationError

from quintet.graphs import create_single_agent
from quintet.nodes import (
    Act,
    ApprovalGate,
    Finish,
    Recovery,
    Worker,
    always,
    by_name,
    effect,
    over,
    proposed,
)
from quintet.nodes.answer import Answer
from quintet.nodes.core.duration import seconds
from quintet.nodes.core.votes import Votes
from quintet.runs import approve, edit, look, reject, respond, settle, start
from quintet.state import (
    Action,
    AnswerRefused,
    Approval,
    ApprovalMissing,
    Contract,
    DesignError,
    OrchestrationState,
    RunError,
    checkpointer,
)
from quintet.state.journal.entry import Entry
from quintet.state.journal.sqlite import MemoryJournal
from tests.clocks import Still
from tests.nodes.workshop import app_of, decided, logs, statuses

plain_values = st.integers() | st.text() | st.booleans() | st.none()
arguments = st.dictionaries(st.text(), plain_values, max_size=4)


class Till:
    def __init__(self) -> None:
        self.paid: list[tuple[str, float]] = []

    def pay(self, to: str, amount: float) -> dict[str, int]:
        self.paid.append((to, amount))
        return {"receipt": len(self.paid)}


def gate(**more: Any) -> ApprovalGate:
    return ApprovalGate(**{"rejected": "finish", **more})


def action(amount: float = 500.0, to: str = "x", **more: Any) -> Action:
    given = {"name": "pay", "arguments": {"to": to, "amount": amount}, "key": f"pay:{to}:{amount}"}
    return Action(**{**given, **more})


def desk(till: Till, *actions: Action, ask: ApprovalGate | None = None, saver: Any = None) -> Any:
    asks = gate() if ask is None else ask
    pay = effect(till.pay, key="pay:{to}:{amount}")
    nodes = {
        "propose": lambda state: proposed(*(actions or (action(),))),
        "approve": asks,
        "act": Act(effects=(pay,), gate=asks, then="finish"),
        "finish": logs("finish"),
    }
    return app_of(nodes, ("propose", "approve"), recover=Recovery(), saver=saver)


def question(state: Any) -> Any:
    return state["__interrupt__"][0]


def yes(state: Any, **more: Any) -> Command[Any]:
    asked = question(state)
    answer = {"answer": "approve", "by": "maria", "digest": asked.value["digest"], **more}
    return Command(resume={asked.id: answer})


@given(arguments, arguments, st.text())
def test_a_yes_is_for_exactly_these_arguments(
    given_: dict[str, Any], others: dict[str, Any], to: str
) -> None:
    looked_at = Action(name="pay", arguments=given_)
    done = Action(name="pay", arguments=others, status="approved")
    ok = Approval(gate="approval", digest=looked_at.digest, answer="approve", by="maria")
    held = Action(name="pay", arguments=others, status="approved", approval=ok)
    same = done.digest == looked_at.digest
    assert same == (repr(sorted(given_.items())) == repr(sorted(others.items())))
    if same:
        gate().check(held, reason="r", now=0.0)
        return
    with pytest.raises(ApprovalMissing, match="maria approved another action"):
        gate().check(held, reason="r", now=0.0)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, None),
        ({"approval": None}, "nobody has given it"),
        ({"status": "proposed"}, "nobody has given it"),
        ({"answer": "reject"}, "nobody has given it"),
        ({"answer": "respond"}, "nobody has given it"),
        ({"gate": "elsewhere"}, "its approval is of gate 'elsewhere'"),
        ({"digest": "0" * 16}, "approved another action"),
        ({"by": "mallory"}, "'mallory' is not an approver"),
        ({"by": "joe", "role": "lead"}, None),
        ({"by": "joe", "role": "clerk"}, "'joe' is not an approver"),
        ({"expires": 99.0}, "the approval expired at 1970-01-01 00:01:39 UTC"),
        ({"expires": 100.0}, None),
    ],
    ids=[
        "ok",
        "none",
        "proposed",
        "reject",
        "respond",
        "misdirected",
        "stale",
        "forged",
        "role",
        "clerk",
        "expired",
        "edge",
    ],
)
def test_a_gate_lets_through_what_has_its_own_yes_and_nothing_else(
    more: dict[str, Any], message: str | None
) -> None:
    told = action()
    given_: dict[str, Any] = {
        "gate": "approval",
        "digest": told.digest,
        "answer": "approve",
        "by": "maria",
    }
    given_ |= {key: value for key, value in more.items() if key not in ("approval", "status")}
    held = action(
        status=more.get("status", "approved"), approval=more.get("approval", Approval(**given_))
    )
    asks = gate(approvers=("maria", "lead"))
    if message is None:
        asks.check(held, reason="r", now=100.0)
        return
    with pytest.raises(ApprovalMissing, match=message):
        asks.check(held, reason="r", now=100.0)


def test_nothing_to_ask_passes_on_with_a_record() -> None:
    command = gate(when=over(1000))(proposed(action()))
    assert command.goto == "act"
    assert command.update["decisions"][0]["choice"] == "not needed"
    assert gate()({}).goto == "act"


def test_the_packet_says_what_a_person_must_know(invoke: Any) -> None:
    told = action(why="charged twice", behalf="ann", proposer="billing", at=1000.0)
    asks = gate(when=over(100), approvers=("maria",), expires="24h")
    packet = asks.packet(
        told,
        reason="r",
        state={
            "message": "hello",
            "failures": [{"node": "a", "kind": "timeout", "message": "late"}],
        },
    )
    assert packet["arguments"] == {"to": "x", "amount": 500.0}
    assert packet["digest"] == told.digest
    assert (packet["why_wanted"], packet["behalf"], packet["proposer"]) == (
        "charged twice",
        "ann",
        "billing",
    )
    assert packet["tried"] == ["a: timeout: late"]
    assert packet["expires"] == 1000.0 + 86400
    assert packet["if_yes"] == "pay(to='x', amount=500.0) runs once"
    assert packet["approvers"] == ["maria"]


def test_yes_runs_the_action_once(invoke: Any) -> None:
    till = Till()
    app = desk(till)
    asked = invoke(app, {"message": "m"}, "a")
    assert till.paid == []
    end = invoke(app, yes(asked, note="fine"), "a")
    assert till.paid == [("x", 500.0)]
    assert decided(end, "approval") == ["approve"]
    assert end["decisions"][0]["who"] == "maria"
    assert statuses(end) == {"pay:x:500.0": "done"}
    assert end["actions"]["pay:x:500.0"]["approval"]["by"] == "maria"


@pytest.mark.parametrize("kind", ["reject", "respond"])
def test_no_runs_nothing(invoke: Any, kind: str) -> None:
    till = Till()
    app = desk(till)
    asked = invoke(app, {"message": "m"}, "a")
    end = invoke(app, yes(asked, answer=kind, note="not this one"), "a")
    assert till.paid == []
    assert statuses(end) == {"pay:x:500.0": "rejected"}
    assert end["actions"]["pay:x:500.0"]["result"] == "not this one"
    assert end["log"] == ["finish"]


def test_an_edit_runs_what_it_became_under_its_own_key(invoke: Any) -> None:
    till = Till()
    app = desk(till)
    asked = invoke(app, {"message": "m"}, "a")
    end = invoke(app, yes(asked, answer="edit", arguments={"amount": 90.0}), "a")
    assert till.paid == [("x", 90.0)]
    assert statuses(end) == {"pay:x:500.0": "rejected", "pay:x:90.0": "done"}
    done = end["actions"]["pay:x:90.0"]
    assert done["approval"]["digest"] != question(asked).value["digest"]
    assert done["approval"]["answer"] == "edit"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            {"answer": "approve", "by": "bob"},
            "'bob' may not answer at gate 'approval'; approvers are maria",
        ),
        ({"answer": "approve", "by": " "}, "an answer says who gives it"),
        ({"answer": "approve"}, "by Field required"),
        ({"answer": "maybe", "by": "maria"}, "answer"),
        ({"answer": "approve", "by": "maria", "digest": "feed"}, "digest feed, but pay"),
        ({"answer": "edit", "by": "maria"}, "'edit' gives the changed arguments"),
        ({"answer": "approve", "by": "maria", "arguments": {}}, "only 'edit' does"),
        ({"answer": "edit", "by": "maria", "arguments": {"sum": 1}}, "no argument 'sum'"),
        ({"answer": "respond", "by": "maria"}, "gives the response as note"),
        ({"answer": "approve", "by": "maria", "admin": True}, "admin"),
        ("yes", "dictionary or instance"),
        (True, "dictionary or instance"),
        (["approve"], "dictionary or instance"),
    ],
    ids=str,
)
def test_a_bad_answer_is_refused_and_leaves_the_question_open(
    invoke: Any, answer: Any, message: str
) -> None:
    till = Till()
    app = desk(till, ask=gate(approvers=("maria",)))
    asked = invoke(app, {"message": "m"}, "a")
    for _ in range(2):
        with pytest.raises(ValidationError) as problem:
            invoke(app, Command(resume={question(asked).id: answer}), "a")
        assert message in " ".join(str(problem.value).split())
    assert till.paid == []
    invoke(app, yes(asked), "a")
    assert till.paid == [("x", 500.0)]


def test_a_role_may_be_an_approver_and_who_answered_stays_on_record(invoke: Any) -> None:
    till = Till()
    known = by_name({"joe": ("clerk", "lead"), "eve": ("clerk",)})
    app = desk(till, ask=gate(approvers=("lead",), identify=known))
    asked = invoke(app, {"message": "m"}, "a")
    with pytest.raises(ValidationError, match="'eve' may not answer at gate 'approval'"):
        invoke(app, yes(asked, by="eve", role="lead"), "a")
    with pytest.raises(ValidationError, match="'mallory' may not answer"):
        invoke(app, yes(asked, by="mallory", role="lead"), "a")
    end = invoke(app, yes(asked, by="joe"), "a")
    approval = end["actions"]["pay:x:500.0"]["approval"]
    assert (approval["by"], approval["role"]) == ("joe", "lead")


def test_approvers_may_depend_on_the_action(invoke: Any) -> None:
    till = Till()
    asks = gate(approvers=lambda act: ("boss",) if act.arguments["amount"] > 100 else ("maria",))
    app = desk(till, ask=asks)
    asked = invoke(app, {"message": "m"}, "a")
    assert question(asked).value["approvers"] == ["boss"]
    with pytest.raises(ValidationError, match="approvers are boss"):
        invoke(app, yes(asked), "a")


def test_an_edit_may_not_lead_to_what_the_approver_may_not_approve(invoke: Any) -> None:
    till = Till()
    asks = gate(approvers=lambda act: ("boss",) if act.arguments["amount"] > 100 else ("maria",))
    app = desk(till, action(50.0), ask=asks)
    asked = invoke(app, {"message": "m"}, "a")
    with pytest.raises(ValidationError, match="approvers are boss"):
        invoke(app, yes(asked, answer="edit", arguments={"amount": 9000.0}), "a")
    assert till.paid == []


def test_a_yes_after_the_deadline_is_refused_and_a_no_is_not(invoke: Any) -> None:
    till = Till()
    app = desk(till, action(at=time.time() - 100), ask=gate(expires="60s"))
    asked = invoke(app, {"message": "m"}, "a")
    with pytest.raises(ValidationError, match="it can only be rejected"):
        invoke(app, yes(asked), "a")
    end = invoke(app, yes(asked, answer="reject", note="late"), "a")
    assert till.paid == []
    assert statuses(end) == {"pay:x:500.0": "rejected"}


def test_a_backdated_yes_does_not_run_an_action_after_its_deadline(invoke: Any) -> None:
    till = Till()
    app = desk(till, action(at=1000.0), ask=gate(expires="60s"))
    asked = invoke(app, {"message": "m"}, "a")
    try:
        end = invoke(app, yes(asked, at=1001.0), "a")
    except ValidationError:
        end = None
    assert till.paid == []
    if end is not None:
        assert end["failures"][0]["error"] == "ApprovalMissing"
        assert end["outcome"]["status"] == "escalated"


def test_a_yes_that_expires_before_it_is_used_runs_nothing(
    invoke: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    till = Till()
    wakes = time.time() + 3600
    app = desk(till, action(at=time.time()), ask=gate(expires="60s"))
    app = app.builder.compile(checkpointer=app.checkpointer, interrupt_before=["act"])
    asked = invoke(app, {"message": "m"}, "a")
    invoke(app, yes(asked), "a")
    monkeypatch.setattr("quintet.state.clock._clocks", [Still(wakes)])
    end = invoke(app, None, "a")
    assert till.paid == []
    assert "the approval expired" in end["outcome"]["reason"]


def test_each_action_is_its_own_question(invoke: Any) -> None:
    till = Till()
    app = desk(till, action(500.0), action(50.0), action(700.0), ask=gate(when=over(100)))
    first = invoke(app, {"message": "m"}, "a")
    assert question(first).value["arguments"]["amount"] == 500.0
    second = invoke(app, yes(first, answer="reject", note="no"), "a")
    assert question(second).value["arguments"]["amount"] == 700.0
    assert till.paid == []
    end = invoke(app, yes(second), "a")
    assert sorted(till.paid) == [("x", 50.0), ("x", 700.0)]
    assert statuses(end) == {
        "pay:x:500.0": "rejected",
        "pay:x:50.0": "done",
        "pay:x:700.0": "done",
    }


def test_the_same_answer_twice_does_not_answer_the_next_question(invoke: Any) -> None:
    till = Till()
    app = desk(till, action(500.0), action(700.0))
    first = invoke(app, {"message": "m"}, "a")
    second = invoke(app, yes(first), "a")
    again = invoke(app, yes(first), "a")
    assert question(again).id == question(second).id
    assert till.paid == []
    bare = {"answer": "approve", "by": "maria", "digest": question(first).value["digest"]}
    with pytest.raises(ValidationError, match="is asked now"):
        invoke(app, Command(resume=bare), "a")
    assert till.paid == []


@pytest.mark.parametrize("saver", ["memory://", "sqlite:///{}/runs.db"])
def test_a_yes_that_names_no_action_is_not_given_again_where_the_graph_is_called_without_one(
    invoke: Any, saver: str, tmp_path: Path
) -> None:
    till = Till()
    inner = desk(till, action(500.0), action(700.0))
    graph = StateGraph(OrchestrationState).add_node("desk", inner).add_edge(START, "desk")
    with checkpointer(saver.format(tmp_path)) as kept:
        app = graph.compile(checkpointer=kept)
        invoke(app, {"message": "m"}, "a")
        bare = {"decisions": [{"type": "approve", "by": "maria"}]}
        second = invoke(app, Command(resume=bare), "a")
        again = invoke(app, None, "a")
        assert question(again).id == question(second).id
        end = invoke(app, Command(resume=bare), "a")
    assert sorted(till.paid) == [("x", 500.0), ("x", 700.0)]
    assert statuses(end) == {"pay:x:500.0": "done", "pay:x:700.0": "done"}


def test_a_double_click_through_a_run_is_refused_with_a_clear_error() -> None:
    till = Till()
    app = desk(till, action(500.0), action(700.0))
    run = start(app, {"message": "m"}, thread="a")
    after = run.answer(approve(by="maria"))
    with pytest.raises(AnswerRefused, match="not open any more"):
        run.answer(approve(by="maria"))
    stale = look(app, thread="a")
    after.answer(reject(by="maria", note="no"))
    with pytest.raises(AnswerRefused, match="not open any more"):
        stale.answer(approve(by="maria"))
    assert till.paid == [("x", 500.0)]


def test_a_waiting_thread_takes_no_new_input_through_start() -> None:
    till = Till()
    app = desk(till)
    start(app, {"message": "m"}, thread="a")
    with pytest.raises(RunError, match="waits for an answer at approve"):
        start(app, {"message": "never mind"}, thread="a")
    assert look(app, thread="a").waiting


@pytest.mark.parametrize("way", ["goto", "update", "input", "old checkpoint"])
def test_no_way_past_the_gate_runs_the_action(way: str) -> None:
    till = Till()
    app = desk(till)
    config: Any = {"configurable": {"thread_id": "a"}}
    app.invoke({"message": "m"}, config)
    if way == "goto":
        app.invoke(Command(goto="act"), config)
    elif way == "update":
        app.invoke(None, app.update_state(config, {}, as_node="approve"))
    elif way == "input":
        app.invoke({"message": "the manager already approved this"}, config)
    else:
        past = [s for s in app.get_state_history(config) if s.next == ("approve",)][-1]
        app.invoke(Command(goto="act"), past.config)
    assert till.paid == []


@pytest.mark.parametrize(
    ("answer", "paid"),
    [
        (approve(by="maria"), [("x", 500.0)]),
        (edit({"amount": 1.0}, by="maria"), [("x", 1.0)]),
        (reject(by="maria", note="no"), []),
        (respond("call me", by="maria"), []),
    ],
    ids=["approve", "edit", "reject", "respond"],
)
def test_an_answer_reaches_a_run_that_another_process_began(
    tmp_path: Path, crash: Any, answer: Any, paid: list[Any]
) -> None:
    till = Till()
    for turn in range(2):
        with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver:
            app = desk(till, saver=saver)
            if turn == 0:
                start(app, {"message": "m"}, thread="t")
            else:
                look(app, thread="t").answer(answer)
        crash()
    assert till.paid == paid


KILLED = """
    import os, signal, sys
    from quintet.nodes import Act, ApprovalGate, Recovery, effect, hand_over, proposed
    from quintet.runs import approve, look, resume, start
    from quintet.state import Action, OrchestrationState, checkpointer
    from langgraph.graph import END, START, StateGraph

    path, mode = sys.argv[1:]

    def pay(amount):
        with open(path + ".paid", "a") as log:
            log.write(f"{amount}\\n")

    class Dying(ApprovalGate):
        def check(self, *given, **more):
            super().check(*given, **more)
            if mode == "answer":
                os.kill(os.getpid(), signal.SIGKILL)

    gate = Dying(approved="act", rejected="finish")
    graph = StateGraph(OrchestrationState)
    graph.add_node("propose", lambda state: proposed(
        Action(name="pay", arguments={"amount": 5}, key="pay:5")))
    graph.add_node("approve", gate)
    graph.add_node("act", Act(effects=(effect(pay, key="pay:{amount}"),), gate=gate, then="finish"))
    graph.add_node("finish", lambda state: {})
    graph.add_edge(START, "propose")
    graph.add_edge("propose", "approve")
    app = graph.compile(checkpointer=checkpointer(f"sqlite:///{path}"))
    if mode == "start":
        assert start(app, {"message": "m"}, thread="t").status == "waiting"
    elif mode == "answer":
        look(app, thread="t").answer(approve(by="maria"))
    else:
        end = resume(app, thread="t").values
        assert end["actions"]["pay:5"]["status"] == "done", end
        assert end["actions"]["pay:5"]["approval"]["by"] == "maria", end
"""


def test_a_yes_outlives_a_kill_and_is_used_once(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    codes = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(KILLED), str(path), mode], check=False
        ).returncode
        for mode in ("start", "answer", "resume")
    ]
    assert codes == [0, -signal.SIGKILL, 0]
    assert (tmp_path / "run.db.paid").read_text() == "5\n"


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_over_asks_above_its_limit(limit: float, amount: float) -> None:
    reason = over(limit)(action(amount))
    assert (reason is not None) == (amount > limit)


@pytest.mark.parametrize("amount", ["lots", [500], {"eur": 500}, float("nan"), True, None, "NaN"])
def test_an_amount_that_is_no_number_needs_a_person(amount: Any) -> None:
    told = Action(name="pay", arguments={"amount": amount}, key="k")
    assert over(1000)(told) is not None


def test_an_exact_amount_is_held_against_the_limit_as_the_number_that_it_is() -> None:
    def told(amount: str) -> Action:
        return Action(name="pay", arguments={"amount": amount}, key="k")  # a Decimal, on record

    assert over(100)(told("100.00")) is None
    assert over(100)(told("100.01")) == "amount 100.01 is over 100"


def test_without_the_argument_a_person_is_asked() -> None:
    told = Action(name="pay", arguments={"to": "x"}, key="k")
    assert over(100)(told) == "pay has no 'amount' to hold against 100"
    assert over(100, argument="total")(action()) is not None
    assert always(told) is True


@pytest.mark.parametrize("given_", [(True,), ("100",), (float("nan"),), (100, ""), (100, "a b")])
def test_a_limit_that_is_none_is_refused(given_: Any) -> None:
    with pytest.raises(DesignError, match=r"over\("):
        over(*given_)


@pytest.mark.parametrize(
    ("given_", "length"),
    [
        ("30s", 30),
        ("5m", 300),
        ("24h", 86400),
        ("2d", 172800),
        (" 1.5 h ", 5400),
        (7, 7),
        (None, None),
    ],
)
def test_a_duration_is_read(given_: Any, length: float | None) -> None:
    assert seconds(given_) == length


@pytest.mark.parametrize(
    "given_",
    [
        "",
        "24",
        "h",
        "-1h",
        "1w",
        0,
        -5,
        "0s",
        math.nan,
        math.inf,
        "9" * 9 + "d",
        True,
        timedelta(1),
    ],
)
def test_a_duration_that_cannot_be_read_is_refused(given_: Any) -> None:
    with pytest.raises(DesignError, match="duration"):
        gate(expires=given_)


def test_one_approver_as_text_is_refused_and_not_read_letter_by_letter() -> None:
    with pytest.raises(DesignError, match=r"\('maria',\)"):
        gate(approvers="maria")


def test_a_gate_says_where_it_goes() -> None:
    assert gate().destinations == ("act", "finish")
    assert ApprovalGate().destinations == ("act",)
    assert gate().asks
    assert gate(when=over(5)) == gate(when=over(5))


def test_an_answer_is_complete_or_refused() -> None:
    with pytest.raises(AnswerRefused, match="says who gives it"):
        approve(by="")
    with pytest.raises(AnswerRefused, match="gives the response"):
        respond("", by="maria")
    with pytest.raises(ValidationError):
        Answer(answer="approve", by="")


@pytest.mark.parametrize("when", [True, "amount > 100", 100, None])
def test_a_condition_that_is_no_function_is_refused(when: Any) -> None:
    with pytest.raises(DesignError, match="give a function of the action"):
        ApprovalGate(when=when)


def test_a_condition_that_fails_itself_asks_a_person(invoke: Any) -> None:
    def broken(act: Action) -> bool:
        raise KeyError("limit")

    till = Till()
    asked = invoke(desk(till, ask=gate(when=broken)), {"message": "m"}, "a")
    assert "limit" in question(asked).value["why_asked"]
    assert till.paid == []


def test_approvers_that_cannot_be_told_let_nobody_answer(invoke: Any) -> None:
    up = {"on": False}

    def who(act: Action) -> tuple[str, ...]:
        if not up["on"]:
            raise ConnectionError("the directory is down")
        return ("maria",)

    till = Till()
    app = desk(till, ask=gate(approvers=who))
    asked = invoke(app, {"message": "m"}, "a")
    with pytest.raises(ValidationError, match="the directory is down"):
        invoke(app, yes(asked), "a")
    up["on"] = True
    invoke(app, yes(asked), "a")
    assert till.paid == [("x", 500.0)]


def test_approvers_of_whom_there_are_none_let_nobody_answer() -> None:
    till = Till()
    app = desk(till, ask=gate(approvers=lambda act: [name for name in () if act]))
    run = start(app, {"message": "m"}, thread="a")
    with pytest.raises(AnswerRefused, match="named nobody"):
        run.answer(approve(by="mallory"))
    assert till.paid == []


def test_an_edit_is_checked_in_the_form_in_which_it_is_kept() -> None:
    till = Till()
    asks = gate(effects=(effect(till.pay, key="pay:{to}:{amount}"),))
    run = start(desk(till, ask=asks), {"message": "m"}, thread="a")
    with pytest.raises(AnswerRefused, match=r"amount: .*valid number"):
        run.answer(edit({"amount": Decimal("3.5")}, by="maria"))
    run.answer(edit({"amount": np.float64(2.5)}, by="maria"))
    assert till.paid == [("x", 2.5)]


def test_a_settlement_without_a_name_is_refused_as_an_answer() -> None:
    with pytest.raises(AnswerRefused, match="says who gives it"):
        settle({"a": 1}, by="")


def _pay_untyped(order, amount, note=None):  # type: ignore[no-untyped-def]
    PAID_UNTYPED.append(amount)
    return "paid"


PAID_UNTYPED: list[Any] = []


@pytest.mark.parametrize("by_hand", [False, True])
def test_an_edit_to_another_kind_is_refused_where_no_type_says_what_fits(by_hand: bool) -> None:
    PAID_UNTYPED.clear()
    pays = effect(_pay_untyped, key="pay:{order}")
    gate = ApprovalGate()
    contract = Contract(goal="pay", needs=("message",), tools=(pays,))
    agent = Worker(
        agent=lambda request, tools: tools["_pay_untyped"](order=1, amount=500.0),
        contract=contract,
        gate=gate if by_hand else None,
    )
    if by_hand:
        act = Act(effects=(pays,), gate=gate, then="finish")
        graph = StateGraph(OrchestrationState)
        graph.add_node("work", agent).add_node("approve", gate).add_node("act", act)
        graph.add_node("finish", Finish()).add_edge(START, "work").add_edge("work", "approve")
    else:
        graph = create_single_agent(agent, gate=gate)
    app = graph.compile(checkpointer=checkpointer("memory://"))
    run = start(app, {"message": "m"}, thread="t")
    for other in ("lots", True, None, [600], {"value": 600}):
        with pytest.raises(AnswerRefused, match=r"amount is 500\.0, and .* another kind"):
            run.answer(edit({"amount": other}, by="maria"))
    ended = run.answer(edit({"amount": 600, "note": "as agreed"}, by="maria"))
    assert (ended.status, PAID_UNTYPED) == ("done", [600])


@pytest.mark.parametrize(
    "again", ["jos\u00e9", "jose\u0301", "JOSE\u0301", "jos\u200be\u0301", "jos\u00e9\ufe0f"]
)
def test_one_person_is_one_vote_however_the_name_is_written(again: str) -> None:
    said = Entry(
        thread="t",
        subject="s",
        position=0,
        kind="answered",
        value={"approval": {"by": "jos\u00e9"}},
        at=0.0,
    )
    assert Votes(journal=MemoryJournal(), thread="t", question="q", entries=(said,)).heard(again)
