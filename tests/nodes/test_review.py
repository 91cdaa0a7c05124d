from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from quintet.nodes import Finish, Review, Worker, hand_over
from quintet.runs import approve, edit, reject, respond, start, sweep
from quintet.state import (
    AnswerRefused,
    Contract,
    ContractBroken,
    DesignError,
    OrchestrationState,
    checkpointer,
)
from tests.clocks import Still

ASKED = {"message": "a letter"}


def press(saver: Any, printed: list[str], **more: Any) -> Any:
    """Build a loop: write, show, write again; and print what was approved."""
    review = Review(**{"of": "write", "approved": "print", "rejected": "write", **more})

    def write(request: Any) -> str:
        notes = request["notes"]
        return f"draft {notes.get('round', 0) + 1} {notes.get('note', '')}".strip()

    def out(state: Any) -> dict[str, Any]:
        printed.append(state["results"]["write"])
        return {}

    graph = StateGraph(OrchestrationState)
    node = Worker(agent=write, contract=Contract(goal="write", needs=("notes",)), read=notes_in)
    graph.add_node("write", node).add_node("show", review)
    graph.add_node("print", out).add_node("finish", Finish()).add_node("person", hand_over)
    graph.add_edge(START, "write").add_edge("write", "show")
    graph.add_edge("print", "finish").add_edge("finish", END).add_edge("person", END)
    return graph.compile(checkpointer=saver)


def notes_in(state: Any) -> dict[str, Any]:
    return {"notes": (state.get("results") or {}).get("write_review", {})}


@pytest.fixture(params=["memory", "sqlite"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/a.db"}[request.param]
    with checkpointer(url) as saver:
        yield saver


def test_each_round_is_shown_and_the_note_goes_back(saver: Any) -> None:
    printed: list[str] = []
    app = press(saver, printed)
    run = start(app, ASKED, thread="t")
    assert run.waiting[0].packet["arguments"] == {"output": "draft 1"}
    assert (run.waiting[0].packet["round"], run.waiting[0].packet["rounds"]) == (1, 3)
    run = run.answer(respond("kinder", by="ann"))
    assert run.waiting[0].packet["arguments"] == {"output": "draft 2 kinder"}
    ended = run.answer(approve(by="ann"))
    assert (ended.status, printed) == ("done", ["draft 2 kinder"])


def test_an_edit_goes_on_in_place_of_the_output(saver: Any) -> None:
    printed: list[str] = []
    run = start(press(saver, printed), ASKED, thread="t")
    with pytest.raises(AnswerRefused, match="has no argument 'text'"):
        run.answer(edit({"text": "mine"}, by="ann"))
    assert run.answer(edit({"output": "mine"}, by="ann")).status == "done"
    assert printed == ["mine"]


def test_after_so_many_rounds_a_person_takes_over(saver: Any) -> None:
    printed: list[str] = []
    run = start(press(saver, printed, rounds=2), ASKED, thread="t")
    run = run.answer(reject(by="ann", note="no"))
    ended = run.answer(reject(by="ann", note="still no"))
    assert (ended.status, printed) == ("escalated", [])
    assert "still no" in str(ended.outcome)


def test_a_yes_to_one_draft_is_none_to_the_next(saver: Any) -> None:
    printed: list[str] = []
    app = press(saver, printed)
    run = start(app, ASKED, thread="t")
    yes = {"answer": "approve", "by": "ann", "digest": run.waiting[0].packet["digest"]}
    run = run.answer(reject(by="ann", note="no"))
    with pytest.raises(AnswerRefused, match="is asked now"):
        run.answer(yes)
    assert printed == []


def test_two_must_agree_and_nobody_in_time_is_a_no(
    saver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed: list[str] = []
    app = press(saver, printed, approvers=("ann", "bob"), quorum=2, expires="1h", rounds=1)
    run = start(app, ASKED, thread="t").answer(approve(by="ann"))
    assert run.waiting[0].packet["answered"][0]["by"] == "ann"
    assert run.answer(approve(by="bob")).status == "done"
    start(app, ASKED, thread="u")
    monkeypatch.setattr(
        "quintet.state.clock._clocks", [Still(run.waiting[0].packet["expires"] + 9)]
    )
    [ended] = sweep(app)
    assert (ended.thread, ended.status, printed) == ("u", "escalated", ["draft 1"])


def test_nothing_to_show_and_rounds_that_cannot_be_are_refused() -> None:
    review = Review(of="draft", approved="a", rejected="b")
    with pytest.raises(ContractBroken, match="there is no result 'draft' to show"):
        review({"results": {"other": 1}})
    for rounds in (0, True, "3"):
        with pytest.raises(DesignError, match="rounds="):
            Review(of="draft", approved="a", rejected="b", rounds=rounds)  # type: ignore[arg-type]


def test_an_interface_may_answer_it_too(saver: Any) -> None:
    printed: list[str] = []
    app = press(saver, printed)
    start(app, ASKED, thread="t")
    app.invoke(
        Command(resume={"decisions": [{"type": "approve"}]}), {"configurable": {"thread_id": "t"}}
    )
    assert printed == ["draft 1"]
