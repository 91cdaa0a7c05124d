"""Test runs read back from their checkpoints without their graph: the same as with it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send

from quintet.graphs import create_handoff
from quintet.nodes import Planner, Router, fallback
from quintet.nodes import Recovery as Policy
from quintet.runs import Run, approve, look, reject, start, stored_run, stored_runs
from quintet.runs.stored import StoredRun
from quintet.state import NoSuchRun, OrchestrationState, Step, checkpointer
from tests.runs.desks import Log, asks, desk, large, own, says


def broken(state: Any) -> Any:
    # LangGraph drops what a sibling writes after a failure, and a store does not say whose task it
    # was: on a busy machine the siblings need a moment.
    time.sleep(0.05)
    raise KeyError("down")


def failing_path(state: Any) -> str:
    raise KeyError("path")


def line() -> StateGraph[Any]:
    nodes = {"a": lambda state: None, "b": lambda state: {}, "c": says("c")}
    return own(nodes)


def branches(**more: Any) -> StateGraph[Any]:
    nodes = {"b": says("b"), "a": says("a"), "z": says("z"), **more}
    starts = [(START, name) for name in nodes if name != "z"]
    return own(nodes, [*starts, ([name for name in nodes if name != "z"], "z")])


def sending() -> StateGraph[Any]:
    graph = own({"a": says("a"), "b": says("b"), "c": says("c")}, [(START, "a")])
    return graph.add_conditional_edges(
        "a", lambda state: [Send("b", {}), "c", Send("b", {})], ["b", "c"]
    )


def commanding() -> StateGraph[Any]:
    def node(state: Log) -> Command[str]:
        return Command(goto="a" if len(state["log"]) < 3 else END, update={"log": ["a"]})

    return own({"a": node})


def deferring() -> StateGraph[Any]:
    graph = own({"a": says("a"), "b": says("b"), "c": says("c")}, [(START, "a"), (START, "b")])
    graph.add_node("z", says("z"), defer=True)
    return graph.add_edge("b", "c").add_edge("c", "z").add_edge("a", "z")


def path_fails() -> StateGraph[Any]:
    return own({"a": says("a"), "z": says("z")}, [(START, "a")]).add_conditional_edges(
        "a", failing_path, ["z"]
    )


def nested() -> StateGraph[Any]:
    graph = own({"a": says("a")})
    graph.add_node("desk", own({"x": asks("sure?")}).compile())
    return graph.add_edge("a", "desk")


def recovered() -> StateGraph[Any]:
    return create_handoff(
        Router(choose=lambda text: "a", to=("a",), otherwise="person"),
        {"a": broken, "b": lambda state: {"results": {"b": 1}}},
        recover=Policy(permanent=fallback("b")),
    )


def planned() -> StateGraph[Any]:
    def work(state: Any) -> dict[str, Any]:
        return {"results": {state["step"]["id"]: 1}}

    steps = [Step(id=name, goal=name, assignee=name[0]) for name in ("b1", "a1", "a2")]
    return create_handoff(
        Router(choose=lambda text: "plan", to=("plan",), otherwise="person"),
        {"a": work, "b": work, "plan": Planner(make=lambda goal: steps, assignees=("a", "b"))},
    )


def fragment() -> StateGraph[Any]:
    graph = StateGraph(OrchestrationState)
    graph.add_node("router", Router(choose=lambda text: "a", to=("a",), otherwise="a"))
    graph.add_node("a", lambda state: {"results": {"a": 1}})
    return graph.add_edge(START, "router")


LOG: dict[str, Any] = {"log": []}
MESSAGE = {"message": "x"}

GRAPHS: dict[str, tuple[Callable[[], StateGraph[Any]], dict[str, Any], list[Any]]] = {
    "a line of nodes that write nothing": (line, LOG, []),
    "branches that join": (branches, LOG, []),
    "what was sent": (sending, LOG, []),
    "a loop by Command": (commanding, LOG, []),
    "a deferred join": (deferring, LOG, []),
    "an open question": (lambda: branches(ask=asks("sure?")), LOG, []),
    "an answered question": (lambda: branches(ask=asks("sure?")), LOG, ["yes"]),
    "two open questions": (lambda: branches(m=asks("m"), c=asks("c")), LOG, []),
    "one of two answered": (lambda: branches(m=asks("m"), c=asks("c")), LOG, ["yes"]),
    "both answered": (lambda: branches(m=asks("m"), c=asks("c")), LOG, ["yes", "no"]),
    "a question in a graph within": (nested, LOG, []),
    "an answer in a graph within": (nested, LOG, ["yes"]),
    "a failure": (lambda: own({"a": says("a"), "b": broken, "c": says("c")}), LOG, []),
    "a failure beside a success": (lambda: branches(bad=broken), LOG, []),
    "a failure beside a question": (lambda: branches(bad=broken, ask=asks("?")), LOG, []),
    "a failed path function": (path_fails, LOG, []),
    "a desk that is done": (desk, {"message": "shipping"}, []),
    "a desk that escalates": (desk, {"message": "what?"}, []),
    "a desk that waits": (desk, large(), []),
    "a desk with a yes": (desk, large(), [approve(by="maria")]),
    "a desk with a no": (desk, large(), [reject(by="maria")]),
    "a fallback": (recovered, MESSAGE, []),
    "a plan": (planned, MESSAGE, []),
    "decisions without an outcome": (fragment, MESSAGE, []),
}


def same(found: StoredRun, run: Run, *, ordered: bool = True) -> None:
    """Assert that both say the same of a run."""
    assert found.thread == run.thread
    assert found.status == run.status
    assert sorted(found.path) == sorted(run.path)
    assert not ordered or found.path == run.path
    assert found.decisions == run.decisions
    assert sorted(map(repr, found.waiting)) == sorted(repr(item.packet) for item in run.waiting)
    if run.outcome is not None:
        assert found.reason == run.outcome.reason
    if run.finished:
        assert written(found.values) == written(run.values)


def written(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that were written; LangGraph makes up empty ones for the others."""
    return {key: value for key, value in values.items() if value not in ([], {}, None, "", 0)}


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("name", GRAPHS)
def test_a_stored_run_reads_as_the_run_itself(name: str, kind: str, tmp_path: Any):
    make, given, answers = GRAPHS[name]
    url = "memory://" if kind == "memory" else f"sqlite:///{tmp_path / 'runs.db'}"
    with checkpointer(url) as saver:
        app = make().compile(checkpointer=saver)
        with suppress(KeyError):
            start(app, given, thread="t")
        for answer in answers:
            run = look(app, thread="t")
            run.answer(answer, to=run.waiting[0].id)
        same(stored_run(saver, "t"), look(app, thread="t"))
        [listed] = stored_runs(saver)
        assert (listed.status, listed.path) == (look(app, thread="t").status, ())


