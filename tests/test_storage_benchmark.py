"""Test the programs that measure storage and the journal, by a few rounds each."""

from __future__ import annotations

import json

import pytest

from benchmarks import journal, storage


def test_storage_gives_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    storage.main(["--json", "--quick"])
    figures = json.loads(capsys.readouterr().out)
    for key in ("exponent_turns", "exponent_supersteps", "ratio_to_plain_keys"):
        assert 0 < figures[key] < 3
    assert figures["look_ms"] > 0
    assert figures["start_ms"] > 0
    assert "bytes, by hand" in storage.table(figures)


def test_an_exponent_is_the_slope_of_a_power() -> None:
    assert storage.exponent((10, 100, 800), (30, 300, 2400)) == pytest.approx(1)
    assert storage.exponent((10, 100, 800), (100, 10**4, 640_000)) == pytest.approx(2)


def test_a_superstep_without_an_effect_has_no_commit_more_and_an_effect_two(
    capsys: pytest.CaptureFixture[str],
) -> None:
    journal.main(["--json", "--quick"])
    figures = json.loads(capsys.readouterr().out)
    assert figures["no_effect_commits"] == 1
    assert figures["effect_commits"] == 2
    assert figures["no_effect_ratio"] > 0
    assert "commits a run" in journal.table(figures)
