from __future__ import annotations

import datetime as dt
import enum
import json
import math
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.types import Command
from pydantic import AnyUrl, BaseModel, Field, Secret, SecretStr, ValidationError

from quintet.state import Budget, DesignError, digest, plain
from quintet.state.record import read, validated

texts = st.text(st.characters(codec=None))  # lone surrogates too: models send them in JSON
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(texts, inner)
        | st.frozensets(st.integers() | st.text() | st.booleans() | st.none())
    ),
    max_leaves=12,
)


class Colour(enum.Enum):
    RED = "red"


class Size(enum.StrEnum):
    BIG = "big"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass
class Point:
    x: int
    tags: tuple[str, ...]


class Order(BaseModel):
    id: int
    day: dt.date


class Wallet(BaseModel):
    cards: tuple[tuple[SecretStr, int], ...] = ()
    pins: dict[str, frozenset[SecretStr]] = {}
    home: AnyUrl


class Photo(BaseModel):
    pixels: bytes


class Letter(BaseModel):
    sender: str = Field(alias="from")


class Card(BaseModel):
    number: SecretStr


def kinds(value: Any) -> set[type]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {type(value)}.union(*(kinds(item) for item in inner))


@given(values)
def test_plain_is_json_and_plain_again(value: Any) -> None:
    made = plain(value)
    assert plain(made) == made
    assert json.loads(json.dumps(made)) == made
    assert kinds(made) <= {dict, list, str, int, float, bool, type(None)}


@given(st.dictionaries(texts, values, max_size=5), st.randoms())
def test_the_digest_does_not_see_the_order_of_keys(data: dict[str, Any], random: Any) -> None:
    items = list(data.items())
    random.shuffle(items)
    assert digest(dict(items)) == digest(data)
    assert len(digest(data)) == 16


@given(values, values)
def test_the_digest_is_of_the_json(a: Any, b: Any) -> None:
    said = [json.dumps(plain(each), sort_keys=True, ensure_ascii=False) for each in (a, b)]
    assert (digest(a) == digest(b)) == (said[0] == said[1])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Point(1, ("a",)), {"x": 1, "tags": ["a"]}),
        (Order(id=1, day=dt.date(2024, 1, 2)), {"id": 1, "day": "2024-01-02"}),
        (dt.date(2024, 1, 2), "2024-01-02"),
        ({1: "a"}, {"1": "a"}),
        (Colour.RED, "red"),
        (Size.BIG, "big"),
        (Level.HIGH, 3),
        ({Size.BIG: Level.HIGH}, {"big": 3}),
        ({3, "a", None}, ["a", 3, None]),
    ],
    ids=["dataclass", "model", "date", "key", "enum", "str", "int", "inner", "mixed"],
)
def test_records_become_json(value: Any, expected: Any) -> None:
    made = plain(value)
    assert made == expected or sorted(map(str, made)) == sorted(map(str, expected))
    assert kinds(made) <= {dict, list, str, int, float, bool, type(None)}


@pytest.mark.parametrize(
    "value",
    [object(), Decimal("nan"), b"x", Point, print, math.nan, math.inf, np.array([1, 2])],
    ids=["object", "decimal", "bytes", "class", "function", "nan", "infinity", "array"],
)
def test_what_json_has_not_is_refused_by_its_type(value: Any) -> None:
    with pytest.raises(DesignError, match="is not plain data"):
        plain({"deep": [value]})


@pytest.mark.parametrize(
    "secret",
    [
        SecretStr("s"),
        Secret(3),
        Card(number=SecretStr("s")),
        Wallet(cards=((SecretStr("s"), 1),), home=AnyUrl("http://example.org")),
        Wallet(pins={"a": frozenset({SecretStr("s")})}, home=AnyUrl("http://example.org")),
    ],
    ids=["bare", "of any type", "in", "in a tuple", "in a set"],
)
def test_a_secret_is_refused_and_not_kept_as_asterisks(secret: Any) -> None:
    with pytest.raises(DesignError, match="is a secret, and the state keeps none"):
        plain({"deep": [secret]})


