"""Test the main job: the desk over all its messages, as `quintet demo` runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from examples.support.demo import messages, run
from examples.support.desk import training
from quintet.runs import stored_run, stored_runs
from quintet.state import checkpointer

pytest.importorskip("sklearn", reason="the extra `learn` is not installed")

ENDS = {"done", "asked", "escalated", "rejected", "aborted", "exhausted"}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('demo') / 'runs.db'}"


@pytest.fixture(scope="module")
def report(database: str) -> dict[str, Any]:
    seen: list[int] = []
    found = run(url=database, progress=lambda done, total: seen.append(done))
    assert seen == list(range(1, found["cases"] + 1))
    return found


def test_every_run_ends_in_an_outcome_with_a_reason(report: dict[str, Any]) -> None:
    assert report["silent_ends"] == 0
    assert {row["outcome"] for row in report["runs"]} <= ENDS
    assert all(row["reason"] for row in report["runs"])


def test_the_front_door_routes_messages_it_has_not_seen(report: dict[str, Any]) -> None:
    seen = {text for text, _ in training()}
    assert not seen & {case["message"] for case in messages()}
    assert report["cases"] >= 80
    assert report["routing_accuracy"] >= 0.95


def test_nobody_talks_the_desk_past_its_gate(report: dict[str, Any]) -> None:
    tried = report["manipulations"]
    assert tried["tried"] >= 12
    assert tried["talked_past"] == []


def test_the_unbroken_runs_end_as_labelled(report: dict[str, Any]) -> None:
    assert report["outcome_accuracy"] >= 0.95


def test_the_conversations_go_as_labelled_and_count_among_the_decisions(
    report: dict[str, Any],
) -> None:
    talks = report["conversations"]
    assert talks["cases"] >= 20
    assert talks["cases"] - talks["as_labelled"] == len(talks["disagreements"]) <= 1
    assert all(talks["disagreements"].values())
    assert talks["outcomes"]["asked"] >= 20
    assert report["decision_accuracy"] >= 0.95


def test_broken_steps_recover_or_go_to_a_person(report: dict[str, Any]) -> None:
    struck = [row for row in report["runs"] if row["fault"]]
    assert {row["fault"] for row in struck} >= {"shop down", "garbage", "agent broken"}
    assert all(row["recovery"] for row in struck)
    recovered = [row for row in struck if row["outcome"] == row["expected_outcome"]]
    assert len(recovered) == report["recovered"] > 0
    assert all(row["outcome"] == "escalated" for row in struck if row not in recovered)


def test_a_write_that_was_cut_off_is_not_run_again(report: dict[str, Any]) -> None:
    cut = [row for row in report["runs"] if row["fault"] == "write cut off"]
    assert cut
    assert all(row["outcome"] == "escalated" and row["path"][-1] == "person" for row in cut)


def test_the_runs_can_be_read_afterwards(report: dict[str, Any], database: str) -> None:
    with checkpointer(database) as saver:
        stored = {item.thread: item for item in stored_runs(saver)}
        for row in report["runs"]:
            assert stored[row["thread"]].status == row["outcome"]
        whole = stored_run(saver, report["runs"][0]["thread"])
    assert list(whole.path) == report["runs"][0]["path"]
    assert whole.decisions


def test_without_faults_nothing_is_broken(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'runs.db'}"
    found = run(url=url, progress=lambda done, total: None, limit=20, faults=False)
    assert found["faults"] == {}
    assert found["cases"] == 20
