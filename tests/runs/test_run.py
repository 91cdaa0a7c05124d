"""Test a run as a thing to hold: where it stands, which way it went, and how it goes on."""

from __future__ import annotations

from typing import Any, cast

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt

from quintet.graphs import create_handoff
from quintet.nodes import Recovery, Router, fallback
from quintet.runs import Run, alook, approve, aresume, astart, look, resume, start
from quintet.runs.past import PAGE
from quintet.state import NoSuchRun, RunError, checkpointer
from tests.runs.desks import PAID, Log, asks, desk, large, own, saved, says


def flaky(*problems: Exception, word: str = "ok") -> Any:
    """Make a node that raises these in turn, and then writes a word."""
    left = list(problems)

    def node(state: Log) -> dict[str, Any]:
        if left:
            raise left.pop(0)
        return {"log": [word]}

    return node


def test_a_run_shows_where_it_stands():
    run = start(saved(desk()), large(), thread="t-1")
    assert str(run).splitlines() == [
        "run t-1: waiting",
        "  waits at approve: pay(order=1, amount=500.0): amount 500 is over 100",
        "  path: router -> billing",
        "  route at router: billing, by choose: choose chose it",
    ]
    assert repr(run) == str(run)
    ended = run.answer(approve(by="maria"))
    assert str(ended).splitlines()[:3] == [
        "run t-1: done",
        "  billing met the contract; done: pay:1:500.0",
        "  path: router -> billing -> approve -> act -> finish",
    ]


def test_a_run_does_not_change():
    waits = start(saved(desk()), large(), thread="t")
    ended = waits.answer(approve(by="maria"))
    assert (waits.status, ended.status) == ("waiting", "done")
    assert waits.outcome is None
    assert ended.outcome is not None


def test_its_parts_are_typed_records():
    ended = start(saved(desk()), {"message": "shipping"})
    assert ended.outcome is not None
    assert (ended.outcome.status, ended.outcome.reason) == ("done", "shipping met the contract")
    assert ended.decisions[0].choice == "shipping"
    assert ended.decisions[0].candidates == ("billing", "shipping", "person")


def test_looking_moves_nothing():
    ran: list[str] = []

    def node(state: Log) -> dict[str, Any]:
        ran.append("a")
        return {"log": [interrupt("sure?")]}

    app = saved(own({"a": node}))
    start(app, {"log": []}, thread="t")
    assert [look(app, thread="t").status for _ in range(3)] == ["waiting"] * 3
    assert ran == ["a"]


@pytest.mark.parametrize("move", [look, resume])
def test_a_thread_without_a_run_is_refused_where_langgraph_would_start_one(move: Any):
    app = saved(own({"a": says("a")}))
    app.invoke(Command(resume="yes"), {"configurable": {"thread_id": "0"}})
    with pytest.raises(NoSuchRun, match=r"no run is stored under thread 't'; start\(app"):
        move(app, thread="t")


async def test_the_same_for_async_runs():
    app = saved(own({"a": says("a")}))
    for move in (alook, aresume):
        with pytest.raises(NoSuchRun, match="no run is stored under thread 't'"):
            await move(app, thread="t")
    ended = await astart(app, {"log": []}, thread="t")
    assert await alook(app, thread="t") == ended == await aresume(app, thread="t")


def test_a_finished_run_is_returned_and_nothing_runs_again():
    app = saved(desk())
    ended = start(app, large(amount=50.0), thread="t")
    again = resume(app, thread="t")
    assert (again.status, again.path, PAID) == ("done", ended.path, [(1, 50.0)])


def test_a_waiting_run_is_not_resumed_since_langgraph_would_answer_the_next_question():
    app = saved(own({"a": asks("first"), "b": asks("second")}))
    bare: Any = {"configurable": {"thread_id": "0"}}

    def both(state: Log) -> dict[str, Any]:
        return {"log": [interrupt("first"), interrupt("second")]}

    for saver, ends in ((InMemorySaver(), True), (checkpointer("memory://"), False)):
        two = own({"a": both}).compile(checkpointer=saver)
        two.invoke({"log": []}, bare)
        two.invoke(Command(resume="A"), bare)
        again = two.invoke(None, bare)
        assert (again["log"] == ["A", "A"], "__interrupt__" in again) == (ends, not ends)
    start(app, {"log": []}, thread="t")
    with pytest.raises(RunError, match=r"'t' waits for an answer at a; look\(app, thread"):
        resume(app, thread="t")


