from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.state import DesignError, Failure, StepFailed, plain
from quintet.state.failure import FAILURE_CLASSES

texts = st.text(st.characters(codec=None))
json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=8,
)


@st.composite
def failures(draw: st.DrawFn) -> Failure:
    return Failure(
        node=draw(texts),
        kind=draw(st.sampled_from(FAILURE_CLASSES)),
        error=draw(texts),
        message=draw(texts),
        step=draw(texts),
        attempts=draw(st.integers(1, 99)),
        at=draw(st.floats(0, 1e12)),
    )


@given(failures(), st.dictionaries(texts, json_data))
def test_a_failed_step_survives_as_its_repr(failure: Failure, update: dict[str, Any]) -> None:
    back = StepFailed.parse(repr(StepFailed(failure, update)))
    assert back is not None
    assert back.failure == failure
    assert back.update == update
    assert repr(back) == repr(StepFailed(failure, update))


@given(texts)
def test_any_other_text_is_no_failed_step(text: str) -> None:
    assert StepFailed.parse(text) is None
    assert StepFailed.parse(f"StepFailed({{{text}}})") is None


@pytest.mark.parametrize(
    "record",
    ["{}", '{"failure": 1}', '{"failure": {"node": "a"}, "update": {}}', '{"failure": {}}'],
)
def test_a_damaged_record_is_no_failed_step(record: str) -> None:
    assert StepFailed.parse(f"StepFailed({record})") is None


@given(failures())
def test_a_failed_step_can_be_pickled(failure: Failure) -> None:
    back = pickle.loads(pickle.dumps(StepFailed(failure, {"spent": {"steps": 1}})))
    assert (back.failure, back.update) == (failure, {"spent": {"steps": 1}})


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(DesignError, match=r"kind='odd'.*give one of transient"):
        Failure(node="a", kind="odd", error="E", message="m")  # type: ignore[arg-type]


def test_a_failure_reads_as_a_sentence() -> None:
    failure = Failure(node="pay", kind="timeout", error="E", message="too late", attempts=3)
    assert str(failure) == "pay: timeout after 3 attempts: E: too late"
    assert str(StepFailed(failure)) == str(failure)
    assert plain(failure)["attempts"] == 3
