"""Test targets that are no node, nodes that never run, two ways at once."""

import asyncio
import logging
import operator
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Literal

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send
from typing_extensions import TypedDict

from quintet.checks import Finding, check


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    kind: str


def note(name: str) -> Callable[[State], dict[str, Any]]:
    def node(state: State) -> dict[str, Any]:
        return {"log": [name]}

    return node


def graph_of(*names: str) -> StateGraph[State]:
    graph = StateGraph(State)
    for name in names:
        graph.add_node(name, note(name))
    return graph


def line(*names: str) -> StateGraph[State]:
    graph = graph_of(*names)
    for before, after in zip((START, *names), names, strict=False):
        graph.add_edge(before, after)
    return graph


def only(graph: Any) -> Finding:
    [finding] = check(graph)
    return finding


# Unknown targets


def command_to_nobody(state: State) -> Command[str]:
    return Command(goto="biling")


def test_a_command_to_no_node_ends_the_run_well_and_is_named(caplog):
    graph = line("start")
    graph.add_node("route", command_to_nobody).add_node("billing", note("billing"))
    graph.add_edge("start", "route").add_edge(START, "billing")
    with caplog.at_level(logging.WARNING):
        assert graph.compile().invoke({})["log"] == ["billing", "start"]
    assert "unknown channel branch:to:biling" in caplog.text
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("unknown-target", "route", "error")
    assert "'route'" in finding.fault
    assert "'biling'" in finding.fault
    assert "'billing'" in finding.remedy


def test_a_command_to_a_node_is_right():
    graph = line("start")
    graph.add_node("route", lambda state: Command(goto="billing"))
    graph.add_node("billing", note("billing")).add_edge("start", "route")
    assert graph.compile().invoke({})["log"] == ["start", "billing"]
    assert check(graph) == ()


def test_a_send_to_no_node_is_dropped_and_named(caplog):
    def spread(state: State) -> list[Send]:
        return [Send("wrker", {"kind": kind}) for kind in ("a", "b")]

    graph = line("start")
    graph.add_conditional_edges("start", spread, ["start", END])
    with caplog.at_level(logging.WARNING):
        assert graph.compile().invoke({})["log"] == ["start"]
    assert "Ignoring unknown node name wrker" in caplog.text
    finding = only(graph)
    assert finding.code == "unknown-target"
    assert "'wrker'" in finding.fault


def test_a_send_to_a_node_is_right():
    def spread(state: State) -> list[Send]:
        return [Send("worker", {"kind": kind}) for kind in ("a", "b")]

    graph = line("start")
    graph.add_node("worker", note("worker"))
    graph.add_conditional_edges("start", spread, ["worker"])
    assert graph.compile().invoke({})["log"] == ["start", "worker", "worker"]
    assert check(graph) == ()


def test_a_path_function_to_no_node_ends_the_run_well_and_is_named():
    graph = line("start")
    graph.add_node("worker", note("worker"))
    graph.add_conditional_edges("start", lambda state: "worker" if state.get("kind") else "wokrer")
    assert graph.compile().invoke({})["log"] == ["start"]
    assert [f.code for f in check(graph)] == ["unknown-target", "blind-path"]
    assert "'wokrer'" in check(graph)[0].fault
    assert "'worker'" in check(graph)[0].remedy


def test_an_answer_outside_the_map_fails_at_run_time_and_is_named():
    def choose(state: State) -> str:
        return "yes" if state.get("kind") else "maybe"

    graph = line("start", "worker")
    graph.add_conditional_edges("start", choose, {"yes": "worker", "no": END})
    with pytest.raises(KeyError, match="maybe"):
        graph.compile().invoke({})
    finding = only(graph)
    assert (finding.code, finding.node) == ("unknown-target", "start")
    assert "'maybe'" in finding.fault
    assert "'no' and 'yes'" in finding.fault


def test_a_truth_that_the_map_does_not_hold_is_named():
    graph = line("start", "worker")
    graph.add_conditional_edges("worker", lambda state: len(state["log"]) > 1, {True: END})
    assert "False" in only(graph).fault


