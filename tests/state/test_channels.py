from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.graph import START, StateGraph
from langgraph.types import Send

from quintet.state import Action, Decision, OrchestrationState, plain
from quintet.state.action import ACTION_STATUSES
from quintet.state.actions import ACTIONS_KEPT
from quintet.state.channels import slot
from quintet.state.fragments import RUN_KEYS
from quintet.state.log import DECISIONS_KEPT, FAILURES_KEPT
from tests.state.together import at_once, together

Plain = dict[str, Any]

LISTS = [("decisions", DECISIONS_KEPT), ("failures", FAILURES_KEPT)]
numbers = st.lists(st.integers(), unique=True, max_size=100)


def items(given: list[int]) -> list[Plain]:
    return [{"at": each} for each in given]


@st.composite
def updates(draw: st.DrawFn) -> list[Plain]:
    """Draw updates of `actions`, each of one key, in any order of statuses."""
    given = draw(
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(ACTION_STATUSES)), max_size=12)
    )
    return [{key: action(key, status)} for key, status in given]


def action(key: str, status: str, **more: Any) -> Plain:
    fields: Plain = {"name": "pay", "arguments": {"to": key}, "key": key, "status": status, **more}
    made: Plain = plain(Action(**fields))
    return made


@pytest.mark.parametrize(("key", "most"), LISTS)
@given(given=numbers, cut=st.integers(0, 100))
def test_a_list_keeps_its_end_however_it_came_in(
    key: str, most: int, given: list[int], cut: int
) -> None:
    whole = together(key, [], items(given))
    assert whole == items(given)[-most:]
    assert together(key, [], items(given[:cut]), items(given[cut:])) == whole
    assert together(key, whole, []) == whole


@pytest.mark.parametrize(("key", "most"), LISTS)
@given(given=numbers, new=numbers)
def test_what_a_nested_graph_was_given_is_not_counted_again_when_it_comes_back(
    key: str, most: int, given: list[int], new: list[int]
) -> None:
    new = [each for each in new if each not in given]
    outside = together(key, [], items(given))
    inside = together(key, outside, items(new))
    assert together(key, outside, inside) == together(key, outside, items(new))


@pytest.mark.parametrize("key", ["decisions", "failures", "results", "actions", "spent", "merged"])
def test_none_starts_anew(key: str) -> None:
    full: Any = items([1]) if key in ("decisions", "failures") else {"a": action("a", "done")}
    full = {"steps": 3} if key == "spent" else full
    empty: Any = type(full)()
    assert together(key, empty, None) == empty
    assert together(key, full, None) == empty
    assert together(key, empty, full) == full or key == "actions"


NAMES = st.text().filter(lambda name: not name.partition("#")[2].isdecimal())
"""Names other than those by which results of one superstep are numbered."""


@given(st.dictionaries(NAMES, st.integers()), st.dictionaries(NAMES, st.integers()))
def test_results_stand_side_by_side(old: Plain, new: Plain) -> None:
    both = together("results", old, new)
    assert both == old | new


def test_results_of_one_name_and_superstep_are_numbered() -> None:
    first = at_once("results", {}, {"read": 1}, {"read": 2}, {"read": 3})
    assert first == {"read": 1, "read#2": 2, "read#3": 3}
    assert at_once("results", first, {"read": 4}, {"read#x": 5}) == {"read": 4, "read#x": 5}


def test_a_later_round_keeps_results_that_are_equal_to_those_of_the_round_before() -> None:
    first = at_once("results", {}, {"read": 1}, {"read": 2}, {"read": 3})
    later = at_once("results", first, {"read": 1}, {"read": 4}, {"read": 5})
    assert later == {"read": 1, "read#2": 4, "read#3": 5}
    assert at_once("results", first, {"read": 1}, {"read": 1}) == {"read": 1, "read#2": 1}
    assert at_once("results", {"read": 1}, {"read": 1}, {"read": 2}) == {"read": 1, "read#2": 2}


def test_graphs_that_hand_back_the_results_which_they_were_given_add_none() -> None:
    for old in ({"read": 1}, {"read": 1, "read#2": 2, "other": 3}):
        assert at_once("results", old, old, old) == old
        assert at_once("results", old, old, {**old, "new": 4}) == {**old, "new": 4}


@given(updates())
def test_what_was_done_stays_on_record_until_it_is_undone(given: list[Plain]) -> None:
    state: Plain = {}
    for update in given:
        ((key, new),) = update.items()
        before = state.get(key, {}).get("status")
        state = together("actions", state, update)
        after = state[key]["status"]
        if before == "done":
            assert after == ("undone" if new["status"] == "undone" else "done")
        if before == "unknown":
            assert after == (new["status"] if new["status"] in ("done", "undone") else "unknown")


