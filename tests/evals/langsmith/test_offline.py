from __future__ import annotations

import asyncio
import logging
import socket
import threading
from uuid import uuid4

import langsmith
import pytest
from langsmith.schemas import Example
from langsmith.utils import get_env_var

from quintet.errors import DesignError
from quintet.evals import Case, Trajectory, evaluate, load_report
from quintet.evals.langsmith import (
    OfflineClient,
    ServiceError,
    aevaluate_with_langsmith,
    evaluate_with_langsmith,
)
from quintet.evals.reading.recorded import Recorded
from tests.evals.langsmith.desk import CASES, app, beta, suite, timeless


@pytest.fixture
def sockets(monkeypatch):
    """Note the names looked up and connections tried, and refuse all of them."""
    seen: list[str] = []

    def refuse(*given, **named):
        seen.append(repr(given))
        raise OSError("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return seen


@pytest.fixture(params=[None, "true", "false"], ids=["unset", "true", "false"])
def tracing(request, monkeypatch):
    """Set the environment to ask for traces, to forbid them, or to say nothing."""
    monkeypatch.setenv("LANGSMITH_API_KEY", "key")
    monkeypatch.delenv("LANGSMITH_TRACING", raising=False)
    if request.param is not None:
        monkeypatch.setenv("LANGSMITH_TRACING", request.param)
    get_env_var.cache_clear()
    return request.param


@pytest.mark.parametrize("jobs", [1, 3])
def test_offline_no_socket_is_opened_whatever_the_environment_says(sockets, tracing, jobs):
    report = evaluate_with_langsmith(suite(), jobs=jobs)
    assert len(report.rows) == 4
    assert sockets == []


@pytest.mark.parametrize("tracing", [None, "false"], indirect=True, ids=["unset", "false"])
def test_evaluate_alone_opens_no_socket_unless_the_environment_asks_for_traces(sockets, tracing):
    evaluate(suite())
    assert sockets == []


def test_langsmith_alone_uploads_the_graph_though_told_not_to(smith, link, monkeypatch):
    # The leak that OfflineClient is for; when this fails, a new version has mended it.
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    get_env_var.cache_clear()
    client = link()
    example = Example(id=uuid4(), inputs={"message": "secret bill"})
    with beta():
        langsmith.evaluate(
            app(), data=[example], upload_results=False, client=client, max_concurrency=0
        )
    client.flush(timeout=5)
    assert any("secret bill" in str(run.get("inputs")) for run in smith.runs.values())


@pytest.mark.parametrize("jobs", [1, 4])
@pytest.mark.parametrize("repeats", [1, 3])
def test_the_report_is_the_one_of_evaluate(jobs, repeats):
    ours = evaluate(suite(), repeats=repeats)
    theirs = evaluate_with_langsmith(suite(), repeats=repeats, jobs=jobs)
    assert timeless(theirs) == timeless(ours)
    assert list(theirs.figures) == list(ours.figures)
    assert theirs.notes == ours.notes


async def test_it_can_be_awaited():
    report = await aevaluate_with_langsmith(suite())
    assert timeless(report) == timeless(evaluate(suite()))


async def test_it_runs_where_a_loop_runs_already_as_in_a_notebook():
    assert len(evaluate_with_langsmith(suite()).rows) == 4


def test_rows_are_in_the_order_of_the_suite_whichever_ends_first():
    async def backwards(case: Case) -> Trajectory:
        await asyncio.sleep(0.02 * (4 - int(case.id)))
        return Trajectory(answer=case.id)

    cases = tuple(Case(input=str(number), id=str(number)) for number in range(4))
    report = evaluate_with_langsmith(
        suite(cases=cases, target=backwards, metrics=(), gates=()), jobs=4, repeats=2
    )
    assert [(row.case.id, row.repeat) for row in report.rows] == [
        (str(number), repeat) for number in range(4) for repeat in range(2)
    ]
    assert [row.trajectory.answer for row in report.rows] == list("00112233")


def test_what_a_metric_raises_counts_as_its_worst_score():
    report = evaluate_with_langsmith(suite())
    row = next(row for row in report.rows if row.case.id == "parcel")
    assert row.errors == {"polite": "ZeroDivisionError: no politeness here"}
    figure = report["polite"]
    assert (figure.errors, figure.rows, figure.value) == (1, 4, 0.5)


def test_what_a_target_raises_is_a_finding():
    def broken(case: Case) -> Trajectory:
        raise ValueError("not today")

    report = evaluate_with_langsmith(suite(target=broken))
    assert {row.trajectory.error for row in report.rows} == {"ValueError: not today"}
    assert report["routing_accuracy"].value == 0


class Stop(BaseException):
    pass


@pytest.mark.parametrize("jobs", [1, 4])
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (SystemExit, "SystemExit: 0"),
        (Stop, "Stop: 0"),
        (GeneratorExit, "GeneratorExit: 0"),
        (asyncio.CancelledError, "CancelledError: 0"),
    ],
    ids=["exit", "own", "closed", "cancelled"],
)
def test_what_would_end_a_process_or_a_task_is_a_finding(kind, said, jobs):
    async def ends(case: Case) -> Trajectory:
        await asyncio.sleep(0)
        raise kind(0)

    async def in_a_task(case: Case) -> Trajectory:
        return await asyncio.create_task(ends(case))

    def strict(case: Case, run: Trajectory) -> bool:
        raise kind(0)

    report = evaluate_with_langsmith(suite(target=ends, metrics=(strict,)), jobs=jobs)
    assert [row.trajectory.error for row in report.rows] == [said] * 4
    assert [row.errors for row in report.rows] == [{"strict": said}] * 4
    nested = evaluate_with_langsmith(suite(target=in_a_task), jobs=jobs)
    assert [row.trajectory.error.partition(":")[0] for row in nested.rows] == [kind.__name__] * 4


