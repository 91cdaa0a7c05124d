"""Test the benchmark of the characters that models receive."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from benchmarks import context, handoffs
from benchmarks.context import SHAPES, Shape, measure

# langgraph-supervisor uses what LangGraph has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:create_react_agent has been moved")


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    return measure()


def test_each_shape_has_its_figures(figures: dict[str, Any]):
    for name in SHAPES:
        shape = figures[name]
        assert shape["ratio"] == round(shape["characters"] / shape["hand_written"], 4)
        assert set(shape["calls"]) == {"quintet", "hand_written", *shape["peers"]}


def test_ten_handoffs_cost_no_more_than_by_hand_and_less_than_with_others(figures: dict[str, Any]):
    shape = figures["handoffs10"]
    assert shape["ratio"] <= 1.0
    assert shape["text"]["ratio"] <= 1.0
    assert shape["calls"]["quintet"] == shape["calls"]["hand_written"] == 22
    peers = {"langgraph_supervisor", "langgraph_swarm", "create_agent_subagents"}
    assert set(shape["peers"]) == peers
    assert min(shape["peers"].values()) > shape["characters"]


def test_a_manager_of_eight_costs_no_more_than_by_hand_and_less_than_with_others(
    figures: dict[str, Any],
):
    shape = figures["manager8"]
    assert shape["ratio"] <= 1.0
    assert shape["calls"]["quintet"] == shape["calls"]["hand_written"] == 18
    assert min(shape["peers"].values()) > shape["characters"]


def test_what_a_desk_receives_does_not_grow_with_the_handoffs():
    calls = handoffs.quintet()
    desks = [call.characters for call in calls[2:]]
    assert max(desks[::2]) - min(desks[::2]) <= len("10")
    assert max(desks[1::2]) - min(desks[1::2]) <= len("10")


def test_both_ask_the_same_tools_and_instructions_of_their_models():
    for ours, theirs in zip(handoffs.quintet(), handoffs.hand_written(), strict=True):
        assert ours.messages[0].text == theirs.messages[0].text
        assert [tool["name"] for tool in ours.tools] == [tool["name"] for tool in theirs.tools]


def test_a_desk_that_answers_wrongly_is_noticed():
    with pytest.raises(ValueError, match=r"answered 'No\.'"):
        handoffs.check_answer("No.")


def test_a_further_shape_is_a_further_entry(capsys: pytest.CaptureFixture[str]):
    twice = replace(SHAPES["handoffs10"], peers=dict)
    shapes: dict[str, Shape] = {"one": twice, "two": twice}
    measured = measure(shapes=shapes)
    assert set(measured) == {"one", "two", "versions"}
    assert context.table(measured).count("| two |") == 2


def test_it_prints_one_object(capsys: pytest.CaptureFixture[str]):
    context.main(["--json", "--no-peers"])
    assert set(json.loads(capsys.readouterr().out)) == {*SHAPES, "versions"}
