"""Test the nodes of a fan-out as functions: who gets a task, and how the branches are judged."""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.types import Command, Send

from quintet.errors import BudgetExhausted, ContractBroken, DesignError, UnknownRoute
from quintet.nodes import Choice, FanOut, Join, late_results, numbered
from quintet.nodes.branch import Branch, BranchNode
from quintet.nodes.core.call import Call
from quintet.nodes.core.cut import Cut, CutCall
from quintet.nodes.core.gathering import Gathering, Signal, meet, part
from quintet.state import checkpointer
from quintet.testing import ScriptedModel

TO = ("a", "b", "c")


def goto(command: Command[Any]) -> Any:
    return command.goto


def kept(command: Command[Any]) -> dict[str, Any]:
    assert isinstance(command.update, dict)
    return dict(command.update["kept"])


# Who gets a task


def test_all_branches_or_those_that_are_chosen_get_a_task():
    assert goto(FanOut(to=TO)({})) == ["a", "b", "c"]
    some = FanOut(to=TO, choose=lambda state: state["who"])
    assert goto(some({"who": ["c", "a", "c"]})) == ["a", "c"]
    assert goto(some({"who": "b"})) == ["b"]
    assert goto(some({"who": Choice(to="b", reason="it says so")})) == ["b"]
    assert kept(some({"who": ["c", "a"]})) == {"fan join": ["a", "c"]}


def test_a_function_that_awaits_may_choose():
    async def choose(state: Any) -> list[str]:
        return ["b"]

    made = FanOut(to=TO, choose=choose)
    assert goto(asyncio.run(made.ainvoke({}))) == ["b"]


def test_nobody_chosen_leads_to_the_declared_end():
    for nobody in (None, (), []):
        command = FanOut(to=TO, choose=lambda state, it=nobody: it, otherwise="desk")({})
        assert goto(command) == "desk"
        [record] = command.update["decisions"]
        assert (record["kind"], record["choice"]) == ("escalation", "desk")


def test_a_name_that_is_no_branch_is_refused():
    with pytest.raises(UnknownRoute, match="'x'"):
        FanOut(to=TO, choose=lambda state: ["a", "x"])({})


def test_a_model_can_name_only_branches_and_is_told_their_purposes():
    model = ScriptedModel([{"to": ["c", "a"], "reason": "both"}])
    command = FanOut(to={"a": "checks the rules", "b": "", "c": ""}, choose=model)(
        {"message": "hello"}
    )
    assert goto(command) == ["a", "c"]
    [call] = model.calls
    assert "checks the rules" in call.messages[0].text
    assert call.messages[1].text == "hello"
    assert command.update["spent"]["steps"] == 1


def test_each_item_gets_a_step_of_its_own_with_its_inputs():
    made = FanOut(to=("a",), each=lambda state: [1, {"page": 2}])
    sends = goto(made({"message": "m", "kept": {}, "decisions": [1]}))
    assert [type(send) for send in sends] == [Send, Send]
    assert [send.arg["step"]["id"] for send in sends] == ["a#1", "a#2"]
    assert [send.arg["step"]["inputs"] for send in sends] == [{"item": 1}, {"page": 2}]
    assert {"message", "step"} == set(sends[0].arg)  # logs and notes do not travel along


def test_a_later_round_lets_go_of_the_results_of_the_round_before():
    made = FanOut(to=("a",), each=lambda state: [1])
    command = made({"results": {"a#1": 1, "a#2": 2, "b#2": 3, "a#x": 4}})
    assert command.update["results"] == {"a#1": None, "a#2": None}
    assert goto(command)[0].arg["results"] == {"b#2": 3, "a#x": 4}
    assert "results" not in made({"results": {"b": 1}}).update


@pytest.mark.parametrize("items", ["text", b"bytes", {"a": 1}, 7, None])
def test_items_are_a_list(items):
    with pytest.raises(ContractBroken, match="no list of items"):
        FanOut(to=("a",), each=lambda state: items)({})


def test_too_many_items_are_refused_and_none_is_left_out():
    made = FanOut(to=("a",), each=lambda state: range(3), most=2)
    with pytest.raises(ContractBroken, match="3 items"):
        made({})
    endless = FanOut(to=("a",), each=lambda state: count(), most=2)
    with pytest.raises(ContractBroken, match="more than 2 items"):
        endless({})


