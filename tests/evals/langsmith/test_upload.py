from __future__ import annotations

import socket
from collections import Counter

import pytest
from langsmith.utils import get_env_var

from quintet import __version__
from quintet.errors import DesignError
from quintet.evals import Case, Trajectory, evaluate
from quintet.evals.langsmith import Upload, evaluate_with_langsmith
from quintet.evals.langsmith.service import connect
from tests.evals.langsmith.desk import CASES, WRONG, suite, timeless
from tests.evals.langsmith.smith import KEY, TENANT

RATIOS = ("routing_accuracy", "polite")


@pytest.fixture
def upload(client):
    return Upload(client=client, patience=20)


def by_run(smith, key):
    """Return the feedback of one key, by case id and repeat."""
    case_of = {each["id"]: each["metadata"]["quintet"]["id"] for each in smith.examples.values()}
    found = {}
    for each in smith.feedback:
        if each["key"] == key and each.get("run_id"):
            run = smith.runs[each["run_id"]]
            repeat = run["extra"]["metadata"]["quintet_repeat"]
            found[case_of[run["reference_example_id"]], repeat] = each
    return found


def experiment(smith):
    (session,) = smith.sessions.values()
    return session


def test_the_report_is_the_one_of_evaluate(upload):
    report = evaluate_with_langsmith(suite(), upload=upload, repeats=2, jobs=2)
    ours = evaluate(suite(), repeats=2)
    assert timeless(report) == timeless(ours)
    assert report.notes == ours.notes


def test_the_requests_come_in_order(smith, upload):
    evaluate_with_langsmith(suite(), upload=upload)
    dataset, session = next(iter(smith.datasets)), experiment(smith)["id"]
    expected = [
        "GET /datasets",
        "POST /datasets",
        f"POST /v1/platform/datasets/{dataset}/examples",
        "POST /sessions",
        "POST /feedback",
        f"PATCH /sessions/{session}",
    ]
    firsts = sorted(expected, key=smith.calls.index)
    assert firsts == expected
    counts = Counter(smith.calls)
    assert counts["POST /datasets"] == counts["POST /sessions"] == 1
    assert counts[f"PATCH /sessions/{session}"] == 1
    assert counts["POST /runs/multipart"] >= 1


def test_each_case_is_an_example_of_a_dataset_of_the_suites_name(smith, upload):
    evaluate_with_langsmith(suite(), upload=upload)
    (dataset,) = smith.datasets.values()
    assert dataset["name"] == "desk"
    examples = {each["metadata"]["quintet"]["id"]: each for each in smith.examples.values()}
    assert set(examples) == {case.id for case in CASES}
    assert examples["bill"]["inputs"] == {"input": "my bill is wrong"}
    assert examples["bill"]["outputs"] == {"route": ["billing"]}


def test_each_run_is_a_trace_of_its_example_with_the_graph_within(smith, upload):
    evaluate_with_langsmith(suite(), upload=upload, repeats=2)
    roots = smith.roots()
    assert Counter(run["reference_example_id"] for run in roots) == dict.fromkeys(smith.examples, 2)
    for root in roots:
        children = [run for run in smith.runs.values() if run.get("parent_run_id") == root["id"]]
        assert [child["name"] for child in children] == ["LangGraph"]
        assert root["end_time"] >= root["start_time"]
        assert root["session_name"] == experiment(smith)["name"]


def test_a_run_says_what_it_decided_and_how_it_failed(smith, upload):
    evaluate_with_langsmith(suite(), upload=upload)
    roots = {run["inputs"]["input"]: run for run in smith.roots()}
    bill, crash = roots["my bill is wrong"], roots["crash my bill"]
    assert bill["tags"] == ["outcome:done", "route:billing"]
    assert bill["outputs"]["route"] == "billing"
    assert bill.get("error") is None
    assert "the till is on fire" in crash["error"]
    assert "outcome:error" in crash["tags"]


def test_each_metric_is_a_feedback_on_its_run(smith, upload):
    report = evaluate_with_langsmith(suite(), upload=upload, repeats=2)
    given = by_run(smith, "routing_accuracy")
    assert {place: each["score"] for place, each in given.items()} == {
        (row.case.id, row.repeat): row.scores["routing_accuracy"][0] for row in report.rows
    }
    for each in given.values():
        assert each["session_id"] == experiment(smith)["id"]
        assert each["feedback_source"] == {"type": "model", "metadata": {"quintet": __version__}}


def test_no_feedback_is_sent_twice(smith, upload):
    evaluate_with_langsmith(suite(), upload=upload, repeats=2)
    sent = Counter((each.get("run_id"), each["key"]) for each in smith.feedback)
    assert set(sent.values()) == {1}


def test_a_bad_score_says_what_is_wrong(smith, upload):
    evaluate_with_langsmith(suite(), upload=upload)
    given = by_run(smith, "routing_accuracy")
    assert given["billfold", 0]["comment"] == WRONG
    assert "comment" not in given["bill", 0]


