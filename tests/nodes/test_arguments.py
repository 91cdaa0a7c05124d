from __future__ import annotations

import datetime as dt
import enum
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Secret, SecretStr

from quintet.nodes import Act, Worker, effect, proposed
from quintet.nodes.core.arguments import arguments_of
from quintet.state import DesignError, plain
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
    """An object that no plain data fits."""


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
    assert arguments_of(send).read(plain(OWN)) == OWN


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


NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
RICH = {
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    UUID: st.uuids(),
    dt.date: st.dates(),
    dt.datetime: st.datetimes(),
    dt.time: st.times(),
    dt.timedelta: st.timedeltas(),
    Size: st.sampled_from(Size),
    PurePosixPath: st.text("abc/", min_size=1).map(PurePosixPath),
    tuple[int, ...]: st.lists(st.integers()).map(tuple),
    set[str]: st.sets(st.text()),
}


@given(st.data())
def test_every_kind_that_an_annotation_may_name_survives_the_record(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(list(RICH)))
    value = data.draw(RICH[kind])

    def take(it: Any) -> Any: ...

    take.__annotations__ |= {"it": kind, "return": kind}
    arguments = arguments_of(take)
    typed = arguments.bind((value,), {})
    kept = json.loads(json.dumps(plain(typed["it"])))
    assert arguments.read({"it": kept}) == typed == {"it": value}
    assert arguments.result(kept) == value


@given(NUMBERS)
def test_equal_amounts_make_equal_keys(amount: float) -> None:
    def annotated(amount: float) -> None: ...

    def bare_one(amount) -> None: ...  # type: ignore[no-untyped-def]

    def exact(amount: Decimal) -> None: ...

    for function in (annotated, bare_one):
        keys = {effect(function, key="{amount}").action(it).key for it in (amount, float(amount))}
        assert len(keys) == 1 or float(amount) != amount
    tool = effect(exact, key="{amount}")
    assert tool.action(Decimal("10.10")).key == tool.action("10.1").key == "10.1"
    assert tool.action(Decimal(100)).key == "100"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"amount": "12"}, "amount: value: input should be a valid number"),
        ({"amount": True}, "amount: value: input should be a valid number"),
        ({"size": "small"}, "size: value"),
        ({"day": "soon"}, "day: value"),
        ({"amout": 1.0}, "unexpected keyword argument 'amout'"),
    ],
    ids=["text for a number", "true for a number", "no member", "no date", "no argument"],
)
def test_what_does_not_fit_is_refused_by_name_before_the_effect(
    arguments: dict[str, Any], fault: str
) -> None:
    tool = effect(send, key="k")
    with pytest.raises(DesignError, match=f"effect 'send': .*{fault}"):
        tool.action(**{"to": {"city": "x"}, "day": "2024-01-02", **arguments})


@pytest.mark.parametrize("kind", [Session, SecretStr, Callable[[], int]])
def test_a_type_that_cannot_be_kept_is_refused_when_the_effect_is_declared(kind: Any) -> None:
    def take(it: Any) -> None: ...

    def give(it: Any) -> Any: ...

    take.__annotations__["it"] = kind
    give.__annotations__["return"] = kind
    with pytest.raises(DesignError, match=r"its argument 'it'.*(cannot be kept|is a secret)"):
        effect(take, key="{it}")
    with pytest.raises(DesignError, match=r"what it returns.*(cannot be kept|is a secret)"):
        effect(give, key="{it}")


def test_a_secret_inside_a_model_is_refused_before_the_effect() -> None:
    class Card(BaseModel):
        number: SecretStr

    def charge(card: Card) -> None:
        raise AssertionError("it ran")

    with pytest.raises(DesignError, match=r"argument 'card': .*SecretStr is a secret"):
        effect(charge, key="charge").action(card=Card(number="4111"))  # type: ignore[arg-type]