def test_a_run_that_failed_goes_on_where_it_stopped():
    app = saved(own({"a": says("a"), "b": flaky(RuntimeError("down")), "c": says("c")}))
    with pytest.raises(RuntimeError, match="down"):
        start(app, {"log": []}, thread="t")
    stopped = look(app, thread="t")
    assert (stopped.status, stopped.path, stopped.finished) == ("unfinished", ("a", "b"), False)
    ended = resume(app, thread="t")
    assert (ended.status, ended.values["log"]) == ("done", ["a", "ok", "c"])
    assert ended.path == ("a", "b", "c")


def test_a_run_stopped_by_a_breakpoint_goes_on():
    app = saved(own({"a": says("a"), "b": says("b")}), interrupt_before=["b"])
    stopped = start(app, {"log": []}, thread="t")
    assert (stopped.status, stopped.waiting, stopped.path) == ("unfinished", (), ("a",))
    assert resume(app, thread="t").values["log"] == ["a", "b"]


def failing_path(state: Log) -> str:
    raise KeyError("path")


def forked(**nodes: Any) -> StateGraph[Any]:
    """Build node `a`, left by a path function that fails, with what runs beside it."""
    graph = own(nodes, [(START, name) for name in nodes if name != "z"])
    return graph.add_conditional_edges("a", failing_path, ["z"])


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_a_failed_path_function_is_refused_where_langgraph_would_skip_the_rest(way: str):
    app = saved(forked(a=says("a"), z=says("z")))
    bare: Any = {"configurable": {"thread_id": "0"}}
    with pytest.raises(KeyError):
        app.invoke({"log": []}, bare)
    assert app.invoke(None, bare)["log"] == ["a"]
    assert app.get_state(bare).next == ()
    with pytest.raises(KeyError):
        await astart(app, {"log": []}, thread="t")
    refused = pytest.raises(RunError, match="'t' failed when it left a: resuming would end it")
    if way == "async":
        with refused:
            await aresume(app, thread="t")
    else:
        with refused:
            resume(app, thread="t")
    assert look(app, thread="t").status == "unfinished"


def test_a_failed_path_function_is_refused_beside_another_node_that_failed():
    app = saved(forked(a=says("a"), b=flaky(RuntimeError("down")), z=says("z")))
    with pytest.raises((KeyError, RuntimeError)):
        start(app, {"log": []}, thread="t")
    with pytest.raises(RunError, match="'t' failed when it left a"):
        resume(app, thread="t")


_INJECTED = cast(NodeError, None)


def to_end(state: Log, error: NodeError = _INJECTED) -> Command[str]:
    return Command(goto=END, update={"log": [f"mended {error.node}"]})


def test_a_path_function_that_fails_goes_to_its_nodes_error_handler():
    graph = own({"z": says("z")}, [("z", END)])
    graph.add_node("a", says("a"), error_handler=to_end).add_edge(START, "a")
    graph.add_conditional_edges("a", failing_path, ["z"])
    ended = start(saved(graph), {"log": []})
    assert (ended.status, ended.values["log"]) == ("done", ["a", "mended a"])


def test_the_path_has_nodes_that_write_nothing():
    nodes = {
        "a": lambda state: None,
        "b": lambda state: {},
        "c": lambda state: Command(goto="d"),
        "d": says("d"),
    }
    app = saved(own(nodes, [(START, "a"), ("a", "b"), ("b", "c")]))
    assert start(app, {"log": []}).path == ("a", "b", "c", "d")


def test_the_path_has_branches_in_order_of_their_supersteps():
    edges = [(START, "b"), (START, "a"), ("a", "c"), (["b", "c"], "d")]
    nodes = {name: says(name) for name in ("d", "c", "b", "a")}
    assert start(saved(own(nodes, edges)), {"log": []}).path == ("a", "b", "c", "d")


def test_the_path_has_what_was_sent_once_for_each_time():
    graph = own({"a": says("a"), "b": says("b"), "c": says("c")}, [(START, "a")])
    graph.add_conditional_edges("a", lambda state: [Send("b", {}), "c", Send("b", {})], ["b", "c"])
    assert start(saved(graph), {"log": []}).path == ("a", "b", "b", "c")


