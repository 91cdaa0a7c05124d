from __future__ import annotations

import threading
from collections import Counter, OrderedDict, UserDict, defaultdict, deque
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from pydantic import BaseModel

from quintet.state.own import own

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts) | st.tuples(parts),
)


class Page(NamedTuple):
    words: list[str]


class Words(list[Any]):
    pass


class Fields(dict[str, Any]):
    pass


@dataclass
class Order:
    items: list[int] = field(default_factory=list)


class Model(BaseModel):
    items: list[int] = []


def containers(value: Any) -> list[int]:
    """Give the ids of all that may be changed in place."""
    own_id = [id(value)] if isinstance(value, list | dict) else []
    parts = value.values() if isinstance(value, dict) else value
    if not isinstance(value, list | dict | tuple):
        return own_id
    return own_id + [one for part in parts for one in containers(part)]


@given(PLAIN)
def test_plain_data_is_equal_and_nothing_of_it_is_shared(value: Any) -> None:
    copy = own(value)
    assert copy == value
    assert not {*containers(copy)} & {*containers(value)}


@pytest.mark.parametrize(
    ("value", "change"),
    [
        (defaultdict(list, a=[1]), lambda v: v["a"].append(2)),
        (OrderedDict(a=1), lambda v: v.popitem()),
        (Counter("ab"), lambda v: v.update("b")),
        (deque([1]), lambda v: v.popleft()),
        ({1, 2}, lambda v: v.discard(1)),
        (Page(words=["a"]), lambda v: v.words.sort(reverse=True) or v.words.append("b")),
        (Order(items=[1]), lambda v: v.items.append(2)),
        (Model(items=[1]), lambda v: v.items.append(2)),
        ([Order(items=[1])], lambda v: v[0].items.clear()),
        (UserDict(a=[1]), lambda v: v["a"].clear()),
        (MappingProxyType({"a": [1]}), lambda v: v["a"].clear()),
        (Words([[1]]), lambda v: v[0].clear()),
        (Fields(a=[1]), lambda v: v["a"].clear()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_changed_in_the_copy_stays_there(value: Any, change: Any) -> None:
    before, copy = repr(value), own(value)
    assert type(copy) is type(value)
    change(copy)
    assert repr(value) == before
    assert repr(copy) != before


def test_what_cannot_be_copied_and_messages_stay_the_same() -> None:
    message, lock, held = AIMessage("hello"), threading.Lock(), Order()
    held.items = threading.Lock()  # type: ignore[assignment]
    assert own([message, lock, held, Order]) == [message, lock, held, Order]
    assert own(held) is held
