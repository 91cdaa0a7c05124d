"""Test the parallel pattern: width, deadline, joins, failures, questions, crashes, nesting."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.graph import START, StateGraph
from langgraph.types import Send, interrupt

from quintet.checks import check
from quintet.graphs import create_parallel, create_sequential, create_single_agent
from quintet.nodes import (
    ApprovalGate,
    FanOut,
    Join,
    Merge,
    Recovery,
    Worker,
    abort,
    effect,
    escalate,
    fallback,
    late_results,
    numbered,
    people,
    precedence,
    retry,
    says,
    vote,
)
from quintet.runs import Run, approve, astart, look, start
from quintet.state import Budget, Contract, DesignError, OrchestrationState, checkpointer
from quintet.testing import ScriptedModel, crashpoints

ONCE = Recovery(transient=escalate(), timeout=escalate(), invalid=escalate(), otherwise=escalate())


def worker(agent: Callable[..., Any], *tools: Any, **contract: Any) -> Worker:
    given = {"goal": "Look", "needs": ("message",), "tools": tools, **contract}
    return Worker(agent=agent, contract=Contract(**given))


def says_so(value: Any, wait: float = 0.0) -> Worker:
    def agent(request: Any) -> dict[str, Any]:
        time.sleep(wait)
        return {"value": value}

    return worker(agent)


def awaits(value: Any, wait: float = 0.0, cancelled: list[Any] | None = None) -> Worker:
    async def agent(request: Any) -> dict[str, Any]:
        try:
            await asyncio.sleep(wait)
        except asyncio.CancelledError:
            if cancelled is not None:
                cancelled.append(value)
            raise
        return {"value": value}

    return worker(agent)


def fails(problem: Exception) -> Worker:
    def agent(request: Any) -> Any:
        raise problem

    return worker(agent)


def begun(graph: StateGraph[Any], saver: Any = None, thread: str = "t") -> Run:
    app = graph.compile(checkpointer=saver or checkpointer("memory://"))
    return start(app, {"message": "hi"}, thread=thread)


async def abegun(graph: StateGraph[Any], saver: Any = None) -> Run:
    app = graph.compile(checkpointer=saver or checkpointer("memory://"))
    return await astart(app, {"message": "hi"}, thread="t")


def reason(run: Run) -> str:
    assert run.outcome is not None
    return run.outcome.reason


# All


def test_all_branches_run_at_once_and_the_join_comes_once():
    met = threading.Barrier(3, timeout=10)

    def agent(request: Any) -> dict[str, Any]:
        met.wait()  # breaks, if they do not all run at once
        return {"fine": True}

    run = begun(create_parallel({name: worker(agent) for name in "abc"}))
    assert (run.status, sorted(run.results)) == ("done", ["a", "b", "c"])
    assert run.path == ("a", "b", "c", "join", "finish")


async def test_all_branches_run_at_once_when_awaited():
    run = await abegun(create_parallel({"a": awaits(1, 0.01), "b": awaits(2), "c": says_so(3)}))
    assert (run.status, run.results["c"]) == ("done", {"value": 3})


def test_a_users_function_is_a_branch_too():
    def note(state: OrchestrationState) -> dict[str, Any]:
        return {"results": {"b": {"value": state["message"]}}}

    for fan_out in (None, FanOut(width=1, deadline="5s")):
        run = begun(create_parallel({"a": says_so(1), "b": note}, fan_out=fan_out))
        assert (run.status, run.results["b"]) == ("done", {"value": "hi"})


def test_a_second_run_on_the_thread_begins_anew():
    saver = checkpointer("memory://")
    graph = create_parallel({"a": says_so(1), "b": says_so(2), "c": says_so(3)}, join=2)
    for _ in range(2):
        run = begun(graph, saver)
        assert (run.status, len(run.results)) == ("done", 2)


# Failures


def test_a_failure_neither_cancels_nor_loses_its_siblings():
    graph = create_parallel({"a": says_so(1, 0.05), "b": fails(ValueError("no"))}, recover=ONCE)
    run = begun(graph)
    assert (run.status, run.results) == ("escalated", {"a": {"value": 1}})
    assert reason(run) == "1 of 2 branches failed: b: ValueError: no"


async def test_a_failure_does_not_cancel_an_async_sibling():
    cancelled: list[Any] = []
    workers = {"a": awaits(1, 0.05, cancelled), "b": fails(ValueError("no"))}
    run = await abegun(create_parallel(workers, recover=ONCE, join=Join(failures=1)))
    assert (run.status, run.results, cancelled) == ("done", {"a": {"value": 1}}, [])


def test_failures_are_passed_over_up_to_the_declared_number_and_no_further():
    workers = {"a": says_so(1), "b": fails(ValueError("no")), "c": fails(KeyError("x"))}
    graphs = {n: create_parallel(workers, recover=ONCE, join=Join(failures=n)) for n in range(3)}
    ends = {number: begun(graph).status for number, graph in graphs.items()}
    assert ends == {0: "escalated", 1: "escalated", 2: "done"}
    run = begun(graphs[2])
    assert any("b failed and is passed over" in str(d) for d in run.decisions)


def test_all_failing_is_never_passed_over():
    workers = {"a": fails(ValueError("no")), "b": fails(ValueError("no"))}
    run = begun(create_parallel(workers, recover=ONCE, join=Join(failures=1)))
    assert run.status == "escalated"


def test_a_contract_that_asks_for_a_person_is_never_passed_over():
    def doubtful(request: Any, result: Any) -> str | None:
        return "it looks wrong"

    b = worker(lambda request: {"value": 2}, escalate=(doubtful,))
    for join in (Join(failures=1), Join(need=1)):
        run = begun(create_parallel({"a": says_so(1, 0.1), "b": b}, recover=ONCE, join=join))
        assert run.status == "escalated"
        assert "a branch asks for a person" in reason(run)


def test_the_declared_recovery_is_done_once_for_all_failed_branches():
    done: list[str] = []

    def book(room: str) -> str:
        done.append(room)
        return room

    def unbook(result: str) -> None:
        done.remove(result)

    reserve = effect(book, key="{room}", undo=unbook)
    books = worker(lambda request, tools: {"room": tools.book(room="1")}, reserve)
    workers = {"a": books, "b": fails(ValueError("no")), "c": fails(ValueError("no"))}
    run = begun(create_parallel(workers, recover=Recovery(otherwise=abort())))
    assert (run.status, done) == ("aborted", [])
    assert (run.path.count("join"), run.path.count("person")) == (1, 0)


def test_a_fallback_takes_the_branchs_place():
    workers = {"a": says_so(1), "b": fails(ValueError("no")), "spare": says_so(9)}
    graph = create_parallel(
        workers,
        recover=Recovery(unknown=fallback("spare")),
        merge=Merge(of=("a", "b"), resolve=precedence("b")),
    )
    run = begun(graph)
    assert (run.status, run.results) == ("done", {"a": {"value": 1}, "b": {"value": 9}})
    assert run.values["merged"] == {"value": 9}
    assert "spare" in run.path
    assert check(graph) == ()


def test_a_fallback_that_fails_too_is_the_branchs_failure():
    workers = {"a": says_so(1), "b": fails(ValueError("no")), "spare": fails(ValueError("nor I"))}
    recover = Recovery(unknown=fallback("spare"))
    run = begun(create_parallel(workers, recover=recover))
    assert (run.status, "nor I" in reason(run)) == ("escalated", True)
    run = begun(create_parallel(workers, recover=recover, join=Join(failures=1)))
    assert run.status == "done"


def test_two_branches_may_have_the_same_fallback():
    workers = {"a": fails(ValueError("no")), "b": fails(ValueError("no")), "spare": says_so(9)}
    run = begun(create_parallel(workers, recover=Recovery(unknown=fallback("spare"))))
    assert (run.status, run.results) == ("done", {"a": {"value": 9}, "b": {"value": 9}})


@pytest.mark.parametrize("problem", ["shape", "lie", "tool", "loop"])
def test_what_a_contract_refuses_is_the_branchs_failure(problem):
    def shape(request: Any) -> Any:
        return "no dict"

    def lie(request: Any) -> Any:
        return {"value": "done"}

    def tool(request: Any, tools: Any) -> Any:
        return tools.forbidden()

    def unproven(request: Any, result: Any) -> bool:
        return False

    made = {
        "shape": lambda: worker(shape, gives=dict[str, int]),
        "lie": lambda: worker(lie, success=(unproven,)),
        "tool": lambda: worker(tool),
        "loop": lambda: Worker(
            agent=ScriptedModel([AIMessage("", tool_calls=[_call("look")])] * 9),
            contract=Contract(
                goal="Look", needs=("message",), tools=(look_up,), budget=Budget(steps=3)
            ),
        ),
    }[problem]()
    run = begun(create_parallel({"a": says_so(1), "b": made}, recover=ONCE))
    assert run.status == ("exhausted" if problem == "loop" else "escalated")
    assert run.results == {"a": {"value": 1}}


def _call(name: str) -> Any:
    return {"name": "look_up", "args": {}, "id": name}


def look_up() -> str:
    """Look something up."""
    return "nothing"


# Width and deadline


@pytest.mark.parametrize("asynchronous", [False, True])
def test_no_more_branches_are_at_work_than_the_width(asynchronous):
    at_work, most, lock = [0], [0], threading.Lock()

    def enter(change: int) -> None:
        with lock:
            at_work[0] += change
            most[0] = max(most[0], at_work[0])

    def agent(request: Any) -> dict[str, Any]:
        enter(1)
        time.sleep(0.01)
        enter(-1)
        return {"fine": True}

    async def aagent(request: Any) -> dict[str, Any]:
        enter(1)
        await asyncio.sleep(0.01)
        enter(-1)
        return {"fine": True}

    workers = {f"w{n}": worker(aagent if asynchronous else agent) for n in range(7)}
    graph = create_parallel(workers, fan_out=FanOut(width=2))
    run = asyncio.run(abegun(graph)) if asynchronous else begun(graph)
    assert (run.status, len(run.results), most[0]) == ("done", 7, 2)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_branch_that_is_too_slow_is_a_failure_and_its_late_result_is_recorded(asynchronous):
    saver = checkpointer("memory://")
    graph = create_parallel(
        {"a": says_so(1), "b": says_so(2, 0.3)},
        fan_out=FanOut(deadline={"b": 0.05}),
        join=Join(failures=1),
        recover=ONCE,
    )
    run = asyncio.run(_and_wait(graph, saver, 0.5)) if asynchronous else begun(graph, saver)
    assert (run.status, run.results) == ("done", {"a": {"value": 1}})
    assert any("branch deadline reached" in str(d) for d in run.decisions)
    [late] = _soon(lambda: late_results(saver, thread="t"))
    assert (late["branch"], late["result"], late["run"]) == ("b", {"value": 2}, run.id)
    assert look(run.app, thread="t").results == {"a": {"value": 1}}


async def _and_wait(graph: Any, saver: Any, seconds: float) -> Run:
    run = await abegun(graph, saver)
    await asyncio.sleep(seconds)
    return run


def _soon(read: Callable[[], Any]) -> Any:
    for _ in range(200):
        if found := read():
            return found
        time.sleep(0.02)
    raise AssertionError("nothing came")


def test_an_async_branch_that_is_too_slow_is_cancelled():
    cancelled: list[Any] = []
    workers = {"a": says_so(1), "b": awaits(2, 30, cancelled)}
    graph = create_parallel(workers, fan_out=FanOut(deadline=0.05), recover=ONCE)
    run = asyncio.run(abegun(graph))
    assert (run.status, cancelled) == ("exhausted", [2])


def test_a_deadline_holds_over_retries():
    tries: list[int] = []

    def agent(request: Any) -> Any:
        tries.append(1)
        time.sleep(0.04)
        raise ConnectionError("down")

    recover = Recovery(transient=retry(50, wait=0.01))
    graph = create_parallel(
        {"a": says_so(1), "b": worker(agent)}, fan_out=FanOut(deadline=0.15), recover=recover
    )
    run = begun(graph)
    assert run.status == "exhausted"
    assert 1 < len(tries) < 10


# First and quorum


def test_the_first_result_decides_and_the_losers_late_results_are_recorded():
    saver = checkpointer("memory://")
    started = threading.Event()

    def winner(request: Any) -> dict[str, Any]:
        assert started.wait(10)
        return {"value": 1}

    def loser(request: Any) -> dict[str, Any]:
        started.set()
        time.sleep(0.2)
        return {"value": 2}

    graph = create_parallel({"a": worker(winner), "b": worker(loser)}, join="first")
    run = begun(graph, saver)
    assert (run.status, run.results) == ("done", {"a": {"value": 1}})
    assert any("cut off" in str(d) for d in run.decisions)
    [late] = _soon(lambda: late_results(saver, thread="t"))
    assert (late["branch"], late["result"]) == ("b", {"value": 2})


async def test_losers_that_await_are_cancelled():
    cancelled: list[Any] = []
    workers = {"a": awaits(1, 0.01), "b": awaits(2, 30, cancelled), "c": awaits(3, 30, cancelled)}
    run = await abegun(create_parallel(workers, join="first"))
    assert (run.status, run.results) == ("done", {"a": {"value": 1}})
    assert sorted(cancelled) == [2, 3]


async def test_a_loser_that_will_not_be_cancelled_is_recorded_late():
    async def stubborn(request: Any) -> dict[str, Any]:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(30)
        return {"value": 2}

    saver = checkpointer("memory://")
    graph = create_parallel({"a": awaits(1, 0.01), "b": worker(stubborn)}, join="first")
    run = await abegun(graph, saver)
    await asyncio.sleep(0.05)
    assert (run.status, run.results) == ("done", {"a": {"value": 1}})
    assert [late["branch"] for late in late_results(saver, thread="t")] == ["b"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_as_many_results_as_asked_for_decide(number):
    workers = {name: says_so(name) for name in "abcd"}
    run = begun(create_parallel(workers, join=number))
    assert (run.status, len(run.results)) == ("done", number)


def test_a_quorum_that_cannot_be_reached_is_a_failure():
    workers = {"a": says_so(1), "b": fails(ValueError("no")), "c": fails(ValueError("no"))}
    run = begun(create_parallel(workers, join=2, recover=ONCE))
    assert run.status == "escalated"
    assert reason(run).startswith("1 of 2 results: b: ")


def test_a_loser_can_do_no_effect_after_the_join():
    paid: list[int] = []
    errors: list[BaseException] = []

    def charge(amount: int) -> str:
        paid.append(amount)
        return "paid"

    pay = effect(charge, key="{amount}")

    started = threading.Event()

    def winner(request: Any) -> dict[str, Any]:
        assert started.wait(10)
        return {"value": 1}

    def slow(request: Any, tools: Any) -> Any:
        started.set()
        time.sleep(0.2)
        try:
            return tools.charge(amount=1)
        except BaseException as problem:
            errors.append(problem)
            raise

    run = begun(create_parallel({"a": worker(winner), "b": worker(slow, pay)}, join="first"))
    _soon(lambda: errors)
    assert (run.status, paid, type(errors[0]).__name__) == ("done", [], "AttemptEnded")


def test_a_losers_proposal_is_dropped_and_a_winners_goes_to_the_gate():
    pay = _pay([])

    def proposes(amount: int, wait: float) -> Worker:
        def agent(request: Any, tools: Any) -> dict[str, Any]:
            answer = {"value": tools.pay(amount=amount)}
            time.sleep(wait)
            return answer

        return worker(agent, pay)

    gate = ApprovalGate(approvers=("maria",))
    graph = create_parallel({"a": proposes(1, 0), "b": proposes(2, 0.2)}, join="first", gate=gate)
    run = begun(graph)
    assert [item.packet["arguments"] for item in run.waiting] == [{"amount": 1}]
    assert run.answer(approve(by="maria")).status == "done"


def _pay(book: list[int]) -> Any:
    def pay(amount: int) -> str:
        book.append(amount)
        return f"receipt {amount}"

    return effect(pay, key="{amount}")


# Questions, effects, crashes


def asks(value: str, wait: float = 0.0) -> Worker:
    def agent(request: Any) -> dict[str, Any]:
        time.sleep(wait)
        return {"value": interrupt({"gate": value})}

    return worker(agent)


def test_several_questions_are_asked_at_once_and_answered_by_id():
    calls: list[int] = []

    def plain_agent(request: Any) -> dict[str, Any]:
        calls.append(1)
        return {"value": 0}

    run = begun(create_parallel({"a": asks("A"), "b": worker(plain_agent), "c": asks("C")}))
    assert {item.packet["gate"] for item in run.waiting} == {"A", "C"}
    while run.waiting:
        item = run.waiting[-1]
        run = run.answer(f"to {item.packet['gate']}", to=item.id)
    assert (run.status, calls) == ("done", [1])
    assert {n: r["value"] for n, r in run.results.items()} == {"a": "to A", "b": 0, "c": "to C"}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_losers_question_is_withdrawn(asynchronous):
    graph = create_parallel({"a": asks("A"), "b": says_so(2, 0.1)}, join="first")
    run = asyncio.run(abegun(graph)) if asynchronous else begun(graph)
    assert (run.status, run.results, run.waiting) == ("done", {"b": {"value": 2}}, ())


def test_where_all_branches_ask_the_first_answer_decides():
    run = begun(create_parallel({"a": asks("A"), "b": asks("B")}, join="first"))
    assert len(run.waiting) == 2
    item = next(item for item in run.waiting if item.packet["gate"] == "B")
    run = run.answer("yes", to=item.id)
    assert (run.status, run.results) == ("done", {"b": {"value": "yes"}})


def test_effects_in_branches_wait_for_their_gate_and_happen_once():
    book: list[int] = []
    pay = _pay(book)

    def pays(amount: int) -> Worker:
        return worker(lambda request, tools: {"r": str(tools.pay(amount=amount))}, pay)

    gate = ApprovalGate(when=lambda action: action.arguments["amount"] > 1, approvers=("maria",))
    run = begun(create_parallel({"a": pays(1), "b": pays(2), "c": pays(3)}, gate=gate))
    assert book == [1]
    while run.waiting:
        run = run.answer(approve(by="maria"))
    assert (run.status, sorted(book)) == ("done", [1, 2, 3])


KILLED = """
import os, sys, time
from quintet.graphs import create_parallel
from quintet.nodes import Worker
from quintet.runs import resume, start
from quintet.state import Contract, checkpointer
from quintet.state.journal.sqlite import SqliteJournal