def test_a_metric_that_raised_has_its_worst_score_and_says_so(smith, upload):
    evaluate_with_langsmith(suite(), upload=upload)
    given = by_run(smith, "polite")["parcel", 0]
    assert given["score"] == 0
    assert given["error"] is True
    assert given["comment"] == "the metric raised ZeroDivisionError: no politeness here"


def test_figures_and_gates_are_feedback_on_the_experiment(smith, upload):
    report = evaluate_with_langsmith(suite(), upload=upload)
    summary = {each["key"]: each for each in smith.feedback if not each.get("run_id")}
    assert set(summary) == {*report.figures, "gate routing_accuracy"}
    for name, figure in report.figures.items():
        assert summary[name]["score"] == pytest.approx(figure.value, abs=1e-3)
    assert report["routing_accuracy"].interval in summary["routing_accuracy"]["comment"]
    assert summary["gate routing_accuracy"]["score"] == 0
    assert summary["gate routing_accuracy"]["comment"].startswith("MISS routing_accuracy")
    assert {each["session_id"] for each in summary.values()} == {experiment(smith)["id"]}


def test_the_experiment_says_what_was_measured(smith, client):
    given = Upload(client=client, experiment="night", dataset="box", metadata={"branch": "x"})
    report = evaluate_with_langsmith(suite(), upload=given, repeats=3)
    made = experiment(smith)
    about = made["extra"]["metadata"]
    assert made["name"].startswith("night-")
    assert (made["num_examples"], made["num_repetitions"]) == (4, 3)
    assert about["quintet_suite"] == "desk"
    assert about["quintet_cases"] == report.fingerprint
    assert about["quintet_version"] == __version__
    assert (about["num_repetitions"], about["branch"]) == (3, "x")
    assert [each["name"] for each in smith.datasets.values()] == ["box"]


def test_the_report_links_to_the_experiment_and_to_every_run(smith, upload):
    report = evaluate_with_langsmith(suite(), upload=upload, repeats=2)
    made = experiment(smith)
    dataset = made["reference_dataset_id"]
    assert report.url.endswith(
        f"/o/{TENANT}/datasets/{dataset}/compare?selectedSessions={made['id']}"
    )
    linked = {row.trajectory.url.partition("/r/")[2].partition("?")[0] for row in report.rows}
    assert linked == {run["id"] for run in smith.roots()}


def test_a_second_upload_uses_the_dataset_that_is_there(smith, upload):
    evaluate_with_langsmith(suite(), upload=upload)
    evaluate_with_langsmith(suite(), upload=upload)
    assert len(smith.datasets) == 1
    assert len(smith.examples) == len(CASES)
    assert len(smith.sessions) == 2


def test_only_the_suites_cases_are_run_of_a_larger_dataset(smith, upload):
    evaluate_with_langsmith(suite(), upload=upload)
    report = evaluate_with_langsmith(suite(cases=CASES[:1]), upload=upload)
    assert [row.case.id for row in report.rows] == ["bill"]
    assert len(smith.examples) == len(CASES)


def test_a_metric_over_all_cases_is_no_feedback_of_one_run(smith, upload):
    evaluate_with_langsmith(suite(), upload=upload)
    assert by_run(smith, "routing_macro_f1") == {}


def test_the_environment_names_the_service_and_the_key(smith, monkeypatch):
    monkeypatch.setenv("LANGSMITH_ENDPOINT", smith.address)
    monkeypatch.setenv("LANGSMITH_API_KEY", KEY)
    report = evaluate_with_langsmith(suite(), upload=Upload())
    assert report.url
    assert len(smith.roots()) == len(CASES)


@pytest.mark.parametrize("tracing", ["true", "false"])
def test_no_key_for_the_hosted_service_is_refused_before_anything_runs(monkeypatch, tracing):
    def refuse(*given, **named):
        raise AssertionError("a socket")

    monkeypatch.delenv("LANGSMITH_API_KEY", raising=False)
    monkeypatch.setenv("LANGSMITH_TRACING", tracing)
    get_env_var.cache_clear()
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    begun = []

    def target(case: Case) -> Trajectory:
        begun.append(case)
        return Trajectory()

    with pytest.raises(DesignError, match="LANGSMITH_API_KEY"):
        evaluate_with_langsmith(suite(target=target), upload=Upload())
    assert begun == []


def test_our_own_client_does_not_wait_for_ever(smith, monkeypatch):
    monkeypatch.setenv("LANGSMITH_ENDPOINT", smith.address)
    monkeypatch.setenv("LANGSMITH_API_KEY", KEY)
    client = connect()
    assert max(client.timeout_ms) <= 15_000
    client.close(timeout=0)


def test_patience_is_more_than_nothing():
    with pytest.raises(DesignError, match="patience"):
        Upload(patience=0)