def test_a_mistake_in_the_suite_stops_it():
    done = []

    def wrong(case: Case) -> str:
        done.append(case.id)
        return "no trajectory"

    with pytest.raises(DesignError, match="returned str for case 'bill'"):
        evaluate_with_langsmith(suite(target=wrong))
    assert done == ["bill"]


@pytest.mark.parametrize("setting", [{"repeats": 0}, {"jobs": 0}, {"jobs": 1.5}])
def test_a_wrong_setting_is_refused_by_name(setting):
    with pytest.raises(DesignError, match=next(iter(setting))):
        evaluate_with_langsmith(suite(), **setting)


def test_a_suite_without_cases_is_refused():
    with pytest.raises(DesignError, match="no cases"):
        evaluate_with_langsmith(suite(cases=()))


def test_nothing_is_printed_but_what_the_target_prints(capfd):
    async def talking(case: Case) -> Trajectory:
        print("hello from", case.id)  # noqa: T201
        return Trajectory()

    evaluate_with_langsmith(suite(target=talking))
    out, err = capfd.readouterr()
    assert out.splitlines() == [f"hello from {case.id}" for case in CASES]
    assert err == ""


def test_langsmiths_log_is_as_it_was_afterwards():
    logger = logging.getLogger("langsmith")
    before = logger.propagate, list(logger.handlers)
    evaluate_with_langsmith(suite())
    assert (logger.propagate, list(logger.handlers)) == before


def test_progress_is_told_of_every_run():
    told = []
    evaluate_with_langsmith(suite(), repeats=2, progress=lambda *seen: told.append(seen))
    assert told == [(number, 8) for number in range(1, 9)]


def test_threads_run_side_by_side():
    gate = threading.Barrier(4, timeout=5)

    def together(case: Case) -> Trajectory:
        gate.wait()
        return Trajectory()

    report = evaluate_with_langsmith(suite(target=together), jobs=4)
    assert [row.trajectory.error for row in report.rows] == [""] * 4


def test_an_interrupt_ends_it_without_the_cases_that_are_left():
    begun = []

    async def interrupted(case: Case) -> Trajectory:
        begun.append(case.id)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_with_langsmith(suite(target=interrupted))
    assert begun == ["bill"]


def test_the_offline_client_refuses_any_request():
    client = OfflineClient()
    with pytest.raises(ServiceError, match=r"offline and sends nothing"):
        client.create_dataset("desk")
    with pytest.raises(ServiceError, match=r"Upload\(\.\.\.\)"):
        list(client.list_examples(dataset_name="desk"))


def test_the_offline_client_drops_runs(caplog):
    client = OfflineClient()
    assert client.create_run("graph", {"message": "secret"}, "chain", id=uuid4()) is None
    assert client.update_run(uuid4(), outputs={}) is None
    assert caplog.records == []


def test_the_offline_client_serves_langsmiths_own_evaluate(sockets, tracing):
    examples = [Example(id=uuid4(), inputs={"message": "my bill"})]
    with beta():
        results = langsmith.evaluate(
            app(), data=examples, upload_results=False, client=OfflineClient(), max_concurrency=0
        )
    (row,) = results
    assert row["run"].outputs["reply"] == "billing says hello"
    assert [child.name for child in row["run"].child_runs] == ["LangGraph"]
    assert sockets == []


def test_rows_are_written_as_they_are_made_and_evaluate_goes_on_from_them(tmp_path):
    into, begun = tmp_path / "rows.jsonl", []

    async def target(case: Case) -> Trajectory:
        begun.append(case.id)
        if case.id == "billfold" and begun.count("billfold") == 1:
            raise KeyboardInterrupt
        return Trajectory(route="billing")

    with pytest.raises(KeyboardInterrupt):
        evaluate_with_langsmith(suite(target=target), into=into)
    report = evaluate(suite(target=target), into=into)
    assert begun == ["bill", "parcel", "billfold", "billfold", "crash"]
    assert timeless(evaluate_with_langsmith(suite(target=target))) == timeless(report)


def test_a_whole_file_is_a_report(tmp_path):
    into = tmp_path / "rows.jsonl"
    report = evaluate_with_langsmith(suite(), into=into)
    assert timeless(load_report(into)) == timeless(report)


def test_a_file_that_has_rows_is_refused(tmp_path):
    into = tmp_path / "rows.jsonl"
    evaluate_with_langsmith(suite(), into=into)
    with pytest.raises(DesignError, match="holds rows already"):
        evaluate_with_langsmith(suite(), into=into)


def test_runs_made_elsewhere_can_be_scored_too():
    twice = (Trajectory(route="billing"), Trajectory(route="shipping"))
    target = Recorded(trajectories={case.id: twice for case in CASES})
    report = evaluate_with_langsmith(suite(target=target), repeats=2, jobs=4)
    assert [row.trajectory.route for row in report.rows] == ["billing", "shipping"] * 4


def test_a_limit_that_langsmith_does_not_hold_is_refused():
    with pytest.raises(DesignError, match="max_errors=2"):
        evaluate_with_langsmith(suite(max_errors=2))
