"""Test cases as a LangSmith dataset's examples: ours come back whole, others are understood."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langsmith.schemas import Example

from quintet.errors import DesignError
from quintet.evals import Case, ToolCall
from quintet.evals.reading.dataset import from_example, to_example

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
data = st.recursive(
    scalars | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
objects = st.dictionaries(st.text(max_size=5), data, max_size=3)
names = st.text(min_size=1, max_size=5)
labels = st.none() | st.lists(names, min_size=1, max_size=3).map(tuple)
cases = st.builds(
    Case,
    input=data.filter(lambda value: value is not None),
    id=names,
    route=labels,
    calls=st.none() | st.lists(st.builds(ToolCall, name=names, arguments=objects), max_size=2),
    outcome=labels,
    escalate=st.none() | st.booleans(),
    never=st.lists(names, max_size=2).map(tuple),
    state=st.none() | objects,
    answer=data,
    tags=st.lists(names, max_size=2).map(tuple),
    group=st.text(max_size=3),
)


@given(case=cases)
@settings(deadline=None)
def test_a_case_comes_back_whole(case):
    example = to_example(case)
    assert set(example) == {"inputs", "outputs", "metadata"}
    assert from_example(json.loads(json.dumps(example))) == case


def test_a_states_keys_are_the_inputs_and_labels_the_outputs():
    case = Case(id="m1", input={"message": "hi"}, route="billing", calls=["look"], tags=["short"])
    assert to_example(case) == {
        "inputs": {"message": "hi"},
        "outputs": {"route": ["billing"], "calls": ["look"]},
        "metadata": {"quintet": {"id": "m1", "tags": ["short"], "wrapped": False}},
    }


def test_langsmiths_own_example_is_read():
    name = UUID(int=7)
    example = Example(
        id=name,
        inputs={"question": "hi"},
        outputs={"label": "billing", "output": "Hello."},
        metadata={"dataset_split": ["test"]},
        created_at=datetime.now(UTC),
        dataset_id=name,
    )
    assert from_example(example) == Case(
        id=str(name), input="hi", route="billing", answer="Hello.", tags=("test",)
    )


@pytest.mark.parametrize(
    ("inputs", "outputs", "case"),
    [
        ({"message": "hi"}, {"route": "a"}, Case(input={"message": "hi"}, route="a")),
        ({"input": "hi"}, {"route": ["a", "b"]}, Case(input="hi", route=("a", "b"))),
        ({"text": "hi", "by": "x"}, {}, Case(input={"text": "hi", "by": "x"})),
        ({"text": "hi"}, {"score": 5}, Case(input="hi", answer={"score": 5})),
        ({"text": "hi"}, None, Case(input="hi")),
    ],
)
def test_foreign_examples_are_understood(inputs, outputs, case):
    assert from_example({"inputs": inputs, "outputs": outputs}) == case


@pytest.mark.parametrize(
    ("example", "said"),
    [
        ({}, "no inputs"),
        (7, "no inputs"),
        ({"inputs": {"text": "hi"}, "outputs": {"label": 5}}, "route: 5: give a name"),
    ],
)
def test_an_example_that_is_no_case_is_refused(example, said):
    with pytest.raises(DesignError, match=said):
        from_example(example)
