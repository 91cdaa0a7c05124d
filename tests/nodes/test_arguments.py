from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from quintet.nodes import Act, Worker, effect, proposed
from quintet.nodes.arguments import in_own_types
from quintet.state import plain
from quintet.testing import ScriptedModel
from tests.nodes.workshop import bare


class Address(BaseModel):
    city: str


class Size(enum.Enum):
    BIG = "big"


@dataclass
class Point:
    x: int


class Session:
    """Something that no plain data fits."""


def send(
    to: Address,
    day: dt.date,
    size: Size | None = None,
    points: tuple[Point, ...] = (),
    amount: float = 1.0,
    note: Any = None,
) -> str:
    """Send."""
    SENT.append({"to": to, "day": day, "size": size, "points": points, "amount": amount})
    return "sent"


SENT: list[dict[str, Any]] = []
OWN = {
    "to": Address(city="x"),
    "day": dt.date(2024, 1, 2),
    "size": Size.BIG,
    "points": (Point(1), Point(2)),
    "amount": 2,
}


@pytest.fixture(autouse=True)
def _nothing_sent() -> None:
    SENT.clear()


def test_what_is_on_record_as_plain_data_comes_back_in_the_functions_own_types() -> None:
    assert in_own_types(send, plain(OWN)) == OWN


def test_an_effect_runs_on_what_it_was_called_with() -> None:
    tool = effect(send, key="{to}:{day}")
    work = Worker(agent=lambda request, tools: tools.send(**OWN), contract=bare(tools=(tool,)))
    update = work({})
    assert SENT == [OWN]
    (action,) = update["actions"].values()
    assert action["arguments"]["day"] == "2024-01-02"
    assert plain(update) == update


def test_a_proposed_effect_runs_on_the_same() -> None:
    tool = effect(send, key="k")
    Act(effects=(tool,), then="finish")(proposed(tool.action(**OWN)))
    assert SENT == [OWN]


def test_a_models_arguments_arrive_in_the_functions_own_types() -> None:
    call = {"name": "send", "args": {"to": {"city": "x"}, "day": "2024-01-02"}}
    Worker(agent=ScriptedModel([call, "ok"]), contract=bare(tools=(effect(send, key="k"),)))({})
    assert (SENT[0]["to"], SENT[0]["day"]) == (Address(city="x"), dt.date(2024, 1, 2))


@given(st.one_of(st.integers(), st.text(), st.lists(st.integers()), st.none(), st.floats(0, 1)))
def test_what_is_annotated_as_plain_is_never_changed(value: Any) -> None:
    def take(
        a: int, b: float, c: str, d: list[int], e: dict[str, Any] | None, f: Any, g=None
    ) -> None: ...

    given_ = dict.fromkeys("abcdefg", value)
    made = in_own_types(take, given_)
    assert all(made[name] is value for name in given_)


def test_what_does_not_fit_is_given_as_it_is() -> None:
    def take(to: Address, session: Session, kind: Literal["a"], day: dt.date) -> None: ...

    given_ = {"to": 3, "session": {"id": 1}, "kind": "b", "day": "soon"}
    assert in_own_types(take, given_) == given_
    assert in_own_types(take, {}) == {}


def test_a_name_that_cannot_be_found_is_no_type() -> None:
    def take(to: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert in_own_types(take, {"to": 1}) == {"to": 1}
