"""Test runs made elsewhere: read from a checkpointer or a file, and scored like any other."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver

from quintet.errors import DesignError
from quintet.evals import Case, GraphTarget, Trajectory, evaluate
from quintet.evals.reading.recorded import Recorded, recorded_runs, recorded_threads, save_runs
from quintet.runs import approve, start, stored_run
from quintet.state import checkpointer
from tests.runs.desks import PAID, desk, large, own, says


@pytest.fixture(autouse=True)
def _nothing_paid():
    PAID.clear()


CASES = (
    Case(id="m1", input="billing", route="billing", outcome="done", calls=["pay"], approval=True),
    Case(id="m2", input="shipping", route="shipping", outcome="done", approval=False),
    Case(id="m3", input="who", route="person", outcome="escalated", escalate=True),
)


def run_all(saver):
    app = desk().compile(checkpointer=saver)
    paid = start(app, large(), thread="day/m1").answer(approve(by="maria"))
    sent = start(app, {"message": "shipping"}, thread="day/m2")
    lost = start(app, {"message": "who"}, thread="day/m3")
    return [paid, sent, lost]


def test_threads_of_a_checkpointer_are_scored_as_if_they_ran_now(tmp_path):
    url = f"sqlite:///{tmp_path}/runs.db"
    with checkpointer(url) as saver:
        run_all(saver)
    report = evaluate(recorded_threads(url), CASES)
    assert [row.wrong for row in report.rows] == [(), (), ()]
    assert PAID == [(1, 500.0)]


def test_a_stored_run_reads_as_the_live_one_does():
    app = desk().compile(checkpointer=InMemorySaver())
    live = GraphTarget(app=app)(Case(input={"message": "shipping"}))
    run = start(app, {"message": "shipping"}, thread="m2")
    (stored,) = recorded_threads(app.checkpointer).trajectories["m2"]
    assert run.status == "done"
    for name in (
        "status",
        "reason",
        "route",
        "tier",
        "best",
        "path",
        "escalated",
        "asked",
        "answer",
    ):
        assert getattr(stored, name) == getattr(live, name), name


def test_a_run_that_waits_for_a_yes_is_asked_and_not_escalated():
    app = desk().compile(checkpointer=InMemorySaver())
    start(app, large(), thread="m1")
    (found,) = recorded_threads(app.checkpointer).trajectories["m1"]
    assert (found.status, found.asked, found.escalated) == ("waiting", ("pay",), False)
    assert [(call.name, call.status) for call in found.calls] == [("pay", "proposed")]


def test_a_graph_that_knows_nothing_of_quintet_is_read_too():
    saver = InMemorySaver()
    app = own({"front": says("front"), "billing": says("billing")}).compile(checkpointer=saver)
    app.invoke({"log": []}, {"configurable": {"thread_id": "x/f1"}})
    (found,) = recorded_threads(saver, routes=("billing", "shipping")).trajectories["f1"]
    assert (found.status, found.route, found.path) == ("done", "billing", ("front", "billing"))
    assert recorded_threads(saver, people=("billing",)).trajectories["f1"][0].escalated


def test_several_runs_of_a_case_are_its_repeats_in_order():
    saver = InMemorySaver()
    app = desk().compile(checkpointer=saver)
    for day, word in (("1", "shipping"), ("2", "who")):
        start(app, {"message": word}, thread=f"{day}/m")
    assert [t.route for t in recorded_threads(saver).trajectories["m"]] == ["shipping", "person"]


def test_id_names_the_case_or_leaves_a_run_out():
    saver = InMemorySaver()
    run_all(saver)

    def named(run):
        return None if run.values["message"] == "who" else run.values["message"]

    assert set(recorded_threads(saver, id=named).trajectories) == {"billing", "shipping"}
    with pytest.raises(DesignError, match="leaves out all 3 runs"):
        recorded_threads(saver, id=lambda run: None)


def test_a_checkpointer_without_runs_is_refused():
    with pytest.raises(DesignError, match="no run is stored there"):
        recorded_threads(InMemorySaver())


A, B = Trajectory(route="a"), Trajectory(route="b")


def test_each_call_gives_the_next_repeat_and_begins_anew_for_the_next_evaluation():
    target = Recorded(trajectories={"m": (A, B)})
    case = Case(id="m", input="x")
    assert [target(case).route for _ in range(4)] == ["a", "b", "a", "b"]
    assert target.repeats == 2
    assert target == Recorded(trajectories={"m": (A, B)})


def test_repeats_are_given_once_each_from_many_threads():
    target = Recorded(trajectories={"m": tuple(Trajectory(reason=str(n)) for n in range(200))})
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(target, [Case(id="m", input="x")] * 200))
    assert len({each.reason for each in given}) == 200


def test_one_repeat_is_taken_by_its_number():
    target = Recorded(trajectories={"m": (A, B)})
    case = Case(id="m", input="x")
    assert (target.take(case, 1), target.take(case, 0)) == (B, A)
    with pytest.raises(DesignError, match="'m' has 2 recordings, and repeat 3 is asked for"):
        target.take(case, 2)


def test_a_case_without_a_recording_is_named_with_the_nearest():
    target = Recorded(trajectories={"m001": (A,)})
    with pytest.raises(DesignError, match=r"case 'm002' has no recording \(did you mean 'm001'"):
        target(Case(id="m002", input="x"))


@pytest.mark.parametrize("kept", [{}, {"m": ()}])
def test_no_recordings_are_refused(kept):
    with pytest.raises(DesignError, match="Recorded: "):
        Recorded(trajectories=kept)


def test_saved_runs_read_back_as_the_threads_do(tmp_path):
    saver = InMemorySaver()
    runs = run_all(saver)
    save_runs(runs, tmp_path / "live.jsonl")
    save_runs([stored_run(saver, run.thread) for run in runs], tmp_path / "stored.jsonl")
    threads = recorded_threads(saver)
    assert recorded_runs(tmp_path / "stored.jsonl") == threads
    live = recorded_runs(tmp_path / "live.jsonl")
    for name, (found,) in live.trajectories.items():
        (stored,) = threads.trajectories[name]
        # A live run's state has the keys that nothing wrote, too.
        assert found.state.items() >= stored.state.items()
        assert replace(found, state={}) == replace(stored, state={})


def test_ids_of_saved_runs_may_be_given_and_runs_left_out(tmp_path):
    path = tmp_path / "runs.jsonl"
    names = {"day/m1": "one", "day/m2": "two"}
    save_runs(run_all(InMemorySaver()), path, id=lambda run: names.get(run.thread))
    assert set(recorded_runs(path).trajectories) == {"one", "two"}


def test_keys_that_are_not_known_are_passed_over_and_mistakes_name_their_lines(tmp_path):
    path = tmp_path / "runs.jsonl"
    good = {"case": "m", "status": "done", "values": {}, "later": [1]}
    path.write_text(json.dumps(good) + "\n")
    assert recorded_runs(path).trajectories["m"] == (Trajectory(),)
    odd = [{**good, "case": 7}, {**good, "path": "a"}, 3, {**good, "waiting": 1}]
    path.write_text("\n".join(json.dumps(each) for each in [good, *odd]))
    with pytest.raises(DesignError) as caught:
        recorded_runs(path)
    for said in ("4 mistakes", "line 2: case=7", "line 3: path='a'", "line 4: 3 is", "line 5: wai"):
        assert said in str(caught.value)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    "decisions",
                    "actions",
                    "plan",
                    "steps",
                    "assignee",
                    "results",
                    "messages",
                    "spent",
                    "kind",
                    "name",
                    "status",
                    "again",
                    "failures",
                    "outcome",
                )
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)
odd_runs = values | st.fixed_dictionaries(
    {"case": st.text(max_size=3), "status": st.text(max_size=3) | values, "values": values},
    optional={"path": values, "waiting": values, "reason": values},
)


@given(records=st.lists(odd_runs, max_size=3))
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_stands_in_a_file_gives_runs_or_a_design_error(records, tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text("\n".join(json.dumps(record) for record in records))
    with suppress(DesignError):
        assert recorded_runs(path).trajectories
