"""Test a manager's background workers: questions that reach the top, limits, a killed process."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from quintet.graphs import check, create_manager_worker, create_single_agent
from quintet.nodes import Cancel, Ledger, Manager, Message, Watch, Worker, effect
from quintet.runs import (
    Background,
    Desk,
    approve,
    astart,
    draining,
    look,
    reject,
    resume,
    start,
    stops,
)
from quintet.state import (
    AnswerRefused,
    Budget,
    Contract,
    DesignError,
    RunError,
    Step,
    checkpointer,
)
from quintet.testing import ScriptedModel
from tests.graphs.backgrounds import Office
from tests.graphs.desks import WAYS, reason

ROOT = Path(__file__).resolve().parents[2]
DEEP = Step(id="deep", goal="cats", assignee="digger")


@pytest.fixture
def office(tmp_path) -> Office:
    return Office(folder=tmp_path)


@pytest.fixture
def saver(office) -> Iterator[Any]:
    with checkpointer(office.url) as opened:
        yield opened


async def begun(app: Any, way: str = "sync") -> Any:
    if way == "async":
        return await astart(app, {"message": "go"}, thread="t")
    return start(app, {"message": "go"}, thread="t")


async def answered(run: Any, answer: Any, way: str) -> Any:
    return await run.aanswer(answer) if way == "async" else run.answer(answer)


@pytest.mark.parametrize("way", WAYS)
async def test_a_tasks_question_reaches_the_top_and_the_answer_the_task(office, saver, way):
    graph = office.graph(saver)
    assert check(graph) == ()
    waits = await begun(graph.compile(checkpointer=saver), way)
    assert waits.status == "waiting"
    [question] = waits.waiting
    assert question.node == "watch"
    told = {name: question.packet[name] for name in ("action", "task", "worker")}
    assert told == {"action": "refund", "task": "pays", "worker": "payer"}
    with pytest.raises(AnswerRefused, match="eve"):
        await answered(waits, approve(by="eve"), way)
    waits = look(waits.app, thread="t")
    assert waits.status == "waiting"
    assert waits.waiting[0].packet["refused"]
    ended = await answered(waits, approve(by="maria"), way)
    assert ended.status == "done"
    answer = ended.results["manager"]
    assert answer["deep"] == {"found": "cats"}
    assert answer["near"] == {"seen": "dogs"}
    assert answer["actions"] == {"refund:7": "done"}
    assert office.book.count("paid") == 1
    assert ended.values["spent"]["steps"] == 3  # what the tasks spent counts once, at the top


@pytest.mark.parametrize("way", WAYS)
async def test_what_a_withdrawn_run_has_in_the_background_is_never_done(office, saver, way):
    app = office.graph(saver).compile(checkpointer=saver)
    waits = await begun(app, way)
    [question] = waits.waiting
    given = {"message": "never mind"}
    if way == "async":
        await astart(app, given, thread="t", withdraw=True)
    else:
        start(app, given, thread="t", withdraw=True)
    tasks = office.background(saver)
    view = tasks.check_task(question.packet["thread"].removeprefix("t/"), of="t")
    assert view["status"] == "cancelled"
    assert "withdrawn" in view["turns"][0]["reason"]
    with pytest.raises(AnswerRefused, match="it is cancelled"):
        tasks.answer_task(view["id"], approve(by="maria"), of="t")
    assert "paid" not in office.book


@pytest.mark.parametrize("way", WAYS)
async def test_a_new_run_by_any_door_cancels_what_the_one_before_has_in_the_background(
    office, saver, way
):
    app = office.graph(saver).compile(checkpointer=saver)
    waits = await begun(app, way)
    [question] = waits.waiting
    given, on = {"message": "never mind"}, {"configurable": {"thread_id": "t"}}
    await (app.ainvoke(given, on) if way == "async" else asyncio.to_thread(app.invoke, given, on))
    tasks = office.background(saver)
    view = tasks.check_task(question.packet["thread"].removeprefix("t/"), of="t")
    assert view["status"] == "cancelled"
    assert "is over or was withdrawn" in view["turns"][0]["reason"]
    with pytest.raises(AnswerRefused, match="it is cancelled"):
        tasks.answer_task(view["id"], approve(by="maria"), of="t")
    assert "paid" not in office.book


async def test_the_person_finds_one_question_in_the_inbox(office, saver):
    app = office.graph(saver).compile(checkpointer=saver)
    await begun(app)
    assert [item.thread for item in Desk(app).waiting()] == ["t"]


async def test_a_no_to_a_task_is_no_done(office, saver):
    waits = await begun(office.graph(saver).compile(checkpointer=saver))
    ended = waits.answer(reject(by="maria", note="too much"))
    assert ended.status == "escalated"
    assert "too much" in reason(ended)
    assert office.book.count("paid") == 0


async def test_a_task_may_be_answered_on_its_own_thread(office, saver):
    waits = await begun(office.graph(saver).compile(checkpointer=saver))
    tasks = office.background(saver)
    name = waits.waiting[0].packet["thread"].removeprefix("t/")
    tasks.answer_task(name, approve(by="maria"), of="t")
    ended = waits.answer(approve(by="maria"))  # too late, and does no harm
    assert (ended.status, office.book.count("paid")) == ("done", 1)
    [late] = [d for d in ended.decisions if (d.kind, d.choice) == ("answer", "late")]
    assert "no task asks this any more" in late.reason
    assert "maria" in late.reason


class Plain(TypedDict, total=False):
    message: str
    said: str


def asking_twice(state: Plain) -> Plain:
    return {"said": f"{interrupt('first?')}, {interrupt('second?')}"}


async def test_an_answer_at_the_top_is_given_to_no_other_question(office, saver):
    graph = StateGraph(Plain).add_node("n", asking_twice).add_edge(START, "n")
    tasks = Background({"asker": graph}, checkpointer=saver)

    def lead(request: Any, ledger: Ledger) -> Any:
        if not ledger.steps:
            return Step(id="ask", goal="ask", assignee="asker")
        return [] if ledger.tasks else {"text": ledger.results["ask"]["said"]}

    waits = await begun(office.graph(saver, lead, background=tasks).compile(checkpointer=saver))
    name = waits.waiting[0].packet["thread"].removeprefix("t/")
    tasks.answer_task(name, "yes", of="t")
    waits = waits.answer("no")  # it was meant for the first
    assert (waits.status, waits.waiting[0].packet["question"]) == ("waiting", "second?")
    [late] = [d for d in waits.decisions if (d.kind, d.choice) == ("answer", "late")]
    assert "the answer is not used: no" in late.reason
    assert waits.answer("never").results["manager"] == {"text": "yes, never"}


async def test_a_manager_messages_and_cancels(office, saver):
    seen: list[Any] = []

    def lead(request: Any, ledger: Ledger) -> Any:
        seen.append((ledger.round, dict(ledger.tasks), dict(ledger.problems)))
        if ledger.round == 1:
            return [DEEP, Step(id="pays", goal="pay", assignee="payer")]
        if ledger.round == 2 and "deep" in ledger.results:
            return [Message(task="deep", text="dogs"), Cancel(task="pays", why="not needed")]
        if ledger.results.get("deep") == {"found": "dogs"}:
            return {"text": ledger.problems["pays"]}
        return []

    ended = await begun(office.graph(saver, lead).compile(checkpointer=saver))
    assert ended.status == "done"
    assert ended.results["manager"]["text"] == "cancelled: cancelled by its manager: not needed"
    assert [line for line in office.book if line.startswith("dug")] == ["dug cats", "dug dogs"]
    assert office.book.count("paid") == 0


async def test_a_message_to_no_task_is_refused(office, saver):
    def lead(request: Any, ledger: Ledger) -> Any:
        return Message(task="nobody", text="hi")

    ended = await begun(office.graph(saver, lead).compile(checkpointer=saver))
    assert "no background task 'nobody'" in reason(ended)


async def test_a_message_to_a_cancelled_task_is_refused_by_the_steps_name(tmp_path, saver):
    office = Office(folder=tmp_path, wait=0.5)

    def lead(request: Any, ledger: Ledger) -> Any:
        if not ledger.steps:
            return [DEEP, Step(id="near", goal="dogs", assignee="looker")]
        if "deep" in ledger.problems:
            return Message(task="deep", text="dogs too")
        return Cancel(task="deep", why="no cats")

    ended = await begun(office.graph(saver, lead).compile(checkpointer=saver))
    assert ended.status == "escalated"
    assert "task 'deep' was cancelled" in reason(ended)


async def test_tasks_that_the_answer_does_not_wait_for_are_cancelled(office, saver):
    go, busy = threading.Event(), threading.Event()

    def slow(request: Any) -> dict[str, Any]:
        busy.set()
        assert go.wait(10)
        return {"found": 1}

    def lead(request: Any, ledger: Ledger) -> Any:
        if not ledger.steps:
            return [DEEP, Step(id="near", goal="dogs", assignee="looker")]
        assert busy.wait(10)
        return {"text": "enough"}

    digger = create_single_agent(
        Worker(agent=slow, contract=Contract(goal="Dig", needs=("message",)))
    )
    tasks = Background({"digger": digger}, checkpointer=saver)
    graph = office.graph(saver, lead, background=tasks)
    ended = await begun(graph.compile(checkpointer=saver))
    go.set()
    assert ended.status == "done"
    [record] = [e for e in saver.journal.entries("t", "task ") if e.kind == "ended"]
    assert record.value["status"] == "cancelled"
    assert "has its answer" in record.value["reason"]
    assert ended.values["spent"]["steps"] == 2  # the cancelled one's call counts too


Gates = tuple[threading.Event, threading.Event]


def slow_team(saver: Any, gates: Gates, sent: list[str], deadline: float | None = None) -> Any:
    """Build a team whose one task stands still until it is let go, and then sends a letter."""
    go, busy = gates

    def send(text: str) -> str:
        """Send a letter."""
        sent.append(text)
        return "sent"

    def slow(request: Any, tools: Any) -> dict[str, Any]:
        busy.set()
        assert go.wait(10)
        return {"said": str(tools["send"](text="hello"))}

    def lead(request: Any, ledger: Ledger) -> Any:
        if not ledger.steps:
            return Step(id="post", goal="send it", assignee="writer")
        return [] if ledger.tasks else {"text": ledger.results["post"]["said"]}

    tools = (effect(send, key="send:{text}"),)
    contract = Contract(goal="Write", needs=("message",), tools=tools)
    writer = create_single_agent(Worker(agent=slow, contract=contract))
    return create_manager_worker(
        Manager(agent=lead, contract=Contract(goal="Lead", needs=("message",))),
        {},
        background=Background({"writer": writer}, checkpointer=saver),
        deadline=deadline,
    )


@pytest.fixture
def gates() -> Iterator[Gates]:
    go, busy = threading.Event(), threading.Event()
    yield go, busy
    go.set()


def test_a_process_that_is_told_to_end_does_not_wait_for_tasks(saver, gates):
    go, busy = gates
    app = slow_team(saver, gates, []).compile(checkpointer=saver)
    with draining() as drain:

        def end() -> None:
            assert busy.wait(10)
            drain.request()

        ender = threading.Thread(target=end)
        ender.start()
        assert start(app, {"message": "go"}, thread="t").status == "unfinished"
        ender.join(10)
    go.set()
    assert resume(app, thread="t").results["manager"] == {"text": "sent"}


def test_a_deadline_does_not_wait_for_tasks(saver, gates):
    sent: list[str] = []
    graph = slow_team(saver, gates, sent, deadline=0.5)
    ended = start(graph.compile(checkpointer=saver), {"message": "go"}, thread="t")
    assert (ended.status, "deadline reached" in reason(ended), sent) == ("exhausted", True, [])


def test_the_tasks_of_a_cancelled_task_are_cancelled_too(saver, gates):
    sent: list[str] = []
    tasks = Background({"team": slow_team(saver, gates, sent)}, checkpointer=saver)
    tasks.start_task("team", "write", id="a", of="desk")
    assert gates[1].wait(10)
    assert tasks.cancel_task("a", of="desk", why="not needed")["status"] == "cancelled"
    outer, inner = sorted(stop.name for stop in stops(saver))
    assert (outer, inner.startswith("desk/a/post"), sent) == ("desk/a", True, [])


async def test_one_limit_holds_for_tasks_too(office, saver):
    def lead(request: Any, ledger: Ledger) -> Any:
        if not ledger.steps:
            return [Step(id=f"d{n}", goal=f"hole {n}", assignee="digger") for n in range(2)]
        if ledger.tasks:
            return []
        return Step(id=f"d{ledger.round + 2}", goal=f"{ledger.round}", assignee="digger")

    boss = Manager(
        agent=lead, contract=Contract(goal="L", needs=("message",), budget=Budget(steps=3))
    )
    graph = create_manager_worker(boss, {}, background=office.background(saver))
    ended = await begun(graph.compile(checkpointer=saver))
    assert (ended.status, ended.values["spent"]["steps"]) == ("exhausted", 3)
    assert len([line for line in office.book if line.startswith("dug")]) == 3


async def test_a_second_run_has_tasks_of_its_own(office, saver):
    def lead(request: Any, ledger: Ledger) -> Any:
        return dict(ledger.results) if ledger.results else [DEEP]

    app = office.graph(saver, lead).compile(checkpointer=saver)
    for _ in range(2):
        assert (await begun(app)).results["manager"] == {"deep": {"found": "cats"}}
    assert office.book.count("dug cats") == 2


async def test_a_team_in_a_team_has_background_workers_too(office, saver):
    inner = office.graph(saver).compile()
    contract = Contract(goal="Top", needs=("message",), budget=Budget(steps=9))

    def lead(request: Any, ledger: Ledger) -> Any:
        down = Step(id="down", goal="x", assignee="desk")
        return ledger.results["down"] if ledger.steps else down

    graph = create_manager_worker(Manager(agent=lead, contract=contract), {"desk": inner})
    waits = await begun(graph.compile(checkpointer=saver))
    assert waits.waiting[0].packet["task"] == "pays"
    ended = waits.answer(approve(by="maria"))
    assert ended.status == "done"
    assert ended.results["manager"]["actions"] == {"refund:7": "done"}


async def test_a_model_has_background_workers(office, saver):
    step = {"id": "deep", "goal": "cats", "assignee": "digger"}
    told = {"messages": [{"task": "deep", "text": "dogs"}]}
    model = ScriptedModel([{"steps": [step]}, told, {"answer": "dogs found"}])
    contract = Contract(goal="Lead", needs=("message",), gives=str)
    boss = Manager(agent=model, contract=contract)
    graph = create_manager_worker(boss, {}, background=office.background(saver))
    ended = await begun(graph.compile(checkpointer=saver))
    assert (ended.status, ended.results["manager"]) == ("done", "dogs found")
    assert "- digger: digs deep" in model.calls[0].messages[0].text


def test_without_a_checkpointer_tasks_are_refused(office, saver):
    app = office.graph(saver).compile()
    with pytest.raises(DesignError, match="stops for a person"):
        start(app, {"message": "go"})


def test_the_watch_as_a_function_leads_back_where_nothing_is_under_way(office, saver):
    watch = Watch(background=office.background(saver))
    assert watch({"kept": {}}).goto == "manager"
    assert watch == Watch(background=watch.background)
    assert watch.destinations == ("manager",)


def killed(folder: Path, place: str) -> Office:
    """Return an office whose process was killed at this place."""
    command = [sys.executable, "-m", "tests.graphs.backgrounds", str(folder), place]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    return Office(folder=folder)


SLOW = [pytest.param(place, marks=pytest.mark.slow) for place in ("look", "asked", "round 2")]


@pytest.mark.parametrize("place", ["dug cats", "paid", *SLOW])
def test_a_killed_process_loses_no_task_and_does_none_twice(place, tmp_path):
    office = killed(tmp_path, place)
    with checkpointer(office.url) as saver:
        app = office.graph(saver).compile(checkpointer=saver)
        try:
            run = resume(app, thread="t")
        except RunError:  # it waits for an answer
            run = look(app, thread="t")
        while run.waiting:
            run = run.answer(approve(by="maria"))
        assert run.status == "done", run
        assert run.results["manager"]["deep"] == {"found": "cats"}
    calls = sum(office.book.count(line) for line in ("look", "dig cats", "asks to pay"))
    assert 3 <= run.values["spent"]["steps"] <= calls  # those that the kill cut off count too
    # One payment for its key, and a task that had ended is not worked at again.
    assert len([line for line in office.book if line.startswith("paid ")]) == 1
    assert office.book.count("dug cats") == (2 if place == "dug cats" else 1)


def test_a_task_whose_process_died_is_resumed_by_whoever_checks_it(tmp_path):
    office = killed(tmp_path, "dig cats")
    with checkpointer(office.url) as saver:
        tasks = office.background(saver)
        [name] = {
            entry.subject.removeprefix("task ") for entry in saver.journal.entries("t", "task deep")
        }
        for _ in range(50):
            if tasks.check_task(name, of="t")["status"] == "done":
                break
            tasks.wait_tasks([name], of="t", seconds=0.2)
        assert tasks.check_task(name, of="t")["turns"][0]["answer"] == {"found": "cats"}
    assert office.book.count("dug cats") == 1
