"""Test that the benchmark of patterns compares what does the same work; no time is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from benchmarks import patterns
from benchmarks.measure import Unequal
from benchmarks.shapes.registry import SHAPES
from benchmarks.shapes.shape import Shape

MESSAGE = "I was charged twice for order 1042, once on Monday. Why?"


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    # In a process of its own: it collects garbage between rounds, which takes a second each time in
    # one that has run other tests.
    command = [sys.executable, "-m", "benchmarks.patterns", "--quick", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(ended.stdout))


def test_each_pattern_has_its_figures(figures):
    assert set(figures["patterns"]) == set(SHAPES)
    keys = ("ratio_sync", "ratio_async", "cpu_ratio_sync", "concurrent_over_ideal")
    for one in figures["patterns"].values():
        assert all(one[key] > 0 for key in keys)
    for key in keys:
        assert figures[key] == max(one[key] for one in figures["patterns"].values())


def test_all_nine_patterns_are_listed():
    assert list(SHAPES) == [
        "single",
        "sequential",
        "parallel",
        "handoff",
        "manager_worker",
        "planner",
        "event_driven",
        "workflow",
        "review",
    ]


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=lambda shape: shape.name)
def test_the_hand_written_graph_of_each_pattern_does_its_work(shape: Shape, way: str) -> None:
    desk = shape.desk("by_hand", shape.by_hand, way == "async")
    patterns.check_same(shape, [desk], awaited=way == "async")


@pytest.mark.parametrize("shape", SHAPES.values(), ids=lambda shape: shape.name)
def test_both_graphs_give_the_same_results(shape: Shape) -> None:
    if shape.spoken:
        pytest.skip("the hand-written graph keeps messages in place of results")
    ours, by_hand = (
        desk.run(desk.given(MESSAGE), "1")["results"] for desk in shape.desks(awaited=False)
    )
    assert {name: ours[name] for name in shape.results} == {
        name: by_hand[name] for name in shape.results
    }


def test_a_graph_that_does_less_is_noticed():
    lazy = replace(SHAPES["single"], calls=2)
    with pytest.raises(Unequal, match="1 model calls, not 2"):
        patterns.check_same(lazy, lazy.desks(awaited=False), awaited=False)
    poor = replace(SHAPES["single"], results=("work", "more"))
    with pytest.raises(Unequal, match="no result more"):
        patterns.check_same(poor, poor.desks(awaited=False), awaited=False)


def test_json_is_one_object(capsys):
    patterns.main(["--quick", "--only", "single", "--rounds", "2", "--json"])
    printed = capsys.readouterr()
    assert set(json.loads(printed.out)["patterns"]) == {"single"}
    assert "single: 2 rounds" in printed.err


def test_a_table_has_a_line_for_each_pattern(figures):
    lines = patterns.table(figures).splitlines()
    for name in figures["patterns"]:
        assert sum(line.startswith(f"| {name} |") for line in lines) == 1


def test_one_round_is_refused(capsys):
    with pytest.raises(SystemExit):
        patterns.main(["--rounds", "1"])
    assert "two or more" in capsys.readouterr().err
