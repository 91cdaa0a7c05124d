"""Test envelopes: what is read, what is refused, and what stays the same on the way."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from typing_extensions import TypedDict

from quintet.state import DesignError, Event, deliver, plain
from quintet.state.event import Delivered, identity_of, type_name


@dataclass
class Paid:
    order: str


class Named(BaseModel):
    event_type: str = "no"
    order: str


class Reminder(TypedDict):
    order: str


class Versioned(BaseModel):
    order: str


Versioned.event_type = "com.example.versioned"  # type: ignore[attr-defined]


def test_an_instance_is_put_into_an_envelope_under_its_types_name():
    event = Event.of(Paid("7"), id="1", source="shop", subject="7")
    assert event.envelope == {
        "type": "Paid",
        "data": {"order": "7"},
        "id": "1",
        "source": "shop",
        "subject": "7",
        "datacontenttype": "application/json",
        "specversion": "1.0",
    }
    assert Event.of({"order": "7"}, type=Reminder).type == "Reminder"
    assert Event.of({"order": "7"}, type="paid").type == "paid"
    assert type_name(Versioned) == Event.of(Versioned(order="7")).type == "com.example.versioned"
    assert type_name(Named) == "Named"  # a field of that name is no name of the type


texts = st.text(max_size=8)


@given(
    st.builds(
        Event,
        type=texts.filter(str.strip),
        data=st.none() | st.dictionaries(texts, st.integers(-9, 9), max_size=3),
        id=texts,
        source=texts,
        subject=texts,
        extensions=st.dictionaries(st.sampled_from(["traceparent", "tenant"]), texts, max_size=2),
    )
)
def test_an_envelope_is_read_as_it_was_written(event):
    assert Event.read(event.envelope) == event
    assert plain(event.envelope) == event.envelope


@given(texts, texts, texts, texts)
def test_two_events_have_one_identity_only_where_source_and_id_are_equal(one, two, other, another):
    same = (one, two) == (other, another)
    assert (identity_of(one, two) == identity_of(other, another)) == same


@pytest.mark.parametrize(
    ("envelope", "words"),
    [
        (3, "3 is no event"),
        ({"id": "1"}, "has no type"),
        ({"type": " "}, "name the type"),
        ({"type": "a", "id": 3}, "id=3"),
        ({"type": "a", "specversion": "0.3"}, "only '1.0'"),
        ({"type": "a", "datacontenttype": "text/xml"}, "give JSON"),
        ({"type": "a", "data_base64": "AA=="}, "binary"),
        ({"type": "a", "data": object()}, "not plain data"),
    ],
)
def test_what_is_no_envelope_is_refused(envelope, words):
    with pytest.raises(DesignError, match=words):
        Event.read(envelope)


@pytest.mark.parametrize("data", [{"a": 1}, [1], "a", 3, None])
def test_plain_data_without_a_type_is_refused(data):
    with pytest.raises(DesignError, match="give type= too"):
        Event.of(data)


def test_deliver_gives_ids_to_those_that_have_none_and_keeps_those_of_others():
    own = Event.of(Paid("7"), id="1", source="shop")
    sent = deliver(own, own.envelope, Paid("8"), Paid("8"), source="till")["events"]
    assert [event["id"] for event in sent[:2]] == ["1", "1"]
    assert sent[2]["id"] != sent[3]["id"]
    assert [event["source"] for event in sent] == ["shop", "shop", "till", "till"]
    assert all(event["time"] for event in sent)
    with pytest.raises(DesignError, match="no event"):
        deliver({"id": "3"})


def test_json_of_a_kind_of_its_own_is_json():
    assert Event(type="a", datacontenttype="application/vnd.shop+json; charset=utf-8").data is None


def test_a_trail_names_its_handlers_in_order():
    assert Event(type="a", trail="x -> y").handlers == ("x", "y")
    assert Event(type="a").handlers == ()


def test_a_nested_graph_reads_the_events_of_its_parent():
    channel = Delivered(list)
    assert channel.merge_input([None, [{"id": "1"}]]) == [{"id": "1"}]