def test_a_total_map_is_right():
    graph = line("start")
    graph.add_node("worker", note("worker"))
    graph.add_conditional_edges(
        "start", lambda state: bool(state.get("kind")), {True: "worker", False: END}
    )
    assert graph.compile().invoke({"kind": "a"})["log"] == ["start", "worker"]
    assert check(graph) == ()


def test_what_compile_refuses_is_named_before_with_the_node_it_comes_from():
    def hinted(state: State) -> Command[Literal["c", "worker"]]:
        return Command(goto="worker")

    edge = line("a").add_edge("a", "workr").add_node("worker", note("worker"))
    hint = line("a").add_node("b", hinted).add_edge("a", "b").add_node("worker", note("worker"))
    given = line("a").add_node("b", note("b"), destinations=("c",)).add_edge("a", "b")
    mapped = line("a").add_conditional_edges("a", lambda state: "x", {"x": "c"})
    source = line("a").add_edge("b", "a")
    branch = line("a").add_conditional_edges("b", lambda state: "a", ["a"])
    for graph, node, target in (
        (edge, "a", "workr"),
        (hint, "b", "c"),
        (given, "b", "c"),
        (mapped, "a", "c"),
        (source, "b", "b"),
        (branch, "b", "b"),
    ):
        with pytest.raises(ValueError, match="unknown"):
            graph.compile()
        found = [each for each in check(graph) if each.code == "unknown-target"]
        assert [(each.node, repr(target) in each.fault) for each in found] == [(node, True)]


def test_a_function_in_the_place_of_a_name_is_named():
    graph = line("a").add_edge("a", command_to_nobody)
    with pytest.raises(ValueError, match="unknown node"):
        graph.compile()
    assert "'<function command_to_nobody>'" in only(graph).fault
    graph = line("a").add_conditional_edges(command_to_nobody, lambda state: "a", ["a"])
    assert only(graph).node == "<function command_to_nobody>"
    graph = line("a").add_node("b", note("b"), destinations=(command_to_nobody,))
    assert check(graph.add_edge("a", "b")) == ()


@dataclass(frozen=True, kw_only=True)
class Router:
    to: tuple[str, ...]

    @property
    def destinations(self) -> tuple[str, ...]:
        return self.to

    def __call__(self, state: State) -> Command[str]:
        return Command(goto=self.to[0])


def test_a_node_that_declares_its_targets_is_taken_at_its_word():
    graph = graph_of("a", "b").add_node("router", Router(to=("a", "c"))).add_edge(START, "router")
    assert graph.compile().invoke({})["log"] == ["a"]
    assert [(f.code, f.node) for f in check(graph)] == [
        ("orphan-node", "b"),
        ("unknown-target", "router"),
    ]
    right = graph_of("a", "b").add_node("router", Router(to=("a", "b"))).add_edge(START, "router")
    assert check(right) == ()


class Kind(StrEnum):
    ORDER = "order"
    OTHER = "othr"


TABLE = {"a": "order", "b": "othre"}
LISTED = ["order", "othre"]


@dataclass(frozen=True)
class Goes:
    to: str
    no: str = "order"

    def __call__(self, state: State) -> Command[str]:
        return Command(goto=self.to if state.get("kind") else self.no)


def by_table(state: State) -> Command[str]:
    return Command(goto=TABLE.get(state.get("kind", ""), "order"))


def by_index(state: State) -> Command[str]:
    return Command(goto=TABLE[state.get("kind", "a")])


def by_enum(state: State) -> Command[str]:
    return Command(goto=Kind.OTHER if state.get("kind") else Kind.ORDER.value)


def by_list(state: State) -> Command[str]:
    return Command(goto=LISTED[int(state.get("kind", 0))])


def by_variable(state: State) -> Command[str]:
    target = "order"
    if state.get("kind"):
        target = "othre"
    return Command(goto=target)


def by_pair(state: State) -> Command[str]:
    to, (kind, _) = "othre", ("b", 1)
    return Command(goto=to, update={"kind": kind})


