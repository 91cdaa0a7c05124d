"""Test a conversation through every door: each turn is a run of its own."""

from __future__ import annotations

from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from quintet.runs import approve, look
from quintet.runs.thread import App
from quintet.state import AnswerRefused, checkpointer
from tests.runs.conversations import DOORS, PAID, SYSTEMS, Door, gist, on, status, told, turn

pytestmark = pytest.mark.usefixtures("nothing_paid")

TALK = {
    "say 1": "done",
    "stuck 2": "escalated",
    "say 3": "done",
    "pay 4 no": "rejected",
    "pay 5 yes": "done",
    "flaky 6": "done",
    "broken 7": "by fallback",
    "broken 8": "by fallback",
    "plan 9": "done",
    "plan 10": "done",
    "small 11": "done",
    "say 12": "done",
}
"""The message of a turn, and the end that the turn must have."""

FALLS_BACK = ("handoff", "composed", "nested")
"""The systems that have a fallback; in the others a person is asked."""


@pytest.fixture
def nothing_paid() -> None:
    PAID.clear()


def saved(system: str, saver: Any = None) -> App:
    return SYSTEMS[system]().compile(checkpointer=saver or InMemorySaver())


@cache
def _alone(system: str, text: str) -> dict[str, Any]:
    """Give the gist of a turn that is the first and only one of its thread."""
    app, paid = saved(system), list(PAID)
    app.invoke(told(text), on("alone"))
    if text.endswith((" yes", " no")):
        (asked,) = app.get_state(on("alone")).interrupts
        kind = {"yes": "approve", "no": "reject"}[text.rsplit(maxsplit=1)[-1]]
        note = "no" if kind == "reject" else ""
        answer = {"answer": kind, "by": "maria", "note": note, "digest": asked.value["digest"]}
        app.invoke(Command(resume={asked.id: answer}), on("alone"))
    PAID[:] = paid
    return gist(app.get_state(on("alone")).values)


def expected(system: str, text: str) -> str:
    if TALK[text] != "by fallback":
        return TALK[text]
    return "done" if system in FALLS_BACK else "escalated"


async def talked(app: App, system: str, door: Door) -> dict[str, Any]:
    """Have the whole conversation, and compare each turn with the same turn alone."""
    ids, values = set(), {}
    for text in TALK:
        values = await turn(app, text, "t", door)
        assert status(values) == expected(system, text), text
        assert gist(values) == _alone(system, text), text
        ids.add(values["run"]["id"])
    assert len(ids) == len(TALK)
    return values


def kept_is_kept(values: dict[str, Any], system: str) -> None:
    """Assert that the thread's own values have grown turn by turn."""
    said = [message.content for message in values["messages"]]
    assert said == [told(text)["message"] for text in TALK]
    actions = {at: item["status"] for at, item in values["actions"].items()}
    assert actions == {"pay:4": "rejected", "pay:5": "done", "pay:11": "done"}
    assert PAID == [5, 11]
    if system != "single":
        assert [note for note in values["notes"] if " " in note] == said


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("system", SYSTEMS)
async def test_each_turn_is_the_one_that_it_would_be_alone(system: str, door: str) -> None:
    kept_is_kept(await talked(saved(system), system, DOORS[door]), system)


@pytest.mark.parametrize("door", ["invoke", "invoke, exit", "ainvoke", "events", "start"])
@pytest.mark.parametrize("system", ["handoff", "composed"])
async def test_each_turn_is_its_own_on_a_file_too(system: str, door: str, tmp_path: Path) -> None:
    with checkpointer(f"sqlite:///{tmp_path / 'runs.db'}") as saver:
        kept_is_kept(await talked(saved(system, saver), system, DOORS[door]), system)


async def test_every_turn_may_come_by_another_door() -> None:
    app, doors = saved("handoff"), cycle(DOORS.values())
    for text in TALK:
        assert gist(await turn(app, text, "t", next(doors))) == _alone("handoff", text)


@pytest.mark.parametrize("door", ["invoke", "start"])
async def test_fifty_messages_end_as_each_of_them_would_alone(door: str) -> None:
    app = saved("composed")
    for text in islice(cycle(("say 1", "stuck 2", "pay {} no", "flaky 6", "broken 7")), 50):
        order = 100 + len(app.get_state(on("t")).values.get("messages", ()))
        said = text.format(order)
        assert gist(await turn(app, said, "t", DOORS[door])) == _alone("composed", said)
    values = app.get_state(on("t")).values
    assert len(values["messages"]) == 50
    assert {item["status"] for item in values["actions"].values()} == {"rejected"}


def left_open(values: dict[str, Any], system: str) -> str:
    """Give where the action stands; a nested graph that waits has handed nothing back yet."""
    if system == "nested":
        assert "pay:1" not in values["actions"]
        return "withdrawn"
    status: str = values["actions"]["pay:1"]["status"]
    return status


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("system", SYSTEMS)
async def test_a_question_that_is_left_open_is_withdrawn_and_never_done(
    system: str, door: str
) -> None:
    app, move = saved(system), DOORS[door]
    await move(app, told("pay 1"), "t")
    asked = look(app, thread="t")
    assert asked.status == "waiting"
    values = await turn(app, "say 3", "t", move)
    alone = _alone(system, "say 3")
    noted = [each for each in gist(values)["decisions"] if each["choice"] != "withdrawn"]
    assert {**gist(values), "decisions": noted} == alone
    assert left_open(values, system) == "withdrawn"
    with pytest.raises(AnswerRefused, match="is not open any more"):
        asked.answer(approve(by="maria"))
    values = await turn(app, "pay 2 yes", "t", move)
    assert (status(values), PAID) == ("done", [2])
    assert left_open(values, system) == "withdrawn"
