from __future__ import annotations

import socket
import time
from collections import Counter

import pytest
from langsmith.utils import LangSmithRetry

from quintet.evals import Case, Trajectory, evaluate
from quintet.evals.langsmith import ServiceError, Upload, evaluate_with_langsmith, push_cases
from quintet.evals.langsmith.outbox import THREADS
from tests.evals.langsmith.desk import CASES, suite, timeless
from tests.evals.langsmith.smith import KEY, cut, garbage, hang, status

BEFORE = ("GET /datasets", "POST /datasets", "POST /sessions")
FAULTS = {"500": status(500), "401": status(401), "hang": hang, "garbage": garbage, "cut": cut}


@pytest.fixture
def client(request, link):
    """Make a client that waits long for a loaded machine, briefly for a server told to hang."""
    wait = 500 if "hang" in request.node.name else 5000
    return link(timeout_ms=(wait, wait))


@pytest.fixture
def upload(client):
    return Upload(client=client, patience=10)


def notes_of(report):
    """Return the notes of a report on LangSmith."""
    return [note for note in report.notes if note.startswith("LangSmith")]


@pytest.fixture
def ours():
    return timeless(evaluate(suite(), repeats=2))


@pytest.mark.parametrize("call", BEFORE)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_fails_at_the_start_costs_nothing_but_the_upload(
    smith, upload, ours, call, fault
):
    smith.fail(call, FAULTS[fault])
    report = evaluate_with_langsmith(suite(), upload=upload, repeats=2)
    assert timeless(report) == ours
    (note,) = notes_of(report)
    assert note.startswith("LangSmith: nothing was uploaded")
    assert report.url == ""
    assert smith.runs == {}


def test_a_server_that_is_not_there_costs_nothing_but_the_upload(link, ours):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    given = Upload(client=link(api_url=address), patience=3)
    report = evaluate_with_langsmith(suite(), upload=given, repeats=2)
    assert timeless(report) == ours
    (note,) = notes_of(report)
    assert f"{address} was not reached" in note
    assert KEY[:5] not in note


def test_a_refused_key_says_which_variable_to_set(smith, upload):
    smith.fail("*", status(401))
    (note,) = notes_of(evaluate_with_langsmith(suite(), upload=upload))
    assert "LANGSMITH_API_KEY" in note


def test_a_server_slower_than_patience_is_left(smith, link, ours):
    smith.fail("GET /datasets", hang)
    given = Upload(client=link(timeout_ms=(500, 10_000)), patience=0.3)
    report = evaluate_with_langsmith(suite(), upload=given, repeats=2)
    assert timeless(report) == ours
    assert "did not answer in time" in notes_of(report)[0]


@pytest.mark.parametrize("fault", ["500", "401", "hang", "cut"])
def test_feedback_that_is_refused_is_counted(smith, upload, ours, fault):
    smith.fail("POST /feedback", FAULTS[fault])
    report = evaluate_with_langsmith(suite(), upload=upload, repeats=2)
    assert timeless(report) == ours
    (note,) = notes_of(report)
    _, _, wanted, *_ = (int(word) if word.isdigit() else word for word in note.split()[1:])
    assert note.startswith(f"LangSmith: {wanted} of {wanted} feedbacks were not accepted")
    assert wanted > 8 * 2
    assert len(smith.roots()) == 8


def test_a_server_that_takes_nothing_is_left_after_the_patience(smith, link):
    smith.fail("POST /feedback", hang)
    given = Upload(client=link(timeout_ms=(5000, 5000)), patience=1)
    began = time.monotonic()
    report = evaluate_with_langsmith(suite(), upload=given)
    assert time.monotonic() - began < 8
    assert any("there was no time left" in note for note in notes_of(report))
    assert 0 < smith.calls.count("POST /feedback") <= THREADS


def test_feedback_that_is_refused_once_alone_is_counted_alone(smith, upload):
    smith.fail("POST /feedback", status(422), _judge)
    report = evaluate_with_langsmith(suite(), upload=upload)
    (note,) = notes_of(report)
    assert note.startswith(f"LangSmith: 1 of {len(smith.feedback) + 1} feedbacks")


def _judge(handler):
    """Accept this feedback and all others: nothing is wrong with them."""
    handler.smith.faults.clear()
    handler.smith.feedback.append({"key": "", "run_id": None})
    handler.send(200, {})


