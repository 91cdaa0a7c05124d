"""Test that a budget holds over a crash, a resume, nested graphs and parallel branches.

The processes end by SIGKILL in the middle of a model call; see `tests.runs.spender`.
"""

from __future__ import annotations

import asyncio
import operator
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from quintet.graphs import create_single_agent
from quintet.nodes import Recovery, Worker, per_million, retry
from quintet.nodes.core import left
from quintet.runs import Run, aresume, astart, resume, start
from quintet.state import Budget, Contract, Failure, checkpointer
from quintet.state.clock import told_by
from quintet.state.journal import found
from quintet.state.record import read
from quintet.testing import ScriptedModel
from tests.clocks import Still
from tests.runs.spender import GIVEN, Spender
from tests.services import postgres_schema

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/runs.db"
        return
    with postgres_schema() as url:
        yield url


def killed(url: str, kind: str, place: str) -> None:
    command = [sys.executable, "-m", "tests.runs.spender", url, kind, place]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def goes_on(url: str, kind: str) -> tuple[Run, int]:
    """Go on in this process; give the run, and the model calls that it made here."""
    spender = Spender()
    with checkpointer(url) as saver:
        run = resume(getattr(spender, kind)().compile(checkpointer=saver), thread="t")
    return run, spender.calls


def test_a_budget_of_tokens_holds_over_a_crash(url: str) -> None:
    killed(url, "single", "4")
    run, calls = goes_on(url, "single")
    assert (run.status, calls) == ("done", 5)
    assert run.values["spent"]["tokens"] == 30 + 50


def test_crash_after_crash_uses_it_up(url: str) -> None:
    killed(url, "single", "4")
    killed(url, "single", "4")
    run, calls = goes_on(url, "single")
    assert (run.status, calls) == ("exhausted", 4)
    assert run.values["spent"]["tokens"] == 30 + 30 + 40
    assert "tokens: 100 of 100 spent" in str(run.outcome)


def test_work_without_a_limit_pays_nothing(url: str) -> None:
    killed(url, "unlimited", "4")
    run, _ = goes_on(url, "unlimited")
    assert run.values["spent"]["tokens"] == 50
    with checkpointer(url) as saver:
        assert saver.journal.entries(None, "spent ") == ()


def test_a_limit_around_a_nested_graph_holds_over_a_crash(url: str) -> None:
    killed(url, "within", "5")  # the first of its workers has ended, and is not run again
    run, calls = goes_on(url, "within")
    assert (run.status, calls) == ("done", 3)
    assert run.values["spent"]["tokens"] == 40 + 30


def test_a_limit_inside_a_graph_that_a_node_calls_holds_over_a_crash(url: str) -> None:
    killed(url, "in_node", "3")
    killed(url, "in_node", "3")
    run, calls = goes_on(url, "in_node")
    # In the called graph 20 + 20 are spent of 50: one call more.
    with checkpointer(url) as saver:
        spent = [e.value.get("tokens", 0) for e in saver.journal.entries("t", "spent ")]
    assert (run.results.get("work"), calls) == ("ok", 3 + 1)
    assert sum(spent) == 20 + 20 + 10 + 30


def test_a_failure_is_whole_after_a_crash_before_its_handler(url: str) -> None:
    killed(url, "failing", "handler")
    run, calls = goes_on(url, "failing")
    assert (run.status, calls) == ("done", 0)
    (record,) = run.values["failures"]
    failure = read(Failure, {key: value for key, value in record.items() if key != "remedy"})
    # The class is by the user's own classifier, which cannot be asked any more.
    assert (failure.kind, failure.error, failure.attempts) == ("transient", "OutOfStock", 2)
    assert failure.message == "OutOfStock: none left"
    (cause,) = failure.causes
    assert (cause.kind, cause.error) == ("transient", "ConnectionError")
    assert cause.message == "ConnectionError: the line is down"
    assert run.values["spent"] | {"seconds": 0} == {
        "steps": 6, "tokens": 40, "retries": 1, "seconds": 0,
    }  # fmt: skip


# In one process, which forgets what it knows


class Ended(BaseException):
    """Stands for the end of a process: nothing of ours catches it."""


