"""Test the deadline of a whole run: stored, checked before what begins, and what it leaves out."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from quintet.graphs import begin, create_handoff, create_sequential, create_single_agent
from quintet.nodes import (
    ApprovalGate,
    Finish,
    Planner,
    Recovery,
    Router,
    Worker,
    always,
    effect,
    fallback,
)
from quintet.runs import approve, look, resume, start, stream
from quintet.state import Contract, DesignError, OrchestrationState, Step, checkpointer
from quintet.state.clock import told_by
from quintet.testing import ScriptedModel
from tests.clocks import Still
from tests.services import postgres_schema


@pytest.fixture
def clock() -> Iterator[Still]:
    clock = Still()
    with told_by(clock):
        yield clock


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "postgres":
        with postgres_schema() as url, checkpointer(url) as saver:
            yield saver
        return
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/runs.db"
    with checkpointer(url) as saver:
        yield saver


def worker(agent: Any, **more: Any) -> Worker:
    contract = Contract(goal="g", needs=("message",), **more)
    return Worker(agent=agent, contract=contract)


def takes(clock: Still, seconds: float, calls: list[str], name: str) -> Worker:
    def agent(request: Any) -> str:
        calls.append(name)
        clock.at += seconds
        return "ok"

    return worker(agent)


GIVEN = {"message": "m"}


def test_after_it_no_agent_begins_and_the_run_is_exhausted(saver: Any, clock: Still) -> None:
    calls: list[str] = []
    nodes = {name: takes(clock, 200, calls, name) for name in "abcd"}
    app = create_sequential(nodes).compile(checkpointer=saver)
    run = start(app, GIVEN, thread="t", deadline="10m")
    assert calls == ["a", "b", "c"]
    assert run.status == "exhausted"
    assert run.outcome is not None
    assert run.outcome.reason == (
        "d: deadline reached: the run may take 600 s and has taken 600 s; "
        "a model or an agent is not begun"
    )
    calls.clear()
    # The thread's next run has one of its own, or none.
    assert start(app, GIVEN, thread="t").status == "done"
    assert calls == ["a", "b", "c", "d"]


def test_no_remedy_goes_on_after_it(saver: Any, clock: Still) -> None:
    def late(request: Any) -> str:
        clock.at += 100
        raise ConnectionError("down")

    calls: list[str] = []
    router = Router(choose=lambda text: "work", to=("work",), otherwise="person")
    workers = {"work": worker(late), "basic": takes(clock, 0, calls, "basic")}
    policy = Recovery(transient=fallback("basic"), permanent=fallback("basic"))
    app = create_handoff(router, workers, recover=policy, deadline=60).compile(checkpointer=saver)
    run = start(app, GIVEN, thread="t")
    assert (calls, run.status) == ([], "exhausted")
    assert run.outcome is not None
    assert "deadline reached: the run may take 60 s and has taken 100 s" in run.outcome.reason
    (failure,) = run.values["failures"]
    assert [cause["error"] for cause in failure["causes"]] == ["ConnectionError"]


def test_the_tighter_of_the_runs_and_the_graphs_own_holds(saver: Any, clock: Still) -> None:
    for given, own, reached in ((50, "1m", 50), ("2m", 60, 60), (None, "1m", 60), (70, None, 70)):
        nodes = {name: takes(clock, 40, [], name) for name in "abc"}
        app = create_sequential(nodes, deadline=own).compile(checkpointer=saver)
        run = start(app, GIVEN, thread=f"{given} {own}", deadline=given)
        assert run.status == "exhausted"
        assert f"may take {reached} s" in str(run.outcome)


def test_the_time_that_it_waits_for_a_person_does_not_count(saver: Any, clock: Still) -> None:
    def send(order: int) -> str:
        clock.at += 20
        return "sent"

    sending = effect(send, key="send:{order}")

    def agent(request: Any, tools: Any) -> str:
        clock.at += 20
        return str(tools.send(order=1))

    app = create_single_agent(
        worker(agent, tools=(sending,)), gate=ApprovalGate(when=always, approvers=("maria",))
    ).compile(checkpointer=saver)
    run = start(app, GIVEN, thread="t", deadline=60)
    clock.at += 86_400
    assert look(app, thread="t").waiting
    assert run.answer(approve(by="maria")).status == "done"


def test_an_action_that_was_approved_is_not_begun_after_it(saver: Any, clock: Still) -> None:
    sent: list[int] = []

    def send(order: int) -> str:
        sent.append(order)
        return "sent"

    def agent(request: Any, tools: Any) -> str:
        clock.at += 100  # the last call that may begin; the approval comes too late
        return str(tools.send(order=1))

    app = create_single_agent(
        worker(agent, tools=(effect(send, key="send:{order}"),)),
        gate=ApprovalGate(when=always, approvers=("maria",)),
    ).compile(checkpointer=saver)
    run = start(app, GIVEN, thread="t", deadline=60)
    assert run.waiting
    run = run.answer(approve(by="maria"))
    assert (run.status, sent) == ("exhausted", [])


class Ended(BaseException):
    """Stands for the end of a process: nothing of ours catches it."""


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_time_that_it_lies_broken_off_does(
    saver: Any, clock: Still, asynchronous: bool
) -> None:
    calls: list[str] = []

    def agent(request: Any) -> str:
        calls.append("work")
        if len(calls) == 1:
            raise Ended
        return "ok"

    nodes = {"first": takes(clock, 10, [], "first"), "work": worker(agent)}
    app = create_sequential(nodes).compile(checkpointer=saver)
    with pytest.raises(Ended):
        start(app, GIVEN, thread="t", deadline=60)
    clock.at += 45

    if asynchronous:
        from quintet.runs import aresume

        run = asyncio.run(aresume(app, thread="t"))
    else:
        run = resume(app, thread="t")
    assert run.status == "done"

    calls.clear()
    with pytest.raises(Ended):
        start(app, GIVEN, thread="t", deadline=60)
    clock.at += 51
    run = resume(app, thread="t")
    assert (run.status, calls) == ("exhausted", ["work"])


def test_a_run_that_was_cut_off_before_its_first_node_keeps_it(saver: Any, clock: Still) -> None:
    calls: list[int] = []

    def choose(text: str) -> str:
        calls.append(1)
        if len(calls) == 1:
            raise Ended
        return "work"

    router = Router(choose=choose, to=("work",), otherwise="person")
    app = create_handoff(router, {"work": takes(clock, 0, [], "work")}).compile(checkpointer=saver)
    with pytest.raises(Ended):
        start(app, GIVEN, thread="t", deadline=60)
    clock.at += 61
    assert resume(app, thread="t").status == "exhausted"


def test_it_holds_for_graphs_within_nodes_and_for_steps_that_are_sent(
    saver: Any, clock: Still
) -> None:
    calls: list[str] = []
    inner = create_sequential({n: takes(clock, 40, calls, n) for n in "ab"}).compile()
    as_agent = create_single_agent(worker(inner)).compile(checkpointer=saver)
    assert start(as_agent, GIVEN, thread="agent", deadline=30).status == "exhausted"
    assert calls == ["a"]
    calls.clear()
    graph = StateGraph(OrchestrationState)
    graph.add_node("inner", inner)
    graph.add_node("finish", Finish())
    path = begin("inner", deadline="30s")
    graph.add_conditional_edges(START, path, path.targets)
    graph.add_edge("inner", "finish")
    graph.add_edge("finish", END)
    run = graph.compile(checkpointer=saver).invoke(GIVEN, {"configurable": {"thread_id": "node"}})
    assert calls == ["a"]
    assert run["outcome"]["status"] == "exhausted"


def test_a_plan_ends_with_it_and_is_not_made_anew(saver: Any, clock: Still) -> None:
    steps = [
        Step(id=n, goal=n, assignee="do", after=a) for n, a in (("one", ()), ("two", ("one",)))
    ]
    made: list[str] = []

    def make(goal: str) -> list[Step]:
        made.append(goal)
        return steps

    calls: list[str] = []
    workers = {
        "plan": Planner(make=make, assignees=("do",)),
        "do": takes(clock, 100, calls, "do"),
    }
    router = Router(choose=lambda text: "plan", to=("plan",), otherwise="person")
    app = create_handoff(router, workers, deadline=60).compile(checkpointer=saver)
    run = start(app, GIVEN, thread="t")
    assert (calls, len(made), run.status) == (["do"], 1, "exhausted")
    assert "deadline reached" in str(run.outcome)


def test_a_loop_of_routers_without_an_agent_ends(saver: Any, clock: Still) -> None:
    def slow(text: str) -> str:
        clock.at += 100
        return "again"

    router = Router(choose=slow, to=("again",), otherwise="person")
    app = create_handoff(router, {"again": Router(choose=slow, to=("router",), otherwise="person")})
    run = start(app.compile(checkpointer=saver), GIVEN, thread="t", deadline=60)
    assert (run.status, run.path) == ("exhausted", ("router", "again", "person"))


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_agent_under_way_is_cut_off_at_it(asynchronous: bool) -> None:
    def sleepy(request: Any) -> str:
        time.sleep(3)
        return "late"

    async def asleep(request: Any) -> str:
        await asyncio.sleep(3)
        return "late"

    with checkpointer("memory://") as saver:
        agent = asleep if asynchronous else sleepy
        app = create_single_agent(worker(agent)).compile(checkpointer=saver)
        began = time.monotonic()
        if asynchronous:
            from quintet.runs import astart

            run = asyncio.run(astart(app, GIVEN, thread="t", deadline=0.3))
        else:
            run = start(app, GIVEN, thread="t", deadline=0.3)
        assert time.monotonic() - began < 1.5
    assert run.status == "exhausted"
    assert "deadline reached" in str(run.outcome)


def test_a_chat_model_is_not_called_after_it(clock: Still) -> None:
    def slow() -> str:
        """Look."""
        clock.at += 100
        return "found"

    call: Any = {"name": "slow", "args": {}, "id": "1", "type": "tool_call"}
    model = ScriptedModel([AIMessage("", tool_calls=[call]), AIMessage("never asked for")])
    with checkpointer("memory://") as saver:
        app = create_single_agent(worker(model, tools=(slow,))).compile(checkpointer=saver)
        run = start(app, GIVEN, thread="t", deadline=60)
    assert (run.status, len(model.calls)) == ("exhausted", 1)


def test_it_needs_no_checkpointer_and_is_streamed(clock: Still) -> None:
    nodes = {name: takes(clock, 40, [], name) for name in "abc"}
    app = create_sequential(nodes).compile()
    assert start(app, GIVEN, deadline=50).status == "exhausted"
    *_, run = stream(app, GIVEN, deadline=50)
    assert run.status == "exhausted"


def test_a_graph_that_cannot_keep_it_and_a_wrong_one_are_refused() -> None:
    class Plain(TypedDict):
        message: str

    graph = StateGraph(Plain).add_node("a", lambda state: {}).add_edge(START, "a").compile()
    with pytest.raises(DesignError, match="nothing in this graph's state would keep it"):
        start(graph, GIVEN, deadline=5)
    app = create_single_agent(worker(lambda request: "ok")).compile()
    for wrong in (0, -1, "soon"):
        with pytest.raises(DesignError):
            start(app, GIVEN, deadline=wrong)
        with pytest.raises(DesignError):
            begin("a", deadline=wrong)


def test_whoever_looks_at_the_run_meanwhile_changes_nothing(saver: Any, clock: Still) -> None:
    def send(order: int) -> str:
        return "sent"

    def agent(request: Any, tools: Any) -> str:
        return str(tools.send(order=1))

    def looks(request: Any) -> str:
        # Older checkpoints have older clocks, and this one no question any more.
        thread = threading.Thread(target=lambda: look(app, thread="t"))
        thread.start()
        thread.join()
        list(app.get_state_history({"configurable": {"thread_id": "t"}}))
        clock.at += 10
        return "ok"

    nodes = {
        "propose": worker(agent, tools=(effect(send, key="send:{order}"),)),
        "looks": worker(looks),
        "more": worker(looks),
    }
    gate = ApprovalGate(when=always, approvers=("maria",))
    graph = create_sequential(nodes, gate=gate)
    app = graph.compile(checkpointer=saver, interrupt_before=["looks"])
    run = start(app, GIVEN, thread="t", deadline=15).answer(approve(by="maria"))
    clock.at += 1000  # broken off, and so it counts
    assert resume(app, thread="t").status == "exhausted"
    app = graph.compile(checkpointer=saver)
    run = start(app, GIVEN, thread="u", deadline=25)
    assert run.waiting
    clock.at += 1000
    assert run.answer(approve(by="maria")).status == "done"


def test_a_graph_without_runs_has_no_deadline_of_one_before_it(clock: Still) -> None:
    class Plain(TypedDict, total=False):
        message: str
        results: dict[str, Any]

    calls: list[str] = []
    node = takes(clock, 0, calls, "plain")
    plain = StateGraph(Plain).add_node("a", node).add_edge(START, "a").compile()
    late = create_single_agent(takes(clock, 100, [], "late")).compile()
    assert start(late, GIVEN, deadline=10).finished
    plain.invoke({"message": "m"})
    assert calls == ["plain"]


def test_without_one_nothing_of_it_is_stored() -> None:
    with checkpointer("memory://") as saver:
        app = create_single_agent(worker(lambda request: "ok")).compile(checkpointer=saver)
        start(app, GIVEN, thread="t")
        stored = saver.get_tuple({"configurable": {"thread_id": "t"}})
        assert stored is not None
        assert set(stored.checkpoint["channel_values"]["run"]) == {"id", "ended", "edged"}
