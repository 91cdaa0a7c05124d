"""Test live evaluation: each ended run of a database is scored once, and gates are judged."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

import quintet.evals.live as live_module
from quintet.errors import DesignError
from quintet.evals import Case, Gate, GraphTarget, Metric, Suite, evaluate
from quintet.evals.live import Live
from quintet.evals.row import Share
from quintet.runs import start
from quintet.state import Budget, OrchestrationState, Outcome, checkpointer
from quintet.state.record import plain


class Words(TypedDict, total=False):
    message: str


class Desk(OrchestrationState, total=False):
    message: str


def end(state: Desk) -> dict[str, object]:
    word = state["message"].partition(" ")[0]
    if word == "ask":
        interrupt("may it go out?")
    if word == "crash":
        raise SystemExit
    return {
        "outcome": plain(Outcome(status=word, reason="as asked")),
        "spent": {"tokens": 9},
    }


def app(saver):
    return StateGraph(Desk).add_node("end", end).add_edge(START, "end").compile(checkpointer=saver)


def helped(case, trajectory):
    return trajectory.status == "done"


def suite(*gates, **more):
    return Suite(name="desk", cases=more.pop("cases", ()), target=None, gates=gates, **more)


@pytest.fixture
def saver():
    with checkpointer("memory://") as opened:
        yield opened


def run(saver, word, name):
    start(app(saver), {"message": f"{word} please"}, thread=f"desk/{name}")


def test_each_ended_run_is_scored_once_and_open_ones_are_counted(saver):
    live = Live(suite=suite(Gate(metric="helped", at_least=0.5), metrics=[helped]))
    run(saver, "done", 1)
    run(saver, "ask", 2)
    assert (live.look(saver), live.rows, live.left) == (1, 1, 1)
    assert live.look(saver) == 0
    run(saver, "escalated", 3)
    assert (live.look(saver), live.rows) == (1, 2)
    [watched] = live.watched
    assert (watched.bound.count, watched.bound.mean) == (2, 0.5)
    assert str(watched).startswith("open helped: 0.500 [")


def test_a_run_that_spent_more_than_the_suites_limit_is_a_wrong_one(saver):
    gate = Gate(metric="cost_known", at_least=0.5)

    def cost_known(case, trajectory):
        return "limit: 9 tokens" not in trajectory.error

    run(saver, "done", 1)
    for most, mean in ((8, 0.0), (9, 1.0)):
        live = Live(suite=suite(gate, metrics=[cost_known], limit=Budget(tokens=most)))
        live.look(saver)
        assert live.watched[0].bound.mean == mean


@pytest.mark.parametrize("now", [datetime(2026, 11, 27), "2026-11-27", 5])  # noqa: DTZ001 - it is refused
def test_a_moment_without_a_time_zone_is_refused(saver, now):
    live = Live(suite=suite(Gate(metric="helped", at_least=0.5), metrics=[helped]))
    with pytest.raises(DesignError, match="with its time zone"):
        live.look(saver, now=now)
    with pytest.raises(DesignError, match="give a checkpointer"):
        live.look("memory://")


def test_a_new_run_on_a_thread_is_a_run_of_its_own(saver):
    live = Live(suite=suite(Gate(metric="helped", at_least=0.5), metrics=[helped]))
    for _ in range(3):
        run(saver, "done", 1)
        live.look(saver)
    assert live.rows == 3


def test_a_run_that_began_while_one_looked_is_not_taken_for_the_one_that_ended(saver, monkeypatch):
    live = Live(suite=suite(Gate(metric="silent_ends", none=True)))
    run(saver, "done", 1)
    read = live_module.stored_run

    def read_late(saver, thread):
        with suppress(SystemExit):
            run(saver, "crash", 1)
        return read(saver, thread)

    with monkeypatch.context() as late:
        late.setattr(live_module, "stored_run", read_late)
        assert (live.look(saver), live.rows) == (0, 0)
    assert live.watched[0].state == "open"
    run(saver, "done", 2)
    assert (live.look(saver), live.look(saver), live.rows) == (1, 0, 1)


def test_a_metric_that_raises_is_told(saver):
    def broken(case, trajectory):
        raise ValueError("x")

    live = Live(suite=suite(Gate(metric="broken", at_least=0.5), metrics=[broken]))
    run(saver, "done", 1)
    live.look(saver)
    assert live.watched[0].errors == 1
    assert "the metric raised 1 times" in str(live.watched[0])
    neither = Metric(name="odd", score=broken, better="neither")
    live = Live(suite=suite(Gate(metric="odd", at_least=0.5), metrics=[neither]))
    live.look(saver)
    assert (live.watched[0].bound.count, live.watched[0].bound.mean) == (1, 0.0)
    live = Live(suite=suite(Gate(metric="broken", at_most=0.5), metrics=[broken]))
    live.look(saver)
    assert live.watched[0].bound.mean == 1.0


def test_runs_are_read_as_the_target_reads_them(saver):
    def plain_graph(saver=None):
        built = StateGraph(Words)
        built.add_node("front", lambda state: {}).add_node("boss", lambda state: {})
        built.add_edge(START, "front").add_edge("front", "boss")
        return built.compile(checkpointer=saver)

    case = Case(id="1", input={"message": "hi"}, route="boss", escalate=True)
    start(plain_graph(saver), case.input, thread="desk/1")
    gates = [
        Gate(metric="routing_accuracy", at_least=0.1),
        Gate(metric="missed_escalations", none=True),
    ]
    target = GraphTarget(app=plain_graph(), people=("boss",))
    whole = Suite(cases=[case], target=target, gates=gates)
    live = Live(suite=whole)
    live.look(saver)
    report = evaluate(whole)
    assert [item.bound.mean for item in live.watched] == [1.0, 0.0]
    assert [report[gate.metric].value for gate in gates] == [1.0, 0.0]


def test_a_gate_breaks_when_its_bound_does_and_not_before(saver):
    live = Live(suite=suite(Gate(metric="helped", at_least=0.9), metrics=[helped]))
    states = []
    for number in range(12):
        run(saver, "aborted", number)
        live.look(saver)
        states.append(live.watched[0].state)
    assert states[0] == "open"
    assert states[-1] == "broken"
    assert states == sorted(states, reverse=True)
    assert live.broken == live.watched


def test_a_gate_is_kept_when_its_bound_says_so(saver):
    gates = (Gate(metric="helped", at_least=0.2), Gate(metric="silent_ends", at_most=0.9))
    live = Live(suite=suite(*gates, metrics=[helped]))
    for number in range(20):
        run(saver, "done", number)
    live.look(saver)
    assert [item.state for item in live.watched] == ["kept", "kept"]
    assert not live.broken


def test_what_must_never_happen_breaks_at_once(saver):
    cases = [Case(id="7", input="done please", never="end")]
    live = Live(suite=suite(Gate(metric="forbidden_actions", none=True), cases=cases))
    run(saver, "done", 6)
    live.look(saver)
    assert str(live.watched[0]) == "open forbidden_actions: no run has anything to say on it"
    run(saver, "done", 7)
    live.look(saver)
    assert live.watched[0].state == "broken"
    assert "wanted none" in str(live.watched[0])


def test_a_run_that_stands_still_has_ended_without_a_word(saver):
    live = Live(suite=suite(Gate(metric="silent_ends", none=True)), stale=600)
    with pytest.raises(SystemExit):
        run(saver, "crash", 1)
    assert (live.look(saver), live.left) == (0, 1)
    later = datetime.now(UTC) + timedelta(minutes=11)
    assert (live.look(saver, now=later), live.left) == (1, 0)
    assert live.watched[0].state == "broken"
    # By another clock it still goes on: it was scored all the same.
    assert (live.look(saver), live.left) == (0, 1)
    assert (live.look(saver, now=later), live.rows) == (0, 1)


def test_a_case_without_labels_carries_the_message(saver):
    seen = []

    def noted(case, trajectory):
        seen.append((case.id, case.input, trajectory.path))
        return True

    run(saver, "done", 1)
    Live(suite=suite(Gate(metric="noted", at_least=0.5), metrics=[noted])).look(saver)
    assert seen == [("desk/1", "done please", ("end",))]


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        ((), "has no gates"),
        ((Gate(metric="latency_p95", at_most=3),), "cannot be watched live"),
        ((Gate(metric="tokens_per_completed", at_most=3),), "cannot be watched live"),
        ((Gate(metric="silent_ends", at_most=3),), "give a share from 0 to 1"),
        ((Gate(metric="silent_end", none=True),), "no metric computes"),
    ],
)
def test_gates_that_cannot_be_watched_are_refused_at_the_beginning(gates, said):
    with pytest.raises(DesignError, match=said):
        Live(suite=suite(*gates))


def test_a_score_that_is_no_share_is_named_with_its_run(saver):
    odd = Metric(name="odd", score=lambda case, ran: Share(part=3, whole=2))
    run(saver, "done", 1)
    with pytest.raises(DesignError, match=r"run 'desk/1': metric 'odd' gave 1.5"):
        Live(suite=suite(Gate(metric="odd", at_least=0.5), metrics=[odd])).look(saver)
