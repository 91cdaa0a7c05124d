"""Test fields on their way: lost, or changed to another of the same kind."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from quintet.evals.faults.handoffs import alter_field, another_value, drop_field, handoff_paths

leaves = st.none() | st.booleans() | st.integers() | st.floats(0, 1e6) | st.text(max_size=8)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


def able(value: Any) -> bool:
    """Tell whether there is anything in the value to be changed."""
    if isinstance(value, dict):
        return any(map(able, value.values()))
    if isinstance(value, list):
        return any(map(able, value))
    return value is not None and value != ""


@given(values, st.integers())
def test_an_altered_value_is_another_one_of_the_same_shape(value: Any, seed: int) -> None:
    changed = another_value(value, random.Random(seed))
    assert (changed != value) == able(value)
    assert type(changed) is type(value)
    if isinstance(value, dict):
        assert changed.keys() == value.keys()
        assert sum(changed[key] != value[key] for key in value) == able(value)


@given(values, st.integers())
def test_the_same_seed_alters_in_the_same_way(value: Any, seed: int) -> None:
    assert another_value(value, random.Random(seed)) == another_value(value, random.Random(seed))


def test_the_fields_handed_over_are_those_named_or_all_but_a_runs_own_records():
    state = {
        "message": "m",
        "facts": {"order": 1},
        "decisions": [{"x": 1}],
        "empty": {},
        "no": None,
    }
    assert handoff_paths(state, ()) == [("message",), ("facts",)]
    assert handoff_paths(state, ("facts", "absent")) == [("facts",)]


def test_a_plans_step_is_changed_where_its_inputs_are():
    state = {"message": "whole", "step": {"id": "1", "inputs": {"message": "part"}}}
    assert handoff_paths(state, ("message",)) == [("step", "inputs", "message")]
    lost = drop_field(state, ("step", "inputs", "message"))
    assert lost == {"message": "whole", "step": {"id": "1", "inputs": {}}}
    bent = alter_field(state, ("step", "inputs", "message"), random.Random(0))
    assert bent["message"] == "whole"
    assert bent["step"]["inputs"]["message"] == "pa"
    assert state["step"]["inputs"] == {"message": "part"}


@dataclass
class AsData:
    order: int = 4
    note: str | None = "x"


class AsModel(BaseModel):
    order: int = 4
    note: str | None = "x"


@pytest.mark.parametrize("state", [AsData(), AsModel()], ids=["dataclass", "model"])
def test_states_that_are_no_mappings_lose_and_change_fields_too(state: Any) -> None:
    assert handoff_paths(state, ()) == [("order",), ("note",)]
    assert drop_field(state, ("note",)).note is None
    assert alter_field(state, ("order",), random.Random(1)).order != 4
    assert (state.order, state.note) == (4, "x")