@given(st.lists(st.integers(), max_size=30))
def test_the_results_of_items_come_back_in_their_order(items):
    results = {f"read#{n}": item for n, item in enumerate(items, start=1)}
    shuffled = dict(sorted(results.items(), key=hash))
    assert numbered({"results": {**shuffled, "read": 0, "readx#1": 0}}, "read") == items


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"to": "a"}, "tuple of names"),
        ({"width": 0}, "width"),
        ({"width": True}, "width"),
        ({"most": 0}, "most"),
        ({"deadline": "soon"}, "soon"),
        ({"deadline": {"a": -1}}, "-1"),
        ({"choose": lambda s: "a", "each": lambda s: []}, "one of them"),
        ({"to": ("a", "b"), "each": lambda s: []}, "one worker"),
    ],
)
def test_a_fan_out_that_cannot_be_kept_is_refused(options, words):
    with pytest.raises(DesignError, match=words):
        FanOut(**options)


# How the branches are judged


def note(status: str, **more: Any) -> dict[str, Any]:
    base = {"status": status, "why": "it broke", "error": "ValueError", "to": "person"}
    return {**base, "last": False, **more}


def judged(join: Join, **notes: Any) -> Command[Any]:
    command: Command[Any] = join({"kept": {f"branch join:{n}": v for n, v in notes.items()}})
    return command


def test_branches_without_a_note_are_done():
    command = judged(Join(of=TO, then="next"))
    assert (goto(command), kept(command)) == ("next", {"joined join": 1})


def test_failures_go_where_recovery_would_have_sent_the_first():
    command = judged(Join(of=TO), b=note("failed", to="undo"), c=note("failed"))
    assert goto(command) == "undo"
    [record] = command.update["decisions"]
    assert record["reason"] == "2 of 3 branches failed: b: it broke; c: it broke"
    assert kept(command) == {"joined join": 1, "branch join:b": None, "branch join:c": None}


@given(st.integers(1, 6), st.data())
def test_as_many_failures_pass_as_are_declared(size, data):
    names = [f"b{n}" for n in range(size + 1)]
    failed = data.draw(st.sets(st.sampled_from(names)))
    may = data.draw(st.integers(0, size))
    command = judged(Join(of=tuple(names), failures=may), **{n: note("failed") for n in failed})
    passes = len(failed) <= may
    assert (goto(command) == "finish") is passes


@given(st.integers(1, 5), st.data())
def test_a_number_of_results_decides_whatever_became_of_the_others(need, data):
    names = [f"b{n}" for n in range(5)]
    ends = {n: data.draw(st.sampled_from(["done", "failed", "cut", "late"])) for n in names}
    notes = {n: note(end) for n, end in ends.items() if end != "done"}
    command = judged(Join(of=tuple(names), need=need), **notes)
    enough = sum(end == "done" for end in ends.values()) >= need
    assert (goto(command) == "finish") is enough


def test_a_failure_that_asks_for_a_person_is_never_passed_over():
    for join in (Join(of=TO, failures=2), Join(of=TO, need="first")):
        assert goto(judged(join, b=note("failed", last=True))) == "person"


def test_only_the_branches_that_were_sent_out_count():
    state = {"kept": {"fan join": ["a", "c"], "branch join:b": note("failed")}}
    command = Join(of=TO, then="next")(state)
    assert (goto(command), kept(command)["fan join"]) == ("next", None)


def test_a_run_that_a_branch_has_ended_is_not_ended_anew():
    state = {"outcome": {"status": "rejected", "reason": "no"}}
    assert goto(Join(of=TO, then="next", ended="end")(state)) == "end"


def test_a_fallback_that_is_under_way_is_waited_for_while_something_changes():
    join = Join(of=TO)
    state: dict[str, Any] = {"kept": {"branch join:b": note("moved", to="spare")}}
    first = join(state)
    assert goto(first) == "join"
    state["kept"] |= kept(first)
    assert goto(join({**state, "results": {"a": 1}})) == "join"
    last = join(state)  # nothing has changed: it will not come any more
    assert goto(last) == "person"
    assert "spare gave no result" in last.update["decisions"][0]["reason"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"need": "most"}, "most"),
        ({"need": 0}, "0"),
        ({"need": True}, "True"),
        ({"need": 4}, "only 3"),
        ({"failures": -1}, "-1"),
        ({"failures": 3}, "at least one"),
        ({"need": 2, "failures": 1}, "leave failures out"),
    ],
)
def test_a_join_that_cannot_be_kept_is_refused(options, words):
    with pytest.raises(DesignError, match=words):
        Join(of=TO, **options)


