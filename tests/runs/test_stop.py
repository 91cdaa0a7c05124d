"""Test the kill switch: nothing of a stopped effect, graph, tenant or thread begins."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quintet.nodes import Undo, classify, effect
from quintet.runs import (
    approve,
    astart,
    look,
    release,
    resume,
    start,
    stop,
    stops,
    stream,
)
from quintet.state import DesignError, RunError, Stopped, checkpointer
from quintet.state.clock import told_by
from tests.clocks import Still
from tests.runs.desks import PAID, desk, pay
from tests.services import postgres_schema

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"message": "billing", "order": 1, "amount": 5.0}
LARGE = {"message": "billing", "order": 1, "amount": 500.0}
WHY = {"by": "maria", "why": "they are paid twice"}


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "postgres":
        with postgres_schema() as url, checkpointer(url) as saver:
            yield saver
        return
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/runs.db"
    with checkpointer(url) as saver:
        yield saver


def app_of(saver: Any) -> Any:
    return desk().compile(checkpointer=saver, name="support")


THINGS: list[dict[str, Any]] = [{"graph": "support"}, {"thread": "t"}, {"tenant": "acme"}]
CONFIG: Any = {"configurable": {"tenant": "acme"}}


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: next(iter(thing)))
def test_nothing_of_a_stopped_thing_is_started_resumed_or_answered(saver: Any, thing: Any) -> None:
    app = app_of(saver)
    waiting = start(app, LARGE, thread="t", config=CONFIG)
    stop(saver, **thing, **WHY)
    said = r"is not begun: maria has stopped (graph|thread|tenant) .* \(they are paid twice\)"
    with pytest.raises(Stopped, match=said):
        waiting.answer(approve(by="maria"))
    with pytest.raises(Stopped, match=said):
        resume(app, thread="t", config=CONFIG)
    with pytest.raises(Stopped, match=said):
        start(app, SMALL, thread="t", config=CONFIG, withdraw=True)
    with pytest.raises(Stopped, match=said):
        list(stream(app, SMALL, thread="t", config=CONFIG, withdraw=True))
    with pytest.raises(Stopped, match=said):
        asyncio.run(astart(app, SMALL, thread="t", config=CONFIG, withdraw=True))
    assert PAID == []
    assert look(app, thread="t").waiting  # the question stays open
    release(saver, **thing, by="tom")
    assert waiting.answer(approve(by="maria")).status == "done"
    assert PAID == [(1, 500.0)]


def test_others_go_on(saver: Any) -> None:
    app = app_of(saver)
    for thing in ({"graph": "sales"}, {"thread": "u"}, {"tenant": "other"}, {"effect": "ship"}):
        stop(saver, **thing, **WHY)
    assert start(app, SMALL, thread="t", config=CONFIG).status == "done"


def test_a_stopped_effect_is_refused_and_a_person_takes_over(saver: Any) -> None:
    app = app_of(saver)
    stop(saver, effect="pay", **WHY)
    run = start(app, SMALL, thread="t")
    assert (run.status, PAID) == ("escalated", [])
    (failure,) = run.values["failures"]
    assert (failure["kind"], failure["error"], failure["attempts"]) == ("denied", "Stopped", 1)
    assert "maria has stopped effect 'pay'" in run.outcome.reason  # type: ignore[union-attr]
    assert saver.journal.entries("t", "effect ") == ()
    release(saver, effect="pay", by="tom")
    assert start(app, SMALL, thread="t").status == "done"


def test_what_was_approved_before_is_not_done_after(saver: Any) -> None:
    app = app_of(saver)
    run = start(app, LARGE, thread="t")
    stop(saver, effect="pay", **WHY)
    run = run.answer(approve(by="maria"))
    assert (run.status, PAID) == ("escalated", [])
    assert {item["status"] for item in run.values["actions"].values()} == {"failed"}


def test_undoing_is_still_allowed(saver: Any) -> None:
    from quintet.nodes.core.attempt import Attempt
    from quintet.nodes.core.call import drive
    from quintet.nodes.core.task import Task
    from quintet.nodes.core.undo import take_back

    undone: list[Any] = []
    paying = effect(pay, key="pay:{order}", undo=undone.append)
    attempt = Attempt(task=Task("w", thread="t", id="1"))
    with attempt:
        action = drive(paying.perform(paying.action(order=1, amount=5.0), attempt))
    stop(saver, effect="pay", **WHY)
    assert drive(take_back(paying, action, action.result, attempt.place, "1")) == ""
    assert len(undone) == 1
    assert Undo(effects=(paying,))


_STOPS = """
import sys
from quintet.runs import stop
stop(sys.argv[1], effect="pay", by="maria", why="twice")
"""


def test_another_process_stops_a_run_under_way(tmp_path: Path) -> None:
    """The run has begun, and its effect has not: it is refused right before it is claimed."""
    url = f"sqlite:///{tmp_path}/runs.db"
    done: list[int] = []

    def send(order: int) -> str:
        done.append(order)
        return "sent"

    def send_all(request: Any, tools: Any) -> str:
        tools.send(order=1)
        subprocess.run([sys.executable, "-c", _STOPS.replace("pay", "send"), url], check=True)
        tools.send(order=2)
        return "all"

    from quintet.graphs import create_single_agent
    from quintet.nodes import Worker
    from quintet.state import Contract

    contract = Contract(goal="g", needs=("message",), tools=(effect(send, key="send:{order}"),))
    with checkpointer(url) as saver:
        app = create_single_agent(Worker(agent=send_all, contract=contract)).compile(saver)
        run = start(app, {"message": "m"}, thread="t")
    assert (done, run.status) == ([1], "escalated")


def test_a_thread_and_a_graph_are_known_inside_a_run_under_way(saver: Any) -> None:
    from quintet.graphs import create_single_agent
    from quintet.nodes import Worker
    from quintet.state import Contract

    paying = effect(pay, key="pay:{order}")
    for number, thing in enumerate(THINGS):

        def agent(request: Any, tools: Any, thing: Any = thing) -> str:
            stop(saver, **thing, **WHY)
            return str(tools.pay(order=1, amount=1.0))

        contract = Contract(goal="g", needs=("message",), tools=(paying,))
        graph = create_single_agent(Worker(agent=agent, contract=contract))
        inner = graph.compile(checkpointer=saver, name="support")
        run = start(
            inner, {"message": "m"}, thread=f"{'t' if number == 1 else number}", config=CONFIG
        )
        assert (run.status, PAID) == ("escalated", []), thing
        release(saver, **thing, by="tom")


def test_stops_are_listed_and_their_history_stays(saver: Any) -> None:
    long = "t" * 900
    stop(saver, effect="pay", **WHY)
    stop(saver, effect="pay", by="tom", why="still")
    stop(saver, thread=long, by="tom", why="it loops")
    stop(saver, graph="support", **WHY)
    release(saver, graph="support", by="maria", why="mended")
    found = {(each.scope, each.name, each.by, each.why) for each in stops(saver)}
    assert found == {("effect", "pay", "tom", "still"), ("thread", long, "tom", "it loops")}
    assert [e.kind for e in saver.journal.read("", "stop graph support")] == ["stopped", "released"]
    with pytest.raises(Stopped):
        start(app_of(saver), SMALL, thread=long)


def test_a_deleted_thread_stays_stopped(saver: Any) -> None:
    stop(saver, thread="t", **WHY)
    saver.delete_thread("t")
    with pytest.raises(Stopped):
        start(app_of(saver), SMALL, thread="t")


def test_it_is_stopped_and_released_by_a_url(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/runs.db"
    stop(url, effect="pay", **WHY)
    assert [each.name for each in stops(url)] == ["pay"]
    release(url, effect="pay", by="tom")
    assert stops(url) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"effect": "a", "graph": "b"},
        {"effect": ""},
        {"effect": "a", "by": ""},
        {"effect": "a", "why": " "},
        {"effect": pay},
    ],
)
def test_a_stop_that_says_too_little_or_too_much_is_refused(wrong: dict[str, Any]) -> None:
    with checkpointer("memory://") as saver, pytest.raises(DesignError):
        stop(saver, **{**WHY, **wrong})


def test_only_what_is_stopped_is_released_and_only_a_journal_hears() -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    with checkpointer("memory://") as saver:
        with pytest.raises(RunError, match=r"^effect 'pay' is not stopped"):
            release(saver, effect="pay", by="tom")
        stop(saver, effect="pay", **WHY)
        release(saver, effect="pay", by="tom")
        with pytest.raises(RunError):
            release(saver, effect="pay", by="tom")
    with pytest.raises(DesignError, match="keeps no journal"):
        stop(InMemorySaver(), effect="pay", **WHY)


def test_a_person_has_said_so() -> None:
    assert classify(Stopped("x")) == "denied"


def test_a_sweep_passes_over_what_is_stopped(saver: Any) -> None:
    from quintet.runs import sweep

    clock = Still()
    with told_by(clock):
        app = desk(expires="1h").compile(checkpointer=saver, name="support")
        for thread in "ab":
            assert start(app, LARGE, thread=thread).waiting
        stop(saver, thread="a", **WHY)
        clock.at += 7200
        assert [run.thread for run in sweep(app)] == ["b"]
        release(saver, thread="a", by="tom")
        assert [run.thread for run in sweep(app)] == ["a"]
    assert PAID == []