def by_local_table(state: State) -> Command[str]:
    table = {"x": "order", "y": "othre"}
    return Command(goto=table[state.get("kind", "x")])


def by_appending(state: State) -> Command[str]:
    targets = ["order"]
    if state.get("kind"):
        targets.append("othre")
    return Command(goto=targets)


def by_choice(state: State) -> Command[str]:
    return Command(goto=("order", "othre")[bool(state.get("kind"))])


def by_copy(state: State) -> Command[str]:
    return Command(goto=sorted({"order", "othre"}))


def by_default(state: State) -> Command[str]:
    return Command(goto=TABLE.get(state.get("kind", "")) or "othre")


def by_helper(state: State) -> Command[str]:
    return _hand_to_othre(state)


def _hand_to_othre(state: State) -> Command[str]:
    return Command[str](goto=("othre" if state.get("kind") else "order"))


def by_sends(state: State) -> Command[str]:
    return Command(goto=[Send(node="othre", arg={}), Send("order", {})])


def by_walrus(state: State) -> Command[str]:
    return Command(goto=(target := state.get("kind") or "othre"), update={"kind": target})


def by_local_import(state: State) -> Any:
    from langgraph.types import Command as Go

    return Go(goto="othre")


async def by_async(state: State) -> Command[str]:
    return Command(goto="othre")


def going(to: str) -> Callable[[State], Command[str]]:
    def go(state: State) -> Command[str]:
        return Command(goto=to)

    return go


def by_argument(state: State, *, to: str) -> Command[str]:
    return Command(goto=to)


@pytest.mark.parametrize(
    "node",
    [
        pytest.param(Goes("othre"), id="field"),
        pytest.param(going("othre"), id="closure"),
        pytest.param(partial(by_argument, to="othre"), id="partial"),
        by_table,
        by_index,
        by_enum,
        by_list,
        by_variable,
        by_pair,
        by_local_table,
        by_appending,
        by_choice,
        by_copy,
        by_default,
        by_helper,
        by_sends,
        by_walrus,
        by_local_import,
        by_async,
    ],
    ids=lambda node: node.__name__,
)
def test_a_target_is_read_however_it_is_written(node):
    graph = line("a").add_node("go", node).add_node("order", note("order")).add_edge("a", "go")
    found = [f for f in check(graph) if f.code == "unknown-target"]
    assert [f.node for f in found] == ["go"]
    assert "'othr" in found[0].fault
    graph.add_node("othre", note("othre")).add_node("othr", note("othr"))
    assert not [f for f in check(graph) if f.code == "unknown-target"]


def test_a_target_of_the_parent_is_looked_up_in_the_parent():
    def leave(state: State) -> Command[str]:
        return Command(graph=Command.PARENT, goto="after", update={"log": ["leave"]})

    inner = StateGraph(State).add_node("leave", leave).add_edge(START, "leave")
    assert check(inner) == ()
    graph = line("before").add_node("sub", inner.compile()).add_edge("before", "sub")
    assert graph.compile().invoke({})["log"] == ["before", "leave"]
    assert (only(graph).code, only(graph).node) == ("unknown-target", "sub")
    graph.add_node("after", note("after"))
    assert check(graph) == ()


def test_a_settled_branch_of_a_closure_is_not_read():
    def making(limit: int | None, mode: str) -> Callable[[State], str]:
        def choose(state: State) -> str:
            if limit is not None and len(state["log"]) > limit:
                return "limit"
            if mode == "strict" or limit:
                return "strict"
            if mode is not state and not mode == "strict" and [mode]:  # noqa: SIM201
                return "worker"
            if mode < "a":
                return "worker"
            return "worker"

        return choose

    graph = line("a").add_node("worker", note("worker"))
    graph.add_conditional_edges("a", making(None, "loose"), ["worker"])
    assert check(graph) == ()
    graph = line("a").add_node("worker", note("worker"))
    graph.add_conditional_edges("a", making(3, "loose"), ["worker"])
    assert {f.fault.split("'")[3] for f in check(graph)} == {"limit", "strict"}