def test_a_server_that_asks_for_patience_gets_it(smith, link, ours):
    slow = status(429, retry_after="0")
    for call in ("GET /datasets", "POST /sessions", "POST /feedback", "POST /runs/multipart"):
        smith.fail(call, slow, slow, _relent(call))
    retry = LangSmithRetry(
        total=3, backoff_factor=0.01, status_forcelist=[429, 503], allowed_methods=None
    )
    given = Upload(client=link(retry_config=retry), patience=5)
    report = evaluate_with_langsmith(suite(), upload=given, repeats=2)
    assert timeless(report) == ours
    assert notes_of(report) == []
    assert len(smith.roots()) == 8


def _relent(call):
    """Return an act that refuses once more, and then no more."""

    def act(handler):
        handler.smith.faults.pop(call)
        handler.send(429, {}, retry_after="0")

    return act


@pytest.mark.parametrize("jobs", [1, 4])
@pytest.mark.parametrize("fault", ["500", "hang", "garbage", "cut"])
def test_an_experiment_that_cannot_be_closed_keeps_its_rows(smith, upload, ours, jobs, fault):
    real, seen = smith.next_fault, Counter()

    def at_the_end(call):
        return FAULTS[fault] if call.startswith("PATCH /sessions") else real(call)

    def target(case: Case) -> Trajectory:
        seen[case.id] += 1
        time.sleep(0.02)
        return Trajectory(route="billing")

    smith.next_fault = at_the_end
    report = evaluate_with_langsmith(suite(target=target), upload=upload, repeats=2, jobs=jobs)
    assert [(row.case.id, row.repeat) for row in report.rows] == [
        (case.id, repeat) for case in CASES for repeat in range(2)
    ]
    assert seen == {case.id: 2 for case in CASES}
    assert any("was not closed" in note for note in notes_of(report))
    assert not any("feedback" in note for note in notes_of(report))
    assert all(row.trajectory.url for row in report.rows)


@pytest.mark.parametrize("jobs", [1, 4])
def test_a_server_that_goes_away_under_way_loses_no_row(smith, upload, jobs):
    seen = Counter()

    def target(case: Case) -> Trajectory:
        seen[case.id] += 1
        if case.id == "parcel":
            smith.fail("*", cut)
        return Trajectory(route="billing")

    given = suite(target=target)
    report = evaluate_with_langsmith(given, upload=upload, repeats=2, jobs=jobs)
    assert seen == {case.id: 2 for case in CASES}
    assert timeless(report) == timeless(evaluate(given, repeats=2))
    words = "".join(notes_of(report))
    assert "was not closed" in words
    assert "feedbacks were not accepted" in words


@pytest.mark.parametrize("fault", ["500", "401", "cut"])
def test_traces_that_are_lost_are_said_to_be(smith, upload, ours, fault):
    smith.fail("POST /runs/multipart", FAULTS[fault])
    report = evaluate_with_langsmith(suite(), upload=upload, repeats=2)
    assert timeless(report) == ours
    assert any("traces are lost" in note for note in notes_of(report))


def test_traces_that_take_too_long_are_left_under_way(smith, link):
    smith.fail("POST /runs/multipart", hang)
    report = evaluate_with_langsmith(suite(), upload=Upload(client=link(), patience=1))
    assert any("trace" in note for note in notes_of(report))
    assert len(report.rows) == 4


def test_nothing_of_the_servers_trouble_is_printed_or_logged(smith, upload, capfd, caplog):
    smith.fail("POST /feedback", status(500))
    smith.fail("POST /runs/multipart", status(500))
    evaluate_with_langsmith(suite(), upload=upload)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_an_interrupt_leaves_a_server_that_hangs(smith, upload):
    smith.fail("POST /feedback", hang)

    async def interrupted(case: Case) -> Trajectory:
        if case.id == "billfold":
            raise KeyboardInterrupt
        return Trajectory(route="billing")

    with pytest.raises(KeyboardInterrupt):
        evaluate_with_langsmith(suite(target=interrupted), upload=upload)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("401", "LANGSMITH_API_KEY"),
        ("hang", "did not answer|was not reached"),
        ("500", "500"),
        ("garbage", "JSON"),
    ],
)
def test_datasets_raise_one_kind_of_error_that_says_what_to_do(smith, client, fault, words):
    smith.fail("GET /datasets", FAULTS[fault])
    with pytest.raises(ServiceError, match=words):
        push_cases(CASES, "desk", client=client)
