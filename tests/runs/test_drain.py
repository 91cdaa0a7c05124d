"""On SIGTERM a process finishes the superstep under way, and another process goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from langgraph.runtime import RunControl

from quintet.errors import AnswerRefused, DesignError, RunError
from quintet.runs import aresume, draining, look, resume, start, stream
from quintet.state import checkpointer
from tests.runs.drainable import graph
from tests.runs.versions import line, stops

ROOT = Path(__file__).parents[2]


def wait_for(book: Path, text: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if book.exists() and text in book.read_text():
            return
        time.sleep(0.02)
    raise AssertionError(f"{text!r} never came")


@pytest.mark.parametrize("how", ["sync", "async", "nested", "worker"])
def test_a_terminated_process_ends_at_a_superstep_and_another_goes_on(tmp_path, how):
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.runs.drainable", str(tmp_path), how],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    book = tmp_path / "book"
    wait_for(book, "two begins")
    child.send_signal(signal.SIGTERM)
    printed, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    first, second = printed.splitlines()
    assert first == "unfinished True"
    assert second.startswith("this process was told to end")
    # The node that was running has ended, and the next did not begin.
    assert book.read_text().splitlines()[-1] == "two ends"
    with checkpointer(f"sqlite:///{tmp_path / 'runs.db'}") as saver:
        app = graph(tmp_path, how).compile(checkpointer=saver)
        assert look(app, thread="t").status == "unfinished"
        assert "u" not in saver.threads()
        options = {"thread": "t"}
        run = asyncio.run(aresume(app, **options)) if how == "async" else resume(app, **options)
        assert run.status == "done"
    begun = [entry for entry in book.read_text().splitlines() if entry.endswith("begins")]
    assert begun == ["one begins", "two begins", "three begins"]


def test_an_answer_is_not_taken_when_the_process_is_ending():
    app = line(nodes={"first": lambda state: {}, "stops": stops, "last": lambda state: {}})
    app = app.compile(checkpointer=checkpointer("memory://"))
    run = start(app, {}, thread="t")
    with draining() as drain:
        drain.request()
        for move in (lambda: run.answer("yes"), lambda: resume(app, thread="t")):
            with pytest.raises(RunError, match="told to end"):
                move()
        assert look(app, thread="t").waiting == run.waiting
    assert run.answer("yes").finished


def test_the_signal_goes_back_to_whom_it_was():
    before = signal.getsignal(signal.SIGTERM)
    with draining(signal.SIGTERM, signal.SIGUSR1) as drain:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert drain.requested
    assert signal.getsignal(signal.SIGTERM) is before


def test_signals_are_for_the_main_thread():
    raised: list[BaseException] = []

    def elsewhere() -> None:
        try:
            with draining():
                pass
        except DesignError as problem:
            raised.append(problem)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert "main thread" in str(raised[0])


def slow_line() -> object:
    nodes = {"first": lambda state: {"log": ["a"]}, "stops": lambda state: {"log": ["b"]}}
    return line(nodes=nodes).compile(checkpointer=checkpointer("memory://"))


def test_a_streamed_run_is_drained_too():
    app = slow_line()
    with draining() as drain:
        events = stream(app, {}, thread="t", stream_mode="updates")
        next(events)
        drain.request()
        run = list(events)[-1]
    # LangGraph hands an event on while the next superstep begins, or before.
    assert run.status == "unfinished"
    assert run.values["log"] in (["a"], ["a", "b"])
    assert resume(app, thread="t").values["log"] == ["a", "b", "last"]


def test_an_answer_that_came_too_late_is_refused_and_the_question_stays():
    nodes = {"first": lambda state: {}, "stops": stops, "last": lambda state: {}}
    app = line(nodes=nodes).compile(checkpointer=checkpointer("memory://"))
    run = start(app, {}, thread="t")
    ending = RunControl()
    ending.request_drain()
    with pytest.raises(AnswerRefused, match="told to end first, and the question is open"):
        run.answer("yes", control=ending)
    assert look(app, thread="t").answer("yes", control=RunControl()).values["log"] == ["yes"]
