"""Test runs whose process is killed: a fresh process goes on with them, and they end rightly.

An effect that was under way when the kill came is never begun again unasked: nobody can tell from
inside whether it happened, so a person is asked.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from quintet.runs import approve, look, resume, settle, start, stored_run
from quintet.state import Failure, RunError, checkpointer
from tests.runs.killable import Shop

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"message": "billing", "order": 1, "amount": 5.0}
LARGE = {"message": "billing", "order": 1, "amount": 500.0}


def killed(folder: Path, place: str, request: dict[str, Any]) -> Shop:
    """Return a shop whose run was killed at this place, by SIGKILL, in a process of its own."""
    command = [sys.executable, "-m", "tests.runs.killable", str(folder), place, json.dumps(request)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    shop = Shop(folder=folder)
    # A parallel step may have written its own line between this one and the kill.
    assert shop.book.count(place) == 1
    return shop


@contextmanager
def opened(shop: Shop) -> Iterator[Any]:
    """Open the same desk in this process, over the same database."""
    with checkpointer(shop.url) as saver:
        yield shop.graph().compile(checkpointer=saver)


@pytest.mark.parametrize(
    ("place", "request_", "path"),
    [
        ("router", SMALL, ("router", "billing", "finish")),
        ("worker", SMALL, ("router", "billing", "finish")),
        ("before the effect", SMALL, ("router", "billing", "finish")),
        ("finish", SMALL, ("router", "billing", "finish")),
        ("before the effect", LARGE, ("router", "billing", "approve", "act", "finish")),
        ("finish", LARGE, ("router", "billing", "approve", "act", "finish")),
    ],
)
def test_a_run_that_was_killed_goes_on_and_ends(
    place: str, request_: Any, path: Any, tmp_path: Path
):
    shop = killed(tmp_path, place, request_)
    with opened(shop) as app:
        stopped = look(app, thread="t")
        assert (stopped.status, stopped.finished) == ("unfinished", False)
        assert stored_run(app.checkpointer, "t").status == "unfinished"
        with pytest.raises(RunError, match="has a run that stopped at"):
            start(app, request_, thread="t")
        ended = resume(app, thread="t")
        if place == "before the effect":  # it was claimed, and may have happened
            assert shop.book.count("paid") == 0
            assert ended.waiting[0].packet["answers"] == ["happened", "did not happen"]
            ended = ended.answer(settle("did not happen", by="maria"))
        assert (ended.status, ended.path) == ("done", path)
        found = stored_run(app.checkpointer, "t")
        assert (found.status, found.path) == ("done", path)
    assert shop.book.count("paid") == 1


@pytest.mark.parametrize("place", ["paid", "end of worker"])
def test_a_run_that_was_killed_after_its_effect_still_ends(place: str, tmp_path: Path):
    shop = killed(tmp_path, place, SMALL)
    with opened(shop) as app:
        run = resume(app, thread="t")
        if place == "paid":  # and not settled: the desk cannot know
            assert run.waiting[0].packet["settle"] == "pay"
            run = run.answer(settle("happened", by="maria", result={"order": 1}))
        assert run.status == "done"
        assert run.values["actions"]["pay:1:5.0"]["result"] == {"order": 1}
    assert shop.book.count("paid") == 1


def test_an_approval_can_be_given_after_the_restart(tmp_path: Path):
    shop = killed(tmp_path, "gate", LARGE)
    with opened(shop) as app:
        waits = look(app, thread="t")
        assert waits.status == "waiting"
        assert waits.waiting[0].packet["arguments"] == {"order": 1, "amount": 500.0}
        with pytest.raises(RunError, match="waits for an answer"):
            resume(app, thread="t")
        assert shop.book.count("paid") == 0
        ended = waits.answer(approve(by="maria"))
        assert ended.status == "done"
    assert shop.book.count("paid") == 1


@pytest.mark.parametrize("node", ["broken", "plainly"], ids=["worker", "function"])
def test_a_failure_is_still_typed_after_a_kill_in_its_handler(node: str, tmp_path: Path):
    # LangGraph keeps only the exception's repr; of a node's failure that is the record.
    shop = killed(tmp_path, f"handler of {node}", {"message": node})
    with opened(shop) as app:
        assert look(app, thread="t").status == "unfinished"
        ended = resume(app, thread="t")
        assert (ended.status, ended.path) == ("done", ("router", node, "basic", "finish"))
        [kept] = ended.values["failures"]
    assert kept.pop("remedy") == "fallback:basic"
    failure = Failure(**kept)
    assert (failure.node, failure.kind, failure.error) == (node, "transient", "ConnectionError")
    assert failure.attempts == 3
    assert "the line is down" in failure.message


def test_a_plan_that_was_killed_in_a_step_goes_on_with_it(tmp_path: Path):
    request = {"message": "plan", "order": 1, "amount": 5.0}
    shop = killed(tmp_path, "before the effect", request)
    with opened(shop) as app:
        waits = resume(app, thread="t")
        assert waits.status == "waiting"
        ended = waits.answer(settle("did not happen", by="maria"))
        assert ended.status == "done"
        assert set(ended.values["results"]) == {"one", "two", "three"}
    assert shop.book.count("paid") == 1


def test_a_run_that_was_killed_twice_goes_on_twice(tmp_path: Path):
    killed(tmp_path, "router", SMALL)
    command = (
        "import sys; from pathlib import Path; from quintet.runs import resume;"
        "from quintet.state import checkpointer; from tests.runs.killable import Shop;"
        "shop = Shop(folder=Path(sys.argv[1]), place='worker');"
        "resume(shop.graph().compile(checkpointer=checkpointer(shop.url)), thread='t')"
    )
    again = subprocess.run(
        [sys.executable, "-c", command, str(tmp_path)], cwd=ROOT, capture_output=True, check=False
    )
    assert again.returncode == -signal.SIGKILL, again.stderr
    shop = Shop(folder=tmp_path)
    with opened(shop) as app:
        assert resume(app, thread="t").status == "done"
    assert (shop.book.count("router"), shop.book.count("paid")) == (2, 1)