@given(updates())
def test_an_action_that_is_named_is_never_lost(given: list[Plain]) -> None:
    state: Plain = {}
    for number, update in enumerate(given):
        state = together("actions", state, update)
        assert set(state) == {key for past in given[: number + 1] for key in past}


@given(st.permutations(["pay", "ship", "cancel"]))
def test_two_effects_with_one_key_are_two_actions(names: list[str]) -> None:
    state: Plain = {}
    for name in names:
        state = together("actions", state, {"7": action("7", "proposed", name=name)})
    assert sorted(item["name"] for item in state.values()) == ["cancel", "pay", "ship"]
    for name in names:
        assert state[slot(state, name, "7")]["name"] == name
        done = {"7": action("7", "done", name=name)}
        state = together("actions", state, done)
        assert state[slot(state, name, "7")]["status"] == "done"
    assert len(state) == 3


def test_a_proposal_of_what_was_done_is_kept_for_act_to_refuse() -> None:
    done = {"a": action("a", "done", result=1)}
    state = together("actions", done, {"a": action("a", "proposed")})
    assert state["a"]["status"] == "done"
    assert state["a"]["again"]["status"] == "proposed"
    refused = together("actions", state, {"a": action("a", "failed")})
    assert "again" not in refused["a"]
    assert refused["a"]["result"] == 1


def test_a_forged_approval_does_not_reopen_what_was_done() -> None:
    done = {"a": action("a", "done", result=1)}
    assert together("actions", done, {"a": action("a", "approved")}) == done


def test_what_a_nested_graph_was_given_as_proposed_does_not_come_back_as_a_repeat() -> None:
    given = {"a": action("a", "proposed")}
    assert together("actions", given, given) == given


def test_actions_that_are_settled_shrink_and_still_refuse_a_repeat() -> None:
    many = {f"k{n}": action(f"k{n}", "done", result="x" * 100) for n in range(100)}
    state = together("actions", {"open": action("open", "proposed")}, many)
    assert len(state) == 101
    assert state["open"]["arguments"] == {"to": "open"}
    assert {"name": "pay", "key": "k0", "status": "done"}.items() <= state["k0"].items()
    whole = [key for key, item in state.items() if "arguments" in item]
    assert len(whole) == ACTIONS_KEPT + 1
    again = together("actions", state, {"k0": action("k0", "proposed")})
    assert again["k0"]["status"] == "done"
    assert "again" in again["k0"]


def test_every_key_but_the_record_of_effects_belongs_to_a_run() -> None:
    theirs = {"message", "behalf", "step", "actions"}
    assert set(OrchestrationState.__annotations__) - theirs == set(RUN_KEYS)


def test_results_of_one_name_in_one_superstep_are_all_kept() -> None:
    def fan(state: OrchestrationState) -> list[Send]:
        return [Send("read", {"message": text}) for text in state["message"].split()]

    def read(state: OrchestrationState) -> Any:
        return {"results": {"read": {"of": state["message"]}}}

    graph = StateGraph(OrchestrationState).add_node("read", read)
    app = graph.add_conditional_edges(START, fan, ["read"]).compile()
    results = app.invoke({"message": "a b c"})["results"]
    assert results == {"read": {"of": "a"}, "read#2": {"of": "b"}, "read#3": {"of": "c"}}


def test_a_result_written_anew_takes_the_numbered_ones_of_before_with_it() -> None:
    before = {"read": 1, "read#2": 2, "other": 3}
    assert together("results", before, {"read": 4}) == {"read": 4, "other": 3}


def test_the_worst_of_two_ends_stands() -> None:
    def end(status: str) -> Plain:
        return {"status": status, "reason": "r"}

    assert together("outcome", None, end("done")) == end("done")
    assert together("outcome", end("escalated"), end("done")) == end("escalated")
    assert together("outcome", end("rejected"), end("aborted")) == end("aborted")
    assert together("outcome", end("done"), None) == end("done")


def test_a_graph_nested_as_a_node_reports_each_decision_once() -> None:
    def decide(name: str) -> Any:
        def node(state: OrchestrationState) -> Any:
            record = Decision(kind="route", node=name, choice="x", reason="r")
            return {"decisions": [plain(record)]}

        return node

    inner = StateGraph(OrchestrationState).add_node("b", decide("b")).add_edge(START, "b").compile()
    outer = StateGraph(OrchestrationState).add_node("a", decide("a")).add_node("inner", inner)
    app = outer.add_edge(START, "a").add_edge("a", "inner").compile()
    decisions = app.invoke({"message": "hello"})["decisions"]
    assert [each["node"] for each in decisions] == ["a", "b"]