folder, join, first = sys.argv[1], sys.argv[2], sys.argv[3] == "first"

def note(name):
    with open(f"{folder}/calls", "a") as file:
        file.write(name)

def a(request):
    note("a")
    return {"value": 1}

def b(request):
    note("b")
    if first and join == "all":
        time.sleep(0.5)
        os._exit(9)
    time.sleep(0.5 if first else 0)
    return {"value": 2}

if first and join == "first":
    append = SqliteJournal.append

    def dies(self, thread, subject, *rest, **options):
        written = append(self, thread, subject, *rest, **options)
        if subject.startswith("fan "):
            os._exit(9)
        return written

    SqliteJournal.append = dies

workers = {n: Worker(agent=f, contract=Contract(goal=n, needs=())) for n, f in (("a", a), ("b", b))}
with checkpointer(f"sqlite:///{folder}/runs.db") as saver:
    app = create_parallel(workers, join=join).compile(checkpointer=saver)
    run = start(app, {"message": "hi"}, thread="t") if first else resume(app, thread="t")
    print(run.status, *sorted(run.results))
"""


def _killed_and_resumed(folder: Path, join: str) -> tuple[str, str]:
    """Kill a process in the middle of the branches and resume; give its calls and its end."""
    command = [sys.executable, "-c", KILLED, str(folder), join]
    assert subprocess.run([*command, "first"], check=False).returncode == 9
    again = subprocess.run([*command, "again"], check=True, capture_output=True, text=True)
    return (folder / "calls").read_text(), again.stdout.strip()


def test_finished_branches_do_not_run_anew_after_a_crash(tmp_path):
    calls, end = _killed_and_resumed(tmp_path, "all")
    assert (sorted(calls), end) == (["a", "b", "b"], "done a b")


def test_a_join_that_was_decided_before_a_crash_stays_decided(tmp_path):
    calls, end = _killed_and_resumed(tmp_path, "first")
    assert end == "done a"
    assert calls.removeprefix("ab").removeprefix("ba") in ("a", "aa")  # and never `b` again


class Book:
    """Pay at a receiver that outlives the process."""

    def __init__(self) -> None:
        self.paid: list[tuple[int, str]] = []

        def pay(order: int, idempotency_key: str) -> str:
            if idempotency_key not in {key for _, key in self.paid}:
                self.paid.append((order, idempotency_key))
            return f"receipt {order}"

        self.pay = effect(pay, key="{order}")

    def worker(self, order: int) -> Worker:
        tool = self.pay
        return worker(lambda request, tools: {"r": tools.pay(order=order)}, tool)


def _crashed(build: Callable[[Book], StateGraph[Any]], **options: Any) -> Any:
    book = Book()
    return crashpoints(
        lambda: build(book), {"message": "pay"}, reset=book.paid.clear, progress=_quiet, **options
    )


def _quiet(done: int, total: int) -> None:
    pass


@pytest.mark.parametrize("asynchronous", [False, True])
def test_no_crash_loses_or_doubles_a_branchs_effect(asynchronous):
    def build(book: Book) -> StateGraph[Any]:
        workers = {"a": book.worker(1), "b": book.worker(2)}
        return create_parallel(workers, fan_out=FanOut(width=1))

    report = _crashed(build, asynchronous=asynchronous)
    assert report.ok, report


def _longest(field: str, values: Any) -> Any:
    return max(values.values())


def test_no_crash_loses_or_doubles_an_items_effect():
    def build(book: Book) -> StateGraph[Any]:
        def pay(item: int, idempotency_key: str) -> str:
            if idempotency_key not in {key for _, key in book.paid}:
                book.paid.append((item, idempotency_key))
            return f"receipt {item}"

        tool = effect(pay, key="{item}")
        pays = worker(
            lambda request, tools: {"r": tools.pay(item=request["item"])}, tool, needs=("item",)
        )
        return create_parallel({"pays": pays}, fan_out=FanOut(each=_two))

    report = _crashed(build)
    assert report.ok, report


def _two(state: Any) -> list[int]:
    return [1, 2]


def test_no_crash_passes_over_more_than_a_run_without_one():
    def build(book: Book) -> StateGraph[Any]:
        workers = {"a": book.worker(1), "b": fails(ValueError("no"))}
        return create_parallel(workers, join=Join(failures=1), recover=ONCE)

    report = _crashed(build)
    assert report.ok, report


# Nesting, Send, budgets


def test_a_parallel_graph_is_a_branch_of_another():
    inner = create_parallel({"x": says_so(1), "y": says_so(2)}).compile()
    run = begun(create_parallel({"a": inner, "b": says_so(3)}))
    assert (run.status, sorted(run.results)) == ("done", ["b", "x", "y"])
    as_agent = Worker(agent=inner, contract=Contract(goal="Look", needs=("message",)))
    run = begun(create_parallel({"a": as_agent, "b": says_so(3)}, join=Join(failures=1)))
    assert (run.status, sorted(run.results)) == ("done", ["a", "b"])


def test_a_nested_graph_that_ends_badly_is_no_done():
    inner = create_parallel({"x": fails(ValueError("no")), "y": says_so(2)}, recover=ONCE).compile()
    run = begun(create_parallel({"a": inner, "b": says_so(3)}, recover=ONCE))
    assert run.status == "escalated"
    as_agent = Worker(agent=inner, contract=Contract(goal="Look", needs=("message",)))
    run = begun(create_parallel({"a": as_agent, "b": says_so(3)}, join=Join(failures=1)))
    assert run.status == "escalated"  # it asked for a person


def test_a_question_from_a_nested_parallel_graph_reaches_the_person():
    inner = create_parallel({"x": asks("X"), "y": says_so(2)}).compile()
    for part in (inner, Worker(agent=inner, contract=Contract(goal="L", needs=("message",)))):
        run = begun(create_sequential({"first": part, "last": says_so(3)}))
        [item] = run.waiting
        assert item.packet == {"gate": "X"}
        assert run.answer("yes").status == "done"


@pytest.mark.parametrize("join", ["all", "first", 2])
def test_two_at_once_by_send_do_not_meet(join):
    inner = create_parallel({"x": says_so(1), "y": says_so(2)}, join=join).compile()
    graph: StateGraph[Any] = StateGraph(OrchestrationState)
    graph.add_node("desk", inner)
    graph.add_node("begin", lambda state: {})

    def twice(state: Any) -> list[Send]:
        return [Send("desk", dict(state)), Send("desk", dict(state))]

    graph.add_edge(START, "begin")
    graph.add_conditional_edges("begin", twice, ["desk"])
    run = begun(graph)
    assert (run.status, len(run.results)) == ("done", 2 if join == "first" else 4)
    assert run.values["spent"]["steps"] in ((2, 3, 4) if join == "first" else (4,))


def test_the_branches_spending_adds_up_and_a_limit_around_them_holds():
    run = begun(create_parallel({name: says_so(name) for name in "abc"}))
    assert run.values["spent"]["steps"] == 3
    inner = create_parallel({name: says_so(name) for name in "abc"}).compile()
    contract = Contract(goal="Look", needs=("message",), budget=Budget(steps=2))
    run = begun(create_single_agent(Worker(agent=inner, contract=contract), recover=ONCE))
    assert run.status == "exhausted"
    assert "steps: 2 of 2 spent" in reason(run)


# Choosing and items


def test_a_function_chooses_which_branches_run():
    def choose(state: Any) -> list[str]:
        return ["c", "a"]

    workers = {name: says_so(name) for name in "abc"}
    graph = create_parallel(
        workers, fan_out=FanOut(choose=choose), merge=Merge(of=("a", "b", "c"), resolve=_longest)
    )
    run = begun(graph)
    assert (run.status, sorted(run.results)) == ("done", ["a", "c"])
    assert run.values["merged"] == {"value": "c"}
    assert check(graph) == ()


def test_a_model_chooses_which_branches_run():
    model = ScriptedModel([{"to": ["b", "a"], "reason": "both look"}])
    workers = {name: says_so(name) for name in "abc"}
    run = begun(create_parallel(workers, fan_out=FanOut(choose=model)))
    assert (run.status, sorted(run.results)) == ("done", ["a", "b"])
    route = next(d for d in run.decisions if d.kind == "route")
    assert (route.by, route.reason, route.choice) == ("model", "both look", "a, b")


@pytest.mark.parametrize("chosen", [None, [], ()])
def test_no_branch_is_a_matter_for_a_person(chosen):
    graph = create_parallel(
        {"a": says_so(1), "b": says_so(2)}, fan_out=FanOut(choose=lambda state: chosen)
    )
    run = begun(graph)
    assert (run.status, run.results) == ("escalated", {})
    assert "nothing was sent out" in reason(run)


def test_a_branch_that_there_is_not_is_refused_by_name():
    graph = create_parallel(
        {"a": says_so(1), "b": says_so(2)}, fan_out=FanOut(choose=lambda state: "x"), recover=ONCE
    )
    run = begun(graph)
    assert (run.status, "'x'" in reason(run)) == ("escalated", True)


def squares(**options: Any) -> StateGraph[Any]:
    def square(request: Any) -> dict[str, int]:
        if request["item"] == 13:
            raise ValueError("unlucky")
        return {"square": request["item"] ** 2}

    def each(state: Any) -> list[int]:
        return [int(part) for part in state["message"].split()]

    made = worker(square, needs=("item",), gives=dict[str, int])
    options = {"fan_out": FanOut(each=each, width=3), "recover": ONCE, **options}
    return create_parallel({"square": made}, **options)


def given(graph: StateGraph[Any], message: str) -> Run:
    app = graph.compile(checkpointer=checkpointer("memory://"))
    return start(app, {"message": message}, thread="t")


def test_each_item_is_worked_on_and_the_results_are_in_its_order():
    run = given(squares(), " ".join(map(str, range(12))))
    assert run.status == "done"
    assert numbered(run.values, "square") == [{"square": n * n} for n in range(12)]
    assert run.results["square#12"] == {"square": 121}


def test_an_item_that_fails_leaves_the_others():
    assert given(squares(), "1 13 2").status == "escalated"
    run = given(squares(join=Join(failures=1)), "1 13 2")
    assert (run.status, sorted(run.results)) == ("done", ["square#1", "square#3"])
    assert numbered(run.values, "square") == [{"square": 1}, {"square": 4}]


def test_an_items_fallback_gives_the_items_result():
    def spare(request: Any) -> dict[str, int]:
        return {"square": 169}

    def each(state: Any) -> list[int]:
        return [1, 13, 13]

    square = worker(_unlucky, needs=("item",))
    graph = create_parallel(
        {"square": square, "spare": worker(spare, needs=("item",))},
        fan_out=FanOut(each=each),
        recover=Recovery(unknown=fallback("spare")),
    )
    run = begun(graph)
    assert (run.status, numbered(run.values, "square")) == (
        "done",
        [{"square": 1}, {"square": 169}, {"square": 169}],
    )


def _unlucky(request: Any) -> dict[str, int]:
    if request["item"] == 13:
        raise ValueError("unlucky")
    return {"square": request["item"] ** 2}


def test_no_items_and_too_many_items_are_a_matter_for_a_person():
    assert "nothing was sent out" in reason(given(squares(), ""))
    run = given(squares(fan_out=FanOut(each=lambda s: range(5), most=4)), "x")
    assert (run.status, "5 items" in reason(run)) == ("escalated", True)


def test_the_first_of_several_samples_decides_and_a_vote_over_them_is_a_merge():
    vote_on = Merge(of=("square#",), resolve=vote())
    run = given(squares(merge=vote_on), "3 3 4")
    assert (run.status, run.values["merged"]) == ("done", {"square": 9})
    run = given(squares(join="first"), "3 3 4")
    assert (run.status, len(run.results)) == ("done", 1)


# After the join


def test_nodes_that_follow_get_the_merged_values():
    def decide(request: Any) -> dict[str, Any]:
        return {"text": f"{request['merged']['value']} for {request['message']}"}

    graph = create_parallel(
        {"a": says_so("yes"), "b": says_so("no")},
        merge=Merge(of=("a", "b"), classify={"veto": says("no")}, owners={"veto": "b"}),
        then={"decide": worker(decide, needs=("message", "merged"))},
    )
    run = begun(graph)
    assert run.results["decide"] == {"text": "no for hi"}
    assert run.path[-3:] == ("merge", "decide", "finish")
    assert check(graph) == ()


def test_the_owner_of_a_class_is_asked_and_the_run_goes_on():
    graph = create_parallel(
        {"a": says_so("yes"), "b": says_so("no")},
        merge=Merge(of=("a", "b"), classify={"veto": says("no")}, owners={"veto": people("head")}),
    )
    run = begun(graph)
    [item] = run.waiting
    assert (item.packet["classes"], item.packet["approvers"]) == ({"value": "veto"}, ["head"])


# Refused when it is put together


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"workers": {}}, "nobody"),
        ({"workers": {"a": says_so(1)}}, "nobody beside it"),
        ({"join": 3}, "only 2 branches"),
        ({"join": "some"}, "'all', 'first' or a number"),
        ({"join": True}, "'all', 'first' or a number"),
        ({"join": Join(failures=2)}, "at least one"),
        ({"fan_out": FanOut(to=("x", "a"))}, "'x' is no worker"),
        ({"fan_out": FanOut(each=_two)}, "items go to one worker"),
        ({"fan_out": FanOut(deadline={"x": 3})}, "'x' is no branch"),
        ({"workers": {"a": says_so(1), "join": says_so(2)}}, "'join'"),
        ({"recover": Recovery(unknown=fallback("nobody"))}, "'nobody'"),
    ],
)
def test_parts_that_do_not_fit_are_refused(options, words):
    workers = options.pop("workers", {"a": says_so(1), "b": says_so(2)})
    with pytest.raises(DesignError, match=words):
        create_parallel(workers, **options)


@pytest.mark.parametrize("options", [{"join": "first"}, {"fan_out": FanOut(width=1)}])
def test_a_graph_that_cannot_be_cut_off_is_refused_with_the_remedy(options):
    inner = create_parallel({"x": says_so(1), "y": says_so(2)}).compile()
    with pytest.raises(DesignError, match=r"Worker\(agent="):
        create_parallel({"a": inner, "b": says_so(1)}, **options)