@pytest.mark.parametrize(
    "target",
    [
        lambda state: Command(goto=f"{state['kind']}"),
        lambda state: Command(goto=-state["n"]),
        lambda state: Command(goto=NUMBERS),
        lambda state: Command(goto=str(state)),
    ],
    ids=["text", "number", "object", "call"],
)
def test_a_target_that_cannot_be_read_is_not_guessed(target):
    graph = line("a").add_node("go", target).add_node("b", note("b")).add_edge("a", "go")
    assert check(graph) == ()


NUMBERS = object()


# Orphans


def test_a_node_that_nothing_leads_to_compiles_and_is_named():
    graph = line("a", "b").add_node("lost", note("lost")).add_edge("lost", "b")
    assert graph.compile().invoke({})["log"] == ["a", "b"]
    finding = only(graph)
    assert (finding.code, finding.node) == ("orphan-node", "lost")
    assert "'lost'" in finding.remedy


def test_a_cycle_that_nothing_leads_to_is_named_node_by_node():
    graph = line("a").add_node("x", note("x")).add_node("y", note("y"))
    graph.add_edge("x", "y").add_edge("y", "x")
    assert [(f.code, f.node) for f in check(graph)] == [("orphan-node", "x"), ("orphan-node", "y")]


def test_a_join_is_reached_when_all_that_it_waits_for_are():
    graph = graph_of("a", "b", "j").add_edge(START, "a").add_edge(START, "b")
    graph.add_edge(["a", "b"], "j")
    assert check(graph) == ()
    graph = graph_of("a", "b", "j").add_edge(START, "a").add_edge(["a", "b"], "j")
    assert graph.compile().invoke({})["log"] == ["a"]
    assert [(f.code, f.node) for f in check(graph)] == [("orphan-node", "b"), ("orphan-node", "j")]


def rescue(state: State, error: NodeError) -> Command[str]:
    return Command(goto="person")


def test_error_handlers_are_no_orphans_and_lead_to_their_targets():
    graph = StateGraph(State).add_node("a", note("a"), error_handler=rescue)
    graph.add_node("person", note("person")).add_edge(START, "a")
    assert check(graph) == ()
    assert check(graph.compile()) == ()
    wrong = StateGraph(State).add_node("a", note("a"), error_handler=rescue).add_edge(START, "a")
    assert "'person'" in only(wrong).fault


def test_the_default_error_handler_is_seen_before_compile_and_leaves_the_graph_alone():
    graph = line("a").set_node_defaults(error_handler=rescue).add_node("person", note("person"))
    assert check(graph) == ()
    assert sorted(graph.nodes) == ["a", "person"]
    assert not graph.compiled
    assert check(graph.compile()) == ()


def test_a_target_that_is_computed_may_be_any_node():
    def go(state: State) -> Command[str]:
        return Command(goto=state["kind"])

    graph = line("a").add_node("go", go).add_node("b", note("b")).add_edge("a", "go")
    assert graph.compile().invoke({"kind": "b"})["log"] == ["a", "b"]
    assert check(graph) == ()


def unreadable(state: State) -> Any:
    return operator.call(Command, goto="b")


def in_a_variable(state: State):
    found = operator.call(Command, goto="b") if state else None
    return found


async def awaited(state: State) -> Command[str]:
    return await asyncio.to_thread(unreadable, state)


def by_near_helper(state: State) -> Any:
    return unreadable(state)


@pytest.mark.parametrize("node", [unreadable, in_a_variable, awaited, by_near_helper])
async def test_a_command_made_out_of_sight_may_lead_to_any_node(node):
    graph = line("a").add_node("go", node).add_node("b", note("b")).add_edge("a", "go")
    assert (await graph.compile().ainvoke({}))["log"] == ["a", "b"]
    assert check(graph) == ()


def test_an_update_made_out_of_sight_leads_nowhere():
    def update(state: State) -> dict[str, Any]:
        return operator.call(dict, log=["u"])

    graph = line("a").add_node("u", update).add_node("b", note("b")).add_edge("a", "u")
    assert (only(graph).code, only(graph).node) == ("orphan-node", "b")


