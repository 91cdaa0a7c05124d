from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from quintet.runs import start
from quintet.state import checkpointer
from quintet.state.journal import found
from tests.runs.desks import PAID, desk, large


async def test_the_journal_is_found_where_a_server_takes_each_event_in_a_task_of_its_own(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver:
        put = saver.put

        def slow(*given: Any) -> Any:
            time.sleep(0.02)
            return put(*given)

        monkeypatch.setattr(saver, "put", slow)
        app = desk().compile(checkpointer=saver)
        config: Any = {"configurable": {"thread_id": "a"}}
        events = app.astream(large(50.0), config, durability="async")
        # Each in a context of its own: what was set while the run was loaded is lost.
        while await asyncio.create_task(anext(events, None)) is not None:
            pass
        assert [e.kind for e in saver.journal.entries("a", "effect ")] == ["claimed", "done"]
    assert PAID == [(1, 50.0)]


def test_a_saver_that_is_not_ours_is_told_of_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found, "_warned", [])
    caplog.set_level(logging.WARNING, "quintet")
    app = desk().compile(checkpointer=InMemorySaver())
    start(app, large(50.0), thread="a")
    start(app, large(50.0), thread="b")
    told = [record.message for record in caplog.records if "memory only" in record.message]
    assert len(told) == 1
    assert "checkpointer(url)" in told[0]


def test_nothing_is_told_where_a_saver_of_ours_keeps_the_run(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found, "_warned", [])
    app = desk().compile(checkpointer=checkpointer("memory://"))
    start(app, large(50.0), thread="a")
    assert not caplog.records
