"""Refuse by name what is given in the place of a suite, of rows or of cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from quintet.errors import CheckpointerError, DesignError
from quintet.evals import ablate, attributions, corrections, inject, plant, tiers
from quintet.nodes import by_rules
from quintet.runs import stored_run, stored_runs

WRONG: dict[str, Callable[[Any], Any]] = {
    "inject or plant: 5 is not a Suite; give Suite": inject,
    "inject or plant: 5 is not a Suite": plant,
    r"ablate\(suite=...\): 5 is not a Suite": ablate,
    r"corrections\(rows=...\): 5 is no list; give a list of Rows": corrections,
    r"attributions\(rows=...\): 5 is no list; give a list of Rows": attributions,
    r"tiers\(cases=...\): 5 is no list; give a list of Cases": lambda given: tiers(
        by_rules([("refund", "billing")]), given
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_another_thing_is_refused_by_name(message: str) -> None:
    with pytest.raises(DesignError, match=message):
        WRONG[message](5)


def test_a_url_is_no_checkpointer() -> None:
    with pytest.raises(CheckpointerError, match=r"a\.db' is no checkpointer: give one"):
        stored_runs("sqlite:///a.db")  # type: ignore[arg-type]
    with pytest.raises(CheckpointerError, match=r"a\.db' is no checkpointer: give one"):
        stored_run("sqlite:///a.db", "t-1")  # type: ignore[arg-type]