def test_a_name_that_cannot_be_found_is_no_type() -> None:
    def take(to: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert arguments_of(take).read({"to": 1}) == {"to": 1}


def test_a_default_is_the_authors_own() -> None:
    def take(to: str = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013

    assert arguments_of(take).bind((), {}) == {"to": None}


@dataclass
class Sum:
    cents: Decimal


def test_a_secret_or_bytes_anywhere_in_a_type_are_refused_when_the_effect_is_declared() -> None:
    for kind in (SecretStr | None, list[SecretStr], Secret[int], dict[str, bytes], int | complex):

        def take(it: Any) -> Any: ...

        for place in ("it", "return"):
            take.__annotations__.update({"it": int, "return": None, place: kind})
            with pytest.raises(DesignError, match=r"cannot be kept|is a secret"):
                effect(take, key="{it}")


@pytest.mark.parametrize(
    "value",
    [
        Decimal("1.10"),
        dt.date(2024, 1, 2),
        Size.BIG,
        {1, 2},
        {1: "a"},
        Point(1),
        [{"a": UUID(int=1)}],
    ],
    ids=["decimal", "date", "enum", "set", "keys", "record", "deep"],
)
def test_what_would_come_back_as_something_else_is_refused_before_the_effect(value: Any) -> None:
    def pay(it): ...  # type: ignore[no-untyped-def]

    def put(it: dict) -> None: ...  # type: ignore[type-arg]

    with pytest.raises(DesignError, match=r"effect 'pay': argument 'it' is .* annotate it"):
        effect(pay, key="k").action(it=value)
    with pytest.raises(DesignError, match=r"effect 'put': argument 'it' is .* annotate it"):
        effect(put, key="k").action(it={"deep": value})


def test_what_comes_back_as_it_was_needs_no_annotation() -> None:
    def pay(it): ...  # type: ignore[no-untyped-def]

    for value in (1, 0.5, "a", None, True, [1, (2,)], {"a": {"b": ()}}, 2**70):
        assert effect(pay, key="k").action(it=value).arguments == {"it": plain(value)}


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (set[str], {"a", "b", "c"}, {"c", "b", "a"}),
        (dict[str, int], {"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (list[Decimal], [Decimal("1.10")], [Decimal("1.1")]),
        (Sum, Sum(Decimal("2.50")), Sum(Decimal("2.5"))),
        (Any, [144.0], [144]),
    ],
    ids=["set", "dict", "decimals", "record", "numbers"],
)
def test_equal_collections_and_records_make_equal_keys(kind: Any, one: Any, other: Any) -> None:
    def pay(it: Any) -> None: ...

    pay.__annotations__["it"] = kind
    once = effect(pay, key="pay:{it}")
    assert once.action(it=one).key == once.action(it=other).key


def test_a_key_of_a_set_is_the_same_in_every_process() -> None:
    def pay(it: set[str]) -> None: ...

    assert effect(pay, key="pay:{it}").action(it={"b", "a"}).key == 'pay:["a","b"]'


def test_a_key_function_gets_what_the_record_holds() -> None:
    def pay(it: dict[str, Any]) -> None: ...

    once = effect(pay, key=lambda it: f"{it}")
    action = once.action(it=OrderedDict(a=(1,)))
    assert once.exactly(action).key == action.key == "{'a': [1]}"


NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
PARIS = dt.timezone(dt.timedelta(hours=1))


@pytest.mark.parametrize("key", ["remind:{at}", "remind:{at!s}", "remind:{every}"])
def test_one_moment_on_two_clocks_makes_one_key(key: str) -> None:
    def remind(at: dt.datetime, every: list[dt.datetime]) -> None: ...

    reminder = effect(remind, key=key)
    there = NOON.astimezone(PARIS)
    assert (
        reminder.action(at=NOON, every=[NOON]).key == reminder.action(at=there, every=[there]).key
    )


def test_a_moment_in_a_format_of_its_own_is_told_by_its_own_clock() -> None:
    def remind(at: dt.datetime) -> None: ...

    late = dt.datetime(2026, 1, 2, 0, 30, tzinfo=PARIS)
    assert effect(remind, key="remind:{at:%Y-%m-%d}").action(at=late).key == "remind:2026-01-02"
    bare_clock = late.replace(tzinfo=None)
    assert effect(remind, key="{at}").action(at=bare_clock).key == "2026-01-02 00:30:00"


def test_equal_numbers_are_one_for_a_key_function_too() -> None:
    def pay(order: Any, amount: Any, fee: Decimal = Decimal(0), rate: float = 0.0) -> None: ...

    named = effect(pay, key=lambda **given: ":".join(map(str, given.values())))
    keys = {
        named.action(1, 144, Decimal("10.10"), 0.0).key,
        named.action(1.0, 144.0, Decimal("10.1"), -0.0).key,
    }
    assert len(keys) == 1
    texts = effect(pay, key="{order}:{amount}:{fee}:{rate}")
    assert texts.action(1, -0.0, rate=-0.0).key == texts.action(1, 0, rate=0.0).key


class Bill(BaseModel):
    total: int | float


@pytest.mark.parametrize(
    ("kind", "key", "one", "other"),
    [
        (int | float, "{it}", 144, 144.0),
        (Decimal | float, "{it}", Decimal("144.00"), 144.0),
        (object, "{it!s}", 144, 144.0),
        (dict, "{it[total]}", {"total": 144}, {"total": 144.0}),
        (list, "{it[0]}", [144], [144.0]),
        (Bill, "{it.total}", Bill(total=144), Bill(total=144.0)),
        (dict, lambda it: f"{it['total']}", {"total": 144}, {"total": 144.0}),
        (Bill, lambda it: f"{it.total}", Bill(total=144), Bill(total=144.0)),
        (list, lambda it: f"{it}", [(144, -0.0)], [(144.0, 0)]),
    ],
)
def test_equal_numbers_are_one_key_wherever_they_stand(
    kind: Any, key: Any, one: Any, other: Any
) -> None:
    def pay(it: Any) -> None: ...

    pay.__annotations__["it"] = kind
    once = effect(pay, key=key)
    assert once.action(it=one).key == once.action(it=other).key


def test_a_default_makes_the_key_of_the_same_amount_when_given() -> None:
    def pay(amount: float | None = 10, fee: Decimal = 1.0) -> None: ...  # type: ignore[assignment]

    for key in ("{amount}:{fee}", lambda amount, fee: f"{amount}:{fee}"):
        once = effect(pay, key=key)
        assert once.action().key == once.action(10.0, Decimal("1.00")).key == "10.0:1"


@pytest.mark.parametrize("part", ["function", "undo", "reconcile", "dry"])
def test_a_function_with_a_yield_is_refused_since_a_call_of_it_does_nothing(part: str) -> None:
    def pays(to: str) -> Any:
        yield to

    async def pays_slowly(to: str) -> Any:
        yield to

    for function in (pays, pays_slowly):
        parts: Any = {"function": lambda to: to, part: function}
        with pytest.raises(DesignError, match=f"{part}: pays.* has a `yield`"):
            effect(**parts, key="{to}")


@dataclass
class Parcel:
    number: int
    note: str = field(default="", init=False, compare=False)


def test_a_field_that_is_not_compared_is_kept_or_refused() -> None:
    def ship(parcel: Parcel) -> None: ...

    parcel = Parcel(7)
    parcel.note = "fragile"
    with pytest.raises(DesignError, match="would come back"):
        effect(ship, key="{parcel.number}").action(parcel)
