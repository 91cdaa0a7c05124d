"""Test undos that are cut off: each is made once, or a person says whether it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from quintet.graphs import create_sequential
from quintet.nodes import Recovery, Worker, abort, effect
from quintet.runs import look, resume, settle, start
from quintet.state import AnswerRefused, Contract, checkpointer
from tests.services import postgres_schema


class PowerCut(BaseException):
    """End the process here."""


class Hotel:
    """Book and cancel; a cancellation may be cut off before or after it is made."""

    def __init__(self, *cuts: str) -> None:
        self.done: list[str] = []
        self.cuts = list(cuts)

    def book(self, room: str) -> str:
        self.done.append(f"book {room}")
        return room

    def cancel(self, room: str) -> None:
        cut = self.cuts.pop(0) if self.cuts else ""
        if cut == "before":
            raise PowerCut
        self.done.append(f"cancel {room}")
        if cut == "after":
            raise PowerCut


def trip(hotel: Hotel, saver: Any) -> Any:
    def rooms(request: Any, tools: Any) -> Any:
        return [tools["book"](room=room) for room in ("1", "2")]

    def flight(request: Any) -> Any:
        raise KeyError("full")

    booking = effect(hotel.book, key="{room}", undo=hotel.cancel)
    contract = Contract(goal="g", needs=("message",), tools=(booking,))
    graph = create_sequential(
        {
            "rooms": Worker(agent=rooms, contract=contract),
            "flight": Worker(agent=flight, contract=Contract(goal="g", needs=("message",))),
        },
        recover=Recovery(otherwise=abort()),
    )
    return graph.compile(checkpointer=saver)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with ExitStack() as stack:
        url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/a.db"}.get(request.param)
        yield stack.enter_context(checkpointer(url or stack.enter_context(postgres_schema())))


def cut(app: Any) -> Any:
    with pytest.raises(PowerCut):
        start(app, {"message": "m"}, thread="t")
    return resume(app, thread="t")


@pytest.mark.parametrize(
    ("when", "said"), [("before", "did not happen"), ("after", "happened")], ids=["before", "after"]
)
def test_a_person_says_whether_an_undo_was_made(saver: Any, when: str, said: Any) -> None:
    hotel = Hotel(when)
    run = cut(trip(hotel, saver))
    packet = run.waiting[0].packet
    assert packet["settle"] == "undo book"
    assert packet["arguments"] == {"room": "2"}
    assert packet["answers"] == ["happened", "did not happen"]
    ended = run.answer(settle(said, by="ann"))
    assert ended.status == "aborted"
    assert hotel.done == ["book 1", "book 2", "cancel 2", "cancel 1"]


def test_a_bad_answer_leaves_the_question_open(saver: Any) -> None:
    hotel = Hotel("before")
    app = trip(hotel, saver)
    run = cut(app)
    with pytest.raises(AnswerRefused, match="answer happened or did not happen"):
        run.answer(settle("undo", by="ann"))
    assert hotel.done == ["book 1", "book 2"]
    assert look(app, thread="t").answer(settle("did not happen", by="ann")).status == "aborted"
    assert hotel.done == ["book 1", "book 2", "cancel 2", "cancel 1"]


def test_an_undo_that_is_cut_off_again_is_asked_about_again(saver: Any) -> None:
    hotel = Hotel("before", "after")
    app = trip(hotel, saver)
    run = cut(app)
    with pytest.raises(PowerCut):
        run.answer(settle("did not happen", by="ann"))
    run = look(app, thread="t").answer(settle("happened", by="ann"))
    # That went to the question which was answered before the crash; the new one is open.
    assert run.status == "waiting"
    assert run.answer(settle("happened", by="ann")).status == "aborted"
    assert hotel.done == ["book 1", "book 2", "cancel 2", "cancel 1"]
