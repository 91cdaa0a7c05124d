from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.graph import START, StateGraph

from quintet.state import (
    Action,
    Decision,
    OrchestrationState,
    keep_decisions,
    keep_failures,
    merge_actions,
    merge_results,
    plain,
)
from quintet.state.action import ACTION_STATUSES
from quintet.state.channels import ACTIONS_KEPT_WHOLE, DECISIONS_KEPT, FAILURES_KEPT, RUN_KEYS

Plain = dict[str, Any]

LISTS = [(keep_decisions, DECISIONS_KEPT), (keep_failures, FAILURES_KEPT)]
numbers = st.lists(st.integers(), unique=True, max_size=100)


def items(given: list[int]) -> list[Plain]:
    return [{"at": each} for each in given]


@st.composite
def updates(draw: st.DrawFn) -> list[Plain]:
    """Updates of `actions`, each of one key, in any order of statuses."""
    given = draw(
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(ACTION_STATUSES)), max_size=12)
    )
    return [{key: action(key, status)} for key, status in given]


def action(key: str, status: str, **more: Any) -> Plain:
    made: Plain = plain(Action(name="pay", arguments={"to": key}, key=key, status=status, **more))  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize(("keep", "most"), LISTS)
@given(given=numbers, cut=st.integers(0, 100))
def test_a_list_keeps_its_end_however_it_came_in(
    keep: Any, most: int, given: list[int], cut: int
) -> None:
    whole = keep([], items(given))
    assert whole == items(given)[-most:]
    assert keep(keep([], items(given[:cut])), items(given[cut:])) == whole
    assert keep(whole, []) == whole


@pytest.mark.parametrize(("keep", "most"), LISTS)
@given(given=numbers, new=numbers)
def test_what_a_subgraph_was_given_is_not_counted_again_when_it_comes_back(
    keep: Any, most: int, given: list[int], new: list[int]
) -> None:
    new = [each for each in new if each not in given]
    outside = keep([], items(given))
    inside = keep(keep([], outside), items(new))
    assert keep(outside, inside) == keep(outside, items(new))


@pytest.mark.parametrize("reducer", [keep_decisions, keep_failures, merge_results, merge_actions])
def test_none_starts_anew(reducer: Any) -> None:
    empty: Any = [] if reducer in (keep_decisions, keep_failures) else {}
    assert reducer(empty, None) == empty
    full = items([1]) if empty == [] else {"a": action("a", "done")}
    assert reducer(full, None) == empty
    assert reducer(empty, full) == full


@given(st.dictionaries(st.text(), st.integers()), st.dictionaries(st.text(), st.integers()))
def test_results_stand_side_by_side(old: Plain, new: Plain) -> None:
    both = merge_results(old, new)
    assert set(both) == set(old) | set(new)
    assert all(both[key] == new[key] for key in new)
    assert all(both[key] == old[key] for key in set(old) - set(new))


@given(updates())
def test_what_was_done_stays_on_record_until_it_is_undone(given: list[Plain]) -> None:
    state: Plain = {}
    for update in given:
        ((key, new),) = update.items()
        before = state.get(key, {}).get("status")
        state = merge_actions(state, update)
        after = state[key]["status"]
        if before == "done":
            assert after == ("undone" if new["status"] == "undone" else "done")
        if before == "unknown":
            assert after == (new["status"] if new["status"] in ("done", "undone") else "unknown")


@given(updates())
def test_an_action_that_is_named_is_never_lost(given: list[Plain]) -> None:
    state: Plain = {}
    for number, update in enumerate(given):
        state = merge_actions(state, update)
        assert set(state) == {key for past in given[: number + 1] for key in past}


def test_a_proposal_of_what_was_done_is_kept_for_act_to_refuse() -> None:
    state = merge_actions({"a": action("a", "done", result=1)}, {"a": action("a", "proposed")})
    assert state["a"]["status"] == "done"
    assert state["a"]["again"]["status"] == "proposed"
    refused = merge_actions(state, {"a": action("a", "failed")})
    assert "again" not in refused["a"]
    assert refused["a"]["result"] == 1


def test_a_forged_approval_does_not_reopen_what_was_done() -> None:
    state = merge_actions({"a": action("a", "done", result=1)}, {"a": action("a", "approved")})
    assert state["a"] == action("a", "done", result=1, at=state["a"]["at"])


def test_actions_that_are_settled_shrink_and_still_refuse_a_repeat() -> None:
    many = {f"k{n}": action(f"k{n}", "done", result="x" * 100) for n in range(100)}
    state = merge_actions({"open": action("open", "proposed")}, many)
    assert len(state) == 101
    assert state["open"]["arguments"] == {"to": "open"}
    assert state["k0"] == {"name": "pay", "key": "k0", "status": "done"}
    whole = [key for key, item in state.items() if "arguments" in item]
    assert len(whole) == ACTIONS_KEPT_WHOLE + 1
    again = merge_actions(state, {"k0": action("k0", "proposed")})
    assert again["k0"]["status"] == "done"
    assert "again" in again["k0"]


def test_a_new_run_resets_every_key_but_the_record_of_effects() -> None:
    theirs = {"message", "behalf", "step", "actions"}
    assert set(OrchestrationState.__annotations__) - theirs == set(RUN_KEYS)


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
