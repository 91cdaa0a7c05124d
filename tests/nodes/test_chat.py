from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, Required

import pytest
from langchain_core.messages import AIMessage
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from quintet.nodes import Worker, effect
from quintet.state import Contract, DesignError, StepFailed
from quintet.testing import ScriptedModel


class Reply(TypedDict):
    text: str
    note: NotRequired[str]


class Loose(TypedDict, total=False):
    text: Required[str]
    note: str


class Typed(BaseModel):
    text: str = Field(description="what the customer reads")
    note: str | None = None


@dataclass
class Record:
    text: str
    note: str = ""


class Line(TypedDict):
    item: str


class Nested(TypedDict):
    text: str
    lines: list[Line]


def look(item: str) -> str:
    """Look an item up."""
    return f"{item} is blue"


def work(*script: Any, tools: tuple[Any, ...] = (look,), gives: Any = Reply) -> tuple[Any, Any]:
    """Run a worker by a model's script; return its update and the model."""
    model = ScriptedModel(list(script))
    contract = Contract(goal="do it", needs=("message",), gives=gives, tools=tools)
    return Worker(agent=model, contract=contract)({"message": "hi"}), model


def fails(*script: Any, gives: Any = Reply) -> StepFailed:
    with pytest.raises(StepFailed) as caught:
        work(*script, gives=gives)
    return caught.value


def answered(text: str, **more: Any) -> dict[str, Any]:
    return {"name": "Reply", "args": {"text": text, **more}}


LOOK = {"name": "look", "args": {"item": "lamp"}}


@pytest.mark.parametrize(
    ("gives", "required"),
    [
        (Reply, ["text"]),
        (Loose, ["text"]),
        (Typed, ["text"]),
        (Record, ["text"]),
        (Nested, ["text", "lines"]),
    ],
)
def test_the_answer_tool_asks_for_what_the_type_requires(gives: Any, required: list[str]) -> None:
    said = {"text": "hello", "lines": [{"item": "lamp"}]}
    args = {name: said[name] for name in required}
    update, model = work({"name": gives.__name__, "args": args}, gives=gives)
    [_, tool] = model.calls[0].tools
    assert tool["name"] == gives.__name__
    assert tool["parameters"]["type"] == "object"
    assert tool["parameters"]["required"] == required
    assert update["results"]["work"]["text"] == "hello"


def test_the_answer_tool_tells_what_its_fields_are_and_nothing_twice() -> None:
    _, model = work({"name": "Typed", "args": {"text": "hello"}}, gives=Typed)
    parameters = model.calls[0].tools[-1]["parameters"]
    assert parameters["properties"]["text"] == {
        "type": "string",
        "description": "what the customer reads",
    }
    assert "title" not in json.dumps(parameters)


def test_nested_types_stand_where_they_are_used() -> None:
    args = {"text": "hello", "lines": [{"item": "lamp"}]}
    _, model = work({"name": "Nested", "args": args}, gives=Nested)
    assert "$ref" not in json.dumps(model.calls[0].tools[-1])


@pytest.mark.parametrize(
    ("gives", "value"), [(list[int], [1, 2]), (int, 3), (Literal["yes", "no"], "yes")], ids=str
)
def test_an_answer_that_is_no_object_is_asked_for_in_a_field(gives: Any, value: Any) -> None:
    update, model = work({"name": "answer", "args": {"answer": value}}, gives=gives)
    assert update["results"] == {"work": value}
    assert model.calls[0].tools[-1]["parameters"]["required"] == ["answer"]


def test_an_answer_outside_the_choices_is_invalid() -> None:
    problem = fails({"name": "answer", "args": {"answer": "maybe"}}, gives=Literal["yes", "no"])
    assert problem.failure.kind == "invalid"


def test_an_answer_beside_other_calls_waits_for_their_results() -> None:
    paid = []

    def pay(amount: int) -> str:
        """Pay."""
        paid.append(amount)
        return "receipt 7"

    update, model = work(
        [answered("I have paid."), {"name": "pay", "args": {"amount": 3}}],
        answered("It is paid, receipt 7."),
        tools=(effect(pay, key="pay:{amount}"),),
    )
    assert paid == [3]
    assert update["results"]["work"]["text"] == "It is paid, receipt 7."
    early, receipt = model.calls[1].messages[-2:]
    assert "not taken" in early.text
    assert receipt.text == "receipt 7"


