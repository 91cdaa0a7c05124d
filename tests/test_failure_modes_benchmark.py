"""Test the benchmark of the failure lens: what it plants is what it says, and clean runs are."""

from __future__ import annotations

import json
import random

from benchmarks import failure_modes as bench
from quintet.evals import failure_modes


def test_every_mode_is_planted_and_most_are_found():
    found = bench.measured(12)
    assert set(found["modes"]) == set(bench.PLANTS)
    assert all(mode["recall"] > 0.3 for mode in found["modes"].values())
    assert found["precision"] > 0.9
    assert json.loads(json.dumps(found)) == found
    assert "1.3 step repetition" in bench.table(found)


def test_a_plant_that_leaves_no_record_is_counted_as_missed():
    assert any(mode["recall"] < 1 for mode in bench.measured(12)["modes"].values())


def test_clean_runs_show_no_mode_whatever_their_habit():
    rng = random.Random(3)
    assert not any(failure_modes(*bench.clean(rng, number)) for number in range(200))


def test_the_seed_decides():
    assert bench.measured(5, seed=1) == bench.measured(5, seed=1)
    assert bench.measured(5, seed=1) != bench.measured(5, seed=2)