def test_the_path_has_loops():
    def again(state: Log) -> str:
        return END if len(state["log"]) > 2 else "a"

    graph = own({"a": says("a")}).add_conditional_edges("a", again, ["a", END])
    assert start(saved(graph), {"log": []}).path == ("a", "a", "a")


def test_the_path_has_the_node_that_failed_and_not_its_handler():
    def broken(request: Any) -> Any:
        raise KeyError("gone")

    def fine(state: Any) -> dict[str, Any]:
        return {"results": {"b": 1}}

    graph = create_handoff(
        Router(choose=lambda text: "a", to=("a",), otherwise="person"),
        {"a": broken, "b": fine},
        recover=Recovery(permanent=fallback("b")),
    )
    assert start(saved(graph), {"message": "x"}).path == ("router", "a", "b", "finish")


def test_the_path_has_a_graph_within_as_one_node():
    graph = own({"before": says("before")})
    graph.add_node("inner", own({"x": says("x"), "y": says("y")}).compile())
    graph.add_edge("before", "inner")
    assert start(saved(graph), {"log": []}).path == ("before", "inner")


def test_the_path_of_a_waiting_run_has_what_is_done():
    edges = [(START, "a"), (START, "ask"), (["a", "ask"], "z")]
    app = saved(own({"a": says("a"), "ask": asks("sure?"), "z": says("z")}, edges))
    waits = start(app, {"log": []})
    assert (waits.path, [item.node for item in waits.waiting]) == (("a",), ["ask"])
    assert waits.answer("yes").path == ("a", "ask", "z")


def test_a_cut_off_superstep_shows_what_its_finished_branch_wrote():
    edges = [(START, "a"), (START, "b")]
    app = saved(own({"a": says("a"), "b": flaky(RuntimeError("down"))}, edges))
    with pytest.raises(RuntimeError):
        start(app, {"log": []}, thread="t")
    assert look(app, thread="t").values["log"] == ["a"]


def test_runs_of_several_threads_stand_apart():
    app = saved(desk())
    runs = [start(app, large(order=number), thread=f"t{number}") for number in range(3)]
    assert runs[1].answer(approve(by="maria")).status == "done"
    assert [look(app, thread=run.thread).status for run in runs] == ["waiting", "done", "waiting"]


def test_a_run_is_found_again_by_another_process(tmp_path: Any):
    url = f"sqlite:///{tmp_path / 'runs.db'}"
    with checkpointer(url) as saver:
        first: Run = start(desk().compile(checkpointer=saver), large(), thread="t")
    with checkpointer(url) as saver:
        found = look(desk().compile(checkpointer=saver), thread="t")
        assert found.waiting == first.waiting
        assert found.answer(approve(by="maria")).status == "done"
    assert PAID == [(1, 500.0)]


class Counting(InMemorySaver):
    """Note the checkpoints that the saver is asked to give."""

    def __init__(self, given: list[str]) -> None:
        super().__init__()
        self.given = given

    def list(self, *args: Any, **options: Any) -> Any:
        for item in super().list(*args, **options):
            self.given.append(item.checkpoint["id"])
            yield item


def test_a_run_costs_the_same_on_a_long_thread_as_on_a_short_one():
    given: list[str] = []  # LangGraph copies the saver, and not this
    app = own({"a": says("a"), "b": says("b")}).compile(checkpointer=Counting(given))
    costs = []
    for _ in range(20):
        given.clear()
        assert start(app, {"log": []}, thread="t").path == ("a", "b")
        costs.append(len(given))
    assert costs[-1] == costs[10] <= PAGE


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_the_path_of_a_long_run_is_whole(way: str):
    names = [f"n{number:02}" for number in range(70)]
    app = saved(own({name: says(name) for name in names}))
    for _ in range(2):
        if way == "sync":
            ended = start(app, {"log": []}, thread="t", config={"recursion_limit": 99})
        else:
            ended = await astart(app, {"log": []}, thread="t", config={"recursion_limit": 99})
        assert ended.path == tuple(names)


def test_a_state_that_was_written_without_any_input_has_no_path():
    app = saved(own({"a": says("a")}))
    app.update_state({"configurable": {"thread_id": "t"}}, {"log": ["x"]}, as_node="a")
    shown = look(app, thread="t")
    assert (shown.path, shown.values["log"]) == ((), ["x"])
