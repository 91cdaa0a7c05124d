"""Test recorded conversations of a larger shop: workers, contracts, gate and effects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from examples.retail import demo
from examples.retail.data import DataMissing, find
from quintet.state import DesignError


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    try:
        find()
    except DataMissing as missing:
        pytest.skip(str(missing))
    url = f"sqlite:///{tmp_path_factory.mktemp('retail') / 'runs.db'}"
    return demo.run(url=url, progress=lambda done, total: None)


def test_every_task_ends_in_the_reference_state(report: dict[str, Any]) -> None:
    assert report["tasks"] == report["state_equal"] == 114


def test_the_reference_refusals_are_refused_here_with_the_same_message(
    report: dict[str, Any],
) -> None:
    assert report["refused"] == 18
    assert report["refused_as_recorded"] == 114


def test_nothing_is_written_without_the_customers_yes(report: dict[str, Any]) -> None:
    assert report["unconfirmed_writes"] == 0


def test_the_three_ways_to_get_it_wrong_are_caught(report: dict[str, Any]) -> None:
    assert set(report["wrong_ways"]) == {
        "confirmation_removed",
        "action_repeated",
        "another_customers_action",
    }
    for way in report["wrong_ways"].values():
        assert way["tried"] == way["caught"] > 100


def test_every_conversation_ends_in_an_outcome(report: dict[str, Any]) -> None:
    assert report["silent_ends"] == 0
    assert report["outcomes"] == {"done": 110, "escalated": 4}


def test_a_write_behind_the_graphs_back_is_counted(report: dict[str, Any]) -> None:
    data = demo.load()
    task = next(task for task in data.tasks if data.expected["tasks"][task["id"]]["changes"])
    store, wishes = demo.Logged(data.db), demo.recorded_actions(task)
    ended = demo.tried(store, task, wishes)
    assert demo.unconfirmed(store, ended) == 0
    pending = next(o for o in data.db["orders"].values() if o["status"] == "pending")
    store.cancel_pending_order(order_id=pending["order_id"], reason="no longer needed")
    assert demo.unconfirmed(store, ended) == 1


def test_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DesignError, match="recorded actions"):
        demo.run(url="memory://", progress=lambda done, total: None, model="openai:x")
