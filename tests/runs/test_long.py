"""Test that a thread keeps little, however long it runs, and that nothing of it is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from quintet.errors import RunError
from quintet.nodes import Finish, Recovery, Undo, Worker, abort, effect
from quintet.runs import fork, look, start, stored_run, stored_runs
from quintet.state import Contract, Decision, OrchestrationState, checkpointer, plain
from quintet.state.actions import EARLIER_KEPT
from quintet.state.log import DECISIONS_KEPT
from quintet.state.savers.decided import ACTIONS_STORED, DECISIONS_STORED, decided_in
from tests.services import postgres_schema

Graph = StateGraph[Any, Any, Any, Any]


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with ExitStack() as stack:
        urls = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/a.db"}
        yield urls.get(request.param) or stack.enter_context(postgres_schema())


class Laps(OrchestrationState, total=False):
    lap: int
    laps: int
    ask: bool


PAID: list[str] = []
VOIDED: list[str] = []


@pytest.fixture(autouse=True)
def _afresh() -> None:
    PAID.clear()
    VOIDED.clear()


def pay(to: str) -> dict[str, str]:
    PAID.append(to)
    return {"to": to}


def void(receipt: dict[str, str]) -> None:
    VOIDED.append(receipt["to"])


PAY = effect(pay, key="pay:{to}", undo=void)


def agent(request: Any, tools: Any) -> Any:
    return tools["pay"](to=str(request["lap"]))


def loop(*success: Any) -> Graph:
    """Pay in each lap, then ask a person where that is wanted, and finish."""

    def ask(state: Any) -> dict[str, Any]:
        return {"message": interrupt("go on?")} if state.get("ask") else {}

    contract = Contract(goal="pay", needs=("lap",), tools=(PAY,))
    graph: Graph = StateGraph(Laps)
    graph.add_node("count", lambda state: {"lap": state.get("lap", 0) + 1})
    graph.add_node("work", Worker(agent=agent, contract=contract))
    graph.add_node("ask", ask).add_node("finish", Finish(success=success))
    graph.add_edge(START, "count").add_edge("count", "work")
    ways = ["count", "ask"]
    graph.add_conditional_edges("work", lambda s: ways[s["lap"] >= s["laps"]], ways)
    return graph.add_edge("ask", "finish").add_edge("finish", END)


def given(laps: int, **more: Any) -> dict[str, Any]:
    return {"message": "go", "lap": 0, "laps": laps, **more}


FAR: RunnableConfig = {"recursion_limit": 999}
T: RunnableConfig = {"configurable": {"thread_id": "t"}}


def stored(saver: Any) -> dict[str, Any]:
    values: dict[str, Any] = saver.get_tuple(
        {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    ).checkpoint["channel_values"]
    return values


def test_a_long_run_keeps_little_and_shows_all_of_it(url: str) -> None:
    with checkpointer(url) as saver:
        app = loop().compile(checkpointer=saver)
        run = start(app, given(30), thread="t", config=FAR)
        assert (run.status, len(PAID)) == ("done", 30)
        values = stored(saver)
        assert len(values["decisions"]) == DECISIONS_STORED
        assert len(values["actions"]) == ACTIONS_STORED
        named = [f"pay:{lap}" for lap in range(1, 31)]
        assert run.outcome is not None
        assert run.outcome.evidence["effects"] == named
        for shown in (run, look(app, thread="t"), stored_run(saver, "t"), stored_runs(saver)[0]):
            effects = [d.choice for d in shown.decisions if d.kind == "effect"]
            assert effects == named
            assert sorted(shown.values["actions"]) == sorted(named)
            assert all(action["result"] for action in shown.values["actions"].values())
            assert [plain(d) for d in shown.decisions] == shown.values["decisions"]
        path = ("count", "work") * 30 + ("ask", "finish")
        assert run.path == stored_run(saver, "t").path == path
        assert run == look(app, thread="t")


def test_criteria_and_the_outcome_see_all_actions_after_a_pause(url: str) -> None:
    seen: list[int] = []

    def all_paid(state: Any) -> bool:
        seen.append(sum(item["status"] == "done" for item in state["actions"].values()))
        return seen[-1] == 20

    with checkpointer(url) as saver:
        start(
            loop(all_paid).compile(checkpointer=saver), given(20, ask=True), thread="t", config=FAR
        )
    if url == "memory://":
        return
    with checkpointer(url) as saver:
        run = look(loop(all_paid).compile(checkpointer=saver), thread="t").answer("yes")
        assert (run.status, seen) == ("done", [20])


def test_a_long_run_is_printed_without_its_beginning_and_that_is_read_when_asked_for() -> None:
    with checkpointer("memory://") as saver:
        app = loop().compile(checkpointer=saver)
        start(app, given(80, ask=True), thread="t", config=FAR)
        run = look(app, thread="t")
        assert "... -> " in str(run)
        assert len(str(run).splitlines()) < 80
        run.answer("yes")
        # It has moved on meanwhile, and the run that was looked at has not.
        assert run.path == ("count", "work") * 80
        assert len(run.decisions) == 80


def test_what_is_not_read_yet_is_refused_with_a_remedy_when_the_database_is_closed(
    tmp_path: Path,
) -> None:
    with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver:
        app = loop().compile(checkpointer=saver)
        run = start(app, given(80), thread="t", config=FAR)
        short = start(app, given(1), thread="u")
    assert "waits" not in str(run)
    assert run.status == "done"
    for read in (lambda: run.path, lambda: run.decisions, lambda: run.values["actions"]):
        with pytest.raises(RunError, match="while the checkpointer is open"):
            read()
    assert short.path == ("count", "work", "ask", "finish")
    assert [d.kind for d in short.decisions] == ["effect", "outcome"]


def test_turns_leave_a_bounded_state_and_their_repeats_are_refused(url: str) -> None:
    with checkpointer(url) as saver:
        app = loop().compile(checkpointer=saver)
        sizes = []
        for turn in range(9):
            run = start(app, {"message": "m", "lap": turn, "laps": 0}, thread="t")
            assert run.status == "done"
            sizes.append(len(app.get_state(run.config).values["actions"]))
        assert max(sizes) <= max(EARLIER_KEPT + 1, ACTIONS_STORED)
        with pytest.raises(Exception, match="was done before in this thread"):
            start(app, {"message": "m", "lap": 0, "laps": 0}, thread="t")
        assert [str(lap) for lap in range(1, 10)] == PAID


def test_an_undo_takes_back_more_than_the_state_keeps(url: str) -> None:
    def once(request: Any, tools: Any) -> Any:
        for number in range(80):
            tools["pay"](to=str(number))
        raise KeyError("stop")

    graph: Graph = StateGraph(OrchestrationState)
    worker = Worker(agent=once, contract=Contract(goal="g", needs=("message",), tools=(PAY,)))
    recover = Recovery(otherwise=abort("undo"))
    graph.add_node("work", worker, error_handler=recover)
    graph.add_node("undo", Undo(effects=(PAY,))).add_edge(START, "work")
    with checkpointer(url) as saver:
        run = start(graph.compile(checkpointer=saver), {"message": "m"}, thread="t", config=FAR)
        assert run.status == "aborted"
        assert [str(number) for number in reversed(range(80))] == VOIDED
        assert {item["status"] for item in run.values["actions"].values()} == {"undone"}
        assert len(run.values["actions"]) == 80


def telling(many: int) -> Graph:
    """Write many decisions in one superstep, and one more in the next."""

    def told(first: int, count: int) -> dict[str, Any]:
        numbers = range(first, first + count)
        made = [
            Decision(kind="route", node="n", choice=str(n), reason="r", at=float(n))
            for n in numbers
        ]
        return {"decisions": [plain(decision) for decision in made]}

    graph: Graph = StateGraph(OrchestrationState)
    graph.add_node("many", lambda state: told(0, many)).add_node("one", lambda s: told(many, 1))
    return graph.add_edge(START, "many").add_edge("many", "one").add_edge("one", END)


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
@pytest.mark.parametrize("many", [1, DECISIONS_KEPT + 9])
def test_every_decision_is_in_the_journal_once(url: str, many: int, durability: Any) -> None:
    with checkpointer(url) as saver:
        app = telling(many).compile(checkpointer=saver)
        for _ in range(2):
            app.invoke({"message": "m"}, T, durability=durability)
            run = look(app, thread="t")
            assert [d.choice for d in run.decisions] == [str(n) for n in range(many + 1)]
            told = saver.journal.read("t", decided_in(run.id))
            assert [entry.value["choice"] for entry in told] == [d.choice for d in run.decisions]


@pytest.mark.parametrize("effects", ["dry", "real"])
def test_a_copy_shows_all_that_its_run_did_before(url: str, effects: Any) -> None:
    with checkpointer(url) as saver:
        app = loop().compile(checkpointer=saver)
        start(app, given(12, ask=True), thread="t", config=FAR)
        copy = fork(app, thread="t", to="u", effects=effects)
        assert [d.choice for d in copy.decisions] == [f"pay:{lap}" for lap in range(1, 13)]
        assert len(copy.values["actions"]) == 12
        assert copy.answer("yes").outcome.evidence["effects"] == [  # type: ignore[union-attr]
            f"pay:{lap}" for lap in range(1, 13)
        ]
        assert len(look(app, thread="t").decisions) == len(PAID) == 12


def test_a_saver_that_keeps_no_journal_keeps_the_state_whole() -> None:
    app = loop().compile(checkpointer=InMemorySaver())
    run = start(app, given(30), thread="t", config=FAR)
    assert len(app.get_state(run.config).values["actions"]) == 30
    assert len(run.decisions) == 31
    assert run.path == ("count", "work") * 30 + ("ask", "finish")


def test_a_list_of_the_users_own_under_our_name_stays_whole(url: str) -> None:
    class Own(OrchestrationState, total=False):
        decisions: list[Any]
        actions: dict[str, Any]

    mine = {"decisions": [*range(30)], "actions": {str(n): {"status": "done"} for n in range(30)}}
    graph: Graph = StateGraph(Own)
    graph.add_node("a", lambda state: mine).add_edge(START, "a")
    with checkpointer(url) as saver:
        app = graph.compile(checkpointer=saver)
        app.invoke({"message": "m"}, T)
        kept = app.get_state(T).values
        assert {key: kept[key] for key in mine} == mine