def test_a_graph_without_a_way_in_is_one_finding():
    graph = graph_of("a", "b").add_edge("a", "b")
    with pytest.raises(ValueError, match="entrypoint"):
        graph.compile()
    assert (only(graph).code, only(graph).node) == ("no-entry", START)


# An edge and a Command


def test_an_edge_and_a_command_are_both_followed_and_named():
    graph = graph_of("b", "c").add_node("a", lambda state: Command(goto="c"))
    graph.add_edge(START, "a").add_edge("a", "b")
    assert graph.compile().invoke({})["log"] == ["b", "c"]
    finding = only(graph)
    assert (finding.code, finding.node) == ("edge-and-command", "a")
    assert "'c' by Command" in finding.fault
    assert "edge to 'b'" in finding.fault


def test_a_command_to_the_end_does_not_stop_an_edge_and_is_named():
    graph = graph_of("b").add_node("a", lambda state: Command(goto=END))
    graph.add_edge(START, "a").add_edge("a", "b")
    assert graph.compile().invoke({})["log"] == ["b"]
    assert "'END'" in only(graph).fault


def test_a_conditional_edge_and_a_command_are_both_followed_and_named():
    graph = graph_of("b", "c").add_node("a", lambda state: Command(goto="c"))
    graph.add_edge(START, "a").add_conditional_edges("a", lambda state: state["kind"], ["b", END])
    assert graph.compile().invoke({"kind": "b"})["log"] == ["b", "c"]
    assert only(graph).code == "edge-and-command"


def test_a_waiting_edge_and_a_command_are_both_followed_and_named():
    graph = graph_of("b", "c", "j").add_node("a", lambda state: Command(goto="c"))
    graph.add_edge(START, "a").add_edge(START, "b").add_edge(["a", "b"], "j")
    assert sorted(graph.compile().invoke({})["log"]) == ["b", "c", "j"]
    assert only(graph).code == "edge-and-command"


def test_a_command_out_of_a_subgraph_and_an_edge_are_both_followed_and_named():
    inner = StateGraph(State).add_node(
        "leave", lambda state: Command(graph=Command.PARENT, goto="c")
    )
    inner.add_edge(START, "leave")
    graph = graph_of("b", "c").add_node("sub", inner.compile())
    graph.add_edge(START, "sub").add_edge("sub", "b")
    assert graph.compile().invoke({})["log"] == ["b", "c"]
    assert (only(graph).code, only(graph).node) == ("edge-and-command", "sub")


def test_a_command_that_only_updates_may_have_an_edge():
    graph = graph_of("b").add_node("a", lambda state: Command(update={"log": ["a"]}))
    graph.add_edge(START, "a").add_edge("a", "b")
    assert graph.compile().invoke({})["log"] == ["a", "b"]
    assert check(graph) == ()


def test_a_command_along_its_own_edge_runs_once():
    graph = graph_of("b").add_node("a", lambda state: Command(goto="b"))
    graph.add_edge(START, "a").add_edge("a", "b")
    assert graph.compile().invoke({})["log"] == ["b"]
    assert check(graph) == ()


# Path functions


def test_a_path_without_map_or_hint_is_not_drawn_and_is_named():
    def choose(state: State) -> str:
        return "b"

    graph = graph_of("a", "b", "c").add_edge(START, "a").add_edge("b", "c")
    graph.add_conditional_edges("a", choose)
    app = graph.compile()
    assert app.invoke({})["log"] == ["a", "b", "c"]
    assert {edge.target for edge in app.get_graph().edges if edge.source == "a"} == {END}
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("blind-path", "a", "warning")
    assert "path_map" in finding.remedy


def test_a_path_with_a_hint_is_right():
    def choose(state: State) -> Literal["b", "__end__"]:
        return "b" if state.get("kind") else "__end__"

    graph = graph_of("a", "b").add_edge(START, "a").add_conditional_edges("a", choose)
    assert check(graph) == ()