@pytest.fixture
def crash(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def forget() -> None:
        monkeypatch.setattr(found, "_in_process", [])
        left._attempts.clear()  # noqa: SLF001 - as a new process

    return forget


def model_that(*replies: Any, clock: Still | None = None) -> ScriptedModel:
    usage: Any = {"input_tokens": 10, "output_tokens": 0, "total_tokens": 10}

    def reply(messages: Any) -> AIMessage:
        said = left_to_say.pop(0)
        if clock is not None:
            clock.at += 10
        if isinstance(said, BaseException):
            raise said
        return AIMessage(said, usage_metadata=usage)

    left_to_say = list(replies)
    return ScriptedModel(reply)


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(
    "budget", [{"steps": 9}, {"money": 9.0}, {"tokens": 900}, {"retries": 5}, {"seconds": 60.0}, {}]
)
def test_every_limit_and_a_price_alone_are_kept(
    tmp_path: Path, crash: Any, budget: dict[str, Any], asynchronous: bool
) -> None:
    clock = Still()
    model = model_that("a", ConnectionError("down"), "b", "c", "d", clock=clock)
    ends = [False, True, False]

    def work(request: Any) -> str:
        model.invoke("x")
        if ends.pop(0):
            raise Ended
        return str(model.invoke("y").text)

    async def awork(request: Any) -> str:
        await model.ainvoke("x")
        if ends.pop(0):
            raise Ended
        return str((await model.ainvoke("y")).text)

    worker = Worker(
        agent=awork if asynchronous else work,
        contract=Contract(goal="g", needs=("message",), budget=Budget(**budget)),
        price=per_million(input=1e5, output=0),
    )
    graph = create_single_agent(worker, recover=Recovery(transient=retry(3, wait=0)))
    with checkpointer(f"sqlite:///{tmp_path}/runs.db") as saver, told_by(clock):
        app = graph.compile(checkpointer=saver)
        first = astart(app, GIVEN, thread="t") if asynchronous else None
        with pytest.raises(Ended):
            start(app, GIVEN, thread="t") if first is None else asyncio.run(first)
        crash()
        then = aresume(app, thread="t") if asynchronous else None
        run = resume(app, thread="t") if then is None else asyncio.run(then)
    assert run.status == "done"
    spent = run.values["spent"]
    assert (spent["tokens"], spent["money"]) == (40, 4.0)
    assert (spent["steps"], spent["seconds"]) == (3 + 2 + 3, 20 + 10 + 20)
    assert spent.get("retries", 0) == 1


def test_a_failed_attempt_and_its_retry_are_not_counted_twice(tmp_path: Path) -> None:
    model = model_that("a", ConnectionError("down"), "b", "c")

    def work(request: Any) -> str:
        model.invoke("x")
        return str(model.invoke("y").text)

    worker = Worker(
        agent=work, contract=Contract(goal="g", needs=("message",), budget=Budget(tokens=100))
    )
    graph = create_single_agent(worker, recover=Recovery(transient=retry(3, wait=0)))
    with checkpointer(f"sqlite:///{tmp_path}/runs.db") as saver:
        run = start(graph.compile(checkpointer=saver), GIVEN, thread="t")
    assert run.values["spent"]["tokens"] == 30


class Branches(TypedDict, total=False):
    message: str
    said: Annotated[list[str], operator.add]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=3), st.integers(1, 9))
def test_parallel_branches_share_what_is_left_after_a_crash(calls: list[int], dies: int) -> None:
    """The law: what was spent is what the models were paid, over any crash, and never twice."""
    paid = [0]

    def reply(messages: Any) -> AIMessage:
        paid[0] += 1
        if paid[0] == dies:
            raise Ended
        usage: Any = {"input_tokens": 10, "output_tokens": 0, "total_tokens": 10}
        return AIMessage("ok", usage_metadata=usage)

    model = ScriptedModel(reply)
    inner = StateGraph(Branches)
    for number, times in enumerate(calls):

        def branch(state: Branches, times: int = times) -> Branches:
            return {"said": [str(model.invoke("x").text) for _ in range(times)]}

        inner.add_node(f"b{number}", branch)
        inner.add_edge(START, f"b{number}")
    worker = Worker(
        agent=inner.compile(),
        contract=Contract(goal="g", needs=("message",), budget=Budget(tokens=10_000)),
    )
    import tempfile

    with (
        tempfile.TemporaryDirectory() as folder,
        checkpointer(f"sqlite:///{folder}/runs.db") as saver,
    ):
        app = create_single_agent(worker).compile(checkpointer=saver)
        try:
            run = start(app, GIVEN, thread="t")
        except Ended:
            left._attempts.clear()  # noqa: SLF001 - as a new process
            run = resume(app, thread="t")
    cut_off = 1 if paid[0] >= dies else 0
    assert run.values["spent"]["tokens"] == 10 * (paid[0] - cut_off)