def test_a_handoff_beside_other_calls_waits_too() -> None:
    model = ScriptedModel(
        [
            [{"name": "transfer_to_other", "args": {"reason": "theirs"}}, LOOK],
            [{"name": "transfer_to_other", "args": {"reason": "still theirs"}}],
        ]
    )
    contract = Contract(goal="do it", needs=("message",), tools=(look,))
    worker = Worker(agent=model, contract=contract, then="finish", handoffs=("other",))
    command = worker({"message": "hi"})
    assert command.goto == "other"
    assert len(model.calls) == 2


def broken(name: str, number: str) -> dict[str, Any]:
    return {
        "name": name,
        "args": '{"item": "la',
        "id": number,
        "error": None,
        "type": "invalid_tool_call",
    }


def test_a_call_whose_arguments_are_no_json_gets_its_own_reply() -> None:
    sound = {"name": "look", "args": {"item": "lamp"}, "id": "c2", "type": "tool_call"}
    both = AIMessage(content="", tool_calls=[sound], invalid_tool_calls=[broken("look", "c1")])
    update, model = work(both, answered("blue"))
    assert update["results"]["work"] == {"text": "blue"}
    told = {each.tool_call_id: each.text for each in model.calls[1].messages[-2:]}
    assert told["c2"] == "lamp is blue"
    assert "not JSON" in told["c1"]
    assert '{"item": "la' in told["c1"]


def test_an_answer_whose_arguments_are_no_json_is_no_answer() -> None:
    only = AIMessage(content="done!", invalid_tool_calls=[broken("Reply", "c1")])
    update, _ = work(only, answered("blue"))
    assert update["results"]["work"] == {"text": "blue"}


@pytest.mark.parametrize("gives", [None, str, Reply], ids=str)
@pytest.mark.parametrize("said", ["", " \n"], ids=["nothing", "blanks"])
def test_an_empty_message_is_no_answer_whatever_the_contract_gives(said: str, gives: Any) -> None:
    problem = fails(AIMessage(content=said), gives=gives)
    assert problem.failure.kind == "invalid"
    assert "its last message is empty" in problem.failure.message


def test_a_refusal_is_no_answer_and_is_quoted() -> None:
    problem = fails(AIMessage(content="", additional_kwargs={"refusal": "Not that."}), gives=None)
    assert problem.failure.kind == "invalid"
    assert "it refused: Not that." in problem.failure.message


@pytest.mark.parametrize("gives", [None, Reply], ids=str)
@pytest.mark.parametrize(
    "about",
    [
        {"finish_reason": "length"},
        {"finish_reason": "content_filter"},
        {"stop_reason": "max_tokens"},
    ],
    ids=str,
)
def test_a_message_that_was_cut_off_is_no_answer(about: dict[str, str], gives: Any) -> None:
    problem = fails(AIMessage(content='{"text": "It is', response_metadata=about), gives=gives)
    assert problem.failure.kind == "invalid"
    assert "was cut off" in problem.failure.message


def test_a_tool_call_of_a_message_that_was_cut_off_does_not_run() -> None:
    def never(item: str) -> str:
        """Never."""
        raise AssertionError(item)

    call = {"name": "never", "args": {"item": "lamp"}, "id": "c1", "type": "tool_call"}
    cut = AIMessage(content="", tool_calls=[call], response_metadata={"finish_reason": "length"})
    with pytest.raises(StepFailed, match="cut off"):
        work(cut, tools=(never,))


@pytest.mark.parametrize("reason", ["stop", "tool_calls", "end_turn", None])
def test_a_message_that_is_whole_is_taken(reason: str | None) -> None:
    said = AIMessage(content='{"text": "hello"}', response_metadata={"finish_reason": reason})
    update, _ = work(said)
    assert update["results"]["work"] == {"text": "hello"}


def test_a_tool_may_not_have_the_name_of_the_answer() -> None:
    def answer(text: str) -> str:
        """Look the answer up."""
        return text

    with pytest.raises(DesignError, match="the tool 'answer' has the name"):
        work("hi", tools=(answer,), gives=list[str])