def test_two_unnamed_paths_on_one_source_are_refused_by_langgraph_itself():
    graph = line("a", "b").add_conditional_edges("a", lambda state: "b", ["b"])
    with pytest.raises(ValueError, match="already exists"):
        graph.add_conditional_edges("a", lambda state: END, [END])


def test_a_path_that_answers_none_fails_the_run_then_ends_it_and_is_named():
    def choose(state: State) -> Literal["b"] | None:
        if state.get("kind") == "b":
            return "b"

    graph = line("a").add_node("b", note("b")).add_conditional_edges("a", choose, ["b"])
    app, config = graph.compile(InMemorySaver()), {"configurable": {"thread_id": "1"}}
    with pytest.raises(KeyError):
        app.invoke({}, config)
    assert app.invoke(None, config)["log"] == ["a"]
    assert app.get_state(config).next == ()
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("partial-path", "a", "warning")


def bare(state: State) -> Literal["b"] | None:
    if state.get("kind") == "b":
        return "b"
    return


def spelled(state: State) -> Literal["b"] | None:
    return "b" if state.get("kind") == "b" else None


@pytest.mark.parametrize("path", [bare, spelled])
def test_a_path_that_spells_none_is_an_error(path):
    graph = line("a").add_node("b", note("b")).add_conditional_edges("a", path, ["b"])
    assert (only(graph).code, only(graph).level) == ("partial-path", "error")


def total_if(state: State) -> str:
    if state.get("kind"):
        return "b"
    elif state.get("log"):
        raise ValueError("log")
    else:
        return END


def total_try(state: State) -> str:
    try:
        return "b" if state["kind"] else END
    except KeyError:
        return END


def total_finally(state: State) -> str:
    try:
        note("x")
    finally:
        return END  # noqa: B012


def total_match(state: State) -> str:
    match state.get("kind"):
        case "b":
            return "b"
        case _:
            return END


def total_loop(state: State) -> str:
    with open(__file__) as file:
        while True:
            if file.readline():
                return END


def total_never(state: State) -> str:
    if state.get("kind"):
        return "b"
    pytest.exit("never")


@pytest.mark.parametrize(
    "path", [total_if, total_try, total_finally, total_match, total_loop, total_never]
)
def test_a_path_that_always_answers_is_right(path):
    graph = line("a").add_node("b", note("b")).add_conditional_edges("a", path, ["b", END])
    assert check(graph) == ()


def test_none_may_be_in_the_map():
    def choose(state: State) -> str | None:
        return None

    graph = line("a").add_node("b", note("b")).add_conditional_edges("a", choose, {None: "b"})
    assert graph.compile().invoke({})["log"] == ["a", "b"]
    assert check(graph) == ()


# Joins of alternatives


def choose_one(state: State) -> Literal["x", "y"]:
    return "x" if state.get("kind") else "y"


def test_a_join_of_alternatives_never_runs_and_is_named():
    graph = graph_of("a", "x", "y", "j").add_edge(START, "a").add_edge(["x", "y"], "j")
    graph.add_conditional_edges("a", choose_one)
    assert graph.compile().invoke({})["log"] == ["a", "y"]
    finding = only(graph)
    assert (finding.code, finding.node) == ("join-of-alternatives", "j")
    assert "'x' and 'y'" in finding.fault


def test_a_join_of_nodes_that_all_run_is_right():
    def choose_both(state: State) -> list[str]:
        return ["x", "y"]

    graph = graph_of("a", "x", "y", "j").add_edge(START, "a").add_edge(["x", "y"], "j")
    graph.add_conditional_edges("a", choose_both, ["x", "y"])
    assert graph.compile().invoke({})["log"] == ["a", "x", "y", "j"]
    assert check(graph) == ()
    apart = graph_of("a", "x", "y", "j").add_edge(START, "a")
    apart.add_conditional_edges("a", choose_one).add_edge("x", "j").add_edge("y", "j")
    assert apart.compile().invoke({})["log"] == ["a", "y", "j"]
    assert check(apart) == ()