def test_the_nodes_compare_and_pickle():
    for node in (FanOut(to=TO, width=2), Join(of=TO, need=2), Branch(join="join", need=1)):
        assert pickle.loads(pickle.dumps(node)) == node


# A branch as a function


def test_a_branch_outside_a_graph_does_its_work():
    made = BranchNode(function=lambda state: {"x": state["n"] + 1}, branch=Branch(join="join"))
    assert made({"n": 1}) == {"x": 2}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_branch_that_takes_too_long_is_cut_off(asynchronous):
    branch = Branch(join="join", seconds=0.05)
    made = BranchNode(function=lambda state: time.sleep(0.5), branch=branch)
    began = time.monotonic()
    with pytest.raises(BudgetExhausted, match="branch deadline reached"):
        asyncio.run(made.ainvoke({})) if asynchronous else made({})
    assert time.monotonic() - began < 0.5


# Calls that end early


class TestCutCall:
    def cut(self, call: Call, left: float | None = None) -> tuple[CutCall, list[Any]]:
        late: list[Any] = []
        return CutCall(call=call, gathering=Gathering(), left=left, late=late.append), late

    def test_a_call_that_ends_first_gives_its_result_or_its_error(self):
        made, late = self.cut(Call(lambda: 7, ()))
        assert (made.run(), late) == (7, [])
        made, late = self.cut(Call(lambda: 7, (), blocks=True))
        assert (asyncio.run(made.arun()), late) == (7, [])

        def breaks() -> None:
            raise KeyError("x")

        for run in (lambda m: m.run(), lambda m: asyncio.run(m.arun())):
            with pytest.raises(KeyError):
                run(self.cut(Call(breaks, (), blocks=True))[0])

    def test_a_decided_join_ends_a_call_and_what_comes_later_is_handed_on(self):
        go = threading.Event()

        def waits() -> str:
            go.wait(5)
            return "late"

        made, late = self.cut(Call(waits, ()))
        threading.Timer(0.05, made.gathering.decide).start()
        with pytest.raises(Cut):
            made.run()
        go.set()
        for _ in range(100):
            if late:
                break
            time.sleep(0.01)
        assert late == ["late"]

    def test_a_coroutine_is_cancelled(self):
        seen: list[str] = []

        async def waits() -> None:
            try:
                await asyncio.sleep(30)
            finally:
                seen.append("cleaned up")

        made, late = self.cut(Call(waits, ()))

        async def main() -> None:
            asyncio.get_running_loop().call_later(0.02, made.gathering.decide)
            with pytest.raises(Cut):
                await made.arun()

        asyncio.run(main())
        assert (seen, late) == (["cleaned up"], [])


def test_a_signal_wakes_threads_and_loops():
    signal = Signal()
    threading.Timer(0.02, signal.set).start()

    async def main() -> None:
        await asyncio.wait_for(signal.future(), 5)

    asyncio.run(main())
    assert signal.is_set
    assert signal.wait(0)


def test_a_gathering_ends_with_its_last_branch():
    first = meet("k", 1)
    assert meet("k", 2) is first
    part("k", 1)
    assert meet("k", 3) is first
    part("k", 2)
    part("k", 3)
    assert meet("k", 4) is not first
    part("k", 4)


def test_waiting_for_siblings_has_an_end():
    gathering = Gathering()
    assert not gathering.until(lambda: False, 0.02)
    assert not asyncio.run(gathering.auntil(lambda: False, 0.02))


def test_nothing_is_late_on_a_new_thread():
    assert late_results(checkpointer("memory://"), thread="t") == ()


@pytest.mark.parametrize("part", ["width", "most"])
@pytest.mark.parametrize("number", [1.5, "2", 0, True, float("nan")])
def test_a_width_is_a_whole_number(part, number):
    with pytest.raises(DesignError, match="give a whole number from 1"):
        FanOut(**{part: number})