FORMS: list[tuple[Any, Any, Any]] = [
    (Decimal, Decimal("10.10"), "10.10"),
    (UUID, UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    (dt.date, dt.date(2026, 1, 2), "2026-01-02"),
    (dt.datetime, dt.datetime(2026, 1, 2, 3), "2026-01-02T03:00:00"),  # noqa: DTZ001
    (dt.time, dt.time(3, 4), "03:04:00"),
    (dt.timedelta, dt.timedelta(hours=1), "PT1H"),
    (PurePosixPath, PurePosixPath("/x"), "/x"),
    (Size, Size.BIG, "big"),
    (tuple[int, ...], (1, 2), [1, 2]),
    (set[int], {1}, [1]),
    (int, np.int64(5), 5),
    (float, np.float32(0.5), 0.5),
    (bool, np.bool_(True), True),
    (int, 2**70, 2**70),
]


@pytest.mark.parametrize(("kind", "value", "form"), FORMS, ids=[repr(it[1]) for it in FORMS])
def test_what_has_a_form_in_json_is_kept_in_it_and_read_back(
    kind: Any, value: Any, form: Any
) -> None:
    assert plain(value) == form
    assert type(plain(value)) is type(form)
    assert validated(kind, form) == value
    assert validated(kind, value) == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [(int, "12"), (int, True), (int, 1.0), (float, "1"), (bool, 1), (str, 1), (dt.date, 5)],
    ids=lambda it: getattr(it, "__name__", repr(it)),
)
def test_nothing_else_is_taken_for_what_it_is_not(kind: Any, value: Any) -> None:
    with pytest.raises(ValidationError):
        validated(kind, value)


def test_a_model_that_cannot_be_written_is_refused_by_what_it_holds() -> None:
    with pytest.raises(DesignError, match="bytes is not plain data"):
        plain(Photo(pixels=b"\xff"))


def test_a_model_with_an_alias_is_kept_under_its_fields_name_and_read_back() -> None:
    letter = Letter.model_validate({"from": "maria"})
    assert plain(letter) == {"sender": "maria"}
    assert validated(Letter, plain(letter)) == validated(Letter, {"from": "maria"}) == letter


def test_two_keys_that_become_one_are_refused() -> None:
    with pytest.raises(DesignError, match="'1'"):
        plain({1: "a", "1": "b"})


def test_a_record_that_does_not_fit_names_field_and_fault() -> None:
    with pytest.raises(DesignError, match=r"Budget: steps: .*got 'many'"):
        read(Budget, {"steps": "many"})


def test_a_records_own_refusal_is_kept() -> None:
    with pytest.raises(DesignError, match=r"Budget\(steps=-1\)"):
        read(Budget, {"steps": -1})


class Tagged(str):
    """Text with an extra, as some libraries return."""

    __slots__ = ("tag",)


class Long(int):
    pass


class Real(float):
    pass


@pytest.mark.parametrize("value", [Tagged("a"), Long(3), Real(0.5)], ids=["str", "int", "float"])
def test_a_subclass_of_plain_data_becomes_the_type_itself(value: Any) -> None:
    made = plain(value)
    assert made == value
    assert type(made) in (str, int, float)


def test_a_subclass_is_no_way_round_what_json_has_not() -> None:
    with pytest.raises(DesignError, match="is not plain data"):
        plain(Real("nan"))


def test_an_order_to_langgraph_is_no_data():
    with pytest.raises(DesignError, match="Command is not plain data"):
        plain({"result": Command(goto="next")})


def test_a_moment_that_is_none_is_no_plain_data() -> None:
    pandas = pytest.importorskip("pandas", reason="it is not installed")
    with pytest.raises(DesignError, match="NaT"):
        plain({"when": pandas.NaT})
    assert plain(pandas.Timestamp("2026-01-01")) == "2026-01-01T00:00:00"
