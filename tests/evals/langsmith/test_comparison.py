from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from quintet.errors import DesignError
from quintet.evals import Case, Metric, Trajectory, evaluate
from quintet.evals.langsmith import Upload, evaluate_with_langsmith, upload_comparison
from tests.evals.langsmith.desk import CASES, suite
from tests.evals.langsmith.smith import status


def billing(case: Case) -> Trajectory:
    return Trajectory(route="billing", answer="a" * len(case.id))


def shipping(case: Case) -> Trajectory:
    return Trajectory(route="shipping", answer="a")


@pytest.fixture
def reports(client):
    def of(target):
        given = Upload(client=client, patience=20)
        return evaluate_with_langsmith(suite(target=target, metrics=(length,)), upload=given)

    return of(billing), of(shipping)


length = Metric(
    name="length", score=lambda _, trajectory: len(trajectory.answer), better="lower", unit="number"
)


def preferences(smith):
    """Return by case the route of the preferred run, or nobody's."""
    of = {each["id"]: each["metadata"]["quintet"]["id"] for each in smith.examples.values()}
    pairs = defaultdict(dict)
    for each in smith.feedback:
        if each.get("comparative_experiment_id"):
            run = smith.runs[each["run_id"]]
            pairs[of[run["reference_example_id"]]][run["outputs"]["route"]] = each["score"]
    return {
        case: next((route for route, score in sides.items() if score), "nobody")
        for case, sides in pairs.items()
    }


def test_each_case_says_which_run_is_preferred(smith, client, reports):
    done = upload_comparison(*reports, client=client, patience=20)
    assert preferences(smith) == {
        "bill": "billing",
        "crash": "billing",
        "parcel": "shipping",
        "billfold": "shipping",
    }
    assert (done.cases, done.first, done.second, done.notes) == (4, 2, 2, ())


def test_both_experiments_stand_side_by_side(smith, client, reports):
    done = upload_comparison(*reports, client=client, patience=20)
    (made,) = smith.compared.values()
    assert made["experiment_ids"] == list(smith.sessions)
    assert f"comparativeExperiment={made['id']}" in done.url
    assert all(session in done.url for session in smith.sessions)


def test_the_two_sides_of_a_case_are_one_group(smith, client, reports):
    upload_comparison(*reports, client=client, patience=20)
    given = [each for each in smith.feedback if each.get("comparative_experiment_id")]
    assert set(Counter(each["feedback_group_id"] for each in given).values()) == {2}
    assert {each["session_id"] for each in given} == set(smith.sessions)


def test_a_metric_can_decide_and_its_direction_counts(smith, client, reports):
    upload_comparison(*reports, by="length", client=client, patience=20)
    assert set(preferences(smith).values()) == {"shipping"}


def test_a_function_can_decide_and_none_leaves_a_case_out(smith, client, reports):
    def worth(row):
        return None if row.case.id == "bill" else 1.0

    done = upload_comparison(*reports, by=worth, client=client, patience=20)
    assert (done.cases, done.first, done.second) == (3, 0, 0)
    assert set(preferences(smith).values()) == {"nobody"}


def test_a_report_that_was_not_uploaded_is_refused(client, reports):
    with pytest.raises(DesignError, match=r"upload=Upload\(\)"):
        upload_comparison(reports[0], evaluate(suite()), client=client)


def test_experiments_on_two_datasets_are_refused(client, reports):
    given = Upload(client=client, dataset="other", patience=20)
    other = evaluate_with_langsmith(suite(target=billing), upload=given)
    with pytest.raises(DesignError, match="two datasets"):
        upload_comparison(reports[0], other, client=client)


def test_reports_without_a_run_in_common_are_refused(client, reports):
    one, other = reports
    apart = replace(other, rows=[row for row in other.rows if row.case.id not in _ids(one)])
    with pytest.raises(DesignError, match="no run in common"):
        upload_comparison(one, apart, client=client)


def _ids(report):
    return {row.case.id for row in report.rows}


def test_a_metric_that_only_informs_cannot_decide(client, reports):
    one, other = reports
    figures = {**one.figures, "length": replace(one.figures["length"], better="neither")}
    with pytest.raises(DesignError, match="only informs"):
        upload_comparison(replace(one, figures=figures), other, by="length", client=client)


def test_preferences_that_are_refused_are_counted(smith, client, reports):
    smith.fail("POST /feedback", status(401))
    done = upload_comparison(*reports, client=client, patience=20)
    assert done.cases == len(CASES)
    assert done.notes[0].startswith("LangSmith: 8 of 8 feedbacks were not accepted")
