import json
from dataclasses import replace

import pytest
from langchain_core.messages import AIMessage
from langgraph.graph import END, START, MessagesState, StateGraph

from benchmarks import overhead
from benchmarks.by_hand import FUSED, LANGGRAPH
from benchmarks.desks import QUINTET, Contender
from benchmarks.measure import Unequal, asked, ratio, same_calls, turns


@pytest.fixture(scope="module")
def figures() -> dict:
    return overhead.measure(replace(overhead.QUICK, peers=False))


def test_the_figures_have_their_keys(figures):
    for key in ("ratio_to_langgraph", "characters_ratio", "ratio_to_fused"):
        assert figures[key] > 0
    assert figures["machine"]["cores"] >= 1
    assert figures["versions"]["langgraph"]
    assert figures["date"]
    compared = {"quintet", "langgraph", "langgraph_fused"}
    for mode in ("sync", "async"):
        assert set(figures[mode]["contenders"]) == compared
        saved = figures["sqlite"][mode]["contenders"]
        assert set(saved) == compared | {"quintet_start", "langgraph_on_quintet_saver"}
        assert all(taken["p50_ms"] > 0 for taken in saved.values())
    assert set(figures["concurrent"]["contenders"]) == compared


def test_the_worse_of_sync_and_async_stands_at_the_top(figures):
    for key in ("ratio_to_langgraph", "ratio_to_fused"):
        assert figures[key] == max(figures["sync"][key], figures["async"][key])


def test_all_that_are_compared_make_three_model_calls(figures):
    assert figures["model_calls"] == {"quintet": 3, "langgraph": 3, "langgraph_fused": 3}


def test_a_model_receives_at_most_a_twentieth_more_through_quintet(figures):
    assert figures["characters_ratio"] <= 1.05


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_quintet_asks_its_model_what_the_hand_written_desks_ask(awaited):
    by_hand = asked(LANGGRAPH, awaited=awaited)
    same_calls(asked(QUINTET, awaited=awaited), by_hand)
    same_calls(asked(FUSED, awaited=awaited), by_hand)


def test_a_missing_model_call_is_noticed():
    whole = asked(LANGGRAPH, awaited=False)
    with pytest.raises(Unequal, match="8 model calls against 9"):
        same_calls(replace(whole, calls=whole.calls[1:]), whole)


def test_a_model_call_without_its_tools_is_noticed():
    whole = asked(LANGGRAPH, awaited=False)
    front, specialist, *rest = whole.calls
    bare = replace(specialist, options={})
    with pytest.raises(Unequal, match="model call 2"):
        same_calls(replace(whole, calls=(front, bare, *rest)), whole)


def test_a_desk_that_answers_wrongly_is_noticed():
    def rude(model, awaited):
        graph = StateGraph(MessagesState)
        graph.add_node("front", lambda state: {"messages": [AIMessage("No.")]})
        return graph.add_edge(START, "front").add_edge("front", END)

    with pytest.raises(Unequal, match=r"rude answers 'No\.'"):
        asked(Contender(name="rude", build=rude), awaited=False)


def test_contenders_take_turns_and_each_begins_a_round():
    desks = [contender.desk(awaited=False) for contender in (QUINTET, LANGGRAPH)]
    counted = [turn.desk.name for turn in turns(desks, 3) if turn.counts]
    assert counted == ["quintet", "langgraph", "langgraph", "quintet", "quintet", "langgraph"]


def test_a_ratio_compares_round_by_round():
    assert ratio({"a": [1.0, 30.0, 2.0], "b": [2.0, 10.0, 4.0]}, "a", "b") == 0.5


def test_json_is_one_object_and_progress_stands_beside_it(capsys):
    overhead.main(["--quick", "--no-peers", "--runs", "2", "--json"])
    printed = capsys.readouterr()
    assert json.loads(printed.out)["rounds"]["unsaved"] == 2
    assert "no saver, sync: 2 rounds" in printed.err


def test_a_table_has_a_line_for_each_contender(figures):
    lines = overhead.table(figures).splitlines()
    assert sum(line.startswith("| langgraph_fused |") for line in lines) == 2


def test_one_round_is_refused(capsys):
    with pytest.raises(SystemExit):
        overhead.main(["--runs", "1"])
    assert "two rounds" in capsys.readouterr().err
