from __future__ import annotations

import datetime as dt
import enum
import json
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from quintet.state import Budget, DesignError, digest, plain
from quintet.state.record import read

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
    [object(), Decimal(1), b"x", Point, print, math.nan, math.inf],
    ids=["object", "decimal", "bytes", "class", "function", "nan", "infinity"],
)
def test_what_json_has_not_is_refused_by_its_type(value: Any) -> None:
    with pytest.raises(DesignError, match="is not plain data"):
        plain({"deep": [value]})


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
