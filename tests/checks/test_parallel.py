"""Test nodes that run in the same step: writers that clash, joins that run twice."""

import operator
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from langgraph.errors import InvalidUpdateError
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send
from typing_extensions import TypedDict

from quintet.checks import Finding, check


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    answer: str
    kind: str


def note(name: str) -> Callable[[State], dict[str, Any]]:
    def node(state: State) -> dict[str, Any]:
        return {"log": [name]}

    return node


def say(name: str) -> Callable[[State], dict[str, Any]]:
    def node(state: State) -> dict[str, Any]:
        return {"log": [name], "answer": name}

    return node


def sayers(*names: str) -> StateGraph[State]:
    graph = StateGraph(State)
    for name in names:
        graph.add_node(name, say(name))
    return graph


def noters(*names: str) -> StateGraph[State]:
    graph = StateGraph(State)
    for name in names:
        graph.add_node(name, note(name))
    return graph


def only(graph: Any) -> Finding:
    [finding] = check(graph)
    return finding


def clash(graph: StateGraph[State], start: State | None = None) -> Finding:
    """Return the one finding, after LangGraph let the graph run and then named no node."""
    app = graph.compile()
    with pytest.raises(InvalidUpdateError, match="At key 'answer'") as problem:
        app.invoke(start or {})
    assert not [name for name in graph.nodes if f"'{name}'" in str(problem.value)]
    finding = only(graph)
    assert finding.code == "parallel-writers"
    assert "'answer'" in finding.fault
    assert "answer: Annotated[..., reducer]" in finding.remedy
    return finding


# Two writers of one key


def test_two_nodes_after_start_that_write_one_key_are_both_named():
    finding = clash(sayers("a", "b").add_edge(START, "a").add_edge(START, "b"))
    assert (finding.node, finding.level) == ("a", "error")
    assert "'a' and 'b' run in the same step after START" in finding.fault


def test_two_nodes_after_one_source_are_both_named():
    graph = sayers("a", "b").add_node("s", note("s")).add_edge(START, "s")
    finding = clash(graph.add_edge("s", "a").add_edge("s", "b"))
    assert "'a' and 'b' run in the same step after 's'" in finding.fault


def test_writers_further_down_branches_of_equal_length_are_named():
    graph = noters("a", "b").add_node("a2", say("a2")).add_node("b2", say("b2"))
    graph.add_edge(START, "a").add_edge(START, "b").add_edge("a", "a2").add_edge("b", "b2")
    assert "'a2' and 'b2'" in clash(graph).fault


def test_writers_in_different_steps_are_right():
    graph = noters("a").add_node("a2", say("a2")).add_node("b", say("b"))
    graph.add_edge(START, "a").add_edge(START, "b").add_edge("a", "a2")
    assert graph.compile().invoke({})["answer"] == "a2"
    assert check(graph) == ()


def longest(old: str, new: str) -> str:
    return max(old, new, key=len)


