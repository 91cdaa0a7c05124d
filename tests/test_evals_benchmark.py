"""Test the program that measures what evaluating costs, on few cases."""

from __future__ import annotations

import pytest

from benchmarks import evals


def test_the_overhead_is_told_for_running_and_summing_up_apart():
    found = evals.overhead(20, 1)
    assert set(found) == {
        "loop_us_per_case",
        "run_us_per_case",
        "run_into_file_us_per_case",
        "sum_up_us_per_case",
    }
    assert all(value > 0 for value in found.values())
    assert found["run_us_per_case"] > found["loop_us_per_case"]


def test_many_cases_are_evaluated_and_compared_with_themselves():
    found = evals.many(60)
    assert found["figures_compared"] > 10
    assert found["better_or_worse_than_itself"] == 0
    assert min(found["evaluate_cpu_seconds"], found["compare_cpu_seconds"]) >= 0


def test_memory_is_told_for_both_halves():
    found = evals.memory(200)
    assert found["kb_per_case_second_half"] < 2 * found["kb_per_case_first_half"] + 1


def test_scaling_is_told_against_the_ideal(monkeypatch):
    monkeypatch.setattr(evals, "JOBS", (1, 8))
    found = evals.scaling(8)
    assert set(found) == {"jobs_1", "jobs_8"}
    assert found["jobs_1"]["wall_to_ideal"] >= 1


@pytest.mark.slow
def test_an_evaluation_that_is_killed_loses_no_case_and_counts_none_twice():
    found = evals.killed(60, 2)
    assert (found["rows"], found["lost"], found["twice_in_the_report"]) == (60, 0, 0)
    assert found["run_again"] <= found["kills"]
