from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.state import Action, DesignError, plain
from quintet.state.record import read

arguments = st.dictionaries(st.text(), st.integers() | st.text() | st.booleans(), max_size=4)


@given(arguments, arguments)
def test_the_digest_names_exactly_these_arguments(a: dict[str, Any], b: dict[str, Any]) -> None:
    first, second = Action(name="pay", arguments=a), Action(name="pay", arguments=b)
    same = [(k, type(v), v) for k, v in sorted(a.items())] == [
        (k, type(v), v) for k, v in sorted(b.items())
    ]
    assert (first.digest == second.digest) == same
    assert first.digest != Action(name="void", arguments=a).digest


@given(arguments, st.text(), st.text(), st.sampled_from(["proposed", "done"]))
def test_the_digest_is_of_nothing_else(
    given_: dict[str, Any], why: str, key: str, status: Any
) -> None:
    bare = Action(name="pay", arguments=given_)
    told = Action(name="pay", arguments=given_, why=why, key=key, status=status, at=1.0)
    assert told.digest == bare.digest


@given(arguments)
def test_an_action_comes_back_from_plain_data(given_: dict[str, Any]) -> None:
    made = Action(name="pay", arguments=given_, key="k")
    assert read(Action, plain(made)) == made


def test_without_a_key_name_and_arguments_make_the_effect() -> None:
    a, b = Action(name="pay", arguments={"n": 1}), Action(name="pay", arguments={"n": 2})
    assert a.key == f"pay:{a.digest}" != b.key


def test_an_unknown_status_is_refused() -> None:
    with pytest.raises(DesignError, match="status='odd'"):
        Action(name="pay", arguments={}, status="odd")  # type: ignore[arg-type]


def test_an_action_reads_as_a_call() -> None:
    assert str(Action(name="pay", arguments={"n": 1, "to": "x"})) == "pay(n=1, to='x')"