class Reduced(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    answer: Annotated[str, longest]


def test_a_key_with_a_reducer_may_have_several_writers():
    graph = StateGraph(Reduced).add_node("a", say("a")).add_node("b", say("b"))
    graph.add_edge(START, "a").add_edge(START, "b")
    assert graph.compile().invoke({"answer": "long"})["answer"] == "long"
    assert check(graph) == ()


def test_a_node_after_a_join_runs_beside_its_sibling():
    graph = noters("a", "b").add_node("j", say("j")).add_node("c", say("c"))
    graph.add_edge(START, "a").add_edge(START, "b").add_edge(["a", "b"], "j").add_edge("a", "c")
    assert "'c' and 'j'" in clash(graph).fault


def test_a_deferred_writer_runs_last():
    graph = noters("a").add_node("b", say("b")).add_node("j", say("j"), defer=True)
    graph.add_edge(START, "a").add_edge("a", "b").add_edge("a", "j")
    assert graph.compile().invoke({})["answer"] == "j"
    assert check(graph) == ()


def test_a_command_to_several_writers_is_named():
    graph = sayers("a", "b").add_node("s", lambda state: Command(goto=["a", "b"]))
    assert "after 's'" in clash(graph.add_edge(START, "s")).fault


def test_a_path_that_answers_a_written_list_is_named():
    graph = noters("s").add_node("a", say("a")).add_node("b", say("b")).add_edge(START, "s")
    graph.add_conditional_edges("s", lambda state: ["one", "two"], {"one": "a", "two": "b"})
    assert clash(graph).level == "error"


def test_a_path_that_gathers_a_list_may_start_two_writers():
    def choose(state: State) -> list[str]:
        return [name for name in ("a", "b") if name in state.get("kind", "")]

    graph = noters("s").add_node("a", say("a")).add_node("b", say("b")).add_edge(START, "s")
    graph.add_conditional_edges("s", choose, ["a", "b"])
    finding = clash(graph, {"kind": "ab"})
    assert finding.level == "warning"
    assert "may run" in finding.fault


def test_a_path_that_answers_one_of_two_writers_is_right():
    graph = noters("s").add_node("a", say("a")).add_node("b", say("b")).add_edge(START, "s")
    graph.add_conditional_edges("s", lambda state: state["kind"], ["a", "b"])
    assert graph.compile().invoke({"kind": "a"})["answer"] == "a"
    assert check(graph) == ()


def test_a_list_that_holds_a_choice_starts_only_one_of_it():
    def choose(state: State) -> list[str]:
        return ["a" if state.get("kind") else "b"]

    graph = noters("s").add_node("a", say("a")).add_node("b", say("b")).add_edge(START, "s")
    graph.add_conditional_edges("s", choose, ["a", "b"])
    assert graph.compile().invoke({})["answer"] == "b"
    assert check(graph) == ()


def test_an_edge_beside_a_conditional_edge_starts_both():
    graph = noters("s").add_node("a", say("a")).add_node("b", say("b")).add_edge(START, "s")
    graph.add_edge("s", "a").add_conditional_edges("s", lambda state: "b", ["b", END])
    assert "'a' and 'b'" in clash(graph).fault


def first(state: State) -> str:
    return "a"


def second(state: State) -> str:
    return "b"


def test_two_conditional_edges_of_one_node_may_start_both():
    graph = noters("s").add_node("a", say("a")).add_node("b", say("b")).add_edge(START, "s")
    graph.add_conditional_edges("s", first, ["a", END]).add_conditional_edges("s", second, ["b"])
    assert clash(graph).level == "warning"


def test_of_two_groups_of_writers_the_larger_is_named():
    def choose(state: State) -> list[str]:
        return ["a", "b"] if state.get("kind") else ["a", "b", "c"]

    graph = noters("s").add_edge(START, "s")
    for name in ("a", "b", "c"):
        graph.add_node(name, say(name))
    graph.add_conditional_edges("s", choose, ["a", "b", "c"])
    assert "'a', 'b' and 'c'" in clash(graph).fault


def spread(state: State) -> list[Send]:
    return [Send("w", {"kind": kind}) for kind in ("x", "y")]


def collected(state: State) -> list[Send]:
    sends = []
    for kind in ("x", "y"):
        sends.append(Send("w", {"kind": kind}))  # noqa: PERF401
    return sends


def written_out(state: State) -> list[Send]:
    return [Send("w", {"kind": "x"}), Send("w", {"kind": "y"})]


@pytest.mark.parametrize("path", [spread, collected, written_out])
def test_a_writer_that_is_sent_to_several_times_clashes_with_itself(path):
    graph = noters("s").add_node("w", say("w")).add_edge(START, "s")
    finding = clash(graph.add_conditional_edges("s", path, ["w"]))
    assert finding.node == "w"
    assert "several times" in finding.fault


def test_a_command_with_several_sends_to_one_writer_is_named():
    graph = sayers("w").add_node("s", lambda state: Command(goto=spread(state)))
    assert clash(graph.add_edge(START, "s")).node == "w"


def test_a_node_that_is_sent_to_several_times_and_writes_reduced_keys_is_right():
    graph = noters("s", "w").add_edge(START, "s").add_conditional_edges("s", spread, ["w"])
    assert graph.compile().invoke({})["log"] == ["s", "w", "w"]
    assert check(graph) == ()


def test_one_send_is_right():
    graph = noters("s").add_node("w", say("w")).add_edge(START, "s")
    graph.add_conditional_edges("s", lambda state: [Send("w", {})], ["w"])
    assert graph.compile().invoke({})["answer"] == "w"
    assert check(graph) == ()


class Asked(TypedDict, total=False):
    log: Annotated[set[str], operator.or_]
    answer: str
    kind: str


def subgraph(state: type, output: type | None = None) -> Any:
    graph = StateGraph(state, output_schema=output)
    return graph.add_node("in", lambda s: {"log": set()}).add_edge(START, "in").compile()


class OnlyLog(TypedDict, total=False):
    log: Annotated[set[str], operator.or_]


def test_two_subgraphs_that_give_back_the_same_key_unchanged_are_named():
    graph = StateGraph(Asked).add_node("a", subgraph(Asked)).add_node("b", subgraph(Asked))
    graph.add_edge(START, "a").add_edge(START, "b")
    with pytest.raises(InvalidUpdateError, match="At key 'kind'"):
        graph.compile().invoke({"kind": "x"})
    assert {f.code for f in check(graph)} == {"parallel-writers"}
    assert {f.fault.split("write ")[1].split(",")[0] for f in check(graph)} == {
        "'answer'",
        "'kind'",
    }


def test_two_subgraphs_that_give_back_only_what_is_reduced_are_right():
    graph = StateGraph(Asked)
    graph.add_node("a", subgraph(Asked, OnlyLog)).add_node("b", subgraph(Asked, OnlyLog))
    graph.add_edge(START, "a").add_edge(START, "b")
    assert graph.compile().invoke({"kind": "x"})["kind"] == "x"
    assert check(graph) == ()


# Joins after branches of unequal length


def unequal(**options: Any) -> StateGraph[State]:
    graph = noters("s", "a", "b", "b2").add_node("j", note("j"), **options)
    graph.add_edge(START, "s").add_edge("s", "a").add_edge("s", "b").add_edge("b", "b2")
    return graph.add_edge("a", "j").add_edge("b2", "j")


def test_a_join_after_unequal_branches_runs_twice_and_is_named():
    graph = unequal()
    assert graph.compile().invoke({})["log"].count("j") == 2
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("unequal-join", "j", "error")
    assert "from 's' in 2 and in 3 steps" in finding.fault
    assert "defer=True" in finding.remedy


def test_only_the_first_join_is_named_and_not_what_follows():
    graph = unequal().add_node("k", note("k")).add_edge("j", "k")
    assert graph.compile().invoke({})["log"].count("k") == 2
    assert only(graph).node == "j"


def test_a_second_meeting_behind_the_first_is_not_named():
    graph = unequal()
    for name in ("x", "y", "k"):
        graph.add_node(name, note(name))
    graph.add_edge("j", "x").add_edge("j", "y").add_edge("x", "k").add_edge("y", "k")
    assert graph.compile().invoke({})["log"].count("k") == 2
    assert only(graph).node == "j"


def test_an_error_is_not_hidden_by_a_warning_about_the_same_join():
    def several(state: State) -> list[str]:
        return [each for each in ("a", "b") if each in state.get("kind", "")]

    graph = unequal().add_node("t", note("t")).add_edge(START, "t")
    graph.add_conditional_edges("t", several, ["a", "b"])
    assert [(f.level, f.node) for f in check(graph)] == [("error", "j")]


def test_a_join_of_two_fans_is_named_once():
    graph = unequal().add_node("t", note("t")).add_edge(START, "t").add_edge("t", "b")
    assert graph.add_edge("t", "a").compile().invoke({})["log"].count("j") == 2
    assert [(f.code, f.node) for f in check(graph)] == [("unequal-join", "j")]


def test_a_deferred_join_runs_once():
    graph = unequal(defer=True).add_node("k", note("k")).add_edge("j", "k")
    assert graph.compile().invoke({})["log"].count("k") == 1
    assert check(graph) == ()


def test_an_edge_that_waits_for_all_runs_once():
    graph = noters("s", "a", "b", "b2", "j").add_edge(START, "s").add_edge("s", "a")
    graph.add_edge("s", "b").add_edge("b", "b2").add_edge(["a", "b2"], "j")
    assert graph.compile().invoke({})["log"].count("j") == 1
    assert check(graph) == ()


def test_a_join_after_equal_branches_runs_once():
    graph = noters("s", "a", "b", "j").add_edge(START, "s").add_edge("s", "a").add_edge("s", "b")
    graph.add_edge("a", "j").add_edge("b", "j")
    assert graph.compile().invoke({})["log"].count("j") == 1
    assert check(graph) == ()


def test_a_branch_that_may_take_longer_is_a_warning():
    def more(state: State) -> str:
        return "b" if state["log"].count("b") < 2 else "j"

    graph = noters("a", "b", "j").add_edge(START, "a").add_edge(START, "b").add_edge("a", "j")
    graph.add_conditional_edges("b", more, ["b", "j"])
    assert graph.compile().invoke({})["log"].count("j") == 2
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("unequal-join", "j", "warning")
    assert "may run twice" in finding.fault


def test_ways_of_unequal_length_that_exclude_each_other_are_right():
    graph = noters("s", "a", "b", "b2", "j").add_edge(START, "s").add_edge("b", "b2")
    graph.add_conditional_edges("s", lambda state: state["kind"], ["a", "b"])
    graph.add_edge("a", "j").add_edge("b2", "j")
    assert graph.compile().invoke({"kind": "b"})["log"] == ["s", "b", "b2", "j"]
    assert check(graph) == ()


def test_a_loop_back_to_the_fan_is_no_longer_branch():
    def again(state: State) -> str:
        return "s" if state["log"].count("s") < 2 else END

    graph = noters("s", "a", "b", "j").add_edge(START, "s").add_edge("s", "a").add_edge("s", "b")
    graph.add_edge("a", "j").add_edge("b", "j").add_conditional_edges("j", again, ["s", END])
    assert graph.compile().invoke({})["log"].count("j") == 2
    assert check(graph) == ()
