from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Interrupt, Send
from pydantic import BaseModel

from quintet.errors import CheckpointerError
from quintet.state.savers.serializer import Packed, StrictSerializer


@dataclass
class Parcel:
    weight: int


class Receipt(BaseModel):
    total: int


def back(value: Any, serde: JsonPlusSerializer | None = None) -> Any:
    serde = serde or StrictSerializer()
    return serde.loads_typed(serde.dumps_typed(value))


def ext(code: int, *parts: Any) -> Callable[[], tuple[str, bytes]]:
    return lambda: ("msgpack", ormsgpack.packb(ormsgpack.Ext(code, ormsgpack.packb(parts))))


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc\0é", max_size=4), inner),
    max_leaves=12,
)


@given(plain)
def test_plain_data_comes_back_as_it_was(value: Any) -> None:
    assert back({"value": value}) == {"value": value}


def test_what_langgraph_and_langchain_use_themselves_comes_back_as_objects() -> None:
    values = [AIMessage("hello"), Send("node", {"a": 1}), Interrupt(value={"ask": 1}, id="x")]
    assert back(values) == values


half = "half \ud800"
long = 2**70


@pytest.mark.parametrize(
    "value",
    [
        half,
        {"deep": [{"text": half}, long, -long]},
        {half: 1, "b": {long: half}},
        AIMessage(half, id="a"),
        [AIMessage("?", tool_calls=[{"name": "pay", "args": {"cents": long}, "id": "c"}])],
        ToolMessage("ok", tool_call_id="c", artifact={half: long}),
        Interrupt(value={"ask": half}, id="x"),
        Send("node", {"a": {half: long}}),
        {"text": "shall I?"},
    ],
    ids=["text", "deep", "keys", "message", "call", "artifact", "question", "send", "plain"],
)
def test_text_and_numbers_that_msgpack_has_not_come_back_as_they_were(value: Any) -> None:
    assert back(value) == value


def test_what_needs_no_carrier_is_written_as_langgraph_writes_it() -> None:
    value = {"text": "shall I?", "said": [AIMessage("why?")], "of": ("a?", 2**63)}
    assert StrictSerializer().dumps_typed(value) == JsonPlusSerializer().dumps_typed(value)


@pytest.mark.parametrize("value", [Parcel(3), Receipt(total=3)])
def test_another_type_comes_back_as_its_data_unless_it_is_allowed(value: Any) -> None:
    data = {"weight": 3} if isinstance(value, Parcel) else {"total": 3}
    assert back([value]) == [data]
    assert back([value], StrictSerializer([type(value)])) == [value]
    assert back([value], StrictSerializer([(__name__, type(value).__name__)])) == [value]


def test_the_types_of_a_state_schema_are_added_to_the_list_and_not_put_in_its_place() -> None:
    serde = StrictSerializer([Parcel]).with_msgpack_allowlist([(__name__, "Receipt")])
    assert back([Parcel(1), Receipt(total=2)], serde) == [Parcel(1), Receipt(total=2)]
    assert serde.dumps_typed(Packed(value="x")) == serde.dumps_typed("x")


ATTACKS = {
    "one argument": lambda touch: ext(0, "os", "system", touch),
    "arguments": lambda touch: ext(1, "os", "system", [touch]),
    "keywords": lambda touch: ext(2, "os", "system", {"command": touch}),
    "method": lambda touch: ext(3, "os", "environ", touch, "get"),
    "pydantic 1": lambda touch: ext(4, "os", "system", {"command": touch}),
    "pydantic 2": lambda touch: ext(5, "os", "system", {"command": touch}, "x"),
}


@pytest.mark.parametrize("kind", ATTACKS)
def test_a_crafted_payload_runs_nothing(kind: str, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    payload = ATTACKS[kind](f"touch {marker}")()
    read = StrictSerializer().loads_typed(payload)
    assert not marker.exists()
    assert str(marker) in str(read)


def test_the_same_payload_runs_under_the_serializer_that_langgraph_takes_by_default(
    tmp_path: Path,
) -> None:
    marker = tmp_path / "ran"
    loose = JsonPlusSerializer(allowed_msgpack_modules=True)
    loose.loads_typed(ATTACKS["one argument"](f"touch {marker}")())
    assert marker.exists()


def test_a_payload_that_names_a_json_constructor_runs_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    text = f'{{"lc": 2, "type": "constructor", "id": ["os", "system"], "args": ["touch {marker}"]}}'
    StrictSerializer().loads_typed(("json", text.encode()))
    assert not marker.exists()


class Bomb:
    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def test_pickle_is_neither_written_nor_read(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    bomb = Bomb(str(marker))
    with pytest.raises(TypeError):
        StrictSerializer().dumps_typed(bomb)
    with pytest.raises(CheckpointerError, match="written by another program"):
        StrictSerializer().loads_typed(("pickle", pickle.dumps(bomb)))
    assert not marker.exists()


@pytest.mark.parametrize("allow", ["abc", Parcel, 3])
def test_the_list_must_be_a_list(allow: Any) -> None:
    with pytest.raises(CheckpointerError, match="takes a list"):
        StrictSerializer(allow)


@pytest.mark.parametrize("entry", [3, ("a",), ("a", 3), ("a", "b", "c"), "ab"])
def test_an_entry_must_be_a_class_or_a_pair(entry: Any) -> None:
    with pytest.raises(CheckpointerError, match="must be a class or a"):
        StrictSerializer([entry])


def test_a_class_that_could_not_be_found_again_is_refused_at_once() -> None:
    class Local:
        pass

    with pytest.raises(CheckpointerError, match="top level of a module"):
        StrictSerializer([Local])