@pytest.mark.parametrize("name", ["a desk that waits", "a plan", "branches that join"])
def test_a_second_run_on_a_thread_is_read_from_where_it_began(name: str):
    make, given, _ = GRAPHS[name]
    with checkpointer("memory://") as saver:
        app = make().compile(checkpointer=saver)
        run = start(app, given, thread="t")
        for _ in range(2):
            if run.waiting:
                run = run.answer(reject(by="maria"))
            run = start(app, given, thread="t")
            same(stored_run(saver, "t"), run)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 6))
def test_any_graph_reads_the_same_stored_and_held(seed: int, size: int):
    chance = random.Random(seed)
    with checkpointer("memory://") as saver:
        app = random_graph(chance, size).compile(checkpointer=saver)
        with suppress(KeyError):
            start(app, {"log": []}, thread="t")
        for _ in range(12):
            found, run = settled(app, saver)
            # Of a node that both an edge and a Send set going, only one may have an open question.
            same(found, run, ordered=not run.waiting)
            if not run.waiting:
                break
            with suppress(KeyError):
                run.answer("yes", to=chance.choice(run.waiting).id)


def settled(app: Any, saver: Any) -> tuple[StoredRun, Run]:
    """Return both readings of a run, once nothing is written to it any more.

    Where a node has failed, one beside it may still be at work in its thread.
    """
    while True:
        before, found, run = look(app, thread="t"), stored_run(saver, "t"), look(app, thread="t")
        if (before.path, before.values) == (run.path, run.values):
            return found, run


def random_graph(chance: random.Random, size: int) -> StateGraph[Any]:
    """Draw nodes that write, send, jump, ask or fail, joined at random, always forward."""
    names = [f"n{place}" for place in range(size)]
    graph: StateGraph[Any] = StateGraph(Log)
    for place, name in enumerate(names):
        later = names[place + 1 :]
        to = chance.sample(later, chance.randint(0, min(2, len(later))))
        kinds = {
            "write": says(name),
            "none": lambda state: None,
            "ask": asks(name),
            "fail": broken,
            "send": says(name),
            "jump": _jumps(to),
        }
        [kind] = chance.choices(list(kinds), weights=[3, 1, 2, 0.5, 1, 1])
        graph.add_node(name, kinds[kind], defer=chance.random() < 0.2)
        if kind == "send" and to:
            graph.add_conditional_edges(name, _sends(to), to)
        elif kind != "jump":
            for target in to:
                graph.add_edge(name, target)
    for name in chance.sample(names, chance.randint(1, size)):
        graph.add_edge(START, name)
    return graph


def _jumps(to: list[str]) -> Any:
    return lambda state: Command(goto=to, update={"log": ["jump"]})


def _sends(to: list[str]) -> Any:
    return lambda state: [Send(name, {}) for name in to]


def test_an_unknown_thread_is_refused():
    with pytest.raises(NoSuchRun, match="no run is stored under thread 'nowhere'"):
        stored_run(InMemorySaver(), "nowhere")


def test_runs_are_listed_the_newest_first(tmp_path: Any):
    with checkpointer(f"sqlite:///{tmp_path / 'runs.db'}") as saver:
        assert stored_runs(saver) == []
        app = desk().compile(checkpointer=saver)
        for number in range(3):
            start(app, {"message": "shipping"}, thread=f"t{number}")
        waits = start(app, large(), thread="t3")
        start(app, {"message": "what?"}, thread="t1")
        found = stored_runs(saver)
    assert [run.thread for run in found] == ["t1", "t3", "t2", "t0"]
    assert [run.status for run in found] == ["escalated", "waiting", "done", "done"]
    assert found[1].reason == "pay: amount 500 is over 100"
    assert found[1].waiting[0] == waits.waiting[0].packet
    assert found == sorted(found, key=lambda run: run.updated, reverse=True)


def test_savers_of_langgraph_are_read_too(tmp_path: Any):
    with SqliteSaver.from_conn_string(str(tmp_path / "own.db")) as sqlite:
        for saver in (sqlite, InMemorySaver()):
            app = desk().compile(checkpointer=saver)
            run = start(app, large(), thread="t")
            same(stored_run(saver, "t"), run)
            ended = run.answer(approve(by="maria"))
            same(stored_run(saver, "t"), ended)
            assert [item.thread for item in stored_runs(saver)] == ["t"]


def test_graphs_within_are_not_listed_as_runs():
    with checkpointer("memory://") as saver:
        app = nested().compile(checkpointer=saver)
        start(app, {"log": []}, thread="t")
        [found] = stored_runs(saver)
        assert (found.thread, found.waiting) == ("t", ("sure?",))
        assert stored_run(saver, "t").path == ("a",)
