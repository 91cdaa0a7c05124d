"""Test that a person is asked, and the run goes on with what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import Command
from typing_extensions import TypedDict

from quintet.cli.desk import find_waiting
from quintet.graphs import check, create_handoff, create_sequential, create_single_agent
from quintet.nodes import Consult, Planner, Recovery, Router, effect, escalate
from quintet.runs import Desk, approve, reject, respond, start, sweep
from quintet.state import AnswerRefused, DesignError, Step, checkpointer
from quintet.testing import crashpoints
from tests.clocks import Still
from tests.graphs.desks import WAYS, always, door, reason, run, worker

ASK = Consult(question="Which address?")


class Address(TypedDict):
    street: str
    number: int


def ship(request: Any) -> dict[str, Any]:
    return {"sent": request["ask"]}


def line(consult: Consult = ASK, **options: Any) -> StateGraph[Any]:
    workers = {"ask": consult, "ship": worker(ship, needs=("ask",), goal="Ship")}
    return create_sequential(workers, **options)


@pytest.mark.parametrize("way", WAYS)
async def test_the_answer_is_a_result_and_the_run_goes_on(way: str):
    asked = await run(line(), way, message="a hat")
    packet = asked.waiting[0].packet
    assert (packet["question"], packet["answers"]) == ("Which address?", ["respond", "reject"])
    assert "waits at ask: Which address?" in str(asked)
    ended = await asked.aanswer(respond("1 Main Street", by="ann"))
    assert (ended.status, ended.path) == ("done", ("ask", "ship", "finish"))
    assert ended.results == {"ask": "1 Main Street", "ship": {"sent": "1 Main Street"}}
    given = [d for d in ended.decisions if d.kind == "answer"]
    assert [(d.choice, d.by, d.who) for d in given] == [("given", "person", "ann")]


async def test_an_answer_is_read_by_its_type_and_a_wrong_one_leaves_the_question_open():
    asked = await run(line(Consult(question="Where?", gives=Address)))
    assert asked.waiting[0].packet["schema"]["required"] == ["street", "number"]
    with pytest.raises(AnswerRefused, match="does not fit"):
        asked.answer(respond("Main Street", by="ann"))
    with pytest.raises(AnswerRefused, match=r"by respond\(...\)"):
        asked.answer(approve(by="ann"))
    ended = asked.answer(respond({"street": "Main", "number": 1}, by="ann"))
    assert ended.results["ask"] == {"street": "Main", "number": 1}
    number = Consult(question="How many?", gives=int)
    assert (await run(line(number))).answer(respond("3", by="ann")).results["ask"] == 3


async def test_who_may_answer_is_held_and_a_no_hands_over():
    asked = await run(line(Consult(question="Where?", approvers=("ann",))))
    with pytest.raises(AnswerRefused, match="'bob' may not answer"):
        asked.answer(respond("here", by="bob"))
    ended = asked.answer(reject(by="ann", note="I do not know"))
    assert (ended.status, reason(ended)) == ("escalated", "Where?: I do not know")


async def test_without_an_answer_the_end_is_never_done():
    asked = await run(line(Consult(question="Where?", otherwise="finish")))
    assert asked.answer(reject(by="ann")).status == "rejected"


def test_the_time_to_answer_counts_from_the_first_asking(monkeypatch: pytest.MonkeyPatch):
    saver = checkpointer("memory://")
    app = line(Consult(question="Where?", expires="1h")).compile(checkpointer=saver)
    asked = start(app, {"message": "m"}, thread="t")
    late = asked.waiting[0].packet["expires"] + 9
    monkeypatch.setattr("quintet.state.clock._clocks", [Still(late)])
    with pytest.raises(AnswerRefused, match="the time to answer ended"):
        asked.answer(respond("here", by="ann"))
    [ended] = sweep(app)
    assert (ended.status, reason(ended)) == ("escalated", "Where?: nobody has answered in time")


async def test_a_router_that_abstains_asks_who_takes_it():
    ask = Consult(question=lambda state: f"Who takes {state['message']!r}?", to=("a", "b"))
    router = door("a", "b", otherwise="ask")
    graph = create_handoff(router, {"a": worker(), "b": worker(), "ask": ask})
    assert check(graph) == ()
    asked = await run(graph, message="hm")
    assert asked.waiting[0].packet["question"] == "Who takes 'hm'?"
    with pytest.raises(AnswerRefused, match="does not fit"):
        asked.answer(respond("c", by="ann"))
    ended = asked.answer(respond("b", by="ann"))
    assert (ended.status, ended.path) == ("done", ("router", "ask", "b", "finish"))


@pytest.mark.parametrize("way", WAYS)
async def test_recovery_asks_and_the_answer_stands_in_for_the_step_that_failed(way: str):
    class Found(TypedDict):
        price: int

    ask = Consult(question="What does it cost?", gives=Found, of="look", then="tell")
    tell = worker(lambda r: {"text": r["look"]["price"]}, needs=("look",), goal="Tell")
    workers = {"look": worker(always(KeyError("gone"))), "tell": tell}
    recover = Recovery(permanent=escalate("ask"))
    graph = create_sequential(workers, aside={"ask": ask}, recover=recover)
    assert check(graph) == ()
    asked = await run(graph, way, message="hat")
    assert asked.waiting[0].packet["tried"] == ["look: permanent: KeyError: 'gone'"]
    ended = await asked.aanswer(respond({"price": 7}, by="ann"))
    assert (ended.status, ended.path) == ("done", ("look", "ask", "tell", "finish"))
    assert ended.results == {"look": {"price": 7}, "tell": {"text": 7}}


async def test_it_takes_a_step_of_a_plan():
    steps = (
        Step(id="where", goal="ask", assignee="ask"),
        Step(id="send", goal="ship", assignee="ship", after=("where",)),
    )
    planner = Planner(make=lambda goal: steps, assignees=("ask", "ship"))
    workers = {
        "plan": planner,
        "ask": ASK,
        "ship": worker(lambda r: {"sent": r["where"]}, needs=("where",), goal="Ship"),
    }
    router = Router(choose=lambda text: "plan", to=("plan",), otherwise="person")
    asked = await run(create_handoff(router, workers), message="m")
    ended = asked.answer(respond("here", by="ann"))
    assert (ended.status, ended.results["send"]) == ("done", {"sent": "here"})
    refused = (await run(create_handoff(router, workers), message="m")).answer(reject(by="ann"))
    assert refused.status == "escalated"


async def test_it_asks_a_bounded_number_of_times_and_each_question_is_its_own():
    again = Consult(question="Where?", then="ask", times=2)
    asked = await run(create_sequential({"ask": again}))
    first = asked.waiting[0].packet["digest"]
    asked = asked.answer(respond("here", by="ann"))
    assert "refused" not in asked.waiting[0].packet
    assert asked.waiting[0].packet["digest"] != first
    ended = asked.answer(respond("there", by="ann"))
    assert (ended.status, reason(ended)) == ("escalated", "ask has asked 2 times")


async def test_a_second_run_on_the_thread_asks_anew(tmp_path: Path):
    with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver:
        app = line().compile(checkpointer=saver)
        for text in ("here", "there"):
            asked = start(app, {"message": "m"}, thread="t")
            assert asked.status == "waiting"
            assert asked.answer(respond(text, by="ann")).results["ask"] == text


def test_the_desk_shows_the_question_and_takes_the_answer(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/a.db"
    with checkpointer(url) as saver:
        app = line().compile(checkpointer=saver)
        start(app, {"message": "m"}, thread="t")
        [shown] = find_waiting(url, None, None)
        assert (shown["asks"], shown["node"]) == ("Which address?", "ask")
        desk = Desk(app)
        [question] = desk.waiting()
        assert desk.answer(question, respond("here", by="ann")).status == "done"
        with pytest.raises(AnswerRefused):
            desk.answer(question, respond("there", by="bob"))


def test_the_first_answer_that_was_written_counts(tmp_path: Path):
    with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver:
        app = line().compile(checkpointer=saver)
        asked = start(app, {"message": "m"}, thread="t")
        ended = asked.answer(respond("here", by="ann"))
        with pytest.raises(AnswerRefused, match="is not open any more"):
            asked.answer(respond("there", by="bob"))
        assert ended.results["ask"] == "here"


@pytest.mark.parametrize("inside", ["node", "agent"])
async def test_it_is_answered_through_a_graph_around_it(inside: str):
    inner = line().compile()
    outer: StateGraph[Any]
    if inside == "agent":
        outer = create_single_agent(worker(inner, gives=None))
    else:
        outer = create_sequential({"inner": inner, "last": worker()})
    asked = await run(outer, message="m")
    again = asked
    with pytest.raises(AnswerRefused):
        again = asked.answer(approve(by="ann"))
    ended = again.answer(respond("here", by="ann"))
    assert ended.status == "done", ended


async def test_an_interface_may_answer_too():
    saver = checkpointer("memory://")
    app = line().compile(checkpointer=saver)
    start(app, {"message": "m"}, thread="t")
    given = {"decisions": [{"type": "respond", "message": "here"}]}
    app.invoke(Command(resume=given), {"configurable": {"thread_id": "t"}})
    assert app.get_state({"configurable": {"thread_id": "t"}}).values["results"]["ask"] == "here"


def posting() -> StateGraph[Any]:
    """Build a line that asks, and sends by an effect what it was told."""

    def post(to: str) -> str:
        return f"sent to {to}"

    def agent(request: Any, tools: Any) -> str:
        return str(tools.post(to=request["ask"]))

    poster = worker(agent, needs=("ask",), tools=(effect(post, key="{to}"),), goal="Ship")
    return create_sequential({"ask": ASK, "ship": poster})


def test_it_holds_at_every_crash_point():
    report = crashpoints(
        posting,
        {"message": "m"},
        person=lambda packet: respond("here", by="ann"),
        asynchronous=True,
    )
    assert report.ok, report


def test_mistakes_are_refused():
    for given, why in (
        ({"to": "a"}, "give a tuple of nodes"),
        ({"to": ("a",), "then": "b"}, "leave gives= and then= out"),
        ({"question": " "}, "say what the person is asked"),
        ({"times": 0}, "give a whole number from 1"),
        ({"quorum": 2}, "the first answer counts"),
        ({"then": 3}, "give a node's name"),
    ):
        with pytest.raises(DesignError, match=why):
            Consult(**{"question": "?", **given})
    graph = StateGraph(dict).add_node("ask", ASK).add_edge(START, "ask")
    with pytest.raises(DesignError, match="give then="):
        graph.compile().invoke({})
