"""Test the inbox: what waits over all threads and graphs, answered and swept from one place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Interrupt, Send, interrupt

from quintet.nodes import Wait
from quintet.runs import Desk, approve, astart, look, reject, start, stored_runs, sweep
from quintet.state import (
    AnswerRefused,
    DesignError,
    NoSuchRun,
    OrchestrationState,
    checkpointer,
)
from quintet.state.savers.saver import Saver
from tests.clocks import Still
from tests.runs.desks import PAID, desk, large, two_payments
from tests.services import postgres_schema


@pytest.fixture(params=["memory", "sqlite", "postgres", "langgraph"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    PAID.clear()
    with ExitStack() as stack:
        if request.param == "langgraph":
            yield InMemorySaver()
            return
        url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/a.db"}.get(request.param)
        yield stack.enter_context(checkpointer(url or stack.enter_context(postgres_schema())))


def asking() -> Any:
    """Build a graph of another kind, whose branches ask two questions at once."""

    def split(state: Any) -> Any:
        return [Send("ask", {"message": word}) for word in ("left", "right")]

    def ask(state: Any) -> dict[str, Any]:
        return {"results": {state["message"]: interrupt({"word": state["message"]})}}

    graph = StateGraph(OrchestrationState).add_node("ask", ask)
    return graph.add_conditional_edges(START, split, ["ask"])


def test_the_inbox_holds_what_waits_over_all_threads_the_oldest_first(saver: Any) -> None:
    app = desk().compile(checkpointer=saver)
    for number in range(3):
        start(app, large(order=number), thread=f"t{number}")
    start(app, {"message": "shipping"}, thread="done")
    inbox = Desk(app)
    assert [question.thread for question in inbox.waiting()] == ["t0", "t1", "t2"]
    assert {question.gate for question in inbox.waiting()} == {"approval"}
    assert [question.thread for question in inbox.waiting(thread="t1")] == ["t1"]
    assert inbox.waiting(gate="elsewhere") == inbox.waiting(approver="eve") == ()
    assert len(inbox.waiting(approver="maria")) == 3
    first = inbox.waiting()[0]
    assert inbox.answer(first, approve(by="maria")).status == "done"
    assert inbox.answer("t1", reject(by="maria", note="no")).status == "rejected"
    assert [question.thread for question in inbox.waiting()] == ["t2"]
    with pytest.raises(AnswerRefused, match=r"is not open any more|waits for nobody"):
        inbox.answer(first, approve(by="maria"))
    assert PAID == [(0, 500.0)]


def test_a_second_click_is_no_yes_to_the_next_action(saver: Any) -> None:
    app = two_payments().compile(checkpointer=saver)
    start(app, {"message": "m"}, thread="t")
    inbox = Desk(app)
    assert inbox.answer("t", approve(by="maria")).status == "waiting"  # the second action
    with pytest.raises(AnswerRefused, match=r"another action now: pay at approve, question \w+"):
        inbox.answer("t", approve(by="maria"))
    assert PAID == []
    assert inbox.answer(inbox.waiting()[0], approve(by="maria")).status == "done"
    assert sorted(PAID) == [(1, 500.0), (2, 700.0)]


def test_two_who_must_agree_on_one_action_may_name_the_thread(saver: Any) -> None:
    app = desk(approvers=("maria", "ann"), quorum=2).compile(checkpointer=saver)
    start(app, large(), thread="t")
    assert Desk(app).answer("t", approve(by="maria")).status == "waiting"
    assert Desk(app).answer("t", approve(by="ann")).status == "done"
    assert PAID == [(1, 500.0)]


def test_a_desk_of_several_graphs_finds_the_one_that_asks(saver: Any) -> None:
    paying, other = (graph.compile(checkpointer=saver) for graph in (desk(), asking()))
    start(paying, large(), thread="p")
    start(other, {"message": "m"}, thread="o")
    inbox = Desk({"paying": paying, "other": other})
    assert {question.thread for question in inbox.waiting()} == {"p", "o"}
    if not isinstance(saver, Saver):  # it does not tell which node asks
        with pytest.raises(NoSuchRun, match="may be a run of paying, other"):
            inbox.answer("p", approve(by="maria"))
        return
    assert inbox.answer("p", approve(by="maria")).status == "done"
    with pytest.raises(NoSuchRun, match="may be a run of none"):
        inbox.answer("nowhere", approve(by="maria"))


def test_parallel_questions_are_answered_at_once_by_their_ids(saver: Any) -> None:
    app = asking().compile(checkpointer=saver)
    run = start(app, {"message": "m"}, thread="t")
    words = {waiting.id: waiting.packet["word"] for waiting in run.waiting}
    assert sorted(words.values()) == ["left", "right"]
    assert len(Desk(app).waiting()) == 2
    ended = run.answer({id_: word.upper() for id_, word in words.items()})
    assert ended.values["results"] == {"left": "LEFT", "right": "RIGHT"}
    assert Desk(app).waiting() == ()


def test_of_two_questions_the_answered_one_leaves_the_inbox(saver: Any) -> None:
    app = asking().compile(checkpointer=saver)
    run = start(app, {"message": "m"}, thread="t")
    left = next(waiting for waiting in run.waiting if waiting.packet["word"] == "left")
    run.answer("LEFT", to=left.id)
    [question] = Desk(app).waiting()
    assert question.packet == {"word": "right"}
    assert Desk(app).answer(question, "RIGHT").values["results"]["right"] == "RIGHT"


def test_a_question_that_nobody_answers_in_time_is_answered_as_declared(
    saver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = desk(expires="1h").compile(checkpointer=saver)
    waits = desk(expires="1h", if_expired="wait", name="patient").compile(checkpointer=saver)
    start(app, large(order=1), thread="a")
    start(waits, large(order=2), thread="b")
    assert sweep(app) == ()
    later = time.time() + 7200
    monkeypatch.setattr("quintet.state.clock._clocks", [Still(later)])
    [ended] = sweep(app)
    assert (ended.thread, ended.status) == ("a", "rejected")
    assert "nobody has answered in time" in str(ended.outcome)
    [action] = ended.values["actions"].values()
    assert action["approval"]["answer"] == "expire"
    assert sweep(app) == sweep(waits) == ()
    assert look(waits, thread="b").status == "waiting"
    with pytest.raises(AnswerRefused, match="waits for a person"):
        look(waits, thread="b").answer({"answer": "expire", "by": "x", "digest": ""})
    assert PAID == []


def test_two_sweeps_at_once_answer_a_question_once(
    saver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = desk(expires="1h").compile(checkpointer=saver)
    for number in range(4):
        start(app, large(order=number), thread=f"t{number}")
    later = time.time() + 7200
    monkeypatch.setattr("quintet.state.clock._clocks", [Still(later)])

    async def both() -> list[Any]:
        return [*await asyncio.gather(*(asyncio.to_thread(sweep, app) for _ in range(2)))]

    moved = [run.thread for swept in asyncio.run(both()) for run in swept]
    assert sorted(moved) == [f"t{number}" for number in range(4)]
    assert {look(app, thread=thread).status for thread in moved} == {"rejected"}


def test_a_run_that_cannot_be_swept_keeps_no_other_from_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def ends(state: Any) -> dict[str, Any]:
        if state["message"] == "bad":
            raise ValueError("no way")
        return {}

    def timed(wait: str, **options: Any) -> Any:
        graph: Any = StateGraph(OrchestrationState, **options)
        graph.add_node(wait, Wait(duration="1h", then="end")).add_node("end", ends)
        return graph.add_edge(START, wait).compile(checkpointer=saver)

    with checkpointer("memory://") as saver:
        about, plain = timed("pause", context_schema=Still), timed("wait")
        start(about, {"message": "m"}, thread="about", context=None)
        for thread, message in (("bad", "bad"), ("worse", "bad"), ("good", "m")):
            start(plain, {"message": message}, thread=thread)
        monkeypatch.setattr("quintet.state.clock._clocks", [Still(time.time() + 7200)])
        with pytest.raises(ValueError, match="no way") as raised:
            sweep({"about": about, "plain": plain})
        assert "thread 'bad'" in str(raised.value.__notes__)
        assert "not swept" in caplog.text
        assert (look(plain, thread="good").finished, look(plain, thread="good").waiting) == (
            True,
            (),
        )


async def test_an_async_desk_lists_answers_and_sweeps(saver: Any) -> None:
    app = desk().compile(checkpointer=saver)
    start(app, large(), thread="t")
    inbox = Desk(app)
    [question] = await inbox.awaiting()
    assert (await inbox.aanswer(question, approve(by="maria"))).status == "done"
    assert await inbox.asweep() == ()
    assert PAID == [(1, 500.0)]


def test_a_question_that_a_crash_has_left_on_the_list_is_not_shown(tmp_path: Path) -> None:
    with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver:
        app = desk().compile(checkpointer=saver)
        start(app, large(), thread="t")
        saver.journal.open("t", "gone", {"node": "approve", "task": "x", "packet": {}})
        saver.journal.open("nowhere", "gone", {"node": "approve", "task": "x", "packet": {}})
        assert [question.thread for question in Desk(app).waiting()] == ["t"]


def test_a_graph_without_a_checkpointer_has_no_desk() -> None:
    with pytest.raises(DesignError, match="has no checkpointer"):
        Desk(desk().compile())
    with pytest.raises(DesignError, match="not compiled"):
        Desk(desk())  # type: ignore[arg-type]


async def test_an_answered_question_leaves_the_list_of_an_async_graph_too(saver: Any) -> None:
    if not isinstance(saver, Saver):
        return
    app = desk().compile(checkpointer=saver)
    run = await astart(app, large(), thread="t")
    assert [item.name for item in saver.journal.opened("t")] == [run.waiting[0].id]
    assert (await run.aanswer(approve(by="maria"))).status == "done"
    assert saver.journal.opened("t") == ()


def test_a_refused_answer_leaves_the_question_in_the_inbox(saver: Any) -> None:
    app = desk().compile(checkpointer=saver)
    start(app, large(), thread="t")
    inbox = Desk(app)
    [question] = inbox.waiting()
    with pytest.raises(AnswerRefused, match="'eve' may not answer"):
        inbox.answer(question, approve(by="eve"))
    assert inbox.waiting() == (question,)
    assert [run.status for run in stored_runs(saver)] == ["waiting"]
    assert inbox.answer(question, approve(by="maria")).status == "done"
    assert PAID == [(1, 500.0)]


def test_a_question_stays_whose_checkpoint_is_written_after_it(tmp_path: Path) -> None:
    """A server saves behind its nodes: the question may come to the saver before its checkpoint."""
    with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver:
        place = {"thread_id": "t", "checkpoint_ns": ""}
        saver.put_writes(
            {"configurable": {**place, "checkpoint_id": "0002"}},
            [("__interrupt__", (Interrupt(value={"word": "w"}, id="q"),))],
            "task",
            "~__pregel_pull, ask",
        )
        for number, left in (("0001", ["q"]), ("0002", ["q"]), ("0003", [])):
            checkpoint = empty_checkpoint() | {"id": number}
            saver.put({"configurable": place}, checkpoint, {"step": 1}, {})  # type: ignore[arg-type]
            assert [item.name for item in saver.journal.opened("t")] == left


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_waited_under_a_saver_of_langgraph_is_listed(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ExitStack() as stack:
        if kind == "sqlite":
            module = pytest.importorskip("langgraph.checkpoint.sqlite")
            place, url = f"{tmp_path}/a.db", f"sqlite:///{tmp_path}/a.db"
            theirs, table, column = module.SqliteSaver, "writes", "value"
        else:
            module = pytest.importorskip("langgraph.checkpoint.postgres")
            place = url = stack.enter_context(postgres_schema())
            theirs, table, column = module.PostgresSaver, "checkpoint_writes", "blob"
        with theirs.from_conn_string(place) as saver:
            saver.setup()
            app = asking().compile(checkpointer=saver)
            runs = {name: start(app, {"message": "m"}, thread=name) for name in ("a", "b", "c")}
            runs["b"].answer({each.id: "said" for each in runs["b"].waiting})
            runs["a"].answer("said", to=runs["a"].waiting[0].id)
            cut = f"UPDATE {table} SET {column} = substr({column}, 1, 3) WHERE thread_id = 'c'"
            saver.conn.execute(f"{cut} AND channel = '__interrupt__'")
            saver.conn.commit()
        for _ in range(2):  # made once, and there from then on
            saver = stack.enter_context(checkpointer(url))
            app = asking().compile(checkpointer=saver)
            [question] = Desk(app).waiting()
            assert question.thread == "a"
        assert "thread 'c' waits for an answer, and is not listed as waiting" in caplog.text
        answered = Desk(app).answer(question, "said")
        assert answered.values["results"] == {"left": "said", "right": "said"}
        assert Desk(app).waiting() == ()
